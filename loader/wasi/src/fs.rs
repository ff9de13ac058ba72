//! File systems that an embedder can mount, and what is known of a file.
//!
//! A mount is a directory of the host, or a [`FileSystem`]: a [`MemoryFs`], or one of the embedder's own, such as an
//! archive. A file system deals with nodes and single names. Paths are walked here, by the same rules as on the host.

#[cfg(test)]
mod differential;
mod memory;
mod shared;

use std::io::{IoSlice, IoSliceMut};
use std::ops::ControlFlow;

pub use crate::types::{Filestat, Filetype, SetTime};
use crate::{Errno, Result};

pub use memory::{MemoryFs, MemoryNode};

/// A file system that a program can be given as a mount.
///
/// It is made of nodes: files, directories and symbolic links, each found by one name in one directory. Names are never
/// empty, `.` or `..`, and have no slash, no NUL and 255 bytes at most. All that concerns paths is done by the caller:
/// walking them, following links, letting none lead out of the mount, trailing slashes, positions in open files.
///
/// A node stays valid for as long as somebody holds it, even if its last name has been removed: a program may still
/// have the file open. Several programs may use a file system at the same time.
///
/// The methods without a body are enough for one that cannot change; mount it with
/// [`mount_read_only`](crate::WasiCtxBuilder::mount_read_only), so that a program learns this when it opens a file.
///
/// ```
/// use std::io::IoSliceMut;
/// use std::ops::ControlFlow;
///
/// use precast_wasi::fs::{self, DirEntry, FileSystem, Filestat, Filetype};
/// use precast_wasi::{Errno, Result, WasiCtx};
///
/// /// Files in one directory. The directory is node 0, the files are 1 and on.
/// struct Archive(Vec<(&'static str, &'static [u8])>);
///
/// impl FileSystem for Archive {
///     type Node = usize;
///
///     fn root(&self) -> usize {
///         0
///     }
///
///     fn stat(&self, node: &usize) -> Result<Filestat> {
///         Ok(match *node {
///             0 => Filestat::new(Filetype::Directory, 0, 0),
///             file => {
///                 let size_bytes = self.0[file - 1].1.len() as u64;
///                 Filestat::new(Filetype::RegularFile, file as u64, size_bytes)
///             }
///         })
///     }
///
///     fn lookup(&self, _dir: &usize, name: &str) -> Result<usize> {
///         let index = self.0.iter().position(|file| file.0 == name);
///         Ok(index.ok_or(Errno::Noent)? + 1)
///     }
///
///     fn entries(
///         &self,
///         _dir: &usize,
///         cookie: u64,
///         visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
///     ) -> Result<()> {
///         for (index, (name, _)) in self.0.iter().enumerate().skip(cookie as usize) {
///             let next = index as u64 + 1;
///             let filetype = Filetype::RegularFile;
///             if visit(&DirEntry { next, ino: next, filetype, name }).is_break() {
///                 break;
///             }
///         }
///         Ok(())
///     }
///
///     fn read_at(
///         &self,
///         file: &usize,
///         buffers: &mut [IoSliceMut<'_>],
///         offset: u64,
///     ) -> Result<usize> {
///         Ok(fs::copy_at(self.0[*file - 1].1, buffers, offset))
///     }
/// }
///
/// let archive = Archive(vec![("motd", b"hello"), ("empty", b"")]);
/// let ctx = WasiCtx::builder().mount_read_only(archive, "/etc").build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
pub trait FileSystem: Send + Sync + 'static {
    /// A file, a directory or a symbolic link: a number, an [`Arc`](std::sync::Arc).
    type Node: Clone + Send + 'static;

    /// The directory that is mounted.
    fn root(&self) -> Self::Node;

    /// The attributes of a node. No other node of the file system has the same `ino`, no other file system of the
    /// program the same `dev`.
    ///
    /// # Errors
    ///
    /// What the program receives.
    fn stat(&self, node: &Self::Node) -> Result<Filestat>;

    /// What kind of node it is, which never changes. Asked for each name of a path.
    ///
    /// # Errors
    ///
    /// As for [`stat`](FileSystem::stat).
    fn filetype(&self, node: &Self::Node) -> Result<Filetype> {
        Ok(self.stat(node)?.filetype)
    }

    /// The node with that name in a directory.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if there is none.
    fn lookup(&self, dir: &Self::Node, name: &str) -> Result<Self::Node>;

    /// Shows the entries of a directory from the position `cookie` on, until `visit` breaks or there are no more. 0 is the
    /// start, other positions are those of entries shown before. They hold while entries come and go. `.` and `..` are not
    /// among the entries. `visit` does not call the file system.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] for a directory that has been removed.
    fn entries(
        &self,
        dir: &Self::Node,
        cookie: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()>;

    /// Reads from a file at the byte `offset`, and gives how many bytes were read; 0 is the end. [`copy_at`] does it for
    /// bytes that are in memory.
    ///
    /// # Errors
    ///
    /// What the program receives; nothing was read then.
    fn read_at(
        &self,
        file: &Self::Node,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> Result<usize>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    ///
    /// What the program receives.
    fn read_link(&self, link: &Self::Node) -> Result<String> {
        let _ = link;
        Err(Errno::Inval)
    }

    /// Makes an empty file.
    ///
    /// # Errors
    ///
    /// [`Errno::Exist`] if the name is taken, [`Errno::Noent`] if the directory has been removed. By default
    /// [`Errno::Rofs`], as for all that changes something.
    fn create_file(&self, dir: &Self::Node, name: &str) -> Result<Self::Node> {
        let _ = (dir, name);
        Err(Errno::Rofs)
    }

    /// Makes an empty directory.
    ///
    /// # Errors
    ///
    /// As for [`create_file`](FileSystem::create_file).
    fn create_dir(&self, dir: &Self::Node, name: &str) -> Result<()> {
        let _ = (dir, name);
        Err(Errno::Rofs)
    }

    /// Makes a symbolic link that holds `target`.
    ///
    /// # Errors
    ///
    /// As for [`create_file`](FileSystem::create_file).
    fn create_symlink(&self, dir: &Self::Node, name: &str, target: &str) -> Result<()> {
        let _ = (dir, name, target);
        Err(Errno::Rofs)
    }

    /// Gives a file or a symbolic link one more name.
    ///
    /// # Errors
    ///
    /// As for [`create_file`](FileSystem::create_file). [`Errno::Perm`] for a directory, [`Errno::Noent`] for a node that
    /// has lost its last name.
    fn link(&self, node: &Self::Node, dir: &Self::Node, name: &str) -> Result<()> {
        let _ = (node, dir, name);
        Err(Errno::Rofs)
    }

    /// Removes a name of a file or a symbolic link.
    ///
    /// # Errors
    ///
    /// [`Errno::Isdir`] for a directory, [`Errno::Noent`] if there is no such name.
    fn remove_file(&self, dir: &Self::Node, name: &str) -> Result<()> {
        let _ = (dir, name);
        Err(Errno::Rofs)
    }

    /// Removes an empty directory. What is made in it from then on fails with [`Errno::Noent`].
    ///
    /// # Errors
    ///
    /// [`Errno::Notdir`] for anything else, [`Errno::Notempty`], [`Errno::Noent`] if there is no such name.
    fn remove_dir(&self, dir: &Self::Node, name: &str) -> Result<()> {
        let _ = (dir, name);
        Err(Errno::Rofs)
    }

    /// Moves what has the one name to the other, in one step. What had the other name is removed. Nothing happens if both
    /// are names of the same file.
    ///
    /// # Errors
    ///
    /// - [`Errno::Noent`] if there is nothing to be moved, or if the new directory has been removed.
    /// - [`Errno::Inval`] if a directory would come to be inside itself.
    /// - [`Errno::Isdir`] if a directory would be replaced by something else, [`Errno::Notdir`] the other way round.
    /// - [`Errno::Notempty`] if a directory that is not empty would be replaced.
    fn rename(
        &self,
        dir: &Self::Node,
        name: &str,
        new_dir: &Self::Node,
        new_name: &str,
    ) -> Result<()> {
        let _ = (dir, name, new_dir, new_name);
        Err(Errno::Rofs)
    }

    /// Writes to a file at the byte `offset`, and gives how many bytes were written. A file that is shorter is filled with
    /// zeros up to there.
    ///
    /// # Errors
    ///
    /// [`Errno::Nospc`], [`Errno::Fbig`]; nothing was written then.
    fn write_at(&self, file: &Self::Node, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let _ = (file, buffers, offset);
        Err(Errno::Rofs)
    }

    /// Writes to the end of a file, and gives the offset of what was written and how many bytes that were. Programs that
    /// append at the same time do not overwrite each other.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](FileSystem::write_at).
    fn append(&self, file: &Self::Node, buffers: &[IoSlice<'_>]) -> Result<(u64, usize)> {
        let _ = (file, buffers);
        Err(Errno::Rofs)
    }

    /// Makes a file so many bytes long, by cutting it or adding zeros.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](FileSystem::write_at).
    fn set_size(&self, file: &Self::Node, size_bytes: u64) -> Result<()> {
        let _ = (file, size_bytes);
        Err(Errno::Rofs)
    }

    /// Makes sure that a file is `size_bytes` long at least, and that what lies before has room.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](FileSystem::write_at).
    fn allocate(&self, file: &Self::Node, size_bytes: u64) -> Result<()> {
        let _ = (file, size_bytes);
        Err(Errno::Rofs)
    }

    /// Sets the times of any node.
    ///
    /// # Errors
    ///
    /// What the program receives.
    fn set_times(&self, node: &Self::Node, accessed: SetTime, modified: SetTime) -> Result<()> {
        let _ = (node, accessed, modified);
        Err(Errno::Rofs)
    }

    /// Brings a node to where it lasts, if there is such a place.
    ///
    /// # Errors
    ///
    /// What the program receives.
    fn sync(&self, node: &Self::Node) -> Result<()> {
        let _ = node;
        Ok(())
    }

    /// Whether `other` is the same file system, so that files can be linked and moved between the two. By default it is
    /// if it is the same value; handles of something shared compare that.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// One entry of a directory. [`FileSystem`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The position after it, greater than 0 and less than 2⁶².
    pub next: u64,
    /// The number of the node.
    pub ino: u64,
    /// What kind of node it is.
    pub filetype: Filetype,
    /// Its name.
    pub name: &'a str,
}

/// Fills `buffers` with the part of `bytes` that begins at `offset`, as far as there is one, and gives how many bytes that
/// were: [`FileSystem::read_at`] for bytes in memory.
///
/// ```
/// use std::io::IoSliceMut;
///
/// let (mut first, mut second) = ([0; 2], [0; 4]);
/// let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
/// assert_eq!(precast_wasi::fs::copy_at(b"abcdef", &mut buffers, 1), 5);
/// assert_eq!((&first, &second), (b"bc", b"def\0"));
/// ```
pub fn copy_at(bytes: &[u8], buffers: &mut [IoSliceMut<'_>], offset: u64) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut rest = bytes;
    for buffer in buffers {
        let count = rest.len().min(buffer.len());
        let (Some((part, after)), Some(place)) =
            (rest.split_at_checked(count), buffer.get_mut(..count))
        else {
            break;
        };
        place.copy_from_slice(part);
        rest = after;
    }
    bytes.len().saturating_sub(rest.len())
}
