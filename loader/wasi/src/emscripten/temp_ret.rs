//! The upper half of a 64-bit result, as programs of old versions (3.1.6, for one) pass it.
//!
//! A function that has one calls `setTempRet0` right before it returns, and its caller calls `getTempRet0` right
//! after, with no other guest in between on the same thread. So there is one place for each thread; and the number
//! is kept with the instance that it is for, so that no instance learns what another has left there.

use std::cell::Cell;

use precast_loader::Instance;

thread_local! {
    static LAST: Cell<Option<(Instance, u32)>> = const { Cell::new(None) };
}

pub(super) fn set(instance: Option<Instance>, value: u32) {
    LAST.set(instance.map(|instance| (instance, value)));
}

/// What the instance has set last, or 0.
pub(super) fn get(instance: Option<Instance>) -> u32 {
    match LAST.get() {
        Some((of, value)) if Some(of) == instance => value,
        _ => 0,
    }
}
