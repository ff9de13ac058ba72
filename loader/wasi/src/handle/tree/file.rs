//! An open file of a [`FileSystem`].

use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::sync::Arc;

use crate::fs::FileSystem;
use crate::handle::{Direction, File, Readiness, Sync};
use crate::types::{Advice, Filestat, Filetype, SetTime, fdflags};
use crate::{Errno, Result};

pub(super) struct TreeFile<F: FileSystem> {
    fs: Arc<F>,
    node: F::Node,
    filetype: Filetype,
    /// At most `i64::MAX`, as on the host.
    position: u64,
    flags: u16,
}

impl<F: FileSystem> TreeFile<F> {
    pub(super) fn new(fs: Arc<F>, node: F::Node, filetype: Filetype, flags: u16) -> TreeFile<F> {
        TreeFile {
            fs,
            node,
            filetype,
            position: 0,
            flags,
        }
    }

    fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Gives where the bytes went and how many they were.
    fn write_to(&self, buffers: &[IoSlice<'_>], offset: u64) -> Result<(u64, usize)> {
        let wanted: usize = total(buffers.iter().map(|buffer| buffer.len()));
        if wanted == 0 {
            return Ok((offset, 0));
        }
        let (offset, written) = if self.has(fdflags::APPEND) {
            self.fs.append(&self.node, buffers)?
        } else {
            (offset, self.fs.write_at(&self.node, buffers, offset)?)
        };
        if self.has(fdflags::SYNC | fdflags::DSYNC | fdflags::RSYNC) {
            self.fs.sync(&self.node)?;
        }
        Ok((offset, written.min(wanted)))
    }

    fn bytes_left(&self) -> u64 {
        let size = self.fs.stat(&self.node).map_or(0, |stat| stat.size_bytes);
        size.saturating_sub(self.position)
    }
}

fn total(lens: impl Iterator<Item = usize>) -> usize {
    lens.fold(0, usize::saturating_add)
}

/// An offset that a host would take: `off_t` has a sign.
fn checked(offset: u64) -> Result<u64> {
    i64::try_from(offset).map_err(|_| Errno::Inval)?;
    Ok(offset)
}

fn after(offset: u64, count: usize) -> u64 {
    offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX))
}

impl<F: FileSystem> File for TreeFile<F> {
    fn filetype(&self) -> Filetype {
        self.filetype
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Filestat> {
        self.fs.stat(&self.node)
    }

    fn read(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let count = self.read_at(buffers, self.position)?;
        self.position = after(self.position, count);
        Ok(count)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        let (offset, count) = self.write_to(buffers, self.position)?;
        self.position = after(offset, count);
        Ok(count)
    }

    fn read_at(&mut self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let offset = checked(offset)?;
        let wanted = total(buffers.iter().map(|buffer| buffer.len()));
        let count = self.fs.read_at(&self.node, buffers, offset)?;
        Ok(count.min(wanted))
    }

    /// A file that appends takes the bytes at its end, as Linux has it.
    fn write_at(&mut self, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let (_, count) = self.write_to(buffers, checked(offset)?)?;
        Ok(count)
    }

    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.stat()?.size_bytes.checked_add_signed(offset),
        };
        self.position = checked(position.ok_or(Errno::Inval)?)?;
        Ok(self.position)
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        self.fs.set_size(&self.node, checked(size_bytes)?)
    }

    fn allocate(&mut self, offset: u64, len: u64) -> Result<()> {
        let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
        self.fs.allocate(&self.node, end)
    }

    fn advise(&mut self, _offset: u64, _len: u64, _advice: Advice) -> Result<()> {
        Ok(())
    }

    fn set_times(&mut self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.fs.set_times(&self.node, accessed, modified)
    }

    fn sync(&mut self, _what: Sync) -> Result<()> {
        self.fs.sync(&self.node)
    }

    fn flags(&self) -> u16 {
        self.flags
    }

    fn set_flags(&mut self, flags: u16) -> Result<()> {
        self.flags = flags;
        Ok(())
    }

    fn readiness(&self, direction: Direction) -> Readiness<'_> {
        Readiness::Ready(match direction {
            Direction::Read => self.bytes_left(),
            Direction::Write => 0,
        })
    }
}
