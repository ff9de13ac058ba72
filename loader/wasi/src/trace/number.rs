//! Numbers by their names.

use crate::rights::{self as right, INHERITED, Rights};
use crate::types::{self, fdflags, fstflags, oflags};

/// The names of values 0 and on.
pub(super) type Names = &'static [&'static str];

/// Bits and their names.
pub(super) type Bits = &'static [(u64, &'static str)];

pub(super) const ADVICE: Names = &[
    "NORMAL",
    "SEQUENTIAL",
    "RANDOM",
    "WILLNEED",
    "DONTNEED",
    "NOREUSE",
];
pub(super) const CLOCKS: Names = &[
    "REALTIME",
    "MONOTONIC",
    "PROCESS_CPUTIME_ID",
    "THREAD_CPUTIME_ID",
];
pub(super) const FILETYPES: Names = &[
    "UNKNOWN",
    "BLOCK_DEVICE",
    "CHARACTER_DEVICE",
    "DIRECTORY",
    "REGULAR_FILE",
    "SOCKET_DGRAM",
    "SOCKET_STREAM",
    "SYMBOLIC_LINK",
];
pub(super) const SIGNALS: Names = &[
    "0",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGPOLL",
    "SIGPWR",
    "SIGSYS",
];
pub(super) const WHENCE: Names = &["SEEK_SET", "SEEK_CUR", "SEEK_END"];
pub(super) const UNSTABLE_WHENCE: Names = &["SEEK_CUR", "SEEK_END", "SEEK_SET"];

/// Bits by the constants of that name.
macro_rules! bits {
    ($module:ident: $($name:ident)*) => {
        &[$(($module::$name as u64, stringify!($name)),)*]
    };
}

pub(super) const FDFLAGS: Bits = bits!(fdflags: APPEND DSYNC NONBLOCK RSYNC SYNC);
pub(super) const FSTFLAGS: Bits = bits!(fstflags: ATIM ATIM_NOW MTIM MTIM_NOW);
pub(super) const LOOKUPFLAGS: Bits = &[(types::LOOKUP_SYMLINK_FOLLOW as u64, "SYMLINK_FOLLOW")];
pub(super) const OFLAGS: Bits = bits!(oflags: CREAT DIRECTORY EXCL TRUNC);
pub(super) const RIFLAGS: Bits = &[(1, "PEEK"), (2, "WAITALL")];
pub(super) const ROFLAGS: Bits = &[(1, "DATA_TRUNCATED")];
pub(super) const SDFLAGS: Bits = &[(1, "RD"), (2, "WR")];

const RIGHTS: Bits = bits!(
    right: FD_DATASYNC FD_READ FD_SEEK FD_FDSTAT_SET_FLAGS FD_SYNC FD_TELL FD_WRITE FD_ADVISE FD_ALLOCATE
    PATH_CREATE_DIRECTORY PATH_CREATE_FILE PATH_LINK_SOURCE PATH_LINK_TARGET PATH_OPEN FD_READDIR PATH_READLINK
    PATH_RENAME_SOURCE PATH_RENAME_TARGET PATH_FILESTAT_GET PATH_FILESTAT_SET_SIZE PATH_FILESTAT_SET_TIMES
    FD_FILESTAT_GET FD_FILESTAT_SET_SIZE FD_FILESTAT_SET_TIMES PATH_SYMLINK PATH_REMOVE_DIRECTORY
    PATH_UNLINK_FILE POLL_FD_READWRITE
);
const SOCKET_RIGHTS: Bits = &[(1 << 28, "SOCK_SHUTDOWN"), (1 << 29, "SOCK_ACCEPT")];

/// From as many on, rights are shown by those that are missing.
const MANY_RIGHTS: u32 = 14;

/// Descriptors and exit codes: numbers that C programs also have below zero.
pub(super) fn signed(value: u32) -> String {
    value.cast_signed().to_string()
}

/// The name of the value, or the number.
pub(super) fn named(names: Names, value: u64) -> String {
    let name = usize::try_from(value)
        .ok()
        .and_then(|value| names.get(value));
    name.map_or_else(|| value.to_string(), |&name| name.to_owned())
}

/// The names of the bits that are set, with `|` between; those without a name together in hexadecimal.
pub(super) fn flags(names: Bits, value: u64) -> String {
    flags_of_tables(&[names], value)
}

fn flags_of_tables(tables: &[Bits], value: u64) -> String {
    let mut shown = Vec::new();
    let mut unnamed = value;
    for &(bit, name) in tables.iter().copied().flatten() {
        if value & bit != 0 {
            shown.push(name.to_owned());
            unnamed &= !bit;
        }
    }
    if unnamed != 0 {
        shown.push(format!("{unnamed:#x}"));
    }
    if shown.is_empty() {
        return "0".to_owned();
    }
    shown.join("|")
}

/// Rights as flags. C libraries ask for nearly all of them: then it is `ALL` of those there are for files and
/// directories, without those that are missing.
pub(super) fn rights(value: Rights) -> String {
    let tables = &[RIGHTS, SOCKET_RIGHTS];
    if (value & INHERITED).count_ones() < MANY_RIGHTS {
        return flags_of_tables(tables, value);
    }
    let missing = INHERITED & !value;
    let mut shown = match missing.count_ones() {
        0 => "ALL".to_owned(),
        1 => format!("ALL&~{}", flags(RIGHTS, missing)),
        _ => format!("ALL&~({})", flags(RIGHTS, missing)),
    };
    let beyond = value & !INHERITED;
    if beyond != 0 {
        shown.push('|');
        shown.push_str(&flags_of_tables(tables, beyond));
    }
    shown
}
