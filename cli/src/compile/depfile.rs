//! What depends on what, for Make and Ninja.
//!
//! A rule `OUTPUT: INPUT` per module, with names as GNU Make's rules and Ninja's depfiles both take
//! them.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Result, bail};

use crate::shown::shown;

/// The rule that says that `output` is made from `input`, if that is a file.
///
/// # Errors
///
/// If a name cannot be written in a rule.
pub(super) fn rule(output: &Path, input: Option<&Path>) -> Result<Vec<u8>> {
    let mut rule = escaped(output)?;
    rule.push(b':');
    if let Some(input) = input {
        rule.push(b' ');
        rule.extend(escaped(input)?);
    }
    rule.push(b'\n');
    Ok(rule)
}

fn escaped(path: &Path) -> Result<Vec<u8>> {
    let mut escaped = Vec::new();
    let mut backslashes = 0;
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'\n' | b'\r' => bail!(
                "no depfile can name {}: there is a line break in it",
                shown(path)
            ),
            b' ' | b'\t' => {
                // Backslashes mean themselves, but not before what they escape.
                escaped.resize(escaped.len() + backslashes, b'\\');
                escaped.push(b'\\');
            }
            b'#' | b':' => escaped.push(b'\\'),
            b'$' => escaped.push(b'$'),
            _ => (),
        }
        escaped.push(byte);
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_make_has_it() {
        let check = |name: &str, expected: &str| {
            let escaped = escaped(Path::new(name)).unwrap();
            assert_eq!(String::from_utf8(escaped).unwrap(), expected);
        };
        check("out/a.precast", "out/a.precast");
        check("my app.wasm", "my\\ app.wasm");
        check("a\\b.wasm", "a\\b.wasm");
        check("a\\ b.wasm", "a\\\\\\ b.wasm");
        check("$HOME#1:2", "$$HOME\\#1\\:2");
        check("größe.wasm", "größe.wasm");
        assert!(escaped(Path::new("a\nb")).is_err());
    }

    #[test]
    fn standard_input_is_nothing_to_depend_on() {
        let rule = rule(Path::new("a b"), None).unwrap();
        assert_eq!(rule, b"a\\ b:\n");
    }
}
