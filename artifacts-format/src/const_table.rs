//! `.precast.tables`: tables that never change, built by the compiler.
//!
//! ```text
//! per element { type_id: u32, code_offset: i32 }
//! ```
//!
//! `type_id` is the callee's index among the manifest's types, which the compiler has made unique,
//! or [`NULL_TYPE_ID`] for a null element. `code_offset` is the distance in bytes from the start
//! of *the table* to the callee's code (negative, since the text comes first), so that generated
//! code needs one base address for both. Every table starts on a multiple of 8 bytes.

/// Bytes of an element.
pub const CONST_TABLE_ENTRY_BYTES: u32 = 8;

/// The type id of a null element: no module has so many types.
pub const NULL_TYPE_ID: u32 = u32::MAX;

/// An element of a constant table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConstTableEntry {
    /// The callee's type, or [`NULL_TYPE_ID`].
    pub type_id: u32,
    /// From the start of the table to the callee's code, in bytes.
    pub code_offset: i32,
}

impl ConstTableEntry {
    /// The null element.
    pub const NULL: Self = Self {
        type_id: NULL_TYPE_ID,
        code_offset: 0,
    };

    /// The element's bytes.
    pub fn to_bytes(self) -> [u8; CONST_TABLE_ENTRY_BYTES as usize] {
        let word = u64::from(self.type_id) | u64::from(self.code_offset as u32) << 32;
        word.to_le_bytes()
    }

    /// The element that `bytes` stand for.
    pub fn from_bytes(bytes: [u8; CONST_TABLE_ENTRY_BYTES as usize]) -> Self {
        let word = u64::from_le_bytes(bytes);
        Self {
            type_id: word as u32,
            code_offset: (word >> 32) as i32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_survive_writing_and_reading() {
        let entry = ConstTableEntry {
            type_id: 7,
            code_offset: -4096,
        };
        assert_eq!(entry.to_bytes(), [7, 0, 0, 0, 0, 0xf0, 0xff, 0xff]);
        for entry in [entry, ConstTableEntry::NULL] {
            assert_eq!(ConstTableEntry::from_bytes(entry.to_bytes()), entry);
        }
    }
}
