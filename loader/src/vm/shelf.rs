//! Spaces that are clean and wait for the next memory.
//!
//! The best space for a memory is the one that the same memory, of the same module, was the last
//! to use: what it needs is mapped there already. So:
//!
//! 1. the space that came back last of those that the memory has used;
//! 2. or else one that has no module's contents;
//! 3. or else the one that has been waiting longest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::space::{MemoryKey, Space};

/// Where clean spaces wait. Cheap to clone; a clone is the same shelf.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// How many may wait. Those for which there is no room are unmapped.
    room: usize,
}

/// Sorted by who used them last.
#[derive(Debug, Default)]
struct Waiting {
    /// Nobody, or no module.
    blank: Vec<Space>,
    /// By when they came, a number that grows.
    by_time: BTreeMap<u64, Space>,
    /// The same ones by the memory that used them, and when they came.
    by_tenant: BTreeSet<(MemoryKey, u64)>,
    next_time: u64,
}

impl Shelf {
    /// A shelf with `spaces`, and room for `room`.
    pub(crate) fn new(spaces: Vec<Space>, room: usize) -> Self {
        let waiting = Waiting {
            blank: spaces,
            ..Waiting::default()
        };
        Self {
            inner: Arc::new(Inner {
                waiting: Mutex::new(waiting),
                room,
            }),
        }
    }

    /// The best space for a memory of `tenant`'s. It comes back when it is dropped.
    pub(crate) fn take(&self, tenant: Option<MemoryKey>) -> Option<Lease> {
        let space = self.waiting().take(tenant)?;
        Some(self.lend(space))
    }

    /// A space that comes to the shelf when it is dropped.
    pub(crate) fn lend(&self, space: Space) -> Lease {
        Lease {
            space: Some(space),
            home: Some(self.clone()),
        }
    }

    fn has_room(&self) -> bool {
        self.waiting().len() < self.inner.room
    }

    fn put(&self, space: Space) {
        let mut waiting = self.waiting();
        let surplus = if waiting.len() < self.inner.room {
            None
        } else {
            waiting.take_oldest()
        };
        if self.inner.room > 0 {
            waiting.put(space);
        }
        // Unmapping takes its time.
        drop(waiting);
        drop(surplus);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.inner.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.blank.len() + self.by_time.len()
    }

    fn take(&mut self, tenant: Option<MemoryKey>) -> Option<Space> {
        tenant
            .and_then(|tenant| self.take_last_of(tenant))
            .or_else(|| self.blank.pop())
            .or_else(|| self.take_oldest())
    }

    fn take_last_of(&mut self, tenant: MemoryKey) -> Option<Space> {
        let all = (tenant, 0)..=(tenant, u64::MAX);
        let &last = self.by_tenant.range(all).next_back()?;
        self.by_tenant.remove(&last);
        self.by_time.remove(&last.1)
    }

    fn take_oldest(&mut self) -> Option<Space> {
        let Some((time, space)) = self.by_time.pop_first() else {
            return self.blank.pop();
        };
        if let Some(tenant) = space.tenant() {
            self.by_tenant.remove(&(tenant, time));
        }
        Some(space)
    }

    fn put(&mut self, space: Space) {
        let Some(tenant) = space.tenant() else {
            self.blank.push(space);
            return;
        };
        let time = self.next_time;
        self.next_time += 1;
        self.by_tenant.insert((tenant, time));
        self.by_time.insert(time, space);
    }
}

/// A space in use. Dropped, it is cleaned and goes back to its shelf; if there is no room, or if it
/// cannot be cleaned, nobody uses it again.
#[derive(Debug)]
pub(crate) struct Lease {
    /// There until the lease is dropped.
    space: Option<Space>,
    home: Option<Shelf>,
}

impl Lease {
    /// A space that goes to no shelf.
    pub(crate) fn of_own(space: Space) -> Self {
        Self {
            space: Some(space),
            home: None,
        }
    }
}

impl Deref for Lease {
    type Target = Space;

    fn deref(&self) -> &Space {
        self.space.as_ref().expect("there until dropped")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Space {
        self.space.as_mut().expect("there until dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (Some(mut space), Some(home)) = (self.space.take(), self.home.take())
            // Cleaning what is unmapped next would be in vain.
            && home.has_room()
            && space.reset().is_ok()
        {
            home.put(space);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::layout::SpaceLayout;

    fn shelf(spaces: usize, room: usize) -> Shelf {
        let layout = SpaceLayout::checked(1 << 20).unwrap();
        Shelf::new(Space::reserve_many(layout, 65_536, spaces).unwrap(), room)
    }

    fn key(module: u64) -> Option<MemoryKey> {
        Some(MemoryKey { module, memory: 0 })
    }

    /// Takes a space for a memory of that module. Its base says which it is.
    fn take(shelf: &Shelf, module: u64) -> (usize, Lease) {
        let mut lease = shelf.take(key(module)).unwrap();
        lease.prepare(65_536, key(module), None).unwrap();
        (lease.base().addr(), lease)
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_memory_gets_the_space_back_that_it_used_last() {
        let shelf = shelf(3, 3);
        let (a, of_a) = take(&shelf, 1);
        let (b, of_b) = take(&shelf, 2);
        drop((of_a, of_b));
        for _ in 0..3 {
            assert_eq!(take(&shelf, 1).0, a);
            assert_eq!(take(&shelf, 2).0, b);
        }
        let (other, _other) = take(&shelf, 3);
        assert!(other != a && other != b, "a blank one first");
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_new_memory_gets_the_space_that_has_waited_longest() {
        let shelf = shelf(2, 2);
        let (a, of_a) = take(&shelf, 1);
        let (b, of_b) = take(&shelf, 2);
        drop(of_a);
        drop(of_b);
        assert_eq!(take(&shelf, 3).0, a);
        assert_eq!(take(&shelf, 4).0, b);
        assert_eq!(take(&shelf, 3).0, a);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn an_empty_shelf_has_nothing_until_something_comes_back() {
        let shelf = shelf(1, 1);
        let (_, lease) = take(&shelf, 1);
        assert!(shelf.take(key(1)).is_none());
        drop(lease);
        assert!(shelf.take(key(2)).is_some());
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn what_there_is_no_room_for_goes() {
        let shelf = shelf(3, 2);
        let leases = [1, 2, 3].map(|module| take(&shelf, module));
        drop(leases);
        assert_eq!(shelf.waiting().len(), 2);
        let without = self::shelf(1, 0);
        drop(take(&without, 1));
        assert_eq!(without.waiting().len(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn nothing_is_remembered_of_modules_whose_spaces_are_gone() {
        let shelf = shelf(2, 2);
        for module in 0..100 {
            drop(take(&shelf, module));
        }
        assert_eq!(shelf.waiting().by_tenant.len(), 2);
    }
}
