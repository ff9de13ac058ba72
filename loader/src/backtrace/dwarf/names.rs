//! Names of functions and files.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use gimli::{AttributeValue, Dwarf, Unit};

use super::meter::Metered;

/// The longest name that is shown, in bytes. A name's length is up to the module, and so is how
/// often it occurs.
const MAX_NAME_BYTES: usize = 4096;

/// The text that an attribute stands for, cut to the greatest length.
pub(super) fn text<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    value: AttributeValue<Metered<'a>>,
) -> Option<String> {
    dwarf.attr_string(unit, value).ok().map(|text| cut(&text))
}

fn cut(text: &Metered<'_>) -> String {
    let bytes = text.bytes();
    let bytes = bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

/// The path of a file of the unit's.
///
/// In full, with the directory that the compiler ran in: what it was called with names different
/// files alike if there were several such directories.
pub(super) fn file<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    index: u32,
) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(u64::from(index))?;
    let mut path = text(dwarf, unit, file.path_name())?;
    let directory = file.directory(header);
    if let Some(directory) = directory.and_then(|value| text(dwarf, unit, value)) {
        path = joined(directory, path);
    }
    // Directory 0 is that one already.
    let compiled_in = unit.comp_dir.as_ref();
    match compiled_in.filter(|_| file.directory_index() != 0) {
        Some(directory) => Some(joined(cut(directory), path)),
        None => Some(path),
    }
}

/// The path seen from the directory. The guest may have been compiled on any system.
fn joined(directory: String, path: String) -> String {
    let drive = path.get(1..3);
    let is_absolute = path.starts_with(['/', '\\']) || matches!(drive, Some(":\\" | ":/"));
    if is_absolute || directory.is_empty() {
        return path;
    }
    let is_windows = directory.contains('\\') && !directory.contains('/');
    let separator = if directory.ends_with(['/', '\\']) {
        ""
    } else if is_windows {
        "\\"
    } else {
        "/"
    };
    directory + separator + &path
}

/// Which of a function's names to show: Rust's with the path, which only the one for the linker
/// has; others as they were declared.
pub(super) fn preferred(linkage: Option<String>, declared: Option<String>) -> Option<String> {
    let of_rust = linkage.as_deref().and_then(demangle);
    of_rust.or(declared).or(linkage)
}

/// The name as it is in the source, if it is one that the Rust compiler has mangled.
pub(in super::super) fn demangled(name: &str) -> Cow<'_, str> {
    demangle(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// `None` too if the name would be too long: a short mangled name can stand for a very long one.
fn demangle(name: &str) -> Option<String> {
    let demangled = rustc_demangle::try_demangle(name).ok()?;
    let mut shown = Bounded(String::new());
    // Without the hash.
    write!(shown, "{demangled:#}").ok()?;
    Some(shown.0)
}

struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len().saturating_add(text.len()) > MAX_NAME_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_are_shown_as_in_the_source() {
        let legacy = "_ZN5crate4list4List5total17h6e998b8360646422E";
        assert_eq!(demangled(legacy), "crate::list::List::total");
        let v0 = "_RNvNtNtCsgXGp5Oqx2Ny_4core9core_arch6wasm3211unreachable";
        assert_eq!(demangled(v0), "core::core_arch::wasm32::unreachable");
        for other in ["divide", "_ZN3foo3barEv", "main::main", ""] {
            assert_eq!(demangled(other), other);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes too long")]
    fn a_name_that_explodes_stays_as_it_is() {
        // Tuples of thirty of the tuple before: "B1a_" refers to what stands there.
        let mut bomb = String::from("_RIC0TuuE");
        for at in ["2", "6", "1A", "45"] {
            bomb += &format!("T{}E", format!("B{at}_").repeat(30));
        }
        bomb.push('E');
        let whole = rustc_demangle::try_demangle(&bomb).unwrap().to_string();
        assert!(whole.len() > 100_000, "{}", whole.len());
        assert_eq!(demangled(&bomb), bomb);
    }

    #[test]
    fn a_name_is_what_says_the_most() {
        let name = |linkage: Option<&str>, declared: Option<&str>| {
            preferred(linkage.map(str::to_owned), declared.map(str::to_owned))
        };
        let mangled = Some("_ZN4list3sum17h6e998b8360646422E");
        assert_eq!(name(mangled, Some("sum")).unwrap(), "list::sum");
        assert_eq!(name(Some("_ZN4list3sumEi"), Some("sum")).unwrap(), "sum");
        assert_eq!(name(Some("sum"), None).unwrap(), "sum");
        assert_eq!(name(None, None), None);
    }

    #[test]
    fn paths_of_any_system_are_joined_where_they_are_relative() {
        let joined = |directory: &str, path: &str| joined(directory.into(), path.into());
        assert_eq!(joined("/src", "a.c"), "/src/a.c");
        assert_eq!(joined("/src/", "lib/a.c"), "/src/lib/a.c");
        assert_eq!(joined("/src", "/usr/a.h"), "/usr/a.h");
        assert_eq!(joined("C:\\src", "a.c"), "C:\\src\\a.c");
        assert_eq!(joined("C:\\src", "D:\\a.c"), "D:\\a.c");
        assert_eq!(joined("", "a.c"), "a.c");
    }
}
