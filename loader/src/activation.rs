//! Calls into guest code.
//!
//! An activation is one such call while it runs. It lives on the host's stack and remembers what
//! the store context held before, because calls nest: guest code calls a host function, which
//! calls guest code again. A thread's activations are linked, innermost first.
//!
//! The way in takes no lock, allocates nothing and catches nothing; see [`enter`].
#![allow(unsafe_code, reason = "guest code is called and left")]

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use precast_artifacts_format::TrapCode;
use precast_artifacts_format::abi::StoreContext;

use crate::backtrace;
use crate::error::Error;
use crate::interrupt::Interrupts;
use crate::listener;
use crate::store::core::{Outcome, StoreCore};

/// One call into guest code, while it runs.
#[derive(Debug)]
pub(crate) struct Activation {
    /// The store whose code is called.
    pub(crate) store: NonNull<StoreCore>,
    /// The activation around this one, maybe of another store.
    pub(crate) outer: *const Activation,
    /// What the store context held before, if there is an activation around this one.
    saved: *const Saved,
}

impl Activation {
    /// Where the activation around this one stopped, if that is of the same store: the frame
    /// pointer by which guest code was left, and that of the entry trampoline.
    pub(crate) fn outer_frames(&self) -> Option<(u64, u64)> {
        // SAFETY: `enter_nested` keeps what it has saved as long as the activation.
        let saved = unsafe { self.saved.as_ref()? };
        Some((saved.exit_fp, saved.entry_fp))
    }
}

/// The part of a store context that belongs to the innermost activation.
#[derive(Debug)]
struct Saved {
    stack_limit: u64,
    entry_handler_pc: u64,
    entry_sp: u64,
    entry_fp: u64,
    exit_fp: u64,
    caller_vmctx: u64,
}

impl Saved {
    /// Reads field by field: two fields read at once, just after generated code has written them
    /// one by one, would stall the processor for longer than all the rest takes. That is what
    /// "volatile" is for here.
    ///
    /// # Safety
    ///
    /// `context` is live, and guest code is not running.
    #[inline]
    unsafe fn read(context: *const StoreContext) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                stack_limit: (&raw const (*context).stack_limit).read_volatile(),
                entry_handler_pc: (&raw const (*context).entry_handler_pc).read_volatile(),
                entry_sp: (&raw const (*context).entry_sp).read_volatile(),
                entry_fp: (&raw const (*context).entry_fp).read_volatile(),
                exit_fp: (&raw const (*context).exit_fp).read_volatile(),
                caller_vmctx: (&raw const (*context).caller_vmctx).read_volatile(),
            }
        }
    }

    /// Writes back, field by field too.
    ///
    /// # Safety
    ///
    /// `context` is live, and guest code is not running.
    #[inline]
    unsafe fn write(&self, context: *mut StoreContext) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*context).stack_limit).write_volatile(self.stack_limit);
            (&raw mut (*context).entry_handler_pc).write_volatile(self.entry_handler_pc);
            (&raw mut (*context).entry_sp).write_volatile(self.entry_sp);
            (&raw mut (*context).entry_fp).write_volatile(self.entry_fp);
            (&raw mut (*context).exit_fp).write_volatile(self.exit_fp);
            (&raw mut (*context).caller_vmctx).write_volatile(self.caller_vmctx);
        }
    }
}

thread_local! {
    /// Constant and without a destructor, so that a signal handler may read it.
    static CURRENT: Cell<*const Activation> = const { Cell::new(std::ptr::null()) };
}

/// The store whose code this thread runs, if it does. Safe to call from the handler of a signal
/// that has found guest code.
pub(crate) fn current_store() -> Option<NonNull<StoreCore>> {
    let current = CURRENT.get();
    // SAFETY: an activation unlinks itself before it goes away.
    (!current.is_null()).then(|| unsafe { (*current).store })
}

/// Why guest code on this thread should stop, if it should: because its store has been asked to, or
/// one whose host function has called it. Safe to call from the handler of a signal that has found
/// guest code.
pub(crate) fn stop_requested() -> Option<TrapCode> {
    // SAFETY: an activation unlinks itself before it goes away, and outlives the ones inside it;
    // so does its store. Only atomics are read through it.
    unsafe {
        let as_ref = |activation: *const Activation| activation.as_ref();
        std::iter::successors(as_ref(CURRENT.get()), |inner| as_ref(inner.outer))
            .filter_map(|activation| (*activation.store.as_ptr()).interrupts.as_deref())
            .find_map(Interrupts::requested)
    }
}

/// A thread in guest code that parks itself in a runtime routine: it is unparked when the guest
/// should stop.
pub(crate) struct Parked {
    interrupts: Vec<Arc<Interrupts>>,
}

impl Parked {
    /// Of this thread, from now on.
    pub(crate) fn here() -> Self {
        // SAFETY: as for `stop_requested`; which interrupts a store has does not change while its
        // code runs.
        let interrupts: Vec<_> = unsafe {
            let as_ref = |activation: *const Activation| activation.as_ref();
            std::iter::successors(as_ref(CURRENT.get()), |inner| as_ref(inner.outer))
                .filter_map(|activation| (*activation.store.as_ptr()).interrupts.clone())
                .collect()
        };
        for interrupts in &interrupts {
            interrupts.park(Some(std::thread::current()));
        }
        Self { interrupts }
    }

    /// Why the guest should stop, if it should.
    pub(crate) fn stop_requested(&self) -> Option<TrapCode> {
        self.interrupts.iter().find_map(|it| it.requested())
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        for interrupts in &self.interrupts {
            interrupts.park(None);
        }
    }
}

/// This thread's activations of `store`, innermost first. Safe to call from the handler of a signal
/// that has found guest code.
///
/// # Safety
///
/// The references must not outlive the activations.
pub(crate) unsafe fn of_store<'a>(store: *const StoreCore) -> impl Iterator<Item = &'a Activation> {
    // SAFETY: an activation unlinks itself before it goes away, and outlives the ones inside it.
    let as_ref = |activation: *const Activation| unsafe { activation.as_ref() };
    std::iter::successors(as_ref(CURRENT.get()), move |inner| as_ref(inner.outer))
        .filter(move |activation| activation.store.as_ptr().cast_const() == store)
}

/// Calls guest code by `call`, which gets the store context for an entry trampoline and gives what
/// that gives; `None` if guest code was left early.
///
/// # Errors
///
/// Whatever ended the guest: a trap, or the error of a host function.
///
/// # Panics
///
/// With the panic of a host function, if that is what ended the guest.
///
/// # Safety
///
/// - `store` is a live store that this thread may change, to which no reference is in use.
/// - `call` does nothing but call an entry trampoline, with that store context, for a function of
///   an instance in that store. It does not unwind: the activation would stay linked.
#[inline]
pub(crate) unsafe fn enter<R>(
    store: NonNull<StoreCore>,
    call: impl FnOnce(*mut StoreContext) -> Option<R>,
) -> Result<R, Error> {
    let outer = CURRENT.get();
    // SAFETY: the caller's promises are the callees'.
    let returned = unsafe {
        if !outer.is_null() {
            enter_nested(store, call, outer)
        } else if (*store.as_ptr()).interrupts.is_none() {
            // Nothing is saved: nobody is interested in what the context holds from earlier calls.
            run(store, call, outer, std::ptr::null())
        } else {
            enter_watched(store, call, outer, std::ptr::null())
        }
    };
    match returned {
        Some(value) => Ok(value),
        // SAFETY: as for this function, and guest code has been left.
        None => Err(unsafe { reason_for_leaving(store) }),
    }
}

/// The same, from a host function that guest code has called, of whatever store.
///
/// # Safety
///
/// As for [`enter`]; `outer` is the innermost activation so far.
#[inline(never)]
unsafe fn enter_nested<R>(
    store: NonNull<StoreCore>,
    call: impl FnOnce(*mut StoreContext) -> Option<R>,
    outer: *const Activation,
) -> Option<R> {
    // SAFETY: the store is live, and only pointers to it are in use. Guest code that may be running
    // outside of this call is waiting for us.
    unsafe {
        let context = &raw mut (*store.as_ptr()).context;
        let saved = Saved::read(context);
        let returned = enter_watched(store, call, outer, &raw const saved);
        saved.write(context);
        returned
    }
}

/// The same, where the guest may have to be stopped.
///
/// # Safety
///
/// As for [`run`].
#[inline]
unsafe fn enter_watched<R>(
    store: NonNull<StoreCore>,
    call: impl FnOnce(*mut StoreContext) -> Option<R>,
    outer: *const Activation,
    saved: *const Saved,
) -> Option<R> {
    // SAFETY: the store is live, and only pointers to it are in use. What can interrupt it is not
    // exchanged while its code runs.
    unsafe {
        let core = store.as_ptr();
        let interrupts = (*core).interrupts.as_deref().map(|i| (i, i.begin()));
        let own_request = interrupts.and_then(|(interrupts, _)| interrupts.requested());
        let returned = match own_request.or_else(stop_requested) {
            None => run(store, call, outer, saved),
            Some(reason) => {
                (*core).fault = Some(reason);
                backtrace::record_exit(core);
                None
            }
        };
        if let Some((interrupts, before)) = interrupts {
            interrupts.end(before);
        }
        returned
    }
}

/// Calls guest code, with an activation around it.
///
/// # Safety
///
/// As for [`enter`]; `outer` is the innermost activation so far, and `saved` the state of the
/// store context, or null if there is no outer one.
#[inline(always)]
unsafe fn run<R>(
    store: NonNull<StoreCore>,
    call: impl FnOnce(*mut StoreContext) -> Option<R>,
    outer: *const Activation,
    saved: *const Saved,
) -> Option<R> {
    let activation = Activation {
        store,
        outer,
        saved,
    };
    // SAFETY: the store is live, and only pointers to it are in use; so is that of an outer
    // activation.
    unsafe {
        let core = store.as_ptr();
        let context = &raw mut (*core).context;
        let here = (&raw const activation).addr() as u64;
        let mut limit = here.saturating_sub((*core).max_stack_bytes);
        if let Some(outer) = outer.as_ref() {
            // Whatever the nesting, and whatever the stores, the guests of a thread share one
            // allowance, or they could use up the host's stack by turns.
            limit = limit.max((*outer.store.as_ptr()).context.stack_limit);
        }
        (*context).stack_limit = limit;

        CURRENT.set(&raw const activation);
        // The caller promises that trampoline, function and parameters fit one another; the code
        // comes from a module whose loader promised that it can be trusted.
        let returned = call(context);
        CURRENT.set(outer);
        returned
    }
}

/// Why guest code was left early.
///
/// # Safety
///
/// As for [`enter`], after guest code has been left by its entry trampoline's second exit.
#[cold]
pub(crate) unsafe fn reason_for_leaving(store: NonNull<StoreCore>) -> Error {
    // SAFETY: the store is live, this thread may change it, and no reference to it is in use.
    let core = unsafe { &mut *store.as_ptr() };
    let outcome = core.take_outcome();
    // SAFETY: as above.
    match unsafe { listener::left_early(store, outcome) } {
        Outcome::Error(error) => error,
        Outcome::Panic(panic) => std::panic::resume_unwind(panic),
    }
}
