//! Directories: the names they were given under, and their entries.

use std::ops::ControlFlow;

use crate::descriptor::Kind;
use crate::handle::Entry;
use crate::rights;
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Bytes of a `dirent` before the name.
const DIRENT_BYTES: usize = 24;

/// Writes the kind of a directory given at the start (0) and the length of its name in bytes to `prestat` (8 bytes).
/// [`Errno::Badf`] if `fd` is no such directory.
pub fn fd_prestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    prestat: u32,
) -> Result<()> {
    let name = preopen_name(ctx, fd)?;
    let len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
    memory.write_u64(prestat, u64::from(len) << 32)
}

/// Writes the name of a directory given at the start to the `path_len` bytes at `path`, not terminated.
/// [`Errno::Nametoolong`] if it does not fit, [`Errno::Badf`] if `fd` is no such directory.
pub fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let name = preopen_name(ctx, fd)?;
    let fits = usize::try_from(path_len).is_ok_and(|room| name.len() <= room);
    if !fits {
        return Err(Errno::Nametoolong);
    }
    memory.write(path, name.as_bytes())
}

/// Writes entries of the directory `fd`, from the position `cookie` (0 is the start, others are what an entry said), to the `buf_len` bytes at `buf`, and the
/// bytes used to `bufused`. The last entry is cut off where the buffer ends; fewer bytes used than given is the end.
///
/// Names are passed as the host has them. One that is not UTF-8 is listed, though it cannot be opened.
///
/// # Errors
///
/// [`Errno::Notdir`] unless it is a directory, [`Errno::Notcapable`] without the right `fd_readdir`.
pub fn fd_readdir(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    bufused: u32,
) -> Result<()> {
    memory.check(bufused, 4)?;
    let directory = ctx.table.get_mut(fd)?.dir_mut(rights::FD_READDIR)?;

    let listing = match directory.listing.take() {
        Some(listing) => listing,
        None => directory.handle.list()?,
    };
    let listing = directory.listing.insert(listing);
    // Entry by entry: a shared memory is never lent, and a copy of `buf_len` bytes would be as large as the guest likes.
    memory.check(buf, buf_len)?;
    let mut rest = Rest {
        memory: &mut *memory,
        at: buf,
        len: buf_len,
    };
    let mut written = Ok(());
    let read = listing.read(cookie, &mut |entry| {
        written = rest.put(&header(entry)).and_then(|()| rest.put(entry.name));
        if written.is_err() || rest.len == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let used = buf_len.saturating_sub(rest.len);
    written?;
    match read {
        // What was listed before an error is a success; the error comes again with the next call.
        Err(error) if used == 0 => Err(error),
        _ => memory.write_u32(bufused, used),
    }
}

/// What is left of the guest's buffer.
struct Rest<'a, 'm> {
    memory: &'a mut GuestMemory<'m>,
    at: u32,
    len: u32,
}

impl Rest<'_, '_> {
    /// Writes as much of `bytes` as fits.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let room = usize::try_from(self.len).map_err(|_| Errno::Fault)?;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let count = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.memory.write(self.at, bytes)?;
        self.len = self.len.saturating_sub(count);
        // Past the last byte of all there is nothing more to write.
        self.at = self.at.saturating_add(count);
        Ok(())
    }
}

/// ```text
///  0                       8         16            20         24
///  | cookie of next entry  | inode   | name length | filetype | name …
/// ```
fn header(entry: &Entry<'_>) -> [u8; DIRENT_BYTES] {
    // A name from the host is never longer than a few hundred bytes.
    let name_len = u32::try_from(entry.name.len()).unwrap_or(u32::MAX);
    let words = [
        entry.next,
        entry.ino,
        u64::from(name_len) | (u64::from(entry.filetype as u8) << 32),
    ];
    let mut header = [0u8; DIRENT_BYTES];
    for (field, word) in header.chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    header
}

fn preopen_name(ctx: &WasiCtx, fd: u32) -> Result<&str> {
    match &ctx.table.get(fd)?.kind {
        Kind::Dir(directory) => directory.preopen.as_deref().ok_or(Errno::Badf),
        _ => Err(Errno::Badf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    crate::testing::also_in_memory!(
        all_entries_are_listed_once_with_dots,
        cookies_hold_while_files_go,
        small_buffers_are_filled_and_cut,
        after_the_last_cookie_is_the_end,
        large_directories_are_listed_whole_from_any_cookie,
        a_buffer_outside_memory_is_a_fault,
        given_directories_have_names,
    );

    const BUF: u32 = 1024;

    /// Names and cookies of the whole entries that fit in `len` bytes, and the bytes used.
    fn read_at(guest: &mut Guest, cookie: u64, len: u32) -> (Vec<(String, u64)>, u32) {
        guest
            .call(|ctx, memory| fd_readdir(ctx, memory, 3, BUF, len, cookie, 0))
            .unwrap();
        let used = guest.u32_at(0);
        let mut entries = Vec::new();
        let mut at = BUF;
        while at + 24 <= BUF + used {
            let name_len = guest.u32_at(at + 16);
            if at + 24 + name_len > BUF + used {
                break;
            }
            let name = String::from_utf8(guest.bytes(at + 24, name_len)).unwrap();
            entries.push((name, guest.u64_at(at)));
            at += 24 + name_len;
        }
        (entries, used)
    }

    fn guest_with_files(name: &str) -> Guest {
        let guest = Guest::with_dir(name);
        for file in ["a", "bb", "ccc"] {
            guest.host_write(file, b"");
        }
        guest
    }

    #[test]
    fn all_entries_are_listed_once_with_dots() {
        let mut guest = guest_with_files("list");
        let (entries, used) = read_at(&mut guest, 0, 1000);
        assert!(used < 1000);
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, [".", "..", "a", "bb", "ccc"]);
    }

    #[test]
    fn cookies_hold_while_files_go() {
        let mut guest = guest_with_files("cookies");
        let (all, _) = read_at(&mut guest, 0, 1000);
        for (position, (name, cookie)) in all.iter().enumerate() {
            let (rest, _) = read_at(&mut guest, *cookie, 1000);
            assert_eq!(rest, all[position + 1..]);
            if !name.starts_with('.') {
                guest.host_remove(name);
            }
        }
        let (from_start, _) = read_at(&mut guest, 0, 1000);
        assert_eq!(from_start.len(), 2);
    }

    #[test]
    fn small_buffers_are_filled_and_cut() {
        let mut guest = guest_with_files("small");
        for len in [0, 1, 23, 24, 25, 30] {
            let (_, used) = read_at(&mut guest, 0, len);
            assert_eq!(used, len);
        }
        let (all, _) = read_at(&mut guest, 0, 1000);
        let first_bytes = 24 + all[0].0.len() as u32;
        let (first, _) = read_at(&mut guest, 0, first_bytes + 24);
        assert_eq!(first, all[..1]);
    }

    #[test]
    fn after_the_last_cookie_is_the_end() {
        let mut guest = guest_with_files("beyond");
        let (all, _) = read_at(&mut guest, 0, 1000);
        let (_, last) = all[all.len() - 1];
        assert_eq!(read_at(&mut guest, last, 100), (Vec::new(), 0));
        let no_position = guest.call(|ctx, memory| fd_readdir(ctx, memory, 3, 0, 9, u64::MAX, 0));
        assert_eq!(no_position, Err(Errno::Inval));
    }

    /// More than one window of entries, in any order of cookies, while others come and go.
    #[test]
    fn large_directories_are_listed_whole_from_any_cookie() {
        let mut guest = Guest::with_dir("large");
        for number in 0..1500 {
            guest.host_write(&format!("a-name-of-some-length-{number}"), b"");
        }
        let mut all: Vec<(String, u64)> = Vec::new();
        while let (some, used) = read_at(&mut guest, all.last().map_or(0, |(_, next)| *next), 900)
            && used > 0
        {
            all.extend(some);
        }
        let mut names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((all.len(), names.len()), (1502, 1502));
        for at in [700, 3, 1200, 1499, 0, 900] {
            let (rest, _) = read_at(&mut guest, all[at].1, 600);
            assert_eq!(rest, all[at + 1..][..rest.len()]);
            assert!(!rest.is_empty());
        }
        for (name, _) in all.iter().skip(1000).filter(|it| it.0.len() > 2) {
            guest.host_remove(name);
        }
        let (rest, _) = read_at(&mut guest, all[500].1, 600);
        assert_eq!(rest, all[501..][..rest.len()]);
    }

    #[test]
    fn a_buffer_outside_memory_is_a_fault() {
        let mut guest = guest_with_files("fault");
        let result = guest.call(|ctx, memory| fd_readdir(ctx, memory, 3, 0, u32::MAX, 0, 0));
        assert_eq!(result, Err(Errno::Fault));
    }

    #[test]
    fn given_directories_have_names() {
        let mut guest = Guest::with_dir("prestat");
        let get = guest.call(|ctx, memory| fd_prestat_get(ctx, memory, 3, 0));
        assert_eq!(get, Ok(()));
        assert_eq!((guest.u32_at(0), guest.u32_at(4)), (0, 6));
        for (len, expected) in [(5, Err(Errno::Nametoolong)), (6, Ok(())), (7, Ok(()))] {
            let name = guest.call(|ctx, memory| fd_prestat_dir_name(ctx, memory, 3, 8, len));
            assert_eq!(name, expected);
        }
        assert_eq!(guest.bytes(8, 7), b"/mount\0");
        for fd in [0, 4] {
            let none = guest.call(|ctx, memory| fd_prestat_get(ctx, memory, fd, 0));
            assert_eq!(none, Err(Errno::Badf));
        }
    }
}
