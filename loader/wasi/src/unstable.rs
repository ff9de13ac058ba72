//! The calls of `wasi_unstable`, as preview 1 was called before it was settled, where they differ.
//!
//! Each brings arguments and results into the form of today and has the call of today do the work: in a little memory
//! of the host's, where numbers and records of today have room, since in the guest's they may not.
//!
//! | | `wasi_unstable` | `wasi_snapshot_preview1` |
//! |---|---|---|
//! | `whence` | current 0, end 1, start 2 | start 0, current 1, end 2 |
//! | `filestat` | 56 bytes, `nlink` is a `u32` | 64 bytes, `nlink` is a `u64` |
//! | `subscription` | 56 bytes, clocks have an `identifier` | 48 bytes |

use crate::preview1::{self, poll};
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Bytes of a `filestat` of today.
pub(crate) const FILESTAT_BYTES: usize = 64;
/// Bytes of a `filestat` of then.
pub(crate) const UNSTABLE_FILESTAT_BYTES: usize = 56;
/// Bytes of a `subscription` of then.
pub(crate) const UNSTABLE_SUBSCRIPTION_BYTES: u32 = 56;

/// [`preview1::fd_seek`] with `whence` in the order of then. Other numbers mean as little as they do today.
pub(crate) fn fd_seek(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    newoffset: u32,
) -> Result<()> {
    let whence = match whence {
        0 => 1,
        1 => 2,
        2 => 0,
        unknown => unknown,
    };
    preview1::fd_seek(ctx, memory, fd, offset, whence, newoffset)
}

/// [`preview1::fd_filestat_get`] with 56 bytes at `filestat`.
pub(crate) fn fd_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    filestat: u32,
) -> Result<()> {
    let mut today = [0; FILESTAT_BYTES];
    preview1::fd_filestat_get(ctx, &mut GuestMemory::new(&mut today), fd, 0)?;
    memory.write(filestat, &unstable_filestat(&today)?)
}

/// [`preview1::path_filestat_get`] with 56 bytes at `filestat`.
pub(crate) fn path_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    filestat: u32,
) -> Result<()> {
    // As much as that only if it is a path, and so not long.
    let path = memory.path(path, path_len)?;
    let mut today = vec![0; FILESTAT_BYTES];
    today.extend_from_slice(path.as_bytes());
    let path_at = FILESTAT_BYTES as u32;
    let mut scratch = GuestMemory::new(&mut today);
    preview1::path_filestat_get(ctx, &mut scratch, fd, flags, path_at, path_len, 0)?;
    memory.write(filestat, &unstable_filestat(&today)?)
}

/// [`preview1::poll_oneoff`] with subscriptions of 56 bytes. Events are the same.
pub(crate) fn poll_oneoff(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    nevents: u32,
) -> Result<()> {
    if count == 0 || count > ctx.limits.subscriptions {
        return Err(Errno::Inval);
    }
    let bytes = |each: u32| count.checked_mul(each).ok_or(Errno::Fault);
    let events_bytes = bytes(poll::EVENT_BYTES)?;
    memory.check(nevents, 4)?;
    memory.check(events, events_bytes)?;
    let list = memory.slice(subscriptions, bytes(UNSTABLE_SUBSCRIPTION_BYTES)?)?;

    // The number of events, the events, the subscriptions of today.
    let events_at = 8;
    let subscriptions_at = events_bytes.checked_add(events_at).ok_or(Errno::Fault)?;
    let mut today = vec![0; usize::try_from(subscriptions_at).map_err(|_| Errno::Nomem)?];
    for subscription in list.chunks_exact(UNSTABLE_SUBSCRIPTION_BYTES as usize) {
        today.extend_from_slice(&subscription_of_today(subscription));
    }
    let mut scratch = GuestMemory::new(&mut today);
    preview1::poll_oneoff(ctx, &mut scratch, subscriptions_at, events_at, count, 0)?;

    let happened = scratch.read_u32(0)?;
    let happened_bytes = happened.saturating_mul(poll::EVENT_BYTES);
    memory.write(events, &scratch.slice(events_at, happened_bytes)?)?;
    memory.write_u32(nevents, happened)
}

/// ```text
///       0    8    16         20      24     32     40     48     56    64
/// today |dev |ino |filetype          |nlink |size  |atim  |mtim  |ctim |
/// then  |dev |ino |filetype  |nlink  |size  |atim  |mtim  |ctim  |
/// ```
fn unstable_filestat(today: &[u8]) -> Result<[u8; UNSTABLE_FILESTAT_BYTES]> {
    let field = |at: usize| {
        let bytes = today.get(at..).and_then(|rest| rest.first_chunk::<8>());
        bytes.copied().map(u64::from_le_bytes).ok_or(Errno::Fault)
    };
    let nlink = u32::try_from(field(24)?).unwrap_or(u32::MAX);
    let mut then = [0; UNSTABLE_FILESTAT_BYTES];
    let words = [
        field(0)?,
        field(8)?,
        field(16)? | (u64::from(nlink) << 32),
        field(32)?,
        field(40)?,
        field(48)?,
        field(56)?,
    ];
    for (field, word) in then.chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    Ok(then)
}

/// ```text
///       0         8    16          24        32       40         48         56
/// then  |userdata |tag |identifier |clock id |timeout |precision |flags     |
///       |userdata |tag |descriptor |
/// today |userdata |tag |clock id   |timeout  |precision |flags   |
///       |userdata |tag |descriptor |
/// ```
///
/// Clocks had an identifier to tell them apart by, beside the user data; nothing ever came back with it.
fn subscription_of_today(then: &[u8]) -> [u8; poll::SUBSCRIPTION_BYTES as usize] {
    let (head, rest) = then.split_at_checked(16).unwrap_or_default();
    let skipped = match head.get(8) {
        Some(0) => 8,
        _ => 0,
    };
    let mut today = [0; poll::SUBSCRIPTION_BYTES as usize];
    let bytes = head.iter().chain(rest.iter().skip(skipped));
    for (to, from) in today.iter_mut().zip(bytes) {
        *to = *from;
    }
    today
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::preview1::fd_tell;
    use crate::testing::{Guest, READ};

    const MEMORY_BYTES: u32 = 1 << 16;

    #[test]
    fn positions_count_from_where_they_did() {
        let mut guest = Guest::with_dir("unstable-seek");
        guest.host_write("file", b"0123456789");
        let fd = guest.open("file", 0, READ).unwrap();
        let mut seek = |offset: i64, whence: u32| {
            guest.call(|ctx, memory| fd_seek(ctx, memory, fd, offset, whence, 8))?;
            guest.call(|ctx, memory| fd_tell(ctx, memory, fd, 16))?;
            assert_eq!(guest.u64_at(8), guest.u64_at(16));
            Ok(guest.u64_at(8))
        };
        assert_eq!(seek(4, 2), Ok(4));
        assert_eq!(seek(3, 0), Ok(7));
        assert_eq!(seek(-2, 1), Ok(8));
        assert_eq!(seek(0, 0), Ok(8));
        assert_eq!(seek(0, 3), Err(Errno::Inval));
        assert_eq!(seek(0, u32::MAX), Err(Errno::Inval));
    }

    #[test]
    fn attributes_take_56_bytes() {
        let mut guest = Guest::with_dir("unstable-filestat");
        guest.host_write("file", b"12345");
        let fd = guest.open("file", 0, READ).unwrap();
        let (path, len) = guest.put(1000, b"file");
        guest
            .call(|ctx, memory| preview1::fd_filestat_get(ctx, memory, fd, 0))
            .unwrap();
        let [dev, ino, filetype, nlink, size, atim, mtim, ctim] =
            [0, 8, 16, 24, 32, 40, 48, 56].map(|at| guest.u64_at(at));
        assert_eq!([filetype, nlink, size], [4, 1, 5]);
        let expected = [dev, ino, filetype | nlink << 32, size, atim, mtim, ctim];

        // There is no room for what a call of today would write.
        let last = MEMORY_BYTES - UNSTABLE_FILESTAT_BYTES as u32;
        for at in [2000, last] {
            for by_path in [false, true] {
                guest.put(at, &[0xee; UNSTABLE_FILESTAT_BYTES]);
                let result = guest.call(|ctx, memory| match by_path {
                    false => fd_filestat_get(ctx, memory, fd, at),
                    true => path_filestat_get(ctx, memory, 3, 1, path, len, at),
                });
                assert_eq!(result, Ok(()));
                let words = [0, 8, 16, 24, 32, 40, 48].map(|field| guest.u64_at(at + field));
                assert_eq!(words, expected);
            }
        }
        assert_eq!(guest.bytes(2056, 8), [0; 8]);
        let beyond = guest.call(|ctx, memory| fd_filestat_get(ctx, memory, fd, last + 1));
        assert_eq!(beyond, Err(Errno::Fault));
        let closed = guest.call(|ctx, memory| fd_filestat_get(ctx, memory, 77, last + 1));
        assert_eq!(closed, Err(Errno::Badf));
    }

    #[test]
    fn paths_are_followed_and_refused_as_today() {
        let mut guest = Guest::with_dir("unstable-path");
        guest.host_symlink("../outside", "link");
        let mut stat = |path: &str, flags: u32| {
            let (path, len) = guest.put(1000, path.as_bytes());
            guest.call(|ctx, memory| path_filestat_get(ctx, memory, 3, flags, path, len, 0))
        };
        assert_eq!(stat("link", 0), Ok(()));
        assert_eq!(stat("link", 1), Err(Errno::Perm));
        assert_eq!(stat("link", 2), Err(Errno::Inval));
        assert_eq!(stat("../outside", 0), Err(Errno::Perm));
        assert_eq!(stat("", 0), Err(Errno::Noent));
        assert_eq!(stat(&"x".repeat(5000), 0), Err(Errno::Nametoolong));
    }

    #[test]
    fn more_links_than_could_be_counted_are_as_many_as_could() {
        let mut today = [0; FILESTAT_BYTES];
        today[24..32].copy_from_slice(&(1u64 << 32).to_le_bytes());
        let then = unstable_filestat(&today).unwrap();
        assert_eq!(then[20..24], [0xff; 4]);
        assert_eq!(then[24..], [0; 32]);
    }

    fn poll(guest: &mut Guest, subscriptions: &[[u64; 7]]) -> Result<u32> {
        let words = subscriptions.iter().flatten();
        let list: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        // The last bytes of memory.
        let at = MEMORY_BYTES - list.len() as u32;
        guest.put(at, &list);
        let count = subscriptions.len() as u32;
        let result = guest.call(|ctx, memory| poll_oneoff(ctx, memory, at, 4096, count, 0));
        assert_eq!(guest.bytes(at, list.len() as u32), list);
        result.map(|()| guest.u32_at(0))
    }

    #[test]
    fn clocks_have_an_identifier_that_means_nothing() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let hour = 3_600_000_000_000;
        let absolute = [7, 0, 0xffff_ffff_ffff_ffff, 1, 5, 0, 1];
        let relative = [8, 0, 1, 1, hour, 1, 0];
        assert_eq!(poll(&mut guest, &[relative, absolute]), Ok(1));
        assert_eq!(guest.u64_at(4096), 7);
        assert_eq!(guest.u64_at(4104), 0);
        let no_such_clock = [9, 0, 0, 4, hour, 0, 0];
        assert_eq!(poll(&mut guest, &[no_such_clock]), Ok(1));
        assert_eq!(guest.u64_at(4096), 9);
        assert_eq!(guest.u64_at(4104), Errno::Inval.raw().into());
    }

    #[test]
    fn streams_are_found_where_they_were() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let read = [1, 1, 0, 0, 0, 0, 0];
        let write = [2, 2, 1, 0, 0, 0, 0];
        let closed = [3, 2, 77, 0, 0, 0, 0];
        assert_eq!(poll(&mut guest, &[read, write, closed]), Ok(3));
        let kinds = [4096, 4128, 4160].map(|at| (guest.u64_at(at), guest.u64_at(at + 8)));
        let badf = u64::from(Errno::Badf.raw());
        assert_eq!(kinds, [(1, 1 << 16), (2, 2 << 16), (3, badf | 2 << 16)]);
        let unknown = [4, 3, 0, 0, 0, 0, 0];
        assert_eq!(poll(&mut guest, &[read, unknown]), Err(Errno::Inval));
    }

    #[test]
    fn counts_and_addresses_are_checked_before_anything_waits() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        // Of no known type: what looks at the subscription says so.
        guest.put(8, &[3]);
        let mut check = |at: u32, events: u32, count: u32, nevents: u32, expected: Errno| {
            let result =
                guest.call(|ctx, memory| poll_oneoff(ctx, memory, at, events, count, nevents));
            assert_eq!(result, Err(expected));
        };
        check(0, 0, 0, 0, Errno::Inval);
        check(0, 0, Limits::default().subscriptions + 1, 0, Errno::Inval);
        check(0, 0, u32::MAX, 0, Errno::Inval);
        check(MEMORY_BYTES - 55, 0, 1, 0, Errno::Fault);
        check(0, MEMORY_BYTES - 31, 1, 0, Errno::Fault);
        check(0, 0, 1, MEMORY_BYTES - 3, Errno::Fault);
        check(0, 0, 4096, 0, Errno::Fault);
        check(0, 0, 1, 0, Errno::Inval);
    }
}
