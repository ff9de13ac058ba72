//! The binding to the loader: every function of `wasi_snapshot_preview1` by name, once.

use std::fmt;

use precast_loader::{Caller, Error, Linker};

use crate::{Errno, GuestMemory, WasiCtx, preview1};

/// The name that guests import WASI preview 1 under.
const MODULE: &str = "wasi_snapshot_preview1";

/// One closure for each line of the tables below. Results are errno numbers, as the guest expects.
macro_rules! define {
    (
        $linker:ident, $get:ident;
        memory { $($with:ident($($with_arg:ident: $with_ty:ty),*);)* }
        plain { $($without:ident($($without_arg:ident: $without_ty:ty),*);)* }
    ) => {
        $(
            $linker
                .func(
                    MODULE,
                    stringify!($with),
                    move |mut caller: Caller<'_, T>, $($with_arg: $with_ty),*| -> Result<i32, Error> {
                        with_memory(&mut caller, $get, |ctx, memory| {
                            preview1::$with(ctx, memory, $($with_arg),*)
                        })
                    },
                )
                .map_err(Error::host)?;
        )*
        $(
            $linker
                .func(
                    MODULE,
                    stringify!($without),
                    move |mut caller: Caller<'_, T>, $($without_arg: $without_ty),*| -> Result<i32, Error> {
                        let ctx = $get(caller.data_mut());
                        Ok(number(preview1::$without(ctx, $($without_arg),*)))
                    },
                )
                .map_err(Error::host)?;
        )*
    };
}

/// Defines the functions of WASI preview 1; `get` finds the context in the store's data.
///
/// A guest that ends itself makes the call into it fail with an error that holds [`Exit`](crate::Exit).
///
/// ```ignore
/// precast_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
/// match run.call(&mut store, ()) {
///     Ok(()) => 0,
///     Err(error) => match error.downcast_ref::<precast_wasi::Exit>() {
///         Some(exit) => exit.0,
///         None => return Err(error),
///     },
/// }
/// ```
///
/// # Errors
///
/// Those of `Linker::func`: a name that is defined already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<(), Error> {
    define! {
        linker, get;
        memory {
            args_get(argv: u32, argv_buf: u32);
            args_sizes_get(argc: u32, argv_buf_size: u32);
            environ_get(environ: u32, environ_buf: u32);
            environ_sizes_get(environc: u32, environ_buf_size: u32);

            clock_res_get(id: u32, resolution: u32);
            clock_time_get(id: u32, precision: u64, time: u32);

            fd_fdstat_get(fd: u32, fdstat: u32);
            fd_filestat_get(fd: u32, filestat: u32);
            fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32);
            fd_prestat_dir_name(fd: u32, path: u32, path_len: u32);
            fd_prestat_get(fd: u32, prestat: u32);
            fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32);
            fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32);
            fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32);
            fd_seek(fd: u32, offset: i64, whence: u32, newoffset: u32);
            fd_tell(fd: u32, offset: u32);
            fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32);

            path_create_directory(fd: u32, path: u32, path_len: u32);
            path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, filestat: u32);
            path_filestat_set_times(
                fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fstflags: u32
            );
            path_link(
                old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32,
                new_fd: u32, new_path: u32, new_path_len: u32
            );
            path_open(
                fd: u32, lookupflags: u32, path: u32, path_len: u32, oflags: u32,
                base: u64, inheriting: u64, fdflags: u32, opened_fd: u32
            );
            path_readlink(
                fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32
            );
            path_remove_directory(fd: u32, path: u32, path_len: u32);
            path_rename(
                old_fd: u32, old_path: u32, old_path_len: u32,
                new_fd: u32, new_path: u32, new_path_len: u32
            );
            path_symlink(
                old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32
            );
            path_unlink_file(fd: u32, path: u32, path_len: u32);

            poll_oneoff(subscriptions: u32, events: u32, count: u32, nevents: u32);
            random_get(buf: u32, len: u32);

            sock_accept(fd: u32, flags: u32, accepted_fd: u32);
            sock_recv(
                fd: u32, ri_data: u32, ri_data_len: u32, ri_flags: u32,
                ro_datalen: u32, ro_flags: u32
            );
            sock_send(fd: u32, si_data: u32, si_data_len: u32, si_flags: u32, so_datalen: u32);
        }
        plain {
            fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
            fd_allocate(fd: u32, offset: u64, len: u64);
            fd_close(fd: u32);
            fd_datasync(fd: u32);
            fd_fdstat_set_flags(fd: u32, flags: u32);
            fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
            fd_filestat_set_size(fd: u32, size: u64);
            fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fstflags: u32);
            fd_renumber(from: u32, to: u32);
            fd_sync(fd: u32);

            proc_raise(signal: u32);
            sched_yield();

            sock_shutdown(fd: u32, how: u32);
        }
    }

    // The only one that does not return.
    linker
        .func(
            MODULE,
            "proc_exit",
            move |mut caller: Caller<'_, T>, code: u32| -> Result<(), Error> {
                let exit = preview1::proc_exit(get(caller.data_mut()), code);
                Err(Error::host(exit))
            },
        )
        .map_err(Error::host)?;
    Ok(())
}

/// A guest called a function that needs its memory, but exports none named `memory`.
#[derive(Debug)]
struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a WASI program must export its memory under the name \"memory\"")
    }
}

impl std::error::Error for NoMemory {}

fn with_memory<T>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> crate::Result<()>,
) -> Result<i32, Error> {
    let memory = caller.memory().ok_or_else(|| Error::host(NoMemory))?;
    if let Some(memory) = memory.as_shared(&*caller) {
        let host = get(caller.data_mut());
        return Ok(number(call(host, &mut GuestMemory::shared(&memory))));
    }
    let (bytes, host) = memory.data_and_store_mut(caller);
    Ok(number(call(get(host), &mut GuestMemory::new(bytes))))
}

fn number(result: crate::Result<()>) -> i32 {
    match result {
        Ok(()) => Errno::Success.raw().into(),
        Err(errno) => errno.raw().into(),
    }
}
