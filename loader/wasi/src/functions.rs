//! The functions of WASI, once: the linker defines them from this table and the tracer reads calls by it.
//!
//! A row is `SHAPE NAME(PARAMETER: KIND, …)`. Its shape says what the linker has to see to:
//!
//! - `memory`: the guest's memory is read or written;
//! - `waits`: as `memory`, and it may wait for something outside, for as long as that takes;
//! - `plain`: it does without the memory;
//! - `exit`: it does not return.
//!
//! The kind of a parameter gives its type in WebAssembly, and its meaning. The macros that hold the rows pass all of
//! them to the macro that they are called with, after what is to be passed along:
//!
//! ```text
//! both_modules!(define (linker, get));   becomes   define! { (linker, get) memory args_get(argv: Address, …); … }
//! ```

use crate::{GuestMemory, Result, WasiCtx};

/// What a function is called and how its arguments are to be understood.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Kind],
    pub(crate) may_wait: bool,
    /// Makes the call. Arguments are [`Raw`]; fewer or more of them than parameters are `Errno::Inval`. One that does
    /// not return does nothing here.
    pub(crate) call: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<()>,
}

/// An argument of any type as the bits of a `u64`.
pub(crate) trait Raw {
    fn to_raw(self) -> u64;
    fn from_raw(raw: u64) -> Self;
}

impl Raw for u32 {
    fn to_raw(self) -> u64 {
        self.into()
    }

    fn from_raw(raw: u64) -> u32 {
        (raw & u64::from(u32::MAX)) as u32
    }
}

impl Raw for u64 {
    fn to_raw(self) -> u64 {
        self
    }

    fn from_raw(raw: u64) -> u64 {
        raw
    }
}

impl Raw for i64 {
    fn to_raw(self) -> u64 {
        self.cast_unsigned()
    }

    fn from_raw(raw: u64) -> i64 {
        raw.cast_signed()
    }
}

/// Each kind with the type of its parameters.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $raw:ty;)*) => {
        /// What a parameter means. Those that begin with `Out` are addresses of results.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        /// The types of parameters, by kind.
        #[allow(non_camel_case_types, dead_code, reason = "a type for each kind, used or not")]
        pub(crate) mod raw {
            $(pub(crate) type $kind = $raw;)*
        }
    };
}

kinds! {
    Fd: u32;
    Exitcode: u32;
    /// A length in bytes that is an argument in its own right.
    Size: u32;
    Filesize: u64;
    Filedelta: i64;
    /// Nanoseconds.
    Timestamp: u64;
    Dircookie: u64;

    Advice: u32;
    Clockid: u32;
    Signal: u32;
    Whence: u32;
    /// `whence` with the numbers of `wasi_unstable`.
    UnstableWhence: u32;

    Fdflags: u32;
    Fstflags: u32;
    Lookupflags: u32;
    Oflags: u32;
    Riflags: u32;
    Rights: u64;
    Sdflags: u32;
    Siflags: u32;

    /// Where something of no fixed length goes.
    Address: u32;
    /// The length of an input: in bytes, or of a list. It comes after the address, and for subscriptions after the events.
    Len: u32;
    Path: u32;
    /// Buffers to be written from.
    Ciovecs: u32;
    /// Buffers to be read into; how much was read is at the next `OutSize`.
    Iovecs: u32;
    Subscriptions: u32;
    /// Subscriptions as `wasi_unstable` lays them out.
    UnstableSubscriptions: u32;

    /// Room for bytes that nobody else is to see, with its size after it.
    OutSecret: u32;
    /// Room for text, with its size after it; how much it is is at the next `OutSize`.
    OutText: u32;
    /// Room for text that fills it, with its size after it.
    OutName: u32;
    /// Room for entries of a directory, with its size after it; how many bytes they are is at the next `OutSize`.
    OutDirents: u32;
    /// Room for events, with their greatest number after it; how many there are is at the next `OutSize`.
    OutEvents: u32;
    OutFd: u32;
    OutFdstat: u32;
    OutFilesize: u32;
    OutFilestat: u32;
    /// A `filestat` as `wasi_unstable` lays it out.
    OutUnstableFilestat: u32;
    OutPrestat: u32;
    OutRoflags: u32;
    OutSize: u32;
    OutTimestamp: u32;
}

/// The functions that `wasi_snapshot_preview1` and `wasi_unstable` share.
macro_rules! both_modules {
    ($callback:ident $passed:tt) => {
        $callback! {
            $passed
            memory args_get(argv: Address, argv_buf: Address);
            memory args_sizes_get(argc: OutSize, argv_buf_size: OutSize);
            memory environ_get(environ: Address, environ_buf: Address);
            memory environ_sizes_get(environc: OutSize, environ_buf_size: OutSize);

            memory clock_res_get(id: Clockid, resolution: OutTimestamp);
            memory clock_time_get(id: Clockid, precision: Timestamp, time: OutTimestamp);

            plain fd_advise(fd: Fd, offset: Filesize, len: Filesize, advice: Advice);
            plain fd_allocate(fd: Fd, offset: Filesize, len: Filesize);
            plain fd_close(fd: Fd);
            plain fd_datasync(fd: Fd);
            memory fd_fdstat_get(fd: Fd, fdstat: OutFdstat);
            plain fd_fdstat_set_flags(fd: Fd, flags: Fdflags);
            plain fd_fdstat_set_rights(fd: Fd, base: Rights, inheriting: Rights);
            plain fd_filestat_set_size(fd: Fd, size: Filesize);
            plain fd_filestat_set_times(fd: Fd, atim: Timestamp, mtim: Timestamp, fstflags: Fstflags);
            memory fd_pread(fd: Fd, iovs: Iovecs, iovs_len: Len, offset: Filesize, nread: OutSize);
            memory fd_prestat_dir_name(fd: Fd, path: OutName, path_len: Size);
            memory fd_prestat_get(fd: Fd, prestat: OutPrestat);
            memory fd_pwrite(
                fd: Fd, iovs: Ciovecs, iovs_len: Len, offset: Filesize, nwritten: OutSize
            );
            waits fd_read(fd: Fd, iovs: Iovecs, iovs_len: Len, nread: OutSize);
            memory fd_readdir(
                fd: Fd, buf: OutDirents, buf_len: Size, cookie: Dircookie, bufused: OutSize
            );
            plain fd_renumber(from: Fd, to: Fd);
            plain fd_sync(fd: Fd);
            memory fd_tell(fd: Fd, offset: OutFilesize);
            memory fd_write(fd: Fd, iovs: Ciovecs, iovs_len: Len, nwritten: OutSize);

            memory path_create_directory(fd: Fd, path: Path, path_len: Len);
            memory path_filestat_set_times(
                fd: Fd, flags: Lookupflags, path: Path, path_len: Len,
                atim: Timestamp, mtim: Timestamp, fstflags: Fstflags
            );
            memory path_link(
                old_fd: Fd, old_flags: Lookupflags, old_path: Path, old_path_len: Len,
                new_fd: Fd, new_path: Path, new_path_len: Len
            );
            memory path_open(
                fd: Fd, lookupflags: Lookupflags, path: Path, path_len: Len, oflags: Oflags,
                base: Rights, inheriting: Rights, fdflags: Fdflags, opened_fd: OutFd
            );
            memory path_readlink(
                fd: Fd, path: Path, path_len: Len, buf: OutText, buf_len: Size, bufused: OutSize
            );
            memory path_remove_directory(fd: Fd, path: Path, path_len: Len);
            memory path_rename(
                old_fd: Fd, old_path: Path, old_path_len: Len,
                new_fd: Fd, new_path: Path, new_path_len: Len
            );
            memory path_symlink(
                old_path: Path, old_path_len: Len, fd: Fd, new_path: Path, new_path_len: Len
            );
            memory path_unlink_file(fd: Fd, path: Path, path_len: Len);

            exit proc_exit(code: Exitcode);
            plain proc_raise(signal: Signal);
            memory random_get(buf: OutSecret, len: Size);
            plain sched_yield();

            waits sock_recv(
                fd: Fd, ri_data: Iovecs, ri_data_len: Len, ri_flags: Riflags,
                ro_datalen: OutSize, ro_flags: OutRoflags
            );
            waits sock_send(
                fd: Fd, si_data: Ciovecs, si_data_len: Len, si_flags: Siflags, so_datalen: OutSize
            );
            plain sock_shutdown(fd: Fd, how: Sdflags);
        }
    };
}

/// The functions of `wasi_snapshot_preview1` that `wasi_unstable` has not, or has otherwise.
macro_rules! preview1_alone {
    ($callback:ident $passed:tt) => {
        $callback! {
            $passed
            memory fd_filestat_get(fd: Fd, filestat: OutFilestat);
            memory fd_seek(fd: Fd, offset: Filedelta, whence: Whence, newoffset: OutFilesize);
            memory path_filestat_get(
                fd: Fd, flags: Lookupflags, path: Path, path_len: Len, filestat: OutFilestat
            );
            waits poll_oneoff(
                subscriptions: Subscriptions, events: OutEvents, count: Len, nevents: OutSize
            );
            waits sock_accept(fd: Fd, flags: Fdflags, accepted_fd: OutFd);
        }
    };
}

/// The functions of `wasi_unstable` whose parameters or results `wasi_snapshot_preview1` has otherwise.
macro_rules! unstable_alone {
    ($callback:ident $passed:tt) => {
        $callback! {
            $passed
            memory fd_filestat_get(fd: Fd, filestat: OutUnstableFilestat);
            memory fd_seek(fd: Fd, offset: Filedelta, whence: UnstableWhence, newoffset: OutFilesize);
            memory path_filestat_get(
                fd: Fd, flags: Lookupflags, path: Path, path_len: Len, filestat: OutUnstableFilestat
            );
            waits poll_oneoff(
                subscriptions: UnstableSubscriptions, events: OutEvents, count: Len, nevents: OutSize
            );
        }
    };
}

pub(crate) use {both_modules, preview1_alone, unstable_alone};

/// A constant for each row, named as the function.
macro_rules! describe {
    ($calls:ident $($shape:ident $name:ident($($param:ident: $kind:ident),*);)*) => {
        $(
            pub(crate) const $name: &Function = &Function {
                name: stringify!($name),
                params: &[$(Kind::$kind),*],
                may_wait: matches!(stringify!($shape).as_bytes(), b"waits"),
                call: |ctx, memory, args| match *args {
                    [$($param),*] => call!($shape ctx memory $calls::$name($($param),*)),
                    _ => Err(crate::Errno::Inval),
                },
            };
        )*
    };
}

macro_rules! call {
    (plain $ctx:ident $memory:ident $calls:ident::$name:ident($($param:ident),*)) => {{
        let _ = $memory;
        $calls::$name($ctx, $(Raw::from_raw($param)),*)
    }};
    (exit $ctx:ident $memory:ident $calls:ident::$name:ident($param:ident)) => {{
        let _ = ($ctx, $memory, $param);
        Ok(())
    }};
    ($shape:ident $ctx:ident $memory:ident $calls:ident::$name:ident($($param:ident),*)) => {
        $calls::$name($ctx, $memory, $(Raw::from_raw($param)),*)
    };
}

/// The description of each function of `wasi_snapshot_preview1`.
#[allow(
    non_upper_case_globals,
    reason = "they are named as guests import them"
)]
pub(crate) mod preview1 {
    use super::{Function, Kind, Raw};
    use crate::preview1;

    both_modules!(describe preview1);
    preview1_alone!(describe preview1);
}

/// The description of each function of `wasi_unstable` that is not the same as in `wasi_snapshot_preview1`.
#[allow(
    non_upper_case_globals,
    reason = "they are named as guests import them"
)]
pub(crate) mod unstable {
    use super::{Function, Kind, Raw};
    use crate::unstable;

    unstable_alone!(describe unstable);
}

/// All of the table, for tests that are to leave nothing out.
#[cfg(test)]
pub(crate) mod all {
    use super::Function;

    macro_rules! list {
        ($module:ident $($shape:ident $name:ident($($param:ident: $kind:ident),*);)*) => {
            &[$(super::$module::$name),*]
        };
    }

    pub(crate) const BOTH: &[&Function] = both_modules!(list preview1);
    pub(crate) const PREVIEW1_ALONE: &[&Function] = preview1_alone!(list preview1);
    pub(crate) const UNSTABLE_ALONE: &[&Function] = unstable_alone!(list unstable);

    pub(crate) fn functions() -> impl Iterator<Item = &'static Function> {
        [BOTH, PREVIEW1_ALONE, UNSTABLE_ALONE]
            .into_iter()
            .flatten()
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        assert_eq!(all::BOTH.len() + all::PREVIEW1_ALONE.len(), 46);
        assert_eq!(all::BOTH.len() + all::UNSTABLE_ALONE.len(), 45);
    }

    #[test]
    fn what_has_a_length_is_followed_by_it() {
        for function in all::functions() {
            for (index, kind) in function.params.iter().enumerate() {
                let after = |distance: usize| function.params.get(index + distance);
                let length = match kind {
                    Kind::Path | Kind::Ciovecs | Kind::Iovecs => after(1) == Some(&Kind::Len),
                    Kind::Subscriptions | Kind::UnstableSubscriptions => {
                        after(2) == Some(&Kind::Len)
                    }
                    Kind::OutEvents => after(1) == Some(&Kind::Len),
                    Kind::OutSecret | Kind::OutText | Kind::OutName | Kind::OutDirents => {
                        after(1) == Some(&Kind::Size)
                    }
                    _ => true,
                };
                assert!(length, "{} has a {kind:?} of no length", function.name);
            }
        }
    }

    #[test]
    fn arguments_survive_being_made_raw() {
        assert_eq!(u32::from_raw(u32::MAX.to_raw()), u32::MAX);
        assert_eq!(u64::from_raw(u64::MAX.to_raw()), u64::MAX);
        assert_eq!(i64::from_raw((-2i64).to_raw()), -2);
    }
}
