//! Running a host function: what is around each of them, whatever it takes and gives.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};

use precast_artifacts_format::abi::{
    HostFuncContext, INSTANCE_MAGIC, Slot, StoreContext, VmctxHeader,
};

use crate::activation;
use crate::backtrace;
use crate::caller::Caller;
use crate::error::Error;
use crate::listener;
use crate::store::StoreMut;
use crate::store::core::{Outcome, StoreCore};

/// How a host function has ended.
type Ended<V> = Result<Result<V, Error>, Box<dyn Any + Send>>;

/// Runs a host function; `None` if it did not return, with the reason left in the store.
///
/// # Safety
///
/// - `context` is that of a host function in a store with data `T`, called by guest code of that
///   store or by the host while nobody else uses the store.
#[inline]
pub(super) unsafe fn guard<T: 'static, V>(
    context: *mut HostFuncContext,
    run: impl FnOnce(Caller<'_, T>, usize) -> Result<V, Error>,
) -> Option<V> {
    // SAFETY: the caller's promises.
    unsafe {
        let call = HostCall::of(context);
        let ended = call.run(run);
        call.end(ended)
    }
}

/// The same, with values in slots, and with a listener that is told if the store has one; 1 if the
/// function returned, else 0.
///
/// # Safety
///
/// As for [`guard`]; `slots` are those that the function is called with.
#[inline]
pub(super) unsafe fn guard_in_slots<T: 'static>(
    context: *mut HostFuncContext,
    slots: *const Slot,
    run: impl FnOnce(Caller<'_, T>, usize) -> Result<(), Error>,
) -> u8 {
    // SAFETY: the caller's promises. The slots hold the parameters before the function is run,
    // and its results afterwards, if there are any.
    unsafe {
        let call = HostCall::of(context);
        let ended = if has_listener(context) {
            match listener::host_begins(call.core, context, call.instance, slots) {
                Ok(()) => listener::host_ends(call.core, slots, call.run(run)),
                Err(panic) => Err(panic),
            }
        } else {
            call.run(run)
        };
        call.end(ended).is_some().into()
    }
}

/// Whether the store has a listener.
///
/// # Safety
///
/// As for [`guard`].
#[inline]
pub(super) unsafe fn has_listener(context: *const HostFuncContext) -> bool {
    // SAFETY: guest code waits for us, so that nobody else uses the store.
    unsafe { (*core_of(context)).listener.is_some() }
}

/// The store that a host function is in.
///
/// # Safety
///
/// `context` is that of a host function in a store.
#[inline]
unsafe fn core_of(context: *const HostFuncContext) -> *mut StoreCore {
    // SAFETY: contexts are live as long as their store, and `host` is where the store is.
    unsafe {
        let store_context = (*context).header.store_context as usize;
        let store_context = with_exposed_provenance::<StoreContext>(store_context);
        with_exposed_provenance_mut::<StoreCore>((*store_context).host as usize)
    }
}

/// A call of a host function.
#[derive(Clone, Copy)]
struct HostCall {
    core: NonNull<StoreCore>,
    /// The number of the instance that calls.
    instance: Option<u32>,
    /// The address of the closure.
    closure: usize,
}

impl HostCall {
    /// # Safety
    ///
    /// As for [`guard`].
    #[inline]
    unsafe fn of(context: *const HostFuncContext) -> Self {
        // SAFETY: the caller's promise; guest code stores its own vmctx as caller's.
        unsafe {
            let core = NonNull::new_unchecked(core_of(context));
            Self {
                core,
                instance: instance_of((*core.as_ptr()).context.caller_vmctx),
                closure: (*context).data as usize,
            }
        }
    }

    /// # Safety
    ///
    /// As for [`guard`].
    #[inline]
    unsafe fn run<T: 'static, V>(
        self,
        run: impl FnOnce(Caller<'_, T>, usize) -> Result<V, Error>,
    ) -> Ended<V> {
        catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the store's data is a `T`, and guest code waits for us, so that nobody else
            // uses the store.
            let store = unsafe { StoreMut::<T>::from_core(self.core) };
            run(Caller::new(store, self.instance), self.closure)
        }))
    }

    /// # Safety
    ///
    /// As for [`guard`]; what was run has given the store back.
    #[inline]
    unsafe fn end<V>(self, ended: Ended<V>) -> Option<V> {
        // SAFETY: the caller's promises.
        unsafe {
            match ended {
                Ok(Ok(value)) => {
                    // What another store has been asked, whose host function has called this one's
                    // guest, is for the signal that is repeated.
                    let interrupts = (*self.core.as_ptr()).interrupts.as_deref();
                    let requested = interrupts.is_some_and(|i| i.requested().is_some());
                    let stop = requested && stop_if_requested(self.core);
                    return (!stop).then_some(value);
                }
                Ok(Err(error)) => leave(self.core, Ok(error)),
                Err(panic) => leave(self.core, Err(panic)),
            }
        }
        None
    }
}

/// The number of the instance with that vmctx; `None` for 0.
unsafe fn instance_of(vmctx: u64) -> Option<u32> {
    let header = with_exposed_provenance::<VmctxHeader>(vmctx as usize);
    if header.is_null() {
        return None;
    }
    // SAFETY: guest code stores its own vmctx, which lives as long as the store.
    let header = unsafe { &*header };
    (header.magic == INSTANCE_MAGIC)
        .then(|| u32::try_from(header.host).ok())
        .flatten()
}

/// Whether a host function must not return to the guest, since that has been asked to stop
/// meanwhile. The reason is left in the store then.
#[cold]
unsafe fn stop_if_requested(core: NonNull<StoreCore>) -> bool {
    let reason = activation::stop_requested();
    if let Some(reason) = reason {
        // SAFETY: as for `leave`.
        unsafe { leave(core, Ok(Error::Trap(reason.into()))) };
    }
    reason.is_some()
}

/// Leaves in the store why the host function did not return.
#[cold]
unsafe fn leave(core: NonNull<StoreCore>, how: Result<Error, Box<dyn Any + Send>>) {
    let outcome = match how {
        // SAFETY: as for this function.
        Ok(error) => Outcome::Error(unsafe { with_backtrace(core, error) }),
        Err(panic) => Outcome::Panic(panic),
    };
    // SAFETY: the caller's promise: the store is live and nobody else's at this time.
    unsafe { (*core.as_ptr()).outcome = Some(outcome) };
}

/// Adds to an error where the guest was, unless something further in has said so already.
unsafe fn with_backtrace(core: NonNull<StoreCore>, mut error: Error) -> Error {
    let wanted = error
        .backtrace()
        .is_none_or(|backtrace| backtrace.is_empty());
    let carries = matches!(error, Error::Trap(_) | Error::Host(_));
    if wanted && carries {
        // SAFETY: the store is live and nobody else's at this time; the frames of the guest that
        // has called stand.
        let backtrace = unsafe {
            backtrace::record_exit(core.as_ptr());
            backtrace::resolve(&*core.as_ptr())
        };
        match &mut error {
            Error::Trap(trap) => trap.set_backtrace(backtrace),
            Error::Host(host) if !backtrace.is_empty() => {
                host.backtrace = Some(Box::new(backtrace));
            }
            _ => {}
        }
    }
    error
}
