//! A directory of the host and a file system in memory, beside each other: the same random calls must give the same
//! errors and the same bytes on both.
//!
//! The host's file system is the oracle. Left out is what differs by nature: sizes of directories, numbers of files, the
//! order of entries, and times that were not set.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Filetype, MemoryFs};
use crate::preview1::*;
use crate::rights::{self, Rights};
use crate::testing::{Guest, READ, READ_WRITE};
use crate::types::{fdflags, oflags};
use crate::{Errno, GuestMemory, Result, WasiCtx};

const SEEDS: u64 = 60;
const STEPS: u32 = 1000;

/// Places in the guest's memory.
const RESULT: u32 = 0;
const IOVECS: u32 = 100;
const PATH: u32 = 1000;
const NEW_PATH: u32 = 6000;
const BYTES: u32 = 12_000;

#[derive(Clone, Debug)]
enum Step {
    Open(At, u32, u16, Rights, u16),
    Close(u32),
    Read(u32, u32),
    ReadAt(u32, u32, u64),
    Write(u32, Vec<u8>),
    WriteAt(u32, Vec<u8>, u64),
    Seek(u32, i64, u32),
    Tell(u32),
    SetSize(u32, u64),
    Allocate(u32, u64, u64),
    Advise(u32, u64, u64),
    Stat(u32),
    SetTimes(u32, u64, u64),
    SetFlags(u32, u16),
    Status(u32),
    List(u32, u32),
    CreateDir(At),
    RemoveDir(At),
    RemoveFile(At),
    Link(At, At),
    Rename(At, At),
    Symlink(String, At),
    ReadLink(At, u32),
    StatAt(At, u32),
    SetTimesAt(At, u32, u64, u64),
}

/// A path beneath a descriptor.
#[derive(Clone, Debug)]
struct At(u32, String);

/// A small generator, so that a failure comes again.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Numbers {
        // Near seeds are to begin far from each other; none becomes 0.
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        // xorshift64 (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }

    fn fd(&mut self) -> u32 {
        self.below(13) as u32
    }

    fn path(&mut self) -> String {
        let mut path = String::new();
        for depth in 0..=self.below(4) {
            if depth > 0 {
                path.push('/');
            }
            let name = match self.below(100) {
                0..8 => ".".to_owned(),
                8..18 => "..".to_owned(),
                18..20 => String::new(),
                20 => "x".repeat(255),
                21 => "y".repeat(256),
                _ => self.of(&["a", "b", "c", "d"]).to_owned(),
            };
            path.push_str(&name);
        }
        match self.below(20) {
            0..3 => path.push('/'),
            3 => path.push_str("//"),
            4 => path.push_str("/."),
            _ => {}
        }
        path
    }

    fn at(&mut self) -> At {
        // Mostly the mounts; what a random descriptor is, only now and then a directory.
        let fd = match self.below(3) {
            0 => self.fd(),
            _ => 3 + (self.below(10) as u32) / 4,
        };
        At(fd, self.path())
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = self.below(200);
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Nanoseconds in this century.
    fn time(&mut self) -> u64 {
        self.below(2_000_000_000_000_000_000)
    }

    fn step(&mut self) -> Step {
        const RIGHTS: [Rights; 6] = [
            READ,
            READ_WRITE,
            READ_WRITE,
            rights::DIRECTORY,
            rights::FD_WRITE | rights::FD_SEEK,
            0,
        ];
        match self.below(40) {
            0..8 => {
                const CREAT: u16 = oflags::CREAT;
                let oflags = match self.below(6) {
                    0 => oflags::DIRECTORY,
                    1 => CREAT,
                    2 => CREAT | self.of(&[oflags::EXCL, oflags::TRUNC]),
                    3 => self.below(16) as u16,
                    _ => 0,
                };
                let fdflags = self.of(&[0, 0, fdflags::APPEND]);
                let follow = self.below(2) as u32;
                Step::Open(self.at(), follow, oflags, self.of(&RIGHTS), fdflags)
            }
            8..13 => Step::Close(6 + self.below(7) as u32),
            13 => Step::Read(self.fd(), self.below(300) as u32),
            14 => Step::ReadAt(self.fd(), self.below(300) as u32, self.below(500)),
            15 | 16 => Step::Write(self.fd(), self.bytes()),
            17 => Step::WriteAt(self.fd(), self.bytes(), self.below(500)),
            18 => {
                let offset = self.below(800) as i64 - 300;
                Step::Seek(self.fd(), offset, self.below(4) as u32)
            }
            19 => match self.below(4) {
                0 => Step::Tell(self.fd()),
                1 => Step::SetSize(self.fd(), self.below(1000)),
                2 => Step::Allocate(self.fd(), self.below(500), self.below(500)),
                _ => Step::Advise(self.fd(), self.next(), self.next()),
            },
            20 => Step::Stat(self.fd()),
            21 => match self.below(3) {
                0 => Step::SetTimes(self.fd(), self.time(), self.time()),
                1 => Step::SetFlags(self.fd(), self.of(&[0, fdflags::APPEND, fdflags::NONBLOCK])),
                _ => Step::Status(self.fd()),
            },
            22 | 23 => Step::List(self.fd(), 64 + self.below(400) as u32),
            24..27 => Step::CreateDir(self.at()),
            27 => Step::RemoveDir(self.at()),
            28 => Step::RemoveFile(self.at()),
            29 | 30 => Step::Link(self.at(), self.at()),
            31..34 => Step::Rename(self.at(), self.at()),
            34..36 => Step::Symlink(self.path(), self.at()),
            36 => Step::ReadLink(self.at(), self.below(20) as u32),
            37 => Step::SetTimesAt(self.at(), self.below(2) as u32, self.time(), self.time()),
            _ => Step::StatAt(self.at(), self.below(2) as u32),
        }
    }
}

/// A guest, and what a step does to it.
struct Side {
    guest: Guest,
    /// The host counts the names of directories. Some of its file systems always say one.
    dir_links: bool,
}

impl Side {
    fn new(builder: &mut crate::WasiCtxBuilder, dir_links: bool) -> Side {
        Side {
            guest: Guest::new(builder.build().unwrap()),
            dir_links,
        }
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R) -> R {
        self.guest.call(call)
    }

    fn path(&mut self, path: &str) -> (u32, u32) {
        self.guest.put(PATH, path.as_bytes())
    }

    fn paths(&mut self, path: &str, new_path: &str) -> [u32; 4] {
        let (old, old_len) = self.path(path);
        let (new, new_len) = self.guest.put(NEW_PATH, new_path.as_bytes());
        [old, old_len, new, new_len]
    }

    /// Two buffers, one of them short.
    fn buffers(&mut self, len: u32) -> (u32, u32) {
        let first = len / 3;
        let entries = [(BYTES, first), (BYTES + first, len - first)].map(|(ptr, len)| [ptr, len]);
        let list: Vec<u8> = entries
            .into_iter()
            .flatten()
            .flat_map(u32::to_le_bytes)
            .collect();
        (self.guest.put(IOVECS, &list).0, 2)
    }

    fn number(&mut self) -> Vec<u8> {
        self.guest.bytes(RESULT, 8)
    }

    /// Kind, names, and the size if it is of use.
    fn stat(&mut self) -> Vec<u8> {
        let mut stat = self.guest.bytes(RESULT + 16, 24);
        if stat[0] == Filetype::Directory as u8 {
            stat.truncate(if self.dir_links { 16 } else { 8 });
        }
        stat
    }

    fn times(&mut self) -> Vec<u8> {
        self.guest.bytes(RESULT + 40, 16)
    }

    fn run(&mut self, step: &Step) -> Result<Vec<u8>> {
        let done = Ok(Vec::new());
        self.guest.put(RESULT, &[0; 64]);
        match step {
            Step::Open(At(fd, path), follow, oflags, base, fdflags) => {
                let (ptr, len) = self.path(path);
                let (fd, follow, base) = (*fd, *follow, *base);
                let (oflags, fdflags) = (u32::from(*oflags), u32::from(*fdflags));
                self.call(|ctx, memory| {
                    path_open(
                        ctx, memory, fd, follow, ptr, len, oflags, base, !0, fdflags, RESULT,
                    )
                })?;
                Ok(self.number())
            }
            Step::Close(fd) => {
                fd_close(&mut self.guest.ctx, *fd)?;
                done
            }
            Step::Read(fd, len) => {
                let (iovs, count) = self.buffers(*len);
                self.call(|ctx, memory| fd_read(ctx, memory, *fd, iovs, count, RESULT))?;
                Ok(self.transferred())
            }
            Step::ReadAt(fd, len, offset) => {
                let (iovs, count) = self.buffers(*len);
                self.call(|ctx, memory| fd_pread(ctx, memory, *fd, iovs, count, *offset, RESULT))?;
                Ok(self.transferred())
            }
            Step::Write(fd, bytes) => {
                self.guest.put(BYTES, bytes);
                let (iovs, count) = self.buffers(bytes.len() as u32);
                self.call(|ctx, memory| fd_write(ctx, memory, *fd, iovs, count, RESULT))?;
                Ok(self.number())
            }
            Step::WriteAt(fd, bytes, offset) => {
                self.guest.put(BYTES, bytes);
                let (iovs, count) = self.buffers(bytes.len() as u32);
                self.call(|ctx, memory| fd_pwrite(ctx, memory, *fd, iovs, count, *offset, RESULT))?;
                Ok(self.number())
            }
            Step::Seek(fd, offset, whence) => {
                self.call(|ctx, memory| fd_seek(ctx, memory, *fd, *offset, *whence, RESULT))?;
                Ok(self.number())
            }
            Step::Tell(fd) => {
                self.call(|ctx, memory| fd_tell(ctx, memory, *fd, RESULT))?;
                Ok(self.number())
            }
            Step::SetSize(fd, size) => {
                fd_filestat_set_size(&mut self.guest.ctx, *fd, *size)?;
                done
            }
            Step::Allocate(fd, offset, len) => {
                fd_allocate(&mut self.guest.ctx, *fd, *offset, *len)?;
                done
            }
            Step::Advise(fd, offset, len) => {
                fd_advise(&mut self.guest.ctx, *fd, offset >> 2, len >> 2, 2)?;
                done
            }
            Step::Stat(fd) => {
                self.call(|ctx, memory| fd_filestat_get(ctx, memory, *fd, RESULT))?;
                Ok(self.stat())
            }
            Step::SetTimes(fd, atim, mtim) => {
                fd_filestat_set_times(&mut self.guest.ctx, *fd, *atim, *mtim, 5)?;
                self.call(|ctx, memory| fd_filestat_get(ctx, memory, *fd, RESULT))?;
                Ok(self.times())
            }
            Step::SetFlags(fd, flags) => {
                fd_fdstat_set_flags(&mut self.guest.ctx, *fd, u32::from(*flags))?;
                done
            }
            Step::Status(fd) => {
                self.call(|ctx, memory| fd_fdstat_get(ctx, memory, *fd, RESULT))?;
                Ok(self.guest.bytes(RESULT, 24))
            }
            Step::List(fd, room) => self.list(*fd, *room),
            Step::CreateDir(at) => self.one(path_create_directory, at),
            Step::RemoveDir(at) => self.one(path_remove_directory, at),
            Step::RemoveFile(at) => self.one(path_unlink_file, at),
            Step::Link(At(fd, path), At(new_fd, new_path)) => {
                let [old, old_len, new, new_len] = self.paths(path, new_path);
                self.call(|ctx, memory| {
                    path_link(ctx, memory, *fd, 0, old, old_len, *new_fd, new, new_len)
                })?;
                done
            }
            Step::Rename(At(fd, path), At(new_fd, new_path)) => {
                let [old, old_len, new, new_len] = self.paths(path, new_path);
                self.call(|ctx, memory| {
                    path_rename(ctx, memory, *fd, old, old_len, *new_fd, new, new_len)
                })?;
                done
            }
            Step::Symlink(target, At(fd, path)) => {
                let [old, old_len, new, new_len] = self.paths(target, path);
                self.call(|ctx, memory| {
                    path_symlink(ctx, memory, old, old_len, *fd, new, new_len)
                })?;
                done
            }
            Step::ReadLink(At(fd, path), room) => {
                let (ptr, len) = self.path(path);
                self.call(|ctx, memory| {
                    path_readlink(ctx, memory, *fd, ptr, len, BYTES, *room, RESULT)
                })?;
                Ok(self.transferred())
            }
            Step::StatAt(At(fd, path), follow) => {
                let (ptr, len) = self.path(path);
                self.call(|ctx, memory| {
                    path_filestat_get(ctx, memory, *fd, *follow, ptr, len, RESULT)
                })?;
                Ok(self.stat())
            }
            Step::SetTimesAt(At(fd, path), follow, atim, mtim) => {
                let (ptr, len) = self.path(path);
                let follow = *follow;
                self.call(|ctx, memory| {
                    path_filestat_set_times(ctx, memory, *fd, follow, ptr, len, *atim, *mtim, 5)
                })?;
                self.call(|ctx, memory| {
                    path_filestat_get(ctx, memory, *fd, follow, ptr, len, RESULT)
                })?;
                // The access time is that of the stat if the path leads through the link that it ends at.
                Ok(self.times().split_off(8))
            }
        }
    }

    fn one(
        &mut self,
        call: fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32) -> Result<()>,
        At(fd, path): &At,
    ) -> Result<Vec<u8>> {
        let (ptr, len) = self.path(path);
        self.call(|ctx, memory| call(ctx, memory, *fd, ptr, len))?;
        Ok(Vec::new())
    }

    fn transferred(&mut self) -> Vec<u8> {
        let count = self.guest.u32_at(RESULT);
        self.guest.bytes(BYTES, count)
    }

    /// Kinds and names of the entries in order, read through a buffer of `room` bytes.
    fn list(&mut self, fd: u32, room: u32) -> Result<Vec<u8>> {
        let mut entries = Vec::new();
        let mut cookie = 0;
        loop {
            // A name that fits nowhere would be asked for for ever.
            let room = room.max(400);
            self.call(|ctx, memory| fd_readdir(ctx, memory, fd, BYTES, room, cookie, RESULT))?;
            let used = self.guest.u32_at(RESULT);
            let mut at = BYTES;
            while at + 24 <= BYTES + used {
                let name_len = self.guest.u32_at(at + 16);
                if at + 24 + name_len > BYTES + used {
                    break;
                }
                let mut entry = self.guest.bytes(at + 24, name_len);
                entry.push(self.guest.bytes(at + 20, 1)[0]);
                entries.push(entry);
                cookie = self.guest.u64_at(at);
                at += 24 + name_len;
            }
            if used < room {
                entries.sort_unstable();
                return Ok(entries.concat());
            }
        }
    }
}

/// What a file system has in the end: contents by path.
type Files = BTreeMap<String, Option<Vec<u8>>>;

fn in_memory(fs: &MemoryFs) -> Files {
    let contents = |(path, filetype): (String, Filetype)| {
        let bytes = (filetype == Filetype::RegularFile).then(|| fs.read(&path).unwrap());
        (path, bytes)
    };
    fs.paths().into_iter().map(contents).collect()
}

fn on_host(root: &Path) -> Files {
    let mut files = Files::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let bytes = metadata.is_file().then(|| fs::read(&path).unwrap());
            if metadata.is_dir() {
                dirs.push(path.clone());
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), bytes);
        }
    }
    files
}

/// A directory that is gone when this is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that is left over does not fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn memory_does_what_the_host_does() {
    let name = format!("precast-wasi-{}-differential", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(name));
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 1..=SEEDS {
        let root = scratch.0.join(seed.to_string());
        fs::create_dir_all(&root).unwrap();
        let dir_links = fs::metadata(&root).unwrap().nlink() == 2;
        let memory = MemoryFs::new(1 << 30);
        // Each three times: between two mounts of the same one files move, and the third is to be read only.
        let mut host_side = Side::new(
            WasiCtx::builder()
                .preopened_dir(&root, "/")
                .preopened_dir(&root, "/again")
                .preopened_dir_read_only(&root, "/read-only"),
            dir_links,
        );
        let mut memory_side = Side::new(
            WasiCtx::builder()
                .mount(memory.clone(), "/")
                .mount(memory.clone(), "/again")
                .mount_read_only(memory.clone(), "/read-only"),
            dir_links,
        );
        let mut numbers = Numbers::new(seed);
        for number in 0..STEPS {
            let step = numbers.step();
            let expected = host_side.run(&step);
            if expected == Err(Errno::Notsup) {
                // Not every host can allocate.
                continue;
            }
            let actual = memory_side.run(&step);
            // In a directory that has been removed, no name is too long for the host.
            let gone = (actual.as_ref().err(), expected.as_ref().err());
            if gone != (Some(&Errno::Nametoolong), Some(&Errno::Noent)) {
                assert_eq!(actual, expected, "seed {seed}, step {number}: {step:?}");
            }
            let outcome = expected.map_or_else(|errno| format!("{errno:?}"), |_| "Ok".to_owned());
            *outcomes.entry(outcome).or_default() += 1;
        }
        assert_eq!(in_memory(&memory), on_host(&root), "seed {seed}");
        drop(memory_side);
        memory
            .paths()
            .iter()
            .rev()
            .for_each(|(path, _)| memory.remove(path).unwrap());
        assert_eq!(memory.used_bytes(), 0, "seed {seed}");
    }
    // Not all of the steps fail in the same way.
    for outcome in [
        "Ok", "Exist", "Isdir", "Loop", "Noent", "Notdir", "Notempty", "Perm", "Busy", "Rofs",
    ] {
        assert!(outcomes[outcome] > 20, "{outcomes:?}");
    }
}
