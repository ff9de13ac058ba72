//! An artifact of which only the beginning has been read.

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader as _, SectionHeader as _};

use super::{Artifact, EXPECTED_ELF};
use crate::error::ArtifactError;
use crate::note::Note;
use crate::section::Section;

impl Artifact<'_> {
    /// So many bytes from the start of a file hold everything that comes before the manifest.
    pub const HEAD_BYTES: usize = 4096;

    /// The note of an artifact whose first [`Artifact::HEAD_BYTES`] are `head`, in a file of
    /// `file_bytes`.
    ///
    /// What has been checked: that the note is whole, and that no section lies beyond the file's
    /// end. That is for those who ask whether a file is worth being mapped, not for those who map
    /// it.
    ///
    /// # Errors
    ///
    /// As [`Artifact::parse`].
    pub fn note_of_head(head: &[u8], file_bytes: u64) -> Result<Note, ArtifactError> {
        let header = elf::FileHeader64::<LE>::parse(head).map_err(|_| EXPECTED_ELF)?;
        if !header.is_little_endian() || header.e_type(LE) != elf::ET_REL {
            return Err(EXPECTED_ELF);
        }
        let damaged = |what| ArtifactError::container(header.e_shoff(LE), what);
        let headers = header
            .section_headers(LE, head)
            .map_err(|_| damaged("the section headers are not at the start of the file"))?;
        let names = header
            .section_strings(LE, head, headers)
            .map_err(|_| damaged("the section names are not at the start of the file"))?;
        let mut note = None;
        for header in headers {
            let end = header.sh_offset(LE).checked_add(header.sh_size(LE));
            if end.is_none_or(|end| end > file_bytes) {
                return Err(damaged("a section lies outside the file"));
            }
            if header.name(LE, names) == Ok(Section::Note.name().as_bytes()) {
                let bytes = header.data(LE, head);
                note = Some(bytes.map_err(|_| damaged("the note is not at the file's start"))?);
            }
        }
        let note = note.ok_or(ArtifactError::NotAnArtifact {
            expected: "the section .note.precast",
        })?;
        Note::decode(note, None)
    }
}
