//! What lies behind a guest's file descriptor.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use cap_std::fs::{Dir, Metadata};
use rustix::fs::OFlags;

use crate::preview1::dir::Listing;
use crate::rights::{self, Rights};
use crate::types::{Filetype, fdflags};
use crate::{Errno, Result};

/// An open file of the guest: the thing itself, and what it may be used for.
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    /// What calls on this descriptor may do.
    pub(crate) base: Rights,
    /// The most that files opened through this descriptor may do.
    pub(crate) inheriting: Rights,
}

pub(crate) enum Kind {
    /// Anything with a host descriptor that is not a directory: files, pipes, terminals, devices.
    File(HostFile),
    Dir(Directory),
    /// Input that the embedder supplies.
    Reader(Box<dyn Read + Send>),
    /// Output that the embedder takes.
    Writer(Box<dyn Write + Send>),
}

/// A host file that is not a directory.
pub(crate) struct HostFile {
    pub(crate) file: File,
    pub(crate) filetype: Filetype,
    /// Whether it has a position. Pipes and terminals have none.
    pub(crate) seekable: bool,
    /// Whether the host process uses the same open file. Its flags are then left alone.
    pub(crate) shared: bool,
    /// `fdflags` as the guest sees them.
    pub(crate) flags: u16,
}

/// A directory, and with it everything beneath.
pub(crate) struct Directory {
    pub(crate) dir: Dir,
    /// The guest's name of it, for directories that were given at the start.
    pub(crate) preopen: Option<String>,
    /// Nothing beneath may be changed, whatever the rights say.
    pub(crate) read_only: bool,
    /// `fdflags` as the guest sees them; without effect.
    pub(crate) flags: u16,
    /// The entries as of the last `fd_readdir` from the start.
    pub(crate) listing: Option<Listing>,
}

impl Descriptor {
    pub(crate) fn reader(reader: Box<dyn Read + Send>) -> Descriptor {
        Descriptor {
            kind: Kind::Reader(reader),
            base: rights::STREAM & !rights::FD_WRITE,
            inheriting: 0,
        }
    }

    pub(crate) fn writer(writer: Box<dyn Write + Send>) -> Descriptor {
        Descriptor {
            kind: Kind::Writer(writer),
            base: rights::STREAM & !rights::FD_READ,
            inheriting: 0,
        }
    }

    /// A file with as many of the `wanted` rights as files of its kind can have.
    pub(crate) fn file(file: HostFile, wanted: Rights) -> Descriptor {
        let possible = if file.seekable {
            rights::FILE
        } else {
            rights::STREAM
        };
        Descriptor {
            kind: Kind::File(file),
            base: wanted & possible,
            inheriting: 0,
        }
    }

    /// A directory that is given at the start under the name `guest_path`.
    pub(crate) fn preopen(dir: Dir, guest_path: String, read_only: bool) -> Descriptor {
        Descriptor {
            kind: Kind::Dir(Directory {
                dir,
                preopen: Some(guest_path),
                read_only,
                flags: 0,
                listing: None,
            }),
            base: rights::DIRECTORY,
            inheriting: rights::INHERITED,
        }
    }

    /// Fails with [`Errno::Notcapable`] unless the descriptor has all of `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<()> {
        if self.base & rights == rights {
            Ok(())
        } else {
            Err(Errno::Notcapable)
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        match &self.kind {
            Kind::File(file) => file.filetype,
            Kind::Dir(_) => Filetype::Directory,
            Kind::Reader(_) | Kind::Writer(_) => Filetype::Unknown,
        }
    }

    pub(crate) fn flags(&self) -> u16 {
        match &self.kind {
            Kind::File(file) => file.flags,
            Kind::Dir(dir) => dir.flags,
            Kind::Reader(_) | Kind::Writer(_) => 0,
        }
    }
}

impl HostFile {
    /// A file that was opened for the guest, with the flags that it was opened with.
    pub(crate) fn opened(file: File, metadata: &Metadata, flags: u16) -> HostFile {
        let filetype = metadata.file_type().into();
        let seekable = match filetype {
            Filetype::RegularFile | Filetype::BlockDevice => true,
            Filetype::CharacterDevice => !file.is_terminal(),
            _ => false,
        };
        HostFile {
            file,
            filetype,
            seekable,
            shared: false,
            flags,
        }
    }

    /// A duplicate of a file that the host process goes on using.
    pub(crate) fn shared(file: File) -> io::Result<HostFile> {
        let metadata = Metadata::from_file(&file)?;
        let append = rustix::fs::fcntl_getfl(&file)?.contains(OFlags::APPEND);
        let flags = if append { fdflags::APPEND } else { 0 };
        Ok(HostFile {
            shared: true,
            ..HostFile::opened(file, &metadata, flags)
        })
    }
}
