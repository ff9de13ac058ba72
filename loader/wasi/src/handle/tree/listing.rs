//! The entries of a directory of a [`FileSystem`].
//!
//! ```text
//!  cookie   0    1     2 …
//!  entry    .    ..    what the file system has from its cookie 0 on
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::fs::FileSystem;
use crate::handle::{Entry, Listing};
use crate::types::Filetype;
use crate::{Errno, Result};

/// Cookies of the file system come after those of the dots.
const DOTS: [&str; 2] = [".", ".."];
const FIRST: u64 = DOTS.len() as u64;

pub(super) struct TreeListing<F: FileSystem> {
    fs: Arc<F>,
    dir: F::Node,
    /// Of the directory itself, and for the guest also of that above, of which it learns nothing here.
    own_ino: u64,
}

impl<F: FileSystem> TreeListing<F> {
    pub(super) fn new(fs: Arc<F>, dir: F::Node, own_ino: u64) -> TreeListing<F> {
        TreeListing { fs, dir, own_ino }
    }

    fn dots(
        &self,
        cookie: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (next, name) in (1..).zip(DOTS) {
            if next > cookie {
                visit(&Entry {
                    next,
                    ino: self.own_ino,
                    filetype: Filetype::Directory,
                    name: name.as_bytes(),
                })?;
            }
        }
        ControlFlow::Continue(())
    }
}

impl<F: FileSystem> Listing for TreeListing<F> {
    fn read(
        &mut self,
        cookie: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        i64::try_from(cookie).map_err(|_| Errno::Inval)?;
        // The dots are shown only once the file system has begun: a directory that is gone has none.
        let mut dots_shown = false;
        let start = cookie.saturating_sub(FIRST);
        self.fs.entries(&self.dir, start, &mut |entry| {
            if !dots_shown {
                dots_shown = true;
                self.dots(cookie, visit)?;
            }
            visit(&Entry {
                next: entry.next.saturating_add(FIRST),
                ino: entry.ino,
                filetype: entry.filetype,
                name: entry.name.as_bytes(),
            })
        })?;
        if !dots_shown {
            // Whether the guest wants more makes no difference at the end.
            let _ = self.dots(cookie, visit);
        }
        Ok(())
    }
}
