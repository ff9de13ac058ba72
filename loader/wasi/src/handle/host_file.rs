//! A file of the host that is not a directory.

use std::fs::File as StdFile;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};

use cap_std::fs::Metadata;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FallocateFlags, OFlags, Timestamps};
use rustix::io::{Errno as HostErrno, ReadWriteFlags};

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

/// The offset that stands for the position.
const AT_POSITION: u64 = u64::MAX;

/// The most bytes that a pipe takes as a whole or not at all (`PIPE_BUF`; POSIX has at least 512, Linux this).
const WHOLE_BYTES: usize = 4096;

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
        Ok(())
    }

    /// A stream is first asked for what it can give at once, which saves the wait while the other end keeps up. Those
    /// that cannot be asked that way, as terminals, refuse, and any error comes again after the wait.
    fn read_here(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        if !self.seekable {
            let at_once = ReadWriteFlags::NOWAIT;
            if let Ok(count) = rustix::io::preadv2(&self.file, buffers, AT_POSITION, at_once) {
                return Ok(count);
            }
            self.wait(PollFlags::IN)?;
        }
        Ok(match buffers {
            // As a list of one it would cost the host more.
            [buffer] => (&self.file).read(buffer)?,
            _ => (&self.file).read_vectored(buffers)?,
        })
    }

    /// As [`read_here`](HostFile::read_here), but a stream that blocks is only asked for as little as is never cut:
    /// programs rely on it to take all. One that does not block takes what it has room for.
    fn write_here(&self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        if !self.seekable {
            let nonblocking = self.flags & fdflags::NONBLOCK != 0;
            let lens = buffers.iter().map(|buffer| buffer.len());
            if nonblocking || lens.fold(0, usize::saturating_add) <= WHOLE_BYTES {
                let at_once = ReadWriteFlags::NOWAIT;
                match rustix::io::pwritev2(&self.file, buffers, AT_POSITION, at_once) {
                    Ok(count) => return Ok(count),
                    Err(HostErrno::AGAIN) if nonblocking => return Err(Errno::Again),
                    Err(_) => {}
                }
            }
            self.wait(PollFlags::OUT)?;
        }
        Ok(match buffers {
            [buffer] => (&self.file).write(buffer)?,
            _ => (&self.file).write_vectored(buffers)?,
        })
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
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.before_reading()?;
        self.read_here(buffers)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        let written = if self.emulated & fdflags::APPEND != 0 {
            self.wait(PollFlags::OUT)?;
            rustix::io::pwritev2(&self.file, buffers, AT_POSITION, ReadWriteFlags::APPEND)?
        } else {
            self.write_here(buffers)?
        };
        self.after_writing()?;
        Ok(written)
    }

    fn read_at(&mut self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        self.before_reading()?;
        Ok(rustix::io::preadv(&self.file, buffers, offset)?)
    }

    fn write_at(&mut self, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let written = rustix::io::pwritev(&self.file, buffers, offset)?;
        self.after_writing()?;
        Ok(written)
    }

    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        Ok((&self.file).seek(target)?)
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        Ok(self.file.set_len(size_bytes)?)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> Result<()> {
        let mode = FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&self.file, mode, offset, len)?)
    }

    fn advise(&mut self, offset: u64, len: u64, advice: Advice) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    fn pipe() -> (HostFile, HostFile) {
        let (reader, writer) = io::pipe().unwrap();
        let shared = |end: OwnedFd| HostFile::shared(StdFile::from(end)).unwrap();
        (shared(reader.into()), shared(writer.into()))
    }

    fn read(file: &mut HostFile, len: usize) -> Result<usize> {
        file.read(&mut [IoSliceMut::new(&mut vec![0; len])])
    }

    #[test]
    fn a_stream_that_blocks_takes_all() {
        for (len, buffers) in [(100_000, 1), (15_000, 2), (4096, 5)] {
            let (mut reader, mut writer) = pipe();
            // Room is left, but not for all.
            assert_eq!(writer.write(&[IoSlice::new(&[0; 50_000])]), Ok(50_000));
            let total = 50_000 + len * buffers;
            let reader = thread::spawn(move || {
                let mut left = total;
                while left > 0 {
                    left -= read(&mut reader, left).unwrap();
                }
            });
            let bytes = vec![0; len];
            let written = writer.write(&vec![IoSlice::new(&bytes); buffers]);
            assert_eq!(written, Ok(len * buffers));
            reader.join().unwrap();
        }
    }

    #[test]
    fn a_stream_that_does_not_block_says_so() {
        let (mut reader, mut writer) = pipe();
        reader.set_flags(fdflags::NONBLOCK).unwrap();
        writer.set_flags(fdflags::NONBLOCK).unwrap();
        assert_eq!(read(&mut reader, 1), Err(Errno::Again));
        assert_eq!(reader.read(&mut []), Ok(0));
        assert_eq!(writer.write(&[IoSlice::new(&[0; 60_000])]), Ok(60_000));
        // More than there is room for.
        let written = writer.write(&[IoSlice::new(&[0; 60_000])]).unwrap();
        assert!((1..60_000).contains(&written), "{written}");
        assert_eq!(writer.write(&[IoSlice::new(&[0])]), Err(Errno::Again));
        assert_eq!(read(&mut reader, 100_000), Ok(60_000 + written));
        drop(writer);
        assert_eq!(read(&mut reader, 1), Ok(0));
        let (reader, mut writer) = pipe();
        drop(reader);
        assert_eq!(writer.write(&[IoSlice::new(&[0])]), Err(Errno::Pipe));
    }

    #[test]
    fn a_stream_is_waited_for() {
        let (mut reader, mut writer) = pipe();
        let waits = thread::spawn(move || read(&mut reader, 10));
        assert_eq!(writer.write(&[IoSlice::new(b"abc")]), Ok(3));
        assert_eq!(waits.join().unwrap(), Ok(3));
    }
}
