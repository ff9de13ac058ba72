//! The rights of a descriptor: which calls it may be used for.
//!
//! A descriptor has *base* rights, checked by every call on it, and *inheriting* rights, the most that a file opened
//! through it may have. Rights can be given up (`fd_fdstat_set_rights`), never regained. What a kind of file cannot do
//! is not among its rights: a directory cannot be read or sought, a terminal cannot be sought, which is also how
//! `isatty` of C libraries tells terminals from other character devices.

/// A set of rights (`rights`, a `u64`).
pub(crate) type Rights = u64;

pub(crate) const FD_DATASYNC: Rights = 1 << 0;
pub(crate) const FD_READ: Rights = 1 << 1;
pub(crate) const FD_SEEK: Rights = 1 << 2;
pub(crate) const FD_FDSTAT_SET_FLAGS: Rights = 1 << 3;
pub(crate) const FD_SYNC: Rights = 1 << 4;
pub(crate) const FD_TELL: Rights = 1 << 5;
pub(crate) const FD_WRITE: Rights = 1 << 6;
pub(crate) const FD_ADVISE: Rights = 1 << 7;
pub(crate) const FD_ALLOCATE: Rights = 1 << 8;
pub(crate) const PATH_CREATE_DIRECTORY: Rights = 1 << 9;
pub(crate) const PATH_CREATE_FILE: Rights = 1 << 10;
pub(crate) const PATH_LINK_SOURCE: Rights = 1 << 11;
pub(crate) const PATH_LINK_TARGET: Rights = 1 << 12;
pub(crate) const PATH_OPEN: Rights = 1 << 13;
pub(crate) const FD_READDIR: Rights = 1 << 14;
pub(crate) const PATH_READLINK: Rights = 1 << 15;
pub(crate) const PATH_RENAME_SOURCE: Rights = 1 << 16;
pub(crate) const PATH_RENAME_TARGET: Rights = 1 << 17;
pub(crate) const PATH_FILESTAT_GET: Rights = 1 << 18;
pub(crate) const PATH_FILESTAT_SET_SIZE: Rights = 1 << 19;
pub(crate) const PATH_FILESTAT_SET_TIMES: Rights = 1 << 20;
pub(crate) const FD_FILESTAT_GET: Rights = 1 << 21;
pub(crate) const FD_FILESTAT_SET_SIZE: Rights = 1 << 22;
pub(crate) const FD_FILESTAT_SET_TIMES: Rights = 1 << 23;
pub(crate) const PATH_SYMLINK: Rights = 1 << 24;
pub(crate) const PATH_REMOVE_DIRECTORY: Rights = 1 << 25;
pub(crate) const PATH_UNLINK_FILE: Rights = 1 << 26;
pub(crate) const POLL_FD_READWRITE: Rights = 1 << 27;
pub(crate) const SOCK_SHUTDOWN: Rights = 1 << 28;
pub(crate) const SOCK_ACCEPT: Rights = 1 << 29;

/// What can be done with a stream that has no position: pipes, terminals, virtual streams.
pub(crate) const STREAM: Rights = FD_READ
    | FD_WRITE
    | FD_FDSTAT_SET_FLAGS
    | FD_SYNC
    | FD_DATASYNC
    | FD_FILESTAT_GET
    | FD_FILESTAT_SET_TIMES
    | POLL_FD_READWRITE;

/// What can be done with a file that has a position.
pub(crate) const FILE: Rights =
    STREAM | FD_SEEK | FD_TELL | FD_ADVISE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;

/// What can be done with a connection.
pub(crate) const CONNECTION: Rights = (STREAM & !FD_FILESTAT_SET_TIMES) | SOCK_SHUTDOWN;

/// What can be done with a socket that listens. The right to read is the one to wait for connections. To shut it down
/// would end it for the host as well.
pub(crate) const LISTENER: Rights = (CONNECTION & !FD_WRITE & !SOCK_SHUTDOWN) | SOCK_ACCEPT;

/// What can be done with a directory.
pub(crate) const DIRECTORY: Rights = FD_FDSTAT_SET_FLAGS
    | FD_SYNC
    | FD_DATASYNC
    | FD_READDIR
    | FD_FILESTAT_GET
    | FD_FILESTAT_SET_TIMES
    | PATH_CREATE_DIRECTORY
    | PATH_CREATE_FILE
    | PATH_LINK_SOURCE
    | PATH_LINK_TARGET
    | PATH_OPEN
    | PATH_READLINK
    | PATH_RENAME_SOURCE
    | PATH_RENAME_TARGET
    | PATH_FILESTAT_GET
    | PATH_FILESTAT_SET_SIZE
    | PATH_FILESTAT_SET_TIMES
    | PATH_SYMLINK
    | PATH_REMOVE_DIRECTORY
    | PATH_UNLINK_FILE;

/// What would change something in a file system, by itself or with what it leads to: another name in a mount that may be
/// changed would be a way to change the file.
pub(crate) const CHANGING: Rights = FD_WRITE
    | FD_ALLOCATE
    | FD_FILESTAT_SET_SIZE
    | FD_FILESTAT_SET_TIMES
    | PATH_CREATE_DIRECTORY
    | PATH_CREATE_FILE
    | PATH_LINK_SOURCE
    | PATH_LINK_TARGET
    | PATH_RENAME_SOURCE
    | PATH_RENAME_TARGET
    | PATH_FILESTAT_SET_SIZE
    | PATH_FILESTAT_SET_TIMES
    | PATH_SYMLINK
    | PATH_REMOVE_DIRECTORY
    | PATH_UNLINK_FILE;

/// What the files below a mount may be used for.
pub(crate) const INHERITED: Rights = FILE | DIRECTORY;

/// Rights that the host grants only on a file that is open for writing.
///
/// `FD_WRITE` alone decides whether a file is opened for writing: Go asks for `FD_FILESTAT_SET_SIZE` even when it only
/// reads, and must still be able to open what it may not write.
pub(crate) const NEED_WRITING: Rights = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;

/// Rights for which a file is opened for reading.
pub(crate) const NEED_READING: Rights = FD_READ | FD_READDIR;

/// What a directory may be used for that was opened with the rights `wanted` and `inheriting` beneath one with `of_parent`.
///
/// Cutting files at opening is among it wherever their size may be set afterwards: Go opens its directories without asking
/// for it, and cuts files beneath them all the same.
pub(crate) fn of_directory(wanted: Rights, inheriting: Rights, of_parent: Rights) -> Rights {
    let mut base = wanted & DIRECTORY;
    if inheriting & FD_FILESTAT_SET_SIZE != 0 {
        base |= of_parent & PATH_FILESTAT_SET_SIZE;
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_have_no_position_and_no_bytes() {
        assert_eq!(DIRECTORY & (FD_READ | FD_WRITE | FD_SEEK | FD_TELL), 0);
    }

    #[test]
    fn streams_have_no_position() {
        assert_eq!(STREAM & (FD_SEEK | FD_TELL), 0);
    }

    #[test]
    fn every_right_belongs_to_a_kind_of_file() {
        assert_eq!(INHERITED, (1 << 28) - 1);
        assert_eq!(INHERITED | CONNECTION | LISTENER, (1 << 30) - 1);
    }
}
