//! `.precast.funcs`: where each defined function is and of which type.
//!
//! ```text
//! ┌──────────────────────────────────────────────────┬────────────────┐
//! │ for each defined function, in the order of index │ end_offset:u32 │
//! │ { text_offset: u32, type_index: u32 }            │                │
//! └──────────────────────────────────────────────────┴────────────────┘
//! ```
//!
//! Offsets count from the start of `.text` and ascend, since functions are laid out in the order
//! of their indices; a function ends (with its padding) where the next begins, the last one at
//! `end_offset`. What follows there are trampolines. Fixed width, so that the function at an index
//! and the function around an address are found without reading the rest.

use crate::bytes::u32_at;
use crate::traps::partition_point;

const ENTRY_WORDS: usize = 2;

/// A defined function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuncEntry {
    /// Where its code starts, in bytes from the start of `.text`.
    pub text_offset: u32,
    /// Its type, an index into the manifest's types.
    pub type_index: u32,
}

/// The table, read in place.
#[derive(Debug, Clone, Copy)]
pub struct FuncTable<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> FuncTable<'a> {
    /// Encodes `functions`, which end at `end_offset`.
    #[cfg(feature = "write")]
    pub fn encode(functions: &[FuncEntry], end_offset: u32) -> Vec<u8> {
        let words = functions.iter().flat_map(|f| [f.text_offset, f.type_index]);
        words
            .chain([end_offset])
            .flat_map(u32::to_le_bytes)
            .collect()
    }

    /// Reads a table of `section`'s length; `None` if that is not a whole number of entries.
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let words = section.len() / 4;
        let whole = section.len().is_multiple_of(4) && words % ENTRY_WORDS == 1;
        whole.then_some(Self {
            bytes: section,
            count: words / ENTRY_WORDS,
        })
    }

    /// The number of defined functions.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the module defines no functions.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The defined function at `index` (imported functions do not count).
    pub fn get(&self, index: u32) -> Option<FuncEntry> {
        let word = (index as usize).checked_mul(ENTRY_WORDS)?;
        if index as usize >= self.count {
            return None;
        }
        Some(FuncEntry {
            text_offset: u32_at(self.bytes, word)?,
            type_index: u32_at(self.bytes, word.checked_add(1)?)?,
        })
    }

    /// Where the code of the function at `index` ends, padding included.
    pub fn end_of(&self, index: u32) -> Option<u32> {
        let word = (index as usize).checked_add(1)?.checked_mul(ENTRY_WORDS)?;
        u32_at(self.bytes, word)
    }

    /// The index of the function whose code surrounds `text_offset`.
    pub fn find(&self, text_offset: u32) -> Option<u32> {
        let starts_before = |index: usize| {
            u32_at(self.bytes, index * ENTRY_WORDS).is_some_and(|start| start <= text_offset)
        };
        let index = partition_point(self.count, starts_before).checked_sub(1)?;
        let index = u32::try_from(index).ok()?;
        (text_offset < self.end_of(index)?).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_index_and_by_address() {
        let entry = |text_offset, type_index| FuncEntry {
            text_offset,
            type_index,
        };
        let functions = [entry(0, 3), entry(16, 0), entry(64, 1)];
        let bytes = FuncTable::encode(&functions, 80);
        let table = FuncTable::parse(&bytes).unwrap();
        assert_eq!(table.len(), 3);
        for (index, function) in functions.iter().enumerate() {
            assert_eq!(table.get(index as u32), Some(*function));
        }
        assert_eq!(table.get(3), None);
        assert_eq!(table.get(u32::MAX), None);
        let found: Vec<_> = [0, 15, 16, 63, 64, 79, 80]
            .map(|offset| table.find(offset))
            .into();
        assert_eq!(
            found,
            [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), None]
        );
        assert_eq!(table.end_of(1), Some(64));
    }

    #[test]
    fn a_cut_table_is_refused() {
        let bytes = FuncTable::encode(&[], 0);
        assert!(FuncTable::parse(&bytes).unwrap().is_empty());
        for len in [0, 1, 2, 3, 5, 8] {
            assert!(FuncTable::parse(&[0; 16][..len]).is_none());
        }
    }
}
