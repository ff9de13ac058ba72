//! A file of the host that is not a directory.

use std::fs::File as StdFile;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};

use cap_std::fs::Metadata;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FallocateFlags, OFlags, Timestamps};
use rustix::io::ReadWriteFlags;

use super::{Direction, File, Readiness, Sync};
use crate::types::{Advice, Filestat, Filetype, SetTime, fdflags};
use crate::{Errno, Result};

pub(crate) struct HostFile {
    file: StdFile,
    filetype: Filetype,
    seekable: bool,
    /// The host process uses the same open file, whose flags are then left alone.
    shared: bool,
    /// `fdflags` as the guest sees them.
    flags: u16,
    /// Those of `flags` that the host does not know of, so that they are carried out here.
    emulated: u16,
}

const SYNCHRONOUS: u16 = fdflags::DSYNC | fdflags::RSYNC | fdflags::SYNC;

impl HostFile {
    /// A file that was opened for the guest, with the flags that it was opened with.
    pub(crate) fn opened(file: StdFile, metadata: &Metadata, flags: u16) -> HostFile {
        let filetype = metadata.file_type().into();
        let seekable = match filetype {
            Filetype::RegularFile | Filetype::BlockDevice => true,
            Filetype::CharacterDevice => !file.is_terminal(),
            _ => false,
        };
        HostFile {
            file,
            filetype,
            seekable,
            shared: false,
            flags,
            emulated: 0,
        }
    }

    /// A duplicate of a file that the host process goes on using.
    pub(crate) fn shared(file: StdFile) -> io::Result<HostFile> {
        let metadata = Metadata::from_file(&file)?;
        let append = rustix::fs::fcntl_getfl(&file)?.contains(OFlags::APPEND);
        let flags = if append { fdflags::APPEND } else { 0 };
        Ok(HostFile {
            shared: true,
            ..HostFile::opened(file, &metadata, flags)
        })
    }

    /// Waits until the file can be read or written, if that may take time.
    ///
    /// The wait is a call of its own because the host restarts an interrupted read or write, but never an interrupted
    /// wait: a guest that blocks can be stopped. Non-blocking mode of a stream that others use is also made this way;
    /// `O_NONBLOCK` would hold for them as well.
    fn wait(&self, direction: PollFlags) -> Result<()> {
        if self.seekable {
            return Ok(());
        }
        wait(
            self.file.as_fd(),
            direction,
            self.flags & fdflags::NONBLOCK != 0,
        )
    }

    fn before_reading(&self) -> Result<()> {
        if self.emulated & fdflags::RSYNC != 0 {
            self.file.sync_all()?;
        }
        self.wait(PollFlags::IN)
    }

    fn after_writing(&self) -> Result<()> {
        if self.emulated & (fdflags::SYNC | fdflags::RSYNC) != 0 {
            self.file.sync_all()?;
        } else if self.emulated & fdflags::DSYNC != 0 {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Waits until the stream can be read or written. A non-blocking one fails with [`Errno::Again`] if it cannot at once.
pub(super) fn wait(fd: BorrowedFd<'_>, direction: PollFlags, nonblocking: bool) -> Result<()> {
    let at_once = Timespec::default();
    let timeout = nonblocking.then_some(&at_once);
    match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, direction)], timeout)? {
        0 => Err(Errno::Again),
        _ => Ok(()),
    }
}

impl File for HostFile {
    fn filetype(&self) -> Filetype {
        self.filetype
    }

    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::from(&Metadata::from_file(&self.file)?))
    }

    fn read(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        // No bytes are there at once.
        if buffers.iter().any(|buffer| !buffer.is_empty()) {
            self.before_reading()?;
        }
        Ok((&self.file).read_vectored(buffers)?)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        self.wait(PollFlags::OUT)?;
        let written = if self.emulated & fdflags::APPEND != 0 {
            // The offset that stands for the position.
            const AT_POSITION: u64 = u64::MAX;
            rustix::io::pwritev2(&self.file, buffers, AT_POSITION, ReadWriteFlags::APPEND)?
        } else {
            (&self.file).write_vectored(buffers)?
        };
        self.after_writing()?;
        Ok(written)
    }

    fn read_at(&mut self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        self.before_reading()?;
        Ok(rustix::io::preadv(&self.file, buffers, offset)?)
    }

    fn write_at(&mut self, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        let written = rustix::io::pwritev(&self.file, buffers, offset)?;
        self.after_writing()?;
        Ok(written)
    }

    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        Ok((&self.file).seek(target)?)
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        Ok(self.file.set_len(size_bytes)?)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> Result<()> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        let mode = FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&self.file, mode, offset, len)?)
    }

    fn advise(&mut self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        if !self.seekable {
            return Err(Errno::Spipe);
        }
        let advice = match advice {
            Advice::Normal => rustix::fs::Advice::Normal,
            Advice::Sequential => rustix::fs::Advice::Sequential,
            Advice::Random => rustix::fs::Advice::Random,
            Advice::WillNeed => rustix::fs::Advice::WillNeed,
            Advice::DontNeed => rustix::fs::Advice::DontNeed,
            Advice::NoReuse => rustix::fs::Advice::NoReuse,
        };
        let len = NonZeroU64::new(len);
        Ok(rustix::fs::fadvise(&self.file, offset, len, advice)?)
    }

    fn set_times(&mut self, accessed: SetTime, modified: SetTime) -> Result<()> {
        let times = Timestamps {
            last_access: accessed.timespec()?,
            last_modification: modified.timespec()?,
        };
        Ok(rustix::fs::futimens(&self.file, &times)?)
    }

    fn sync(&mut self, what: Sync) -> Result<()> {
        let synced = match what {
            Sync::Data => self.file.sync_data(),
            Sync::All => self.file.sync_all(),
        };
        match synced.map_err(Errno::from) {
            // What has nothing to bring to a disk, as a pipe or a terminal.
            Err(Errno::Inval) if !self.seekable => Ok(()),
            synced => synced,
        }
    }

    fn flags(&self) -> u16 {
        self.flags
    }

    fn set_flags(&mut self, flags: u16) -> Result<()> {
        let changed = self.flags ^ flags;
        let appended_by_host = self.flags & !self.emulated & fdflags::APPEND != 0;
        if self.shared {
            if changed & fdflags::APPEND != 0 && appended_by_host {
                // Others rely on it.
                return Err(Errno::Notsup);
            }
            let append = flags & fdflags::APPEND;
            self.emulated = if appended_by_host { 0 } else { append };
        } else if changed & (fdflags::APPEND | fdflags::NONBLOCK) != 0 {
            let mut host = rustix::fs::fcntl_getfl(&self.file)?;
            host.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
            host.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
            rustix::fs::fcntl_setfl(&self.file, host)?;
            self.emulated &= !fdflags::APPEND;
        }
        // The host fixes these when it opens a file, and goes on with those that it was given then: more is written
        // through than asked for, never less.
        self.emulated = (self.emulated & !SYNCHRONOUS) | (flags & SYNCHRONOUS);
        self.flags = flags;
        Ok(())
    }

    fn readiness(&self, direction: Direction) -> Readiness<'_> {
        match (self.filetype, direction) {
            (Filetype::RegularFile, Direction::Read) => Readiness::Ready(self.bytes_left()),
            (Filetype::RegularFile, Direction::Write) => Readiness::Ready(0),
            _ => Readiness::Host(self.file.as_fd()),
        }
    }
}

impl HostFile {
    fn bytes_left(&self) -> u64 {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        let position = rustix::fs::tell(&self.file).unwrap_or(0);
        size.saturating_sub(position)
    }
}
