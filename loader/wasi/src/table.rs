//! The guest's file descriptor table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::descriptor::{Descriptor, Kind, OpenDir};
use crate::handle::File;
use crate::rights::Rights;
use crate::{Errno, Result};

/// Descriptors by number; a new one gets the lowest number that is free.
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
    /// The numbers below the end of `slots` that are free.
    free: BinaryHeap<Reverse<u32>>,
    /// The most descriptors that may be open at once.
    limit: u32,
}

impl Table {
    pub(crate) fn new(limit: u32) -> Table {
        Table {
            slots: Vec::new(),
            free: BinaryHeap::new(),
            limit,
        }
    }

    /// Fails with [`Errno::Mfile`] if the table is full: to be asked before something is done that opening needs.
    pub(crate) fn check_room(&self) -> Result<()> {
        let len = u32::try_from(self.slots.len()).map_err(|_| Errno::Mfile)?;
        if self.free.is_empty() && len >= self.limit {
            return Err(Errno::Mfile);
        }
        Ok(())
    }

    /// Fails with [`Errno::Mfile`] if the table is full.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        if let Some(Reverse(fd)) = self.free.pop() {
            *self.slot_mut(fd)? = Some(descriptor);
            return Ok(fd);
        }
        let fd = u32::try_from(self.slots.len()).map_err(|_| Errno::Mfile)?;
        if fd >= self.limit {
            return Err(Errno::Mfile);
        }
        self.slots.push(Some(descriptor));
        Ok(fd)
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor> {
        let slot = usize::try_from(fd).ok().and_then(|fd| self.slots.get(fd));
        slot.and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor> {
        self.slot_mut(fd)?.as_mut().ok_or(Errno::Badf)
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        let removed = self.slot_mut(fd)?.take().ok_or(Errno::Badf)?;
        self.free.push(Reverse(fd));
        Ok(removed)
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
    pub(crate) fn dir(&self, fd: u32, rights: Rights) -> Result<&OpenDir> {
        let descriptor = self.get(fd)?;
        let Kind::Dir(dir) = &descriptor.kind else {
            return Err(Errno::Notdir);
        };
        descriptor.require(rights)?;
        Ok(dir)
    }

    /// A directory whose descriptor has `rights`, to change something beneath it. [`Errno::Rofs`] in a mount given
    /// read-only, which says more than that the right is missing.
    pub(crate) fn writable_dir(&self, fd: u32, rights: Rights) -> Result<&OpenDir> {
        if self.dir(fd, 0)?.read_only {
            return Err(Errno::Rofs);
        }
        self.dir(fd, rights)
    }

    /// Anything but a directory, whose descriptor has `rights`.
    pub(crate) fn file_mut(&mut self, fd: u32, rights: Rights) -> Result<&mut dyn File> {
        self.get_mut(fd)?.file_mut(rights)
    }

    /// A file with a position, whose descriptor has `rights`. Others fail with [`Errno::Spipe`].
    pub(crate) fn seekable_mut(&mut self, fd: u32, rights: Rights) -> Result<&mut dyn File> {
        match &self.get(fd)?.kind {
            Kind::Dir(_) => Err(Errno::Isdir),
            Kind::File(file) if !file.is_seekable() => Err(Errno::Spipe),
            Kind::File(_) => self.file_mut(fd, rights),
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
    use crate::stdio::{Input, Output};

    const LIMIT: u32 = 8;

    fn input() -> Descriptor {
        Input::null().open().unwrap()
    }

    fn output() -> Descriptor {
        Output::null().open().unwrap()
    }

    fn table_of(descriptors: u32) -> Table {
        let mut table = Table::new(LIMIT);
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
        let mut table = table_of(LIMIT);
        assert_eq!(table.insert(input()), Err(Errno::Mfile));
    }

    #[test]
    fn renumbering_replaces_the_target() {
        let mut table = table_of(1);
        table.insert(output()).unwrap();
        assert_eq!(table.renumber(1, 0), Ok(()));
        assert!(table.file_mut(0, rights::FD_WRITE).is_ok());
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
        assert!(table.file_mut(0, rights::FD_READ).is_ok());
        assert_eq!(
            table.file_mut(0, rights::FD_WRITE).err(),
            Some(Errno::Notcapable)
        );
        assert_eq!(table.dir(0, 0).err(), Some(Errno::Notdir));
        assert_eq!(table.seekable_mut(0, 0).err(), Some(Errno::Spipe));
    }
}
