//! A node of a file system in memory: a file, a directory or a symlink.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::contents::FileBytes;
use super::quota::Held;
use crate::fs::{Filetype, SetTime};
use crate::{Errno, Result};

/// A file, a directory or a symbolic link of a [`MemoryFs`](super::MemoryFs), there for as long as somebody has it.
///
/// ```
/// use precast_wasi::fs::{FileSystem, Filetype, MemoryFs, MemoryNode};
///
/// let files = MemoryFs::new(1 << 20);
/// let root: MemoryNode = files.root();
/// assert_eq!(files.filetype(&root)?, Filetype::Directory);
/// # Ok::<(), precast_wasi::Errno>(())
/// ```
#[derive(Clone)]
pub struct MemoryNode(Arc<Inode>);

struct Inode {
    ino: u64,
    kind: Kind,
    /// Names of a file or a symlink. Those of a directory are counted by the tree.
    links: AtomicU64,
    times: Mutex<Times>,
    /// What the node itself takes.
    _held: Held,
}

pub(crate) enum Kind {
    /// Its entries are in the tree, for as long as it has a name.
    Dir,
    File(FileBytes),
    Symlink(Box<str>),
}

#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) atim: u64,
    pub(super) mtim: u64,
    pub(super) ctim: u64,
}

impl MemoryNode {
    /// A node without a name.
    pub(super) fn new(ino: u64, kind: Kind, now: u64, held: Held) -> MemoryNode {
        MemoryNode(Arc::new(Inode {
            ino,
            kind,
            links: AtomicU64::new(0),
            times: Mutex::new(Times {
                atim: now,
                mtim: now,
                ctim: now,
            }),
            _held: held,
        }))
    }

    pub(super) fn ino(&self) -> u64 {
        self.0.ino
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self.0.kind, Kind::Dir)
    }

    pub(super) fn filetype(&self) -> Filetype {
        match self.0.kind {
            Kind::Dir => Filetype::Directory,
            Kind::File(_) => Filetype::RegularFile,
            Kind::Symlink(_) => Filetype::SymbolicLink,
        }
    }

    /// [`Errno::Isdir`] for a directory, [`Errno::Inval`] for a symlink.
    pub(super) fn file(&self) -> Result<&FileBytes> {
        match &self.0.kind {
            Kind::File(file) => Ok(file),
            Kind::Dir => Err(Errno::Isdir),
            Kind::Symlink(_) => Err(Errno::Inval),
        }
    }

    pub(super) fn links(&self) -> u64 {
        self.0.links.load(Ordering::Relaxed)
    }

    /// One name more. Only the tree names nodes, and only one thread changes the tree.
    pub(super) fn named(&self, now: u64) {
        self.0.links.fetch_add(1, Ordering::Relaxed);
        self.moved(now);
    }

    /// One name less.
    pub(super) fn unnamed(&self, now: u64) {
        self.0.links.fetch_sub(1, Ordering::Relaxed);
        self.moved(now);
    }

    /// Attributes have changed.
    pub(super) fn moved(&self, now: u64) {
        self.change_times(|times| times.ctim = now);
    }

    /// Contents have changed.
    pub(super) fn modified(&self, now: u64) {
        self.change_times(|times| {
            times.mtim = now;
            times.ctim = now;
        });
    }

    pub(super) fn set_times(&self, accessed: SetTime, modified: SetTime, now: u64) {
        let set = |time: &mut u64, to| match to {
            SetTime::Keep => {}
            SetTime::Now => *time = now,
            SetTime::At(at) => *time = at,
        };
        self.change_times(|times| {
            set(&mut times.atim, accessed);
            set(&mut times.mtim, modified);
            times.ctim = now;
        });
    }

    pub(super) fn times(&self) -> Times {
        *self.0.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_times(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.0.times.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode")
            .field("ino", &self.0.ino)
            .field("filetype", &self.filetype())
            .finish_non_exhaustive()
    }
}
