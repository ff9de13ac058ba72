//! The entries of a host's directory.
//!
//! Cookies are the host's own positions (`d_off` of `getdents64`): they stay valid while entries come and go as far as
//! the file system promises it, and nothing is kept for them here. What is kept is the window: the entries that the
//! last host call gave, because a guest's buffer rarely ends where that does. However large the directory is, a
//! listing holds one window of at most 8 KiB, and reading on from where the last read ended costs no search.
//!
//! ```text
//! window:  | next u64 | inode u64 | filetype u8 | name length u8 | name | next …
//! ```
//!
//! The host spends two bytes more on each entry, so that the window is never larger than what the host gave.

use std::ffi::CStr;
use std::fs::File as StdFile;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;

use rustix::fs::{AtFlags, FileType as HostType, RawDir, SeekFrom};

use super::{Entry, Listing};
use crate::types::Filetype;
use crate::{Errno, Result};

/// Room for what one host call gives; some hundred entries.
const HOST_CALL_BYTES: usize = 8 << 10;

pub(super) struct HostListing {
    dir: StdFile,
    /// Of the directory itself, and for the guest also of that above, of which it learns nothing here.
    own_ino: u64,
    /// The cookie of the first entry of the window.
    start: u64,
    /// That of the entry after the window, where the host's position is.
    end: u64,
    window: Vec<u8>,
}

impl HostListing {
    /// `dir` is open for reading, for this listing alone.
    pub(super) fn new(dir: StdFile, own_ino: u64) -> HostListing {
        HostListing {
            dir,
            own_ino,
            start: 0,
            end: 0,
            window: Vec::new(),
        }
    }

    /// Where in the window the entry at `cookie` begins; the end of the window is the one after the last.
    fn find(&self, cookie: u64) -> Option<usize> {
        if cookie == self.start {
            return Some(0);
        }
        let mut rest = self.window.as_slice();
        while let Some((entry, after)) = first(rest) {
            rest = after;
            if entry.next == cookie {
                return self.window.len().checked_sub(rest.len());
            }
        }
        None
    }

    fn seek(&mut self, cookie: u64) -> Result<()> {
        i64::try_from(cookie).map_err(|_| Errno::Inval)?;
        rustix::fs::seek(&self.dir, SeekFrom::Start(cookie))?;
        self.window.clear();
        (self.start, self.end) = (cookie, cookie);
        Ok(())
    }

    /// Replaces the window by the entries after it; none is the end.
    fn advance(&mut self) -> Result<()> {
        self.start = self.end;
        self.window.clear();
        let mut buffer = [MaybeUninit::uninit(); HOST_CALL_BYTES];
        let mut raw = RawDir::new(&self.dir, &mut buffer);
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name();
            let ino = match name.to_bytes() {
                b".." => self.own_ino,
                _ => entry.ino(),
            };
            let filetype = filetype(&self.dir, entry.file_type(), name);
            let name = name.to_bytes();
            // No host has longer names.
            let name_len = u8::try_from(name.len()).map_err(|_| Errno::Nametoolong)?;
            self.end = entry.next_entry_cookie();
            self.window.extend_from_slice(&self.end.to_le_bytes());
            self.window.extend_from_slice(&ino.to_le_bytes());
            self.window.extend_from_slice(&[filetype as u8, name_len]);
            self.window.extend_from_slice(name);
            if raw.is_buffer_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Some file systems list names without types, which must then be asked for. A name that is gone meanwhile has none.
fn filetype(dir: &StdFile, listed: HostType, name: &CStr) -> Filetype {
    if listed != HostType::Unknown {
        return listed.into();
    }
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(Filetype::Unknown, |stat| {
        HostType::from_raw_mode(stat.st_mode).into()
    })
}

/// The first entry of that part of a window, and what follows.
fn first(window: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (next, rest) = window.split_first_chunk()?;
    let (ino, rest) = rest.split_first_chunk()?;
    let (&[filetype, name_len], rest) = rest.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(name_len.into())?;
    let entry = Entry {
        next: u64::from_le_bytes(*next),
        ino: u64::from_le_bytes(*ino),
        filetype: Filetype::from_raw(filetype),
        name,
    };
    Some((entry, rest))
}

impl Listing for HostListing {
    fn read(
        &mut self,
        cookie: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut at = match self.find(cookie) {
            // From the start is always afresh.
            Some(at) if cookie != 0 => at,
            _ => {
                self.seek(cookie)?;
                0
            }
        };
        loop {
            let mut rest = self.window.get(at..).unwrap_or_default();
            while let Some((entry, after)) = first(rest) {
                rest = after;
                if visit(&entry).is_break() {
                    return Ok(());
                }
            }
            self.advance()?;
            if self.window.is_empty() {
                return Ok(());
            }
            at = 0;
        }
    }
}
