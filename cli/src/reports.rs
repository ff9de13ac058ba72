//! What there is to say of artifacts, and of programs and objects that have one's code: structures
//! that are shown as text, or field by field as JSON.
//!
//! Of one artifact: [`Report`], [`FunctionsReport`], [`DisasmReport`], and a page with a map
//! ([`treemap`]); of one that this version cannot read, [`ForeignReport`]; of an object,
//! [`ObjectReport`]. Of two artifacts: [`DiffReport`].
//!
//! All of this is made of bytes alone, which may be anyone's: only where they came from is said by
//! others. Names come from the module and may hold anything.

use precast_artifacts_format::{Artifact, ArtifactError, Difference, ObjectFile, Program};

mod artifact;
mod decode;
mod diff;
mod disasm;
mod foreign;
mod functions;
mod html;
mod human;
mod object;
mod types;

pub use artifact::Report;
pub use diff::{DiffReport, Side};
pub use disasm::DisasmReport;
pub use foreign::ForeignReport;
pub use functions::{FunctionsReport, Order};
pub use html::page as treemap;
pub use object::ObjectReport;

/// The artifact that the bytes are, or that the program which they are has in it; and how messages
/// call it.
pub fn artifact_in<'a>(name: &str, bytes: &'a [u8]) -> (String, &'a [u8]) {
    match Program::in_executable(bytes) {
        Some(program) => (format!("{name} (the artifact in it)"), program.artifact),
        None => (name.to_owned(), bytes),
    }
}

/// What there is something to say of.
#[derive(Debug)]
pub enum Subject<'a> {
    /// An artifact that this version can read.
    Artifact(Box<Artifact<'a>>),
    /// One that it cannot, and in what that differs.
    Foreign(Vec<Difference>),
    /// A relocatable object.
    Object(ObjectFile<'a>),
}

impl<'a> Subject<'a> {
    /// What the bytes are.
    ///
    /// # Errors
    ///
    /// If they are nothing of that: what is wrong with them as an artifact.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        match Artifact::parse(bytes) {
            Ok(artifact) => Ok(Self::Artifact(artifact.into())),
            Err(ArtifactError::Incompatible(differences)) => Ok(Self::Foreign(differences)),
            Err(error) => ObjectFile::parse(bytes).map(Self::Object).ok_or(error),
        }
    }
}

/// What the bytes are, if they are no artifact, as `error` says, but something else of precast's.
pub fn no_artifact(bytes: &[u8], error: &ArtifactError) -> Option<&'static str> {
    if !matches!(error, ArtifactError::NotAnArtifact { .. }) {
        None
    } else if Program::in_executable(bytes).is_some() {
        Some("a program, which runs by itself")
    } else if ObjectFile::parse(bytes).is_some() {
        Some("a relocatable object for the system's linker")
    } else {
        None
    }
}
