//! `table.grow`, `table.copy`, `table.fill`, `table.init`, `elem.drop`.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use super::memory::{range, status};
use super::vmctx;
use crate::segments::{self, Range};
use crate::store::core::StoreCore;

/// # Safety
///
/// `vmctx` is that of an instance, whose code is calling; elements are references of its store.
/// The same for all functions here.
pub(super) unsafe extern "C" fn grow(vmctx: u64, table: u32, element: u64, delta: u64) -> u64 {
    let grow = |core: &mut StoreCore, instance: usize| {
        number_of(core, instance, table)
            .and_then(|number| core.tables.get_mut(number))
            .and_then(|table| table.grow(delta, element))
            .unwrap_or(u64::MAX)
    };
    // SAFETY: the caller's promise.
    unsafe { vmctx::with(vmctx, grow) }
}

pub(super) unsafe extern "C" fn copy(
    vmctx: u64,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    len: u64,
) -> u32 {
    let copy = |core: &mut StoreCore, instance: usize| {
        let to_number = number_of(core, instance, to_table)?;
        let from_number = number_of(core, instance, from_table)?;
        if to_number == from_number {
            let elements = core.tables.get_mut(to_number)?.elements_mut();
            let from = range(from, len, elements.len())?;
            let to = range(to, len, elements.len())?;
            elements.copy_within(from, to.start);
        } else {
            let [to_table, from_table] = core
                .tables
                .get_disjoint_mut([to_number, from_number])
                .ok()?;
            let source = from_table.elements();
            let source = source.get(range(from, len, source.len())?)?;
            let place = to_table.elements_mut();
            let place = range(to, len, place.len()).and_then(|to| place.get_mut(to))?;
            place.copy_from_slice(source);
        }
        Some(())
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, copy) })
}

pub(super) unsafe extern "C" fn fill(
    vmctx: u64,
    table: u32,
    to: u64,
    element: u64,
    len: u64,
) -> u32 {
    let fill = |core: &mut StoreCore, instance: usize| {
        let number = number_of(core, instance, table)?;
        let elements = core.tables.get_mut(number)?.elements_mut();
        let to = range(to, len, elements.len())?;
        elements.get_mut(to)?.fill(element);
        Some(())
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, fill) })
}

pub(super) unsafe extern "C" fn init(
    vmctx: u64,
    table: u32,
    segment: u32,
    destination: u64,
    source: u64,
    len: u64,
) -> u32 {
    let init = |core: &mut StoreCore, instance: usize| {
        let table = u32::try_from(number_of(core, instance, table)?).ok()?;
        let data = core.instances.get(instance)?;
        let module = data.module.clone();
        let range = Range {
            destination,
            source,
            len,
        };
        let nothing = precast_artifacts_format::ElementItems::Exprs(Vec::new());
        let items = match data.dropped_elements.get(segment as usize)? {
            true => &nothing,
            false => {
                &module
                    .manifest()
                    .element_segments
                    .get(segment as usize)?
                    .items
            }
        };
        let instance = u32::try_from(instance).ok()?;
        // A damaged list of items ends the guest like one that is too short.
        segments::copy_elements(core, instance, &module, table, items, range)
            .ok()?
            .ok()
    };
    // SAFETY: the caller's promise.
    status(unsafe { vmctx::with(vmctx, init) })
}

pub(super) unsafe extern "C" fn elem_drop(vmctx: u64, segment: u32) {
    let drop = |core: &mut StoreCore, instance: usize| {
        let data = core.instances.get_mut(instance)?;
        *data.dropped_elements.get_mut(segment as usize)? = true;
        Some(())
    };
    // SAFETY: the caller's promise.
    unsafe { vmctx::with(vmctx, drop) };
}

/// The number in the store of a table of the instance's.
fn number_of(core: &StoreCore, instance: usize, table: u32) -> Option<usize> {
    let tables = &core.instances.get(instance)?.tables;
    let number = tables.get(table as usize).copied().flatten()?;
    usize::try_from(number).ok()
}
