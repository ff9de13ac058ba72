//! Files that nobody else can have written.
//!
//! Whoever can write an entry decides what code runs. So only what belongs to the user that this
//! process acts for, and what no group or stranger can write, is ever used; the directories above
//! the cache's are trusted.

use std::fs;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::CacheError;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const WRITE_BY_OTHERS: u32 = 0o022;

/// Makes the directory, and those above it, where they are not there yet, and checks it.
pub(super) fn directory(path: &Path) -> Result<(), CacheError> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path);
    match (made, fs::metadata(path)) {
        (_, Ok(metadata)) if metadata.is_dir() => check(path, &metadata),
        (_, Ok(_)) => Err(CacheError::NotADirectory {
            path: path.to_owned(),
        }),
        (Err(error), _) if error.kind() == ErrorKind::NotADirectory => {
            Err(CacheError::NotADirectory {
                path: path.to_owned(),
            })
        }
        (Err(error), _) => Err(CacheError::io("make", path, error)),
        (Ok(()), Err(error)) => Err(CacheError::io("read", path, error)),
    }
}

/// Opens a file for reading, if it is there.
pub(super) fn open(path: &Path) -> Result<Option<File>, CacheError> {
    // Neither through links nor waiting for somebody to write to a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(CacheError::NotAFile {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(CacheError::io("read", path, error)),
    };
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| CacheError::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(CacheError::NotAFile {
            path: path.to_owned(),
        });
    }
    check(path, &metadata)?;
    Ok(Some(file))
}

/// Opens a file for writing, which is made if it is not there.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

/// Whether the open file is still the one of that name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(opened), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    opened.ino() == named.ino() && opened.dev() == named.dev()
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    let uid = metadata.uid();
    if uid != rustix::process::geteuid().as_raw() {
        return Err(CacheError::ForeignOwner {
            path: path.to_owned(),
            uid,
        });
    }
    if metadata.mode() & WRITE_BY_OTHERS != 0 {
        return Err(CacheError::WritableByOthers {
            path: path.to_owned(),
            mode: metadata.mode() & 0o7777,
        });
    }
    Ok(())
}
