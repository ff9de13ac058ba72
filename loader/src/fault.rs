//! Which hardware faults are traps, and where a guest that is asked to stop can do so.
//!
//! A fault is the guest's if all of this holds:
//!
//! 1. its pc is in code that is registered;
//! 2. this thread is inside a call into guest code;
//! 3. the artifact's trap table says that the instruction may trap, and why;
//! 4. what happened fits that reason: an access that the table calls out of bounds has to lie in
//!    the address space of one of the store's memories and beyond its length.
//!
//! Everything else is a fault of the host, or guest code gone wild, and must end the process as it
//! would without us.
//!
//! A guest can stop wherever its own functions run: between any two instructions of theirs the
//! store is whole. In trampolines it cannot, since the way out may not be noted there yet.
#![allow(
    unsafe_code,
    reason = "runs in a signal handler, on addresses instead of references"
)]

use precast_artifacts_format::{FuncTable, TrapCode, TrapTable};

use crate::activation;
use crate::backtrace;
use crate::store::core::StoreCore;
use crate::sys::arch::{ResumePoint, Stopped};
use crate::sys::registry;
use crate::sys::signals::{Fault, FaultKind};

/// The first addresses, which are never mapped: an access there went through a null reference.
const NULL_PAGE_BYTES: u64 = 4096;

/// Takes a fault as a trap: records it in the store and tells where to go on. `None` if it is not
/// the guest's.
///
/// # Safety
///
/// Called in a handler, on the thread and in the state that the fault left.
pub(crate) unsafe fn take(fault: &Fault) -> Option<ResumePoint> {
    let pc = usize::try_from(fault.pc).ok()?;
    let text = registry::find(pc)?;
    let core = activation::current_store()?;
    let traps = std::ptr::with_exposed_provenance(text.traps);
    // SAFETY: code on this thread's stack keeps its module mapped, and with it the table.
    let traps = unsafe { std::slice::from_raw_parts(traps, text.traps_len) };
    let offset = u32::try_from(pc - text.start).ok()?;
    let code = TrapTable::parse(traps)?.lookup(offset)?;

    let core = core.as_ptr();
    // SAFETY: the store of an activation outlives it. Guest code was running, so that no
    // reference into the store is in use on this thread, and no other thread may use it.
    unsafe {
        if !is_plausible(fault, code, &*core) {
            return None;
        }
        // An operation that has stopped early says so, and has the code trap as it can.
        (*core).fault = Some((*core).stopped.take().unwrap_or(code));
        backtrace::record(core, fault.pc, fault.fp);
        Some(exit_of_entry(core))
    }
}

/// Ends guest code that has been asked to stop, if that is what was interrupted: records why in the
/// store and tells where to go on.
///
/// # Safety
///
/// Called in a handler, of a signal that found this thread at `pc`. `stopped` tells more, if that
/// is in a function of a module's.
pub(crate) unsafe fn take_interrupt(
    pc: u64,
    stopped: impl FnOnce() -> Stopped,
) -> Option<ResumePoint> {
    // First of all: elsewhere, an activation may be in the middle of being linked, or this thread
    // may never have had one.
    let pc = usize::try_from(pc).ok()?;
    let text = registry::find(pc)?;
    let funcs = std::ptr::with_exposed_provenance(text.funcs);
    // SAFETY: code on this thread's stack keeps its module mapped, and with it the table.
    let funcs = unsafe { std::slice::from_raw_parts(funcs, text.funcs_len) };
    let offset = u32::try_from(pc - text.start).ok()?;
    FuncTable::parse(funcs)?.find(offset)?;
    let reason = activation::stop_requested()?;
    let core = activation::current_store()?.as_ptr();
    // SAFETY: as for a fault. A function of the module's runs, so that the entry trampoline has
    // noted its exit.
    unsafe {
        (*core).fault = Some(reason);
        backtrace::record_interrupted(core, &stopped());
        Some(exit_of_entry(core))
    }
}

/// Where guest code is left.
///
/// # Safety
///
/// The store is live, and its code is running.
unsafe fn exit_of_entry(core: *const StoreCore) -> ResumePoint {
    // SAFETY: the caller's promise.
    let context = unsafe { &(*core).context };
    ResumePoint {
        pc: context.entry_handler_pc,
        sp: context.entry_sp,
        fp: context.entry_fp,
    }
}

fn is_plausible(fault: &Fault, code: TrapCode, core: &StoreCore) -> bool {
    match (fault.kind, code) {
        (FaultKind::Instruction, _) => true,
        (FaultKind::Arithmetic, TrapCode::IntegerDivideByZero | TrapCode::IntegerOverflow) => true,
        (FaultKind::Arithmetic, _) => false,
        (FaultKind::Access, TrapCode::MemoryOutOfBounds) => core
            .memories
            .iter()
            .any(|memory| memory.is_out_of_bounds(fault.address)),
        (FaultKind::Access, TrapCode::UninitializedElement | TrapCode::NullReference) => {
            fault.address < NULL_PAGE_BYTES
        }
        (FaultKind::Access, _) => false,
    }
}
