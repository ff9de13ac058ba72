//! Writing: artifacts so that nothing half-done is ever seen, and what is meant for people.
//!
//! An artifact may be mapped by other processes while it is replaced, so a file is never changed
//! in place: the bytes go to a new file beside it, which then takes its name. Should anything
//! fail, the new file is removed and what was there before stays.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Where an artifact goes.
#[derive(Debug)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// A file that is replaced as a whole.
    File(PathBuf),
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
                bail!("cannot write {}: it is a directory", path.display())
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
                path.display(),
                directory_of(path).display()
            ),
        }
    }

    /// Standard output.
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
            Self::Stdout | Self::Special(_) => false,
        }
    }

    /// Writes `bytes`, all or nothing where it is a file.
    ///
    /// # Errors
    ///
    /// If they cannot be written. Nothing is left behind then.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
                written.context("cannot write to standard output")
            }
            Self::File(path) => {
                replace(path, bytes).with_context(|| format!("cannot write {}", path.display()))
            }
            Self::Special(path) => {
                let opened = File::options().write(true).open(path);
                let written = opened.and_then(|mut file| file.write_all(bytes));
                written.with_context(|| format!("cannot write {}", path.display()))
            }
        }
    }
}

/// Writes to standard output what is meant for people or their scripts. Readers that have seen
/// enough and left are no error.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = TemporaryFile::beside(path)?;
    temporary.file.write_all(bytes)?;
    // The name must not reach the disk before the contents.
    temporary.file.sync_all()?;
    temporary.rename_to(path)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// A new file that is removed again unless it gets its final name.
struct TemporaryFile {
    path: PathBuf,
    file: File,
    is_renamed: bool,
}

impl TemporaryFile {
    fn beside(path: &Path) -> io::Result<Self> {
        let directory = directory_of(path);
        let process = std::process::id();
        for attempt in 0..100 {
            // Short whatever the name is, so that it cannot become too long.
            let path = directory.join(format!(".precast-{process}-{attempt}.tmp"));
            match File::create_new(&path) {
                Ok(file) => {
                    return Ok(Self {
                        path,
                        file,
                        is_renamed: false,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            // It is an error that brings us here; a second one would say nothing more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_goes_away_unless_it_is_renamed() {
        let directory = std::env::temp_dir().join(format!("precast-output-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("a.precast");
        drop(TemporaryFile::beside(&path).unwrap());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }
}
