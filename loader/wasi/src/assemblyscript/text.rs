//! Strings of AssemblyScript programs, and where they are written.
//!
//! ```text
//!            pointer
//!               ▼
//!  ┌───────────┬──────────────────────┐
//!  │ len_bytes │ UTF-16, little-endian│   len_bytes is a u32; no NUL at the end
//!  └───────────┴──────────────────────┘
//! ```

use crate::{Errno, GuestMemory, Result, WasiCtx, preview1};

/// Bytes of the length in front of a string.
const LEN_BYTES: u32 = 4;

/// Bytes of a code unit of UTF-16.
const UNIT_BYTES: u32 = 2;

/// The longest part of a message that is shown. In UTF-8 it takes at most 4 KiB.
const MAX_SHOWN_CHARS: usize = 1024;

/// The most bytes that are handed on at once.
const CHUNK_BYTES: usize = 4096;

/// A string in the guest's memory, wholly inside.
#[derive(Clone, Copy)]
pub(super) struct Text<'m, 'a> {
    memory: &'m GuestMemory<'a>,
    start: u32,
    len_bytes: u32,
}

impl<'m, 'a> Text<'m, 'a> {
    /// The string at `pointer`; `None` for null.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if the length in front of it, or what is so long, does not lie in memory.
    pub(super) fn at(memory: &'m GuestMemory<'a>, pointer: u32) -> Result<Option<Self>> {
        if pointer == 0 {
            return Ok(None);
        }
        let len = pointer.checked_sub(LEN_BYTES).ok_or(Errno::Fault)?;
        let len_bytes = memory.read_u32(len)?;
        memory.check(pointer, len_bytes)?;
        Ok(Some(Text {
            memory,
            start: pointer,
            len_bytes,
        }))
    }

    /// Its characters, with `U+FFFD` for surrogates that are alone. Nothing is allocated.
    pub(super) fn chars(self) -> impl Iterator<Item = char> + use<'m, 'a> {
        let last = self.len_bytes.saturating_sub(1);
        let units = (0..last).step_by(UNIT_BYTES as usize);
        let units = units.map_while(move |offset| {
            let unit = self.memory.read(self.start.checked_add(offset)?).ok()?;
            Some(u16::from_le_bytes(unit))
        });
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

/// The string at `pointer` as part of a message: cut if it is long, and what stands for it if there is none.
pub(super) fn shown(memory: &GuestMemory<'_>, pointer: u32) -> Option<String> {
    match Text::at(memory, pointer) {
        Ok(None) => None,
        Ok(Some(text)) => {
            let mut chars = text.chars();
            let mut shown: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
            if chars.next().is_some() {
                shown.push('…');
            }
            Some(shown)
        }
        Err(_) => Some("(not a string)".to_owned()),
    }
}

/// Writes text to descriptor `fd`, in parts, as if the guest had done it: into what it has open there, if anything.
///
/// What cannot be written is left out: a program is not to fail because nobody listens to it.
pub(super) fn print(ctx: &mut WasiCtx, fd: u32, text: impl IntoIterator<Item = char>) {
    let mut part = String::with_capacity(CHUNK_BYTES);
    for char in text {
        if part.len().saturating_add(char.len_utf8()) > CHUNK_BYTES {
            if write(ctx, fd, part.as_bytes()).is_err() {
                return;
            }
            part.clear();
        }
        part.push(char);
    }
    let _lost = write(ctx, fd, part.as_bytes());
}

/// Writes all of `bytes`, by the guest's own call, from a memory that is made for it.
fn write(ctx: &mut WasiCtx, fd: u32, mut bytes: &[u8]) -> Result<()> {
    /// Where in that memory the bytes are: after a list of one buffer, and the count.
    const BUFFERS: u32 = 0;
    const COUNT: u32 = 8;
    const START: u32 = 12;
    while !bytes.is_empty() {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Inval)?;
        let mut room = [&[0; START as usize], bytes].concat();
        let mut memory = GuestMemory::new(&mut room);
        memory.write_u32(BUFFERS, START)?;
        memory.write_u32(BUFFERS.saturating_add(4), len)?;
        preview1::fd_write(ctx, &mut memory, fd, BUFFERS, 1, COUNT)?;
        let count = memory.read_u32(COUNT)?;
        bytes = match bytes.get(count as usize..) {
            Some(rest) if count > 0 => rest,
            _ => return Err(Errno::Io),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputBuffer;

    /// A memory with a string of these units at 4, whose length is said to be `len_bytes`.
    fn memory(units: &[u16], len_bytes: u32) -> Vec<u8> {
        let units = units.iter().flat_map(|unit| unit.to_le_bytes());
        len_bytes.to_le_bytes().into_iter().chain(units).collect()
    }

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[track_caller]
    fn check_shown(units: &[u16], len_bytes: u32, pointer: u32, expected: Option<&str>) {
        let mut bytes = memory(units, len_bytes);
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(shown(&memory, pointer).as_deref(), expected);
    }

    #[test]
    fn strings_are_utf_16_with_their_length_in_front() {
        check_shown(&units("Grüße 😀"), 16, 4, Some("Grüße 😀"));
        check_shown(&units("abc"), 4, 4, Some("ab"));
        check_shown(&units("abc"), 5, 4, Some("ab"));
        check_shown(&units("abc"), 1, 4, Some(""));
        check_shown(&units("abc"), 0, 4, Some(""));
        check_shown(&units("abc"), 6, 0, None);
    }

    #[test]
    fn surrogates_that_are_alone_are_replaced() {
        check_shown(&[0xd83d, 0x61, 0xde00], 6, 4, Some("\u{fffd}a\u{fffd}"));
        check_shown(&[0x61, 0xd83d], 4, 4, Some("a\u{fffd}"));
    }

    #[test]
    fn pointers_and_lengths_that_lead_out_of_memory_are_noticed() {
        let refused = Some("(not a string)");
        check_shown(&units("abc"), 8, 4, refused);
        check_shown(&units("abc"), u32::MAX, 4, refused);
        for pointer in [1, 3, 10, 11, u32::MAX, 1 << 31] {
            check_shown(&units("abc"), 6, pointer, refused);
        }
    }

    #[test]
    fn a_message_is_cut() {
        let long = "é".repeat(5000);
        let expected = "é".repeat(MAX_SHOWN_CHARS) + "…";
        check_shown(&units(&long), 10000, 4, Some(&expected));
        let fits = "é".repeat(MAX_SHOWN_CHARS);
        check_shown(&units(&fits), 2048, 4, Some(&fits));
    }

    #[test]
    fn long_texts_are_written_whole() {
        let text = "a😀é".repeat(3000);
        let stdout = OutputBuffer::new(1 << 20);
        let mut ctx = WasiCtx::builder().stdout(stdout.clone()).build().unwrap();
        print(&mut ctx, 1, text.chars());
        assert!(stdout.contents() == text.as_bytes());
    }

    #[test]
    fn what_cannot_be_written_is_left_out() {
        let stdout = OutputBuffer::new(5);
        let mut ctx = WasiCtx::builder().stdout(stdout.clone()).build().unwrap();
        print(&mut ctx, 1, "123456789".chars());
        assert_eq!(stdout.contents(), b"12345");
        print(&mut ctx, 7, "nobody".chars());
    }
}
