//! The directories of a file system in memory, and their entries.
//!
//! A directory is here for as long as it has a name: whoever still has one open that was removed finds nothing in it.
//! Each entry has a number that grows with time. It is the cookie after the entry, which so holds while others come and
//! go.
//!
//! The tables are trees because these shrink: a program cannot make names, remove them, and leave large empty tables
//! behind that nobody counts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::entry_bytes;
use super::node::MemoryNode;
use super::quota::Held;
use crate::fs::{DirEntry, Filetype};
use crate::handle::tree::MAX_PATH_BYTES;
use crate::{Errno, Result};

pub(super) struct Tree {
    /// By the numbers of their nodes.
    dirs: BTreeMap<u64, Dir>,
}

struct Dir {
    node: MemoryNode,
    /// The number of the directory above; the root's is its own.
    parent: u64,
    subdirs: u64,
    numbers: BTreeMap<Arc<str>, u64>,
    entries: BTreeMap<u64, Entry>,
    last_number: u64,
}

struct Entry {
    name: Arc<str>,
    node: MemoryNode,
    held: Held,
}

impl Tree {
    pub(super) fn new(root: &MemoryNode) -> Tree {
        Tree {
            dirs: BTreeMap::from([(root.ino(), Dir::new(root, root.ino()))]),
        }
    }

    pub(super) fn lookup(&self, dir: &MemoryNode, name: &str) -> Result<&MemoryNode> {
        self.dir(dir)?.get(name).ok_or(Errno::Noent)
    }

    pub(super) fn entries(
        &self,
        dir: &MemoryNode,
        cookie: u64,
    ) -> Result<impl Iterator<Item = DirEntry<'_>>> {
        let after = (Bound::Excluded(cookie), Bound::Unbounded);
        let entries = self.dir(dir)?.entries.range(after);
        Ok(entries.map(|(number, entry)| DirEntry {
            next: *number,
            ino: entry.node.ino(),
            filetype: entry.node.filetype(),
            name: &entry.name,
        }))
    }

    /// The names of a directory: its own, its `.`, and the `..` of those beneath; none if it is gone.
    pub(super) fn links(&self, dir: &MemoryNode) -> u64 {
        let dir = self.dirs.get(&dir.ino());
        dir.map_or(0, |dir| dir.subdirs.saturating_add(2))
    }

    /// Gives a node that has no name its first one.
    pub(super) fn insert(
        &mut self,
        dir: &MemoryNode,
        name: &str,
        node: &MemoryNode,
        held: Held,
        now: u64,
    ) -> Result<()> {
        if self.dir(dir)?.get(name).is_some() {
            return Err(Errno::Exist);
        }
        if node.is_dir() {
            self.dirs.insert(node.ino(), Dir::new(node, dir.ino()));
        }
        self.enter(dir, name.into(), node.clone(), held, now)
    }

    pub(super) fn link(
        &mut self,
        node: &MemoryNode,
        dir: &MemoryNode,
        name: &str,
        held: Held,
        now: u64,
    ) -> Result<()> {
        if self.dir(dir)?.get(name).is_some() {
            return Err(Errno::Exist);
        }
        if node.is_dir() {
            return Err(Errno::Perm);
        }
        if node.links() == 0 {
            return Err(Errno::Noent);
        }
        self.enter(dir, name.into(), node.clone(), held, now)
    }

    pub(super) fn remove_file(&mut self, dir: &MemoryNode, name: &str, now: u64) -> Result<()> {
        if self.lookup(dir, name)?.is_dir() {
            return Err(Errno::Isdir);
        }
        self.take(dir, name, now).map(drop)
    }

    pub(super) fn remove_dir(&mut self, dir: &MemoryNode, name: &str, now: u64) -> Result<()> {
        let node = self.lookup(dir, name)?;
        if !node.is_dir() {
            return Err(Errno::Notdir);
        }
        if !self.dir(node)?.entries.is_empty() {
            return Err(Errno::Notempty);
        }
        self.remove_all(dir, name, now)
    }

    /// Removes an entry and, if it is a directory, all beneath.
    pub(super) fn remove_all(&mut self, dir: &MemoryNode, name: &str, now: u64) -> Result<()> {
        let removed = self.take(dir, name, now)?;
        let mut dirs = vec![removed.node.ino()];
        while let Some(ino) = dirs.pop() {
            let Some(dir) = self.dirs.remove(&ino) else {
                continue;
            };
            dir.node.modified(now);
            for entry in dir.entries.into_values() {
                if entry.node.is_dir() {
                    dirs.push(entry.node.ino());
                } else {
                    entry.node.unnamed(now);
                }
            }
        }
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        dir: &MemoryNode,
        name: &str,
        new_dir: &MemoryNode,
        new_name: &str,
        now: u64,
    ) -> Result<()> {
        let node = self.lookup(dir, name)?.clone();
        let replaced = self.dir(new_dir)?.get(new_name).cloned();
        if node.is_dir() && self.is_within(new_dir, &node) {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = &replaced {
            // A directory that is on the way to what is moved is not empty, whatever it is.
            if replaced.is_dir() && self.is_within(dir, replaced) {
                return Err(Errno::Notempty);
            }
            if replaced.ino() == node.ino() {
                return Ok(());
            }
            match (node.is_dir(), replaced.is_dir()) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                (true, true) if !self.dir(replaced)?.entries.is_empty() => {
                    return Err(Errno::Notempty);
                }
                _ => {}
            }
        }

        let entry = self.dir_mut(dir)?.entry_mut(name).ok_or(Errno::Noent)?;
        entry.held.set(entry_bytes(new_name))?;
        if replaced.is_some() {
            self.remove_all(new_dir, new_name, now)?;
        }
        let Entry { node, held, .. } = self.take(dir, name, now)?;
        if let Some(moved) = self.dirs.get_mut(&node.ino()) {
            moved.parent = new_dir.ino();
        }
        self.enter(new_dir, new_name.into(), node, held, now)
    }

    /// The paths of all that is beneath a directory, but for those that are longer than paths can be. All of them would be
    /// as many bytes as the square of how deep programs have gone.
    pub(super) fn paths(&self, root: &MemoryNode) -> Vec<(String, Filetype)> {
        let mut paths = Vec::new();
        let mut dirs = vec![(String::new(), root.ino())];
        while let Some((prefix, ino)) = dirs.pop() {
            let entries = self.dirs.get(&ino).map(|dir| dir.entries.values());
            for entry in entries.into_iter().flatten() {
                let path = format!("{prefix}{}", entry.name);
                if path.len() > MAX_PATH_BYTES {
                    continue;
                }
                if entry.node.is_dir() {
                    dirs.push((format!("{path}/"), entry.node.ino()));
                }
                paths.push((path, entry.node.filetype()));
            }
        }
        paths
    }

    /// Whether `dir` is `above` or beneath it.
    fn is_within(&self, dir: &MemoryNode, above: &MemoryNode) -> bool {
        let mut at = dir.ino();
        loop {
            if at == above.ino() {
                return true;
            }
            match self.dirs.get(&at) {
                Some(dir) if dir.parent != at => at = dir.parent,
                _ => return false,
            }
        }
    }

    /// Enters a name that is free.
    fn enter(
        &mut self,
        dir: &MemoryNode,
        name: Arc<str>,
        node: MemoryNode,
        held: Held,
        now: u64,
    ) -> Result<()> {
        let dir = self.dir_mut(dir)?;
        dir.last_number = dir.last_number.saturating_add(1);
        if node.is_dir() {
            dir.subdirs = dir.subdirs.saturating_add(1);
        }
        node.named(now);
        dir.node.modified(now);
        dir.numbers.insert(Arc::clone(&name), dir.last_number);
        dir.entries
            .insert(dir.last_number, Entry { name, node, held });
        Ok(())
    }

    /// Takes an entry out of its directory.
    fn take(&mut self, dir: &MemoryNode, name: &str, now: u64) -> Result<Entry> {
        let dir = self.dir_mut(dir)?;
        let number = dir.numbers.remove(name).ok_or(Errno::Noent)?;
        let entry = dir.entries.remove(&number).ok_or(Errno::Noent)?;
        if entry.node.is_dir() {
            dir.subdirs = dir.subdirs.saturating_sub(1);
        }
        entry.node.unnamed(now);
        dir.node.modified(now);
        Ok(entry)
    }

    /// [`Errno::Noent`] for one that has been removed.
    fn dir(&self, node: &MemoryNode) -> Result<&Dir> {
        self.dirs.get(&node.ino()).ok_or(Errno::Noent)
    }

    fn dir_mut(&mut self, node: &MemoryNode) -> Result<&mut Dir> {
        self.dirs.get_mut(&node.ino()).ok_or(Errno::Noent)
    }
}

impl Dir {
    fn new(node: &MemoryNode, parent: u64) -> Dir {
        Dir {
            node: node.clone(),
            parent,
            subdirs: 0,
            numbers: BTreeMap::new(),
            entries: BTreeMap::new(),
            last_number: 0,
        }
    }

    fn get(&self, name: &str) -> Option<&MemoryNode> {
        let number = self.numbers.get(name)?;
        self.entries.get(number).map(|entry| &entry.node)
    }

    fn entry_mut(&mut self, name: &str) -> Option<&mut Entry> {
        let number = self.numbers.get(name)?;
        self.entries.get_mut(number)
    }
}
