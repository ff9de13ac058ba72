//! The container: an ELF64 relocatable file.
//!
//! ```text
//! ┌ file header ┐┌ section headers ┐┌ .shstrtab ┐┌ note ┐┌ manifest ┐
//! ├ page ───────┴┴─────────────────┴┴───────────┴┴──────┴┴──────────┘
//! │ .text
//! ├ page
//! │ .got                │ the distances between these three are fixed when the code is linked
//! ├ page
//! │ .precast.tables
//! ├ 8 bytes
//! │ .precast.funcs  .traps  .addrmap  .unwind  .elems  .passive
//! ├ page
//! │ .precast.image
//! ├ 8 bytes
//! │ .precast.custom
//! ├ 8 bytes
//! │ .symtab  .strtab  .rela.got
//! └
//! ```
//!
//! The note holds place, size and digest of every section, so that the section headers, which are
//! there for `readelf`, `objdump` and `gdb`, are believed only where they agree with it. Symbols
//! name functions, trampolines and tables; the symbol of defined function `i` is number `i + 1`,
//! after the null symbol. `.rela.got` says for tools what the manifest's list of slots says to the
//! loader, and what a linker would do.

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};

use crate::addrmap::AddressMap;
use crate::bytes::name_at;
use crate::compat::Host;
use crate::custom::CustomSections;
use crate::error::ArtifactError;
use crate::funcs::FuncTable;
use crate::manifest::Manifest;
use crate::note::Note;
use crate::section::Section;
use crate::traps::TrapTable;
use crate::unwind::UnwindTable;

mod head;
#[cfg(feature = "write")]
pub(crate) mod write;

const EXPECTED_ELF: ArtifactError = ArtifactError::NotAnArtifact {
    expected: "a 64-bit little-endian ELF header",
};
const SECTION_ALIGN: u64 = 8;
/// More than the name of any section that has a meaning, in bytes.
const MAX_NAME_BYTES: usize = 32;
const TOO_SHORT: &str = "the table is shorter than it says";

/// An artifact: bytes that have been checked as far as can be done without reading all of them.
///
/// What has been checked: the container, the note with its digest, the manifest with its digest
/// and every index in it, and, but for one that is to run, the frames of all tables: loading touches
/// no page that it does not need. What has not: that code, images and tables are what the compiler
/// wrote. A table whose frame is damaged reads as an empty one. [`Artifact::verify`] compares all of them with their digests;
/// digests are no signature, and running code stays a matter of trust.
#[derive(Debug, Clone)]
pub struct Artifact<'a> {
    bytes: &'a [u8],
    note: Note,
    manifest: Manifest,
    sections: [&'a [u8]; Section::ALL.len()],
    funcs: FuncTable<'a>,
    symbols: &'a [elf::Sym64<LE>],
    strings: &'a [u8],
}

impl<'a> Artifact<'a> {
    /// Whether `bytes` start as an ELF file does (an artifact, then, rather than a module).
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.starts_with(&elf::ELFMAG)
    }

    /// Reads an artifact, for any machine.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotAnArtifact`], [`ArtifactError::Damaged`], and
    /// [`ArtifactError::Incompatible`] for another version of the format or the ABI.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        let artifact = Self::parse_for(bytes, None)?;
        artifact.check_frames()?;
        Ok(artifact)
    }

    /// Reads an artifact that is to run on `host`.
    ///
    /// # Errors
    ///
    /// As [`Artifact::parse`], and [`ArtifactError::Incompatible`] with everything in which the
    /// artifact does not fit the host.
    pub fn parse_on(bytes: &'a [u8], host: &Host) -> Result<Self, ArtifactError> {
        let artifact = Self::parse_for(bytes, Some(host))?;
        artifact.note.check(host)?;
        Ok(artifact)
    }

    fn parse_for(bytes: &'a [u8], host: Option<&Host>) -> Result<Self, ArtifactError> {
        let container = Container::parse(bytes)?;
        let note_bytes = container.section(Section::Note)?;
        let note = Note::decode(note_bytes.bytes, host)?;
        if container.machine != note.target.elf_machine() {
            return Err(ArtifactError::container(
                18,
                "the ELF machine is not the note's",
            ));
        }
        // The note's own bytes stand in until the others have been found.
        let mut sections = [note_bytes.bytes; Section::ALL.len()];
        for section in Section::ALL.into_iter().filter(|&s| s != Section::Note) {
            let found = container.section(section)?;
            let mut entries = note.sections.iter().filter(|e| e.section == section);
            let (Some(entry), None) = (entries.next(), entries.next()) else {
                let what = "the note does not list each section once";
                return Err(ArtifactError::damaged(Section::Note, 0, what));
            };
            let agrees =
                entry.file_offset == found.file_offset && entry.size == found.bytes.len() as u64;
            if !agrees {
                let what = "a section is not where the note says";
                return Err(ArtifactError::container(found.file_offset, what));
            }
            let align = if section.is_paged() {
                u64::from(note.page_bytes)
            } else {
                SECTION_ALIGN
            };
            if !found.file_offset.is_multiple_of(align) {
                let what = "a section is not aligned";
                return Err(ArtifactError::container(found.file_offset, what));
            }
            if let Some(place) = sections.get_mut(section as usize) {
                *place = found.bytes;
            }
        }
        Self::parse_sections(bytes, note, sections, &container)
    }

    fn parse_sections(
        bytes: &'a [u8],
        note: Note,
        sections: [&'a [u8]; Section::ALL.len()],
        container: &Container<'a>,
    ) -> Result<Self, ArtifactError> {
        let bytes_of = |section: Section| sections.get(section as usize).copied().unwrap_or(&[]);
        let damaged = |section, what| ArtifactError::damaged(section, 0, what);

        digest_matches(&note, Section::Manifest, bytes_of(Section::Manifest))?;
        let manifest = Manifest::decode(bytes_of(Section::Manifest))
            .ok_or_else(|| damaged(Section::Manifest, "the manifest cannot be decoded"))?;
        let funcs = FuncTable::parse(bytes_of(Section::Funcs))
            .ok_or_else(|| damaged(Section::Funcs, TOO_SHORT))?;
        let artifact = Self {
            bytes,
            note,
            manifest,
            sections,
            funcs,
            symbols: container.symbols,
            strings: container.strings,
        };
        crate::check::manifest(&artifact.manifest, &artifact)
            .map_err(|what| damaged(Section::Manifest, what))?;
        Ok(artifact)
    }

    fn check_frames(&self) -> Result<(), ArtifactError> {
        let checks = [
            (
                Section::Traps,
                TrapTable::parse(self.section(Section::Traps)).is_some(),
            ),
            (
                Section::AddrMap,
                AddressMap::parse(self.section(Section::AddrMap)).is_some(),
            ),
            (
                Section::Unwind,
                UnwindTable::parse(self.section(Section::Unwind)).is_some(),
            ),
            (
                Section::Custom,
                CustomSections::parse(self.section(Section::Custom)).is_some(),
            ),
        ];
        match checks.into_iter().find(|&(_, whole)| !whole) {
            None => Ok(()),
            Some((section, _)) => Err(ArtifactError::damaged(section, 0, TOO_SHORT)),
        }
    }

    /// Compares every section with its digest.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Damaged`] for the first section that differs.
    pub fn verify(&self) -> Result<(), ArtifactError> {
        Section::ALL
            .into_iter()
            .filter(|&section| section != Section::Note)
            .try_for_each(|section| digest_matches(&self.note, section, self.section(section)))
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The note.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The manifest. All its indices and ranges are within what they point into.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest, given away.
    pub fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// The bytes of a section.
    pub fn section(&self, section: Section) -> &'a [u8] {
        self.sections.get(section as usize).copied().unwrap_or(&[])
    }

    /// Where a section starts, in bytes from the start of the file.
    pub fn file_offset(&self, section: Section) -> u64 {
        let mut entries = self.note.sections.iter();
        entries
            .find(|entry| entry.section == section)
            .map_or(0, |entry| entry.file_offset)
    }

    /// The defined functions.
    pub fn funcs(&self) -> FuncTable<'a> {
        self.funcs
    }

    /// The trap sites.
    pub fn traps(&self) -> TrapTable<'a> {
        TrapTable::parse(self.section(Section::Traps)).unwrap_or_default()
    }

    /// The address map.
    pub fn address_map(&self) -> AddressMap<'a> {
        AddressMap::parse(self.section(Section::AddrMap)).unwrap_or_default()
    }

    /// Where calls go on after an exception.
    pub fn unwind(&self) -> UnwindTable<'a> {
        UnwindTable::parse(self.section(Section::Unwind)).unwrap_or_default()
    }

    /// The module's custom sections that were kept.
    pub fn custom_sections(&self) -> CustomSections<'a> {
        CustomSections::parse(self.section(Section::Custom)).unwrap_or_default()
    }

    /// The name of the defined function at `index`, or `None` if the symbols were stripped. Of a name of
    /// more than 4 KiB, its start.
    pub fn function_name(&self, index: u32) -> Option<&'a str> {
        let symbol = self.symbols.get((index as usize).checked_add(1)?)?;
        let expected = u64::from(self.funcs.get(index)?.text_offset);
        if symbol.st_type() != elf::STT_FUNC || symbol.st_value(LE) != expected {
            return None;
        }
        self.symbol_name(symbol)
    }

    /// The pieces of code that have a name, in the order of the symbols: functions, then
    /// trampolines and thunks; nothing if the symbols were stripped. No digest covers them.
    pub fn code_symbols(&self) -> impl Iterator<Item = CodeSymbol<'a>> {
        let text_bytes = self.section(Section::Text).len() as u64;
        self.symbols.iter().filter_map(move |symbol| {
            let (start, size) = (symbol.st_value(LE), symbol.st_size(LE));
            let fits = start.checked_add(size).is_some_and(|end| end <= text_bytes);
            if symbol.st_type() != elf::STT_FUNC || !fits {
                return None;
            }
            Some(CodeSymbol {
                name: self.symbol_name(symbol)?,
                text_offset: u32::try_from(start).ok()?,
                code_bytes: u32::try_from(size).ok()?,
            })
        })
    }

    fn symbol_name(&self, symbol: &elf::Sym64<LE>) -> Option<&'a str> {
        name_at(self.strings, symbol.st_name(LE))
    }
}

/// A piece of code that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSymbol<'a> {
    /// Its name, which may hold anything but NUL; of one of more than 4 KiB, its start.
    pub name: &'a str,
    /// Where it starts, in bytes from the start of `.text`.
    pub text_offset: u32,
    /// Its length in bytes, padding not included.
    pub code_bytes: u32,
}

fn digest_matches(note: &Note, section: Section, bytes: &[u8]) -> Result<(), ArtifactError> {
    let expected = note.sections.iter().find(|entry| entry.section == section);
    let digest = blake3::hash(bytes);
    if expected.is_some_and(|entry| digest.as_bytes() == &entry.digest) {
        Ok(())
    } else {
        let what = "the bytes do not match their digest";
        Err(ArtifactError::damaged(section, 0, what))
    }
}

/// What comes before the first zero byte; nothing if that is longer than any name that has a meaning.
///
/// A library would look for the zero byte with vector instructions, and ask the CPU first which it has:
/// the only question to it when most artifacts are loaded, and where machines are virtual a slow one.
fn first_word(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes);
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(0);
    bytes.get(..end).unwrap_or(&[])
}

/// The ELF file, before anything in it has a meaning.
struct Container<'a> {
    machine: u16,
    sections: [Option<Found<'a>>; Section::ALL.len()],
    symbols: &'a [elf::Sym64<LE>],
    strings: &'a [u8],
}

#[derive(Clone, Copy)]
struct Found<'a> {
    file_offset: u64,
    bytes: &'a [u8],
}

impl<'a> Container<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        let header = elf::FileHeader64::<LE>::parse(bytes).map_err(|_| EXPECTED_ELF)?;
        if !header.is_little_endian() || header.e_type(LE) != elf::ET_REL {
            return Err(EXPECTED_ELF);
        }
        let table_at = header.e_shoff(LE);
        let damaged = |what| ArtifactError::container(table_at, what);
        let headers = header
            .section_headers(LE, bytes)
            .map_err(|_| damaged("the section headers lie outside the file"))?;
        let names = header
            .shstrndx(LE, bytes)
            .ok()
            .and_then(|index| headers.get(index as usize)?.data(LE, bytes).ok())
            .ok_or_else(|| damaged("the section names lie outside the file"))?;

        let mut sections = [None; Section::ALL.len()];
        let mut symbols: &[elf::Sym64<LE>] = &[];
        let mut strings: &[u8] = &[];
        for header in headers {
            let name = names
                .get(header.sh_name(LE) as usize..)
                .map(first_word)
                .ok_or_else(|| damaged("a section's name lies outside the names"))?;
            // Of every section, so that a file that has been cut is noticed.
            let data = header
                .data(LE, bytes)
                .map_err(|_| damaged("a section lies outside the file"))?;
            if name == b".symtab" {
                // Names are a help for people: where they are damaged, there are none.
                symbols = header.data_as_array(LE, bytes).unwrap_or_default();
            } else if name == b".strtab" {
                strings = data;
            } else if let Some(section) = Section::from_name(name) {
                let found = Found {
                    file_offset: header.sh_offset(LE),
                    bytes: data,
                };
                let place = sections.get_mut(section as usize);
                if place.is_some_and(|place| place.replace(found).is_some()) {
                    return Err(damaged("a section is there twice"));
                }
            }
        }
        Ok(Self {
            machine: header.e_machine(LE),
            sections,
            symbols,
            strings,
        })
    }

    fn section(&self, section: Section) -> Result<Found<'a>, ArtifactError> {
        let found = self.sections.get(section as usize).copied().flatten();
        found.ok_or(match section {
            Section::Note => ArtifactError::NotAnArtifact {
                expected: "the section .note.precast",
            },
            _ => ArtifactError::damaged(section, 0, "the section is missing"),
        })
    }
}
