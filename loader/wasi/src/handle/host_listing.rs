//! The entries of a host's directory.
//!
//! Cookies are the host's own positions (`d_off` of `getdents64`): they stay valid while entries come and go as far as
//! the file system promises it, and nothing is kept for them here. What is kept is the window: the entries that the
//! last host call gave, because a guest's buffer rarely ends where that does. However large the directory is, a
//! listing holds one window, and reading on from where the last read ended costs no search.

use std::ffi::CStr;
use std::fs::File as StdFile;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;

use rustix::fs::{AtFlags, FileType as HostType, RawDir, SeekFrom};

use super::{Entry, Listing};
use crate::types::Filetype;
use crate::{Errno, Result};

/// Room for what one host call gives; some hundreds of entries.
const HOST_CALL_BYTES: usize = 32 << 10;

pub(super) struct HostListing {
    dir: StdFile,
    /// Of the directory itself, and for the guest also of that above, of which it learns nothing here.
    own_ino: u64,
    /// The cookie of the first entry of the window.
    start: u64,
    window: Vec<Kept>,
}

struct Kept {
    next: u64,
    ino: u64,
    filetype: Filetype,
    name: Box<[u8]>,
}

impl HostListing {
    /// `dir` is open for reading, for this listing alone.
    pub(super) fn new(dir: StdFile, own_ino: u64) -> HostListing {
        HostListing {
            dir,
            own_ino,
            start: 0,
            window: Vec::new(),
        }
    }

    /// The index in the window of the entry at `cookie`, which may be the one after the last.
    fn index_of(&self, cookie: u64) -> Option<usize> {
        if cookie == self.start {
            return Some(0);
        }
        let before = self.window.iter().position(|entry| entry.next == cookie)?;
        before.checked_add(1)
    }

    /// Where the host's position is: after the window.
    fn end(&self) -> u64 {
        self.window.last().map_or(self.start, |entry| entry.next)
    }

    fn seek(&mut self, cookie: u64) -> Result<()> {
        i64::try_from(cookie).map_err(|_| Errno::Inval)?;
        rustix::fs::seek(&self.dir, SeekFrom::Start(cookie))?;
        self.window.clear();
        self.start = cookie;
        Ok(())
    }

    /// Replaces the window by the entries after it; none is the end.
    fn advance(&mut self) -> Result<()> {
        self.start = self.end();
        self.window.clear();
        let mut buffer = [MaybeUninit::uninit(); HOST_CALL_BYTES];
        let mut raw = RawDir::new(&self.dir, &mut buffer);
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name();
            let kept = Kept {
                next: entry.next_entry_cookie(),
                ino: match name.to_bytes() {
                    b".." => self.own_ino,
                    _ => entry.ino(),
                },
                filetype: self.filetype(entry.file_type(), name),
                name: name.to_bytes().into(),
            };
            self.window.push(kept);
            if raw.is_buffer_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Some file systems list names without types, which must then be asked for. A name that is gone meanwhile has none.
    fn filetype(&self, listed: HostType, name: &CStr) -> Filetype {
        if listed != HostType::Unknown {
            return listed.into();
        }
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(Filetype::Unknown, |stat| {
            HostType::from_raw_mode(stat.st_mode).into()
        })
    }
}

impl Listing for HostListing {
    fn read(
        &mut self,
        cookie: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut index = match self.index_of(cookie) {
            // From the start is always afresh.
            Some(index) if cookie != 0 => index,
            _ => {
                self.seek(cookie)?;
                0
            }
        };
        loop {
            for kept in self.window.get(index..).unwrap_or_default() {
                let entry = Entry {
                    next: kept.next,
                    ino: kept.ino,
                    filetype: kept.filetype,
                    name: &kept.name,
                };
                if visit(&entry).is_break() {
                    return Ok(());
                }
            }
            self.advance()?;
            if self.window.is_empty() {
                return Ok(());
            }
            index = 0;
        }
    }
}
