//! `memory.grow`, `memory.copy`, `memory.fill`, `memory.init`, `data.drop`.
//!
//! Where an access is out of bounds, nothing has been written. Long operations work in pieces, and
//! see after each whether the guest has been asked to stop; then they leave the reason in the
//! store and say "out of bounds" too, on which the code traps.

use precast_artifacts_format::TrapCode;

use crate::activation;
use crate::segments::{self, Range, within};
use crate::store::core::StoreCore;

const OK: u32 = 0;
const OUT_OF_BOUNDS: u32 = 1;

/// Bytes of a piece of a long operation: some tens of microseconds' work.
const PIECE_BYTES: usize = 1 << 20;

pub(super) fn grow(core: &mut StoreCore, instance: usize, memory: u32, delta_pages: u64) -> u64 {
    number_of(core, instance, memory)
        .and_then(|number| core.grow_memory(number, delta_pages))
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
    let done = (|| {
        let to_number = number_of(core, instance, to_memory)?;
        let from_number = number_of(core, instance, from_memory)?;
        let [place, source] = [to_number, from_number].map(|number| core.memories.get(number));
        let (place, source) = (place?, source?);
        if place.own().is_none() || source.own().is_none() {
            let from = within(from, len, source.len())?;
            let to = within(to, len, place.len())?;
            let (place, source) = ((to_number, to.start), (from_number, from.start));
            return Some(core.copy_buffered(place, source, to.len(), go_on));
        }
        if to_number == from_number {
            let bytes = core.memories.get_mut(to_number)?.own_mut()?.bytes_mut();
            return copy_within(bytes, to, from, len);
        }
        let numbers = [to_number, from_number];
        let [place, source] = core.memories.get_disjoint_mut(numbers).ok()?;
        let (place, source) = (place.own_mut()?.bytes_mut(), source.own()?.bytes());
        copy_between(place, source, to, from, len)
    })();
    status(core, done)
}

pub(super) fn fill(
    core: &mut StoreCore,
    instance: usize,
    memory: u32,
    to: u64,
    byte: u32,
    len: u64,
) -> u32 {
    let done = (|| {
        let number = number_of(core, instance, memory)?;
        let memory = core.memories.get_mut(number)?;
        if let Some(memory) = memory.own_mut() {
            return fill_within(memory.bytes_mut(), to, byte as u8, len);
        }
        let to = within(to, len, memory.len())?;
        Some(core.fill_buffered((number, to.start), byte as u8, to.len(), go_on))
    })();
    status(core, done)
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
    let done = (|| {
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
        segments::copy_data(core, &module, memory, bytes, range).ok()?;
        Some(Ok(()))
    })();
    status(core, done)
}

pub(super) fn data_drop(core: &mut StoreCore, instance: usize, segment: u32) {
    let data = core.instances.get_mut(instance);
    if let Some(dropped) = data.and_then(|data| data.dropped_data.get_mut(segment as usize)) {
        *dropped = true;
    }
}

/// The number in the store of a memory of the instance's.
pub(super) fn number_of(core: &StoreCore, instance: usize, memory: u32) -> Option<usize> {
    let memories = &core.instances.get(instance)?.memories;
    memories.get(memory as usize).map(|&number| number as usize)
}

/// Whether an operation has gone to its end; if not, why the guest is to stop.
type Done = Result<(), TrapCode>;

/// Fails if the guest is to stop.
fn go_on() -> Done {
    activation::stop_requested().map_or(Ok(()), Err)
}

/// Does `step` until it says that nothing is left, or the guest is to stop.
fn in_pieces(mut step: impl FnMut() -> bool) -> Done {
    loop {
        let more = step();
        // After the last piece too: code that does little else would hardly ever be found by the
        // signal.
        go_on()?;
        if !more {
            return Ok(());
        }
    }
}

const fn piece_len<T>() -> usize {
    PIECE_BYTES / size_of::<T>()
}

/// Fills a part of a memory or table. `None` if it is out of bounds.
pub(super) fn fill_within<T: Copy>(items: &mut [T], to: u64, item: T, len: u64) -> Option<Done> {
    let to = within(to, len, items.len())?;
    let mut pieces = items.get_mut(to)?.chunks_mut(piece_len::<T>());
    Some(in_pieces(|| {
        if let Some(piece) = pieces.next() {
            piece.fill(item);
        }
        pieces.len() > 0
    }))
}

/// Copies inside of one memory or table; the ranges may overlap. `None` if one is out of bounds.
pub(super) fn copy_within<T: Copy>(items: &mut [T], to: u64, from: u64, len: u64) -> Option<Done> {
    let mut from = within(from, len, items.len())?;
    let mut to = within(to, len, items.len())?;
    // No piece may overwrite what is still to be copied.
    let upward = to.start <= from.start;
    Some(in_pieces(|| {
        let len = piece_len::<T>().min(from.len());
        if upward {
            items.copy_within(from.start..from.start + len, to.start);
            from.start += len;
            to.start += len;
        } else {
            from.end -= len;
            to.end -= len;
            items.copy_within(from.end..from.end + len, to.end);
        }
        !from.is_empty()
    }))
}

/// Copies from one memory or table to another. `None` if a range is out of bounds.
pub(super) fn copy_between<T: Copy>(
    place: &mut [T],
    source: &[T],
    to: u64,
    from: u64,
    len: u64,
) -> Option<Done> {
    let from = within(from, len, source.len())?;
    let to = within(to, len, place.len())?;
    let mut source = source.get(from)?.chunks(piece_len::<T>());
    let mut place = place.get_mut(to)?.chunks_mut(piece_len::<T>());
    Some(in_pieces(|| {
        if let (Some(place), Some(source)) = (place.next(), source.next()) {
            place.copy_from_slice(source);
        }
        place.len() > 0
    }))
}

/// What the code is told. Keeps why the guest is to stop, for the trap that follows.
pub(super) fn status(core: &mut StoreCore, done: Option<Done>) -> u32 {
    match done {
        Some(Ok(())) => OK,
        Some(Err(reason)) => {
            core.stopped = Some(reason);
            OUT_OF_BOUNDS
        }
        None => OUT_OF_BOUNDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_overlap_safely_and_are_all_or_nothing() {
        let mut bytes = [1, 2, 3, 4, 5];
        assert_eq!(copy_within(&mut bytes, 1, 0, 4), Some(Ok(())));
        assert_eq!(bytes, [1, 1, 2, 3, 4]);
        assert_eq!(copy_within(&mut bytes, 0, 2, 3), Some(Ok(())));
        assert_eq!(bytes, [2, 3, 4, 3, 4]);
        assert_eq!(copy_within(&mut bytes, 3, 0, 3), None);
        assert_eq!(copy_within(&mut bytes, 0, u64::MAX, 2), None);
        assert_eq!(copy_between(&mut bytes, &[9, 9], 4, 0, 2), None);
        assert_eq!(copy_between(&mut bytes, &[9, 9], 0, 1, 2), None);
        assert_eq!(fill_within(&mut bytes, 4, 9, 2), None);
        assert_eq!(bytes, [2, 3, 4, 3, 4]);
        assert_eq!(copy_between(&mut bytes, &[9, 8], 5, 2, 0), Some(Ok(())));
        assert_eq!(copy_between(&mut bytes, &[9, 8], 4, 1, 1), Some(Ok(())));
        assert_eq!(fill_within(&mut bytes, 0, 7, 2), Some(Ok(())));
        assert_eq!(fill_within(&mut bytes, 5, 7, 0), Some(Ok(())));
        assert_eq!(bytes, [7, 7, 4, 3, 8]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes too long")]
    fn copies_of_many_pieces_are_those_of_one() {
        const LEN: usize = 3 * PIECE_BYTES + 12_345;
        let start: Vec<u8> = (0..LEN as u32).map(|i| (i % 251) as u8).collect();
        for distance in [1, 1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 7] {
            for (to, from) in [(0, distance), (distance, 0)] {
                let len = LEN - distance;
                let (mut found, mut expected) = (start.clone(), start.clone());
                expected.copy_within(from..from + len, to);
                let done = copy_within(&mut found, to as u64, from as u64, len as u64);
                assert_eq!(done, Some(Ok(())));
                assert!(found == expected, "from {from} to {to}");
            }
        }
        let mut filled = start.clone();
        assert_eq!(fill_within(&mut filled, 1, 9, LEN as u64 - 2), Some(Ok(())));
        let inner = &filled[1..LEN - 1];
        assert!(inner.iter().all(|&byte| byte == 9) && filled[LEN - 1] == start[LEN - 1]);
        let mut copied = vec![0; LEN];
        assert_eq!(
            copy_between(&mut copied, &start, 0, 0, LEN as u64),
            Some(Ok(()))
        );
        assert!(copied == start);
    }
}
