//! What each function says to arguments that it cannot take: one argument of a good call is replaced, the rest stay.
//!
//! `common/calls.rs` lists the functions. Where the specification names no number, it is the one that POSIX has for the
//! call of the same name.

mod common;

use common::MEMORY_BYTES;
use common::calls::*;
use precast_wasi::{Errno, GuestMemory, WasiCtx, preview1};

/// Makes every call with one argument after the other replaced: `bad` lists the values for an argument, and what may
/// come of each. A call that was refused must have done nothing, so that the good one succeeds afterwards.
///
/// How many bad ones there were is the result.
fn check_each(name: &str, bad: impl Fn(&Call, usize) -> Vec<(u64, Vec<Errno>)>) -> usize {
    let mut count = 0;
    for call in all() {
        let mut setup = Setup::new(name, &call);
        for index in 0..call.args.len() {
            for (value, expected) in bad(&call, index) {
                count += 1;
                let mut args = call.good();
                args[index] = value;
                let result = call.run(&mut setup.guest, &args);
                assert!(
                    result.is_err_and(|errno| expected.contains(&errno)),
                    "{} with {value:#x} as argument {index}: {result:?} instead of {expected:?}",
                    call.name
                );
            }
        }
        let result = call.run(&mut setup.guest, &call.good());
        assert_eq!(result, call.result, "{} afterwards", call.name);
    }
    count
}

/// Otherwise nothing here would follow from the argument that is replaced.
#[test]
fn every_function_succeeds_with_good_arguments() {
    let mut names = Vec::new();
    for call in all() {
        let mut setup = Setup::new("good", &call);
        let result = call.run(&mut setup.guest, &call.good());
        assert_eq!(result, call.result, "{}", call.name);
        names.push(call.name);
    }
    names.sort_unstable();
    names.dedup();
    // And `proc_exit`.
    assert_eq!(names.len(), 45);
}

#[test]
fn closed_descriptors_are_bad() {
    let count = check_each("closed", |call, index| match call.args[index] {
        Arg::Fd(..) => [CLOSED, 100, 4096, u32::MAX - 1, u32::MAX]
            .map(|fd| (fd.into(), vec![Errno::Badf]))
            .into(),
        _ => Vec::new(),
    });
    assert!(count >= 5 * 36, "{count}");
}

#[test]
fn descriptors_of_the_wrong_kind_are_refused() {
    check_each("kinds", |call, index| {
        let Arg::Fd(_, kind, _) = call.args[index] else {
            return Vec::new();
        };
        let wrong = match kind {
            Kind::Any => vec![],
            Kind::Stream => vec![(MOUNT, Errno::Isdir), (DIR, Errno::Isdir)],
            Kind::Seekable => vec![(MOUNT, Errno::Isdir), (STDIN, Errno::Spipe)],
            Kind::Directory => vec![(FILE, Errno::Notdir), (STDIN, Errno::Notdir)],
            Kind::Given => vec![
                (FILE, Errno::Badf),
                (DIR, Errno::Badf),
                (STDIN, Errno::Badf),
            ],
            Kind::Socket => vec![(MOUNT, Errno::Notsock), (STDIN, Errno::Notsock)],
        };
        let wrong = wrong.into_iter();
        wrong.map(|(fd, errno)| (fd.into(), vec![errno])).collect()
    });
}

#[test]
fn pointers_past_the_end_are_faults() {
    let count = check_each("pointers", |call, index| {
        let size = match (call.args[index], call.args.get(index + 1)) {
            (Arg::Out(_, size) | Arg::In(_, size), _) => size,
            (Arg::Path(..), Some(Arg::PathLen(size))) => *size,
            _ => return Vec::new(),
        };
        let past = MEMORY_BYTES - size + 1;
        let places = [past, MEMORY_BYTES, MEMORY_BYTES + 1, 1 << 31, u32::MAX];
        places.map(|at| (at.into(), vec![Errno::Fault])).into()
    });
    assert!(count >= 5 * 47, "{count}");
}

#[test]
fn the_last_bytes_of_memory_can_be_used() {
    for call in all() {
        for (index, arg) in call.args.iter().enumerate() {
            let (Arg::Out(_, size) | Arg::In(_, size)) = *arg else {
                continue;
            };
            let mut setup = Setup::new("last-bytes", &call);
            let end = MEMORY_BYTES - size;
            if let Arg::In(address, size) = *arg {
                let list = setup.guest.bytes(address, size).to_vec();
                setup.guest.put(end, &list);
            }
            let mut args = call.good();
            args[index] = end.into();
            let result = call.run(&mut setup.guest, &args);
            assert_eq!(result, call.result, "{} argument {index}", call.name);
        }
    }
}

#[test]
fn unknown_flags_are_invalid() {
    let count = check_each("flags", |call, index| {
        let Arg::Flags(good, known) = call.args[index] else {
            return Vec::new();
        };
        let unknown = [good | (known + 1), good | 1 << 15, good | 1 << 16, u32::MAX];
        let unknown = unknown.map(|flags| (flags.into(), vec![Errno::Inval]));
        unknown.into()
    });
    assert!(count >= 4 * 9, "{count}");
}

#[test]
fn every_call_needs_its_rights() {
    let mut count = 0;
    for call in all() {
        for arg in &call.args {
            let Arg::Fd(fd, _, needed) = *arg else {
                continue;
            };
            let bits = (0..64).map(|bit| 1 << bit).filter(|bit| needed & bit != 0);
            for right in bits {
                count += 1;
                let mut setup = Setup::new("rights", &call);
                give_up(&mut setup, fd, right);
                let result = call.run(&mut setup.guest, &call.good());
                let refused = Err(Errno::Notcapable);
                assert_eq!(result, refused, "{} without {right:#x}", call.name);
            }
        }
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn all_other_rights_can_be_given_up() {
    for call in all() {
        let mut setup = Setup::new("other-rights", &call);
        for arg in &call.args {
            if let Arg::Fd(fd, _, needed) = *arg {
                give_up(&mut setup, fd, !needed);
            }
        }
        let result = call.run(&mut setup.guest, &call.good());
        // Giving up rights needs no right, but what is given up must still be there.
        let expected = match call.name {
            "fd_fdstat_set_rights" => Err(Errno::Notcapable),
            _ => call.result,
        };
        assert_eq!(result, expected, "{}", call.name);
    }
}

/// Gives up rights of a descriptor, and none of those that its files will inherit.
fn give_up(setup: &mut Setup, fd: u32, lost: u64) {
    let get = |ctx: &mut WasiCtx, memory: &mut GuestMemory<'_>| {
        preview1::fd_fdstat_get(ctx, memory, fd, SECOND_RESULT)
    };
    setup.guest.call(get).unwrap();
    let base = setup.guest.u64_at(SECOND_RESULT + 8);
    let inheriting = setup.guest.u64_at(SECOND_RESULT + 16);
    let ctx = &mut setup.guest.ctx;
    preview1::fd_fdstat_set_rights(ctx, fd, base & !lost, inheriting).unwrap();
}

#[test]
fn read_only_mounts_do_not_change() {
    let count = check_each("read-only", |call, index| match call.args[index] {
        Arg::Fd(_, Kind::Directory, _) if call.changes_directory() => {
            vec![(FROZEN.into(), vec![Errno::Rofs, Errno::Notcapable])]
        }
        Arg::Fd(..) if call.name == "fd_filestat_set_times" => {
            vec![(FROZEN.into(), vec![Errno::Rofs, Errno::Notcapable])]
        }
        _ => Vec::new(),
    });
    assert!(count >= 10, "{count}");
}

/// A path, what it is instead of the good one, and what a call must say.
#[test]
fn paths_that_no_file_can_have_are_refused() {
    let long_name = "x".repeat(256);
    let long_path = "x/".repeat(2049);
    let bad: [(&[u8], Errno); 10] = [
        (b"", Errno::Noent),
        (b"a\0b", Errno::Inval),
        (b"\xff", Errno::Ilseq),
        (b"a\xc0\xaf", Errno::Ilseq),
        (b"/file", Errno::Perm),
        (b"../file", Errno::Perm),
        (b"./../../frozen/file", Errno::Perm),
        (b"missing/x", Errno::Noent),
        (long_name.as_bytes(), Errno::Nametoolong),
        (long_path.as_bytes(), Errno::Nametoolong),
    ];
    for call in all() {
        for (index, arg) in call.args.iter().enumerate() {
            let Arg::Path(address, _) = *arg else {
                continue;
            };
            let mut setup = Setup::new("paths", &call);
            for (path, errno) in bad {
                let is_target = call.name == "path_symlink" && index == 0;
                let mut expected = Err(errno);
                if is_target && !path.starts_with(b"/") && !is_malformed(path) {
                    // A symlink may lead anywhere; following it is what fails.
                    expected = Ok(());
                }
                // Longer than the room between two paths.
                let address = if path.len() > 4000 { BUFFER } else { address };
                setup.guest.put(address, path);
                let mut args = call.good();
                args[index] = address.into();
                args[index + 1] = path.len() as u64;
                let result = call.run(&mut setup.guest, &args);
                let path = path.get(..30).unwrap_or(path).escape_ascii();
                assert_eq!(result, expected, "{} with {path}", call.name);
                if result.is_ok() {
                    setup = Setup::new("paths", &call);
                }
            }
        }
    }
}

/// Not even a symlink can hold it.
fn is_malformed(path: &[u8]) -> bool {
    path.is_empty() || path.len() > 4096 || path.contains(&0) || str::from_utf8(path).is_err()
}

#[test]
fn a_file_has_nothing_beneath_it() {
    for call in all() {
        for (index, arg) in call.args.iter().enumerate() {
            let Arg::Path(address, _) = *arg else {
                continue;
            };
            if call.name == "path_symlink" && index == 0 {
                continue;
            }
            // One call moves `file`, to be found beneath `dir`.
            for path in ["link/x", "full/../link/x"] {
                let mut setup = Setup::new("beneath", &call);
                let mut args = call.good();
                if let Some(fd) = args[..index].iter_mut().rev().find(|fd| **fd == DIR.into()) {
                    *fd = MOUNT.into();
                }
                setup.guest.put(address, path.as_bytes());
                args[index + 1] = path.len() as u64;
                let result = call.run(&mut setup.guest, &args);
                assert_eq!(result, Err(Errno::Notdir), "{} with {path}", call.name);
            }
        }
    }
}

/// How an argument of a good call is changed.
enum Change {
    /// The path at this argument, and its length.
    Path(usize, &'static str),
    Number(usize, u64),
    /// These bytes at this address.
    Memory(u32, &'static [u8]),
}
use Change::{Memory, Number, Path};

/// Cases of single functions: function, changes, result.
const CASES: &[(&str, &[Change], Errno)] = &[
    ("clock_res_get", &[Number(0, 4)], Errno::Inval),
    ("clock_time_get", &[Number(0, 4)], Errno::Inval),
    (
        "clock_time_get",
        &[Number(0, u32::MAX as u64)],
        Errno::Inval,
    ),
    ("fd_advise", &[Number(3, 6)], Errno::Inval),
    (
        "fd_advise",
        &[Number(1, u64::MAX), Number(2, 1)],
        Errno::Inval,
    ),
    ("fd_allocate", &[Number(2, 0)], Errno::Inval),
    (
        "fd_allocate",
        &[Number(1, u64::MAX), Number(2, 1)],
        Errno::Fbig,
    ),
    (
        "fd_allocate",
        &[Number(1, i64::MAX as u64), Number(2, 1)],
        Errno::Fbig,
    ),
    (
        "fd_fdstat_set_rights",
        &[Number(1, 1 << 40)],
        Errno::Notcapable,
    ),
    ("fd_fdstat_set_rights", &[Number(2, 1)], Errno::Notcapable),
    ("fd_filestat_set_size", &[Number(1, 1 << 63)], Errno::Inval),
    ("fd_filestat_set_times", &[Number(3, 3)], Errno::Inval),
    ("fd_filestat_set_times", &[Number(3, 12)], Errno::Inval),
    ("fd_pread", &[Number(2, 1025)], Errno::Inval),
    ("fd_pread", &[Number(3, 1 << 63)], Errno::Inval),
    ("fd_prestat_dir_name", &[Number(2, 5)], Errno::Nametoolong),
    ("fd_prestat_dir_name", &[Number(2, 0)], Errno::Nametoolong),
    ("fd_pwrite", &[Number(2, 1025)], Errno::Inval),
    ("fd_pwrite", &[Number(3, 1 << 63)], Errno::Inval),
    ("fd_read", &[Number(2, 1025)], Errno::Inval),
    // The output has no right to be read, nor the input to be written.
    ("fd_read", &[Number(0, 1)], Errno::Notcapable),
    ("fd_write", &[Number(0, 0)], Errno::Notcapable),
    ("fd_write", &[Number(2, 1025)], Errno::Inval),
    ("fd_seek", &[Number(2, 3)], Errno::Inval),
    ("fd_seek", &[Number(1, -1i64 as u64)], Errno::Inval),
    (
        "fd_seek",
        &[Number(1, -11i64 as u64), Number(2, 2)],
        Errno::Inval,
    ),
    ("path_create_directory", &[Path(1, "dir")], Errno::Exist),
    ("path_create_directory", &[Path(1, "file")], Errno::Exist),
    ("path_create_directory", &[Path(1, "loop")], Errno::Exist),
    ("path_create_directory", &[Path(1, "loop/x")], Errno::Loop),
    ("path_filestat_get", &[Path(2, "missing")], Errno::Noent),
    ("path_filestat_get", &[Path(2, "loop")], Errno::Loop),
    ("path_filestat_get", &[Path(2, "file/")], Errno::Notdir),
    (
        "path_filestat_set_times",
        &[Path(2, "missing")],
        Errno::Noent,
    ),
    ("path_filestat_set_times", &[Path(2, "loop")], Errno::Loop),
    ("path_filestat_set_times", &[Number(6, 3)], Errno::Inval),
    ("path_filestat_set_times", &[Number(6, 12)], Errno::Inval),
    ("path_link", &[Number(1, 1)], Errno::Inval),
    ("path_link", &[Path(2, "missing")], Errno::Noent),
    ("path_link", &[Path(2, "full")], Errno::Perm),
    ("path_link", &[Number(4, 3), Path(5, "link")], Errno::Exist),
    ("path_link", &[Number(4, 3), Path(5, "dir")], Errno::Exist),
    ("path_open", &[Path(2, "file")], Errno::Exist),
    ("path_open", &[Path(2, "link")], Errno::Exist),
    ("path_open", &[Path(2, "dir")], Errno::Exist),
    (
        "path_open",
        &[Path(2, "missing"), Number(4, 0)],
        Errno::Noent,
    ),
    (
        "path_open",
        &[Path(2, "link"), Number(1, 0), Number(4, 0)],
        Errno::Loop,
    ),
    ("path_open", &[Path(2, "loop"), Number(4, 0)], Errno::Loop),
    (
        "path_open",
        &[Path(2, "file/"), Number(4, 0)],
        Errno::Notdir,
    ),
    (
        "path_open",
        &[Path(2, "file"), Number(4, DIRECTORY as u64)],
        Errno::Notdir,
    ),
    (
        "path_open",
        &[Number(4, (CREAT | DIRECTORY) as u64)],
        Errno::Inval,
    ),
    (
        "path_open",
        &[Path(2, "dir"), Number(4, 0), Number(5, rights::FD_WRITE)],
        Errno::Isdir,
    ),
    (
        "path_open",
        &[Path(2, "dir"), Number(4, TRUNC as u64)],
        Errno::Isdir,
    ),
    (
        "path_open",
        &[Path(2, "dir"), Number(4, CREAT as u64)],
        Errno::Isdir,
    ),
    ("path_open", &[Path(2, "new/")], Errno::Isdir),
    ("path_readlink", &[Path(1, "file")], Errno::Inval),
    ("path_readlink", &[Path(1, "dir")], Errno::Inval),
    ("path_readlink", &[Path(1, "missing")], Errno::Noent),
    ("path_remove_directory", &[Path(1, "full")], Errno::Notempty),
    ("path_remove_directory", &[Path(1, "file")], Errno::Notdir),
    ("path_remove_directory", &[Path(1, "link")], Errno::Notdir),
    ("path_remove_directory", &[Path(1, "missing")], Errno::Noent),
    ("path_remove_directory", &[Path(1, ".")], Errno::Inval),
    ("path_remove_directory", &[Path(1, "dir/.")], Errno::Inval),
    ("path_rename", &[Path(1, "missing")], Errno::Noent),
    (
        "path_rename",
        &[Path(1, "full"), Number(3, 3), Path(4, "file")],
        Errno::Notdir,
    ),
    ("path_rename", &[Number(3, 3), Path(4, "dir")], Errno::Isdir),
    (
        "path_rename",
        &[Path(1, "dir"), Number(3, 3), Path(4, "full")],
        Errno::Notempty,
    ),
    (
        "path_rename",
        &[Path(1, "full"), Number(3, 3), Path(4, "full/dir/x")],
        Errno::Inval,
    ),
    ("path_rename", &[Path(1, "file/")], Errno::Notdir),
    ("path_rename", &[Path(4, "new/")], Errno::Notdir),
    ("path_symlink", &[Path(0, "/file")], Errno::Perm),
    ("path_symlink", &[Path(3, "file")], Errno::Exist),
    ("path_symlink", &[Path(3, "loop")], Errno::Exist),
    ("path_symlink", &[Path(3, "new/")], Errno::Noent),
    ("path_unlink_file", &[Path(1, "dir")], Errno::Isdir),
    ("path_unlink_file", &[Path(1, ".")], Errno::Isdir),
    ("path_unlink_file", &[Path(1, "file/")], Errno::Notdir),
    ("path_unlink_file", &[Path(1, "link/")], Errno::Notdir),
    ("path_unlink_file", &[Path(1, "missing")], Errno::Noent),
    ("poll_oneoff", &[Number(2, 0)], Errno::Inval),
    ("poll_oneoff", &[Number(2, u32::MAX as u64)], Errno::Inval),
    (
        "poll_oneoff",
        &[Memory(SUBSCRIPTION + 8, &[3])],
        Errno::Inval,
    ),
    (
        "poll_oneoff",
        &[Memory(SUBSCRIPTION + 40, &[2])],
        Errno::Inval,
    ),
    ("random_get", &[Number(1, u32::MAX as u64)], Errno::Fault),
];

#[test]
fn every_function_names_what_is_wrong() {
    for cases in CASES.chunk_by(|one, other| one.0 == other.0) {
        let call = named(cases[0].0);
        let mut setup = Setup::new("cases", &call);
        for (name, changes, expected) in cases {
            setup.fill_memory(&call);
            let mut args = call.good();
            let mut paths = Vec::new();
            for change in *changes {
                match *change {
                    Path(index, path) => {
                        setup.guest.put(args[index] as u32, path.as_bytes());
                        args[index + 1] = path.len() as u64;
                        paths.push(path);
                    }
                    Number(index, value) => args[index] = value,
                    Memory(address, bytes) => {
                        setup.guest.put(address, bytes);
                    }
                }
            }
            let result = call.run(&mut setup.guest, &args);
            assert_eq!(result, Err(*expected), "{name} with {paths:?} {args:x?}");
        }
        setup.fill_memory(&call);
        let result = call.run(&mut setup.guest, &call.good());
        assert_eq!(result, Ok(()), "{} afterwards", call.name);
    }
}

/// What a subscription cannot be waited for is its event's error, not the call's.
#[test]
fn a_poll_that_cannot_be_is_an_event() {
    for (tag, value, expected) in [
        (1u8, CLOSED, &[Errno::Badf][..]),
        (2, CLOSED, &[Errno::Badf]),
        (2, STDIN, &[Errno::Notcapable]),
        // It has no right to be read, and nothing to read either.
        (1, MOUNT, &[Errno::Notcapable, Errno::Badf]),
        (0, 4, &[Errno::Inval]),
        (0, 2, &[Errno::Notsup]),
    ] {
        let poll = named("poll_oneoff");
        let mut setup = Setup::new("events", &poll);
        setup.guest.put(SUBSCRIPTION + 8, &[tag]);
        setup.guest.put(SUBSCRIPTION + 16, &value.to_le_bytes());
        assert_eq!(poll.run(&mut setup.guest, &poll.good()), Ok(()));
        assert_eq!(setup.guest.u32_at(RESULT), 1);
        let error = setup.guest.u64_at(BUFFER + 8) & 0xffff;
        let mut expected = expected.iter().map(|errno| u64::from(errno.raw()));
        assert!(
            expected.any(|errno| errno == error),
            "{tag} {value}: {error}"
        );
    }
}

/// Otherwise guests could get at files with more rights than they were left with.
#[test]
fn what_a_directory_may_not_pass_on_is_refused() {
    let open = named("path_open");
    let mut setup = Setup::new("inheriting", &open);
    let ctx = &mut setup.guest.ctx;
    let base = rights::PATH_OPEN | rights::PATH_CREATE_FILE;
    preview1::fd_fdstat_set_rights(ctx, DIR, base, rights::FD_READ).unwrap();
    let mut args = open.good();
    args[0] = DIR.into();
    for (oflags, base, expected) in [
        (CREAT, rights::FD_READ | rights::FD_WRITE, Errno::Notcapable),
        (CREAT, rights::FD_SEEK, Errno::Notcapable),
        // Cutting a file needs the directory's right to set sizes.
        (TRUNC | CREAT, rights::FD_READ, Errno::Notcapable),
    ] {
        args[4] = oflags.into();
        args[5] = base;
        assert_eq!(open.run(&mut setup.guest, &args), Err(expected));
    }
    assert!(!setup.host_path("mount/dir/new").exists());
    (args[4], args[5]) = (CREAT.into(), rights::FD_READ);
    assert_eq!(open.run(&mut setup.guest, &args), Ok(()));
}
