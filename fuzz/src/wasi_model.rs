//! Sequences of WASI calls.
//!
//! [`model`]: files in one directory, descriptors, and what each call must give, down to the error,
//! against a model of plain vectors; the same calls on a directory of the host and on files in
//! memory. Pointers go beyond the memory now and then: nothing else may then have happened.
//!
//! [`hostile`]: any call with any arguments, near borders or nonsense. Each must come back, hold no more
//! of the host's memory than the guest has of its own and a little, and nothing beside the mount be touched.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use precast_wasi::fs::MemoryFs;
use precast_wasi::{Errno, GuestMemory, WasiCtx, preview1};

use crate::bounded::bounded;
use crate::scratch::Scratch;

#[path = "../../loader/wasi/tests/common/mod.rs"]
mod common;

use common::calls::{Arg, Call, MOUNT, Setup, all, rights};

const MEMORY_BYTES: u32 = common::MEMORY_BYTES;
/// Places in the guest's memory.
const RESULT: u32 = 0x100;
const IOVECS: u32 = 0x200;
const PATH: u32 = 0x300;
const OTHER_PATH: u32 = 0x400;
const BUFFER: u32 = 0x1000;
const BUFFER_BYTES: u32 = 0x800;

const NAMES: [&str; 4] = ["a", "b", "long-name.txt", "d"];
const MOST_DESCRIPTORS: usize = 12;
const MOST_BYTES: u64 = 20_000;

/// The most bytes of the host's that a call may hold, whatever its arguments: what it copies lies in the
/// guest's memory, and beside that there are buffers of the host's own.
const MOST_HELD: usize = MEMORY_BYTES as usize + (64 << 10);

/// Both kinds of sequences.
///
/// # Panics
///
/// If a call does what it must not.
pub fn check(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = match u.arbitrary() {
        Ok(true) => hostile(&mut u),
        _ => model(&mut u),
    };
}

/// Any call with any arguments.
///
/// # Errors
///
/// None but those of the bytes.
///
/// # Panics
///
/// If something beside the mount changes.
pub fn hostile(u: &mut Unstructured<'_>) -> Result<()> {
    let mut calls = all();
    // Waiting for the disk takes long.
    calls.retain(|call| !matches!(call.name, "fd_sync" | "fd_datasync"));
    let mut setup = Setup::new("fuzz", &calls[0]);
    let outside = setup.host_path("outside");
    std::fs::write(&outside, "outside").expect("a file");
    while !u.is_empty() {
        let call = u.choose(&calls)?;
        setup.fill_memory(call);
        let mut args = call.good();
        for (value, arg) in args.iter_mut().zip(&call.args) {
            if u.ratio(1, 3)? {
                *value = hostile_value(u, call, *arg)?;
            }
        }
        let fills_the_disk = call.name == "fd_allocate" || call.name == "fd_filestat_set_size";
        if fills_the_disk
            && args[1..]
                .iter()
                .any(|&arg| (1 << 20..1 << 61).contains(&arg))
        {
            continue;
        }
        let what = || format!("{} with {args:x?}", call.name);
        let _result = bounded(MOST_HELD, what, || call.run(&mut setup.guest, &args));
        // A path may be anything that the guest has in its memory.
        if u.ratio(1, 4)? {
            let len = u.int_in_range(0..=32)?;
            let bytes = u.bytes(len)?.to_vec();
            setup.guest.put(PATH, &bytes);
        }
    }
    assert_eq!(std::fs::read(outside).expect("the file"), b"outside");
    let names = std::fs::read_dir(setup.host_path("")).expect("the directory");
    assert_eq!(names.count(), 2, "the mount, and what is outside");
    Ok(())
}

/// A value that is near a border, or nonsense.
fn hostile_value(u: &mut Unstructured<'_>, call: &Call, arg: Arg) -> Result<u64> {
    let end = u64::from(MEMORY_BYTES);
    Ok(match arg {
        Arg::Fd(..) => {
            let near = u.int_in_range(0..=12)?;
            *u.choose(&[near, near, near, 100, 4096, u64::MAX])?
        }
        // Any other list could have it wait for hours.
        Arg::In(good, size) if call.name == "poll_oneoff" => {
            *u.choose(&[good.into(), end - u64::from(size) + 1, end, u64::MAX])?
        }
        Arg::Number(_) if call.name == "poll_oneoff" => u.int_in_range(0..=1)?,
        Arg::Out(good, _) | Arg::In(good, _) | Arg::Path(good, _) => {
            let near = u.int_in_range(end - 70..=end + 10)?;
            let good = u64::from(good);
            *u.choose(&[0, good + 1, good - 1, near, near, 1 << 31, u64::MAX])?
        }
        Arg::PathLen(_) => *u.choose(&[0, 1, 2, 5, 4095, 4096, 4097, 1 << 31, u64::MAX])?,
        Arg::Flags(..) => u.arbitrary::<u64>()? >> u.int_in_range(31..=63)?,
        Arg::Number(_) => {
            let any = u.arbitrary()?;
            *u.choose(&[
                any,
                0,
                1,
                5,
                1024,
                1025,
                1 << 16,
                1 << 30,
                i64::MAX as u64,
                u64::MAX,
            ])?
        }
    })
}

/// Files and descriptors against a model, on the host and in memory.
///
/// # Errors
///
/// None but those of the bytes.
///
/// # Panics
///
/// If the model and a call differ.
pub fn model(u: &mut Unstructured<'_>) -> Result<()> {
    let scratch = Scratch::new("wasi");
    let on_host = WasiCtx::builder()
        .preopened_dir(scratch.path(), "/")
        .build();
    let in_memory = WasiCtx::builder()
        .mount(MemoryFs::new(1 << 20), "/")
        .build();
    let mut worlds = [on_host, in_memory].map(|ctx| World {
        ctx: ctx.expect("a mount"),
        memory: vec![0; MEMORY_BYTES as usize],
    });
    let mut model = Model::default();
    while !u.is_empty() {
        let step = model.step(u)?;
        let found = worlds.each_mut().map(|world| world.run(&step));
        let expected = model.run(&step, &found[0]);
        for (found, place) in found.iter().zip(["on the host", "in memory"]) {
            assert_eq!(found, &expected, "{place}: {step:x?}");
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Step {
    /// Name, flags, whether it can be read and written, and whether writing is at the end.
    Open(&'static str, u32, bool, bool, bool),
    Close(u32),
    Renumber(u32, u32),
    /// Descriptor, lengths of buffers, and where, if not at the position.
    Read(u32, Vec<u32>, Option<u64>),
    Write(u32, Vec<u32>, u8, Option<u64>),
    Seek(u32, i64, u32),
    SetSize(u32, u64),
    Stat(u32),
    Unlink(&'static str),
    Rename(&'static str, &'static str),
    /// A call whose result has no place.
    Fault(u32, u32),
}

/// What a call gives: a number, and bytes.
type Found = std::result::Result<(u64, Vec<u8>), Errno>;

struct World {
    ctx: WasiCtx,
    memory: Vec<u8>,
}

#[derive(Default)]
struct Model {
    names: BTreeMap<&'static str, usize>,
    files: Vec<Vec<u8>>,
    open: BTreeMap<u32, Descriptor>,
}

#[derive(Clone, Copy)]
struct Descriptor {
    file: usize,
    position: u64,
    reads: bool,
    writes: bool,
    appends: bool,
}

const CREAT: u32 = common::calls::CREAT;
const EXCL: u32 = common::calls::EXCL;
const TRUNC: u32 = common::calls::TRUNC;
const APPEND: u32 = 1;

impl World {
    fn run(&mut self, step: &Step) -> Found {
        use rights::*;
        let ctx = &mut self.ctx;
        let put = |memory: &mut [u8], at: u32, bytes: &[u8]| {
            memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        };
        self.memory[RESULT as usize..][..64].fill(0xee);
        let lists = |memory: &mut [u8], lens: &[u32]| {
            let (mut at, mut list) = (BUFFER, Vec::new());
            for len in lens {
                list.extend([at, *len].map(u32::to_le_bytes).concat());
                at += len;
            }
            put(memory, IOVECS, &list);
        };
        let mut bytes = Vec::new();
        let mut wide = false;
        match step {
            Step::Open(name, flags, reads, writes, appends) => {
                put(&mut self.memory, PATH, name.as_bytes());
                let mut base = FD_SEEK | FD_TELL | FD_FILESTAT_GET;
                base |= if *reads { FD_READ } else { 0 };
                base |= if *writes {
                    FD_WRITE | FD_FILESTAT_SET_SIZE
                } else {
                    0
                };
                let fdflags = if *appends { APPEND } else { 0 };
                let len = name.len() as u32;
                let memory = &mut GuestMemory::new(&mut self.memory);
                preview1::path_open(
                    ctx,
                    memory,
                    MOUNT,
                    0,
                    PATH,
                    len,
                    *flags,
                    base,
                    0,
                    fdflags as _,
                    RESULT,
                )?;
            }
            Step::Close(fd) => return preview1::fd_close(ctx, *fd).map(|()| (0, bytes)),
            Step::Renumber(from, to) => {
                return preview1::fd_renumber(ctx, *from, *to).map(|()| (0, bytes));
            }
            Step::Read(fd, lens, at) => {
                lists(&mut self.memory, lens);
                self.memory[BUFFER as usize..][..BUFFER_BYTES as usize].fill(0);
                let memory = &mut GuestMemory::new(&mut self.memory);
                let count = lens.len() as u32;
                match at {
                    None => preview1::fd_read(ctx, memory, *fd, IOVECS, count, RESULT)?,
                    Some(at) => preview1::fd_pread(ctx, memory, *fd, IOVECS, count, *at, RESULT)?,
                }
                bytes = self.memory[BUFFER as usize..][..BUFFER_BYTES as usize].to_vec();
            }
            Step::Write(fd, lens, byte, at) => {
                lists(&mut self.memory, lens);
                self.memory[BUFFER as usize..][..BUFFER_BYTES as usize].fill(*byte);
                let memory = &mut GuestMemory::new(&mut self.memory);
                let count = lens.len() as u32;
                match at {
                    None => preview1::fd_write(ctx, memory, *fd, IOVECS, count, RESULT)?,
                    Some(at) => preview1::fd_pwrite(ctx, memory, *fd, IOVECS, count, *at, RESULT)?,
                }
            }
            Step::Seek(fd, by, whence) => {
                wide = true;
                let memory = &mut GuestMemory::new(&mut self.memory);
                preview1::fd_seek(ctx, memory, *fd, *by, *whence as _, RESULT)?;
            }
            Step::SetSize(fd, size) => {
                return preview1::fd_filestat_set_size(ctx, *fd, *size).map(|()| (0, bytes));
            }
            Step::Stat(fd) => {
                let memory = &mut GuestMemory::new(&mut self.memory);
                preview1::fd_filestat_get(ctx, memory, *fd, RESULT)?;
                // The size, of all that it says.
                return Ok((u64::from_le_bytes(self.at(RESULT + 32)), bytes));
            }
            Step::Unlink(name) => {
                put(&mut self.memory, PATH, name.as_bytes());
                let memory = &mut GuestMemory::new(&mut self.memory);
                let len = name.len() as u32;
                let done = preview1::path_unlink_file(ctx, memory, MOUNT, PATH, len);
                return done.map(|()| (0, bytes));
            }
            Step::Rename(from, to) => {
                put(&mut self.memory, PATH, from.as_bytes());
                put(&mut self.memory, OTHER_PATH, to.as_bytes());
                let memory = &mut GuestMemory::new(&mut self.memory);
                let (len, other) = (from.len() as u32, to.len() as u32);
                let done =
                    preview1::path_rename(ctx, memory, MOUNT, PATH, len, MOUNT, OTHER_PATH, other);
                return done.map(|()| (0, bytes));
            }
            Step::Fault(which, at) => {
                lists(&mut self.memory, &[8]);
                put(&mut self.memory, PATH, b"never");
                let memory = &mut GuestMemory::new(&mut self.memory);
                let first = 4;
                let done = match which {
                    0 => preview1::fd_read(ctx, memory, first, IOVECS, 1, *at),
                    1 => preview1::fd_write(ctx, memory, first, IOVECS, 1, *at),
                    2 => preview1::fd_write(ctx, memory, first, *at, 1, RESULT),
                    3 => preview1::fd_seek(ctx, memory, first, 5, 1, *at),
                    4 => preview1::fd_pread(ctx, memory, first, *at, 1, 0, RESULT),
                    5 => preview1::path_open(ctx, memory, MOUNT, 0, PATH, 5, CREAT, 0, 0, 0, *at),
                    _ => preview1::path_unlink_file(ctx, memory, MOUNT, *at, 70),
                };
                return done.map(|()| (0, bytes));
            }
        }
        let number = if wide {
            u64::from_le_bytes(self.at(RESULT))
        } else {
            u32::from_le_bytes(self.at(RESULT)).into()
        };
        Ok((number, bytes))
    }

    fn at<const BYTES: usize>(&self, at: u32) -> [u8; BYTES] {
        let bytes = &self.memory[at as usize..][..BYTES];
        bytes.try_into().expect("so many bytes")
    }
}

impl Model {
    fn step(&self, u: &mut Unstructured<'_>) -> Result<Step> {
        // Closed ones too, but never the mount itself.
        let fd = u.int_in_range(4..=11)?;
        let name = *u.choose(&NAMES)?;
        let lens = |u: &mut Unstructured<'_>| -> Result<Vec<u32>> {
            (0..u.int_in_range(0..=4)?)
                .map(|_| Ok(*u.choose(&[0, 1, 3, 17, 300, 511])?))
                .collect()
        };
        let offset = |u: &mut Unstructured<'_>| u.int_in_range(0..=600_u64);
        Ok(match u.int_in_range(0..=15)? {
            0..=2 if self.open.len() < MOST_DESCRIPTORS => {
                let flags = *u.choose(&[CREAT, CREAT, 0, CREAT | EXCL, CREAT | TRUNC])?;
                let writes = flags & TRUNC != 0 || u.arbitrary()?;
                Step::Open(
                    name,
                    flags,
                    u.arbitrary()?,
                    writes,
                    writes && u.ratio(1, 4)?,
                )
            }
            3 => Step::Close(fd),
            4 => Step::Renumber(fd, u.int_in_range(4..=11)?),
            5 | 6 => Step::Read(fd, lens(u)?, None),
            7 => Step::Read(fd, lens(u)?, Some(offset(u)?)),
            8..=10 => Step::Write(fd, lens(u)?, u.arbitrary()?, None),
            11 => {
                // Where a file that appends is written to otherwise, systems disagree.
                let appends = self.open.get(&fd).is_some_and(|open| open.appends);
                let at = if appends { None } else { Some(offset(u)?) };
                Step::Write(fd, lens(u)?, u.arbitrary()?, at)
            }
            12 => Step::Seek(fd, u.int_in_range(-600..=600)?, u.int_in_range(0..=3)?),
            13 => match u.int_in_range(0..=2)? {
                0 => Step::SetSize(fd, offset(u)?),
                _ => Step::Stat(fd),
            },
            14 => match u.arbitrary()? {
                true => Step::Unlink(name),
                false => Step::Rename(name, u.choose(&NAMES)?),
            },
            _ => {
                let beyond = [
                    MEMORY_BYTES - 3,
                    MEMORY_BYTES,
                    1 << 31,
                    u32::MAX - 3,
                    u32::MAX,
                ];
                Step::Fault(u.int_in_range(0..=6)?, *u.choose(&beyond)?)
            }
        })
    }

    /// What must come of the step. Numbers of new descriptors are taken from what came on the host.
    fn run(&mut self, step: &Step, found: &Found) -> Found {
        match *step {
            Step::Open(name, flags, reads, writes, appends) => {
                match self.names.get(name) {
                    None if flags & CREAT == 0 => return Err(Errno::Noent),
                    Some(_) if flags & EXCL != 0 => return Err(Errno::Exist),
                    _ => {}
                }
                let new = self.files.len();
                let file = *self.names.entry(name).or_insert(new);
                if file == new {
                    self.files.push(Vec::new());
                }
                if flags & TRUNC != 0 {
                    self.files[file].clear();
                }
                let fd = (4..)
                    .find(|fd| !self.open.contains_key(fd))
                    .expect("a number");
                let (number, bytes) = found.clone()?;
                assert_eq!(number, u64::from(fd), "the lowest free descriptor");
                let open = Descriptor {
                    file,
                    position: 0,
                    reads,
                    writes,
                    appends,
                };
                self.open.insert(fd, open);
                Ok((number, bytes))
            }
            Step::Close(fd) => {
                self.open.remove(&fd).ok_or(Errno::Badf)?;
                Ok((0, Vec::new()))
            }
            Step::Renumber(from, to) => {
                let moved = *self.open.get(&from).ok_or(Errno::Badf)?;
                self.open.get(&to).ok_or(Errno::Badf)?;
                self.open.remove(&from);
                self.open.insert(to, moved);
                Ok((0, Vec::new()))
            }
            Step::Read(fd, ref lens, at) => {
                let open = self.open.get_mut(&fd).ok_or(Errno::Badf)?;
                if !open.reads {
                    return Err(Errno::Notcapable);
                }
                let file = &self.files[open.file];
                let start = at.unwrap_or(open.position).min(file.len() as u64) as usize;
                let wanted = lens.iter().sum::<u32>() as usize;
                let read = &file[start..(start + wanted).min(file.len())];
                if at.is_none() {
                    open.position += read.len() as u64;
                }
                let mut bytes = read.to_vec();
                bytes.resize(BUFFER_BYTES as usize, 0);
                Ok((read.len() as u64, bytes))
            }
            Step::Write(fd, ref lens, byte, at) => {
                let open = self.open.get_mut(&fd).ok_or(Errno::Badf)?;
                if !open.writes {
                    return Err(Errno::Notcapable);
                }
                let file = &mut self.files[open.file];
                let len = lens.iter().sum::<u32>() as usize;
                let start = match at {
                    Some(at) => at as usize,
                    None if open.appends && len > 0 => file.len(),
                    None => open.position as usize,
                };
                if len > 0 {
                    file.resize(file.len().max(start + len), 0);
                    file[start..start + len].fill(byte);
                }
                if at.is_none() {
                    open.position = (start + len) as u64;
                }
                // So that what is written stays small.
                assert!((file.len() as u64) < MOST_BYTES * 1_000);
                Ok((len as u64, Vec::new()))
            }
            Step::Seek(fd, by, whence) => {
                let open = self.open.get_mut(&fd).ok_or(Errno::Badf)?;
                let base = match whence {
                    0 => 0,
                    1 => open.position,
                    2 => self.files[open.file].len() as u64,
                    _ => return Err(Errno::Inval),
                };
                let position = base.checked_add_signed(by).ok_or(Errno::Inval)?;
                open.position = position;
                Ok((position, Vec::new()))
            }
            Step::SetSize(fd, size) => {
                let open = self.open.get(&fd).ok_or(Errno::Badf)?;
                if !open.writes {
                    return Err(Errno::Notcapable);
                }
                self.files[open.file].resize(size as usize, 0);
                Ok((0, Vec::new()))
            }
            Step::Stat(fd) => {
                let open = self.open.get(&fd).ok_or(Errno::Badf)?;
                Ok((self.files[open.file].len() as u64, Vec::new()))
            }
            Step::Unlink(name) => {
                self.names.remove(name).ok_or(Errno::Noent)?;
                Ok((0, Vec::new()))
            }
            Step::Rename(from, to) => {
                let file = *self.names.get(from).ok_or(Errno::Noent)?;
                if from != to {
                    self.names.remove(from);
                    self.names.insert(to, file);
                }
                Ok((0, Vec::new()))
            }
            Step::Fault(which, _) => {
                let open = self.open.get(&4);
                let right = open.map(|open| match which {
                    0 | 4 => open.reads,
                    1 | 2 => open.writes,
                    _ => true,
                });
                // What is looked at first differs, and does not matter.
                match (which, right, found) {
                    (0..=4, None, Err(Errno::Badf | Errno::Fault)) => {
                        Err(*found.as_ref().unwrap_err())
                    }
                    (0..=4, Some(false), Err(Errno::Notcapable | Errno::Fault)) => {
                        Err(*found.as_ref().unwrap_err())
                    }
                    _ => Err(Errno::Fault),
                }
            }
        }
    }
}
