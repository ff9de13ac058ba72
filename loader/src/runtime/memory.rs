//! `memory.grow`, `memory.copy`, `memory.fill`, `memory.init`, `data.drop`.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use super::vmctx;
use crate::segments::{self, Range};
use crate::store::core::StoreCore;
use crate::vm::memory::LinearMemory;

const OK: u32 = 0;
const OUT_OF_BOUNDS: u32 = 1;

/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling. The same for all functions here.
pub(super) unsafe extern "C" fn grow(vmctx: u64, memory: u32, delta_pages: u64) -> u64 {
    let grow = |core: &mut StoreCore, instance: usize| {
        number_of(core, instance, memory)
            .and_then(|number| core.memories.get_mut(number))
            .and_then(|memory| memory.grow(delta_pages))
            .unwrap_or(u64::MAX)
    };
    // SAFETY: the caller's promise.
    unsafe { vmctx::with(vmctx, grow) }
}

pub(super) unsafe extern "C" fn copy(
    vmctx: u64,
    to_memory: u32,
    from_memory: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    let copy = |core: &mut StoreCore, instance: usize| {
        let to_number = number_of(core, instance, to_memory)?;
        let from_number = number_of(core, instance, from_memory)?;
        if to_number == from_number {
            let bytes = core.memories.get_mut(to_number)?.bytes_mut();
            let from = range(from, len, bytes.len())?;
            let to = range(to, len, bytes.len())?;
            bytes.copy_within(from, to.start);
        } else {
            let [to_memory, from_memory] = core
                .memories
                .get_disjoint_mut([to_number, from_number])
                .ok()?;
            let source = from_memory.bytes();
            let source = source.get(range(from, len, source.len())?)?;
            let place = to_memory.bytes_mut();
            let place = range(to, len, place.len()).and_then(|to| place.get_mut(to))?;
            place.copy_from_slice(source);
        }
        Some(())
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, copy) })
}

pub(super) unsafe extern "C" fn fill(vmctx: u64, memory: u32, to: u64, byte: u32, len: u64) -> u32 {
    let fill = |core: &mut StoreCore, instance: usize| {
        let bytes = bytes_of(core, instance, memory)?;
        let to = range(to, len, bytes.len())?;
        bytes.get_mut(to)?.fill(byte as u8);
        Some(())
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, fill) })
}

pub(super) unsafe extern "C" fn init(
    vmctx: u64,
    memory: u32,
    segment: u32,
    destination: u64,
    source: u64,
    len: u64,
) -> u32 {
    let init = |core: &mut StoreCore, instance: usize| {
        let memory = number_of(core, instance, memory)?;
        let data = core.instances.get(instance)?;
        let module = data.module.clone();
        let mut bytes = module.manifest().data_segments.get(segment as usize)?.bytes;
        if *data.dropped_data.get(segment as usize)? {
            bytes.len = 0;
        }
        let range = Range {
            destination,
            source,
            len,
        };
        segments::copy_data(core, &module, u32::try_from(memory).ok()?, bytes, range).ok()
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, init) })
}

pub(super) unsafe extern "C" fn data_drop(vmctx: u64, segment: u32) {
    let drop = |core: &mut StoreCore, instance: usize| {
        let data = core.instances.get_mut(instance)?;
        *data.dropped_data.get_mut(segment as usize)? = true;
        Some(())
    };
    // SAFETY: the caller's promise.
    unsafe { vmctx::with(vmctx, drop) };
}

/// The number in the store of a memory of the instance's.
fn number_of(core: &StoreCore, instance: usize, memory: u32) -> Option<usize> {
    let memories = &core.instances.get(instance)?.memories;
    memories.get(memory as usize).map(|&number| number as usize)
}

fn bytes_of(core: &mut StoreCore, instance: usize, memory: u32) -> Option<&mut [u8]> {
    let number = number_of(core, instance, memory)?;
    core.memories.get_mut(number).map(LinearMemory::bytes_mut)
}

/// `len` bytes from `start` on, if they lie within `whole`.
pub(super) fn range(start: u64, len: u64, whole: usize) -> Option<std::ops::Range<usize>> {
    let end = usize::try_from(start.checked_add(len)?).ok()?;
    let start = usize::try_from(start).ok()?;
    (end <= whole).then_some(start..end)
}

pub(super) fn status(done: Option<()>) -> u32 {
    match done {
        Some(()) => OK,
        None => OUT_OF_BOUNDS,
    }
}
