//! `.precast.addrmap`: from offsets in the text to offsets in the WebAssembly module.
//!
//! ```text
//! ┌────────────┬────────────────────────────────────────┬─────────────────────────┐
//! │ count: u32 │ index: one entry per block of 128      │ data: the other entries │
//! │            │ { text_offset: u32, wasm_offset: u32,  │                         │
//! │            │   data_offset: u32 (from data start) } │                         │
//! └────────────┴────────────────────────────────────────┴─────────────────────────┘
//! ```
//!
//! Sorted by `text_offset` (from the start of `.text`); an entry holds from there to the next. The
//! `wasm_offset` counts from the start of the module. The first entry of a block stands in the
//! index. Every other entry is the distance from the one before it, in one byte where it can:
//!
//! ```text
//! tttt wwww   t = text distance − 1 (0..=14), w = wasm distance + 2 (0..=15)
//! 1111 0000   escape: varint text distance, varint zigzag wasm distance
//! ```
//!
//! Instructions are a few bytes long on both sides, so most entries take the short form.

use crate::bytes::{IndexedTable, Reader, unzigzag};
use crate::traps::partition_point;

const BLOCK_ENTRIES: usize = 128;
const INDEX_ENTRY_BYTES: usize = 12;
const ESCAPE: u8 = 0xf0;

/// Collects address pairs in the order of the text and encodes them.
#[cfg(feature = "write")]
#[derive(Debug, Default)]
pub struct AddressMapBuilder {
    count: u32,
    last: (u32, u32),
    index: Vec<u8>,
    data: Vec<u8>,
}

#[cfg(feature = "write")]
impl AddressMapBuilder {
    /// Says that the code from `text_offset` on comes from `wasm_offset`.
    ///
    /// # Panics
    ///
    /// If pairs do not come in strictly ascending order of `text_offset`, a bug of the caller.
    pub fn push(&mut self, text_offset: u32, wasm_offset: u32) {
        let (last_text, last_wasm) = self.last;
        assert!(
            self.count == 0 || text_offset > last_text,
            "address pairs are added in the order of the text"
        );
        if (self.count as usize).is_multiple_of(BLOCK_ENTRIES) {
            self.index.extend(text_offset.to_le_bytes());
            self.index.extend(wasm_offset.to_le_bytes());
            self.index.extend((self.data.len() as u32).to_le_bytes());
        } else {
            let text = text_offset - last_text;
            let wasm = wasm_offset.wrapping_sub(last_wasm) as i32;
            if text <= 15 && (-2..=13).contains(&wasm) {
                self.data.push((text as u8 - 1) << 4 | (wasm + 2) as u8);
            } else {
                self.data.push(ESCAPE);
                crate::bytes::put_varint(&mut self.data, text);
                crate::bytes::put_varint(&mut self.data, crate::bytes::zigzag(wasm));
            }
        }
        self.last = (text_offset, wasm_offset);
        self.count += 1;
    }

    /// The section's bytes.
    pub fn finish(self) -> Vec<u8> {
        IndexedTable::encode(self.count, &self.index, &self.data)
    }
}

/// The map, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct AddressMap<'a> {
    table: IndexedTable<'a>,
}

impl<'a> AddressMap<'a> {
    /// Checks the frame of the map; the entries are checked as they are read.
    ///
    /// Returns `None` if the section is too short for the entries it announces.
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let index_bytes =
            |count: usize| count.div_ceil(BLOCK_ENTRIES).checked_mul(INDEX_ENTRY_BYTES);
        let table = IndexedTable::parse(section, index_bytes)?;
        Some(Self { table })
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.table.count
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.table.count == 0
    }

    /// The last entry at or before `text_offset`, as `(text_offset, wasm_offset)`.
    ///
    /// The entry may belong to an earlier function: compare its offset with where the function
    /// that is asked about starts.
    pub fn lookup(&self, text_offset: u32) -> Option<(u32, u32)> {
        let block = partition_point(self.blocks(), |block| {
            self.block_start(block)
                .is_some_and(|(start, ..)| start <= text_offset)
        })
        .checked_sub(1)?;
        self.entries_of(block)
            .take_while(|&(start, _)| start <= text_offset)
            .last()
    }

    /// All entries, in ascending order; ends early where the bytes are damaged.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let map = *self;
        (0..self.blocks()).flat_map(move |block| map.entries_of(block))
    }

    fn blocks(&self) -> usize {
        self.table.count.div_ceil(BLOCK_ENTRIES)
    }

    fn block_start(&self, block: usize) -> Option<(u32, u32, u32)> {
        let start = block.checked_mul(INDEX_ENTRY_BYTES)?;
        let mut reader = Reader::new(self.table.index.get(start..)?);
        Some((reader.u32()?, reader.u32()?, reader.u32()?))
    }

    fn entries_of(&self, block: usize) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let data = self.table.data;
        let left = self
            .table
            .count
            .saturating_sub(block.saturating_mul(BLOCK_ENTRIES))
            .min(BLOCK_ENTRIES);
        let first = self.block_start(block).filter(|_| left > 0);
        let (mut text, mut wasm) = first.map_or((0, 0), |(text, wasm, _)| (text, wasm));
        let mut reader = first.and_then(|(.., at)| Some(Reader::new(data.get(at as usize..)?)));
        let rest = (1..left).map_while(move |_| {
            let reader = reader.as_mut()?;
            let byte = reader.u8()?;
            let (text_delta, wasm_delta) = if byte >= ESCAPE {
                (reader.varint()?, unzigzag(reader.varint()?))
            } else {
                (u32::from(byte >> 4) + 1, i32::from(byte & 0xf) - 2)
            };
            text = text.checked_add(text_delta)?;
            wasm = wasm.wrapping_add_signed(wasm_delta);
            Some((text, wasm))
        });
        first
            .map(|(text, wasm, _)| (text, wasm))
            .into_iter()
            .chain(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<(u32, u32)> {
        (0..crate::MANY_ENTRIES)
            .map(|i| {
                (
                    i * 5 + i * i / 40,
                    if i % 7 == 0 { 9_000 - i } else { 40 + i },
                )
            })
            .collect()
    }

    fn encoded() -> Vec<u8> {
        let mut builder = AddressMapBuilder::default();
        for (text, wasm) in pairs() {
            builder.push(text, wasm);
        }
        builder.finish()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = encoded();
        let map = AddressMap::parse(&bytes).unwrap();
        assert_eq!(map.iter().collect::<Vec<_>>(), pairs());
        for pair in pairs() {
            assert_eq!(map.lookup(pair.0), Some(pair));
            assert_eq!(map.lookup(pair.0 + 1), Some(pair), "holds to the next");
        }
    }

    #[test]
    fn distances_of_any_size_survive() {
        let pairs = [
            (0, u32::MAX),
            (1, 0),
            (16, 13),
            (17, 11),
            (18, 8),
            (u32::MAX, 7),
        ];
        let mut builder = AddressMapBuilder::default();
        for (text, wasm) in pairs {
            builder.push(text, wasm);
        }
        let bytes = builder.finish();
        let read: Vec<_> = AddressMap::parse(&bytes).unwrap().iter().collect();
        assert_eq!(read, pairs);
    }

    #[test]
    fn damaged_maps_never_panic() {
        let good = encoded();
        for at in (0..good.len()).step_by(crate::DAMAGE_STEP) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            for bytes in [&bad[..], &good[..at]] {
                if let Some(map) = AddressMap::parse(bytes) {
                    map.lookup(2_000);
                }
            }
        }
    }
}
