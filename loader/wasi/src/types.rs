//! Flags and records of WASI preview 1 as they cross the border (`wasi_snapshot_preview1.witx`).

use std::time::{Duration, UNIX_EPOCH};

use cap_fs_ext::SystemTimeSpec;
use cap_std::fs::{FileType, FileTypeExt, Metadata, MetadataExt};
use cap_std::time::SystemTime;
use rustix::fs::{FileType as HostType, Timespec, UTIME_NOW, UTIME_OMIT};

use crate::{Errno, Result};

/// `fdflags`: state of an open file.
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1 << 0;
    pub(crate) const DSYNC: u16 = 1 << 1;
    pub(crate) const NONBLOCK: u16 = 1 << 2;
    pub(crate) const RSYNC: u16 = 1 << 3;
    pub(crate) const SYNC: u16 = 1 << 4;
    pub(crate) const ALL: u16 = APPEND | DSYNC | NONBLOCK | RSYNC | SYNC;
}

/// `oflags`: how `path_open` treats the name.
pub(crate) mod oflags {
    pub(crate) const CREAT: u16 = 1 << 0;
    pub(crate) const DIRECTORY: u16 = 1 << 1;
    pub(crate) const EXCL: u16 = 1 << 2;
    pub(crate) const TRUNC: u16 = 1 << 3;
    pub(crate) const ALL: u16 = CREAT | DIRECTORY | EXCL | TRUNC;
}

/// `lookupflags`: whether a symlink as the last component is followed.
pub(crate) const LOOKUP_SYMLINK_FOLLOW: u32 = 1;

/// `fstflags`: which times to set, and to what.
pub(crate) mod fstflags {
    pub(crate) const ATIM: u16 = 1 << 0;
    pub(crate) const ATIM_NOW: u16 = 1 << 1;
    pub(crate) const MTIM: u16 = 1 << 2;
    pub(crate) const MTIM_NOW: u16 = 1 << 3;
    pub(crate) const ALL: u16 = ATIM | ATIM_NOW | MTIM | MTIM_NOW;
}

/// `advice`: how bytes of a file will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}

impl Advice {
    pub(crate) fn parse(raw: u32) -> Result<Advice> {
        match raw {
            0 => Ok(Advice::Normal),
            1 => Ok(Advice::Sequential),
            2 => Ok(Advice::Random),
            3 => Ok(Advice::WillNeed),
            4 => Ok(Advice::DontNeed),
            5 => Ok(Advice::NoReuse),
            _ => Err(Errno::Inval),
        }
    }
}

/// The kind of a file (`filetype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Filetype {
    /// None of the others. Pipes have no value of their own.
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device. One without a position is a terminal to C libraries.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A file with bytes and a size.
    RegularFile = 4,
    /// A datagram socket.
    SocketDgram = 5,
    /// A stream socket, connected or listening.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl Filetype {
    /// The kind of that number.
    pub(crate) fn from_raw(raw: u8) -> Filetype {
        match raw {
            1 => Filetype::BlockDevice,
            2 => Filetype::CharacterDevice,
            3 => Filetype::Directory,
            4 => Filetype::RegularFile,
            5 => Filetype::SocketDgram,
            6 => Filetype::SocketStream,
            7 => Filetype::SymbolicLink,
            _ => Filetype::Unknown,
        }
    }
}

impl From<HostType> for Filetype {
    fn from(host: HostType) -> Filetype {
        match host {
            HostType::RegularFile => Filetype::RegularFile,
            HostType::Directory => Filetype::Directory,
            HostType::Symlink => Filetype::SymbolicLink,
            HostType::CharacterDevice => Filetype::CharacterDevice,
            HostType::BlockDevice => Filetype::BlockDevice,
            HostType::Socket => Filetype::SocketStream,
            HostType::Fifo | HostType::Unknown => Filetype::Unknown,
        }
    }
}

impl From<FileType> for Filetype {
    fn from(host: FileType) -> Filetype {
        if host.is_file() {
            Filetype::RegularFile
        } else if host.is_dir() {
            Filetype::Directory
        } else if host.is_symlink() {
            Filetype::SymbolicLink
        } else if host.is_char_device() {
            Filetype::CharacterDevice
        } else if host.is_block_device() {
            Filetype::BlockDevice
        } else if host.is_socket() {
            Filetype::SocketStream
        } else {
            Filetype::Unknown
        }
    }
}

/// The attributes of a file (`filestat`). Times are nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filestat {
    /// The device that the file is on; `dev` and `ino` together tell files apart.
    pub dev: u64,
    /// The file's number on its device.
    pub ino: u64,
    /// What kind of file it is.
    pub filetype: Filetype,
    /// How many names it has.
    pub nlink: u64,
    /// Its size; of a symbolic link, that of the target's name.
    pub size_bytes: u64,
    /// When it was last read.
    pub atim: u64,
    /// When its contents last changed.
    pub mtim: u64,
    /// When its attributes last changed.
    pub ctim: u64,
}

impl Filestat {
    /// The attributes of what has one name and no times, on device 0.
    ///
    /// ```
    /// use precast_wasi::fs::{Filestat, Filetype};
    ///
    /// let mut stat = Filestat::new(Filetype::RegularFile, 7, 1000);
    /// stat.mtim = 946_684_800_000_000_000;
    /// assert_eq!(stat.nlink, 1);
    /// ```
    pub fn new(filetype: Filetype, ino: u64, size_bytes: u64) -> Filestat {
        Filestat {
            ino,
            filetype,
            size_bytes,
            ..Filestat::STREAM
        }
    }

    /// What is known of a stream without a host file behind it.
    pub(crate) const STREAM: Filestat = Filestat {
        dev: 0,
        ino: 0,
        filetype: Filetype::Unknown,
        nlink: 1,
        size_bytes: 0,
        atim: 0,
        mtim: 0,
        ctim: 0,
    };

    /// ```text
    ///  0    8    16        24     32    40    48    56    64
    ///  | dev | ino | filetype | nlink | size | atim | mtim | ctim |
    /// ```
    ///
    /// Eight bytes each; `filetype` is one byte, the seven after it are padding and written as zero.
    pub(crate) fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let fields = [
            self.dev,
            self.ino,
            u64::from(self.filetype as u8),
            self.nlink,
            self.size_bytes,
            self.atim,
            self.mtim,
            self.ctim,
        ];
        for (field, value) in bytes.chunks_exact_mut(8).zip(fields) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

impl From<&Metadata> for Filestat {
    fn from(metadata: &Metadata) -> Filestat {
        Filestat {
            dev: metadata.dev(),
            ino: metadata.ino(),
            filetype: metadata.file_type().into(),
            nlink: metadata.nlink(),
            size_bytes: metadata.len(),
            atim: nanoseconds(metadata.atime(), metadata.atime_nsec()),
            mtim: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctim: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A host time as WASI's unsigned nanoseconds; times before 1970 become 0, times after 2554 the greatest value.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(nanoseconds));
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// What happens to one of the two times of a file that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// It stays.
    Keep,
    /// It becomes the present.
    Now,
    /// It becomes that many nanoseconds since 1970-01-01 UTC.
    At(u64),
}

impl SetTime {
    /// As `utimensat` and `futimens` take it.
    pub(crate) fn timespec(self) -> Result<Timespec> {
        const SECOND: u64 = 1_000_000_000;
        let (tv_sec, tv_nsec) = match self {
            SetTime::Keep => (0, UTIME_OMIT),
            SetTime::Now => (0, UTIME_NOW),
            SetTime::At(nanoseconds) => {
                let rest = u32::try_from(nanoseconds % SECOND).map_err(|_| Errno::Inval)?;
                (nanoseconds / SECOND, rest.into())
            }
        };
        Ok(Timespec {
            tv_sec: tv_sec.try_into().map_err(|_| Errno::Inval)?,
            tv_nsec,
        })
    }

    /// As cap-std takes it.
    pub(crate) fn spec(self) -> Result<Option<SystemTimeSpec>> {
        match self {
            SetTime::Keep => Ok(None),
            SetTime::Now => Ok(Some(SystemTimeSpec::SymbolicNow)),
            SetTime::At(nanoseconds) => {
                let time = UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds));
                let time = SystemTime::from_std(time.ok_or(Errno::Inval)?);
                Ok(Some(SystemTimeSpec::Absolute(time)))
            }
        }
    }
}

/// Reads the flags and values of `*_filestat_set_times`: access time, modification time.
pub(crate) fn set_times(atim: u64, mtim: u64, flags: u16) -> Result<(SetTime, SetTime)> {
    if flags & !fstflags::ALL != 0 {
        return Err(Errno::Inval);
    }
    let choose = |at: u64, set: u16, now: u16| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(SetTime::At(at)),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Keep),
    };
    Ok((
        choose(atim, fstflags::ATIM, fstflags::ATIM_NOW)?,
        choose(mtim, fstflags::MTIM, fstflags::MTIM_NOW)?,
    ))
}

/// A flag argument of the guest, which must have no bits beyond those of its type and `known`.
pub(crate) fn flags16(raw: u32, known: u16) -> Result<u16> {
    let flags = u16::try_from(raw).map_err(|_| Errno::Inval)?;
    if flags & !known != 0 {
        return Err(Errno::Inval);
    }
    Ok(flags)
}

/// Whether a symlink as the last component is to be followed.
pub(crate) fn follows(lookupflags: u32) -> Result<bool> {
    if lookupflags & !LOOKUP_SYMLINK_FOLLOW != 0 {
        return Err(Errno::Inval);
    }
    Ok(lookupflags & LOOKUP_SYMLINK_FOLLOW != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_either_given_or_now() {
        assert_eq!(set_times(5, 6, 0), Ok((SetTime::Keep, SetTime::Keep)));
        assert_eq!(
            set_times(5, 6, fstflags::ATIM | fstflags::MTIM_NOW),
            Ok((SetTime::At(5), SetTime::Now))
        );
        let both = fstflags::ATIM | fstflags::ATIM_NOW;
        assert_eq!(set_times(5, 6, both), Err(Errno::Inval));
        assert_eq!(set_times(5, 6, 1 << 4), Err(Errno::Inval));
    }

    #[test]
    fn times_saturate() {
        assert_eq!(nanoseconds(1, 5), 1_000_000_005);
        assert_eq!(nanoseconds(-1, 5), 0);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }

    #[test]
    fn filestat_fields_lie_where_the_guest_looks() {
        let stat = Filestat {
            dev: 1,
            ino: 2,
            filetype: Filetype::RegularFile,
            nlink: 3,
            size_bytes: 4,
            atim: 5,
            mtim: 6,
            ctim: 7,
        };
        let bytes = stat.to_bytes();
        for (offset, value) in [
            (0, 1),
            (8, 2),
            (16, 4),
            (24, 3),
            (32, 4),
            (40, 5),
            (48, 6),
            (56, 7),
        ] {
            assert_eq!(bytes[offset], value);
        }
    }
}
