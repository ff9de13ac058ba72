//! An artifact's file in memory.
//!
//! The whole file is mapped privately and read-only, so that its sections keep the distances that
//! the code was linked for. Then the code becomes executable; the page of slots is writable while
//! they are filled, before any code can run, and read-only from then on. Nothing is ever writable
//! and executable.
#![allow(unsafe_code, reason = "an artifact is mapped and read in place")]

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use precast_artifacts_format::{
    Artifact, ArtifactError, ExternIndex, ImportType, Manifest, Note, RuntimeSymbol, Section,
};

use super::damaged;
use crate::artifact::{Sections, sections_of};
use crate::engine::plainest_host;
use crate::error::{Error, IoError, LimitError, LinkError};
use crate::runtime;
use crate::sys::mmap::{Mapping, Protection};
use crate::sys::registry::Registration;
use crate::sys::signals;

/// A mapped artifact.
///
/// The fields are dropped in this order: what borrows the mapping goes before it.
pub(crate) struct Image {
    /// Makes faults in the code findable.
    _registration: Registration,
    /// The artifact read once more, for what only backtraces need. Borrows the mapping, which is
    /// why it is never given away for longer than `&self`.
    artifact: OnceLock<Option<Artifact<'static>>>,
    sections: Sections,
    mapping: Mapping,
    /// The file, from which memories are mapped copy-on-write.
    file: File,
    /// Where the artifact's section of images starts, in bytes from the start of the file.
    image_offset: u64,
}

/// An artifact in a file.
pub(crate) struct InFile<'a> {
    pub(crate) file: File,
    /// For errors.
    pub(crate) path: Option<&'a Path>,
    /// Where it starts, in bytes; a multiple of the page.
    pub(crate) offset: u64,
    /// How many bytes it has.
    pub(crate) len: u64,
}

impl<'a> InFile<'a> {
    /// All of a file.
    pub(crate) fn whole(file: File, path: Option<&'a Path>) -> Result<Self, Error> {
        let metadata = file.metadata();
        let len = metadata
            .map_err(|error| io_error("open", path, error))?
            .len();
        Ok(Self {
            file,
            path,
            offset: 0,
            len,
        })
    }
}

/// Opens the file of an artifact.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| io_error("open", Some(path), source))
}

fn io_error(action: &'static str, path: Option<&Path>, source: std::io::Error) -> Error {
    Error::Io(IoError {
        action,
        path: path.map(Path::to_owned),
        source,
    })
}

impl Image {
    /// Maps an artifact and makes it ready to run on this machine.
    pub(crate) fn map(artifact: InFile<'_>) -> Result<(Self, Manifest, Note), Error> {
        let InFile {
            file,
            path,
            offset,
            len,
        } = artifact;
        let map_error = |error| io_error("map", path, error);
        let len = usize::try_from(len).map_err(|_| LimitError::OutOfMemory {
            what: "address space for an artifact",
        })?;
        if len == 0 {
            // Nothing can be mapped; the error is that of any other file that is no artifact.
            return Err(Artifact::parse(&[])
                .map_or_else(Error::from, |_| damaged(Section::Note, "the file is empty")));
        }
        let mapping = Mapping::of_file(&file, offset, len).map_err(map_error)?;

        // SAFETY: the mapping is readable over this length, and nobody writes to it as long as
        // `artifact` is in use: the slots are filled after its last use.
        let bytes = unsafe { std::slice::from_raw_parts(mapping.start().as_ptr(), len) };
        let artifact = match plainest_host().map(|host| Artifact::parse_on(bytes, &host)) {
            None | Some(Err(ArtifactError::Incompatible(_))) => {
                Artifact::parse_on(bytes, super::host()?)?
            }
            Some(parsed) => parsed?,
        };
        check_exports(artifact.manifest())?;
        let addresses = slot_values(artifact.manifest())?;
        let sections = sections_of(&artifact);
        let image_offset = offset.saturating_add(artifact.file_offset(Section::Image));
        let note = artifact.note().clone();
        let manifest = artifact.into_manifest();

        let text = sections[Section::Text as usize].clone();
        let got = sections[Section::Got as usize].clone();
        check_own_pages(&text, &got, note.page_bytes)?;
        fill_slots(&mapping, got, &addresses).map_err(map_error)?;
        signals::install().map_err(|error| Error::io("install signal handlers", error))?;
        mapping
            .protect(text.clone(), Protection::ReadExecute)
            .map_err(map_error)?;

        let start = mapping.start().as_ptr().expose_provenance();
        let address_of = |range: &Range<usize>| start + range.start..start + range.end;
        let traps = address_of(&sections[Section::Traps as usize]);
        let funcs = address_of(&sections[Section::Funcs as usize]);
        let registration =
            Registration::new(address_of(&text), traps, funcs).ok_or(LimitError::TooMany {
                what: "loaded modules",
            })?;
        let image = Self {
            _registration: registration,
            artifact: OnceLock::new(),
            sections,
            mapping,
            file,
            image_offset,
        };
        Ok((image, manifest, note))
    }

    /// The bytes of a section.
    pub(crate) fn section(&self, section: Section) -> &[u8] {
        let range = &self.sections[section as usize];
        // SAFETY: the range was taken from a slice of the mapping; it is readable, and nobody
        // writes to it any more.
        unsafe {
            let start = self.mapping.start().as_ptr().add(range.start);
            std::slice::from_raw_parts(start, range.len())
        }
    }

    /// Addresses of the code.
    pub(crate) fn text(&self) -> Range<u64> {
        let start = self.mapping.start().as_ptr().expose_provenance();
        let text = &self.sections[Section::Text as usize];
        (start + text.start) as u64..(start + text.end) as u64
    }

    /// The address of the code at an offset; `None` beyond its end.
    pub(crate) fn code_address(&self, text_offset: u32) -> Option<u64> {
        let text = self.text();
        let address = text.start.checked_add(u64::from(text_offset))?;
        (address < text.end).then_some(address)
    }

    /// The file, and where in it the section of images starts, in bytes.
    pub(crate) fn memory_images(&self) -> (&File, u64) {
        (&self.file, self.image_offset)
    }

    /// The artifact, read when first asked for.
    pub(crate) fn artifact(&self) -> Option<&Artifact<'_>> {
        let artifact = self.artifact.get_or_init(|| {
            // SAFETY: the mapping is readable over this length and not written to any more. The
            // slice must not outlive it: it is kept in a private field that is dropped before the
            // mapping, and given away only for the lifetime of `&self`.
            let bytes: &'static [u8] = unsafe {
                std::slice::from_raw_parts(self.mapping.start().as_ptr(), self.mapping.len())
            };
            Artifact::parse(bytes).ok()
        });
        artifact.as_ref()
    }
}

/// The addresses for the slots of `.got`.
fn slot_values(manifest: &Manifest) -> Result<Vec<u64>, LinkError> {
    let address_of = |name: &String| {
        RuntimeSymbol::from_name(name)
            .and_then(runtime::address)
            .ok_or_else(|| LinkError::UnknownSymbol { name: name.clone() })
    };
    manifest.got.iter().map(address_of).collect()
}

/// Writes the slots, which are read-only before and after.
fn fill_slots(mapping: &Mapping, got: Range<usize>, values: &[u64]) -> std::io::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    assert_eq!(got.len(), values.len() * 8, "checked with the manifest");
    mapping.protect(got.clone(), Protection::ReadWrite)?;
    // SAFETY: the range lies within the mapping, has just been made writable, starts on a page,
    // and is not borrowed: the artifact has been read and is read again only later.
    unsafe {
        let slots = mapping.start().as_ptr().add(got.start).cast::<u64>();
        std::ptr::copy_nonoverlapping(values.as_ptr(), slots, values.len());
    }
    mapping.protect(got, Protection::Read)
}

/// Code and slots must not share pages with one another.
fn check_own_pages(text: &Range<usize>, got: &Range<usize>, page_bytes: u32) -> Result<(), Error> {
    let page = page_bytes as usize;
    let pages = |range: &Range<usize>| range.start / page..range.end.div_ceil(page);
    let (text, got) = (pages(text), pages(got));
    if text.is_empty() || got.is_empty() || text.end <= got.start || got.end <= text.start {
        Ok(())
    } else {
        Err(damaged(
            Section::Got,
            "the slots share a page with the code",
        ))
    }
}

/// A constant table is not in the vmctx, so that it can be neither exported nor grown.
fn check_exports(manifest: &Manifest) -> Result<(), Error> {
    let imported = manifest.imports.iter();
    let imported = imported.filter(|import| matches!(import.ty, ImportType::Table(_)));
    let imported = imported.count();
    let is_constant = |index: u32| {
        (index as usize)
            .checked_sub(imported)
            .and_then(|defined| manifest.tables.get(defined))
            .is_some_and(|plan| plan.constant.is_some())
    };
    for export in &manifest.exports {
        if let ExternIndex::Table(index) = export.index
            && is_constant(index)
        {
            return Err(damaged(Section::Manifest, "a constant table is exported"));
        }
    }
    Ok(())
}
