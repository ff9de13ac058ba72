//! Making a program of a runner and an artifact.
//!
//! ```text
//! copy the runner up to the end of what the system loads
//! append the segment, then headers for the sections that are left, and for one more
//! turn the program header of the runner's note into that of the segment
//! ```
//!
//! What is not loaded (symbols, DWARF of the runner) is left out, so that a program is as small as if it
//! had been stripped. The new segment comes after all others, in the file, in memory and in the table of
//! program headers, as the system wants it.

use std::fmt;

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::pod::bytes_of;
use object::read::StringTable;
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian as LE, U16, U32, U64};

use super::{PROGRAM_ALIGN, RUNNER_NOTE_SECTION, RunnerNote, SECTION, segment};
use crate::container::Artifact;
use crate::error::ArtifactError;

/// Why no program can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The runner is none.
    NotARunner {
        /// What is not as it should be.
        what: &'static str,
    },
    /// It is one for artifacts of other versions.
    OtherVersion,
    /// It is one for another kind of machine than the artifact.
    OtherMachine,
    /// The artifact is none.
    Artifact(ArtifactError),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARunner { what } => write!(f, "not a runner: {what}"),
            Self::OtherVersion => f.write_str("a runner of another version of precast"),
            Self::OtherMachine => f.write_str("a runner for another kind of machine"),
            Self::Artifact(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AttachError {}

/// A file that has been found to be a runner.
#[derive(Debug, Clone, Copy)]
pub struct Runner<'a> {
    bytes: &'a [u8],
    header: &'a FileHeader64<LE>,
    segments: &'a [ProgramHeader64<LE>],
    /// The sections that are loaded, the null section included.
    sections: &'a [SectionHeader64<LE>],
    names: StringTable<'a>,
    /// Which of the segments is that of the note.
    note_segment: usize,
    /// Where in the file what is loaded ends, in bytes.
    file_end: u64,
    /// Where in memory it ends.
    memory_end: u64,
}

impl<'a> Runner<'a> {
    /// Looks at a runner.
    ///
    /// # Errors
    ///
    /// If it is none, or not one of this version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AttachError> {
        let no = |what| AttachError::NotARunner { what };
        let header = FileHeader64::<LE>::parse(bytes).map_err(|_| no("it is not an ELF file"))?;
        let is_executable = matches!(header.e_type(LE), elf::ET_DYN | elf::ET_EXEC);
        if !header.is_little_endian() || !is_executable {
            return Err(no("it is not an executable"));
        }
        let segments = header
            .program_headers(LE, bytes)
            .map_err(|_| no("its program headers are damaged"))?;
        let all = header
            .section_headers(LE, bytes)
            .map_err(|_| no("its section headers are damaged"))?;
        let names = header
            .section_strings(LE, bytes, all)
            .map_err(|_| no("its section names are damaged"))?;

        let is_loaded = |section: &SectionHeader64<LE>| {
            section.sh_flags(LE) & u64::from(elf::SHF_ALLOC) != 0
                || section.sh_type(LE) == elf::SHT_NULL
        };
        let loaded = all.iter().take_while(|section| is_loaded(section)).count();
        let (sections, others) = all
            .split_at_checked(loaded)
            .ok_or(no("its section headers are damaged"))?;
        if loaded >= usize::from(elf::SHN_LORESERVE) - 2 {
            return Err(no("it has too many sections"));
        }
        if others.iter().any(is_loaded) {
            // Sections refer to others by their numbers, which would change.
            return Err(no("its sections are not in the usual order"));
        }

        let note = sections
            .iter()
            .find(|section| section.name(LE, names) == Ok(RUNNER_NOTE_SECTION.as_bytes()))
            .ok_or(no("it has no note that says so"))?;
        let found = note
            .data(LE, bytes)
            .map_err(|_| no("its note is damaged"))?;
        if found != encode(&RunnerNote::THIS) {
            return Err(AttachError::OtherVersion);
        }
        let place = |offset, size| (offset, size);
        let note_segment = segments
            .iter()
            .position(|segment| {
                segment.p_type(LE) == elf::PT_NOTE
                    && place(segment.p_offset(LE), segment.p_filesz(LE))
                        == place(note.sh_offset(LE), note.sh_size(LE))
            })
            .ok_or(no(
                "its note has no segment of its own; is it a program already?",
            ))?;

        let is_load = |segment: &&ProgramHeader64<LE>| segment.p_type(LE) == elf::PT_LOAD;
        let last = segments
            .iter()
            .rposition(|segment| is_load(&segment))
            .ok_or(no("nothing of it is loaded"))?;
        if note_segment < last {
            return Err(no("its program headers are not in the usual order"));
        }
        let (mut file_end, mut memory_end) = (0, 0);
        for segment in segments.iter().filter(is_load) {
            let ends = [
                (segment.p_offset(LE), segment.p_filesz(LE)),
                (segment.p_vaddr(LE), segment.p_memsz(LE)),
            ];
            let [Some(in_file), Some(in_memory)] =
                ends.map(|(start, size)| start.checked_add(size))
            else {
                return Err(no("a segment has no end"));
            };
            file_end = file_end.max(in_file);
            memory_end = memory_end.max(in_memory);
        }
        if file_end > bytes.len() as u64 || memory_end > u64::MAX / 2 {
            return Err(no("a segment lies outside of it"));
        }
        Ok(Self {
            bytes,
            header,
            segments,
            sections,
            names,
            note_segment,
            file_end,
            memory_end,
        })
    }

    /// The program that runs `artifact`, and finds `words` beside it.
    ///
    /// # Errors
    ///
    /// If the artifact is none, or not for the runner's kind of machine.
    ///
    /// # Panics
    ///
    /// If a word holds a zero byte.
    pub fn attach(&self, artifact: &[u8], words: &[String]) -> Result<Vec<u8>, AttachError> {
        let parsed = Artifact::parse(artifact).map_err(AttachError::Artifact)?;
        if parsed.note().target.elf_machine() != self.header.e_machine(LE) {
            return Err(AttachError::OtherMachine);
        }
        let damaged = AttachError::NotARunner {
            what: "its headers lie outside of it",
        };
        let usize = |number: u64| usize::try_from(number).map_err(|_| damaged.clone());

        let loaded = self.bytes.get(..usize(self.file_end)?);
        let mut program = loaded.ok_or(damaged.clone())?.to_vec();
        let align = PROGRAM_ALIGN as usize;
        program.resize(program.len().next_multiple_of(align), 0);
        let segment = segment(artifact, words);
        let (offset, size) = (program.len() as u64, segment.len() as u64);
        let address = self.memory_end.next_multiple_of(PROGRAM_ALIGN);
        program.extend_from_slice(&segment);
        program.resize(program.len().next_multiple_of(8), 0);

        let (names, sections) = self.section_table(offset, address, size, program.len() as u64);
        program.extend_from_slice(&names);
        program.resize(program.len().next_multiple_of(8), 0);
        let mut header = *self.header;
        header.e_shoff = U64::new(LE, program.len() as u64);
        header.e_shnum = U16::new(LE, sections.len() as u16);
        header.e_shstrndx = U16::new(LE, sections.len() as u16 - 1);
        for section in &sections {
            program.extend_from_slice(bytes_of(section));
        }

        let mut segments = self.segments.to_vec();
        if let Some(header) = segments.get_mut(self.note_segment) {
            *header = ProgramHeader64 {
                p_type: U32::new(LE, elf::PT_LOAD),
                p_flags: U32::new(LE, elf::PF_R),
                p_offset: U64::new(LE, offset),
                p_vaddr: U64::new(LE, address),
                p_paddr: U64::new(LE, address),
                p_filesz: U64::new(LE, size),
                p_memsz: U64::new(LE, size),
                p_align: U64::new(LE, PROGRAM_ALIGN),
            };
        }
        let mut put = |at: usize, bytes: &[u8]| {
            let end = at.checked_add(bytes.len());
            let place = end.and_then(|end| program.get_mut(at..end));
            place.ok_or(damaged.clone())?.copy_from_slice(bytes);
            Ok(())
        };
        put(0, bytes_of(&header))?;
        let segments: Vec<u8> = segments.iter().flat_map(bytes_of).copied().collect();
        put(usize(self.header.e_phoff(LE))?, &segments)?;
        Ok(program)
    }

    /// The names of the sections that are loaded and of two more (the segment, these names, which
    /// are to come to `names_offset`), and the headers of all.
    fn section_table(
        &self,
        offset: u64,
        address: u64,
        size: u64,
        names_offset: u64,
    ) -> (Vec<u8>, Vec<SectionHeader64<LE>>) {
        let mut names = Vec::new();
        let mut add_name = |name: &[u8]| {
            let at = names.len() as u32;
            names.extend_from_slice(name);
            names.push(0);
            U32::new(LE, at)
        };
        let mut sections = self.sections.to_vec();
        for section in &mut sections {
            section.sh_name = add_name(section.name(LE, self.names).unwrap_or(b""));
        }
        let new = |name, section_type, flags: u32| SectionHeader64 {
            sh_name: name,
            sh_type: U32::new(LE, section_type),
            sh_flags: U64::new(LE, flags.into()),
            sh_addr: U64::new(LE, 0),
            sh_offset: U64::new(LE, 0),
            sh_size: U64::new(LE, 0),
            sh_link: U32::new(LE, 0),
            sh_info: U32::new(LE, 0),
            sh_addralign: U64::new(LE, 1),
            sh_entsize: U64::new(LE, 0),
        };
        sections.push(SectionHeader64 {
            sh_addr: U64::new(LE, address),
            sh_offset: U64::new(LE, offset),
            sh_size: U64::new(LE, size),
            sh_addralign: U64::new(LE, PROGRAM_ALIGN),
            ..new(
                add_name(SECTION.as_bytes()),
                elf::SHT_PROGBITS,
                elf::SHF_ALLOC,
            )
        });
        let own_name = add_name(b".shstrtab");
        sections.push(SectionHeader64 {
            sh_offset: U64::new(LE, names_offset),
            sh_size: U64::new(LE, names.len() as u64),
            ..new(own_name, elf::SHT_STRTAB, 0)
        });
        (names, sections)
    }
}

/// The note as it is in the file of a little-endian machine.
fn encode(note: &RunnerNote) -> Vec<u8> {
    let RunnerNote {
        name_bytes,
        desc_bytes,
        note_type,
        name,
        format_version,
        abi_version,
        zero,
    } = note;
    let mut bytes: Vec<u8> = [name_bytes, desc_bytes, note_type]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    bytes.extend_from_slice(name);
    for number in [format_version, abi_version, zero] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::Endianness;
    use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Writer};

    /// A runner that holds nothing but its note, and a section that is not loaded.
    fn runner() -> Vec<u8> {
        let note = encode(&RunnerNote::THIS);
        let mut bytes = Vec::new();
        let mut writer = Writer::new(Endianness::Little, true, &mut bytes);
        writer.reserve_file_header();
        writer.reserve_program_headers(2);
        let note_name = writer.add_section_name(RUNNER_NOTE_SECTION.as_bytes());
        let comment_name = writer.add_section_name(b".comment");
        writer.reserve_null_section_index();
        writer.reserve_section_index();
        writer.reserve_section_index();
        writer.reserve_shstrtab_section_index();
        let note_offset = writer.reserve(note.len(), 32) as u64;
        let comment_offset = writer.reserve(7, 1) as u64;
        writer.reserve_shstrtab();
        writer.reserve_section_headers();
        let header = FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_DYN,
            e_machine: elf::EM_X86_64,
            e_entry: 0,
            e_flags: 0,
        };
        writer.write_file_header(&header).unwrap();
        writer.write_align_program_headers();
        let end = note_offset + note.len() as u64;
        for (p_type, start, align) in [(elf::PT_LOAD, 0, 4096), (elf::PT_NOTE, note_offset, 32)] {
            writer.write_program_header(&ProgramHeader {
                p_type,
                p_flags: elf::PF_R,
                p_offset: start,
                p_vaddr: start,
                p_paddr: start,
                p_filesz: end - start,
                p_memsz: end - start,
                p_align: align,
            });
        }
        writer.write_align(32);
        writer.write(&note);
        writer.write(b"comment");
        writer.write_shstrtab();
        writer.write_null_section_header();
        for (name, sh_type, flags, offset, size) in [
            (
                note_name,
                elf::SHT_NOTE,
                elf::SHF_ALLOC,
                note_offset,
                note.len() as u64,
            ),
            (comment_name, elf::SHT_PROGBITS, 0, comment_offset, 7),
        ] {
            writer.write_section_header(&SectionHeader {
                name: Some(name),
                sh_type,
                sh_flags: flags.into(),
                sh_addr: 0,
                sh_offset: offset,
                sh_size: size,
                sh_link: 0,
                sh_info: 0,
                sh_addralign: 1,
                sh_entsize: 0,
            });
        }
        writer.write_shstrtab_section_header();
        bytes
    }

    fn artifact() -> Vec<u8> {
        crate::container::write::tests::with_parts(crate::write)
    }

    #[test]
    fn a_program_holds_what_is_loaded_of_the_runner_and_the_artifact() {
        let (runner, artifact) = (runner(), artifact());
        let words = ["a".to_owned(), String::new()];
        let program = Runner::parse(&runner).unwrap().attach(&artifact, &words);
        let program = program.unwrap();
        let header = FileHeader64::<LE>::parse(&*program).unwrap();
        let segments = header.program_headers(LE, &*program).unwrap();
        let last = segments.last().unwrap();
        assert_eq!(last.p_type(LE), elf::PT_LOAD);
        assert!(last.p_offset(LE).is_multiple_of(PROGRAM_ALIGN));
        assert!(last.p_vaddr(LE).is_multiple_of(PROGRAM_ALIGN));
        let found = crate::Program::parse(last.data(LE, &*program).unwrap()).unwrap();
        assert_eq!(found.artifact, artifact);
        assert!(found.words().eq(["a", ""]));
        assert_eq!(crate::Program::in_executable(&program), Some(found));
        assert_eq!(crate::Program::in_executable(&runner), None);
        assert_eq!(crate::Program::in_executable(&artifact), None);
        let sections = header.sections(LE, &*program).unwrap();
        let names = sections.iter().map(|section| {
            let name = sections.section_name(LE, section).unwrap();
            str::from_utf8(name).unwrap()
        });
        let expected = ["", RUNNER_NOTE_SECTION, SECTION, ".shstrtab"];
        assert!(names.eq(expected));
        let again = Runner::parse(&program).unwrap_err();
        assert!(again.to_string().contains("a program already"), "{again}");
    }

    #[test]
    fn any_bytes_are_a_runner_or_an_error() {
        let (whole, artifact) = (runner(), artifact());
        for len in 0..whole.len() {
            let _ = Runner::parse(&whole[..len]);
        }
        for at in (0..whole.len()).step_by(crate::DAMAGE_STEP) {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(runner) = Runner::parse(&damaged) {
                    let program = runner.attach(&artifact, &[]);
                    let _ =
                        program.map(|program| crate::Program::in_executable(&program).is_some());
                }
            }
        }
    }
}
