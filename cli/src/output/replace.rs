//! Replacing a file as a whole.
//!
//! The new file has no name while it is written, where the file system has such files: then
//! nothing is left behind even if the process is killed. It gets its final name at once, or, if there
//! is a file of that name, one beside it that is renamed the next moment: a link replaces nothing.
//! Where there are no such files it has a name beside the final one from the start.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// The most names that are tried for a temporary file.
const MAX_ATTEMPTS: u32 = 100;

/// What users may do with a new file, but for what their umask forbids.
pub(super) const FILE_MODE: u32 = 0o666;
/// The same for one that can be executed.
pub(super) const PROGRAM_MODE: u32 = 0o777;

/// Has a file of these contents take the place of what is at `path`, if anything.
///
/// # Errors
///
/// If it cannot be written. What was there stays then.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // Whatever is wrong with the one way, the other does it, or says what is wrong.
    replace_by_nameless(path, bytes, mode).or_else(|_| replace_by_named(path, bytes, mode))
}

/// The directory that `path` is in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn replace_by_nameless(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let file = nameless(directory_of(path), mode)?;
    write(&file, bytes)?;
    match link(&file, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let beside = TemporaryName::beside(path, |path| link(&file, path))?;
            beside.rename_to(path)
        }
        other => other,
    }
}

fn replace_by_named(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = None;
    let beside = TemporaryName::beside(path, |path| {
        let mut options = File::options();
        file = Some(options.write(true).create_new(true).mode(mode).open(path)?);
        Ok(())
    })?;
    if let Some(file) = &file {
        write(file, bytes)?;
    }
    beside.rename_to(path)
}

fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    // The name must not reach the disk before the contents.
    file.sync_all()
}

/// A new file that goes away when it is closed, unless it gets a name.
fn nameless(directory: &Path, mode: u32) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory, flags, Mode::from_raw_mode(mode))?;
    Ok(file.into())
}

/// Names the file, unless there is one of that name.
fn link(file: &File, path: &Path) -> io::Result<()> {
    // Without this detour it would take a privilege.
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

/// The name of a file, which is removed again unless it gets its final one.
struct TemporaryName {
    path: PathBuf,
    is_renamed: bool,
}

impl TemporaryName {
    /// Tries names in the directory of `path` until `create` makes a file of one.
    fn beside(path: &Path, mut create: impl FnMut(&Path) -> io::Result<()>) -> io::Result<Self> {
        let directory = directory_of(path);
        let process = std::process::id();
        for attempt in 0..MAX_ATTEMPTS {
            // Short whatever the name is, so that it cannot become too long.
            let path = directory.join(format!(".precast-{process}-{attempt}.tmp"));
            match create(&path) {
                Ok(()) => {
                    let is_renamed = false;
                    return Ok(Self { path, is_renamed });
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

impl Drop for TemporaryName {
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
    use std::os::unix::fs::PermissionsExt as _;

    /// An empty directory that goes away with the value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("precast-replace-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file_count(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn both_ways_make_a_file_and_replace_one() {
        for (name, replace) in [
            (
                "nameless",
                replace_by_nameless as fn(&Path, &[u8], u32) -> io::Result<()>,
            ),
            ("named", replace_by_named),
        ] {
            let directory = Directory::new(name);
            if name == "nameless" && nameless(&directory.0, FILE_MODE).is_err() {
                // The file system has no such files.
                continue;
            }
            let path = directory.0.join("a.precast");
            let mut modes = Vec::new();
            for contents in ["one", "two"] {
                replace(&path, contents.as_bytes(), FILE_MODE).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), contents);
                assert_eq!(directory.file_count(), 1);
                modes.push(fs::metadata(&path).unwrap().permissions().mode());
            }
            // What any new file has.
            let usual = directory.0.join("usual");
            fs::write(&usual, "").unwrap();
            let usual = fs::metadata(&usual).unwrap().permissions().mode();
            assert_eq!(modes, [usual; 2]);
        }
    }

    #[test]
    fn a_file_without_a_name_cannot_be_left_behind() {
        let directory = Directory::new("unseen");
        let Ok(file) = nameless(&directory.0, FILE_MODE) else {
            return;
        };
        write(&file, b"half").unwrap();
        assert_eq!(directory.file_count(), 0);
    }

    #[test]
    fn a_temporary_name_goes_away_unless_it_becomes_another() {
        let directory = Directory::new("temporary");
        let path = directory.0.join("a.precast");
        let create = |path: &Path| File::create_new(path).map(drop);
        drop(TemporaryName::beside(&path, create).unwrap());
        assert_eq!(directory.file_count(), 0);
        let first = TemporaryName::beside(&path, create).unwrap();
        let second = TemporaryName::beside(&path, create).unwrap();
        assert_ne!(first.path, second.path);
    }
}
