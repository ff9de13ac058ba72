//! The guest's file descriptor table.

use crate::descriptor::{Descriptor, Directory, HostFile, Kind};
use crate::rights::Rights;
use crate::{Errno, Result};

/// The most descriptors that one guest may have open. The host's own limit usually comes first.
const MAX_DESCRIPTORS: usize = 4096;

/// Descriptors by number; a new one gets the lowest number that is free.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
}

impl Table {
    /// Fails with [`Errno::Mfile`] if the table is full.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        let fd = match self.slots.iter().position(Option::is_none) {
            Some(free) => free,
            None if self.slots.len() < MAX_DESCRIPTORS => {
                self.slots.push(None);
                self.slots.len().saturating_sub(1)
            }
            None => return Err(Errno::Mfile),
        };
        *self.slots.get_mut(fd).ok_or(Errno::Mfile)? = Some(descriptor);
        u32::try_from(fd).map_err(|_| Errno::Mfile)
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor> {
        let slot = usize::try_from(fd).ok().and_then(|fd| self.slots.get(fd));
        slot.and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor> {
        self.slot_mut(fd)?.as_mut().ok_or(Errno::Badf)
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        self.slot_mut(fd)?.take().ok_or(Errno::Badf)
    }

    /// Moves `from` to the number `to` and closes what was there. Both must be open.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            *self.get_mut(to)? = moved;
        }
        Ok(())
    }

    /// A directory whose descriptor has `rights`.
    pub(crate) fn dir(&self, fd: u32, rights: Rights) -> Result<&Directory> {
        let descriptor = self.get(fd)?;
        let Kind::Dir(dir) = &descriptor.kind else {
            return Err(Errno::Notdir);
        };
        descriptor.require(rights)?;
        Ok(dir)
    }

    /// A directory whose descriptor has `rights`, to change something beneath it.
    pub(crate) fn writable_dir(&self, fd: u32, rights: Rights) -> Result<&Directory> {
        let dir = self.dir(fd, rights)?;
        if dir.read_only {
            return Err(Errno::Rofs);
        }
        Ok(dir)
    }

    /// Anything but a directory, whose descriptor has `rights`.
    pub(crate) fn stream_mut(&mut self, fd: u32, rights: Rights) -> Result<&mut Kind> {
        let descriptor = self.get_mut(fd)?;
        if matches!(descriptor.kind, Kind::Dir(_)) {
            return Err(Errno::Isdir);
        }
        descriptor.require(rights)?;
        Ok(&mut descriptor.kind)
    }

    /// A file with a position, whose descriptor has `rights`. Others fail with [`Errno::Spipe`].
    pub(crate) fn seekable(&self, fd: u32, rights: Rights) -> Result<&HostFile> {
        let descriptor = self.get(fd)?;
        match &descriptor.kind {
            Kind::Dir(_) => Err(Errno::Isdir),
            Kind::File(file) if file.seekable => {
                descriptor.require(rights)?;
                Ok(file)
            }
            Kind::File(_) | Kind::Reader(_) | Kind::Writer(_) => Err(Errno::Spipe),
        }
    }

    fn slot_mut(&mut self, fd: u32) -> Result<&mut Option<Descriptor>> {
        let slot = usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get_mut(fd));
        slot.ok_or(Errno::Badf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights;

    fn input() -> Descriptor {
        Descriptor::reader(Box::new(std::io::empty()))
    }

    fn output() -> Descriptor {
        Descriptor::writer(Box::new(std::io::sink()))
    }

    fn table_of(descriptors: usize) -> Table {
        let mut table = Table::default();
        for _ in 0..descriptors {
            table.insert(input()).unwrap();
        }
        table
    }

    #[test]
    fn the_lowest_free_number_is_given() {
        let mut table = table_of(4);
        table.remove(1).unwrap();
        table.remove(2).unwrap();
        assert_eq!(table.insert(input()), Ok(1));
        assert_eq!(table.insert(input()), Ok(2));
        assert_eq!(table.insert(input()), Ok(4));
    }

    #[test]
    fn closed_and_unknown_numbers_are_refused() {
        let mut table = table_of(1);
        assert!(table.remove(0).is_ok());
        for fd in [0, 1, u32::MAX] {
            assert_eq!(table.get(fd).err(), Some(Errno::Badf));
            assert_eq!(table.remove(fd).err(), Some(Errno::Badf));
        }
    }

    #[test]
    fn the_table_has_an_end() {
        let mut table = table_of(MAX_DESCRIPTORS);
        assert_eq!(table.insert(input()), Err(Errno::Mfile));
    }

    #[test]
    fn renumbering_replaces_the_target() {
        let mut table = table_of(1);
        table.insert(output()).unwrap();
        assert_eq!(table.renumber(1, 0), Ok(()));
        assert!(matches!(table.get(0).unwrap().kind, Kind::Writer(_)));
        assert_eq!(table.get(1).err(), Some(Errno::Badf));
    }

    #[test]
    fn renumbering_onto_itself_keeps_it_open() {
        let mut table = table_of(1);
        assert_eq!(table.renumber(0, 0), Ok(()));
        assert!(table.get(0).is_ok());
    }

    #[test]
    fn renumbering_needs_two_open_descriptors() {
        let mut table = table_of(1);
        assert_eq!(table.renumber(0, 1), Err(Errno::Badf));
        assert_eq!(table.renumber(1, 0), Err(Errno::Badf));
        assert_eq!(table.renumber(7, 7), Err(Errno::Badf));
        assert!(table.get(0).is_ok());
    }

    #[test]
    fn rights_are_required() {
        let mut table = table_of(1);
        assert!(table.stream_mut(0, rights::FD_READ).is_ok());
        assert_eq!(
            table.stream_mut(0, rights::FD_WRITE).err(),
            Some(Errno::Notcapable)
        );
        assert_eq!(table.dir(0, 0).err(), Some(Errno::Notdir));
        assert_eq!(table.seekable(0, 0).err(), Some(Errno::Spipe));
    }
}
