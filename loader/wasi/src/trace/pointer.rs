//! Addresses, and the bytes, text and buffers at them. Whatever length a guest passes, only what is shown is read.

use crate::GuestMemory;
use crate::functions::Raw;

/// How many bytes of data are shown.
const MAX_DATA_BYTES: u32 = 32;

/// How many bytes of a path are shown.
const MAX_PATH_BYTES: u32 = 256;

/// How many entries of a list are shown.
pub(super) const MAX_ENTRIES: u32 = 8;

/// Bytes of one `iovec`: address `u32`, length `u32`.
const IOVEC_BYTES: u32 = 8;

/// Shows that there is more.
const MORE: &str = "…";

pub(super) fn address(address: u32) -> String {
    format!("{address:#x}")
}

/// For what does not lie in memory: where it would be, and how much of it.
pub(super) fn address_and(address: u32, len: u32) -> String {
    format!("{address:#x}, {len}")
}

pub(super) fn lies_in(memory: &GuestMemory<'_>, address: u32, bytes: u64) -> bool {
    u32::try_from(bytes).is_ok_and(|bytes| memory.check(address, bytes).is_ok())
}

/// A path, quoted.
pub(super) fn path(memory: &GuestMemory<'_>, address: u32, len: u32) -> String {
    beginning(memory, address, len, MAX_PATH_BYTES).unwrap_or_else(|| address_and(address, len))
}

/// Other text or bytes, quoted.
pub(super) fn text(memory: &GuestMemory<'_>, address: u32, len: u32) -> String {
    beginning(memory, address, len, MAX_DATA_BYTES).unwrap_or_else(|| address_and(address, len))
}

/// No more than `most` of the bytes, quoted; `None` if they do not all lie in memory.
fn beginning(memory: &GuestMemory<'_>, address: u32, len: u32, most: u32) -> Option<String> {
    memory.check(address, len).ok()?;
    let bytes = memory.slice(address, len.min(most)).ok()?;
    Some(quoted(&bytes, len > most))
}

/// A list of `count` entries, of which at most [`MAX_ENTRIES`] are shown.
pub(super) fn list(count: u32, entry: impl FnMut(u32) -> Option<String>) -> String {
    let shown: Vec<String> = (0..count.min(MAX_ENTRIES)).map_while(entry).collect();
    let more = u32::try_from(shown.len()) != Ok(count);
    bracketed(shown, more)
}

pub(super) fn bracketed(mut shown: Vec<String>, more: bool) -> String {
    if more {
        shown.push(MORE.to_owned());
    }
    format!("[{}]", shown.join(", "))
}

/// As a literal of Rust has it: what is not to be printed is escaped, and so is what is not UTF-8.
fn quoted(bytes: &[u8], more: bool) -> String {
    let mut shown = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\'' => shown.push(char),
                '\t' | '\n' | '\r' => shown.extend(char.escape_default()),
                _ if char.is_ascii_control() => shown.push_str(&hex(&[char as u8])),
                _ => shown.extend(char.escape_debug()),
            }
        }
        shown.push_str(&hex(chunk.invalid()));
    }
    shown.push('"');
    if more {
        shown.push_str(MORE);
    }
    shown
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// The first buffers of a list of a guest's.
#[derive(Default)]
pub(super) struct Buffers {
    /// Address and length, as they were found; not always in memory.
    first: Vec<(u32, u32)>,
    /// How many the list has.
    count: u32,
}

impl Buffers {
    /// `None` if the list does not lie in memory.
    pub(super) fn read(memory: &GuestMemory<'_>, list: u32, count: u32) -> Option<Buffers> {
        let list_bytes = u64::from(count).saturating_mul(IOVEC_BYTES.into());
        if !lies_in(memory, list, list_bytes) {
            return None;
        }
        let shown_bytes = count.min(MAX_ENTRIES).saturating_mul(IOVEC_BYTES);
        let bytes = memory.slice(list, shown_bytes).ok()?;
        let (words, _) = bytes.as_chunks::<{ IOVEC_BYTES as usize }>();
        let first = words.iter().map(|word| {
            let word = u64::from_le_bytes(*word);
            (u32::from_raw(word), u32::from_raw(word >> 32))
        });
        Some(Buffers {
            first: first.collect(),
            count,
        })
    }

    /// What they hold.
    pub(super) fn contents(&self, memory: &GuestMemory<'_>) -> String {
        self.list(|address, len| beginning(memory, address, len, MAX_DATA_BYTES))
    }

    /// How long they are.
    pub(super) fn lengths(&self, memory: &GuestMemory<'_>) -> String {
        self.list(|address, len| memory.check(address, len).ok().map(|()| len.to_string()))
    }

    fn list(&self, shown: impl Fn(u32, u32) -> Option<String>) -> String {
        let mut buffers = self.first.iter();
        list(self.count, |_| {
            let &(address, len) = buffers.next()?;
            let outside = || format!("{{{}}}", address_and(address, len));
            Some(shown(address, len).unwrap_or_else(outside))
        })
    }

    /// The beginning of the `count` bytes in them, as if they were one.
    pub(super) fn joined(&self, memory: &GuestMemory<'_>, count: u32) -> String {
        let mut left = count.min(MAX_DATA_BYTES);
        let mut bytes = Vec::new();
        for &(address, len) in &self.first {
            let len = len.min(left);
            let Ok(part) = memory.slice(address, len) else {
                break;
            };
            bytes.extend_from_slice(&part);
            left = left.saturating_sub(len);
        }
        let all = u32::try_from(bytes.len()) == Ok(count);
        quoted(&bytes, !all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_list_only_the_beginning_is_read() {
        let mut bytes = vec![0; 1 << 16];
        let memory = GuestMemory::new(&mut bytes);
        let all = Buffers::read(&memory, 0, 8192).unwrap();
        assert_eq!((all.first.len(), all.count), (8, 8192));
        assert!(Buffers::read(&memory, 0, 8193).is_none());
        assert!(Buffers::read(&memory, 0, u32::MAX).is_none());
    }

    #[test]
    fn what_was_read_goes_on_from_buffer_to_buffer() {
        let mut bytes = *b"abcdefgh";
        let memory = GuestMemory::new(&mut bytes);
        let buffers = Buffers {
            first: vec![(4, 2), (0, 0), (0, 3), (7, 9)],
            count: 4,
        };
        assert_eq!(buffers.joined(&memory, 0), r#""""#);
        assert_eq!(buffers.joined(&memory, 1), r#""e""#);
        assert_eq!(buffers.joined(&memory, 5), r#""efabc""#);
        // More than has room, which no call reads.
        assert_eq!(buffers.joined(&memory, 9), r#""efabc"…"#);
    }
}
