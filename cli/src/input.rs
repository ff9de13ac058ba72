//! Reading files and telling them apart, by content and never by name.
//!
//! What decides is how a file starts: `\0asm` is a module, `\x7fELF` an artifact (or pretends to
//! be one), `(` or `;` after white space a module's text form. Only then is the rest read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use precast_artifacts_format::{Artifact, ArtifactError};

use crate::reports::no_artifact;
use crate::shown::shown;

/// The most bytes that are read; larger than any module or artifact can be.
const MAX_BYTES: u64 = 16 << 30;
const HEAD_BYTES: usize = 4096;
const WASM_MAGIC: &[u8] = b"\0asm";

/// The name that stands for standard input or output.
pub(crate) const STANDARD_STREAM: &str = "-";

/// A file that has been opened and recognised, but not read.
pub(crate) struct Input {
    /// How messages call it.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its path, if it is a file in the usual sense, which can be mapped.
    pub(crate) regular_file: Option<PathBuf>,
    head: Vec<u8>,
    rest: Box<dyn Read>,
}

/// What a file is, going by how it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A module in binary form.
    Binary,
    /// A module in text form.
    Text,
    /// An ELF file: an artifact, if it holds a note that says so.
    Artifact,
}

/// A module, in binary form.
pub(crate) struct Module {
    /// How messages call it.
    pub(crate) name: String,
    /// The path of the file it was in, if that is one in the usual sense.
    pub(crate) file: Option<PathBuf>,
    pub(crate) wasm: Vec<u8>,
}

impl Input {
    /// Opens the file, or standard input for `-`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or starts like nothing that is known.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (name, rest, regular_file): (_, Box<dyn Read>, _) = if is_standard_stream(path) {
            ("standard input".to_owned(), Box::new(io::stdin()), None)
        } else {
            let name = shown(path);
            let cannot = || format!("cannot open {name}");
            let file = File::open(path).with_context(cannot)?;
            let metadata = file.metadata().with_context(cannot)?;
            if metadata.is_dir() {
                bail!("{name} is a directory, not a module or an artifact");
            }
            let regular_file = metadata.is_file().then(|| path.to_owned());
            (name, Box::new(file), regular_file)
        };
        Self::new(name, rest, regular_file)
    }

    fn new(name: String, mut rest: Box<dyn Read>, regular_file: Option<PathBuf>) -> Result<Self> {
        // Room for a little more: a full vector would be tried for more bytes by a read of its own.
        let mut head = Vec::with_capacity(HEAD_BYTES + 1);
        let read = rest.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
        read.with_context(|| format!("cannot read {name}"))?;
        if head.is_empty() {
            bail!("{name} is empty");
        }
        let Some(kind) = kind_of(&head) else {
            let found = head.get(..4).unwrap_or(&head).escape_ascii();
            bail!(
                "{name} is neither a WebAssembly module nor an artifact: at byte offset 0x0 is \
                 `{found}`, not `\\0asm` (a module), `(` (its text form) or `\\x7fELF` (an artifact)"
            );
        };
        Ok(Self {
            name,
            kind,
            regular_file,
            head,
            rest,
        })
    }

    /// Reads a module; one in text form becomes binary.
    ///
    /// # Errors
    ///
    /// If it cannot be read, if the text is wrong, or if it is no module.
    pub(crate) fn into_module(self) -> Result<Module> {
        let file = self.regular_file.clone();
        match self.kind {
            Kind::Binary => {
                let name = self.name.clone();
                let wasm = self.into_bytes()?;
                Ok(Module { name, file, wasm })
            }
            Kind::Text => {
                let name = self.name.clone();
                let text = String::from_utf8(self.into_bytes()?).map_err(|error| {
                    let at = error.utf8_error().valid_up_to();
                    anyhow::anyhow!("{name}: text that is not UTF-8 (at byte offset {at:#x})")
                })?;
                let wasm = wat::Parser::new()
                    .parse_str(Some(Path::new(&name)), text)
                    .map_err(|error| anyhow::anyhow!("not a module in text form: {error}"))?;
                // Offsets in messages from now on count in the binary form.
                let name = format!("{name} (in binary form)");
                Ok(Module { name, file, wasm })
            }
            Kind::Artifact => {
                let name = self.name.clone();
                let bytes = self.into_bytes()?;
                match Artifact::parse(&bytes) {
                    Err(error @ ArtifactError::NotAnArtifact { .. }) => {
                        let what = no_artifact(&bytes, &error).unwrap_or("an ELF file");
                        bail!("{name} is {what}, not a WebAssembly module")
                    }
                    _ => bail!("{name} is an artifact already, not a WebAssembly module"),
                }
            }
        }
    }

    /// Reads all bytes.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>> {
        let Self {
            name,
            head: mut bytes,
            rest,
            ..
        } = self;
        let read = rest.take(MAX_BYTES).read_to_end(&mut bytes);
        read.with_context(|| format!("cannot read {name}"))?;
        if bytes.len() as u64 > MAX_BYTES {
            bail!("{name} is larger than {MAX_BYTES} bytes");
        }
        Ok(bytes)
    }
}

/// Whether `path` stands for standard input or output.
pub(crate) fn is_standard_stream(path: &Path) -> bool {
    path.as_os_str() == STANDARD_STREAM
}

fn kind_of(head: &[u8]) -> Option<Kind> {
    // What is cut off within the first word is left to the compiler, which says where.
    if head.starts_with(WASM_MAGIC) || WASM_MAGIC.starts_with(head) {
        Some(Kind::Binary)
    } else if Artifact::looks_like(head) {
        Some(Kind::Artifact)
    } else {
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace())?;
        matches!(first, b'(' | b';').then_some(Kind::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_how_they_start() {
        let check = |head: &[u8], expected| assert_eq!(kind_of(head), expected);
        check(b"\0asm\x01\0\0\0", Some(Kind::Binary));
        check(b"\0as", Some(Kind::Binary));
        check(b"\x7fELF\x02", Some(Kind::Artifact));
        check(b"\n  (module)", Some(Kind::Text));
        check(b";; a comment", Some(Kind::Text));
        check(b"(; another ;)", Some(Kind::Text));
        check(b"#!/bin/sh", None);
        check(b"   ", None);
        check(b"MZ\x90\0", None);
    }
}
