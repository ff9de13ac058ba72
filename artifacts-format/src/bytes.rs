//! Checked reading of little-endian numbers and varints from bytes nobody has vouched for.

/// A place in a byte slice. Every read checks; nothing panics.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pub(crate) position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.position.checked_add(len)?;
        let taken = self.bytes.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// An unsigned LEB128 number of at most 32 bits.
    pub(crate) fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.u8()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0xf {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

/// A table that is read in place: a count, an index, and data.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IndexedTable<'a> {
    pub(crate) count: usize,
    pub(crate) index: &'a [u8],
    pub(crate) data: &'a [u8],
}

impl<'a> IndexedTable<'a> {
    /// Takes a section apart; an index for `count` things has `index_bytes(count)`. `None` if the
    /// section is shorter than that.
    pub(crate) fn parse(
        section: &'a [u8],
        index_bytes: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<Self> {
        let mut reader = Reader::new(section);
        let count = reader.u32()? as usize;
        let index = reader.take(index_bytes(count)?)?;
        let data = section.get(reader.position..)?;
        Some(Self { count, index, data })
    }

    /// The section's bytes.
    #[cfg(feature = "write")]
    pub(crate) fn encode(count: u32, index: &[u8], data: &[u8]) -> Vec<u8> {
        [&count.to_le_bytes()[..], index, data].concat()
    }
}

/// The `index`th little-endian `u32` of an array.
pub(crate) fn u32_at(bytes: &[u8], index: usize) -> Option<u32> {
    let start = index.checked_mul(4)?;
    let four = bytes.get(start..start.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// Appends `value` as unsigned LEB128.
#[cfg(feature = "write")]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Folds the sign into the lowest bit, so that numbers near zero are short.
#[cfg(feature = "write")]
pub(crate) const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

pub(crate) const fn unzigzag(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// The most that is read of the name of a symbol, in bytes. Any number of symbols may have the same name: were
/// it megabytes, reading all would never end.
const MAX_SYMBOL_NAME_BYTES: usize = 4 << 10;

/// The name at a place of a table of strings, which ends with a zero byte or the table; of a long one, its start.
pub(crate) fn name_at(strings: &[u8], offset: u32) -> Option<&str> {
    let rest = strings.get(offset as usize..)?;
    let start = rest.get(..MAX_SYMBOL_NAME_BYTES);
    let name = start.unwrap_or(rest).split(|&byte| byte == 0).next()?;
    match str::from_utf8(name) {
        Ok(name) => Some(name),
        // Cut within a character.
        Err(error) if name.len() == MAX_SYMBOL_NAME_BYTES && error.error_len().is_none() => {
            str::from_utf8(name.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_survive_writing_and_reading() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX - 1, u32::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Some(value));
            assert_eq!(reader.position, out.len());
        }
        assert_eq!(Reader::new(&[0xff; 5]).varint(), None, "33 bits");
        assert_eq!(Reader::new(&[0x80]).varint(), None, "unfinished");
    }

    #[test]
    fn zigzag_is_its_own_inverse() {
        for value in [0, 1, -1, 2, -2, i32::MAX, i32::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn names_end_with_a_zero_byte_the_table_or_when_they_are_long() {
        assert_eq!(name_at(b"\0a\0b", 0), Some(""));
        assert_eq!(name_at(b"\0a\0b", 1), Some("a"));
        assert_eq!(name_at(b"\0a\0b", 3), Some("b"));
        assert_eq!(name_at(b"\0a\0b", 5), None);
        assert_eq!(name_at(b"a\xff\0", 0), None);
        for first in ["", "a", "ab"] {
            let long = format!("{first}{}", "\u{20ac}".repeat(MAX_SYMBOL_NAME_BYTES));
            let name = name_at(long.as_bytes(), 0).unwrap();
            assert!(long.starts_with(name));
            assert!((MAX_SYMBOL_NAME_BYTES - 2..=MAX_SYMBOL_NAME_BYTES).contains(&name.len()));
        }
        let mut strange = "a".repeat(MAX_SYMBOL_NAME_BYTES).into_bytes();
        strange[7] = 0xff;
        assert_eq!(name_at(&strange, 0), None);
    }
}
