//! `table.grow`, `table.copy`, `table.fill`, `table.init`, `elem.drop`.
//!
//! Elements are references of the instance's store. Where an access is out of bounds, nothing has
//! been written. Long operations stop as those on memories do.

use precast_artifacts_format::ElementItems;

use super::memory::{copy_between, copy_within, fill_within, status};
use crate::segments::{self, Range};
use crate::store::core::StoreCore;

pub(super) fn grow(
    core: &mut StoreCore,
    instance: usize,
    table: u32,
    element: u64,
    delta: u64,
) -> u64 {
    number_of(core, instance, table)
        .and_then(|number| core.grow_table(number, delta, element))
        .unwrap_or(u64::MAX)
}

pub(super) fn copy(
    core: &mut StoreCore,
    instance: usize,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    let done = (|| {
        let to_number = number_of(core, instance, to_table)?;
        let from_number = number_of(core, instance, from_table)?;
        if to_number == from_number {
            let elements = core.tables.get_mut(to_number)?.elements_mut();
            return copy_within(elements, to, from, len);
        }
        let numbers = [to_number, from_number];
        let [to_table, from_table] = core.tables.get_disjoint_mut(numbers).ok()?;
        copy_between(
            to_table.elements_mut(),
            from_table.elements(),
            to,
            from,
            len,
        )
    })();
    status(core, done)
}

pub(super) fn fill(
    core: &mut StoreCore,
    instance: usize,
    table: u32,
    to: u64,
    element: u64,
    len: u64,
) -> u32 {
    let done = (|| {
        let number = number_of(core, instance, table)?;
        let elements = core.tables.get_mut(number)?.elements_mut();
        fill_within(elements, to, element, len)
    })();
    status(core, done)
}

pub(super) fn init(
    core: &mut StoreCore,
    instance: usize,
    table: u32,
    segment: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    let done = (|| {
        let table = u32::try_from(number_of(core, instance, table)?).ok()?;
        let data = core.instances.get(instance)?;
        let module = data.module.clone();
        let nothing = ElementItems::Exprs(Vec::new());
        let segments = &module.manifest().element_segments;
        let items = match data.dropped_elements.get(segment as usize)? {
            true => &nothing,
            false => &segments.get(segment as usize)?.items,
        };
        let range = Range {
            destination: to,
            source: from,
            len,
        };
        let instance = u32::try_from(instance).ok()?;
        // A damaged list of items ends the guest like one that is too short.
        segments::copy_elements(core, instance, &module, table, items, range)
            .ok()?
            .ok()?;
        Some(Ok(()))
    })();
    status(core, done)
}

pub(super) fn elem_drop(core: &mut StoreCore, instance: usize, segment: u32) {
    let data = core.instances.get_mut(instance);
    if let Some(dropped) = data.and_then(|data| data.dropped_elements.get_mut(segment as usize)) {
        *dropped = true;
    }
}

/// The number in the store of a table of the instance's.
fn number_of(core: &StoreCore, instance: usize, table: u32) -> Option<usize> {
    let tables = &core.instances.get(instance)?.tables;
    let number = tables.get(table as usize).copied().flatten()?;
    usize::try_from(number).ok()
}
