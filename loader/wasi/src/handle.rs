//! What lies behind descriptors: open files and open directories, whatever they are made of.
//!
//! The calls of `preview1` check rights, flags and pointers and then use these traits; the files of this folder
//! implement them. An implementation sees no descriptor numbers and no guest memory.

mod host_dir;
mod host_file;
mod host_listing;
mod socket;
mod stream;
pub(crate) mod tree;

use std::any::Any;
use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use crate::types::{Advice, Filestat, Filetype, SetTime};
use crate::{Errno, Result};

pub(crate) use host_dir::HostDir;
pub(crate) use host_file::HostFile;
pub(crate) use socket::Listener;
pub(crate) use stream::{Reader, Writer};
pub(crate) use tree::TreeDir;

/// An open file: anything that is not a directory. It keeps its own position.
///
/// What is not overridden is refused as POSIX does for a file without a position. What needs one, from `read_at` to
/// `advise`, is called only where [`is_seekable`](File::is_seekable) says that there is one.
pub(crate) trait File: Send {
    fn filetype(&self) -> Filetype;

    /// Whether the file has a position. Pipes, sockets and terminals have none.
    fn is_seekable(&self) -> bool {
        false
    }

    fn stat(&self) -> Result<Filestat>;

    /// Reads at the position; 0 is the end.
    fn read(&mut self, _buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        Err(Errno::Badf)
    }

    /// Writes at the position, or at the end of a file that appends.
    fn write(&mut self, _buffers: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::Badf)
    }

    fn read_at(&mut self, _buffers: &mut [IoSliceMut<'_>], _offset: u64) -> Result<usize> {
        Err(Errno::Spipe)
    }

    fn write_at(&mut self, _buffers: &[IoSlice<'_>], _offset: u64) -> Result<usize> {
        Err(Errno::Spipe)
    }

    /// Gives the new position.
    fn seek(&mut self, _target: SeekFrom) -> Result<u64> {
        Err(Errno::Spipe)
    }

    fn set_size(&mut self, _size_bytes: u64) -> Result<()> {
        Err(Errno::Spipe)
    }

    fn allocate(&mut self, _offset: u64, _len: u64) -> Result<()> {
        Err(Errno::Spipe)
    }

    fn advise(&mut self, _offset: u64, _len: u64, _advice: Advice) -> Result<()> {
        Err(Errno::Spipe)
    }

    fn set_times(&mut self, _accessed: SetTime, _modified: SetTime) -> Result<()> {
        Err(Errno::Notsup)
    }

    fn sync(&mut self, _what: Sync) -> Result<()> {
        Ok(())
    }

    /// `fdflags` as the guest sees them.
    fn flags(&self) -> u16 {
        0
    }

    /// Sets all of `fdflags`; on error, none.
    fn set_flags(&mut self, flags: u16) -> Result<()> {
        if flags == self.flags() {
            Ok(())
        } else {
            Err(Errno::Notsup)
        }
    }

    /// Takes a connection that waits; the new file has the `fdflags` given. Only of sockets that listen.
    fn accept(&mut self, _flags: u16) -> Result<Box<dyn File>> {
        Err(Errno::Inval)
    }

    /// Reads from a socket.
    fn receive(&mut self, buffers: &mut [IoSliceMut<'_>], how: Receive) -> Result<usize> {
        if how == Receive::default() {
            self.read(buffers)
        } else {
            Err(Errno::Notsup)
        }
    }

    /// Ends one or both directions of a connection.
    fn shutdown(&mut self, _how: Shutdown) -> Result<()> {
        Err(Errno::Notconn)
    }

    /// How `poll_oneoff` learns that the file can be read or written.
    fn readiness(&self, direction: Direction) -> Readiness<'_>;
}

/// An open directory, and with it everything beneath.
///
/// Paths are relative, not empty, without NUL; `..`, symlinks and trailing slashes are for the implementation to
/// resolve, and no path may lead out: [`Errno::Perm`].
pub(crate) trait Directory: Send + Any {
    fn stat(&self) -> Result<Filestat>;

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat>;

    fn open(&self, path: &str, how: &OpenHow) -> Result<Opened>;

    /// The target of a symlink, as it was made.
    fn read_link(&self, path: &str) -> Result<Vec<u8>>;

    fn create_dir(&self, path: &str) -> Result<()>;

    fn symlink(&self, target: &str, path: &str) -> Result<()>;

    /// Makes `new_path` in `to` another name of `old_path`. [`Errno::Xdev`] if `to` is of another file system.
    fn link(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()>;

    /// Moves `old_path` to `new_path` in `to`. [`Errno::Xdev`] if `to` is of another file system.
    fn rename(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()>;

    fn remove_dir(&self, path: &str) -> Result<()>;

    /// Removes a file or a symlink.
    fn remove_file(&self, path: &str) -> Result<()>;

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()>;

    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()>;

    fn sync(&self, what: Sync) -> Result<()>;

    /// Starts to list the entries.
    fn list(&self) -> Result<Box<dyn Listing>>;
}

/// The entries of a directory, by cookies: numbers that stay valid while entries come and go.
pub(crate) trait Listing: Send {
    /// Shows the entries from the position `cookie` on (0 is the start) until `visit` breaks or there are no more.
    fn read(
        &mut self,
        cookie: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()>;
}

/// One entry of a directory.
pub(crate) struct Entry<'a> {
    /// The position after it.
    pub(crate) next: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
    /// As the host has it; not always UTF-8.
    pub(crate) name: &'a [u8],
}

/// How a path is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenHow {
    /// A symlink as the last component is followed.
    pub(crate) follow: bool,
    /// It must be a directory.
    pub(crate) directory: bool,
    /// A file that is not there is created.
    pub(crate) create: bool,
    /// There must be nothing yet. Only together with `create`.
    pub(crate) exclusive: bool,
    /// A file that is there is cut to no bytes.
    pub(crate) truncate: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Nothing of the file system may change: what would create or cut fails with [`Errno::Rofs`].
    pub(crate) read_only: bool,
    /// `fdflags` of the new file.
    pub(crate) fdflags: u16,
}

pub(crate) enum Opened {
    File(Box<dyn File>),
    Dir(Box<dyn Directory>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    Data,
    /// With times, size and all else.
    All,
}

/// How a socket is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receive {
    /// What is read stays there to be read again.
    pub(crate) peek: bool,
    /// A short count is given only at the end, for an error or an interruption.
    pub(crate) wait_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

pub(crate) enum Readiness<'a> {
    /// The host can tell.
    Host(BorrowedFd<'a>),
    /// Never blocks; that many bytes can be read, at least.
    Ready(u64),
}
