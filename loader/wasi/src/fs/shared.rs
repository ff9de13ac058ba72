//! A file system behind an [`Arc`] is a file system, the same for all who hold it.

use std::io::{IoSlice, IoSliceMut};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{DirEntry, FileSystem, Filestat, Filetype, SetTime};
use crate::Result;

impl<F: FileSystem> FileSystem for Arc<F> {
    type Node = F::Node;

    fn root(&self) -> F::Node {
        (**self).root()
    }

    fn stat(&self, node: &F::Node) -> Result<Filestat> {
        (**self).stat(node)
    }

    fn filetype(&self, node: &F::Node) -> Result<Filetype> {
        (**self).filetype(node)
    }

    fn lookup(&self, dir: &F::Node, name: &str) -> Result<F::Node> {
        (**self).lookup(dir, name)
    }

    fn entries(
        &self,
        dir: &F::Node,
        cookie: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        (**self).entries(dir, cookie, visit)
    }

    fn read_at(
        &self,
        file: &F::Node,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> Result<usize> {
        (**self).read_at(file, buffers, offset)
    }

    fn read_link(&self, link: &F::Node) -> Result<String> {
        (**self).read_link(link)
    }

    fn create_file(&self, dir: &F::Node, name: &str) -> Result<F::Node> {
        (**self).create_file(dir, name)
    }

    fn create_dir(&self, dir: &F::Node, name: &str) -> Result<()> {
        (**self).create_dir(dir, name)
    }

    fn create_symlink(&self, dir: &F::Node, name: &str, target: &str) -> Result<()> {
        (**self).create_symlink(dir, name, target)
    }

    fn link(&self, node: &F::Node, dir: &F::Node, name: &str) -> Result<()> {
        (**self).link(node, dir, name)
    }

    fn remove_file(&self, dir: &F::Node, name: &str) -> Result<()> {
        (**self).remove_file(dir, name)
    }

    fn remove_dir(&self, dir: &F::Node, name: &str) -> Result<()> {
        (**self).remove_dir(dir, name)
    }

    fn rename(&self, dir: &F::Node, name: &str, new_dir: &F::Node, new_name: &str) -> Result<()> {
        (**self).rename(dir, name, new_dir, new_name)
    }

    fn write_at(&self, file: &F::Node, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        (**self).write_at(file, buffers, offset)
    }

    fn append(&self, file: &F::Node, buffers: &[IoSlice<'_>]) -> Result<(u64, usize)> {
        (**self).append(file, buffers)
    }

    fn set_size(&self, file: &F::Node, size_bytes: u64) -> Result<()> {
        (**self).set_size(file, size_bytes)
    }

    fn allocate(&self, file: &F::Node, size_bytes: u64) -> Result<()> {
        (**self).allocate(file, size_bytes)
    }

    fn set_times(&self, node: &F::Node, accessed: SetTime, modified: SetTime) -> Result<()> {
        (**self).set_times(node, accessed, modified)
    }

    fn sync(&self, node: &F::Node) -> Result<()> {
        (**self).sync(node)
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other) || (**self).is_same(other)
    }
}
