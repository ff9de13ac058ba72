//! The error numbers of WASI preview 1, and how host errors become such numbers.

use std::fmt;
use std::io;

use rustix::io::Errno as HostErrno;

/// What a WASI function returns: a value, or the number that the guest receives.
pub type Result<T> = std::result::Result<T, Errno>;

/// One table: name, number, the host constant of the same meaning, meaning.
macro_rules! errno_table {
    ($($name:ident = $number:literal $(, host $host:ident)?; $doc:literal)*) => {
        /// An error number of WASI preview 1 (`errno`, a `u16`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = $doc] $name = $number,)*
        }

        impl Errno {
            pub(crate) const ALL: &[Errno] = &[$(Errno::$name),*];

            pub(crate) fn description(self) -> &'static str {
                match self {
                    $(Errno::$name => $doc,)*
                }
            }
        }

        const FROM_HOST: &[(HostErrno, Errno)] = &[
            $($((HostErrno::$host, Errno::$name),)?)*
            // The same number as NOTSUP on Linux, but not everywhere.
            (HostErrno::OPNOTSUPP, Errno::Notsup),
        ];
    };
}

errno_table! {
    Success = 0; "No error occurred."
    TooBig = 1, host TOOBIG; "Argument list too long."
    Acces = 2, host ACCESS; "Permission denied."
    Addrinuse = 3, host ADDRINUSE; "Address in use."
    Addrnotavail = 4, host ADDRNOTAVAIL; "Address not available."
    Afnosupport = 5, host AFNOSUPPORT; "Address family not supported."
    Again = 6, host AGAIN; "Resource unavailable, or operation would block."
    Already = 7, host ALREADY; "Connection already in progress."
    Badf = 8, host BADF; "Bad file descriptor."
    Badmsg = 9, host BADMSG; "Bad message."
    Busy = 10, host BUSY; "Device or resource busy."
    Canceled = 11, host CANCELED; "Operation canceled."
    Child = 12, host CHILD; "No child processes."
    Connaborted = 13, host CONNABORTED; "Connection aborted."
    Connrefused = 14, host CONNREFUSED; "Connection refused."
    Connreset = 15, host CONNRESET; "Connection reset."
    Deadlk = 16, host DEADLK; "Resource deadlock would occur."
    Destaddrreq = 17, host DESTADDRREQ; "Destination address required."
    Dom = 18, host DOM; "Mathematics argument out of domain of function."
    Dquot = 19, host DQUOT; "Disk quota exceeded."
    Exist = 20, host EXIST; "File exists."
    Fault = 21, host FAULT; "Bad address: a guest pointer outside its memory."
    Fbig = 22, host FBIG; "File too large."
    Hostunreach = 23, host HOSTUNREACH; "Host is unreachable."
    Idrm = 24, host IDRM; "Identifier removed."
    Ilseq = 25, host ILSEQ; "Illegal byte sequence: a string that is not UTF-8."
    Inprogress = 26, host INPROGRESS; "Operation in progress."
    Intr = 27, host INTR; "Interrupted function."
    Inval = 28, host INVAL; "Invalid argument."
    Io = 29, host IO; "I/O error; also any host error without a number of its own here."
    Isconn = 30, host ISCONN; "Socket is connected."
    Isdir = 31, host ISDIR; "Is a directory."
    Loop = 32, host LOOP; "Too many levels of symbolic links."
    Mfile = 33, host MFILE; "File descriptor table full."
    Mlink = 34, host MLINK; "Too many links."
    Msgsize = 35, host MSGSIZE; "Message too large."
    Multihop = 36, host MULTIHOP; "Multihop attempted."
    Nametoolong = 37, host NAMETOOLONG; "Filename too long."
    Netdown = 38, host NETDOWN; "Network is down."
    Netreset = 39, host NETRESET; "Connection aborted by network."
    Netunreach = 40, host NETUNREACH; "Network unreachable."
    Nfile = 41, host NFILE; "Too many files open in system."
    Nobufs = 42, host NOBUFS; "No buffer space available."
    Nodev = 43, host NODEV; "No such device."
    Noent = 44, host NOENT; "No such file or directory."
    Noexec = 45, host NOEXEC; "Executable file format error."
    Nolck = 46, host NOLCK; "No locks available."
    Nolink = 47, host NOLINK; "Link has been severed."
    Nomem = 48, host NOMEM; "Not enough space in memory."
    Nomsg = 49, host NOMSG; "No message of the desired type."
    Noprotoopt = 50, host NOPROTOOPT; "Protocol not available."
    Nospc = 51, host NOSPC; "No space left on device."
    Nosys = 52, host NOSYS; "Function not supported."
    Notconn = 53, host NOTCONN; "Socket is not connected."
    Notdir = 54, host NOTDIR; "Not a directory."
    Notempty = 55, host NOTEMPTY; "Directory not empty."
    Notrecoverable = 56, host NOTRECOVERABLE; "State not recoverable."
    Notsock = 57, host NOTSOCK; "Not a socket."
    Notsup = 58, host NOTSUP; "Not supported."
    Notty = 59, host NOTTY; "Inappropriate I/O control operation."
    Nxio = 60, host NXIO; "No such device or address."
    Overflow = 61, host OVERFLOW; "Value too large to be stored in data type."
    Ownerdead = 62, host OWNERDEAD; "Previous owner died."
    Perm = 63, host PERM; "Operation not permitted; also a path that leads out of its mount."
    Pipe = 64, host PIPE; "Broken pipe."
    Proto = 65, host PROTO; "Protocol error."
    Protonosupport = 66, host PROTONOSUPPORT; "Protocol not supported."
    Prototype = 67, host PROTOTYPE; "Protocol wrong type for socket."
    Range = 68, host RANGE; "Result too large."
    Rofs = 69, host ROFS; "Read-only file system; also a mount given read-only."
    Spipe = 70, host SPIPE; "Invalid seek."
    Srch = 71, host SRCH; "No such process."
    Stale = 72, host STALE; "Stale file handle."
    Timedout = 73, host TIMEDOUT; "Connection timed out."
    Txtbsy = 74, host TXTBSY; "Text file busy."
    Xdev = 75, host XDEV; "Cross-device link."
    Notcapable = 76; "The descriptor lacks the right for this call."
}

impl Errno {
    /// The number as the guest sees it; 0 is success.
    pub fn raw(self) -> u16 {
        self as u16
    }

    /// The name that C programs know it by, such as `ENOENT`.
    pub(crate) fn name(self) -> String {
        match self {
            // What begins with a digit is no name in Rust.
            Errno::TooBig => "E2BIG".to_owned(),
            _ => format!("E{self:?}").to_ascii_uppercase(),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (errno {})", self.description(), self.raw())
    }
}

impl std::error::Error for Errno {}

impl From<HostErrno> for Errno {
    fn from(host: HostErrno) -> Errno {
        FROM_HOST
            .iter()
            .find(|(known, _)| *known == host)
            .map_or(Errno::Io, |(_, errno)| *errno)
    }
}

/// The host's number decides; errors that never had one (cap-std's refusals, virtual streams) go by their kind.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        match HostErrno::from_io_error(&error) {
            Some(host) => host.into(),
            None => error.kind().into(),
        }
    }
}

impl From<io::ErrorKind> for Errno {
    fn from(kind: io::ErrorKind) -> Errno {
        use io::ErrorKind as Kind;
        match kind {
            Kind::NotFound => Errno::Noent,
            // cap-std has no host number for a path that leads out of its directory.
            Kind::PermissionDenied => Errno::Perm,
            Kind::ConnectionRefused => Errno::Connrefused,
            Kind::ConnectionReset => Errno::Connreset,
            Kind::ConnectionAborted => Errno::Connaborted,
            Kind::NotConnected => Errno::Notconn,
            Kind::AddrInUse => Errno::Addrinuse,
            Kind::AddrNotAvailable => Errno::Addrnotavail,
            Kind::BrokenPipe => Errno::Pipe,
            Kind::AlreadyExists => Errno::Exist,
            Kind::WouldBlock => Errno::Again,
            Kind::NotADirectory => Errno::Notdir,
            Kind::IsADirectory => Errno::Isdir,
            Kind::DirectoryNotEmpty => Errno::Notempty,
            Kind::ReadOnlyFilesystem => Errno::Rofs,
            Kind::StorageFull => Errno::Nospc,
            Kind::FileTooLarge => Errno::Fbig,
            Kind::NotSeekable => Errno::Spipe,
            Kind::InvalidInput => Errno::Inval,
            Kind::InvalidData => Errno::Ilseq,
            Kind::TimedOut => Errno::Timedout,
            Kind::Interrupted => Errno::Intr,
            Kind::Unsupported => Errno::Notsup,
            Kind::OutOfMemory => Errno::Nomem,
            _ => Errno::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_complete_and_in_order() {
        assert_eq!(Errno::ALL.len(), 77);
        for (number, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.raw()), number);
        }
    }

    #[test]
    fn names_are_those_of_c() {
        assert_eq!(Errno::Noent.name(), "ENOENT");
        assert_eq!(Errno::Notcapable.name(), "ENOTCAPABLE");
        assert_eq!(Errno::TooBig.name(), "E2BIG");
    }

    #[test]
    fn every_error_number_has_one_host_number() {
        let without: Vec<Errno> = Errno::ALL
            .iter()
            .copied()
            .filter(|errno| !FROM_HOST.iter().any(|(_, mapped)| mapped == errno))
            .collect();
        assert_eq!(without, [Errno::Success, Errno::Notcapable]);
    }

    #[test]
    fn host_numbers_decide_before_kinds() {
        fn check(host: HostErrno, expected: Errno) {
            let error = io::Error::from_raw_os_error(host.raw_os_error());
            assert_eq!(Errno::from(error), expected);
        }
        check(HostErrno::NOENT, Errno::Noent);
        check(HostErrno::LOOP, Errno::Loop);
        check(HostErrno::ACCESS, Errno::Acces);
        check(HostErrno::PERM, Errno::Perm);
        check(HostErrno::WOULDBLOCK, Errno::Again);
        check(HostErrno::OPNOTSUPP, Errno::Notsup);
        check(HostErrno::from_raw_os_error(4000), Errno::Io);
    }

    #[test]
    fn errors_without_a_host_number_go_by_kind() {
        assert_eq!(Errno::from(io::Error::other("?")), Errno::Io);
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "out of the mount");
        assert_eq!(Errno::from(escape), Errno::Perm);
    }
}
