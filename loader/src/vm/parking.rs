//! Where threads wait for others to change a shared memory: `memory.atomic.wait` and `notify`.
//!
//! One queue per address. A waiter compares and queues up in one step, with the lock held, so that
//! nobody who changes the value and notifies after that can miss it. Whoever is notified is taken
//! out of the queue by the notifier; the others take themselves out.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use precast_artifacts_format::TrapCode;

/// How waiting has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// By a notification.
    Woken,
    /// Before it began: the value was another.
    NotEqual,
    /// Nobody has notified in time.
    TimedOut,
    /// The guest is to stop, for this reason.
    Stopped(TrapCode),
}

/// The threads that wait at addresses of one memory.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    /// First come, first woken. No queue is empty.
    queues: Mutex<HashMap<u64, VecDeque<Arc<Waiter>>>>,
}

#[derive(Debug)]
struct Waiter {
    thread: Thread,
    /// Set with the lock held, by whoever takes it out of the queue.
    is_woken: AtomicBool,
}

impl Parking {
    /// Waits at `address` until it is notified, unless `is_equal` says that the value there is
    /// another already.
    ///
    /// `stop` is asked whenever the thread is unparked, and once before it parks.
    pub(crate) fn wait(
        &self,
        address: u64,
        is_equal: impl FnOnce() -> bool,
        deadline: Option<Instant>,
        stop: impl Fn() -> Option<TrapCode>,
    ) -> Waited {
        let waiter = {
            let mut queues = self.queues();
            if !is_equal() {
                return Waited::NotEqual;
            }
            let waiter = Arc::new(Waiter {
                thread: thread::current(),
                is_woken: AtomicBool::new(false),
            });
            let queue = queues.entry(address).or_default();
            queue.push_back(Arc::clone(&waiter));
            waiter
        };
        let ended = loop {
            if waiter.is_woken.load(Ordering::Acquire) {
                return Waited::Woken;
            }
            if let Some(reason) = stop() {
                break Waited::Stopped(reason);
            }
            match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => break Waited::TimedOut,
                Some(left) => thread::park_timeout(left),
            }
        };
        let mut queues = self.queues();
        if waiter.is_woken.load(Ordering::Acquire) {
            // Just now, and the notifier has counted it.
            return Waited::Woken;
        }
        if let Some(queue) = queues.get_mut(&address) {
            queue.retain(|other| !Arc::ptr_eq(other, &waiter));
            if queue.is_empty() {
                queues.remove(&address);
            }
        }
        ended
    }

    /// Wakes up to `count` of those that wait at `address`, the first ones first. How many.
    pub(crate) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut woken = Vec::new();
        {
            let mut queues = self.queues();
            if let Some(queue) = queues.get_mut(&address) {
                let count = queue.len().min(count as usize);
                woken.extend(queue.drain(..count));
                if queue.is_empty() {
                    queues.remove(&address);
                }
            }
            for waiter in &woken {
                waiter.is_woken.store(true, Ordering::Release);
            }
        }
        for waiter in &woken {
            waiter.thread.unpark();
        }
        u32::try_from(woken.len()).unwrap_or(u32::MAX)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<Arc<Waiter>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.queues().values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn never() -> Option<TrapCode> {
        None
    }

    #[test]
    fn nobody_waits_for_what_has_happened() {
        let parking = Parking::default();
        let waited = parking.wait(8, || false, None, never);
        assert_eq!((waited, parking.waiting()), (Waited::NotEqual, 0));
        let soon = Some(Instant::now() + Duration::from_millis(2));
        let waited = parking.wait(8, || true, soon, never);
        assert_eq!((waited, parking.waiting()), (Waited::TimedOut, 0));
        let waited = parking.wait(8, || true, None, || Some(TrapCode::Interrupted));
        assert_eq!(waited, Waited::Stopped(TrapCode::Interrupted));
        assert_eq!((parking.waiting(), parking.notify(8, 1)), (0, 0));
    }

    #[test]
    fn those_who_came_first_are_woken_first_and_only_at_their_address() {
        let parking = Parking::default();
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 0..4 {
                let (parking, order) = (&parking, &order);
                let address = if number == 3 { 16 } else { 8 };
                scope.spawn(move || {
                    assert_eq!(parking.wait(address, || true, None, never), Waited::Woken);
                    order.lock().unwrap().push(number);
                });
                while parking.waiting() <= number {
                    thread::yield_now();
                }
            }
            assert_eq!(parking.notify(24, u32::MAX), 0);
            assert_eq!(parking.notify(8, 0), 0);
            for number in 0..3 {
                assert_eq!(parking.notify(8, 1), 1);
                while order.lock().unwrap().len() <= number {
                    thread::yield_now();
                }
            }
            assert_eq!(parking.notify(8, 1), 0);
            assert_eq!(parking.notify(16, u32::MAX), 1);
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 3]);
    }
}
