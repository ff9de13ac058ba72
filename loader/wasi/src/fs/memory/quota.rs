//! How much a file system in memory may take, and who takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Errno, Result};

pub(super) struct Quota {
    limit: u64,
    used: AtomicU64,
}

impl Quota {
    pub(super) fn new(limit: u64) -> Quota {
        Quota {
            limit,
            used: AtomicU64::new(0),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// [`Errno::Nospc`] beyond the limit.
    fn take(&self, bytes: u64) -> Result<()> {
        let take = |used: u64| {
            let sum = used.checked_add(bytes)?;
            (sum <= self.limit).then_some(sum)
        };
        self.used
            .try_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map(drop)
            .map_err(|_| Errno::Nospc)
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes taken from a quota, given back when this is dropped.
pub(super) struct Held {
    quota: Arc<Quota>,
    bytes: u64,
}

impl Held {
    pub(super) fn nothing(quota: &Arc<Quota>) -> Held {
        Held {
            quota: Arc::clone(quota),
            bytes: 0,
        }
    }

    pub(super) fn new(quota: &Arc<Quota>, bytes: u64) -> Result<Held> {
        let mut held = Held::nothing(quota);
        held.set(bytes)?;
        Ok(held)
    }

    /// Takes or gives back the difference. [`Errno::Nospc`] beyond the limit; nothing changes then.
    pub(super) fn set(&mut self, bytes: u64) -> Result<()> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.quota.take(more)?,
            None => self.quota.give_back(self.bytes.saturating_sub(bytes)),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// What could be held at most, by now.
    pub(super) fn greatest(&self) -> u64 {
        let free = self.quota.limit.saturating_sub(self.quota.used());
        self.bytes.saturating_add(free)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.quota.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let quota = Arc::new(Quota::new(10));
        let mut held = Held::new(&quota, 4).unwrap();
        assert_eq!(held.greatest(), 10);
        assert_eq!(Held::new(&quota, 7).err(), Some(Errno::Nospc));
        assert_eq!(held.set(u64::MAX), Err(Errno::Nospc));
        assert_eq!(held.set(10), Ok(()));
        assert_eq!(held.set(1), Ok(()));
        assert_eq!(quota.used(), 1);
        drop(held);
        assert_eq!(quota.used(), 0);
    }
}
