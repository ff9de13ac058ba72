//! What a guest does: any call that takes a path or a descriptor, and a look at all that it gets back.

use precast_wasi::preview1::*;
use precast_wasi::{Errno, Result};

use crate::common::{Guest, Numbers};
use crate::names;
use crate::world::{FROZEN_FD, MOUNT_FD, SECOND_FD, SECRET, UNSEEN, World};

const PATH: u32 = 0x1000;
const OTHER_PATH: u32 = 0x3000;
const IOVECS: u32 = 0x100;
const RESULT: u32 = 0x200;
const BUFFER: u32 = 0x8000;

pub(crate) const READ: u64 = 1 << 1;
pub(crate) const WRITE: u64 = 1 << 6;
pub(crate) const ALL: u64 = !0;
/// What directories can be opened with, and files of a read-only mount.
pub(crate) const ALL_BUT_WRITING: u64 = !WRITE;

pub(crate) const FOLLOW: u32 = 1;
pub(crate) const CREAT: u32 = 1;
pub(crate) const DIRECTORY: u32 = 2;
pub(crate) const TRUNC: u32 = 8;

/// A call with its arguments.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Open {
        fd: u32,
        lookup: u32,
        path: Path,
        oflags: u32,
        base: u64,
        fdflags: u32,
    },
    CreateDirectory(u32, Path),
    RemoveDirectory(u32, Path),
    Unlink(u32, Path),
    Stat(u32, u32, Path),
    SetTimes(u32, u32, Path),
    ReadLink(u32, Path),
    Symlink(Path, u32, Path),
    Rename(u32, Path, u32, Path),
    Link(u32, Path, u32, Path),
    Close(u32),
    Renumber(u32, u32),
    ReadDir(u32, u32, u64),
    Read(u32),
    ReadAt(u32, u64),
    Write(u32),
    WriteAt(u32, u64),
    Seek(u32, i64, u32),
    StatOpen(u32),
    SetSize(u32, u64),
    SetTimesOpen(u32),
    Allocate(u32, u64, u64),
    SetFlags(u32, u32),
    SetRights(u32, u64, u64),
    Sync(u32),
}

/// As the guest passes it.
#[derive(Clone)]
pub(crate) struct Path(pub(crate) Vec<u8>);

impl From<&str> for Path {
    fn from(path: &str) -> Path {
        Path(path.into())
    }
}

impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = self.0.get(..60).unwrap_or(&self.0);
        write!(f, "\"{}\"", start.escape_ascii())?;
        if self.0.len() > start.len() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

impl Action {
    /// How many kinds there are.
    pub(crate) const KINDS: usize = 25;

    /// Any action of a guest that has `opened` these descriptors, which may be closed again.
    pub(crate) fn any(numbers: &mut Numbers, opened: &[u32]) -> Action {
        let fd = any_dir(numbers, opened);
        let file = any_file(numbers, opened);
        let follow = numbers.below(2) as u32;
        let path = Path(names::path(numbers));
        match numbers.below(42) {
            0..10 => Action::Open {
                fd,
                lookup: follow,
                path,
                oflags: match numbers.below(4) {
                    0 => CREAT,
                    1 => DIRECTORY,
                    _ => numbers.below(16) as u32,
                },
                base: match numbers.below(6) {
                    0 => READ,
                    1..3 => ALL,
                    3..5 => ALL_BUT_WRITING,
                    _ => numbers.next(),
                },
                fdflags: numbers.one_of(&[0, 0, 0, 1, 4, 16]),
            },
            10..13 => Action::CreateDirectory(fd, path),
            13 => Action::RemoveDirectory(fd, path),
            14..16 => Action::Unlink(fd, path),
            16..18 => Action::Stat(fd, follow, path),
            18 => Action::SetTimes(fd, follow, path),
            19..21 => Action::ReadLink(fd, path),
            21..24 => Action::Symlink(Path(names::target(numbers)), fd, path),
            24..27 => Action::Rename(
                fd,
                path,
                any_dir(numbers, opened),
                Path(names::path(numbers)),
            ),
            27..29 => Action::Link(
                fd,
                path,
                any_dir(numbers, opened),
                Path(names::path(numbers)),
            ),
            29 => Action::Close(fd_to_lose(numbers, opened)),
            30 if numbers.once_in(2) => {
                Action::Renumber(fd_to_lose(numbers, opened), fd_to_lose(numbers, opened))
            }
            30..32 => Action::ReadDir(
                fd,
                24 + numbers.below(500) as u32,
                match numbers.below(3) {
                    0 => numbers.next() >> numbers.one_of(&[0, 1, 32, 62]),
                    _ => 0,
                },
            ),
            32 => Action::Read(file),
            33 => Action::ReadAt(file, numbers.below(8)),
            34 => Action::Write(file),
            35 => Action::WriteAt(file, numbers.below(8)),
            36 => Action::Seek(file, numbers.below(8) as i64 - 2, numbers.below(3) as u32),
            37 => Action::StatOpen(file),
            38 => match numbers.below(2) {
                0 => Action::SetSize(file, numbers.below(3000)),
                _ => Action::Allocate(file, numbers.below(3000), 1 + numbers.below(3000)),
            },
            39 => Action::SetTimesOpen(file),
            40 => match numbers.below(8) {
                0 => Action::SetRights(fd_to_lose(numbers, opened), numbers.next(), numbers.next()),
                1 => Action::SetRights(fd_to_lose(numbers, opened), READ, 0),
                _ => Action::SetFlags(file, numbers.below(8) as u32),
            },
            _ => Action::Sync(file),
        }
    }

    /// Which of the [`KINDS`](Action::KINDS) it is.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Action::Open { .. } => 0,
            Action::CreateDirectory(..) => 1,
            Action::RemoveDirectory(..) => 2,
            Action::Unlink(..) => 3,
            Action::Stat(..) => 4,
            Action::SetTimes(..) => 5,
            Action::ReadLink(..) => 6,
            Action::Symlink(..) => 7,
            Action::Rename(..) => 8,
            Action::Link(..) => 9,
            Action::Close(..) => 10,
            Action::Renumber(..) => 11,
            Action::ReadDir(..) => 12,
            Action::Read(..) => 13,
            Action::ReadAt(..) => 14,
            Action::Write(..) => 15,
            Action::WriteAt(..) => 16,
            Action::Seek(..) => 17,
            Action::StatOpen(..) => 18,
            Action::SetSize(..) => 19,
            Action::SetTimesOpen(..) => 20,
            Action::Allocate(..) => 21,
            Action::SetFlags(..) => 22,
            Action::SetRights(..) => 23,
            Action::Sync(..) => 24,
        }
    }

    /// Makes the call. The value is the descriptor that was opened, otherwise 0.
    ///
    /// # Panics
    ///
    /// If the guest learns of what lies outside.
    pub(crate) fn run(&self, guest: &mut Guest, world: &World) -> Result<u32> {
        let called = self.call(guest);
        if called.is_ok() {
            match self {
                Action::Open { .. } => {
                    let fd = guest.u32_at(RESULT);
                    check_open(guest, world, fd);
                    return Ok(fd);
                }
                Action::Stat(..) | Action::StatOpen(..) => check_stat(guest, world),
                Action::Read(..) | Action::ReadAt(..) => {
                    let count = guest.u32_at(RESULT);
                    let seen = guest.bytes(BUFFER, count);
                    assert!(!holds(seen, SECRET), "contents from outside were read");
                }
                Action::ReadLink(..) => {
                    let target = guest.bytes(BUFFER, guest.u32_at(RESULT));
                    assert!(!holds(target, UNSEEN), "a symlink outside was read");
                }
                Action::ReadDir(..) => check_entries(guest, world),
                _ => {}
            }
        }
        called.map(|()| 0)
    }

    fn call(&self, guest: &mut Guest) -> Result<()> {
        let mut put = |path: &Path| guest.put(PATH, &path.0);
        match self {
            Action::Open {
                fd,
                lookup,
                path,
                oflags,
                base,
                fdflags,
            } => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| {
                    path_open(
                        ctx, memory, *fd, *lookup, ptr, len, *oflags, *base, ALL, *fdflags, RESULT,
                    )
                })
            }
            Action::CreateDirectory(fd, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| path_create_directory(ctx, memory, *fd, ptr, len))
            }
            Action::RemoveDirectory(fd, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| path_remove_directory(ctx, memory, *fd, ptr, len))
            }
            Action::Unlink(fd, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| path_unlink_file(ctx, memory, *fd, ptr, len))
            }
            Action::Stat(fd, lookup, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| {
                    path_filestat_get(ctx, memory, *fd, *lookup, ptr, len, RESULT)
                })
            }
            Action::SetTimes(fd, lookup, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| {
                    path_filestat_set_times(ctx, memory, *fd, *lookup, ptr, len, 1, 2, 5)
                })
            }
            Action::ReadLink(fd, path) => {
                let (ptr, len) = put(path);
                guest.call(|ctx, memory| {
                    path_readlink(ctx, memory, *fd, ptr, len, BUFFER, 1000, RESULT)
                })
            }
            Action::Symlink(target, fd, path) => {
                let (old, old_len) = put(target);
                let (new, new_len) = guest.put(OTHER_PATH, &path.0);
                guest.call(|ctx, memory| path_symlink(ctx, memory, old, old_len, *fd, new, new_len))
            }
            Action::Rename(old_fd, from, new_fd, to) => {
                let (old, old_len) = put(from);
                let (new, new_len) = guest.put(OTHER_PATH, &to.0);
                guest.call(|ctx, memory| {
                    path_rename(ctx, memory, *old_fd, old, old_len, *new_fd, new, new_len)
                })
            }
            Action::Link(old_fd, from, new_fd, to) => {
                let (old, old_len) = put(from);
                let (new, new_len) = guest.put(OTHER_PATH, &to.0);
                guest.call(|ctx, memory| {
                    path_link(ctx, memory, *old_fd, 0, old, old_len, *new_fd, new, new_len)
                })
            }
            Action::Close(fd) => fd_close(&mut guest.ctx, *fd),
            Action::Renumber(from, to) => fd_renumber(&mut guest.ctx, *from, *to),
            Action::ReadDir(fd, len, cookie) => guest
                .call(|ctx, memory| fd_readdir(ctx, memory, *fd, BUFFER, *len, *cookie, RESULT)),
            Action::Read(fd) => {
                let iovecs = put_iovec(guest, 100);
                guest.call(|ctx, memory| fd_read(ctx, memory, *fd, iovecs, 1, RESULT))
            }
            Action::ReadAt(fd, offset) => {
                let iovecs = put_iovec(guest, 100);
                guest.call(|ctx, memory| fd_pread(ctx, memory, *fd, iovecs, 1, *offset, RESULT))
            }
            Action::Write(fd) => {
                let iovecs = put_words(guest);
                guest.call(|ctx, memory| fd_write(ctx, memory, *fd, iovecs, 1, RESULT))
            }
            Action::WriteAt(fd, offset) => {
                let iovecs = put_words(guest);
                guest.call(|ctx, memory| fd_pwrite(ctx, memory, *fd, iovecs, 1, *offset, RESULT))
            }
            Action::Seek(fd, offset, whence) => {
                guest.call(|ctx, memory| fd_seek(ctx, memory, *fd, *offset, *whence, RESULT))
            }
            Action::StatOpen(fd) => {
                guest.call(|ctx, memory| fd_filestat_get(ctx, memory, *fd, RESULT))
            }
            Action::SetSize(fd, size) => fd_filestat_set_size(&mut guest.ctx, *fd, *size),
            Action::SetTimesOpen(fd) => fd_filestat_set_times(&mut guest.ctx, *fd, 3, 4, 5),
            Action::Allocate(fd, offset, len) => fd_allocate(&mut guest.ctx, *fd, *offset, *len),
            Action::SetFlags(fd, flags) => fd_fdstat_set_flags(&mut guest.ctx, *fd, *flags),
            Action::SetRights(fd, base, inheriting) => {
                fd_fdstat_set_rights(&mut guest.ctx, *fd, *base, *inheriting)
            }
            // Flushing for real would make the disk the measure of everything.
            Action::Sync(fd) => fd_advise(&mut guest.ctx, *fd, 0, 0, 0),
        }
    }
}

/// Looks at a descriptor with every call that tells something of what is behind it.
///
/// # Panics
///
/// If that lies outside.
pub(crate) fn check_open(guest: &mut Guest, world: &World, fd: u32) {
    let mut look = |action: Action| match action.call(guest) {
        Ok(()) => Some(guest.u32_at(RESULT)),
        Err(errno) => {
            let refused = [Errno::Badf, Errno::Isdir, Errno::Notdir, Errno::Notcapable];
            let expected = refused.contains(&errno) || errno == Errno::Spipe;
            assert!(expected, "descriptor {fd}: {action:?} gives {errno:?}");
            None
        }
    };
    // Neither reads at the position, which belongs to the guest.
    if let Some(count) = look(Action::ReadAt(fd, 0)) {
        let seen = guest.bytes(BUFFER, count);
        assert!(!holds(seen, SECRET), "descriptor {fd} reads from outside");
    }
    let mut look = |action: Action| action.call(guest).is_ok();
    if look(Action::StatOpen(fd)) && fd > 2 {
        check_stat(guest, world);
    }
}

fn check_stat(guest: &Guest, world: &World) {
    let (device, inode) = (guest.u64_at(RESULT), guest.u64_at(RESULT + 8));
    // The standard streams have neither.
    let nothing = (device, inode) == (0, 0);
    assert!(
        nothing || world.may_be_seen(device, inode),
        "attributes of inode {inode} from outside were read"
    );
}

fn check_entries(guest: &Guest, world: &World) {
    let end = BUFFER + guest.u32_at(RESULT);
    let mut at = BUFFER;
    while at + 24 <= end {
        let inode = guest.u64_at(at + 8);
        let name_len = guest.u32_at(at + 16).min(end - at - 24);
        let name = guest.bytes(at + 24, name_len);
        assert!(
            !holds(name, UNSEEN) && world.may_be_listed(inode),
            "the entry {} from outside was listed",
            name.escape_ascii()
        );
        at += 24 + name_len;
    }
}

fn put_iovec(guest: &mut Guest, len: u32) -> u32 {
    guest.put(IOVECS, &BUFFER.to_le_bytes());
    guest.put(IOVECS + 4, &len.to_le_bytes());
    IOVECS
}

fn put_words(guest: &mut Guest) -> u32 {
    let words = b"written by the guest";
    guest.put(BUFFER, words);
    put_iovec(guest, words.len() as u32)
}

/// A directory, most of the time.
fn any_dir(numbers: &mut Numbers, opened: &[u32]) -> u32 {
    match numbers.below(20) {
        0..8 => MOUNT_FD,
        8..10 => SECOND_FD,
        10..12 => FROZEN_FD,
        _ => any_file(numbers, opened),
    }
}

/// Something that was opened, most of the time.
fn any_file(numbers: &mut Numbers, opened: &[u32]) -> u32 {
    if opened.is_empty() || numbers.once_in(20) {
        numbers.below(30) as u32
    } else {
        numbers.one_of(opened)
    }
}

/// Without the first three little can be done, so they are rarely given up.
fn fd_to_lose(numbers: &mut Numbers, opened: &[u32]) -> u32 {
    if numbers.once_in(100) {
        any_dir(numbers, opened)
    } else {
        any_file(numbers, opened).max(6)
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
