//! The thread that watches the deadlines of all stores, and repeats signals that may have come at
//! the wrong moment.
//!
//! One map of what is to happen when. The thread sleeps until the first of it. It is woken early
//! only for something that is due before it would wake by itself, so that deadlines which are set
//! and cleared for every request wake it rarely.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{DEADLINE, Interrupts};

/// A signal is repeated after so long, [`QUICK_REPEATS`] times: a guest that is mostly in the
/// runtime's routines may have to be tried a few times.
const FIRST_REPEAT: Duration = Duration::from_millis(1);
const QUICK_REPEATS: u32 = 32;
/// Then after twice as long each time, up to this: it is in a host function that takes its time.
const LAST_REPEAT: Duration = Duration::from_millis(128);
/// How often a thread is looked for that runs the guest. One that began to when the request came
/// is seen long before.
const LOOKS_WITHOUT_THREAD: u32 = 4;

/// A deadline that has been set. Taken back when it is dropped.
#[derive(Debug)]
pub(crate) struct Deadline(Key);

impl Drop for Deadline {
    fn drop(&mut self) {
        lock().events.remove(&self.0);
    }
}

/// When, and a number, since several events may be at the same time.
type Key = (Instant, u64);

enum Event {
    Deadline,
    Repeat(Repeats),
}

#[derive(Clone, Copy, Default)]
struct Repeats {
    /// How many there have been.
    done: u32,
    /// How many of the last ones found no thread.
    in_vain: u32,
}

impl Repeats {
    /// How long to wait for the next one.
    fn pause(self) -> Duration {
        let doublings = self.done.saturating_sub(QUICK_REPEATS).min(16);
        (FIRST_REPEAT * (1 << doublings)).min(LAST_REPEAT)
    }
}

struct Timer {
    events: BTreeMap<Key, (Arc<Interrupts>, Event)>,
    next_number: u64,
    /// When the thread wakes by itself; `None` if it does not.
    wakes_at: Option<Instant>,
    started: bool,
}

static TIMER: Mutex<Timer> = Mutex::new(Timer {
    events: BTreeMap::new(),
    next_number: 0,
    wakes_at: None,
    started: false,
});
static EARLIER: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Timer> {
    TIMER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread, once per process.
pub(super) fn start() -> io::Result<()> {
    let mut timer = lock();
    if !timer.started {
        std::thread::Builder::new()
            .name("precast-timer".into())
            .spawn(run)?;
        timer.started = true;
    }
    Ok(())
}

/// Sets a deadline in place of the one before.
pub(super) fn replace_deadline(
    before: Option<Deadline>,
    interrupts: &Arc<Interrupts>,
    at: Instant,
) -> Option<Deadline> {
    // From here on it cannot pass any more.
    drop(before);
    let mut timer = lock();
    if at <= Instant::now() {
        interrupts.request(DEADLINE);
        return None;
    }
    interrupts.withdraw(DEADLINE);
    Some(Deadline(timer.add(at, interrupts, Event::Deadline)))
}

/// Takes a deadline back, also one that has passed.
pub(super) fn clear_deadline(before: Option<Deadline>, interrupts: &Interrupts) {
    drop(before);
    interrupts.withdraw(DEADLINE);
}

/// Sends the signal for a request again, as long as it stands.
pub(super) fn signal_again(interrupts: &Arc<Interrupts>) {
    lock().repeat(interrupts, Repeats::default());
}

impl Timer {
    fn add(&mut self, at: Instant, interrupts: &Arc<Interrupts>, event: Event) -> Key {
        let key = (at, self.next_number);
        self.next_number += 1;
        self.events.insert(key, (Arc::clone(interrupts), event));
        if self.wakes_at.is_none_or(|wakes_at| at < wakes_at) {
            EARLIER.notify_one();
        }
        key
    }

    fn repeat(&mut self, interrupts: &Arc<Interrupts>, repeats: Repeats) {
        let at = Instant::now() + repeats.pause();
        self.add(at, interrupts, Event::Repeat(repeats));
    }

    /// Does what is due. When something is next.
    fn advance(&mut self) -> Option<Instant> {
        loop {
            let first = self.events.first_entry()?;
            let &(at, _) = first.key();
            if at > Instant::now() {
                return Some(at);
            }
            let (interrupts, event) = first.remove();
            let mut repeats = match event {
                Event::Deadline => {
                    interrupts.request(DEADLINE);
                    Repeats::default()
                }
                Event::Repeat(repeats) => repeats,
            };
            if interrupts.requested().is_none() {
                continue;
            }
            repeats.done += 1;
            repeats.in_vain = match interrupts.signal() {
                true => 0,
                false => repeats.in_vain + 1,
            };
            if repeats.in_vain < LOOKS_WITHOUT_THREAD {
                self.repeat(&interrupts, repeats);
            }
        }
    }
}

fn run() {
    let mut timer = lock();
    loop {
        timer.wakes_at = timer.advance();
        timer = match timer.wakes_at {
            None => EARLIER.wait(timer).unwrap_or_else(PoisonError::into_inner),
            Some(at) => {
                let pause = at.saturating_duration_since(Instant::now());
                let waited = EARLIER.wait_timeout(timer, pause);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(interrupts: &Interrupts) {
        while interrupts.requested().is_none() {
            std::thread::yield_now();
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "milliseconds are too short")]
    fn deadlines_pass_in_any_order_and_only_if_they_are_not_taken_back() {
        start().unwrap();
        let now = Instant::now();
        let [late, early, past, cleared, moved] = [(); 5].map(|()| Arc::<Interrupts>::default());
        let in_ms = |ms| now + Duration::from_millis(ms);
        // Late enough to be set before they pass.
        let cleared_key = replace_deadline(None, &cleared, in_ms(200));
        let moved_key = replace_deadline(None, &moved, in_ms(200));
        let _late = replace_deadline(None, &late, in_ms(210));
        let _early = replace_deadline(None, &early, in_ms(5));
        // It may have passed before it was taken back, which does not count.
        let dropped = loop {
            let dropped = Arc::<Interrupts>::default();
            let soon = Instant::now() + Duration::from_millis(2);
            drop(replace_deadline(None, &dropped, soon));
            if dropped.requested().is_none() {
                break dropped;
            }
        };
        assert!(replace_deadline(None, &past, now).is_none());
        clear_deadline(cleared_key, &cleared);
        let moved_key = replace_deadline(moved_key, &moved, in_ms(3_600_000));
        assert!(past.requested().is_some());
        wait_for(&early);
        wait_for(&late);
        assert_eq!(cleared.requested(), None);
        assert_eq!(dropped.requested(), None);
        assert_eq!(moved.requested(), None);
        clear_deadline(moved_key, &moved);
    }

    #[test]
    fn a_request_that_nobody_answers_is_not_repeated_for_ever() {
        start().unwrap();
        let idle = Arc::<Interrupts>::default();
        idle.request(DEADLINE);
        signal_again(&idle);
        while Arc::strong_count(&idle) > 1 {
            std::thread::yield_now();
        }
    }
}
