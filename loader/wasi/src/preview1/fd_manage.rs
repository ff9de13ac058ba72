//! Closing, renumbering, flushing and space of open files.

use crate::descriptor::Kind;
use crate::handle::Sync;
use crate::rights;
use crate::types::Advice;
use crate::{Errno, Result, WasiCtx};

/// Says how the `len` bytes at `offset` of `fd` will be used: 0 normal, 1 sequential, 2 random, 3 will need, 4 will not
/// need, 5 once. A hint without effect on what is read.
///
/// # Errors
///
/// [`Errno::Inval`] for another `advice`, [`Errno::Notcapable`] without the right `fd_advise`, [`Errno::Isdir`] on a
/// directory, [`Errno::Spipe`] if the file has no position.
pub fn fd_advise(ctx: &mut WasiCtx, fd: u32, offset: u64, len: u64, advice: u32) -> Result<()> {
    let file = ctx.table.seekable_mut(fd, rights::FD_ADVISE)?;
    let advice = Advice::parse(advice)?;
    if offset.checked_add(len).is_none() {
        return Err(Errno::Inval);
    }
    file.advise(offset, len, advice)
}

/// Makes sure that the `len` bytes at `offset` of `fd` have space on the disk; the file grows if it was shorter.
///
/// # Errors
///
/// [`Errno::Inval`] for no bytes, [`Errno::Fbig`] beyond the greatest file, [`Errno::Notcapable`] without the right
/// `fd_allocate`, [`Errno::Isdir`] on a directory, [`Errno::Notsup`] where the file system cannot.
pub fn fd_allocate(ctx: &mut WasiCtx, fd: u32, offset: u64, len: u64) -> Result<()> {
    let file = ctx.table.seekable_mut(fd, rights::FD_ALLOCATE)?;
    if len == 0 {
        return Err(Errno::Inval);
    }
    let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
    i64::try_from(end).map_err(|_| Errno::Fbig)?;
    file.allocate(offset, len)
}

/// Closes `fd`; its number is free from then on. [`Errno::Badf`] if it is not open.
pub fn fd_close(ctx: &mut WasiCtx, fd: u32) -> Result<()> {
    ctx.table.remove(fd).map(drop)
}

/// Brings the contents of `fd` to the disk. [`Errno::Notcapable`] without the right `fd_datasync`.
pub fn fd_datasync(ctx: &mut WasiCtx, fd: u32) -> Result<()> {
    flush(ctx, fd, rights::FD_DATASYNC, Sync::Data)
}

/// Brings contents and metadata of `fd` to the disk. [`Errno::Notcapable`] without the right `fd_sync`.
pub fn fd_sync(ctx: &mut WasiCtx, fd: u32) -> Result<()> {
    flush(ctx, fd, rights::FD_SYNC, Sync::All)
}

/// Moves the open file `from` to the number `to`, and closes what was there; onto itself nothing happens.
/// [`Errno::Badf`] unless both are open.
pub fn fd_renumber(ctx: &mut WasiCtx, from: u32, to: u32) -> Result<()> {
    ctx.table.renumber(from, to)
}

fn flush(ctx: &mut WasiCtx, fd: u32, right: rights::Rights, what: Sync) -> Result<()> {
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(right)?;
    match &mut descriptor.kind {
        Kind::File(file) => file.sync(what),
        Kind::Dir(dir) => dir.handle.sync(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Guest, READ, READ_WRITE};

    crate::testing::also_in_memory!(
        space_is_allocated_beyond_the_end,
        advice_is_checked,
        files_and_directories_are_flushed,
        a_closed_descriptor_is_gone,
    );

    #[test]
    fn space_is_allocated_beyond_the_end() {
        let mut guest = Guest::with_dir("allocate");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        assert_eq!(fd_allocate(&mut guest.ctx, fd, 0, 0), Err(Errno::Inval));
        let beyond = fd_allocate(&mut guest.ctx, fd, u64::MAX, 1);
        assert_eq!(beyond, Err(Errno::Fbig));
        assert_eq!(fd_allocate(&mut guest.ctx, 3, 0, 1), Err(Errno::Isdir));
        if fd_allocate(&mut guest.ctx, fd, 3, 7) != Err(Errno::Notsup) {
            assert_eq!(guest.host_read("file"), b"abc\0\0\0\0\0\0\0");
        }
        let read_only = guest.open("file", 0, READ).unwrap();
        let refused = fd_allocate(&mut guest.ctx, read_only, 0, 20);
        assert_eq!(refused, Err(Errno::Notcapable));
    }

    #[test]
    fn advice_is_checked() {
        let mut guest = Guest::with_dir("advise");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ).unwrap();
        for (advice, expected) in [(0, Ok(())), (5, Ok(())), (6, Err(Errno::Inval))] {
            let result = fd_advise(&mut guest.ctx, fd, 0, 0, advice);
            assert_eq!(result, expected);
        }
        let overflow = fd_advise(&mut guest.ctx, fd, u64::MAX, 1, 0);
        assert_eq!(overflow, Err(Errno::Inval));
    }

    #[test]
    fn files_and_directories_are_flushed() {
        let mut guest = Guest::with_dir("flush");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        assert_eq!(fd_sync(&mut guest.ctx, fd), Ok(()));
        assert_eq!(fd_datasync(&mut guest.ctx, fd), Ok(()));
        assert_eq!(fd_sync(&mut guest.ctx, 3), Ok(()));
        assert_eq!(fd_sync(&mut guest.ctx, 77), Err(Errno::Badf));
    }

    #[test]
    fn a_closed_descriptor_is_gone() {
        let mut guest = Guest::with_dir("close");
        assert_eq!(fd_close(&mut guest.ctx, 3), Ok(()));
        assert_eq!(fd_close(&mut guest.ctx, 3), Err(Errno::Badf));
        assert_eq!(guest.open(".", 0, READ), Err(Errno::Badf));
    }
}
