//! A value that stands still, to be reached by address.
#![allow(unsafe_code, reason = "owns a value that others reach by address")]

use std::ptr::NonNull;

/// Owns a value whose address generated code knows.
#[derive(Debug)]
pub(crate) struct Pinned<T> {
    value: NonNull<T>,
}

// SAFETY: the value is owned, and reached only through its owner or by guest code that the owner's
// owner lets run.
unsafe impl<T: Send> Send for Pinned<T> {}
// SAFETY: `&Pinned` gives addresses only.
unsafe impl<T: Send + Sync> Sync for Pinned<T> {}

impl<T> Pinned<T> {
    /// Puts `value` where it stays.
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: NonNull::from(Box::leak(Box::new(value))),
        }
    }

    /// Where it stays.
    pub(crate) fn pointer(&self) -> NonNull<T> {
        self.value
    }

    /// The same as a number for generated code.
    pub(crate) fn address(&self) -> u64 {
        self.value.as_ptr().expose_provenance() as u64
    }

    /// Puts another value there.
    pub(crate) fn set(&mut self, value: T) {
        // SAFETY: the value is live and, borrowed mutably here, in nobody's use.
        unsafe { *self.value.as_ptr() = value };
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box by `new`, and given up only here.
        drop(unsafe { Box::from_raw(self.value.as_ptr()) });
    }
}
