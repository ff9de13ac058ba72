//! `memory.grow`, `memory.copy`, `memory.fill`, `memory.init`, `data.drop`.
//!
//! Where an access is out of bounds, nothing has been written.

use crate::segments::{self, Range, within};
use crate::store::core::StoreCore;

const OK: u32 = 0;
const OUT_OF_BOUNDS: u32 = 1;

pub(super) fn grow(core: &mut StoreCore, instance: usize, memory: u32, delta_pages: u64) -> u64 {
    number_of(core, instance, memory)
        .and_then(|number| core.memories.get_mut(number))
        .and_then(|memory| memory.grow(delta_pages))
        .unwrap_or(u64::MAX)
}

pub(super) fn copy(
    core: &mut StoreCore,
    instance: usize,
    to_memory: u32,
    from_memory: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    status((|| {
        let to_number = number_of(core, instance, to_memory)?;
        let from_number = number_of(core, instance, from_memory)?;
        if to_number == from_number {
            let bytes = core.memories.get_mut(to_number)?.bytes_mut();
            return copy_within(bytes, to, from, len);
        }
        let numbers = [to_number, from_number];
        let [to_memory, from_memory] = core.memories.get_disjoint_mut(numbers).ok()?;
        copy_between(to_memory.bytes_mut(), from_memory.bytes(), to, from, len)
    })())
}

pub(super) fn fill(
    core: &mut StoreCore,
    instance: usize,
    memory: u32,
    to: u64,
    byte: u32,
    len: u64,
) -> u32 {
    status((|| {
        let number = number_of(core, instance, memory)?;
        let bytes = core.memories.get_mut(number)?.bytes_mut();
        let to = within(to, len, bytes.len())?;
        bytes.get_mut(to)?.fill(byte as u8);
        Some(())
    })())
}

pub(super) fn init(
    core: &mut StoreCore,
    instance: usize,
    memory: u32,
    segment: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    status((|| {
        let memory = u32::try_from(number_of(core, instance, memory)?).ok()?;
        let data = core.instances.get(instance)?;
        let module = data.module.clone();
        let mut bytes = module.manifest().data_segments.get(segment as usize)?.bytes;
        if *data.dropped_data.get(segment as usize)? {
            bytes.len = 0;
        }
        let range = Range {
            destination: to,
            source: from,
            len,
        };
        segments::copy_data(core, &module, memory, bytes, range).ok()
    })())
}

pub(super) fn data_drop(core: &mut StoreCore, instance: usize, segment: u32) {
    let data = core.instances.get_mut(instance);
    if let Some(dropped) = data.and_then(|data| data.dropped_data.get_mut(segment as usize)) {
        *dropped = true;
    }
}

/// The number in the store of a memory of the instance's.
fn number_of(core: &StoreCore, instance: usize, memory: u32) -> Option<usize> {
    let memories = &core.instances.get(instance)?.memories;
    memories.get(memory as usize).map(|&number| number as usize)
}

/// Copies inside of one memory or table; the ranges may overlap.
pub(super) fn copy_within<T: Copy>(items: &mut [T], to: u64, from: u64, len: u64) -> Option<()> {
    let from = within(from, len, items.len())?;
    let to = within(to, len, items.len())?;
    items.copy_within(from, to.start);
    Some(())
}

/// Copies from one memory or table to another.
pub(super) fn copy_between<T: Copy>(
    place: &mut [T],
    source: &[T],
    to: u64,
    from: u64,
    len: u64,
) -> Option<()> {
    let from = within(from, len, source.len())?;
    let to = within(to, len, place.len())?;
    place.get_mut(to)?.copy_from_slice(source.get(from)?);
    Some(())
}

pub(super) fn status(done: Option<()>) -> u32 {
    match done {
        Some(()) => OK,
        None => OUT_OF_BOUNDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_overlap_safely_and_are_all_or_nothing() {
        let mut bytes = [1, 2, 3, 4, 5];
        copy_within(&mut bytes, 1, 0, 4).unwrap();
        assert_eq!(bytes, [1, 1, 2, 3, 4]);
        copy_within(&mut bytes, 0, 2, 3).unwrap();
        assert_eq!(bytes, [2, 3, 4, 3, 4]);
        assert!(copy_within(&mut bytes, 3, 0, 3).is_none());
        assert!(copy_within(&mut bytes, 0, u64::MAX, 2).is_none());
        assert!(copy_between(&mut bytes, &[9, 9], 4, 0, 2).is_none());
        assert!(copy_between(&mut bytes, &[9, 9], 0, 1, 2).is_none());
        assert_eq!(bytes, [2, 3, 4, 3, 4]);
        copy_between(&mut bytes, &[9, 8], 5, 2, 0).unwrap();
        copy_between(&mut bytes, &[9, 8], 4, 1, 1).unwrap();
        assert_eq!(bytes, [2, 3, 4, 3, 8]);
    }
}
