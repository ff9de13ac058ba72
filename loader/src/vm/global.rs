//! A global, wherever it is: inside a vmctx, or on its own.
#![allow(
    unsafe_code,
    reason = "a global is read and written where generated code finds it"
)]

use std::ptr::NonNull;

use precast_artifacts_format::GlobalType;
use precast_artifacts_format::abi::VmGlobal;

/// Where a global is, and its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GlobalCell {
    at: NonNull<VmGlobal>,
    ty: GlobalType,
}

// SAFETY: the place belongs to the store that the cell is kept in.
unsafe impl Send for GlobalCell {}
// SAFETY: `&GlobalCell` only reads.
unsafe impl Sync for GlobalCell {}

impl GlobalCell {
    /// The global at `at`.
    ///
    /// # Safety
    ///
    /// It is there as long as the cell is used, and is reached by others only while the cell is
    /// not in use.
    pub(crate) unsafe fn new(at: NonNull<VmGlobal>, ty: GlobalType) -> Self {
        Self { at, ty }
    }

    /// Where it is.
    pub(crate) fn pointer(&self) -> NonNull<VmGlobal> {
        self.at
    }

    /// Its type.
    pub(crate) fn ty(&self) -> GlobalType {
        self.ty
    }

    /// Its value.
    pub(crate) fn get(&self) -> [u8; 16] {
        // SAFETY: it is there, by the promise to `new`.
        unsafe { self.at.read().0 }
    }

    /// Sets its value.
    pub(crate) fn set(&mut self, value: [u8; 16]) {
        // SAFETY: it is there, by the promise to `new`.
        unsafe { self.at.write(VmGlobal(value)) };
    }
}
