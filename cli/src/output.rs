//! Writing: artifacts so that nothing half-done is ever seen, and what is meant for people.
//!
//! An artifact may be mapped by other processes while it is replaced, so a file is never changed
//! in place: the bytes go to a new file, which then takes its name. Should anything fail, what was
//! there before stays.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::exit::presentable;
use crate::shown::shown;

mod replace;

use replace::{FILE_MODE, PROGRAM_MODE, directory_of, replace};

/// Where an artifact goes.
#[derive(Debug)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// A file that is replaced as a whole.
    File(PathBuf),
    /// A file in a directory that is made for it, unless it is there by then.
    InNewDirectory(PathBuf),
    /// A device or a pipe, which has a name but is no file.
    Special(PathBuf),
}

impl Destination {
    /// The destination at `path`. What can be known to fail fails here, before there is anything
    /// to write.
    ///
    /// # Errors
    ///
    /// If nothing can be written there.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                bail!("cannot write {}: it is a directory", shown(path))
            }
            Ok(metadata) if !metadata.is_file() => Ok(Self::Special(path.to_owned())),
            // Through symbolic links, so that the file is replaced and not the link.
            Ok(_) => Ok(Self::File(
                fs::canonicalize(path).unwrap_or(path.to_owned()),
            )),
            Err(_) if directory_of(path).is_dir() && path.file_name().is_some() => {
                Ok(Self::File(path.to_owned()))
            }
            Err(_) => bail!(
                "cannot write {}: {} is not a directory",
                shown(path),
                shown(directory_of(path))
            ),
        }
    }

    /// Standard output, for what is no text.
    ///
    /// # Errors
    ///
    /// If that is a terminal.
    pub(crate) fn stdout() -> Result<Self> {
        if io::stdout().is_terminal() {
            bail!("not writing machine code to a terminal; name a file with -o");
        }
        Ok(Self::Stdout)
    }

    /// Whether writing would replace the file at `path`.
    pub(crate) fn replaces(&self, path: &Path) -> bool {
        match self {
            Self::File(own) => fs::canonicalize(path).is_ok_and(|path| path == *own),
            Self::Stdout | Self::InNewDirectory(_) | Self::Special(_) => false,
        }
    }

    /// Writes `bytes`, all or nothing where it is a file.
    ///
    /// # Errors
    ///
    /// If they cannot be written. Nothing is left behind then.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.write_with(bytes, FILE_MODE)
    }

    /// As [`Destination::write`], what can be executed.
    ///
    /// # Errors
    ///
    /// As [`Destination::write`].
    pub(crate) fn write_program(&self, bytes: &[u8]) -> Result<()> {
        self.write_with(bytes, PROGRAM_MODE)
    }

    fn write_with(&self, bytes: &[u8], mode: u32) -> Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
                written.context("cannot write to standard output")
            }
            Self::File(path) => {
                replace(path, bytes, mode).with_context(|| format!("cannot write {}", shown(path)))
            }
            Self::InNewDirectory(path) => {
                let made = fs::create_dir_all(directory_of(path));
                let written = made.and_then(|()| replace(path, bytes, mode));
                written.with_context(|| format!("cannot write {}", shown(path)))
            }
            Self::Special(path) => {
                let opened = File::options().write(true).open(path);
                let written = opened.and_then(|mut file| file.write_all(bytes));
                written.with_context(|| format!("cannot write {}", shown(path)))
            }
        }
    }

    /// Writes text, which may name what is in a module.
    ///
    /// # Errors
    ///
    /// As [`Destination::write`], but readers of standard output may leave.
    pub(crate) fn write_text(&self, text: &str) -> Result<()> {
        match self {
            Self::Stdout if io::stdout().is_terminal() => print(&(presentable(text) + "\n")),
            Self::Stdout => print(text),
            _ => self.write(text.as_bytes()),
        }
    }
}

/// Prints a value as JSON for people to read, too.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    // Piece by piece: as text it may be much longer than what it was made of.
    to_stdout(|stdout| {
        serde_json::to_writer_pretty(&mut *stdout, value)?;
        stdout.write_all(b"\n")
    })
}

/// Prints a value as one line of JSON.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print_json_line(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string(value)? + "\n"))
}

/// Writes to standard output what is meant for people or their scripts. Readers that have seen
/// enough and left are no error.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print(text: &str) -> Result<()> {
    to_stdout(|stdout| stdout.write_all(text.as_bytes()))
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}
