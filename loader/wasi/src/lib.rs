//! WASI preview 1 for programs that precast runs.
//!
//! A [`WasiCtx`] holds all that one program was given: arguments, environment, standard streams, directories. What
//! the builder was not asked for, the program does not have. The calls themselves are plain functions over a context
//! and the guest's memory ([`preview1`]), so that they can be tested, fuzzed and reused without an engine.
//!
//! What this crate never does:
//!
//! - It never resolves a guest path outside `cap_std::fs::Dir`: no `..`, symlink or absolute path leaves its mount.
//! - It never trusts a guest pointer, length or count: [`GuestMemory`] checks each, and nothing is allocated in a size
//!   that the guest chose without a cap.
//! - It never changes flags of the streams it shares with the host process, such as `O_NONBLOCK` on a terminal.
//! - It never reports success for a call that it has not carried out.
//!
//! Where to start reading: `ctx.rs` (what a program is given), `memory.rs` (the border to the guest), `descriptor.rs`
//! and `rights.rs` (what an open file is and may do), then `fd_io.rs`, `path.rs` and `path_open.rs`.

#![forbid(unsafe_code)]
#![allow(
    clippy::too_many_arguments,
    reason = "the functions take the parameters of the WASI calls"
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod args_env;
mod clock;
mod ctx;
mod descriptor;
mod dir;
mod errno;
mod fd_io;
mod fd_manage;
mod fd_stat;
#[cfg(test)]
mod hostile;
mod linker;
mod memory;
mod path;
mod path_open;
mod poll;
mod process;
mod random;
mod rights;
mod sock;
mod stdio;
mod table;
#[cfg(test)]
mod testing;
mod types;

pub use ctx::{ConfigError, WasiCtx, WasiCtxBuilder};
pub use errno::{Errno, Result};
pub use linker::add_to_linker;
pub use memory::GuestMemory;
pub use process::Exit;
pub use stdio::OutputBuffer;

/// The calls of `wasi_snapshot_preview1`, one function each, named as the guest imports them.
///
/// Every function takes the context, the guest's memory where it needs it, and then the WASI parameters in their
/// order: file descriptors, pointers and lengths in bytes as `u32`, sizes, offsets and times (nanoseconds) as `u64`.
/// Results go through the trailing pointer parameters, as WASI has it. The error is the number that the guest receives;
/// a pointer that does not lie in guest memory is [`Errno::Fault`].
pub mod preview1 {
    pub use crate::args_env::{args_get, args_sizes_get, environ_get, environ_sizes_get};
    pub use crate::clock::{clock_res_get, clock_time_get};
    pub use crate::dir::{fd_prestat_dir_name, fd_prestat_get, fd_readdir};
    pub use crate::fd_io::{fd_pread, fd_pwrite, fd_read, fd_seek, fd_tell, fd_write};
    pub use crate::fd_manage::{
        fd_advise, fd_allocate, fd_close, fd_datasync, fd_renumber, fd_sync,
    };
    pub use crate::fd_stat::{
        fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights, fd_filestat_get,
        fd_filestat_set_size, fd_filestat_set_times,
    };
    pub use crate::path::{
        path_create_directory, path_filestat_get, path_filestat_set_times, path_link,
        path_readlink, path_remove_directory, path_rename, path_symlink, path_unlink_file,
    };
    pub use crate::path_open::path_open;
    pub use crate::poll::poll_oneoff;
    pub use crate::process::{proc_exit, proc_raise, sched_yield};
    pub use crate::random::random_get;
    pub use crate::sock::{sock_accept, sock_recv, sock_send, sock_shutdown};
}
