//! Leaving guest code.
#![allow(
    unsafe_code,
    reason = "called by guest code, and does not return to it"
)]

use std::ptr::with_exposed_provenance;

use precast_artifacts_format::abi::StoreContext;

use crate::sys::arch::{self, ResumePoint};

/// `precast_raise`.
///
/// # Safety
///
/// Called by an import trampoline, with its store's context, after a host function has left in
/// the store why it did not return.
pub(super) unsafe extern "C" fn raise(store_context: u64) -> ! {
    let context = with_exposed_provenance::<StoreContext>(store_context as usize);
    // SAFETY: the context is live; the entry trampoline's frame stands, and between it and here
    // are only frames of guest code, which hold nothing that must be dropped.
    unsafe {
        let to = ResumePoint {
            pc: (*context).entry_handler_pc,
            sp: (*context).entry_sp,
            fp: (*context).entry_fp,
        };
        arch::resume(to)
    }
}
