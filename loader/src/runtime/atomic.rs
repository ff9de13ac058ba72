//! `memory.atomic.notify`, `memory.atomic.wait32`, `memory.atomic.wait64`.
//!
//! Where one of them traps, the reason is left in the store, and the code is told to.

use std::time::Duration;

use precast_artifacts_format::TrapCode;

use super::memory::number_of;
use crate::activation;
use crate::error::UsageError;
use crate::shared_memory::AtomicTy;
use crate::store::core::StoreCore;
use crate::store::memory::StoreMemory;
use crate::vm::parking::Waited;

/// Has the code trap.
const TRAP: i64 = -1;

pub(super) fn notify(
    core: &mut StoreCore,
    instance: usize,
    memory: u32,
    index: u64,
    offset: u64,
    count: u32,
) -> i64 {
    let woken =
        find(core, instance, memory, index, offset, size_of::<u32>()).map(|(memory, address)| {
            match memory.shared() {
                Some(memory) => memory.space().parking.notify(address, count),
                // Nobody can wait there.
                None => 0,
            }
        });
    or_trap(core, woken.map(i64::from))
}

pub(super) fn wait<T: AtomicTy>(
    core: &mut StoreCore,
    instance: usize,
    memory: u32,
    index: u64,
    offset: u64,
    expected: T,
    timeout_ns: i64,
) -> i64 {
    let found = find(core, instance, memory, index, offset, size_of::<T>());
    let waited = found.and_then(|(memory, address)| {
        let memory = memory.shared().ok_or(TrapCode::ExpectedSharedMemory)?;
        let timeout = u64::try_from(timeout_ns).ok().map(Duration::from_nanos);
        let parked = activation::Parked::here();
        let stop = || parked.stop_requested();
        let waited = memory.wait(address, expected, timeout, stop);
        match waited.map_err(trap_of)? {
            Waited::Woken => Ok(0),
            Waited::NotEqual => Ok(1),
            Waited::TimedOut => Ok(2),
            Waited::Stopped(reason) => Err(reason),
        }
    });
    or_trap(core, waited)
}

/// The memory, and the address of `size` bytes in it: aligned, which is looked at first, and in
/// bounds.
fn find(
    core: &StoreCore,
    instance: usize,
    memory: u32,
    index: u64,
    offset: u64,
    size: usize,
) -> Result<(&StoreMemory, u64), TrapCode> {
    let memory = number_of(core, instance, memory).and_then(|number| core.memories.get(number));
    let memory = memory.ok_or(TrapCode::MemoryOutOfBounds)?;
    // Whether the sum wraps does not matter to its lowest bits.
    if !index.wrapping_add(offset).is_multiple_of(size as u64) {
        return Err(TrapCode::UnalignedAtomic);
    }
    let address = index
        .checked_add(offset)
        .filter(|address| {
            let end = address.checked_add(size as u64);
            end.is_some_and(|end| end <= memory.length_bytes())
        })
        .ok_or(TrapCode::MemoryOutOfBounds)?;
    Ok((memory, address))
}

fn trap_of(error: UsageError) -> TrapCode {
    match error {
        UsageError::Unaligned { .. } => TrapCode::UnalignedAtomic,
        _ => TrapCode::MemoryOutOfBounds,
    }
}

fn or_trap(core: &mut StoreCore, result: Result<i64, TrapCode>) -> i64 {
    result.unwrap_or_else(|reason| {
        core.stopped = Some(reason);
        TRAP
    })
}
