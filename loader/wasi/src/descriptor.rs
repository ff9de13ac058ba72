//! What a guest's file descriptor stands for: an open file or directory, and what it may be used for.

use crate::handle::{self, File, Listener, Listing};
use crate::rights::{self, Rights};
use crate::types::Filetype;
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
    /// Anything that is not a directory: files, streams, terminals, sockets.
    File(Box<dyn File>),
    Dir(OpenDir),
}

/// A directory, and with it everything beneath.
pub(crate) struct OpenDir {
    pub(crate) handle: Box<dyn handle::Directory>,
    /// The guest's name of it, for directories that were given at the start.
    pub(crate) preopen: Option<String>,
    /// Nothing beneath may be changed, whatever the rights say.
    pub(crate) read_only: bool,
    /// `fdflags` as the guest sees them; without effect.
    pub(crate) flags: u16,
    /// The entries, from the first `fd_readdir` on.
    pub(crate) listing: Option<Box<dyn Listing>>,
}

impl Descriptor {
    /// A file with as many of the `wanted` rights as files of its kind can have.
    pub(crate) fn file(file: Box<dyn File>, wanted: Rights) -> Descriptor {
        let possible = if file.is_seekable() {
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

    /// A socket that listens. The rights of its connections are what it has to inherit.
    pub(crate) fn listener(listener: Listener) -> Descriptor {
        Descriptor {
            kind: Kind::File(Box::new(listener)),
            base: rights::LISTENER,
            inheriting: rights::CONNECTION,
        }
    }

    /// A connection with the rights that the socket that accepted it has to inherit.
    pub(crate) fn connection(connection: Box<dyn File>, inherited: Rights) -> Descriptor {
        Descriptor {
            kind: Kind::File(connection),
            base: inherited & rights::CONNECTION,
            inheriting: 0,
        }
    }

    /// A directory that is given at the start under the name `guest_path`.
    pub(crate) fn preopen(
        handle: Box<dyn handle::Directory>,
        guest_path: String,
        read_only: bool,
    ) -> Descriptor {
        let denied = if read_only { rights::CHANGING } else { 0 };
        Descriptor {
            kind: Kind::Dir(OpenDir {
                handle,
                preopen: Some(guest_path),
                read_only,
                flags: 0,
                listing: None,
            }),
            base: rights::DIRECTORY & !denied,
            inheriting: rights::INHERITED & !denied,
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

    /// The file, if that is what it is (else [`Errno::Isdir`]) and it has `rights`.
    pub(crate) fn file_mut(&mut self, rights: Rights) -> Result<&mut dyn File> {
        let allowed = self.require(rights);
        match &mut self.kind {
            Kind::File(file) => allowed.map(|()| file.as_mut() as &mut dyn File),
            Kind::Dir(_) => Err(Errno::Isdir),
        }
    }

    /// The directory, if that is what it is (else [`Errno::Notdir`]) and it has `rights`.
    pub(crate) fn dir_mut(&mut self, rights: Rights) -> Result<&mut OpenDir> {
        let allowed = self.require(rights);
        match &mut self.kind {
            Kind::Dir(dir) => allowed.map(|()| dir),
            Kind::File(_) => Err(Errno::Notdir),
        }
    }

    pub(crate) fn filetype(&self) -> Filetype {
        match &self.kind {
            Kind::File(file) => file.filetype(),
            Kind::Dir(_) => Filetype::Directory,
        }
    }

    pub(crate) fn flags(&self) -> u16 {
        match &self.kind {
            Kind::File(file) => file.flags(),
            Kind::Dir(dir) => dir.flags,
        }
    }
}
