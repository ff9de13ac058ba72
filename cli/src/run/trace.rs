//! `--trace`: what a guest does, told line by line.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::exit;
use crate::shown::shown;

/// What can be told.
const CATEGORIES: [&str; 1] = ["wasi"];

/// Where the calls of WASI are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    /// Standard error if there is none.
    file: Option<PathBuf>,
}

/// Parses `CATEGORY[=FILE]`.
///
/// # Errors
///
/// If there is no such category, or the file has no name.
pub(super) fn parse(text: &str) -> Result<Trace, String> {
    let (category, file) = match text.split_once('=') {
        Some((category, file)) => (category, Some(file)),
        None => (text, None),
    };
    if !CATEGORIES.contains(&category) {
        let known = CATEGORIES.join(", ");
        return Err(format!(
            "there is no {category:?} to trace; there is {known}"
        ));
    }
    if file.is_some_and(str::is_empty) {
        return Err("a file without a name".into());
    }
    Ok(Trace {
        file: file.map(PathBuf::from),
    })
}

impl Trace {
    /// Opens what is written to; a file that is there already is cut.
    ///
    /// Nothing is kept in a buffer, so that nothing is lost however the guest ends.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub(super) fn open(&self) -> Result<Box<dyn Write + Send>> {
        let Some(path) = &self.file else {
            return Ok(Box::new(io::stderr()));
        };
        let file = File::create(path).with_context(|| format!("cannot write {}", shown(path)))?;
        Ok(Box::new(Telling {
            file,
            name: shown(path),
            is_lost: false,
        }))
    }
}

/// A file that says so when lines are lost. The guest goes on all the same.
struct Telling {
    file: File,
    /// How messages call it.
    name: String,
    is_lost: bool,
}

impl Write for Telling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if let Err(error) = &written
            && error.kind() != ErrorKind::Interrupted
            && !self.is_lost
        {
            self.is_lost = true;
            exit::say(format_args!(
                "precast: warning: cannot write the trace to {}: {error}; lines of it are lost",
                self.name
            ));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_to_a_file_if_one_is_named() {
        let file = |text| parse(text).map(|trace| trace.file);
        assert_eq!(file("wasi"), Ok(None));
        assert_eq!(file("wasi=a=b"), Ok(Some("a=b".into())));
        assert!(file("wasi=").is_err());
        let error = file("calls=a").unwrap_err();
        assert_eq!(error, "there is no \"calls\" to trace; there is wasi");
    }
}
