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
    /// The encoded [`UnwindTable`](crate::UnwindTable).
    pub unwind: &'a [u8],
    /// Lists of function indices.
    pub elements: &'a [u8],
    /// Bytes of data segments that are copied at run time.
    pub passive: &'a [u8],
    /// Initial contents of memories.
    pub image: &'a [u8],
    /// The encoded [`CustomSections`](crate::CustomSections).
    pub custom: &'a [u8],
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

impl Symbol {
    /// As ELF has it, in `section`, with one of the bindings `STB_…`.
    pub(crate) fn defined(
        &self,
        name: StringId,
        section: Option<SectionIndex>,
        binding: u8,
    ) -> Sym {
        let kind = match self.section {
            Section::Text => elf::STT_FUNC,
            _ => elf::STT_OBJECT,
        };
        Sym {
            name: Some(name),
            section,
            st_info: (binding << 4) | kind,
            st_other: 0,
            st_shndx: 0,
            st_value: u64::from(self.offset),
            st_size: u64::from(self.size),
        }
    }
}

/// The symbol of something that is elsewhere.
pub(crate) fn undefined(name: StringId) -> Sym {
    Sym {
        name: Some(name),
        section: None,
        st_info: (elf::STB_GLOBAL << 4) | elf::STT_NOTYPE,
        st_other: 0,
        st_shndx: elf::SHN_UNDEF,
        st_value: 0,
        st_size: 0,
    }
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
            Section::Unwind => parts.unwind,
            Section::Elements => parts.elements,
            Section::Passive => parts.passive,
            Section::Image => parts.image,
            Section::Custom => parts.custom,
        }
    };

    let mut out = Vec::new();
    let mut writer = Writer::new(object::Endianness::Little, true, &mut out);
    writer.reserve_file_header();
    writer.reserve_null_section_index();
    let named = Section::ALL.map(|section| {
        let name = writer.add_section_name(section.name().as_bytes());
        (section, name, writer.reserve_section_index())
    });
    let symtab = writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    let relocations_name = writer.add_section_name(b".rela.got");
    writer.reserve_section_index();
    writer.reserve_shstrtab_section_index();
    // All that is read at load stands together at the front.
    writer.reserve_section_headers();
    writer.reserve_shstrtab();

    let note_len = Note::encoded_len(parts.compiler_version, Section::ALL.len() - 1);
    let page = parts.target.page_bytes() as usize;
    let placed: Vec<Placed> = named
        .into_iter()
        .map(|(section, name, index)| {
            let align = if section.is_paged() { page } else { 8 };
            let size = match section {
                Section::Note => note_len,
                _ => contents(section).len(),
            };
            Placed {
                section,
                name,
                index,
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
    writer.reserve_symtab();
    writer.reserve_strtab();
    let slots = parts.manifest.got.len();
    let relocations_at = writer.reserve_relocations(slots, true);

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
    let first_global = parts.symbols.len() as u32 + 1;
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
    writer.write_shstrtab();
    for placed in &placed {
        writer.pad_until(placed.file_offset);
        writer.write(match placed.section {
            Section::Note => &note,
            section => contents(section),
        });
    }
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
            // To readers of notes this number says how the note's own parts are padded.
            sh_addralign: match self.section {
                Section::Note => 4,
                _ => self.align as u64,
            },
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
        let section = placed
            .iter()
            .find(|placed| placed.section == symbol.section)
            .map(|placed| placed.index);
        writer.write_symbol(&symbol.defined(name, section, elf::STB_LOCAL));
    }
    for &name in names.iter().skip(symbols.len()) {
        writer.write_symbol(&undefined(name));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::container::Artifact;
    use crate::cpu::CpuFeature;
    use crate::funcs::{FuncEntry, FuncTable};
    use crate::manifest::{
        ConstExpr, DataMode, DataSegment, ElementItems, ElementMode, ElementSegment, Export,
        Extent, ExternIndex, GlobalPlan, Import, ImportType, MemoryPlan, Range32, TablePlan,
    };
    use crate::target::{Arch, Os};
    use crate::traps::{TrapCode, TrapTableBuilder};
    use crate::types::{
        FuncType, GlobalType, HeapType, MemoryType, RefType, SubType, TableType, ValType,
    };
    use crate::{
        AddressMapBuilder, ArtifactError, Catches, ConstOp, CustomSections, Handler, Trampolines,
        TypeGroup, UnwindTableBuilder,
    };

    /// A manifest in which every kind of everything occurs.
    fn manifest() -> Manifest {
        let table = TableType::new(ValType::FUNCREF, 1, Some(2));
        let memory = MemoryType::new(1, Some(3));
        let global = |content| GlobalType {
            content,
            mutable: true,
        };
        let reference = |number| RefType::nullable(HeapType::Concrete(number));
        let import = |name: &str, ty| Import {
            module: "env".into(),
            name: name.into(),
            ty,
        };
        let export = |name: &str, index| Export {
            name: name.into(),
            index,
        };
        let value = |ty, init| GlobalPlan {
            ty: global(ty),
            init,
        };
        Manifest {
            module_name: Some("all".into()),
            types: vec![
                SubType::plain(FuncType::new([], [])),
                SubType::plain(FuncType::new(
                    [ValType::I32, ValType::V128],
                    [ValType::EXTERNREF],
                )),
                SubType::plain(FuncType::new([ValType::Ref(reference(3))], [])),
                SubType {
                    is_final: false,
                    supertype: Some(0),
                    func: FuncType::new([], [ValType::Ref(reference(2).non_null())]),
                },
            ],
            type_groups: vec![TypeGroup { first: 2, len: 2 }],
            imports: vec![
                import("f", ImportType::Func(1)),
                import("t", ImportType::Table(table)),
                import("m", ImportType::Memory(memory)),
                import("g", ImportType::Global(global(ValType::I32))),
                import("e", ImportType::Tag(0)),
            ],
            exports: vec![
                export("f", ExternIndex::Func(1)),
                export("t", ExternIndex::Table(1)),
                export("m", ExternIndex::Memory(1)),
                export("g", ExternIndex::Global(7)),
                export("e", ExternIndex::Tag(1)),
            ],
            tables: vec![
                TablePlan {
                    ty: table,
                    constant: None,
                    init: ConstExpr::RefFunc(0),
                },
                TablePlan {
                    ty: table,
                    constant: Some(Range32 { offset: 0, len: 8 }),
                    init: ConstExpr::RefNull(HeapType::Func),
                },
            ],
            memories: vec![MemoryPlan {
                ty: memory,
                image: vec![Extent {
                    memory_offset: 8192,
                    image_offset: 0,
                    len: 4096,
                }],
            }],
            globals: vec![
                value(ValType::I32, ConstExpr::GlobalGet(0)),
                value(ValType::I64, ConstExpr::I64(i64::MIN)),
                value(ValType::F32, ConstExpr::F32(u32::MAX)),
                value(ValType::F64, ConstExpr::F64(u64::MAX)),
                value(ValType::V128, ConstExpr::V128([9; 16])),
                value(ValType::FUNCREF, ConstExpr::RefFunc(1)),
                value(ValType::EXTERNREF, ConstExpr::RefNull(HeapType::Extern)),
                value(
                    ValType::I32,
                    ConstExpr::Ops(
                        [ConstOp::GlobalGet(0), ConstOp::I32(3), ConstOp::I32Mul].into(),
                    ),
                ),
            ],
            tags: vec![2],
            data_segments: vec![
                DataSegment {
                    mode: DataMode::Passive,
                    bytes: Range32 { offset: 1, len: 2 },
                },
                DataSegment {
                    mode: DataMode::InImage,
                    bytes: Range32::default(),
                },
                DataSegment {
                    mode: DataMode::Active {
                        memory: 0,
                        offset: ConstExpr::GlobalGet(0),
                    },
                    bytes: Range32 { offset: 0, len: 3 },
                },
            ],
            element_segments: vec![
                ElementSegment {
                    mode: ElementMode::Active {
                        table: 1,
                        offset: ConstExpr::I32(-1),
                    },
                    items: ElementItems::Funcs(Range32 { offset: 4, len: 4 }),
                },
                ElementSegment {
                    mode: ElementMode::Passive,
                    items: ElementItems::Exprs(vec![ConstExpr::RefFunc(1)]),
                },
                ElementSegment {
                    mode: ElementMode::Dropped,
                    items: ElementItems::Exprs(Vec::new()),
                },
            ],
            start: Some(1),
            escaping: Range32 { offset: 0, len: 8 },
            got: vec!["precast_raise".into(), "precast_memory_grow".into()],
            entry_trampolines: vec![
                Some(Trampolines {
                    slots: 4,
                    direct: None,
                }),
                None,
                None,
                None,
            ],
            import_trampolines: vec![
                None,
                Some(Trampolines {
                    slots: 8,
                    direct: None,
                }),
                None,
                None,
            ],
            features: vec!["a-feature".into()],
            code_offset: 77,
        }
    }

    pub(crate) fn with_parts<R>(run: impl FnOnce(&ArtifactParts<'_>) -> R) -> R {
        let mut traps = TrapTableBuilder::default();
        traps.push(2, TrapCode::Unreachable);
        let mut addresses = AddressMapBuilder::default();
        addresses.push(0, 40);
        let mut unwind = UnwindTableBuilder::default();
        let catches = Catches {
            tag: Some(1),
            keeps_reference: true,
        };
        let handler = Handler {
            catches,
            text_offset: 3,
        };
        unwind.push(2, 16, 8, &[handler]);
        let entry = FuncEntry {
            text_offset: 0,
            type_index: 0,
        };
        run(&ArtifactParts {
            target: Target {
                arch: Arch::X86_64,
                os: Os::Linux,
            },
            cpu_features: [CpuFeature::Avx].into_iter().collect(),
            tunables: Tunables {
                memory_guard_bytes: 65_536,
                memory_checked: true,
                fuel: true,
            },
            compiler_version: "test",
            manifest: &manifest(),
            text: &[0xcc; 12],
            tables: &[0xff; 8],
            funcs: &FuncTable::encode(&[entry], 4),
            traps: &traps.finish(),
            address_map: &addresses.finish(),
            unwind: &unwind.finish(),
            elements: &[0, 0, 0, 0, 1, 0, 0, 0],
            passive: b"abc",
            image: &[7; 4096],
            custom: &CustomSections::encode(&[("producers", b"rust")]),
            symbols: &[Symbol {
                name: "first".into(),
                section: Section::Text,
                offset: 0,
                size: 4,
            }],
        })
    }

    #[test]
    fn every_section_is_read_back_as_it_was_written() {
        with_parts(|parts| {
            let bytes = write(parts);
            let artifact = Artifact::parse(&bytes).unwrap();
            artifact.verify().unwrap();
            assert_eq!(artifact.manifest(), parts.manifest);
            let note = artifact.note();
            assert_eq!(note.target, parts.target);
            assert_eq!(note.cpu_features, parts.cpu_features);
            assert_eq!(note.tunables, parts.tunables);
            assert_eq!(note.compiler_version, parts.compiler_version);
            for (section, expected) in [
                (Section::Text, parts.text),
                (Section::Got, &[0; 16]),
                (Section::Tables, parts.tables),
                (Section::Funcs, parts.funcs),
                (Section::Traps, parts.traps),
                (Section::AddrMap, parts.address_map),
                (Section::Unwind, parts.unwind),
                (Section::Elements, parts.elements),
                (Section::Passive, parts.passive),
                (Section::Image, parts.image),
            ] {
                assert_eq!(artifact.section(section), expected, "{section:?}");
            }
            assert_eq!(artifact.function_name(0), Some("first"));
            let symbols = artifact.code_symbols();
            let symbols = symbols.map(|it| (it.name, it.text_offset, it.code_bytes));
            assert_eq!(symbols.collect::<Vec<_>>(), [("first", 0, 4)]);
            assert_eq!(artifact.traps().lookup(2), Some(TrapCode::Unreachable));
            assert_eq!(artifact.address_map().lookup(3), Some((0, 40)));
        });
    }

    #[test]
    fn mapped_sections_lie_where_code_was_linked_for() {
        with_parts(|parts| {
            let bytes = write(parts);
            let artifact = Artifact::parse(&bytes).unwrap();
            let layout = paged_layout(parts.target, parts.text.len() as u64, 2);
            let text = artifact.file_offset(Section::Text);
            let from_text = |section| artifact.file_offset(section) - text;
            assert_eq!(from_text(Section::Got), layout.got);
            assert_eq!(from_text(Section::Tables), layout.tables);
        });
    }

    #[test]
    fn a_manifest_that_points_outside_is_refused() {
        let wrong: [fn(&mut Manifest); 18] = [
            |m| m.exports[0].index = ExternIndex::Func(2),
            |m| m.imports[0].ty = ImportType::Func(4),
            |m| m.exports[4].index = ExternIndex::Tag(2),
            |m| m.imports[4].ty = ImportType::Tag(4),
            |m| m.imports[4].ty = ImportType::Tag(1),
            |m| m.tags[0] = 3,
            |m| m.type_groups[0].len = 3,
            |m| m.type_groups.clear(),
            |m| m.types[3].supertype = Some(3),
            |m| {
                m.imports[3].ty = ImportType::Global(GlobalType {
                    content: ValType::Ref(RefType::nullable(HeapType::Concrete(4))),
                    mutable: false,
                })
            },
            |m| m.globals[7].init = ConstExpr::Ops([ConstOp::I32Add].into()),
            |m| m.memories[0].image[0].memory_offset = 65_536,
            |m| m.tables[1].constant = Some(Range32 { offset: 8, len: 8 }),
            |m| m.globals[0].init = ConstExpr::GlobalGet(1),
            |m| m.data_segments[0].bytes.len = 3,
            |m| m.escaping.len = 12,
            |m| {
                m.entry_trampolines[0] = Some(Trampolines {
                    slots: 12,
                    direct: None,
                })
            },
            |m| {
                m.import_trampolines[1] = Some(Trampolines {
                    slots: 8,
                    direct: Some(9),
                })
            },
        ];
        for (number, change) in wrong.into_iter().enumerate() {
            let mut manifest = manifest();
            change(&mut manifest);
            let bytes = with_parts(|parts| {
                write(&ArtifactParts {
                    manifest: &manifest,
                    symbols: parts.symbols,
                    ..*parts
                })
            });
            let found = Artifact::parse(&bytes).err();
            assert!(
                matches!(found, Some(ArtifactError::Damaged { .. })),
                "change {number}: {found:?}"
            );
        }
    }
}
