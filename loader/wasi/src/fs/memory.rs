//! A file system in memory.

mod contents;
mod node;
mod quota;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{DirEntry, FileSystem, Filestat, Filetype, SetTime};
use crate::clock::{Clock, ClockId, HostClock};
use crate::handle::tree::{Found, Last, check_name, split_last, walk};
use crate::{Errno, Result};

use contents::{Contents, FileBytes};
use node::{Kind, Times};
use quota::{Held, Quota};
use tree::Tree;

pub use node::MemoryNode;

/// A file system in memory, with a limit.
///
/// This is a handle: clones are the same file system. Several programs may have it at the same time, and the host fills
/// and reads it before, meanwhile and after. Files stay for as long as a program has them open, even without a name.
///
/// Paths of the host's are taken from the root, with or without a slash at the start; symbolic links are followed as they
/// are for programs. The directories on the way to what is made are made too.
///
/// Reading does not change access times.
///
/// ```
/// use precast_wasi::WasiCtx;
/// use precast_wasi::fs::MemoryFs;
///
/// let files = MemoryFs::new(1 << 20);
/// files.write("etc/motd", "hello")?;
/// let ctx = WasiCtx::builder().mount(files.clone(), "/").build()?;
/// // The program runs …
/// assert_eq!(files.read("etc/motd")?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryFs(Arc<Shared>);

struct Shared {
    dev: u64,
    quota: Arc<Quota>,
    clock: Mutex<Box<dyn Clock>>,
    next_ino: AtomicU64,
    root: MemoryNode,
    tree: RwLock<Tree>,
}

/// What a node takes beside contents and target, and an entry beside its name, with the tables around them.
const NODE_BYTES: u64 = 320;
const ENTRY_BYTES: u64 = 160;

/// Device numbers, far from those of hosts' disks.
static NEXT_DEV: AtomicU64 = AtomicU64::new(1 << 40);

impl MemoryFs {
    /// An empty file system that takes `limit_bytes` at most: the contents of files, and for each file, directory and
    /// link some hundred bytes and its name. Beyond it, what grows fails with [`Errno::Nospc`].
    ///
    /// Contents that programs write may take up to twice their size, since they grow by doubling.
    ///
    /// ```
    /// use precast_wasi::Errno;
    /// use precast_wasi::fs::MemoryFs;
    ///
    /// let files = MemoryFs::new(4096);
    /// assert_eq!(files.write("large", vec![0; 5000]), Err(Errno::Nospc));
    /// ```
    pub fn new(limit_bytes: u64) -> MemoryFs {
        MemoryFs::with_clock(limit_bytes, HostClock)
    }

    /// Like [`new`](MemoryFs::new), with the times of files from [`ClockId::Realtime`] of `clock`.
    ///
    /// ```
    /// use precast_wasi::VirtualClock;
    /// use precast_wasi::fs::MemoryFs;
    ///
    /// // Always the first of January 2000.
    /// let clock = VirtualClock::new(946_684_800_000_000_000, 0);
    /// let files = MemoryFs::with_clock(4096, clock);
    /// files.write("file", "")?;
    /// assert_eq!(files.metadata("file")?.mtim, 946_684_800_000_000_000);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn with_clock(limit_bytes: u64, mut clock: impl Clock + 'static) -> MemoryFs {
        const ROOT_INO: u64 = 1;
        let quota = Arc::new(Quota::new(limit_bytes));
        let now = clock.now(ClockId::Realtime).unwrap_or(0);
        // The root is free.
        let root = MemoryNode::new(ROOT_INO, Kind::Dir, now, Held::nothing(&quota));
        MemoryFs(Arc::new(Shared {
            dev: NEXT_DEV.fetch_add(1, Ordering::Relaxed),
            quota,
            clock: Mutex::new(Box::new(clock)),
            next_ino: AtomicU64::new(ROOT_INO.saturating_add(1)),
            tree: RwLock::new(Tree::new(&root)),
            root,
        }))
    }

    /// The bytes that count towards the limit.
    ///
    /// ```
    /// use precast_wasi::fs::MemoryFs;
    ///
    /// let files = MemoryFs::new(1 << 20);
    /// assert_eq!(files.used_bytes(), 0);
    /// files.write("file", vec![0; 1000])?;
    /// assert!((1000..2000).contains(&files.used_bytes()));
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn used_bytes(&self) -> u64 {
        self.0.quota.used()
    }

    /// Makes the directory `path`, and those on the way. One that is there stays as it is.
    ///
    /// # Errors
    ///
    /// [`Errno::Exist`] or [`Errno::Notdir`] if something else has the name, [`Errno::Nospc`] beyond the limit.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.create_dir_all("/var/tmp")?;
    /// assert_eq!(files.list("/var")?, ["tmp"]);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn create_dir_all(&self, path: &str) -> Result<()> {
        self.dir_at(from_root(path)).map(drop)
    }

    /// Makes the file `path` with these contents, and the directories on the way. The contents of a file that is there are
    /// replaced.
    ///
    /// The contents are anything that shows bytes: a vector, text, an `Arc<[u8]>` that others have too, a mapped file.
    /// They are not copied until a program changes them.
    ///
    /// # Errors
    ///
    /// [`Errno::Isdir`] for a directory, [`Errno::Notdir`] if a file is in the way, [`Errno::Nospc`] beyond the limit; the
    /// old contents stay then.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// let table: Arc<[u8]> = Arc::from(&b"1,2,3"[..]);
    /// files.write("data/table.csv", table.clone())?;
    /// files.write("data/notes.txt", "none")?;
    /// assert_eq!(files.read("data/table.csv")?, *table);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn write(
        &self,
        path: &str,
        contents: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> Result<()> {
        let path = from_root(path);
        if path.ends_with('/') || matches!(path, "." | "..") {
            return Err(Errno::Isdir);
        }
        self.dir_at(split_last(path).0)?;
        let contents = Contents::shared(Box::new(contents), Held::nothing(&self.0.quota))?;
        let node = match self.walk(path)? {
            Found::Node(node, Filetype::Directory) => return node.file().map(drop),
            Found::Node(node, _) => node,
            Found::Missing { slash: true, .. } => return Err(Errno::Isdir),
            Found::Missing { dir, name, .. } => match self.create_file(&dir, &name) {
                // A program was quicker.
                Err(Errno::Exist) => self.lookup(&dir, &name)?,
                created => created?,
            },
        };
        node.file()?.replace(contents);
        node.modified(self.now());
        Ok(())
    }

    /// The contents of the file `path`.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if it is not there, [`Errno::Isdir`] for a directory.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.write("file", "text")?;
    /// assert_eq!(files.read("file")?, b"text");
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let node = self.find(path)?;
        Ok(node.file()?.read(|bytes| bytes.to_vec()))
    }

    /// Makes the symbolic link `path` to `target`, and the directories on the way. Programs cannot follow a link whose
    /// target begins with a slash.
    ///
    /// # Errors
    ///
    /// [`Errno::Exist`] if the name is taken, [`Errno::Noent`] for an empty target, [`Errno::Nospc`] beyond the limit.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.write("bin/tool-1.2", "…")?;
    /// files.symlink("tool-1.2", "bin/tool")?;
    /// assert_eq!(files.read("bin/tool")?, "…".as_bytes());
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn symlink(&self, target: &str, path: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::Noent);
        }
        let (parent, name) = split_last(from_root(path));
        let name = name.ok_or(Errno::Exist)?;
        check_name(name)?;
        let dir = self.dir_at(parent)?;
        self.create_symlink(&dir, name, target)
    }

    /// Removes `path`: a file, a link, a directory with all beneath.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if there is no such name, [`Errno::Busy`] for the root.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.write("cache/a/b", "")?;
    /// files.remove("cache")?;
    /// assert!(files.list("/")?.is_empty());
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn remove(&self, path: &str) -> Result<()> {
        let (parent, name) = split_last(from_root(path).trim_end_matches('/'));
        let name = name.ok_or(Errno::Busy)?;
        let dir = self.find(parent)?;
        let now = self.now();
        self.tree_mut().remove_all(&dir, name, now)
    }

    /// The names in the directory `path`, in order.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if it is not there, [`Errno::Notdir`] if it is no directory.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.write("b", "")?;
    /// files.write("a/c", "")?;
    /// assert_eq!(files.list("/")?, ["a", "b"]);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let dir = self.find(path)?;
        if dir.filetype() != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        let mut names = Vec::new();
        self.entries(&dir, 0, &mut |entry| {
            names.push(entry.name.to_owned());
            ControlFlow::Continue(())
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// All paths but that of the root, in order, with what they name. Paths of more than 4096 bytes are left out; no call takes
    /// them, though a program can make them.
    ///
    /// ```
    /// use precast_wasi::fs::{Filetype, MemoryFs};
    ///
    /// let files = MemoryFs::new(1 << 20);
    /// files.write("a/b", "")?;
    /// let expected = [
    ///     ("a".to_owned(), Filetype::Directory),
    ///     ("a/b".to_owned(), Filetype::RegularFile),
    /// ];
    /// assert_eq!(files.paths(), expected);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn paths(&self) -> Vec<(String, Filetype)> {
        let mut paths = self.tree().paths(&self.0.root);
        paths.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        paths
    }

    /// The attributes of what `path` leads to.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if it is not there.
    ///
    /// ```
    /// let files = precast_wasi::fs::MemoryFs::new(1 << 20);
    /// files.write("file", "text")?;
    /// assert_eq!(files.metadata("file")?.size_bytes, 4);
    /// # Ok::<(), precast_wasi::Errno>(())
    /// ```
    pub fn metadata(&self, path: &str) -> Result<Filestat> {
        self.stat(&self.find(path)?)
    }

    fn walk(&self, path: &str) -> Result<Found<MemoryNode>> {
        match path {
            "" => Ok(Found::Node(self.root(), Filetype::Directory)),
            path => walk(self, &self.0.root, path, Last::Followed),
        }
    }

    fn find(&self, path: &str) -> Result<MemoryNode> {
        match self.walk(from_root(path))? {
            Found::Node(node, _) => Ok(node),
            Found::Missing { .. } => Err(Errno::Noent),
        }
    }

    /// The directory `path`, made if it is not there, with those on the way.
    fn dir_at(&self, path: &str) -> Result<MemoryNode> {
        let slashes = path.match_indices('/').map(|(at, _)| at);
        for end in slashes.chain([path.len()]) {
            let way = path.get(..end).unwrap_or(path);
            if let Found::Missing { dir, name, .. } = self.walk(way)? {
                match self.create_dir(&dir, &name) {
                    // A program was quicker.
                    Ok(()) | Err(Errno::Exist) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        match self.walk(path)? {
            Found::Node(node, Filetype::Directory) => Ok(node),
            Found::Node(..) => Err(Errno::Notdir),
            Found::Missing { .. } => Err(Errno::Noent),
        }
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.0.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.0.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        let mut clock = self.0.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.now(ClockId::Realtime).unwrap_or(0)
    }

    /// Makes a node and enters it under `name`.
    fn create(&self, dir: &MemoryNode, name: &str, kind: Kind) -> Result<MemoryNode> {
        let now = self.now();
        let target_bytes = match &kind {
            Kind::Symlink(target) => bytes(target.len()),
            Kind::Dir | Kind::File(_) => 0,
        };
        let held = Held::new(&self.0.quota, NODE_BYTES.saturating_add(target_bytes))?;
        let entry = self.hold_entry(name)?;
        let ino = self.0.next_ino.fetch_add(1, Ordering::Relaxed);
        let node = MemoryNode::new(ino, kind, now, held);
        self.tree_mut().insert(dir, name, &node, entry, now)?;
        Ok(node)
    }

    fn hold_entry(&self, name: &str) -> Result<Held> {
        Held::new(&self.0.quota, entry_bytes(name))
    }
}

/// A path of the host's, whose root is that of the file system.
fn from_root(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn entry_bytes(name: &str) -> u64 {
    ENTRY_BYTES.saturating_add(bytes(name.len()))
}

fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

impl FileSystem for MemoryFs {
    type Node = MemoryNode;

    fn root(&self) -> MemoryNode {
        self.0.root.clone()
    }

    fn stat(&self, node: &MemoryNode) -> Result<Filestat> {
        let (size_bytes, nlink) = match node.kind() {
            Kind::Dir => (0, self.tree().links(node)),
            Kind::File(contents) => (contents.len(), node.links()),
            Kind::Symlink(target) => (bytes(target.len()), node.links()),
        };
        let Times { atim, mtim, ctim } = node.times();
        Ok(Filestat {
            dev: self.0.dev,
            ino: node.ino(),
            filetype: node.filetype(),
            nlink,
            size_bytes,
            atim,
            mtim,
            ctim,
        })
    }

    fn filetype(&self, node: &MemoryNode) -> Result<Filetype> {
        Ok(node.filetype())
    }

    fn lookup(&self, dir: &MemoryNode, name: &str) -> Result<MemoryNode> {
        self.tree().lookup(dir, name).cloned()
    }

    fn entries(
        &self,
        dir: &MemoryNode,
        cookie: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        for entry in self.tree().entries(dir, cookie)? {
            if visit(&entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_at(
        &self,
        file: &MemoryNode,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> Result<usize> {
        let read = |bytes: &[u8]| super::copy_at(bytes, buffers, offset);
        Ok(file.file()?.read(read))
    }

    fn read_link(&self, link: &MemoryNode) -> Result<String> {
        match link.kind() {
            Kind::Symlink(target) => Ok(target.to_string()),
            Kind::Dir | Kind::File(_) => Err(Errno::Inval),
        }
    }

    fn create_file(&self, dir: &MemoryNode, name: &str) -> Result<MemoryNode> {
        let contents = Contents::empty(Held::nothing(&self.0.quota));
        self.create(dir, name, Kind::File(FileBytes::new(contents)))
    }

    fn create_dir(&self, dir: &MemoryNode, name: &str) -> Result<()> {
        self.create(dir, name, Kind::Dir).map(drop)
    }

    fn create_symlink(&self, dir: &MemoryNode, name: &str, target: &str) -> Result<()> {
        self.create(dir, name, Kind::Symlink(target.into()))
            .map(drop)
    }

    fn link(&self, node: &MemoryNode, dir: &MemoryNode, name: &str) -> Result<()> {
        let entry = self.hold_entry(name)?;
        let now = self.now();
        self.tree_mut().link(node, dir, name, entry, now)
    }

    fn remove_file(&self, dir: &MemoryNode, name: &str) -> Result<()> {
        let now = self.now();
        self.tree_mut().remove_file(dir, name, now)
    }

    fn remove_dir(&self, dir: &MemoryNode, name: &str) -> Result<()> {
        let now = self.now();
        self.tree_mut().remove_dir(dir, name, now)
    }

    fn rename(
        &self,
        dir: &MemoryNode,
        name: &str,
        new_dir: &MemoryNode,
        new_name: &str,
    ) -> Result<()> {
        let now = self.now();
        self.tree_mut().rename(dir, name, new_dir, new_name, now)
    }

    fn write_at(&self, file: &MemoryNode, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let count = file
            .file()?
            .change(|contents| contents.write_at(buffers, offset))?;
        file.modified(self.now());
        Ok(count)
    }

    fn append(&self, file: &MemoryNode, buffers: &[IoSlice<'_>]) -> Result<(u64, usize)> {
        let written = file.file()?.change(|contents| {
            let end = contents.len();
            Ok((end, contents.write_at(buffers, end)?))
        })?;
        file.modified(self.now());
        Ok(written)
    }

    fn set_size(&self, file: &MemoryNode, size_bytes: u64) -> Result<()> {
        file.file()?
            .change(|contents| contents.set_len(size_bytes))?;
        file.modified(self.now());
        Ok(())
    }

    fn allocate(&self, file: &MemoryNode, size_bytes: u64) -> Result<()> {
        file.file()?
            .change(|contents| contents.set_len(size_bytes.max(contents.len())))?;
        file.modified(self.now());
        Ok(())
    }

    fn set_times(&self, node: &MemoryNode, accessed: SetTime, modified: SetTime) -> Result<()> {
        node.set_times(accessed, modified, self.now());
        Ok(())
    }

    fn is_same(&self, other: &MemoryFs) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for MemoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFs")
            .field("used_bytes", &self.used_bytes())
            .finish_non_exhaustive()
    }
}
