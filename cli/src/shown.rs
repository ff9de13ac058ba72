//! How messages call what has a name on the host.
//!
//! A name of a file may hold any bytes but two: a line's end that starts a message of its own, a
//! sequence that a terminal obeys, or no text at all.

use std::ffi::OsStr;
use std::fmt::Write as _;

/// The name in one line that every terminal can take: bytes that are no text as `\xff`, control
/// characters as `\n` or `\u{1b}`.
pub fn shown(name: &(impl AsRef<OsStr> + ?Sized)) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character.is_control() {
                true => text.extend(character.escape_default()),
                false => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn names_are_one_line_whatever_they_hold() {
        let check = |name: &[u8], expected| assert_eq!(shown(OsStr::from_bytes(name)), expected);
        check(b"a b.wat", "a b.wat");
        check("größe.wat".as_bytes(), "größe.wat");
        check(b"a\nprecast: error: b", r"a\nprecast: error: b");
        check(b"a\x1b[31m", r"a\u{1b}[31m");
        check(b"a\xff\xfe.wat", r"a\xff\xfe.wat");
    }
}
