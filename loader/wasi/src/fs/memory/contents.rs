//! The bytes of a file in memory.

use std::io::IoSlice;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::bytes;
use super::quota::Held;
use crate::{Errno, Result};

/// What the host gave as contents.
type Given = Box<dyn AsRef<[u8]> + Send + Sync>;

pub(crate) struct Contents {
    bytes: Bytes,
    held: Held,
}

enum Bytes {
    /// As the host gave them, until something changes.
    Given(Given),
    Own(Vec<u8>),
}

impl Contents {
    pub(super) fn empty(held: Held) -> Contents {
        Contents {
            bytes: Bytes::Own(Vec::new()),
            held,
        }
    }

    /// [`Errno::Nospc`] beyond the limit.
    pub(super) fn shared(given: Given, mut held: Held) -> Result<Contents> {
        held.set(bytes((*given).as_ref().len()))?;
        Ok(Contents {
            bytes: Bytes::Given(given),
            held,
        })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Given(given) => (**given).as_ref(),
            Bytes::Own(own) => own,
        }
    }

    pub(super) fn len(&self) -> u64 {
        bytes(self.as_slice().len())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        match &self.bytes {
            Bytes::Given(_) => 0,
            Bytes::Own(own) => own.capacity(),
        }
    }

    /// Cuts, or adds zeros.
    pub(super) fn set_len(&mut self, len: u64) -> Result<()> {
        if len > self.len() {
            let end = usize::try_from(len).map_err(|_| Errno::Nospc)?;
            self.grow(len)?.resize(end, 0);
        } else if len < self.len() {
            let end = usize::try_from(len).map_err(|_| Errno::Fbig)?;
            self.bytes.cut(end)?;
            self.held.set(len)?;
        }
        Ok(())
    }

    /// Writes as much as fits. [`Errno::Nospc`] if nothing does, [`Errno::Fbig`] beyond the greatest file.
    pub(super) fn write_at(&mut self, buffers: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let lens = buffers.iter().map(|buffer| bytes(buffer.len()));
        let wanted = lens.fold(0, u64::saturating_add);
        if wanted == 0 {
            return Ok(0);
        }
        let end = offset.checked_add(wanted).ok_or(Errno::Fbig)?;
        i64::try_from(end).map_err(|_| Errno::Fbig)?;
        let end = end.min(self.held.greatest().max(self.len()));
        if end <= offset {
            return Err(Errno::Nospc);
        }
        let start = usize::try_from(offset).map_err(|_| Errno::Nospc)?;
        let room = usize::try_from(end).map_err(|_| Errno::Nospc)?;
        let own = self.grow(end)?;
        if own.len() < start {
            own.resize(start, 0);
        }
        let mut at = start;
        for buffer in buffers {
            let fits = room.saturating_sub(at).min(buffer.len());
            let source = buffer.get(..fits).unwrap_or_default();
            // Over what is there, then behind it.
            let old = own.get_mut(at..).unwrap_or_default();
            let (over, behind) = source.split_at(source.len().min(old.len()));
            if let Some(place) = old.get_mut(..over.len()) {
                place.copy_from_slice(over);
            }
            own.extend_from_slice(behind);
            at = at.saturating_add(source.len());
        }
        Ok(at.saturating_sub(start))
    }

    /// The bytes to be changed, with room for `len` of them, which are held.
    fn grow(&mut self, len: u64) -> Result<&mut Vec<u8>> {
        let old = self.len();
        let room = usize::try_from(len).map_err(|_| Errno::Nospc)?;
        self.held.set(len.max(old))?;
        if let Err(error) = self.bytes.reserve(room) {
            self.held.set(old)?;
            return Err(error);
        }
        match &mut self.bytes {
            Bytes::Own(own) => Ok(own),
            Bytes::Given(_) => Err(Errno::Nospc),
        }
    }
}

impl Bytes {
    /// Makes them our own, with room for `room` bytes. [`Errno::Nospc`] if the host has not as much memory.
    fn reserve(&mut self, room: usize) -> Result<()> {
        match self {
            Bytes::Own(own) => {
                let more = room.saturating_sub(own.len());
                own.try_reserve(more).map_err(|_| Errno::Nospc)
            }
            Bytes::Given(given) => {
                let own = copy((**given).as_ref(), room)?;
                *self = Bytes::Own(own);
                Ok(())
            }
        }
    }

    fn cut(&mut self, len: usize) -> Result<()> {
        match self {
            Bytes::Own(own) => {
                own.truncate(len);
                // What is not held any more is not kept.
                own.shrink_to_fit();
            }
            Bytes::Given(given) => {
                let kept = (**given).as_ref().get(..len).unwrap_or_default();
                let own = copy(kept, len)?;
                *self = Bytes::Own(own);
            }
        }
        Ok(())
    }
}

fn copy(bytes: &[u8], room: usize) -> Result<Vec<u8>> {
    let mut own = Vec::new();
    own.try_reserve_exact(room.max(bytes.len()))
        .map_err(|_| Errno::Nospc)?;
    own.extend_from_slice(bytes);
    Ok(own)
}

/// The contents of one file, for all who have it open.
pub(crate) struct FileBytes(RwLock<Contents>);

impl FileBytes {
    pub(super) fn new(contents: Contents) -> FileBytes {
        FileBytes(RwLock::new(contents))
    }

    pub(super) fn len(&self) -> u64 {
        self.locked().len()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        read(self.locked().as_slice())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Contents) -> Result<T>) -> Result<T> {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, contents: Contents) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = contents;
    }

    fn locked(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
