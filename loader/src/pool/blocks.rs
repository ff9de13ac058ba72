//! Blocks of memory of one size, for tables and vmctxs: zeros when they are taken, and zeroed when
//! they come back.
#![allow(unsafe_code, reason = "blocks are zeroed where they are mapped")]

use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sys::mmap::{Mapping, Protection, Stretch, page_bytes};

/// Up to this size, what has been used of a block is zeroed rather than given back to the system:
/// a page that has to be fetched again costs as much as zeroing dozens.
const KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Blocks that nobody uses. Cheap to clone; a clone is the same collection.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    free: Arc<Mutex<Vec<Stretch>>>,
}

impl Blocks {
    /// Sets address space aside for `count` blocks of `bytes`, rounded up to pages.
    pub(crate) fn reserve(bytes: usize, count: usize) -> io::Result<Self> {
        let too_large = || io::Error::from(io::ErrorKind::OutOfMemory);
        let bytes = bytes
            .max(1)
            .checked_next_multiple_of(page_bytes())
            .ok_or_else(too_large)?;
        let free = match bytes.checked_mul(count).ok_or_else(too_large)? {
            0 => Vec::new(),
            total => {
                let mapping = Mapping::reserve(total)?;
                mapping.protect(0..total, Protection::ReadWrite)?;
                mapping.divide(0, bytes, bytes, count)?
            }
        };
        Ok(Self {
            free: Arc::new(Mutex::new(free)),
        })
    }

    /// A block of zeros, of which `dirty_bytes` will be written to; `None` if all are in use. It
    /// comes back when it is dropped.
    pub(crate) fn take(&self, dirty_bytes: usize) -> Option<Block> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let stretch = free.pop()?;
        if dirty_bytes > stretch.len() {
            free.push(stretch);
            return None;
        }
        Some(Block {
            stretch: Some(stretch),
            dirty_bytes,
            home: self.clone(),
        })
    }
}

/// A block in use.
#[derive(Debug)]
pub(crate) struct Block {
    /// There until the block is dropped.
    stretch: Option<Stretch>,
    dirty_bytes: usize,
    home: Blocks,
}

impl Block {
    /// Where it is.
    pub(crate) fn start(&self) -> NonNull<u8> {
        let stretch = self.stretch.as_ref();
        stretch.expect("there until dropped").start()
    }

    /// Says that no more than the first `bytes` will have been written to. `false`, and nothing is
    /// changed, if it is not that large.
    pub(crate) fn widen(&mut self, bytes: usize) -> bool {
        let fits = self.stretch.as_ref().is_some_and(|s| bytes <= s.len());
        if fits {
            self.dirty_bytes = self.dirty_bytes.max(bytes);
        }
        fits
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let Some(mut stretch) = self.stretch.take() else {
            return;
        };
        zero(&mut stretch, self.dirty_bytes);
        let free = self.home.free.lock();
        free.unwrap_or_else(PoisonError::into_inner).push(stretch);
    }
}

/// Zeroes the first `bytes` of a block.
fn zero(stretch: &mut Stretch, bytes: usize) {
    let bytes = bytes.min(stretch.len());
    let pages = bytes.next_multiple_of(page_bytes());
    if bytes <= KEEP_RESIDENT_BYTES || stretch.discard(0..pages).is_err() {
        // SAFETY: blocks are readable and writable from the start on, this one belongs to the
        // caller, and it is so long.
        unsafe { stretch.start().write_bytes(0, bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of a block.
    fn bytes(block: &mut Block) -> &mut [u8] {
        let stretch = block.stretch.as_ref().unwrap();
        // SAFETY: all of it is mapped and initialised, and borrowed for so long.
        unsafe { std::slice::from_raw_parts_mut(stretch.start().as_ptr(), stretch.len()) }
    }

    fn blocks_come_back_as_zeros(size: usize, dirty: usize) {
        let blocks = Blocks::reserve(size, 1).unwrap();
        for _ in 0..3 {
            let mut block = blocks.take(0).unwrap();
            assert!(blocks.take(0).is_none(), "there is only one");
            assert!(bytes(&mut block).iter().all(|&byte| byte == 0));
            assert!(block.widen(dirty));
            bytes(&mut block)[..dirty].fill(0xee);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn small_blocks_come_back_as_zeros() {
        blocks_come_back_as_zeros(1, 1);
        blocks_come_back_as_zeros(65_536, 65_536);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn large_blocks_come_back_as_zeros() {
        blocks_come_back_as_zeros(1 << 20, (1 << 20) - 1);
        blocks_come_back_as_zeros(1 << 20, 100_001);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_block_is_not_larger_than_it_is() {
        let page = page_bytes();
        let blocks = Blocks::reserve(1, 1).unwrap();
        assert!(blocks.take(page + 1).is_none());
        let mut block = blocks.take(page).unwrap();
        assert!(!block.widen(page + 1));
        assert!(Blocks::reserve(usize::MAX, 2).is_err());
        assert!(Blocks::reserve(100, 0).unwrap().take(1).is_none());
    }
}
