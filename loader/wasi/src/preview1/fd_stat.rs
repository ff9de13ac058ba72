//! Status, flags, rights, sizes and times of open files.

use crate::descriptor::Kind;
use crate::rights::{self, Rights};
use crate::types::{fdflags, flags16, set_times};
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Writes the type, flags and rights of `fd` to `fdstat` (24 bytes).
pub fn fd_fdstat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    fdstat: u32,
) -> Result<()> {
    let descriptor = ctx.table.get(fd)?;
    // 0: filetype u8, padding; 2: flags u16, padding; 8: base rights u64; 16: inheriting rights u64.
    let filetype = u64::from(descriptor.filetype() as u8);
    let flags = u64::from(descriptor.flags()) << 16;
    let words = [filetype | flags, descriptor.base, descriptor.inheriting];
    let mut bytes = [0u8; 24];
    for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    memory.write(fdstat, &bytes)
}

/// Sets append, non-blocking and synchronous mode of `fd`.
///
/// # Errors
///
/// [`Errno::Notsup`] if a stream shared with the host process is to append no longer, or for any flag on a stream without
/// a host file. [`Errno::Inval`] for any but non-blocking mode on a socket. [`Errno::Notcapable`] without the right
/// `fd_fdstat_set_flags`.
pub fn fd_fdstat_set_flags(ctx: &mut WasiCtx, fd: u32, flags: u32) -> Result<()> {
    let flags = flags16(flags, fdflags::ALL)?;
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
    match &mut descriptor.kind {
        Kind::File(file) => file.set_flags(flags),
        Kind::Dir(dir) => {
            dir.flags = flags;
            Ok(())
        }
    }
}

/// Gives up all rights of `fd` that are not in `base` and `inheriting`. [`Errno::Notcapable`] for a right that it does not have.
pub fn fd_fdstat_set_rights(ctx: &mut WasiCtx, fd: u32, base: u64, inheriting: u64) -> Result<()> {
    let descriptor = ctx.table.get_mut(fd)?;
    let gained: Rights = (base & !descriptor.base) | (inheriting & !descriptor.inheriting);
    if gained != 0 {
        return Err(Errno::Notcapable);
    }
    descriptor.base = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

/// Writes the attributes of `fd` to `filestat` (64 bytes). [`Errno::Notcapable`] without the right `fd_filestat_get`.
pub fn fd_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    filestat: u32,
) -> Result<()> {
    let descriptor = ctx.table.get(fd)?;
    descriptor.require(rights::FD_FILESTAT_GET)?;
    let stat = match &descriptor.kind {
        Kind::File(file) => file.stat()?,
        Kind::Dir(dir) => dir.handle.stat()?,
    };
    memory.write(filestat, &stat.to_bytes())
}

/// Makes `fd` `size` bytes long, by cutting it or adding zeros.
///
/// # Errors
///
/// [`Errno::Isdir`] on a directory, [`Errno::Spipe`] if it has no position, [`Errno::Notcapable`] without the right
/// `fd_filestat_set_size`, [`Errno::Inval`] beyond the greatest size.
pub fn fd_filestat_set_size(ctx: &mut WasiCtx, fd: u32, size: u64) -> Result<()> {
    let file = ctx.table.seekable_mut(fd, rights::FD_FILESTAT_SET_SIZE)?;
    file.set_size(size)
}

/// Sets access time `atim` and modification time `mtim` of `fd` (nanoseconds since 1970-01-01 UTC), each if `fstflags` says
/// so: 1 and 4 to the value, 2 and 8 to now.
///
/// # Errors
///
/// [`Errno::Inval`] for a time that is to be both, [`Errno::Notcapable`] without the right `fd_filestat_set_times`,
/// [`Errno::Rofs`] in a mount given read-only, [`Errno::Notsup`] on a stream without a host file.
pub fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    fd: u32,
    atim: u64,
    mtim: u64,
    fstflags: u32,
) -> Result<()> {
    let (atim, mtim) = set_times(atim, mtim, flags16(fstflags, u16::MAX)?)?;
    let descriptor = ctx.table.get_mut(fd)?;
    if matches!(&descriptor.kind, Kind::Dir(dir) if dir.read_only) {
        return Err(Errno::Rofs);
    }
    descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
    match &mut descriptor.kind {
        Kind::File(file) => file.set_times(atim, mtim),
        Kind::Dir(dir) => dir.handle.set_times(atim, mtim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview1::{fd_seek, fd_write};
    use crate::testing::{Guest, READ, READ_WRITE};

    crate::testing::also_in_memory!(
        the_status_tells_type_and_rights,
        rights_are_given_up_and_not_regained,
        appending_can_be_switched,
        all_flags_can_be_set_and_are_told,
        sizes_and_times_are_set,
    );

    fn rights_of(guest: &mut Guest, fd: u32) -> (Rights, Rights) {
        guest
            .call(|ctx, memory| fd_fdstat_get(ctx, memory, fd, 0))
            .unwrap();
        (guest.u64_at(8), guest.u64_at(16))
    }

    #[test]
    fn the_status_tells_type_and_rights() {
        let mut guest = Guest::with_dir("fdstat");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ).unwrap();
        assert_eq!(rights_of(&mut guest, fd), (READ & rights::FILE, 0));
        assert_eq!(guest.bytes(0, 1), [4]);
        let (base, inheriting) = rights_of(&mut guest, 3);
        assert_eq!((base, inheriting), (rights::DIRECTORY, rights::INHERITED));
        assert_eq!(guest.bytes(0, 1), [3]);
    }

    #[test]
    fn rights_are_given_up_and_not_regained() {
        let mut guest = Guest::with_dir("set-rights");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        let (base, _) = rights_of(&mut guest, fd);
        let less = base & !rights::FD_SEEK;
        assert_eq!(fd_fdstat_set_rights(&mut guest.ctx, fd, less, 0), Ok(()));
        let seek = guest.call(|ctx, memory| fd_seek(ctx, memory, fd, 0, 0, 0));
        assert_eq!(seek, Err(Errno::Notcapable));
        let regained = fd_fdstat_set_rights(&mut guest.ctx, fd, base, 0);
        assert_eq!(regained, Err(Errno::Notcapable));
        let inheriting = fd_fdstat_set_rights(&mut guest.ctx, fd, less, 1);
        assert_eq!(inheriting, Err(Errno::Notcapable));
    }

    #[test]
    fn appending_can_be_switched() {
        let mut guest = Guest::with_dir("append");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        let append = u32::from(fdflags::APPEND);
        assert_eq!(fd_fdstat_set_flags(&mut guest.ctx, fd, append), Ok(()));
        let iovs = guest.iovecs(&[(500, 2)]);
        guest
            .call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 1, 0))
            .unwrap();
        assert_eq!(guest.host_read("file"), b"abc\0\0");
        assert_eq!(fd_fdstat_set_flags(&mut guest.ctx, fd, 0), Ok(()));
        guest
            .call(|ctx, memory| crate::preview1::fd_seek(ctx, memory, fd, 0, 0, 0))
            .unwrap();
        guest
            .call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 1, 0))
            .unwrap();
        assert_eq!(guest.host_read("file"), b"\0\0c\0\0");
        let unknown = fd_fdstat_set_flags(&mut guest.ctx, fd, 1 << 5);
        assert_eq!(unknown, Err(Errno::Inval));
    }

    #[test]
    fn all_flags_can_be_set_and_are_told() {
        let mut guest = Guest::with_dir("flags");
        guest.host_write("file", b"abc");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        let iovs = guest.iovecs(&[(500, 2)]);
        for flags in (0..32).chain([0]) {
            assert_eq!(fd_fdstat_set_flags(&mut guest.ctx, fd, flags), Ok(()));
            guest
                .call(|ctx, memory| fd_fdstat_get(ctx, memory, fd, 600))
                .unwrap();
            assert_eq!(guest.bytes(602, 2), [flags as u8, 0]);
            for call in [fd_write, crate::preview1::fd_read] {
                let done = guest.call(|ctx, memory| call(ctx, memory, fd, iovs, 1, 0));
                assert_eq!(done, Ok(()));
            }
        }
    }

    #[test]
    fn a_file_given_to_be_read_is_not_changed() {
        let guest = Guest::with_dir("stdin-file");
        guest.host_write("input", b"abc");
        let path = guest.host_path("input");
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).open(&path).unwrap()
        };
        let ctx = WasiCtx::builder().stdin_file(open()).build().unwrap();
        let mut reading = Guest::new(ctx);
        let sized = fd_filestat_set_size(&mut reading.ctx, 0, 0);
        assert_eq!(sized, Err(Errno::Notcapable));
        let dated = fd_filestat_set_times(&mut reading.ctx, 0, 0, 5, 4);
        assert_eq!(dated, Err(Errno::Notcapable));
        assert_eq!(guest.host_read("input"), b"abc");
    }

    #[test]
    fn sizes_and_times_are_set() {
        let mut guest = Guest::with_dir("set-stat");
        guest.host_write("file", b"abcdef");
        let fd = guest.open("file", 0, READ_WRITE).unwrap();
        assert_eq!(fd_filestat_set_size(&mut guest.ctx, fd, 2), Ok(()));
        let time = 1_234_567_890_123_456_789;
        let modified_only = fd_filestat_set_times(&mut guest.ctx, fd, 5, time, 4);
        assert_eq!(modified_only, Ok(()));
        guest
            .call(|ctx, memory| fd_filestat_get(ctx, memory, fd, 0))
            .unwrap();
        assert_eq!(guest.u64_at(32), 2);
        assert_ne!(guest.u64_at(40), 5);
        assert_eq!(guest.u64_at(48), time);
        let directory = fd_filestat_set_times(&mut guest.ctx, 3, 0, time, 4);
        assert_eq!(directory, Ok(()));
        let both = fd_filestat_set_times(&mut guest.ctx, fd, 0, time, 12);
        assert_eq!(both, Err(Errno::Inval));
        let too_long = fd_filestat_set_size(&mut guest.ctx, fd, u64::MAX);
        assert_eq!(too_long, Err(Errno::Inval));
    }
}
