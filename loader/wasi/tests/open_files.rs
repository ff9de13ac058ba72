//! Files opened without end: an error number where the table or the host has no more, and all is well again once some
//! are closed. In a binary of its own, because it takes all descriptors that the process may have.

mod common;

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use common::{Guest, Scratch};
use precast_wasi::preview1::*;
use precast_wasi::{Errno, Limits, Result, WasiCtx};

/// The most that a guest may have open by default.
const MOST_OPEN: u32 = 4096;

const MOUNT: u32 = 3;
const RESULT: u32 = 0;
const PATH: u32 = 1000;

/// Tests that take all descriptors, one at a time.
static ALL_FILES: Mutex<()> = Mutex::new(());

#[test]
fn the_table_or_the_host_has_an_end() {
    let _alone = ALL_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new("open");
    let mut guest = guest(&scratch);
    for (path, oflags) in [("file", 1), (".", 2)] {
        let last = open_all(&mut guest, path, oflags);
        assert!((40..MOST_OPEN).contains(&last), "{path}: {last}");
        // Twice, since the first refusal may have left something behind.
        assert_eq!(open(&mut guest, path, oflags), Err(Errno::Mfile));
        for fd in MOUNT + 1..=last {
            fd_close(&mut guest.ctx, fd).unwrap();
        }
        let first = open(&mut guest, path, oflags);
        assert_eq!(first, Ok(MOUNT + 1), "the lowest number that is free");
        fd_close(&mut guest.ctx, MOUNT + 1).unwrap();
    }
}

#[test]
fn a_full_table_creates_and_cuts_nothing() {
    let _alone = ALL_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new("full");
    std::fs::write(scratch.path().join("file"), "kept").unwrap();
    let mut limits = Limits::default();
    limits.descriptors = MOUNT + 1;
    let mut builder = WasiCtx::builder();
    builder.limits(limits).preopened_dir(scratch.path(), "/");
    let mut guest = Guest::new(builder.build().unwrap());
    let (creat, trunc) = (1, 8);
    for (path, oflags) in [("new", creat), ("file", trunc), ("file", creat)] {
        assert_eq!(open(&mut guest, path, oflags), Err(Errno::Mfile), "{path}");
    }
    assert!(!scratch.path().join("new").exists());
    assert_eq!(std::fs::read(scratch.path().join("file")).unwrap(), b"kept");
}

/// Runs the test after this one in a process that may have few files.
#[test]
fn the_end_of_a_small_host_comes_first() {
    let _alone = ALL_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let ran = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_small_host", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let ran_one = said.contains("1 passed");
    assert!(ran.status.success() && ran_one, "{said}");
}

/// A call with the address and the length of a path.
type PathCall = fn(&mut Guest, u32, u32) -> Result<()>;

#[test]
#[ignore = "run by the test before it, with few files"]
fn on_a_small_host() {
    let scratch = Scratch::new("few");
    std::fs::create_dir(scratch.path().join("dir")).unwrap();
    let mut guest = guest(&scratch);
    let last = open_all(&mut guest, "file", 1);
    assert!(last < 64, "{last}");

    // What opens something on the way has an error too, or can do without.
    let (path, len) = guest.put(PATH, b"dir/new");
    let calls: [PathCall; 5] = [
        |guest, path, len| {
            guest.call(|ctx, memory| path_create_directory(ctx, memory, MOUNT, path, len))
        },
        |guest, path, len| {
            guest.call(|ctx, memory| path_filestat_get(ctx, memory, MOUNT, 1, path, len, RESULT))
        },
        |guest, path, len| {
            guest.call(|ctx, memory| path_unlink_file(ctx, memory, MOUNT, path, len))
        },
        |guest, _, _| {
            guest.call(|ctx, memory| fd_readdir(ctx, memory, MOUNT, PATH, 100, 0, RESULT))
        },
        |guest, _, _| fd_filestat_set_times(&mut guest.ctx, MOUNT, 0, 0, 10),
    ];
    for (number, call) in calls.into_iter().enumerate() {
        let result = call(&mut guest, path, len);
        let known = [Ok(()), Err(Errno::Mfile)].contains(&result);
        assert!(known, "call {number}: {result:?}");
    }
    let other = WasiCtx::builder()
        .preopened_dir(scratch.path(), "/")
        .build();
    assert!(other.is_err());

    // Two are enough for each.
    for fd in [last, last - 1] {
        fd_close(&mut guest.ctx, fd).unwrap();
    }
    let (path, len) = guest.put(PATH, b"dir/other");
    let created = guest.call(|ctx, memory| path_create_directory(ctx, memory, MOUNT, path, len));
    assert_eq!(created, Ok(()));
    assert_eq!(open(&mut guest, "file", 0), Ok(last - 1));
}

fn guest(scratch: &Scratch) -> Guest {
    let ctx = WasiCtx::builder()
        .preopened_dir(scratch.path(), "/")
        .build();
    Guest::new(ctx.unwrap())
}

/// Opens `path` until that is refused, and gives the last descriptor.
fn open_all(guest: &mut Guest, path: &str, oflags: u32) -> u32 {
    let mut last = MOUNT;
    loop {
        match open(guest, path, oflags) {
            Ok(fd) => {
                assert_eq!(fd, last + 1);
                last = fd;
            }
            Err(errno) => {
                assert_eq!(errno, Errno::Mfile, "after descriptor {last}");
                return last;
            }
        }
    }
}

fn open(guest: &mut Guest, path: &str, oflags: u32) -> Result<u32> {
    let (path, len) = guest.put(PATH, path.as_bytes());
    let read = 2;
    guest.call(|ctx, memory| {
        path_open(ctx, memory, MOUNT, 0, path, len, oflags, read, 0, 0, RESULT)
    })?;
    Ok(guest.u32_at(RESULT))
}
