//! The calls of `wasi_snapshot_preview1`, one function each, named as the guest imports them.
//!
//! Every function takes the context, the guest's memory where it needs it, and then the WASI parameters in their
//! order: file descriptors, pointers and lengths in bytes as `u32`, sizes, offsets and times (nanoseconds) as `u64`.
//! Results go through the trailing pointer parameters, as WASI has it. The error is the number that the guest receives;
//! a pointer that does not lie in guest memory is [`Errno::Fault`](crate::Errno::Fault).

mod args_env;
mod clock;
pub(crate) mod dir;
mod fd_io;
mod fd_manage;
mod fd_stat;
pub(crate) mod path;
mod path_open;
pub(crate) mod poll;
mod process;
mod random;
mod sock;

pub use args_env::{args_get, args_sizes_get, environ_get, environ_sizes_get};
pub use clock::{clock_res_get, clock_time_get};
pub use dir::{fd_prestat_dir_name, fd_prestat_get, fd_readdir};
pub use fd_io::{fd_pread, fd_pwrite, fd_read, fd_seek, fd_tell, fd_write};
pub use fd_manage::{fd_advise, fd_allocate, fd_close, fd_datasync, fd_renumber, fd_sync};
pub use fd_stat::{
    fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights, fd_filestat_get,
    fd_filestat_set_size, fd_filestat_set_times,
};
pub use path::{
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_readlink,
    path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
pub use path_open::path_open;
pub use poll::poll_oneoff;
pub use process::{proc_exit, proc_raise, sched_yield};
pub use random::random_get;
pub use sock::{sock_accept, sock_recv, sock_send, sock_shutdown};
