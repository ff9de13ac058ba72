//! `.precast.traps`: which instructions may trap, and why.
//!
//! ```text
//! ┌────────────┬────────────────────────────────────────┬─────────────────────────┐
//! │ count: u32 │ index: one entry per block of 128      │ data: the other entries │
//! │            │ { text_offset: u32,                    │                         │
//! │            │   data_offset: u32 (from data start),  │                         │
//! │            │   code: u8, 0, 0, 0 }                  │                         │
//! └────────────┴────────────────────────────────────────┴─────────────────────────┘
//! ```
//!
//! Sorted by `text_offset`, the offset of the trapping instruction from the start of `.text`; no
//! two entries share one. The first entry of a block stands in the index. Every other entry is a
//! varint of `delta << 1 | other`, where `delta` is the distance from the entry before it; with
//! `other` clear the code is [`TrapCode::MemoryOutOfBounds`], by far the most frequent, else the
//! code follows as a byte. That makes the usual entry one byte; it pays because every memory
//! access has one.
//!
//! Lookup is a binary search in the index and a walk through one block. It allocates nothing and
//! cannot panic, since it runs in a signal handler.

use std::fmt;

use crate::bytes::{IndexedTable, Reader};

const BLOCK_ENTRIES: usize = 128;
const INDEX_ENTRY_BYTES: usize = 12;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $message:literal;)*) => {
        /// Why WebAssembly code stopped.
        ///
        /// The messages are those that the specification's tests use, where they have one.
        ///
        /// ```
        /// # use precast_artifacts_format::TrapCode;
        /// assert_eq!(TrapCode::StackOverflow.to_string(), "call stack exhausted");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TrapCode {
            $($(#[$doc])* $name = $byte,)*
        }

        impl TrapCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code whose number is `byte`.
            ///
            /// ```
            /// # use precast_artifacts_format::TrapCode;
            /// assert_eq!(TrapCode::from_byte(TrapCode::Unreachable as u8), Some(TrapCode::Unreachable));
            /// ```
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// What happened, in the specification's words.
            ///
            /// ```
            /// # use precast_artifacts_format::TrapCode;
            /// assert_eq!(TrapCode::Unreachable.message(), "unreachable");
            /// ```
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }
        }
    };
}

trap_codes! {
    /// An `unreachable` instruction was reached.
    Unreachable = 1, "unreachable";
    /// A load, store or bulk operation touched bytes outside a linear memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// An operation touched elements outside a table.
    TableOutOfBounds = 3, "out of bounds table access";
    /// An indirect call through an index outside the table.
    UndefinedElement = 4, "undefined element";
    /// An indirect call through a null element.
    UninitializedElement = 5, "uninitialized element";
    /// An indirect call to a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// An integer operation whose result does not fit.
    IntegerOverflow = 7, "integer overflow";
    /// An integer division or remainder by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// A conversion of NaN to an integer.
    InvalidConversionToInteger = 9, "invalid conversion to integer";
    /// The guest used up its stack.
    StackOverflow = 10, "call stack exhausted";
    /// The host asked the guest to stop.
    Interrupted = 11, "interrupted";
    /// A null reference where a value was needed.
    NullReference = 12, "null reference";
    /// The guest used up the fuel that it was given.
    OutOfFuel = 13, "all fuel consumed";
    /// The time that the guest was given is over.
    DeadlineExceeded = 14, "deadline exceeded";
    /// An atomic access whose address is not a multiple of its size.
    UnalignedAtomic = 15, "unaligned atomic";
    /// A null reference where an exception to throw was needed.
    NullExceptionReference = 16, "null exception reference";
    /// A wait on a memory that is not shared.
    ExpectedSharedMemory = 17, "expected shared memory";
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Collects trap sites in the order of the text and encodes them.
#[cfg(feature = "write")]
#[derive(Debug, Default)]
pub struct TrapTableBuilder {
    count: u32,
    last_offset: u32,
    index: Vec<u8>,
    data: Vec<u8>,
}

#[cfg(feature = "write")]
impl TrapTableBuilder {
    /// Adds the trap site at `text_offset`.
    ///
    /// # Panics
    ///
    /// If sites do not come in strictly ascending order, which is a bug of the caller.
    pub fn push(&mut self, text_offset: u32, code: TrapCode) {
        assert!(
            self.count == 0 || text_offset > self.last_offset,
            "trap sites are added in the order of the text"
        );
        if (self.count as usize).is_multiple_of(BLOCK_ENTRIES) {
            self.index.extend(text_offset.to_le_bytes());
            self.index.extend((self.data.len() as u32).to_le_bytes());
            self.index.extend([code as u8, 0, 0, 0]);
        } else {
            let delta = text_offset - self.last_offset;
            let other = code != TrapCode::MemoryOutOfBounds;
            crate::bytes::put_varint(&mut self.data, delta << 1 | u32::from(other));
            if other {
                self.data.push(code as u8);
            }
        }
        self.last_offset = text_offset;
        self.count += 1;
    }

    /// The section's bytes.
    pub fn finish(self) -> Vec<u8> {
        IndexedTable::encode(self.count, &self.index, &self.data)
    }
}

/// The table, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrapTable<'a> {
    table: IndexedTable<'a>,
}

impl<'a> TrapTable<'a> {
    /// Checks the frame of the table; the entries are checked as they are read.
    ///
    /// Returns `None` if the section is too short for the entries it announces.
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let index_bytes =
            |count: usize| count.div_ceil(BLOCK_ENTRIES).checked_mul(INDEX_ENTRY_BYTES);
        let table = IndexedTable::parse(section, index_bytes)?;
        Some(Self { table })
    }

    /// The number of trap sites.
    pub fn len(&self) -> usize {
        self.table.count
    }

    /// Whether there are no trap sites.
    pub fn is_empty(&self) -> bool {
        self.table.count == 0
    }

    /// The code of the trap site exactly at `text_offset`, or `None` where no instruction may trap.
    pub fn lookup(&self, text_offset: u32) -> Option<TrapCode> {
        let block = partition_point(self.blocks(), |block| {
            self.block_start(block)
                .is_some_and(|(start, ..)| start <= text_offset)
        })
        .checked_sub(1)?;
        self.entries_of(block)
            .find(|&(offset, _)| offset >= text_offset)
            .filter(|&(offset, _)| offset == text_offset)
            .map(|(_, code)| code)
    }

    /// All trap sites, in ascending order; ends early where the bytes are damaged.
    pub fn iter(&self) -> impl Iterator<Item = (u32, TrapCode)> + use<'a> {
        let table = *self;
        (0..self.blocks()).flat_map(move |block| table.entries_of(block))
    }

    fn blocks(&self) -> usize {
        self.table.count.div_ceil(BLOCK_ENTRIES)
    }

    fn block_start(&self, block: usize) -> Option<(u32, u32, u8)> {
        let start = block.checked_mul(INDEX_ENTRY_BYTES)?;
        let mut reader = Reader::new(self.table.index.get(start..)?);
        Some((reader.u32()?, reader.u32()?, reader.u8()?))
    }

    fn entries_of(&self, block: usize) -> impl Iterator<Item = (u32, TrapCode)> + use<'a> {
        let data = self.table.data;
        let left = self
            .table
            .count
            .saturating_sub(block.saturating_mul(BLOCK_ENTRIES))
            .min(BLOCK_ENTRIES);
        let first = self.block_start(block).filter(|_| left > 0);
        let mut offset = first.map_or(0, |(start, ..)| start);
        let mut reader = first.and_then(|(_, at, _)| Some(Reader::new(data.get(at as usize..)?)));
        let head = first.and_then(|(start, _, code)| Some((start, TrapCode::from_byte(code)?)));
        let rest = (1..left).map_while(move |_| {
            let reader = reader.as_mut()?;
            let word = reader.varint()?;
            offset = offset.checked_add(word >> 1)?;
            let code = if word & 1 == 0 {
                TrapCode::MemoryOutOfBounds
            } else {
                TrapCode::from_byte(reader.u8()?)?
            };
            Some((offset, code))
        });
        head.into_iter().chain(rest)
    }
}

/// The first number in `0..len` for which `holds` is false, given that it holds for a prefix.
pub(crate) fn partition_point(len: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites() -> Vec<(u32, TrapCode)> {
        let codes = TrapCode::ALL;
        (0..crate::MANY_ENTRIES)
            .map(|i| (i * i + 7 * i, codes[(i as usize * 5) % codes.len()]))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut builder = TrapTableBuilder::default();
        for (offset, code) in sites() {
            builder.push(offset, code);
        }
        let bytes = builder.finish();
        let table = TrapTable::parse(&bytes).unwrap();
        assert_eq!(table.iter().collect::<Vec<_>>(), sites());
        for (offset, code) in sites() {
            assert_eq!(table.lookup(offset), Some(code));
            assert_eq!(table.lookup(offset + 1), None, "between two sites");
        }
        assert_eq!(table.lookup(u32::MAX), None);
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        let bytes = TrapTableBuilder::default().finish();
        let table = TrapTable::parse(&bytes).unwrap();
        assert!(table.is_empty());
        assert_eq!(table.lookup(0), None);
    }

    #[test]
    fn damaged_tables_never_panic() {
        let mut builder = TrapTableBuilder::default();
        for (offset, code) in sites().into_iter().take(300) {
            builder.push(offset, code);
        }
        let good = builder.finish();
        for at in (0..good.len()).step_by(crate::DAMAGE_STEP) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            for bytes in [&bad[..], &good[..at]] {
                if let Some(table) = TrapTable::parse(bytes) {
                    table.lookup(5_000);
                    assert!(table.iter().count() <= table.len());
                }
            }
        }
    }
}
