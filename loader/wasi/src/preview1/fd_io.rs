//! Reading, writing and positions.
//!
//! Each call makes one host call with all buffers. A short count is a success, as POSIX has it; an error means that
//! nothing was transferred. The place for the result is checked before the transfer, so that no byte is lost to a
//! bad pointer.

use std::io::SeekFrom;

use crate::rights;
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Reads from `fd` at its position into the `iovs_len` buffers listed at `iovs` and writes the count to `nread`; 0 is the end.
///
/// # Errors
///
/// [`Errno::Isdir`] on a directory, [`Errno::Notcapable`] without the right `fd_read`, [`Errno::Inval`] beyond 1024
/// buffers, [`Errno::Again`] on a non-blocking stream that has nothing.
pub fn fd_read(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<()> {
    memory.check(nread, 4)?;
    let file = ctx.table.file_mut(fd, rights::FD_READ)?;
    let iovecs = memory.iovecs(iovs, iovs_len)?;
    let count = memory.scatter(&iovecs, |buffers| file.read(buffers))?;
    write_count(memory, nread, count)
}

/// Writes the `iovs_len` buffers listed at `iovs` to `fd` at its position, or at its end if it appends, and the count of
/// bytes taken to `nwritten`.
///
/// # Errors
///
/// [`Errno::Isdir`] on a directory, [`Errno::Notcapable`] without the right `fd_write`, [`Errno::Inval`] beyond 1024
/// buffers, [`Errno::Again`] on a non-blocking stream that takes nothing.
pub fn fd_write(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<()> {
    memory.check(nwritten, 4)?;
    let file = ctx.table.file_mut(fd, rights::FD_WRITE)?;
    let iovecs = memory.iovecs(iovs, iovs_len)?;
    let written = memory.gather(&iovecs, |buffers| file.write(buffers));
    let count = ctx.written(fd, written)?;
    write_count(memory, nwritten, count)
}

/// Like [`fd_read`], but at the byte `offset`, and leaves the position alone.
///
/// # Errors
///
/// Those of `fd_read`; [`Errno::Spipe`] if the file has no position; [`Errno::Notcapable`] without `fd_seek` as well.
pub fn fd_pread(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<()> {
    memory.check(nread, 4)?;
    let file = ctx
        .table
        .seekable_mut(fd, rights::FD_READ | rights::FD_SEEK)?;
    let iovecs = memory.iovecs(iovs, iovs_len)?;
    let count = memory.scatter(&iovecs, |buffers| file.read_at(buffers, offset))?;
    write_count(memory, nread, count)
}

/// Like [`fd_write`], but at the byte `offset`, and leaves the position alone.
///
/// A file that appends takes the bytes at its end all the same on hosts that have it so (Linux).
///
/// # Errors
///
/// Those of `fd_write`; [`Errno::Spipe`] if the file has no position; [`Errno::Notcapable`] without `fd_seek` as well.
pub fn fd_pwrite(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<()> {
    memory.check(nwritten, 4)?;
    let file = ctx
        .table
        .seekable_mut(fd, rights::FD_WRITE | rights::FD_SEEK)?;
    let iovecs = memory.iovecs(iovs, iovs_len)?;
    let count = memory.gather(&iovecs, |buffers| file.write_at(buffers, offset))?;
    write_count(memory, nwritten, count)
}

/// Moves the position of `fd` by `offset` bytes from the start (`whence` 0), the position (1) or the end (2), and writes the
/// new one to `newoffset`.
///
/// # Errors
///
/// [`Errno::Isdir`] on a directory, [`Errno::Spipe`] if the file has no position, [`Errno::Notcapable`] without the
/// right `fd_seek` (`fd_tell` is enough to ask where one is), [`Errno::Inval`] for a position before the start.
pub fn fd_seek(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    newoffset: u32,
) -> Result<()> {
    const CURRENT: u32 = 1;
    if offset == 0 && whence == CURRENT && ctx.table.seekable_mut(fd, rights::FD_TELL).is_ok() {
        return fd_tell(ctx, memory, fd, newoffset);
    }
    let file = ctx.table.seekable_mut(fd, rights::FD_SEEK)?;
    memory.check(newoffset, 8)?;
    let target = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        CURRENT => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Errno::Inval),
    };
    let position = file.seek(target)?;
    memory.write_u64(newoffset, position)
}

/// Writes the position of `fd`, in bytes from the start, to `offset`.
///
/// # Errors
///
/// [`Errno::Isdir`] on a directory, [`Errno::Spipe`] if the file has no position, [`Errno::Notcapable`] without `fd_tell`.
pub fn fd_tell(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: u32,
) -> Result<()> {
    let file = ctx.table.seekable_mut(fd, rights::FD_TELL)?;
    let position = file.seek(SeekFrom::Current(0))?;
    memory.write_u64(offset, position)
}

pub(super) fn write_count(memory: &mut GuestMemory<'_>, at: u32, count: usize) -> Result<()> {
    memory.write_u32(at, u32::try_from(count).map_err(|_| Errno::Overflow)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputBuffer;
    use crate::testing::{Guest, READ, READ_WRITE};
    use std::io::Cursor;

    #[test]
    fn input_and_output_are_scattered_and_gathered() {
        let output = OutputBuffer::new(100);
        let ctx = WasiCtx::builder()
            .stdin(Cursor::new(b"hello world".to_vec()))
            .stdout(output.clone())
            .build()
            .unwrap();
        let mut guest = Guest::new(ctx);
        let iovs = guest.iovecs(&[(300, 3), (200, 0), (100, 4)]);
        let count = guest.call(|ctx, memory| fd_read(ctx, memory, 0, iovs, 3, 0));
        assert_eq!(count, Ok(()));
        // Cursor's vectored read fills all buffers.
        assert_eq!(guest.u32_at(0), 7);
        assert_eq!(guest.bytes(300, 3), b"hel");
        assert_eq!(guest.bytes(100, 4), b"lo w");
        guest
            .call(|ctx, memory| fd_write(ctx, memory, 1, iovs, 3, 0))
            .unwrap();
        assert_eq!(output.contents(), b"hello w");
    }

    #[test]
    fn streams_go_one_way_and_have_no_position() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let iovs = guest.iovecs(&[(100, 4)]);
        let read_stdout = guest.call(|ctx, memory| fd_read(ctx, memory, 1, iovs, 1, 0));
        assert_eq!(read_stdout, Err(Errno::Notcapable));
        let write_stdin = guest.call(|ctx, memory| fd_write(ctx, memory, 0, iovs, 1, 0));
        assert_eq!(write_stdin, Err(Errno::Notcapable));
        let seek = guest.call(|ctx, memory| fd_seek(ctx, memory, 0, 0, 0, 0));
        assert_eq!(seek, Err(Errno::Spipe));
        let closed = guest.call(|ctx, memory| fd_read(ctx, memory, 9, iovs, 1, 0));
        assert_eq!(closed, Err(Errno::Badf));
    }

    #[test]
    fn nothing_is_consumed_when_the_result_cannot_be_written() {
        let ctx = WasiCtx::builder()
            .stdin(Cursor::new(b"abc".to_vec()))
            .build()
            .unwrap();
        let mut guest = Guest::new(ctx);
        let iovs = guest.iovecs(&[(100, 3)]);
        let fault = guest.call(|ctx, memory| fd_read(ctx, memory, 0, iovs, 1, u32::MAX));
        assert_eq!(fault, Err(Errno::Fault));
        guest
            .call(|ctx, memory| fd_read(ctx, memory, 0, iovs, 1, 0))
            .unwrap();
        assert_eq!(guest.u32_at(0), 3);
    }

    #[test]
    fn positions_are_kept_per_descriptor() {
        let mut guest = Guest::with_dir("positions");
        guest.host_write("file", b"0123456789");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        let iovs = guest.iovecs(&[(100, 4)]);
        guest
            .call(|ctx, memory| fd_pread(ctx, memory, fd, iovs, 1, 5, 0))
            .unwrap();
        assert_eq!(guest.bytes(100, 4), b"5678");
        guest
            .call(|ctx, memory| fd_seek(ctx, memory, fd, -2, 2, 8))
            .unwrap();
        assert_eq!(guest.u64_at(8), 8);
        guest
            .call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 1, 0))
            .unwrap();
        guest
            .call(|ctx, memory| fd_tell(ctx, memory, fd, 8))
            .unwrap();
        assert_eq!(guest.u64_at(8), 12);
        assert_eq!(guest.host_read("file"), b"012345675678");
        let before_start = guest.call(|ctx, memory| fd_seek(ctx, memory, fd, -1, 0, 8));
        assert_eq!(before_start, Err(Errno::Inval));
        let no_such_whence = guest.call(|ctx, memory| fd_seek(ctx, memory, fd, 0, 3, 8));
        assert_eq!(no_such_whence, Err(Errno::Inval));
    }

    #[test]
    fn writing_needs_the_right_to_write() {
        let mut guest = Guest::with_dir("write-right");
        guest.host_write("file", b"x");
        let fd = guest.open("file", 0, READ).unwrap();
        let iovs = guest.iovecs(&[(100, 4)]);
        let write = guest.call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 1, 0));
        assert_eq!(write, Err(Errno::Notcapable));
        let pwrite = guest.call(|ctx, memory| fd_pwrite(ctx, memory, fd, iovs, 1, 0, 0));
        assert_eq!(pwrite, Err(Errno::Notcapable));
        assert_eq!(guest.host_read("file"), b"x");
    }

    #[test]
    fn a_directory_is_not_read() {
        let mut guest = Guest::with_dir("read-dir");
        let iovs = guest.iovecs(&[(100, 4)]);
        let read = guest.call(|ctx, memory| fd_read(ctx, memory, 3, iovs, 1, 0));
        assert_eq!(read, Err(Errno::Isdir));
        let seek = guest.call(|ctx, memory| fd_seek(ctx, memory, 3, 0, 1, 0));
        assert_eq!(seek, Err(Errno::Isdir));
    }
}
