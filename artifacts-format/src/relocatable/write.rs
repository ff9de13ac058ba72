//! Writing the object. See the parent module for the layout.

use object::elf;
use object::write::elf::{FileHeader, Rel, SectionHeader, SectionIndex, Sym, SymbolIndex, Writer};

use super::{COMMENT, TEXT};
use crate::container::write::{Symbol, undefined};
use crate::section::Section;
use crate::symbols::RuntimeSymbol;
use crate::target::{Arch, Target};

/// Functions lie as they do in an artifact relative to the lines of the CPU's caches.
const TEXT_ALIGN: usize = 64;

/// What an object is made of.
#[derive(Debug)]
pub struct ObjectParts<'a> {
    /// What the code runs on.
    pub target: Target,
    /// The compiler's version, for people and for [`ObjectFile`](super::ObjectFile).
    pub compiler_version: &'a str,
    /// Machine code in which calls within it are resolved.
    pub text: &'a [u8],
    /// Constant tables, distances to the code left out.
    pub tables: &'a [u8],
    /// What the linker does to the text.
    pub text_relocations: &'a [Relocation],
    /// What the linker does to the tables.
    pub table_relocations: &'a [Relocation],
    /// Names for people and tools, without NUL.
    pub locals: &'a [Symbol],
    /// Names for the linker, each only once.
    pub globals: &'a [Symbol],
    /// The runtime symbols that the code calls.
    pub runtime: &'a [RuntimeSymbol],
}

/// A place that the linker fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Where, in bytes from the start of the section.
    pub offset: u64,
    /// How.
    pub kind: RelocationKind,
    /// What it refers to.
    pub target: RelocationTarget,
    /// What is added to the target's address.
    pub addend: i64,
}

/// What a [`Relocation`] refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelocationTarget {
    /// The start of the text.
    Text,
    /// The start of the constant tables.
    Tables,
    /// The runtime symbol of this number in [`ObjectParts::runtime`].
    Runtime(usize),
}

/// How a [`Relocation`] is applied. The names are ELF's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelocationKind {
    /// `R_X86_64_PC32`, `R_AARCH64_PREL32`: the distance from the field to the target.
    Distance,
    /// `R_X86_64_GOTPCREL`: the distance from the field to the slot with the target's address.
    X86GotPcRel,
    /// `R_AARCH64_ADR_PREL_PG_HI21`: in `adrp`, the distance in pages to the target's.
    Aarch64Page,
    /// `R_AARCH64_ADD_ABS_LO12_NC`: in `add`, the target's place in its page.
    Aarch64PageOffset,
    /// `R_AARCH64_ADR_GOT_PAGE`: in `adrp`, the distance in pages to that of the slot.
    Aarch64GotPage,
    /// `R_AARCH64_LD64_GOT_LO12_NC`: in `ldr`, the slot's place in its page.
    Aarch64GotPageOffset,
}

impl RelocationKind {
    const fn elf(self, arch: Arch) -> u32 {
        match self {
            Self::Distance => match arch {
                Arch::X86_64 => elf::R_X86_64_PC32,
                Arch::Aarch64 => elf::R_AARCH64_PREL32,
            },
            Self::X86GotPcRel => elf::R_X86_64_GOTPCREL,
            Self::Aarch64Page => elf::R_AARCH64_ADR_PREL_PG_HI21,
            Self::Aarch64PageOffset => elf::R_AARCH64_ADD_ABS_LO12_NC,
            Self::Aarch64GotPage => elf::R_AARCH64_ADR_GOT_PAGE,
            Self::Aarch64GotPageOffset => elf::R_AARCH64_LD64_GOT_LO12_NC,
        }
    }
}

/// A section with contents, and where it goes.
struct Placed<'a> {
    header: SectionHeader,
    index: SectionIndex,
    contents: &'a [u8],
}

/// Writes an object. The same parts give the same bytes.
///
/// # Panics
///
/// If the parts contradict one another (a symbol with a NUL in its name, say), a bug of the
/// caller.
pub fn write_object(parts: &ObjectParts<'_>) -> Vec<u8> {
    let comment = [parts.compiler_version.as_bytes(), b"\0"].concat();
    let mut out = Vec::new();
    let mut writer = Writer::new(object::Endianness::Little, true, &mut out);
    writer.reserve_file_header();
    writer.reserve_null_section_index();
    let alloc = elf::SHF_ALLOC;
    let strings = elf::SHF_MERGE | elf::SHF_STRINGS;
    let sections: [(&str, u32, usize, &[u8]); 4] = [
        (TEXT, alloc | elf::SHF_EXECINSTR, TEXT_ALIGN, parts.text),
        (Section::Tables.name(), alloc, 8, parts.tables),
        (COMMENT, strings, 1, &comment),
        (".note.GNU-stack", 0, 1, &[]),
    ];
    let placed = sections.map(|(name, flags, align, contents)| Placed {
        header: SectionHeader {
            name: Some(writer.add_section_name(name.as_bytes())),
            sh_type: elf::SHT_PROGBITS,
            sh_flags: u64::from(flags),
            sh_addr: 0,
            sh_offset: writer.reserve(contents.len(), align) as u64,
            sh_size: contents.len() as u64,
            sh_link: 0,
            sh_info: 0,
            sh_addralign: align as u64,
            sh_entsize: u64::from(flags == strings),
        },
        index: writer.reserve_section_index(),
        contents,
    });
    let [text, tables, ..] = &placed;
    let relocated: [(&[u8], &[Relocation], SectionIndex); 2] = [
        (b".rela.text", parts.text_relocations, text.index),
        (
            b".rela.precast.tables",
            parts.table_relocations,
            tables.index,
        ),
    ];
    let relocated = relocated.map(|(name, relocations, section)| {
        let name = writer.add_section_name(name);
        writer.reserve_section_index();
        let at = writer.reserve_relocations(relocations.len(), true);
        (name, relocations, section, at)
    });
    let symtab = writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();

    let symbols = Symbols::reserve(&mut writer, parts, text.index, tables.index);
    writer.reserve_symtab();
    writer.reserve_strtab();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    #[expect(
        clippy::expect_used,
        reason = "the header's numbers are constants that fit"
    )]
    writer
        .write_file_header(&FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_REL,
            e_machine: parts.target.elf_machine(),
            e_entry: 0,
            e_flags: 0,
        })
        .expect("a file header can be written");
    for section in &placed {
        writer.write_align(section.header.sh_addralign as usize);
        writer.write(section.contents);
    }
    for (_, relocations, ..) in relocated {
        writer.write_align_relocation();
        for relocation in relocations {
            writer.write_relocation(
                true,
                &Rel {
                    r_offset: relocation.offset,
                    r_sym: symbols.of(relocation.target).0,
                    r_type: relocation.kind.elf(parts.target.arch),
                    r_addend: relocation.addend,
                },
            );
        }
    }
    writer.write_null_symbol();
    for symbol in &symbols.all {
        writer.write_symbol(symbol);
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    for section in &placed {
        writer.write_section_header(&section.header);
    }
    for (name, relocations, section, at) in relocated {
        writer.write_relocation_section_header(name, section, symtab, at, relocations.len(), true);
    }
    writer.write_symtab_section_header(symbols.first_global.0);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    out
}

/// The symbol table, behind its null symbol: local ones first, as ELF wants it.
struct Symbols {
    all: Vec<Sym>,
    text: SymbolIndex,
    tables: SymbolIndex,
    first_global: SymbolIndex,
    first_runtime: SymbolIndex,
}

impl Symbols {
    fn reserve<'a>(
        writer: &mut Writer<'a>,
        parts: &'a ObjectParts<'_>,
        text: SectionIndex,
        tables: SectionIndex,
    ) -> Self {
        let of_section = |section| Sym {
            name: None,
            section: Some(section),
            st_info: (elf::STB_LOCAL << 4) | elf::STT_SECTION,
            st_other: 0,
            st_shndx: 0,
            st_value: 0,
            st_size: 0,
        };
        let mut all = vec![of_section(text), of_section(tables)];
        let local = parts.locals.iter().map(|it| (it, elf::STB_LOCAL));
        let global = parts.globals.iter().map(|it| (it, elf::STB_GLOBAL));
        for (symbol, binding) in local.chain(global) {
            let section = match symbol.section {
                Section::Text => text,
                _ => tables,
            };
            let name = writer.add_string(symbol.name.as_bytes());
            all.push(symbol.defined(name, Some(section), binding));
        }
        for runtime in parts.runtime {
            all.push(undefined(writer.add_string(runtime.name().as_bytes())));
        }
        let null = writer.reserve_null_symbol_index();
        for symbol in &all {
            writer.reserve_symbol_index(symbol.section);
        }
        let first_global = null.0 + 3 + parts.locals.len() as u32;
        Self {
            all,
            text: SymbolIndex(null.0 + 1),
            tables: SymbolIndex(null.0 + 2),
            first_global: SymbolIndex(first_global),
            first_runtime: SymbolIndex(first_global + parts.globals.len() as u32),
        }
    }

    fn of(&self, target: RelocationTarget) -> SymbolIndex {
        match target {
            RelocationTarget::Text => self.text,
            RelocationTarget::Tables => self.tables,
            RelocationTarget::Runtime(number) => SymbolIndex(self.first_runtime.0 + number as u32),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::relocatable::ObjectFile;
    use crate::target::Os;

    fn symbol(name: &str, section: Section, offset: u32, size: u32) -> Symbol {
        Symbol {
            name: name.to_owned(),
            section,
            offset,
            size,
        }
    }

    /// An object with something of everything.
    pub(in crate::relocatable) fn object() -> Vec<u8> {
        let at = |offset, kind, target, addend| Relocation {
            offset,
            kind,
            target,
            addend,
        };
        write_object(&ObjectParts {
            target: Target {
                arch: Arch::X86_64,
                os: Os::Linux,
            },
            compiler_version: "precast 1.2.3",
            text: &[0xcc; 40],
            tables: &[0; 16],
            text_relocations: &[
                at(
                    3,
                    RelocationKind::X86GotPcRel,
                    RelocationTarget::Runtime(1),
                    -4,
                ),
                at(9, RelocationKind::Distance, RelocationTarget::Tables, 4),
            ],
            table_relocations: &[at(4, RelocationKind::Distance, RelocationTarget::Text, 36)],
            locals: &[
                symbol("a b", Section::Text, 0, 16),
                symbol("precast.entry.0", Section::Text, 16, 24),
                symbol("precast.table.0", Section::Tables, 0, 16),
            ],
            globals: &[symbol("wasm_func_a", Section::Text, 0, 16)],
            runtime: &[RuntimeSymbol::Raise, RuntimeSymbol::MemoryGrow],
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = object();
        let object = ObjectFile::parse(&bytes).unwrap();
        assert_eq!(object.target.arch, Arch::X86_64);
        assert_eq!(object.compiler_version, "precast 1.2.3");
        assert_eq!((object.text_bytes, object.functions), (40, 2));
        assert_eq!(object.defined, ["wasm_func_a"]);
        assert_eq!(object.undefined, ["precast_raise", "precast_memory_grow"]);
    }
}
