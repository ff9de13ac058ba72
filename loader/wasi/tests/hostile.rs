//! Arguments that no honest guest would pass: any pointer, any length, any number, in any combination. Every call must
//! come back, and none may take more of the host's memory than is written here.

#[path = "common/counting.rs"]
mod counting;

mod common;

use std::fs;

use common::calls::*;
use common::{Guest, MEMORY_BYTES, Numbers, Scratch, asked_for};
use counting::most_held;
use precast_loader::{Engine, MemoryType, SharedMemory};
use precast_wasi::{Errno, GuestMemory, Result, WasiCtx};

/// The most bytes of the host's that one call may hold. What takes most is the list of subscriptions of one
/// `poll_oneoff`, and the copies of what lies in a shared memory.
const MOST_BYTES: usize = 4 << 20;

/// Beyond this, an entry of a directory must not cost.
const BYTES_OF_AN_ENTRY: usize = 256;

const ROUNDS: u64 = 20_000;

/// Calls on one set of files.
const ON_ONE_SETUP: u64 = 500;

#[test]
fn every_call_comes_back_and_holds_little() {
    let rounds = asked_for("PRECAST_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let mut numbers = Numbers::new(asked_for("PRECAST_FUZZ_SEED").unwrap_or(1));
    let mut calls = all();
    // One argument says nothing new, and waiting for the disk takes long.
    calls.retain(|call| !matches!(call.name, "fd_sync" | "fd_datasync"));
    let shared = shared_memory(1);
    let mut setup = Setup::new("hostile", &calls[0]);
    let mut succeeded = 0;
    for round in 0..rounds {
        let call = &calls[numbers.below(calls.len() as u64) as usize];
        if round % ON_ONE_SETUP == 0 {
            setup = Setup::new("hostile", call);
        }
        setup.fill_memory(call);
        let mut args = call.good();
        for (value, arg) in args.iter_mut().zip(&call.args) {
            if numbers.once_in(3) {
                *value = hostile_value(&mut numbers, call, *arg);
            }
        }
        if fills_the_disk(call, &args) {
            continue;
        }
        let (held, result) = if numbers.once_in(2) {
            most_held(|| call.run(&mut setup.guest, &args))
        } else {
            shared
                .write(0, setup.guest.bytes(0, LISTS_AND_PATHS))
                .unwrap();
            let mut memory = GuestMemory::shared(&shared);
            most_held(|| call.run_in(&mut setup.guest.ctx, &mut memory, &args))
        };
        succeeded += u64::from(result.is_ok());
        assert!(
            held <= MOST_BYTES,
            "{} held {held} bytes with {args:x?}",
            call.name
        );
    }
    assert!(succeeded > rounds / 10, "{succeeded} of {rounds}");
}

/// A value that is near a border, or nonsense.
fn hostile_value(numbers: &mut Numbers, call: &Call, arg: Arg) -> u64 {
    match arg {
        Arg::Fd(..) => match numbers.below(4) {
            0..3 => numbers.below(12),
            _ => numbers.one_of(&[100, 4095, 4096, 1 << 31, u64::MAX]),
        },
        // Any other list could have it wait for hours.
        Arg::In(good, size) if call.name == "poll_oneoff" => {
            let end = u64::from(MEMORY_BYTES);
            numbers.one_of(&[good.into(), end - u64::from(size) + 1, end, u64::MAX])
        }
        Arg::Out(good, _) | Arg::In(good, _) | Arg::Path(good, _) => {
            let (good, end) = (u64::from(good), u64::from(MEMORY_BYTES));
            match numbers.below(4) {
                0 => numbers.one_of(&[0, good + 1, good - 1, end - 64, 1 << 31, u64::MAX]),
                1 => end - numbers.below(70),
                2 => end + numbers.below(10),
                _ => numbers.below(end),
            }
        }
        Arg::PathLen(_) => numbers.one_of(&[0, 1, 2, 5, 4095, 4096, 4097, 1 << 31, u64::MAX]),
        Arg::Flags(..) => numbers.next() >> (31 + numbers.below(33)),
        Arg::Number(_) => match numbers.below(3) {
            0 => numbers.below(6),
            1 => numbers.one_of(&[
                1000,
                1024,
                1025,
                16_384,
                16_385,
                1 << 16,
                1 << 30,
                u64::from(u32::MAX),
                i64::MAX as u64,
                1 << 63,
                u64::MAX,
            ]),
            _ => numbers.next(),
        },
    }
}

/// Space that the host would really give.
fn fills_the_disk(call: &Call, args: &[u64]) -> bool {
    call.name == "fd_allocate" && (1 << 20..1 << 61).contains(&args[1].saturating_add(args[2]))
}

/// All that reads or writes lists of buffers.
const SCATTERING: [&str; 4] = ["fd_read", "fd_write", "fd_pread", "fd_pwrite"];

#[test]
fn lists_of_too_many_buffers_are_refused_unread() {
    for name in SCATTERING {
        let call = named(name);
        let mut setup = Setup::new("many", &call);
        for count in [
            1025,
            1 << 20,
            1 << 29,
            (1 << 29) + 1,
            1_000_000_000,
            u64::from(u32::MAX),
        ] {
            let mut args = call.good();
            args[2] = count;
            let (held, result) = most_held(|| call.run(&mut setup.guest, &args));
            assert_eq!(result, Err(Errno::Inval), "{name} of {count}");
            assert!(held < 1000, "{name} of {count} held {held} bytes");
        }
    }
}

#[test]
fn buffers_of_more_bytes_than_a_result_can_tell_are_refused() {
    const LEN: u32 = 4 << 20;
    let list = [0, LEN].map(u32::to_le_bytes).concat().repeat(1024);
    let mut bytes = vec![0; 8 << 20];
    bytes[LEN as usize..][..list.len()].copy_from_slice(&list);
    for name in SCATTERING {
        let call = named(name);
        let mut setup = Setup::new("sum", &call);
        let mut args = call.good();
        (args[1], args[2]) = (LEN.into(), 1024);
        let mut memory = GuestMemory::new(&mut bytes);
        let ctx = &mut setup.guest.ctx;
        let (held, result) = most_held(|| call.run_in(ctx, &mut memory, &args));
        assert_eq!(result, Err(Errno::Inval), "{name}");
        assert!(held <= MOST_BYTES, "{name} held {held} bytes");
    }
}

#[test]
fn the_same_buffer_a_thousand_times_is_read_once() {
    let list = [BUFFER, 4].map(u32::to_le_bytes).concat().repeat(1024);
    for name in ["fd_read", "fd_pread"] {
        let call = named(name);
        let mut setup = Setup::new("overlap", &call);
        setup.guest.put(0x2000, &list);
        let mut args = call.good();
        (args[1], args[2]) = (0x2000, 1024);
        let (held, result) = most_held(|| call.run(&mut setup.guest, &args));
        assert_eq!(result, Ok(()), "{name}");
        assert!((1..=10).contains(&setup.guest.u32_at(RESULT)), "{name}");
        assert_eq!(setup.guest.bytes(BUFFER, 2), b"01", "{name}");
        assert!(held <= MOST_BYTES, "{name} held {held} bytes");
    }
}

#[test]
fn lengths_of_four_gigabytes_are_faults() {
    for (name, index) in [
        ("random_get", 1),
        ("fd_readdir", 2),
        ("path_readlink", 4),
        ("fd_prestat_dir_name", 2),
    ] {
        let call = named(name);
        let mut setup = Setup::new("lengths", &call);
        let mut args = call.good();
        args[index] = u32::MAX.into();
        let (held, result) = most_held(|| call.run(&mut setup.guest, &args));
        // Two of them write no more than they have, so that the length alone is no reason to refuse.
        let writes_less = matches!(name, "path_readlink" | "fd_prestat_dir_name");
        let refused = matches!(result, Err(Errno::Fault | Errno::Inval));
        assert!(refused || writes_less, "{name}: {result:?}");
        assert!(held < 16 << 10, "{name} held {held} bytes");
    }
}

#[test]
fn a_large_shared_memory_is_not_copied_whole() {
    const PAGES: u64 = 1024;
    let memory_bytes = (PAGES << 16) as u32;
    let shared = shared_memory(PAGES);
    let room = memory_bytes - BUFFER;
    for (name, address, len) in [
        ("fd_read", 1, None),
        ("fd_write", 1, None),
        ("fd_pread", 1, None),
        ("fd_pwrite", 1, None),
        ("random_get", 0, Some(1)),
        ("fd_readdir", 1, Some(2)),
        ("path_readlink", 3, Some(4)),
    ] {
        let call = named(name);
        let mut setup = Setup::new("shared", &call);
        shared
            .write(0, setup.guest.bytes(0, LISTS_AND_PATHS))
            .unwrap();
        let mut args = call.good();
        match len {
            Some(len) => (args[address], args[len]) = (BUFFER.into(), room.into()),
            None => shared
                .write(u64::from(IOVECS) + 4, &room.to_le_bytes())
                .unwrap(),
        }
        let mut memory = GuestMemory::shared(&shared);
        let ctx = &mut setup.guest.ctx;
        let (held, result) = most_held(|| call.run_in(ctx, &mut memory, &args));
        assert_eq!(result, Ok(()), "{name}");
        assert!(held <= MOST_BYTES, "{name} held {held} bytes");
    }
}

#[test]
fn a_large_directory_costs_little_for_each_of_its_names() {
    const NAMES: usize = 500;
    let scratch = Scratch::new("names");
    for number in 0..NAMES {
        fs::write(scratch.path().join(format!("name-{number}")), "").unwrap();
    }
    let ctx = WasiCtx::builder()
        .preopened_dir(scratch.path(), "/")
        .build();
    let mut guest = Guest::new(ctx.unwrap());
    let call = named("fd_readdir");
    let mut args = call.good();
    args[0] = MOUNT.into();
    let (held, result) = most_held(|| call.run(&mut guest, &args));
    assert_eq!(result, Ok(()));
    let most = NAMES * BYTES_OF_AN_ENTRY + (64 << 10);
    assert!(held <= most, "{held} bytes held for {NAMES} names");
}

/// The place for a result is looked at before anything is done that could not be undone.
#[test]
fn nothing_is_done_when_the_result_has_no_place() {
    fn refuse(call: &Call, setup: &mut Setup, index: usize) {
        let mut args = call.good();
        args[index] = MEMORY_BYTES.into();
        assert_eq!(call.run(&mut setup.guest, &args), Err(Errno::Fault));
    }
    fn position(setup: &mut Setup) -> u64 {
        let tell = named("fd_tell");
        assert_eq!(tell.run(&mut setup.guest, &tell.good()), Ok(()));
        setup.guest.u64_at(RESULT)
    }
    for (name, index) in [("fd_read", 3), ("fd_write", 3), ("fd_seek", 3)] {
        let call = named(name);
        let mut setup = Setup::new("no-place", &call);
        refuse(&call, &mut setup, index);
        assert_eq!(position(&mut setup), 0, "{name}");
        let file = fs::read(setup.host_path("mount/file")).unwrap();
        assert_eq!(file, b"0123456789", "{name}");
    }
    let open = named("path_open");
    let mut setup = Setup::new("no-place", &open);
    refuse(&open, &mut setup, 8);
    assert!(!setup.host_path("mount/new").exists());
    let closed: Result<()> = precast_wasi::preview1::fd_close(&mut setup.guest.ctx, CLOSED);
    assert_eq!(closed, Err(Errno::Badf), "no descriptor is left open");
}

fn shared_memory(pages: u64) -> SharedMemory {
    let ty = MemoryType::new(pages, Some(pages)).shared();
    SharedMemory::new(&Engine::default(), ty).unwrap()
}
