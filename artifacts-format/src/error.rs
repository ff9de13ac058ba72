//! Errors of reading an artifact, sorted by who must act.

use std::fmt;

use crate::compat::Difference;
use crate::section::Section;

/// Why bytes could not be used as an artifact.
///
/// ```
/// # use precast_artifacts_format::{Artifact, ArtifactError};
/// let error = Artifact::parse(b"\0asm\x01\0\0\0").unwrap_err();
/// assert!(matches!(error, ArtifactError::NotAnArtifact { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The bytes are something else: not an ELF file, or one without precast's note.
    NotAnArtifact {
        /// What was looked for and not found.
        expected: &'static str,
    },
    /// The bytes were an artifact once, or pretend to be one.
    Damaged {
        /// The section the fault is in, or `None` for the container around the sections.
        section: Option<Section>,
        /// Offset in bytes from the start of the section, or of the file for the container.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A whole artifact, made for another version, machine or configuration.
    Incompatible(Vec<Difference>),
}

impl ArtifactError {
    /// A fault at `offset` bytes into `section`.
    pub(crate) fn damaged(section: Section, offset: usize, what: &'static str) -> Self {
        Self::Damaged {
            section: Some(section),
            offset: offset as u64,
            what,
        }
    }

    /// A fault in the container, `offset` bytes into the file.
    pub(crate) fn container(offset: u64, what: &'static str) -> Self {
        Self::Damaged {
            section: None,
            offset,
            what,
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArtifact { expected } => {
                write!(f, "not a precast artifact: {expected} not found")
            }
            Self::Damaged {
                section,
                offset,
                what,
            } => {
                let place = section.map_or("file", Section::name);
                write!(
                    f,
                    "damaged artifact: {what} (at offset {offset:#x} of {place}); compile the module again"
                )
            }
            Self::Incompatible(differences) => {
                write!(f, "this artifact does not fit this host:")?;
                for difference in differences {
                    write!(f, "\n  {difference}")?;
                }
                write!(
                    f,
                    "\ncompile the module again for this host (see `precast compile --help`: --target, --cpu)"
                )
            }
        }
    }
}

impl std::error::Error for ArtifactError {}
