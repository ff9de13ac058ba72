//! From the vmctx that generated code passes to the store and the instance.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use precast_artifacts_format::abi::{StoreContext, VmctxHeader};

use crate::store::core::StoreCore;

/// Lends the store that an instance belongs to, and the instance's number, to `run`.
///
/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling.
#[inline]
pub(super) unsafe fn with<R>(vmctx: u64, run: impl FnOnce(&mut StoreCore, usize) -> R) -> R {
    // SAFETY: the header is that of a live instance, whose store lives longer. Its code waits for
    // us, so that nobody else uses the store.
    let (core, instance) = unsafe {
        let header = &*with_exposed_provenance::<VmctxHeader>(vmctx as usize);
        let context = with_exposed_provenance::<StoreContext>(header.store_context as usize);
        let core = with_exposed_provenance_mut::<StoreCore>((*context).host as usize);
        (&mut *core, header.host)
    };
    run(core, instance as usize)
}
