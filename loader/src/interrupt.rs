//! Stopping guest code from outside, without any check in it.
//!
//! ```text
//! whoever wants the guest to stop:      the thread that runs the guest:
//!   note the request in the store         when a call begins: say which thread runs it
//!   send the thread a signal              in the signal's handler: if the pc is in guest code,
//!                                         make it trap there; if not, return
//! ```
//!
//! Where the signal finds the thread elsewhere, the request is seen later: when the host function
//! that is running returns, and by operations on memory between one piece and the next. A guest that
//! waits for a notification (`memory.atomic.wait`) is woken. What is left are a few instructions on the way in and out; so the timer thread sends the signal again,
//! at growing intervals, as long as the request stands. That is also what makes it unnecessary to
//! order the two notes (request and thread) across processors.
//!
//! A request of an [`InterruptHandle`] ends with the call that it stops. A deadline that has
//! passed stands until another one is set.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use precast_artifacts_format::TrapCode;

use crate::error::Error;
use crate::store::Store;
use crate::sys::{signals, thread};

mod timer;

pub(crate) use timer::Deadline;

/// The bits of [`Interrupts::request`].
const INTERRUPTED: u32 = 1;
const DEADLINE: u32 = 2;

/// What a store, its handles and the timer share.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    /// The thread that runs the store's code, as the kernel counts; 0 if none does.
    thread: AtomicU32,
    /// Why it should stop; 0 if it should not.
    request: AtomicU32,
    /// The same thread, while it has parked itself in a runtime routine.
    parked: Mutex<Option<Thread>>,
}

impl Interrupts {
    /// A call into guest code of the store begins, on this thread. To be undone by
    /// [`Interrupts::end`] with what this gives.
    pub(crate) fn begin(&self) -> u32 {
        let before = self.thread.load(Ordering::Relaxed);
        self.thread.store(thread::current(), Ordering::Release);
        before
    }

    /// The call ends.
    pub(crate) fn end(&self, before: u32) {
        self.thread.store(before, Ordering::Release);
        if before == 0 && self.request.load(Ordering::Relaxed) & INTERRUPTED != 0 {
            // The call that was to be stopped has ended, one way or the other.
            self.request.fetch_and(!INTERRUPTED, Ordering::Relaxed);
        }
    }

    /// Why the guest should stop, if it should. Safe to call from a signal handler.
    pub(crate) fn requested(&self) -> Option<TrapCode> {
        match self.request.load(Ordering::Acquire) {
            0 => None,
            request if request & INTERRUPTED != 0 => Some(TrapCode::Interrupted),
            _ => Some(TrapCode::DeadlineExceeded),
        }
    }

    /// Notes why the guest should stop. Whether that is new.
    fn request(&self, why: u32) -> bool {
        self.request.fetch_or(why, Ordering::AcqRel) & why == 0
    }

    fn withdraw(&self, why: u32) {
        self.request.fetch_and(!why, Ordering::AcqRel);
    }

    /// Says which thread is to be unparked for a request; it must look for one after that.
    pub(crate) fn park(&self, thread: Option<Thread>) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    /// Sends the signal to the thread that runs the store's code. Whether there is one.
    fn signal(&self) -> bool {
        let running = self.thread.load(Ordering::Acquire);
        if running != 0 {
            thread::signal(running, signals::INTERRUPT);
        }
        let parked = self.parked.lock();
        if let Some(thread) = &*parked.unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        running != 0
    }
}

/// Stops the guest that a store runs, from any thread. Made by [`Store::interrupt_handle`]; cheap
/// to clone.
///
/// ```
/// use precast_loader::{Engine, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let handle = store.interrupt_handle()?;
/// std::thread::spawn(move || {
///     // … when the user has had enough of waiting:
///     handle.interrupt();
/// });
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Clone)]
pub struct InterruptHandle {
    shared: Arc<Interrupts>,
}

impl InterruptHandle {
    /// Ends the call into guest code that is running, with a trap of code
    /// [`TrapCode::Interrupted`]; or the next one, if none is running.
    ///
    /// Returns at once. Guest code stops wherever it is, in loops, recursion, operations on
    /// memory, and waiting for notifications. A host function that it has called goes on until it returns, and calls that it
    /// makes to guests, of this store or another, are stopped as well. Afterwards the store can be
    /// called again.
    ///
    /// Without effect once the store is gone. Not to be called from a signal handler.
    ///
    /// ```
    /// use precast_loader::TrapCode;
    ///
    /// # let (mut store, instance) = example::instance();
    /// let spin = instance.typed_func::<(), ()>(&mut store, "spin")?;
    /// let handle = store.interrupt_handle()?;
    /// let canceller = std::thread::spawn(move || handle.interrupt());
    /// let error = spin.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap().map(|trap| trap.code()), Some(TrapCode::Interrupted));
    /// # canceller.join().unwrap();
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn interrupt(&self) {
        if self.shared.request(INTERRUPTED) {
            self.shared.signal();
            timer::signal_again(&self.shared);
        }
    }
}

impl fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptHandle").finish_non_exhaustive()
    }
}

impl<T> Store<T> {
    /// A handle by which other threads can stop the guest that this store runs.
    ///
    /// The first handle or deadline of a process installs a handler for SIGURG, which goes on to
    /// the one that was there before, and starts a thread. A thread that blocks SIGURG cannot be
    /// stopped, nor can guests in a process that was forked after that. Calls into a store that has
    /// a handle or a deadline cost some nanoseconds more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if handler or thread cannot be had.
    ///
    /// ```
    /// use precast_loader::{Engine, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let handle = store.interrupt_handle()?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn interrupt_handle(&mut self) -> Result<InterruptHandle, Error> {
        Ok(InterruptHandle {
            shared: self.interrupts()?,
        })
    }

    /// Stops guest code that runs at that time or later, with a trap of code
    /// [`TrapCode::DeadlineExceeded`], until another deadline is set or it is cleared. Replaces the
    /// deadline set before. The same thread serves the deadlines of all stores.
    ///
    /// Guest code stops where [`InterruptHandle::interrupt`] says.
    ///
    /// # Errors
    ///
    /// As for [`Store::interrupt_handle`].
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use precast_loader::{Engine, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// store.set_deadline(Instant::now() + Duration::from_millis(50))?;
    /// // … calls …
    /// store.clear_deadline();
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn set_deadline(&mut self, deadline: Instant) -> Result<(), Error> {
        let interrupts = self.interrupts()?;
        let place = &mut self.core_mut().deadline;
        *place = timer::replace_deadline(place.take(), &interrupts, deadline);
        Ok(())
    }

    /// The same, with the time from now on. One that is too long to be told is none.
    ///
    /// # Errors
    ///
    /// As for [`Store::interrupt_handle`].
    ///
    /// ```
    /// use precast_loader::TrapCode;
    /// use std::time::Duration;
    ///
    /// # let (mut store, instance) = example::instance();
    /// let spin = instance.typed_func::<(), ()>(&mut store, "spin")?;
    /// store.set_timeout(Duration::from_millis(5))?;
    /// let error = spin.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap().map(|trap| trap.code()), Some(TrapCode::DeadlineExceeded));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.set_deadline(deadline),
            None => {
                self.clear_deadline();
                Ok(())
            }
        }
    }

    /// Takes the deadline back, also one that has passed.
    ///
    /// ```
    /// use precast_loader::{Engine, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// store.clear_deadline(); // there was none
    /// ```
    pub fn clear_deadline(&mut self) {
        let core = self.core_mut();
        if let Some(interrupts) = &core.interrupts {
            timer::clear_deadline(core.deadline.take(), interrupts);
        }
    }

    fn interrupts(&mut self) -> Result<Arc<Interrupts>, Error> {
        let core = self.core_mut();
        if let Some(interrupts) = &core.interrupts {
            return Ok(Arc::clone(interrupts));
        }
        signals::install_interrupt()
            .and_then(|()| timer::start())
            .map_err(|error| Error::io("prepare for interrupting guests", error))?;
        let interrupts = Arc::<Interrupts>::default();
        core.interrupts = Some(Arc::clone(&interrupts));
        Ok(interrupts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_the_outermost_call() {
        let interrupts = Interrupts::default();
        let outer = interrupts.begin();
        let inner = interrupts.begin();
        assert!(interrupts.request(INTERRUPTED));
        assert!(!interrupts.request(INTERRUPTED), "stands already");
        interrupts.end(inner);
        assert_eq!(interrupts.requested(), Some(TrapCode::Interrupted));
        interrupts.end(outer);
        assert_eq!(interrupts.requested(), None);
        assert!(!interrupts.signal(), "nothing is running");
    }

    #[test]
    fn a_deadline_stands_until_it_is_withdrawn() {
        let interrupts = Interrupts::default();
        interrupts.request(DEADLINE);
        let before = interrupts.begin();
        interrupts.end(before);
        assert_eq!(interrupts.requested(), Some(TrapCode::DeadlineExceeded));
        interrupts.request(INTERRUPTED);
        assert_eq!(interrupts.requested(), Some(TrapCode::Interrupted));
        interrupts.withdraw(DEADLINE);
        interrupts.withdraw(INTERRUPTED);
        assert_eq!(interrupts.requested(), None);
    }
}
