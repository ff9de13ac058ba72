//! Memory that generated code knows by address.
#![allow(
    unsafe_code,
    reason = "values are read and written where generated code finds them"
)]

use std::alloc::{self, Layout};
use std::marker::PhantomData;
use std::mem::needs_drop;
use std::ptr::NonNull;
use std::sync::Arc;

use precast_artifacts_format::abi::{
    HostFuncContext, VmFunc, VmFuncRef, VmGlobal, VmMemory, VmTable, VmctxHeader,
};

use crate::pool::blocks;

/// A piece of memory that stands still, zero at first.
///
/// It is read and written through [`Place`]s, and by generated code while that runs. Both belong
/// to one store, and whoever uses the store has it to himself.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
    /// Keeps the memory, if it is a pool's.
    pooled: Option<blocks::Block>,
}

// SAFETY: the memory is owned, and holds plain data.
unsafe impl Send for Block {}
// SAFETY: `&Block` gives addresses only; for access see `Place`.
unsafe impl Sync for Block {}

impl Block {
    /// A block of zeros, or `None` if there is no memory for it.
    pub(crate) fn new(layout: Layout) -> Option<Arc<Self>> {
        assert!(layout.size() > 0, "nothing needs an empty block");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc::alloc_zeroed(layout) })?;
        Some(Arc::new(Self {
            start,
            layout,
            pooled: None,
        }))
    }

    /// The first bytes of a block of a pool's, as many as the layout says, which are those that it
    /// has been taken for.
    pub(crate) fn pooled(block: blocks::Block, layout: Layout) -> Arc<Self> {
        Arc::new(Self {
            start: block.start(),
            layout,
            pooled: Some(block),
        })
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// The place of a `T` at `offset` bytes from the start.
    ///
    /// # Panics
    ///
    /// If it is not within the block, or not aligned.
    pub(crate) fn place<T: Plain>(self: &Arc<Self>, offset: usize) -> Place<T> {
        const { assert!(!needs_drop::<T>()) }
        let end = offset.checked_add(size_of::<T>());
        assert!(
            end.is_some_and(|end| end <= self.layout.size())
                && offset.is_multiple_of(align_of::<T>())
                && self.layout.align() >= align_of::<T>(),
            "a place outside of its block"
        );
        Place {
            // SAFETY: the offset is within the block.
            at: unsafe { self.start.add(offset) }.cast(),
            _block: Arc::clone(self),
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.pooled.is_none() {
            // SAFETY: allocated with just this layout, and no `Place` is left.
            unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) };
        }
    }
}

/// Types without anything to drop, of which every bit pattern is a value.
pub(crate) trait Plain: Clone {}

impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for HostFuncContext {}
impl Plain for VmFunc {}
impl Plain for VmFuncRef {}
impl Plain for VmGlobal {}
impl Plain for VmMemory {}
impl Plain for VmTable {}
impl Plain for VmctxHeader {}

/// Where a `T` is; keeps the block around it. A clone is the same place.
#[derive(Debug)]
pub(crate) struct Place<T> {
    at: NonNull<T>,
    _block: Arc<Block>,
}

// SAFETY: plain data in a block that can be sent.
unsafe impl<T: Plain> Send for Place<T> {}
// SAFETY: places are reached through their store: those who share it only read, and guest code
// runs only for one who has the store to himself.
unsafe impl<T: Plain> Sync for Place<T> {}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            _block: Arc::clone(&self._block),
        }
    }
}

impl<T: Plain> Place<T> {
    /// A place in a block of its own.
    pub(crate) fn new(value: T) -> Self {
        let layout = Layout::new::<T>();
        let block = Block::new(layout).unwrap_or_else(|| alloc::handle_alloc_error(layout));
        let mut place = block.place(0);
        place.write(value);
        place
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.at.as_ptr().expose_provenance() as u64
    }

    /// The value there.
    #[inline]
    pub(crate) fn read(&self) -> T {
        // SAFETY: the block is kept, `Block::place` has checked size and alignment, and any bytes
        // are a value. Nobody writes meanwhile: whoever calls has borrowed the store.
        unsafe { self.at.read() }
    }

    /// Puts another value there.
    #[inline]
    pub(crate) fn write(&mut self, value: T) {
        // SAFETY: as for `read`; whoever calls has borrowed the store mutably.
        unsafe { self.at.write(value) }
    }
}

/// How many values [`Places`] puts into one block.
const PLACES_EACH: usize = 16;

/// Places for values that come one by one, several to a block.
#[derive(Debug)]
pub(crate) struct Places<T> {
    /// The block of the next one, and how many it holds already.
    last: Option<(Arc<Block>, usize)>,
    _holds: PhantomData<T>,
}

impl<T: Plain> Places<T> {
    /// Without a block.
    pub(crate) fn new() -> Self {
        Self {
            last: None,
            _holds: PhantomData,
        }
    }

    /// A new place. It stays when `self` goes.
    pub(crate) fn add(&mut self, value: T) -> Place<T> {
        let (block, used) = match self.last.take() {
            Some((block, used)) if used < PLACES_EACH => (block, used),
            _ => {
                let layout = Layout::new::<[T; PLACES_EACH]>();
                let block = Block::new(layout);
                let block = block.unwrap_or_else(|| alloc::handle_alloc_error(layout));
                (block, 0)
            }
        };
        let mut place = block.place(used * size_of::<T>());
        place.write(value);
        self.last = Some((block, used + 1));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_the_same_place_and_keep_the_block() {
        let mut place = Place::new(7u64);
        let other = place.clone();
        place.write(8);
        assert_eq!((other.read(), other.address()), (8, place.address()));
        drop(place);
        assert_eq!(other.read(), 8);
    }

    #[test]
    fn values_that_come_one_by_one_stay_where_they_are() {
        let mut places = Places::new();
        let added: Vec<_> = (0..100u64).map(|n| places.add(n)).collect();
        drop(places);
        let mut addresses: Vec<_> = added.iter().map(Place::address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 100);
        assert!(added.iter().zip(0..).all(|(place, n)| place.read() == n));
    }

    #[test]
    #[should_panic = "outside of its block"]
    fn a_place_beyond_the_block_is_refused() {
        let block = Block::new(Layout::new::<u64>()).unwrap();
        block.place::<u64>(8);
    }
}
