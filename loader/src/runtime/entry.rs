//! The functions that generated code calls, in the C convention: from its vmctx to the store and
//! the instance, and on to the safe functions next door.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};

use precast_artifacts_format::abi::{StoreContext, VmctxHeader};

use super::{atomic, memory, table};
use crate::activation;
use crate::exception::{self, Landing};
use crate::listener;
use crate::store::core::{Outcome, StoreCore};
use crate::sys::arch::{self, ResumePoint};

/// `precast_raise`.
///
/// # Safety
///
/// Called by an import trampoline, after a host function has left in the store why it did not
/// return.
pub(super) unsafe extern "C" fn raise() -> ! {
    let Some(core) = activation::current_store() else {
        // A trampoline runs only inside of an activation.
        std::process::abort();
    };
    // SAFETY: the store is live, and it is its code that has been called last.
    unsafe { go_on(core, || exception::rethrow(core)) }
}

/// `precast_throw`.
///
/// # Safety
///
/// Called by a throwing trampoline of an instance, with its vmctx, the index of a tag and the
/// address of slots with the exception's arguments.
pub(super) unsafe extern "C" fn throw(vmctx: u64, tag: u32, slots: u64) -> ! {
    // SAFETY: the caller's promise. The pointer is for the whole store, beyond the core.
    unsafe {
        let (core, instance) = pointers_of(vmctx);
        let core = NonNull::new_unchecked(core);
        go_on(core, || exception::throw_new(core, instance, tag, slots))
    }
}

/// `precast_throw_ref`.
///
/// # Safety
///
/// Called by a throwing trampoline of an instance, with its vmctx and the handle of an exception.
pub(super) unsafe extern "C" fn throw_ref(vmctx: u64, handle: u32) -> ! {
    // SAFETY: as for `throw`.
    unsafe {
        let core = NonNull::new_unchecked(pointers_of(vmctx).0);
        go_on(core, || exception::throw_ref(core, handle))
    }
}

/// Goes on where an exception is caught, or leaves guest code.
///
/// # Safety
///
/// - `core` is a live store, whose guest code waits for us, so that nobody else uses it.
/// - Between the guest's frames and here, nothing must be dropped.
unsafe fn go_on(
    core: NonNull<StoreCore>,
    throw: impl FnOnce() -> Result<Option<Landing>, Box<dyn Any + Send>>,
) -> ! {
    // SAFETY: the caller's promises; the frame of a handler that has been found stands.
    unsafe {
        match catch_unwind(AssertUnwindSafe(throw)).unwrap_or_else(Err) {
            Ok(Some(Landing { at, payload })) => arch::resume(at, payload),
            Ok(None) => leave(core.as_ptr()),
            Err(panic) => leave_with(core.as_ptr(), panic),
        }
    }
}

/// Leaves guest code; the reason is in the store.
///
/// # Safety
///
/// - `core` is a live store, whose guest code waits for us, so that nobody else uses it.
/// - Between the guest's frames and here, nothing must be dropped.
unsafe fn leave(core: *mut StoreCore) -> ! {
    // SAFETY: the entry trampoline's frame stands, and between it and here are only frames of
    // guest code, which hold nothing that must be dropped, and those of the caller's promise.
    unsafe {
        let context = &raw const (*core).context;
        let to = ResumePoint {
            pc: (*context).entry_handler_pc,
            sp: (*context).entry_sp,
            fp: (*context).entry_fp,
        };
        arch::resume(to, [0; 2])
    }
}

/// `precast_func_enter`.
///
/// # Safety
///
/// Called by code of an instance, with its vmctx, at the start of the function at index `func` of
/// its module, with the address of slots that hold the parameters and the frame pointer.
pub(super) unsafe extern "C" fn func_enter(vmctx: u64, func: u32, params: u64, fp: u64) {
    let params = with_exposed_provenance(params as usize);
    // SAFETY: the caller's promise.
    unsafe {
        tell(vmctx, |core, instance| {
            listener::guest_begins(core, instance, func, params, fp)
        });
    }
}

/// `precast_func_leave`.
///
/// # Safety
///
/// Called by code of an instance, with its vmctx, at the end of a function that has called
/// `precast_func_enter`, with the address of slots that hold the results, or 0 before a tail call,
/// and the frame pointer.
pub(super) unsafe extern "C" fn func_leave(vmctx: u64, _func: u32, results: u64, fp: u64) {
    let results = NonNull::new(with_exposed_provenance_mut(results as usize));
    // SAFETY: the caller's promise.
    unsafe { tell(vmctx, |core, _| listener::guest_ends(core, results, fp)) }
}

/// Tells the store's listener, if it has one. Does not return if that panics.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling.
unsafe fn tell(
    vmctx: u64,
    event: impl FnOnce(NonNull<StoreCore>, u32) -> Result<(), Box<dyn Any + Send>>,
) {
    // SAFETY: the caller's promise. The pointer is for the whole store, beyond the core.
    let (core, instance) = unsafe {
        let (core, instance) = pointers_of(vmctx);
        (NonNull::new_unchecked(core), instance as u32)
    };
    // SAFETY: as above.
    if unsafe { (*core.as_ptr()).listener.is_none() } {
        return;
    }
    if let Err(panic) = event(core, instance) {
        // SAFETY: as above.
        unsafe { leave_with(core.as_ptr(), panic) }
    }
}

/// `precast_memory_grow`. Does not return if the host's allocator panics.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling.
pub(super) unsafe extern "C" fn memory_grow(vmctx: u64, memory: u32, delta_pages: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let grown = catch_unwind(AssertUnwindSafe(|| {
            let (core, instance) = instance_of(vmctx);
            memory::grow(core, instance, memory, delta_pages)
        }));
        grown.unwrap_or_else(|panic| leave_with(pointers_of(vmctx).0, panic))
    }
}

/// Leaves guest code with a panic of the host's.
///
/// # Safety
///
/// - `core` is a live store, whose guest code waits for us, so that nobody else uses it.
/// - Between the guest's frames and here, nothing must be dropped.
unsafe fn leave_with(core: *mut StoreCore, panic: Box<dyn Any + Send>) -> ! {
    // SAFETY: the caller's promises.
    unsafe {
        (*core).outcome = Some(Outcome::Panic(panic));
        leave(core)
    }
}

/// `precast_check_subtype`.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling.
pub(super) unsafe extern "C" fn check_subtype(vmctx: u64, found: u32, wanted: u32) -> u32 {
    // SAFETY: the caller's promise.
    let (core, _) = unsafe { instance_of(vmctx) };
    u32::from(!core.engine.is_subtype(found, wanted))
}

macro_rules! entries {
    ($($name:ident($($param:ident: $ty:ty),*) $(-> $result:ty)? = $function:path;)*) => {$(
        /// # Safety
        ///
        /// `vmctx` is that of an instance, whose code is calling.
        pub(super) unsafe extern "C" fn $name(vmctx: u64, $($param: $ty),*) $(-> $result)? {
            // SAFETY: the caller's promise.
            let (core, instance) = unsafe { instance_of(vmctx) };
            $function(core, instance, $($param),*)
        }
    )*};
}

entries! {
    memory_copy(to_memory: u32, from_memory: u32, to: u64, from: u64, len: u64) -> u32
        = memory::copy;
    memory_fill(memory: u32, to: u64, byte: u32, len: u64) -> u32 = memory::fill;
    memory_init(memory: u32, segment: u32, to: u64, from: u64, len: u64) -> u32 = memory::init;
    data_drop(segment: u32) = memory::data_drop;
    table_grow(table: u32, element: u64, delta: u64) -> u64 = table::grow;
    table_copy(to_table: u32, from_table: u32, to: u64, from: u64, len: u64) -> u32
        = table::copy;
    table_fill(table: u32, to: u64, element: u64, len: u64) -> u32 = table::fill;
    table_init(table: u32, segment: u32, to: u64, from: u64, len: u64) -> u32 = table::init;
    elem_drop(segment: u32) = table::elem_drop;
    atomic_notify(memory: u32, index: u64, offset: u64, count: u32) -> i64 = atomic::notify;
    atomic_wait32(memory: u32, index: u64, offset: u64, expected: u32, timeout_ns: i64) -> i64
        = atomic::wait::<u32>;
    atomic_wait64(memory: u32, index: u64, offset: u64, expected: u64, timeout_ns: i64) -> i64
        = atomic::wait::<u64>;
}

/// The store that an instance belongs to, and the instance's number.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling, and waits as long as the store is
/// borrowed.
#[inline]
unsafe fn instance_of<'a>(vmctx: u64) -> (&'a mut StoreCore, usize) {
    // SAFETY: the instance's code waits for us, so that nobody else uses the store.
    unsafe {
        let (core, instance) = pointers_of(vmctx);
        (&mut *core, instance)
    }
}

/// The same, with the address of the store.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling.
#[inline]
unsafe fn pointers_of(vmctx: u64) -> (*mut StoreCore, usize) {
    // SAFETY: the header is that of a live instance, whose store lives longer.
    unsafe {
        let header = &*with_exposed_provenance::<VmctxHeader>(vmctx as usize);
        let context = with_exposed_provenance::<StoreContext>(header.store_context as usize);
        let core = with_exposed_provenance_mut::<StoreCore>((*context).host as usize);
        (core, header.host as usize)
    }
}
