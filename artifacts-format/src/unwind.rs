//! `.precast.unwind`: where calls go on when what they called throws an exception.
//!
//! ```text
//! ┌────────────┬──────────────────────────────────────────┬────────────────────────────────┐
//! │ count: u32 │ index: one entry per call site           │ data: lists of handlers        │
//! │            │ { return_offset: u32,                    │ { frame_bytes, vmctx_offset,   │
//! │            │   data_offset: u32 (from data start) }   │   count, then count ×          │
//! │            │                                          │   { catches, text_offset } }   │
//! └────────────┴──────────────────────────────────────────┴────────────────────────────────┘
//! ```
//!
//! Only calls that have handlers are in the index, sorted by `return_offset`, the offset in `.text`
//! at which the call returns; no two share one. The data are varints:
//!
//! - `frame_bytes`: from the stack pointer at the call up to the frame pointer;
//! - `vmctx_offset`: where in the frame the function's own vmctx is, in bytes above the stack
//!   pointer: tags are those of its instance;
//! - `catches`: [`Handler::catches`] in one number, `(tag + 1) << 1 | keeps_reference`, with 0 in the
//!   place of `tag + 1` for a handler of everything;
//! - `text_offset`: where in `.text` the handler starts.
//!
//! The first handler that fits is the one that counts. Calls of one function mostly share their
//! list, which then stands there once. Lookup is a binary search; it allocates nothing and cannot
//! panic.

use crate::bytes::{IndexedTable, Reader, u32_at};
use crate::traps::partition_point;

const INDEX_ENTRY_WORDS: usize = 2;

/// What a handler catches, and what it does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Catches {
    /// The tag of the exceptions that it catches, an index into the module's tags; `None` for all
    /// exceptions.
    pub tag: Option<u32>,
    /// Whether the exception lives on, referred to by the handler's code.
    pub keeps_reference: bool,
}

impl Catches {
    /// Both in one number; `None` for a tag that is too large.
    #[cfg(feature = "write")]
    pub fn to_number(self) -> Option<u32> {
        let tag = self.tag.map_or(Some(0), |tag| tag.checked_add(1))?;
        let doubled = tag.checked_mul(2)?;
        Some(doubled | u32::from(self.keeps_reference))
    }

    /// What the number means. Every number means something.
    pub const fn from_number(number: u32) -> Self {
        Self {
            tag: (number >> 1).checked_sub(1),
            keeps_reference: number & 1 == 1,
        }
    }
}

/// A place where a call goes on with an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handler {
    /// What it catches.
    pub catches: Catches,
    /// Where its code starts, in bytes from the start of `.text`.
    pub text_offset: u32,
}

/// Collects call sites in the order of the text and encodes them.
#[cfg(feature = "write")]
#[derive(Debug, Default)]
pub struct UnwindTableBuilder {
    count: u32,
    last_offset: u32,
    index: Vec<u8>,
    data: Vec<u8>,
    /// Where the lists start that have been written since [`UnwindTableBuilder::next_function`].
    lists: std::collections::BTreeMap<Vec<u8>, u32>,
}

#[cfg(feature = "write")]
impl UnwindTableBuilder {
    /// Says that what follows belongs to another function, whose lists are others.
    pub fn next_function(&mut self) {
        self.lists.clear();
    }

    /// Adds the call that returns to `return_offset`. See the module for the numbers.
    ///
    /// # Panics
    ///
    /// If calls do not come in strictly ascending order, or if a handler's tag is too large, which
    /// is a bug of the caller.
    pub fn push(
        &mut self,
        return_offset: u32,
        frame_bytes: u32,
        vmctx_offset: u32,
        handlers: &[Handler],
    ) {
        assert!(
            self.count == 0 || return_offset > self.last_offset,
            "call sites are added in the order of the text"
        );
        let mut list = Vec::new();
        for number in [frame_bytes, vmctx_offset, handlers.len() as u32] {
            crate::bytes::put_varint(&mut list, number);
        }
        for handler in handlers {
            let catches = handler.catches.to_number();
            #[expect(clippy::expect_used, reason = "the number of tags is limited")]
            crate::bytes::put_varint(&mut list, catches.expect("a tag that can be numbered"));
            crate::bytes::put_varint(&mut list, handler.text_offset);
        }
        let end = self.data.len() as u32;
        let data_offset = match self.lists.get(&list) {
            Some(&known) => known,
            None => {
                self.data.extend(&list);
                self.lists.insert(list, end);
                end
            }
        };
        self.index.extend(return_offset.to_le_bytes());
        self.index.extend(data_offset.to_le_bytes());
        self.last_offset = return_offset;
        self.count += 1;
    }

    /// The section's bytes.
    pub fn finish(self) -> Vec<u8> {
        IndexedTable::encode(self.count, &self.index, &self.data)
    }
}

/// The table, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnwindTable<'a> {
    table: IndexedTable<'a>,
}

/// A call that has handlers.
#[derive(Debug, Clone, Copy)]
pub struct CallSite<'a> {
    /// From the stack pointer at the call up to the frame pointer, in bytes.
    pub frame_bytes: u32,
    /// Where the function's vmctx is, in bytes above the stack pointer.
    pub vmctx_offset: u32,
    count: u32,
    data: &'a [u8],
}

impl<'a> UnwindTable<'a> {
    /// Checks the frame of the table; the lists are checked as they are read.
    ///
    /// Returns `None` if the section is too short for the call sites it announces.
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let index_bytes = |count: usize| count.checked_mul(INDEX_ENTRY_WORDS)?.checked_mul(4);
        let table = IndexedTable::parse(section, index_bytes)?;
        Some(Self { table })
    }

    /// The number of call sites.
    pub fn len(&self) -> usize {
        self.table.count
    }

    /// Whether no call has handlers.
    pub fn is_empty(&self) -> bool {
        self.table.count == 0
    }

    /// The call that returns just to `return_offset`; `None` if it has no handlers, or if its list
    /// is damaged.
    pub fn lookup(&self, return_offset: u32) -> Option<CallSite<'a>> {
        let offset_of =
            |entry: usize| u32_at(self.table.index, entry.checked_mul(INDEX_ENTRY_WORDS)?);
        let entry = partition_point(self.table.count, |entry| {
            offset_of(entry).is_some_and(|offset| offset < return_offset)
        });
        if offset_of(entry)? != return_offset {
            return None;
        }
        let word = entry.checked_mul(INDEX_ENTRY_WORDS)?.checked_add(1)?;
        let data = self
            .table
            .data
            .get(u32_at(self.table.index, word)? as usize..)?;
        let mut reader = Reader::new(data);
        Some(CallSite {
            frame_bytes: reader.varint()?,
            vmctx_offset: reader.varint()?,
            count: reader.varint()?,
            data: data.get(reader.position..)?,
        })
    }

    /// Where each call site returns to, in ascending order.
    pub fn return_offsets(&self) -> impl Iterator<Item = u32> + use<'a> {
        let index = self.table.index;
        (0..self.table.count)
            .map_while(move |entry| u32_at(index, entry.checked_mul(INDEX_ENTRY_WORDS)?))
    }
}

impl<'a> CallSite<'a> {
    /// Its handlers, in the order in which they count; ends early where the bytes are damaged.
    pub fn handlers(&self) -> impl Iterator<Item = Handler> + use<'a> {
        let mut reader = Reader::new(self.data);
        (0..self.count).map_while(move |_| {
            Some(Handler {
                catches: Catches::from_number(reader.varint()?),
                text_offset: reader.varint()?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handlers(call: u32) -> Vec<Handler> {
        let handler = |number| Handler {
            catches: Catches {
                tag: (number > 0).then_some(number * 100),
                keeps_reference: number % 2 == 1,
            },
            text_offset: call / 4 * 1000 + number,
        };
        (0..call % 5).rev().map(handler).collect()
    }

    fn table(calls: u32) -> Vec<u8> {
        let mut builder = UnwindTableBuilder::default();
        for call in 0..calls {
            if call % 4 == 0 {
                builder.next_function();
            }
            builder.push(call * 7, call % 3 * 16, 8, &handlers(call));
        }
        builder.finish()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = table(crate::MANY_ENTRIES);
        let table = UnwindTable::parse(&bytes).unwrap();
        let offsets = (0..crate::MANY_ENTRIES).map(|call| call * 7);
        assert!(table.return_offsets().eq(offsets));
        for call in 0..crate::MANY_ENTRIES {
            let found = table.lookup(call * 7).unwrap();
            assert_eq!((found.frame_bytes, found.vmctx_offset), (call % 3 * 16, 8));
            assert_eq!(found.handlers().collect::<Vec<_>>(), handlers(call));
            assert!(table.lookup(call * 7 + 1).is_none(), "between two calls");
        }
        assert!(table.lookup(u32::MAX).is_none());
    }

    #[test]
    fn calls_of_a_function_share_their_list() {
        let mut builder = UnwindTableBuilder::default();
        builder.push(4, 32, 8, &handlers(3));
        let one = builder.data.len();
        builder.push(8, 32, 8, &handlers(3));
        assert_eq!(builder.data.len(), one);
        builder.push(12, 48, 8, &handlers(3));
        assert!(builder.data.len() > one);
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        let bytes = UnwindTableBuilder::default().finish();
        let table = UnwindTable::parse(&bytes).unwrap();
        assert!(table.is_empty());
        assert!(table.lookup(0).is_none());
    }

    #[test]
    fn every_number_says_what_is_caught() {
        for number in [0, 1, 2, 3, 200, u32::MAX - 2] {
            assert_eq!(Catches::from_number(number).to_number(), Some(number));
        }
        let too_large = Catches {
            tag: Some(u32::MAX),
            keeps_reference: false,
        };
        assert_eq!(too_large.to_number(), None);
    }

    #[test]
    fn damaged_tables_never_panic() {
        let good = table(50);
        for at in (0..good.len()).step_by(crate::DAMAGE_STEP) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            for bytes in [&bad[..], &good[..at]] {
                let Some(table) = UnwindTable::parse(bytes) else {
                    continue;
                };
                for offset in (0..400).step_by(7) {
                    let call = table.lookup(offset);
                    assert!(call.is_none_or(|call| call.handlers().count() <= good.len()));
                }
            }
        }
    }
}
