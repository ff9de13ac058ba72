//! The right to make one entry.
//!
//! ```text
//!   KEY.lock     locked by the process that makes the entry
//!   KEY.tmp      what it has written so far
//!   KEY.precast  the entry: gets its name when it is complete
//! ```
//!
//! A lock goes away with the process that holds it, however that ends. So a claim whose lock can
//! be had is one that nobody works on, and whoever takes it over starts anew or clears away. The
//! file of the lock is removed while the lock is held; who had waited for it finds that it has no
//! name any more, and looks again.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::entry::remove;
use super::error::CacheError;
use super::private;

pub(super) const LOCK: &str = "lock";
pub(super) const TEMPORARY: &str = "tmp";

/// Entries are never modified.
const ENTRY_MODE: u32 = 0o400;

/// Held by at most one holder among all processes and threads. Dropped, it is given up, and what is
/// not complete removed.
pub(super) struct Claim {
    /// The entry's.
    path: PathBuf,
    /// Locked.
    _lock: File,
}

impl Claim {
    /// Waits until nobody else makes the entry. `None` if somebody did meanwhile, or gave up: look
    /// again.
    pub(super) fn wait(entry: &Path) -> Result<Option<Self>, CacheError> {
        Self::take(entry, lock)
    }

    /// The claim if nobody has it.
    pub(super) fn try_take(entry: &Path) -> Result<Option<Self>, CacheError> {
        Self::take(entry, |lock| match lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    fn take(
        entry: &Path,
        take: impl Fn(&File) -> io::Result<bool>,
    ) -> Result<Option<Self>, CacheError> {
        let path = entry.with_extension(LOCK);
        let failed = |error| CacheError::io("lock", &path, error);
        let lock = private::create(&path).map_err(failed)?;
        let is_taken = take(&lock).map_err(failed)? && private::is_at(&lock, &path);
        Ok(is_taken.then(|| Self {
            path: entry.to_owned(),
            _lock: lock,
        }))
    }

    /// Writes the artifact to the disk, but not yet under the entry's name.
    pub(super) fn write(&self, artifact: &[u8]) -> Result<File, CacheError> {
        let path = self.path.with_extension(TEMPORARY);
        // What a process has left that was killed may be read-only already.
        remove(&path)?;
        let written = private::create(&path).and_then(|mut file| {
            may_write(artifact.len())?;
            file.write_all(artifact)?;
            file.set_permissions(Permissions::from_mode(ENTRY_MODE))?;
            // The name must not reach the disk before the contents.
            file.sync_all()?;
            Ok(file)
        });
        written.map_err(|error| CacheError::io("write", &path, error))
    }

    /// Gives the file that was written the entry's name.
    pub(super) fn publish(&self, written: &File) -> Result<(), CacheError> {
        let path = self.path.with_extension(TEMPORARY);
        // Locks hold among us, but users can remove files at any time, and somebody else then
        // claim the entry too.
        let named = if private::is_at(written, &path) {
            fs::rename(path, &self.path)
        } else {
            Err(ErrorKind::NotFound.into())
        };
        named.map_err(|error| CacheError::io("write", &self.path, error))
    }
}

/// Whether a file may have that many bytes (`ulimit -f`). To write more would end the process by a
/// signal.
fn may_write(bytes: usize) -> io::Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(most) if bytes as u64 > most => Err(ErrorKind::FileTooLarge.into()),
        _ => Ok(()),
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The lock's file last: where there is none, there is nothing else. There is nobody to be
        // told of errors, and whoever comes next tries again.
        let _ = fs::remove_file(self.path.with_extension(TEMPORARY));
        let _ = fs::remove_file(self.path.with_extension(LOCK));
    }
}

/// Waits for the lock. A signal that somebody handles is no reason to stop.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            other => return other.map(|()| true),
        }
    }
}
