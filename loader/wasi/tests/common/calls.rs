//! Every function of `wasi_snapshot_preview1` with arguments that succeed, and what each argument is, so that suites
//! can take one of them away and know what must come of it.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::symlink;

use precast_wasi::{Errno, GuestMemory, Result, WasiCtx, preview1};

use super::{Guest, Scratch};

/// The mount to read and to change.
pub(crate) const MOUNT: u32 = 3;
/// The same folder, to read only.
pub(crate) const FROZEN: u32 = 4;
/// `file`, open with all rights.
pub(crate) const FILE: u32 = 5;
/// `dir`, open with all rights.
pub(crate) const DIR: u32 = 6;
/// No descriptor.
pub(crate) const CLOSED: u32 = 7;
pub(crate) const STDIN: u32 = 0;

pub(crate) const IOVECS: u32 = 0x100;
pub(crate) const SUBSCRIPTION: u32 = 0x180;
pub(crate) const RESULT: u32 = 0x400;
pub(crate) const SECOND_RESULT: u32 = 0x500;
pub(crate) const PATH: u32 = 0x1000;
pub(crate) const OTHER_PATH: u32 = 0x3000;
/// Where all that ends.
pub(crate) const LISTS_AND_PATHS: u32 = 0x3100;
pub(crate) const BUFFER: u32 = 0x8000;

pub(crate) const CREAT: u32 = 1;
pub(crate) const DIRECTORY: u32 = 2;
pub(crate) const EXCL: u32 = 4;
pub(crate) const TRUNC: u32 = 8;

/// The rights of `wasi_snapshot_preview1.witx`.
pub(crate) mod rights {
    pub(crate) const FD_DATASYNC: u64 = 1;
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_SEEK: u64 = 1 << 2;
    pub(crate) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(crate) const FD_SYNC: u64 = 1 << 4;
    pub(crate) const FD_TELL: u64 = 1 << 5;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    pub(crate) const FD_ADVISE: u64 = 1 << 7;
    pub(crate) const FD_ALLOCATE: u64 = 1 << 8;
    pub(crate) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(crate) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(crate) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(crate) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(crate) const PATH_OPEN: u64 = 1 << 13;
    pub(crate) const FD_READDIR: u64 = 1 << 14;
    pub(crate) const PATH_READLINK: u64 = 1 << 15;
    pub(crate) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(crate) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(crate) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(crate) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(crate) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(crate) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(crate) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(crate) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(crate) const PATH_SYMLINK: u64 = 1 << 24;
    pub(crate) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(crate) const PATH_UNLINK_FILE: u64 = 1 << 26;
}
use rights::*;

/// One function.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<Arg>,
    run: Run,
    /// What comes of the good arguments.
    pub(crate) result: Result<()>,
}

/// What an argument is, with a good value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg {
    /// A descriptor of this kind with these rights.
    Fd(u32, Kind, u64),
    /// An address, to which that many bytes are written.
    Out(u32, u32),
    /// An address, from which that many bytes are read.
    In(u32, u32),
    /// The address of a path; its length is the next argument.
    Path(u32, &'static str),
    PathLen(u32),
    /// A value, and the bits that are known.
    Flags(u32, u32),
    Number(u64),
}

/// What a descriptor must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Any,
    /// Not a directory.
    Stream,
    /// Something with a position.
    Seekable,
    Directory,
    /// A directory that is given at the start.
    Given,
    Socket,
}
use Kind::{Any, Directory, Given, Seekable, Socket, Stream};

type Run = fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<()>;

impl Arg {
    pub(crate) fn good(self) -> u64 {
        match self {
            Arg::Fd(value, ..) | Arg::Flags(value, _) | Arg::PathLen(value) => value.into(),
            Arg::Out(address, _) | Arg::In(address, _) | Arg::Path(address, _) => address.into(),
            Arg::Number(number) => number,
        }
    }
}

impl Call {
    fn new(name: &'static str, args: Vec<Arg>, run: Run) -> Call {
        let result = match name {
            // None of the descriptors is one.
            _ if name.starts_with("sock_") => Err(Errno::Notsock),
            _ => Ok(()),
        };
        Call {
            name,
            args,
            run,
            result,
        }
    }

    /// Whether it changes names or attributes beneath a directory.
    pub(crate) fn changes_directory(&self) -> bool {
        let reads = ["path_filestat_get", "path_readlink"];
        self.name.starts_with("path_") && !reads.contains(&self.name)
    }

    /// Arguments that succeed, once on a new [`Setup`].
    pub(crate) fn good(&self) -> Vec<u64> {
        self.args.iter().map(|arg| arg.good()).collect()
    }

    pub(crate) fn run(&self, guest: &mut Guest, args: &[u64]) -> Result<()> {
        guest.call(|ctx, memory| self.run_in(ctx, memory, args))
    }

    pub(crate) fn run_in(
        &self,
        ctx: &mut WasiCtx,
        memory: &mut GuestMemory<'_>,
        args: &[u64],
    ) -> Result<()> {
        (self.run)(ctx, memory, args)
    }
}

/// A guest with files and with a memory in which the good arguments are good.
pub(crate) struct Setup {
    pub(crate) guest: Guest,
    scratch: Scratch,
}

impl Setup {
    /// A new one, ready for the good arguments of `call`.
    pub(crate) fn new(name: &str, call: &Call) -> Setup {
        let scratch = Scratch::new(name);
        let mount = scratch.path().join("mount");
        fs::create_dir_all(mount.join("dir")).unwrap();
        fs::create_dir_all(mount.join("full/dir")).unwrap();
        fs::write(mount.join("file"), "0123456789").unwrap();
        symlink("file", mount.join("link")).unwrap();
        symlink("loop", mount.join("loop")).unwrap();
        let mut guest = Guest::new(Setup::ctx(&scratch));
        for (name, base) in [("file", !0), ("dir", !FD_WRITE)] {
            let (path, len) = guest.put(PATH, name.as_bytes());
            let opened = guest.call(|ctx, memory| {
                preview1::path_open(ctx, memory, MOUNT, 0, path, len, 0, base, !0, 0, RESULT)
            });
            opened.unwrap();
        }
        assert_eq!(guest.u32_at(RESULT), DIR);
        let mut setup = Setup { guest, scratch };
        setup.fill_memory(call);
        setup
    }

    fn ctx(scratch: &Scratch) -> WasiCtx {
        WasiCtx::builder()
            .args(["app"])
            .env("A", "b")
            .stdin(Cursor::new(b"input".to_vec()))
            .preopened_dir(scratch.path().join("mount"), "/mount")
            .preopened_dir_read_only(scratch.path().join("mount"), "/frozen")
            .build()
            .unwrap()
    }

    /// Puts the lists and the paths that the good arguments of a call point to.
    pub(crate) fn fill_memory(&mut self, call: &Call) {
        let iovec = [BUFFER, 4].map(u32::to_le_bytes).concat();
        self.guest.put(IOVECS, &iovec);
        // A relative clock: user data, tag, clock, timeout, precision, flags.
        let clock = [7u64, 0, 1, 1, 0, 0].map(u64::to_le_bytes).concat();
        self.guest.put(SUBSCRIPTION, &clock);
        for arg in &call.args {
            if let Arg::Path(address, path) = arg {
                self.guest.put(*address, path.as_bytes());
            }
        }
    }

    pub(crate) fn host_path(&self, below: &str) -> std::path::PathBuf {
        self.scratch.path().join(below)
    }
}

/// Calls with memory first, then those without.
macro_rules! calls {
    (
        memory { $($with:ident($($with_arg:expr),* $(,)?);)* }
        plain { $($without:ident($($without_arg:expr),* $(,)?);)* }
    ) => {
        vec![
            $(Call::new(stringify!($with), vec![$($with_arg),*], |ctx, memory, args| {
                let mut args = args.iter();
                preview1::$with(ctx, memory, $(next(&mut args, stringify!($with_arg)) as _),*)
            }),)*
            $(Call::new(stringify!($without), vec![$($without_arg),*], |ctx, _, args| {
                let mut args = args.iter();
                let _ = &mut args;
                preview1::$without(ctx, $(next(&mut args, stringify!($without_arg)) as _),*)
            }),)*
        ]
    };
}

fn next(args: &mut std::slice::Iter<'_, u64>, name: &str) -> u64 {
    *args.next().unwrap_or_else(|| panic!("no value for {name}"))
}

pub(crate) fn named(name: &str) -> Call {
    let call = all().into_iter().find(|call| call.name == name);
    call.unwrap_or_else(|| panic!("no function {name}"))
}

/// The functions but for `proc_exit`, which is the only one that cannot fail.
pub(crate) fn all() -> Vec<Call> {
    use Arg::{Fd, Flags, In, Number, Out, Path, PathLen};
    let number = Number;
    let iovecs = In(IOVECS, 8);
    let result = Out(RESULT, 4);
    calls! {
        memory {
            args_get(Out(RESULT, 4), Out(SECOND_RESULT, 4));
            args_sizes_get(result, Out(SECOND_RESULT, 4));
            environ_get(Out(RESULT, 4), Out(SECOND_RESULT, 4));
            environ_sizes_get(result, Out(SECOND_RESULT, 4));

            clock_res_get(number(1), Out(RESULT, 8));
            clock_time_get(number(1), number(0), Out(RESULT, 8));

            fd_fdstat_get(Fd(FILE, Any, 0), Out(RESULT, 24));
            fd_filestat_get(Fd(FILE, Any, FD_FILESTAT_GET), Out(RESULT, 64));
            fd_pread(Fd(FILE, Seekable, FD_READ | FD_SEEK), iovecs, number(1), number(0), result);
            fd_prestat_dir_name(Fd(MOUNT, Given, 0), Out(RESULT, 6), number(6));
            fd_prestat_get(Fd(MOUNT, Given, 0), Out(RESULT, 8));
            fd_pwrite(Fd(FILE, Seekable, FD_WRITE | FD_SEEK), iovecs, number(1), number(0), result);
            fd_read(Fd(FILE, Stream, FD_READ), iovecs, number(1), result);
            fd_readdir(Fd(DIR, Directory, FD_READDIR), Out(BUFFER, 100), number(100), number(0), result);
            fd_seek(Fd(FILE, Seekable, FD_SEEK), number(1), number(0), Out(RESULT, 8));
            fd_tell(Fd(FILE, Seekable, FD_TELL), Out(RESULT, 8));
            fd_write(Fd(FILE, Stream, FD_WRITE), iovecs, number(1), result);

            path_create_directory(
                Fd(MOUNT, Directory, PATH_CREATE_DIRECTORY), Path(PATH, "new"), PathLen(3),
            );
            path_filestat_get(
                Fd(MOUNT, Directory, PATH_FILESTAT_GET), Flags(1, 1), Path(PATH, "link"), PathLen(4),
                Out(RESULT, 64),
            );
            path_filestat_set_times(
                Fd(MOUNT, Directory, PATH_FILESTAT_SET_TIMES), Flags(1, 1), Path(PATH, "link"),
                PathLen(4), number(1), number(2), Flags(5, 15),
            );
            path_link(
                Fd(MOUNT, Directory, PATH_LINK_SOURCE), Flags(0, 1), Path(PATH, "file"), PathLen(4),
                Fd(DIR, Directory, PATH_LINK_TARGET), Path(OTHER_PATH, "new"), PathLen(3),
            );
            path_open(
                Fd(MOUNT, Directory, PATH_OPEN | PATH_CREATE_FILE), Flags(1, 1), Path(PATH, "new"),
                PathLen(3), Flags(CREAT | EXCL, 15), number(FD_READ), number(0), Flags(0, 31), result,
            );
            path_readlink(
                Fd(MOUNT, Directory, PATH_READLINK), Path(PATH, "link"), PathLen(4), Out(BUFFER, 4),
                number(4), result,
            );
            path_remove_directory(
                Fd(MOUNT, Directory, PATH_REMOVE_DIRECTORY), Path(PATH, "dir"), PathLen(3),
            );
            path_rename(
                Fd(MOUNT, Directory, PATH_RENAME_SOURCE), Path(PATH, "file"), PathLen(4),
                Fd(DIR, Directory, PATH_RENAME_TARGET), Path(OTHER_PATH, "new"), PathLen(3),
            );
            path_symlink(
                Path(PATH, "file"), PathLen(4), Fd(MOUNT, Directory, PATH_SYMLINK),
                Path(OTHER_PATH, "new"), PathLen(3),
            );
            path_unlink_file(
                Fd(MOUNT, Directory, PATH_UNLINK_FILE), Path(PATH, "file"), PathLen(4),
            );

            poll_oneoff(In(SUBSCRIPTION, 48), Out(BUFFER, 32), number(1), result);
            random_get(Out(BUFFER, 64), number(64));

            sock_accept(Fd(FILE, Socket, 0), number(0), result);
            sock_recv(
                Fd(FILE, Socket, 0), number(IOVECS.into()), number(1), number(0), result,
                Out(SECOND_RESULT, 2),
            );
            sock_send(
                Fd(FILE, Socket, 0), number(IOVECS.into()), number(1), number(0), result,
            );
        }
        plain {
            fd_advise(Fd(FILE, Seekable, FD_ADVISE), number(0), number(10), number(5));
            fd_allocate(Fd(FILE, Seekable, FD_ALLOCATE), number(0), number(20));
            fd_close(Fd(FILE, Any, 0));
            fd_datasync(Fd(FILE, Any, FD_DATASYNC));
            fd_fdstat_set_flags(Fd(FILE, Any, FD_FDSTAT_SET_FLAGS), Flags(1, 31));
            fd_fdstat_set_rights(Fd(FILE, Any, 0), number(FD_READ), number(0));
            fd_filestat_set_size(Fd(FILE, Seekable, FD_FILESTAT_SET_SIZE), number(5));
            fd_filestat_set_times(
                Fd(FILE, Any, FD_FILESTAT_SET_TIMES), number(1), number(2), Flags(5, 15),
            );
            fd_renumber(Fd(FILE, Any, 0), Fd(DIR, Any, 0));
            fd_sync(Fd(FILE, Any, FD_SYNC));

            proc_raise(number(2));
            sched_yield();

            sock_shutdown(Fd(FILE, Socket, 0), number(3));
        }
    }
}
