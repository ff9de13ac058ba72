//! The relocatable object: the machine code of a module for the system's linker, instead of ours.
//!
//! ```text
//! .text              functions, trampolines and thunks, each where an artifact has it; calls
//! .rela.text         between them are resolved, what lies outside is left to the linker
//! .precast.tables    constant tables, as in an artifact
//! .rela.precast.tables
//! .comment           what has made it
//! .note.GNU-stack    says that the stack need not be executable
//! .symtab  .strtab
//! ```
//!
//! Local symbols have the artifact's names, which may hold anything. Global symbols are what a
//! linker finds by name, also among all that comes from elsewhere: so those begin with a word that no
//! function of C's begins with, and hold nothing that a linker gives a meaning to. See
//! [`global_symbol`]. Undefined are the [runtime symbols](crate::RuntimeSymbol), reached through
//! the linker's own table of slots.

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};

use crate::bytes::name_at;
use crate::target::{Arch, Os, Target};

#[cfg(feature = "write")]
mod write;

#[cfg(feature = "write")]
pub use write::{ObjectParts, Relocation, RelocationKind, RelocationTarget, write_object};

const TEXT: &str = ".text";
const COMMENT: &str = ".comment";
/// What the compiler's version begins with.
const MAKER: &str = "precast ";

/// What a global symbol of an object stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    /// The code of an exported function.
    Func,
    /// The entry trampoline of its type.
    Entry,
    /// The direct entry trampoline of its type.
    Direct,
}

/// The name of a global symbol for the export called `export`.
///
/// `wasm_func_`, `wasm_entry_` or `wasm_direct_`, and the export's name; each byte of it that is
/// no ASCII letter, digit or underscore is a `$` and two hexadecimal digits. So no two exports have
/// the same, none is taken for a symbol with a version (`name@1`), and C compilers accept them.
///
/// ```
/// # use precast_artifacts_format::{Global, global_symbol};
/// assert_eq!(global_symbol(Global::Func, "add"), "wasm_func_add");
/// assert_eq!(global_symbol(Global::Entry, "a@2.é"), "wasm_entry_a$402$2e$c3$a9");
/// ```
pub fn global_symbol(global: Global, export: &str) -> String {
    let mut name = match global {
        Global::Func => "wasm_func_",
        Global::Entry => "wasm_entry_",
        Global::Direct => "wasm_direct_",
    }
    .to_owned();
    for byte in export.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("${byte:02x}")),
        }
    }
    name
}

/// A relocatable object that this project's compiler has written, or a linker made of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFile<'a> {
    /// The machine it is for.
    pub target: Target,
    /// The compiler's version.
    pub compiler_version: &'a str,
    /// Bytes of machine code.
    pub text_bytes: u64,
    /// The functions in it, by number.
    pub functions: usize,
    /// The names of what it defines for others; of a name of more than 4 KiB, its start.
    pub defined: Vec<&'a str>,
    /// The names of what it wants from others.
    pub undefined: Vec<&'a str>,
}

impl<'a> ObjectFile<'a> {
    /// Reads what `bytes` say; `None` unless they are an object with this project's comment.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = elf::FileHeader64::<LE>::parse(bytes).ok()?;
        if !header.is_little_endian() || header.e_type(LE) != elf::ET_REL {
            return None;
        }
        let arch = match header.e_machine(LE) {
            elf::EM_X86_64 => Arch::X86_64,
            elf::EM_AARCH64 => Arch::Aarch64,
            _ => return None,
        };
        let sections = header.sections(LE, bytes).ok()?;
        let (_, comment) = sections.section_by_name(LE, COMMENT.as_bytes())?;
        let comments = comment.data(LE, bytes).ok()?.split(|&byte| byte == 0);
        let mut comments = comments.filter_map(|comment| str::from_utf8(comment).ok());
        let compiler_version = comments.find(|comment| comment.starts_with(MAKER))?;
        let text = sections.section_by_name(LE, TEXT.as_bytes());
        let mut object = Self {
            target: Target {
                arch,
                os: Os::Linux,
            },
            compiler_version,
            text_bytes: text.map_or(0, |(_, text)| text.sh_size(LE)),
            functions: 0,
            defined: Vec::new(),
            undefined: Vec::new(),
        };
        let symbols = sections.symbols(LE, bytes, elf::SHT_SYMTAB).ok()?;
        let strings = match symbols.string_section().0 {
            0 => &[],
            _ => (sections.section(symbols.string_section()).ok()?)
                .data(LE, bytes)
                .ok()?,
        };
        for symbol in symbols.iter() {
            let is_local = symbol.st_bind() == elf::STB_LOCAL;
            object.functions += usize::from(is_local && symbol.st_type() == elf::STT_FUNC);
            let name = name_at(strings, symbol.st_name(LE));
            let Some(name) = name.filter(|_| !is_local) else {
                continue;
            };
            match symbol.st_shndx(LE) {
                elf::SHN_UNDEF => object.undefined.push(name),
                _ => object.defined.push(name),
            }
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuntimeSymbol;

    #[test]
    fn names_of_exports_stay_apart_from_one_another_and_from_others() {
        let exports = [
            "",
            "a",
            "a.b",
            "a$2eb",
            "a\0",
            "a\u{fffd}",
            "a@b",
            "a@@b",
            "$",
            "é",
            "_a",
            "A",
        ];
        let mut names: Vec<String> = [Global::Func, Global::Entry, Global::Direct]
            .into_iter()
            .flat_map(|global| exports.map(|export| global_symbol(global, export)))
            .collect();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_$".contains(&byte);
        for name in &names {
            assert!(name.bytes().all(allowed), "{name}");
            assert_eq!(RuntimeSymbol::from_name(name), None);
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for symbol in RuntimeSymbol::ALL {
            assert!(!symbol.name().starts_with("wasm_"), "{symbol:?}");
        }
    }

    #[test]
    fn other_files_are_no_objects() {
        assert_eq!(ObjectFile::parse(b""), None);
        assert_eq!(ObjectFile::parse(b"\x7fELF"), None);
        let target = Target {
            arch: Arch::X86_64,
            os: Os::Linux,
        };
        let of = |compiler_version| {
            write_object(&ObjectParts {
                target,
                compiler_version,
                text: &[],
                tables: &[],
                text_relocations: &[],
                table_relocations: &[],
                locals: &[],
                globals: &[],
                runtime: &[],
            })
        };
        assert!(ObjectFile::parse(&of("precast 1")).is_some());
        assert_eq!(ObjectFile::parse(&of("GCC: 1")), None);
    }

    #[test]
    fn damaged_objects_are_read_without_a_panic() {
        let bytes = write::tests::object();
        for end in 0..bytes.len() {
            let _read = ObjectFile::parse(&bytes[..end]);
        }
        for at in (0..bytes.len()).step_by(crate::DAMAGE_STEP) {
            for flipped in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flipped;
                let _read = ObjectFile::parse(&damaged);
            }
        }
    }
}
