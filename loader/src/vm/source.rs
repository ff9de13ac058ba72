//! Where a store's memories come from.

use std::sync::Arc;

use precast_artifacts_format::Tunables;

use super::layout::SpaceLayout;
use super::shelf::{Lease, Shelf};
use super::space::{MemoryKey, Space};
use crate::allocator::MemoryAllocator;
use crate::error::Error;
use crate::pool::Pool;

/// What an engine keeps resident of each memory that waits on its shelf, in bytes.
pub(crate) const KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Where memories, and what else a pool may have, come from. A clone is the same source.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// From the system, by way of the engine's shelf.
    System(Shelf),
    /// From the host.
    Host(Arc<dyn MemoryAllocator>),
    /// From slots that have been set aside.
    Pool(Pool),
}

impl Source {
    /// For an engine: from `allocator` if there is one, else from a shelf with room for `max_idle`
    /// memories.
    pub(crate) fn new(allocator: Option<Arc<dyn MemoryAllocator>>, max_idle: usize) -> Self {
        match allocator {
            Some(allocator) => Self::Host(allocator),
            None => Self::System(Shelf::new(Vec::new(), max_idle)),
        }
    }

    /// The pool, if it is one.
    pub(crate) fn pool(&self) -> Option<&Pool> {
        match self {
            Self::Pool(pool) => Some(pool),
            _ => None,
        }
    }
}

/// A space from the system for a memory of `tenant`'s.
pub(crate) fn from_system(
    shelf: &Shelf,
    tenant: Option<MemoryKey>,
    layout: SpaceLayout,
) -> Result<Lease, Error> {
    // What has just the capacity that one memory needs is of no use to another.
    let is_usual = layout.guard_bytes == Some(Tunables::DEFAULT.memory_guard_bytes);
    if !is_usual {
        return reserve(layout).map(Lease::of_own);
    }
    match shelf.take(tenant) {
        Some(lease) => Ok(lease),
        None => Ok(shelf.lend(reserve(layout)?)),
    }
}

/// Address space for one memory.
pub(crate) fn reserve(layout: SpaceLayout) -> Result<Space, Error> {
    let action = match layout.guard_bytes {
        None => "set address space aside for a memory",
        Some(_) => {
            "set 4 GiB of address space aside for a memory (compiled with `--memory checked` it needs less)"
        }
    };
    Space::reserve(layout, KEEP_RESIDENT_BYTES).map_err(|error| Error::io(action, error))
}
