//! An exception is thrown: where execution goes on.
#![allow(
    unsafe_code,
    reason = "guests are left by other ways than they were entered by"
)]

use std::any::Any;
use std::ptr::{NonNull, with_exposed_provenance};

use precast_artifacts_format::abi::Slot;

use super::{Exception, kept, search};
use crate::activation;
use crate::backtrace;
use crate::error::Error;
use crate::listener;
use crate::store::core::{Outcome, StoreCore};
use crate::sys::arch::ResumePoint;
use crate::trap::Trap;

/// Where guest code goes on after an exception.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landing {
    pub(crate) at: ResumePoint,
    /// What the handler's code finds in registers: the address of the arguments, and the handle.
    pub(crate) payload: [u64; 2],
}

/// Throws a new exception with the tag at index `tag` of the instance, and the arguments in
/// `slots`. Where to go on; `None` if guest code must be left, with the reason in the store.
///
/// # Errors
///
/// The panic of a listener, with which guest code must be left.
///
/// # Safety
///
/// - `core` is a live store, whose guest code waits for us, so that nobody else uses it; it has
///   left its frame pointer.
/// - `slots` is the address of slots with the arguments.
pub(crate) unsafe fn throw_new(
    core: NonNull<StoreCore>,
    instance: usize,
    tag: u32,
    slots: u64,
) -> Result<Option<Landing>, Box<dyn Any + Send>> {
    let slots = with_exposed_provenance::<Slot>(slots as usize);
    // SAFETY: the caller's promises. The reference is not used beyond this block.
    let kept = unsafe {
        let core = &mut *core.as_ptr();
        let data = core.instances.get(instance);
        let number = data.and_then(|data| data.tags.get(tag as usize).copied());
        let tag = number.and_then(|number| Some((number, core.tags.get(number as usize)?)));
        let Some((number, tag)) = tag else {
            return Err(Box::new("an exception with a tag that does not exist"));
        };
        let args = (0..tag.ty.params.len()).map(|place| slots.add(place).read());
        let args = args.collect();
        kept::keep(core, number, args)
    };
    // SAFETY: the caller's promises.
    unsafe {
        match kept {
            Ok(handle) => go_on(core, handle.get(), None),
            Err(error) => {
                (*core.as_ptr()).outcome = Some(Outcome::Error(error));
                Ok(None)
            }
        }
    }
}

/// Throws an exception again that a guest has a reference to.
///
/// # Errors
///
/// As for [`throw_new`].
///
/// # Safety
///
/// As for [`throw_new`].
pub(crate) unsafe fn throw_ref(
    core: NonNull<StoreCore>,
    handle: u32,
) -> Result<Option<Landing>, Box<dyn Any + Send>> {
    // SAFETY: the caller's promises.
    unsafe { go_on(core, handle, None) }
}

/// Throws the exception that a host function has returned, if it is of this store; else, and if
/// nothing catches it, the reason for which guest code must be left stays in the store.
///
/// # Errors
///
/// As for [`throw_new`].
///
/// # Safety
///
/// As for [`throw_new`].
pub(crate) unsafe fn rethrow(
    core: NonNull<StoreCore>,
) -> Result<Option<Landing>, Box<dyn Any + Send>> {
    // SAFETY: the caller's promises. No reference is used beyond its statement.
    unsafe {
        let core_mut = &mut *core.as_ptr();
        let exception = match core_mut.outcome.take() {
            Some(Outcome::Error(Error::Exception(exception)))
                if exception.tag.store == core_mut.id =>
            {
                exception
            }
            other => {
                core_mut.outcome = other;
                return Ok(None);
            }
        };
        let args = exception.args.iter().map(|arg| arg.to_slot(core_mut));
        let args = args.collect();
        match kept::keep(core_mut, exception.tag.index, args) {
            Ok(handle) => go_on(core, handle.get(), Some(exception)),
            Err(error) => {
                core_mut.outcome = Some(Outcome::Error(error));
                Ok(None)
            }
        }
    }
}

/// Finds where an exception goes. If nothing catches it, it is left in the store as a reason, in
/// the form that the host knows already, if it does.
///
/// # Safety
///
/// As for [`throw_new`].
unsafe fn go_on(
    core: NonNull<StoreCore>,
    handle: u32,
    known: Option<Exception>,
) -> Result<Option<Landing>, Box<dyn Any + Send>> {
    // SAFETY: the caller's promises. No reference into the store is in use when the listener is
    // called, which may do with the store what it likes: the exception is pinned meanwhile.
    unsafe {
        let core_mut = &mut *core.as_ptr();
        let requested = core_mut.interrupts.as_deref();
        let requested = requested.and_then(|_| activation::stop_requested());
        let tag = core_mut.exceptions.get(handle).map(|kept| kept.tag);
        let Some(tag) = tag else {
            return Err(Box::new("a reference to an exception that is gone"));
        };
        let found = match requested {
            None => search::find(core_mut, tag),
            Some(_) => None,
        };
        if let Some(found) = found {
            core_mut.exceptions.pin(handle);
            let told = listener::unwound(core, found.at.fp);
            let core_mut = &mut *core.as_ptr();
            core_mut.exceptions.unpin(handle);
            told?;
            core_mut.exceptions.caught(handle, found.keeps_reference);
            let args = core_mut.exceptions.get(handle);
            let args = args.map_or(0, |kept| kept.args.as_ptr().expose_provenance() as u64);
            return Ok(Some(Landing {
                at: found.at,
                payload: [args, handle.into()],
            }));
        }
        let known_backtrace = known
            .as_ref()
            .is_some_and(|known| known.backtrace.is_some());
        let backtrace = (!known_backtrace).then(|| {
            backtrace::record_exit(core.as_ptr());
            backtrace::resolve(&*core.as_ptr())
        });
        let core_mut = &mut *core.as_ptr();
        let error = match requested {
            Some(reason) => Error::Trap(Trap::new(reason, backtrace.unwrap_or_default())),
            None => {
                let exception = known.or_else(|| Exception::of_handle(core_mut, handle));
                let Some(mut exception) = exception else {
                    return Err(Box::new("an exception that is gone"));
                };
                if let Some(backtrace) = backtrace {
                    exception.backtrace = Some(Box::new(backtrace));
                }
                Error::Exception(exception)
            }
        };
        core_mut.exceptions.drop_unreferenced(handle);
        core_mut.outcome = Some(Outcome::Error(error));
        Ok(None)
    }
}
