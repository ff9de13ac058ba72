//! A directory of a [`FileSystem`]: paths become nodes and names here.
//!
//! What a host call decides is decided the same way, errors too; the comments say where hosts surprise. The model is
//! Linux beneath cap-std, which [`HostDir`](super::HostDir) is made of.

mod file;
mod listing;
mod walk;

use std::any::Any;
use std::sync::Arc;

use super::{Directory, Listing, OpenHow, Opened, Sync};
use crate::fs::FileSystem;
use crate::types::{Filestat, Filetype, SetTime};
use crate::{Errno, Result};

use file::TreeFile;
use listing::TreeListing;
pub(crate) use walk::{Found, Last, check_name, split_last, walk};

/// As of Linux, with the NUL.
pub(crate) const MAX_PATH_BYTES: usize = 4096;

pub(crate) struct TreeDir<F: FileSystem> {
    fs: Arc<F>,
    node: F::Node,
}

/// A directory, and a name in it that the directory may have. `None` is the directory itself.
type Place<'a, N> = (N, Option<&'a str>);

impl<F: FileSystem> TreeDir<F> {
    pub(crate) fn root(fs: F) -> TreeDir<F> {
        let node = fs.root();
        TreeDir {
            fs: Arc::new(fs),
            node,
        }
    }

    /// The directory to link or move to.
    fn target<'a>(&self, to: &'a dyn Directory) -> Result<&'a TreeDir<F>> {
        let any: &dyn Any = to;
        let dir: &TreeDir<F> = any.downcast_ref().ok_or(Errno::Xdev)?;
        if Arc::ptr_eq(&self.fs, &dir.fs) || self.fs.is_same(&dir.fs) {
            Ok(dir)
        } else {
            Err(Errno::Xdev)
        }
    }

    fn find(&self, path: &str, follow: bool) -> Result<F::Node> {
        // Before what asks for a directory a link is followed.
        let follow = follow || path.ends_with("/.");
        match walk(&*self.fs, &self.node, path, Last::followed_if(follow))? {
            Found::Node(node, _) => Ok(node),
            Found::Missing { .. } => Err(Errno::Noent),
        }
    }

    /// Where `path` is or would be, the last component not followed. Of one that ends with `.`, `..` or a slash it is
    /// the directory itself.
    fn place<'a>(&self, path: &'a str) -> Result<Place<'a, F::Node>> {
        let (parent, name) = split_last(path);
        if parent.is_empty() {
            return Ok((self.node.clone(), name));
        }
        match walk(&*self.fs, &self.node, parent, Last::Followed)? {
            Found::Node(dir, Filetype::Directory) => Ok((dir, name)),
            Found::Node(..) => Err(Errno::Notdir),
            Found::Missing { .. } => Err(Errno::Noent),
        }
    }

    fn lookup(&self, dir: &F::Node, name: &str) -> Result<F::Node> {
        check_name(name)?;
        self.fs.lookup(dir, name)
    }

    /// A name that can be made.
    fn free_name<'a>(&self, (dir, name): &Place<'a, F::Node>) -> Result<&'a str> {
        let name = name.ok_or(Errno::Exist)?;
        match self.lookup(dir, name) {
            Err(Errno::Noent) => Ok(name),
            Err(error) => Err(error),
            Ok(_) => Err(Errno::Exist),
        }
    }

    fn dir(&self, node: F::Node) -> Opened {
        let fs = Arc::clone(&self.fs);
        Opened::Dir(Box::new(TreeDir { fs, node }))
    }

    fn file(&self, node: F::Node, filetype: Filetype, how: &OpenHow) -> Opened {
        let fs = Arc::clone(&self.fs);
        Opened::File(Box::new(TreeFile::new(fs, node, filetype, how.fdflags)))
    }

    fn open_file(&self, path: &str, how: &OpenHow) -> Result<Opened> {
        let exclusive = how.create && how.exclusive;
        if exclusive && how.read_only {
            return Err(Errno::Rofs);
        }
        let changes = how.write || how.truncate;
        let last = match how {
            how if !how.follow || exclusive => Last::Itself,
            how if how.create && changes => Last::Created,
            _ => Last::Followed,
        };
        let found = match walk(&*self.fs, &self.node, path, last) {
            Err(Errno::Noent) if how.create && how.read_only => return Err(Errno::Rofs),
            // The host was asked to open what is there, and only then to create.
            Err(Errno::Noent) if how.create && last == Last::Followed => {
                walk(&*self.fs, &self.node, path, Last::Created)
            }
            found => found,
        };
        match found? {
            Found::Node(..) if exclusive => Err(Errno::Exist),
            Found::Node(_, Filetype::SymbolicLink) => Err(Errno::Loop),
            Found::Node(_, Filetype::Directory) if changes => Err(Errno::Isdir),
            Found::Node(node, Filetype::Directory) => Ok(self.dir(node)),
            Found::Node(node, filetype) => {
                if how.truncate {
                    self.fs.set_size(&node, 0)?;
                }
                Ok(self.file(node, filetype, how))
            }
            Found::Missing { .. } if !how.create => Err(Errno::Noent),
            Found::Missing { .. } if how.read_only => Err(Errno::Rofs),
            // Through a link to `name/`: no file is made that a slash could follow.
            Found::Missing { slash: true, .. } => Err(Errno::Isdir),
            Found::Missing { dir, name, .. } => {
                let node = self.fs.create_file(&dir, &name)?;
                Ok(self.file(node, Filetype::RegularFile, how))
            }
        }
    }
}

impl<F: FileSystem> Directory for TreeDir<F> {
    fn stat(&self) -> Result<Filestat> {
        self.fs.stat(&self.node)
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        self.fs.stat(&self.find(path, follow)?)
    }

    fn open(&self, path: &str, how: &OpenHow) -> Result<Opened> {
        if how.directory || path.ends_with('/') {
            let last = Last::followed_if(how.follow);
            return match walk(&*self.fs, &self.node, path, last)? {
                Found::Node(node, Filetype::Directory) => Ok(self.dir(node)),
                Found::Node(..) => Err(Errno::Notdir),
                Found::Missing { .. } => Err(Errno::Noent),
            };
        }
        /// How often another program may be quicker to create the file.
        const ATTEMPTS: u32 = 16;
        for _ in 1..ATTEMPTS {
            match self.open_file(path, how) {
                Err(Errno::Exist) if how.create && !how.exclusive => {}
                opened => return opened,
            }
        }
        self.open_file(path, how)
    }

    fn read_link(&self, path: &str) -> Result<Vec<u8>> {
        let (dir, name) = self.place(path)?;
        let node = self.lookup(&dir, name.ok_or(Errno::Inval)?)?;
        if self.fs.filetype(&node)? != Filetype::SymbolicLink {
            return Err(Errno::Inval);
        }
        let target = self.fs.read_link(&node)?;
        if target.starts_with('/') {
            return Err(Errno::Perm);
        }
        Ok(target.into_bytes())
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        let place = self.place(path.trim_end_matches('/'))?;
        let name = self.free_name(&place)?;
        self.fs.create_dir(&place.0, name)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        if target.starts_with('/') {
            return Err(Errno::Perm);
        }
        let place = self.place(path)?;
        if target.len() >= MAX_PATH_BYTES {
            return Err(Errno::Nametoolong);
        }
        let name = self.free_name(&place)?;
        self.fs.create_symlink(&place.0, name, target)
    }

    fn link(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()> {
        let to = self.target(to)?;
        let (dir, name) = self.place(old_path)?;
        let new = to.place(new_path)?;
        let node = match name {
            Some(name) => self.lookup(&dir, name)?,
            None => dir,
        };
        let new_name = self.free_name(&new)?;
        if self.fs.filetype(&node)? == Filetype::Directory {
            return Err(Errno::Perm);
        }
        self.fs.link(&node, &new.0, new_name)
    }

    fn rename(&self, old_path: &str, to: &dyn Directory, new_path: &str) -> Result<()> {
        let to = self.target(to)?;
        let [old, new] = [old_path, new_path].map(|path| path.trim_end_matches('/'));
        if old != old_path || new != new_path {
            let moved = self.find(old, false)?;
            if self.fs.filetype(&moved)? != Filetype::Directory {
                return Err(Errno::Notdir);
            }
        }
        let (dir, name) = self.place(old)?;
        let (new_dir, new_name) = to.place(new)?;
        let (Some(name), Some(new_name)) = (name, new_name) else {
            return Err(Errno::Busy);
        };
        // That there is something to be moved matters before the new name.
        self.lookup(&dir, name)?;
        check_name(new_name)?;
        self.fs.rename(&dir, name, &new_dir, new_name)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        let (dir, name) = self.place(path.trim_end_matches('/'))?;
        let name = name.ok_or(Errno::Inval)?;
        check_name(name)?;
        self.fs.remove_dir(&dir, name)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        let (dir, name) = self.place(path)?;
        let name = name.ok_or(Errno::Isdir)?;
        check_name(name)?;
        self.fs.remove_file(&dir, name)
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.fs.set_times(&self.node, accessed, modified)
    }

    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let node = self.find(path, follow)?;
        self.fs.set_times(&node, accessed, modified)
    }

    fn sync(&self, _what: Sync) -> Result<()> {
        self.fs.sync(&self.node)
    }

    fn list(&self) -> Result<Box<dyn Listing>> {
        let own_ino = self.fs.stat(&self.node)?.ino;
        let fs = Arc::clone(&self.fs);
        Ok(Box::new(TreeListing::new(fs, self.node.clone(), own_ino)))
    }
}
