//! Writing the container. See the parent module for the layout.

use object::elf;
use object::write::StringId;
use object::write::elf::{FileHeader, Rel, SectionHeader, SectionIndex, Sym, Writer};

use crate::abi::ABI_VERSION;
use crate::cpu::CpuFeatures;
use crate::manifest::Manifest;
use crate::note::{FORMAT_VERSION, Note, SectionDigest, Tunables};
use crate::section::Section;
use crate::target::Target;

/// What an artifact is made of.
#[derive(Debug)]
pub struct ArtifactParts<'a> {
    /// What the code runs on.
    pub target: Target,
    /// What the code really uses.
    pub cpu_features: CpuFeatures,
    /// How memories are laid out.
    pub tunables: Tunables,
    /// The compiler's version, for people.
    pub compiler_version: &'a str,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Linked machine code.
    pub text: &'a [u8],
    /// Constant tables.
    pub tables: &'a [u8],
    /// The encoded [`FuncTable`](crate::FuncTable).
    pub funcs: &'a [u8],
    /// The encoded [`TrapTable`](crate::TrapTable).
    pub traps: &'a [u8],
    /// The encoded [`AddressMap`](crate::AddressMap).
    pub address_map: &'a [u8],
    /// Lists of function indices.
    pub elements: &'a [u8],
    /// Bytes of data segments that are copied at run time.
    pub passive: &'a [u8],
    /// Initial contents of memories.
    pub image: &'a [u8],
    /// Names for people and tools; those of the defined functions first, in order.
    pub symbols: &'a [Symbol],
}

/// A name for a place in the artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// The name, without NUL.
    pub name: String,
    /// The section it is in: the text or the constant tables.
    pub section: Section,
    /// Where, in bytes from the start of the section.
    pub offset: u32,
    /// Its length in bytes.
    pub size: u32,
}

/// Where `.got` and the constant tables come to lie, in bytes from the start of `.text`.
///
/// This is what the compiler links the code against.
pub fn paged_layout(target: Target, text_len: u64, slots: usize) -> PagedLayout {
    let page = u64::from(target.page_bytes());
    let got = text_len.next_multiple_of(page);
    PagedLayout {
        got,
        tables: (got + slots as u64 * 8).next_multiple_of(page),
    }
}

/// See [`paged_layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagedLayout {
    /// From the start of `.text` to the first slot.
    pub got: u64,
    /// From the start of `.text` to the first constant table.
    pub tables: u64,
}

/// Writes an artifact. The same parts give the same bytes.
///
/// # Panics
///
/// If the parts contradict one another (a symbol with a NUL in its name, say), a bug of the
/// caller.
pub fn write(parts: &ArtifactParts<'_>) -> Vec<u8> {
    let manifest = parts.manifest.encode();
    let got = vec![0; parts.manifest.got.len() * 8];
    let contents = |section: Section| -> &[u8] {
        match section {
            Section::Note => &[],
            Section::Manifest => &manifest,
            Section::Text => parts.text,
            Section::Got => &got,
            Section::Tables => parts.tables,
            Section::Funcs => parts.funcs,
            Section::Traps => parts.traps,
            Section::AddrMap => parts.address_map,
            Section::Elements => parts.elements,
            Section::Passive => parts.passive,
            Section::Image => parts.image,
        }
    };

    let mut out = Vec::new();
    let mut writer = Writer::new(object::Endianness::Little, true, &mut out);
    writer.reserve_file_header();
    writer.reserve_null_section_index();
    let note_len = Note::encoded_len(parts.compiler_version, Section::ALL.len() - 1);
    let page = parts.target.page_bytes() as usize;
    let placed: Vec<Placed> = Section::ALL
        .into_iter()
        .map(|section| {
            let align = if section.is_paged() { page } else { 8 };
            let size = match section {
                Section::Note => note_len,
                _ => contents(section).len(),
            };
            Placed {
                section,
                name: writer.add_section_name(section.name().as_bytes()),
                index: writer.reserve_section_index(),
                align,
                file_offset: writer.reserve(size, align),
                size,
            }
        })
        .collect();

    writer.reserve_null_symbol_index();
    let local = parts.symbols.iter().map(|symbol| &symbol.name);
    let names: Vec<_> = local
        .chain(&parts.manifest.got)
        .map(|name| {
            writer.reserve_symbol_index(None);
            writer.add_string(name.as_bytes())
        })
        .collect();
    let symtab = writer.reserve_symtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab_section_index();
    writer.reserve_strtab();
    let relocations_name = writer.add_section_name(b".rela.got");
    writer.reserve_section_index();
    let slots = parts.manifest.got.len();
    let relocations_at = writer.reserve_relocations(slots, true);
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    let note = Note {
        format_version: FORMAT_VERSION,
        abi_version: ABI_VERSION,
        target: parts.target,
        page_bytes: parts.target.page_bytes(),
        cpu_features: parts.cpu_features,
        tunables: parts.tunables,
        compiler_version: parts.compiler_version.to_owned(),
        sections: placed
            .iter()
            .filter(|placed| placed.section != Section::Note)
            .map(|placed| SectionDigest {
                section: placed.section,
                file_offset: placed.file_offset as u64,
                size: placed.size as u64,
                digest: *blake3::hash(contents(placed.section)).as_bytes(),
            })
            .collect(),
    };
    let note = note.encode();

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
    for placed in &placed {
        writer.pad_until(placed.file_offset);
        writer.write(match placed.section {
            Section::Note => &note,
            section => contents(section),
        });
    }
    let first_global = parts.symbols.len() as u32 + 1;
    write_symbols(&mut writer, parts.symbols, &names, &placed);
    writer.write_strtab();
    writer.write_align_relocation();
    for slot in 0..slots as u32 {
        writer.write_relocation(
            true,
            &Rel {
                r_offset: u64::from(slot) * 8,
                r_sym: first_global + slot,
                r_type: parts.target.elf_abs64(),
                r_addend: 0,
            },
        );
    }
    writer.write_shstrtab();
    writer.write_null_section_header();
    for placed in &placed {
        writer.write_section_header(&placed.header());
    }
    writer.write_symtab_section_header(first_global);
    writer.write_strtab_section_header();
    let got = placed.iter().find(|placed| placed.section == Section::Got);
    writer.write_relocation_section_header(
        relocations_name,
        got.map(|placed| placed.index).unwrap_or_default(),
        symtab,
        relocations_at,
        slots,
        true,
    );
    writer.write_shstrtab_section_header();
    out
}

struct Placed {
    section: Section,
    name: StringId,
    index: SectionIndex,
    align: usize,
    file_offset: usize,
    size: usize,
}

impl Placed {
    fn header(&self) -> SectionHeader {
        let (sh_type, flags) = match self.section {
            Section::Note => (elf::SHT_NOTE, elf::SHF_ALLOC),
            Section::Text => (elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_EXECINSTR),
            Section::Got => (elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_WRITE),
            Section::Tables | Section::Image => (elf::SHT_PROGBITS, elf::SHF_ALLOC),
            _ => (elf::SHT_PROGBITS, 0),
        };
        SectionHeader {
            name: Some(self.name),
            sh_type,
            sh_flags: u64::from(flags),
            sh_addr: 0,
            sh_offset: self.file_offset as u64,
            sh_size: self.size as u64,
            sh_link: 0,
            sh_info: 0,
            sh_addralign: self.align as u64,
            sh_entsize: 0,
        }
    }
}

/// Writes the local symbols, then an undefined one for each name that is left: the slots'.
fn write_symbols(
    writer: &mut Writer<'_>,
    symbols: &[Symbol],
    names: &[StringId],
    placed: &[Placed],
) {
    writer.write_null_symbol();
    for (symbol, &name) in symbols.iter().zip(names) {
        let kind = match symbol.section {
            Section::Text => elf::STT_FUNC,
            _ => elf::STT_OBJECT,
        };
        let section = placed
            .iter()
            .find(|placed| placed.section == symbol.section)
            .map(|placed| placed.index);
        writer.write_symbol(&Sym {
            name: Some(name),
            section,
            st_info: (elf::STB_LOCAL << 4) | kind,
            st_other: 0,
            st_shndx: 0,
            st_value: u64::from(symbol.offset),
            st_size: u64::from(symbol.size),
        });
    }
    for &name in names.iter().skip(symbols.len()) {
        writer.write_symbol(&Sym {
            name: Some(name),
            section: None,
            st_info: (elf::STB_GLOBAL << 4) | elf::STT_NOTYPE,
            st_other: 0,
            st_shndx: elf::SHN_UNDEF,
            st_value: 0,
            st_size: 0,
        });
    }
}
