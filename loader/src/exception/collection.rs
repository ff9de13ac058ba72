//! Finding the exceptions that are in use no longer.
//!
//! Marked are those whose handles are found
//!
//! - in the frames of the store's guests: in any aligned 32 bits of them, since it is not known
//!   which hold handles. Code keeps each reference to an exception in its frame while it calls
//!   something, so that no register has to be looked at and no frame of the host's.
//! - in globals and tables of references to exceptions;
//! - with the host, which has pinned what it knows of;
//! - in the arguments of exceptions that are marked.
//!
//! The others are given up. A number that happens to be the handle of one keeps that for a while,
//! which does no harm: it counts against the limit like all that is in use.
#![allow(unsafe_code, reason = "frames are read from the stack")]

use std::ptr::with_exposed_provenance;

use precast_artifacts_format::Hierarchy;

use crate::activation;
use crate::store::core::StoreCore;

/// Gives up all exceptions that are in use no longer.
pub(super) fn collect(core: &mut StoreCore) {
    let mut roots = core.exceptions.pinned();
    in_frames(core, &mut roots);
    in_globals(core, &mut roots);
    in_tables(core, &mut roots);
    while let Some(handle) = roots.pop() {
        let Some(kept) = core.exceptions.mark(handle) else {
            continue;
        };
        let Some(tag) = core.tags.get(kept.tag as usize) else {
            continue;
        };
        let args = tag.ty.params.iter().zip(&kept.args);
        let exceptions = args.filter(|&(&ty, _)| ty.refers_to(Hierarchy::Exn));
        roots.extend(exceptions.map(|(_, slot)| low_bits(slot.0)));
    }
    core.exceptions.sweep();
}

/// What may be handles in the frames of the store's guests.
fn in_frames(core: &StoreCore, roots: &mut Vec<u32>) {
    let mut frames = Some((core.context.exit_fp, core.context.entry_fp));
    // SAFETY: the activations do not go away while this runs.
    for activation in unsafe { activation::of_store(core) } {
        let Some((exit_fp, entry_fp)) = frames else {
            return;
        };
        // SAFETY: the guest is waiting for what it has called by the frame at `exit_fp`, so that
        // its frames stand between there and the entry trampoline's, on this thread's stack.
        unsafe { in_range(core, exit_fp, entry_fp, roots) };
        frames = activation.outer_frames();
    }
}

/// Reads aligned words that may be handles of exceptions that are kept.
///
/// # Safety
///
/// If both are aligned and in order, all between them is readable.
unsafe fn in_range(core: &StoreCore, from: u64, to: u64, roots: &mut Vec<u32>) {
    const WORD_BYTES: u64 = size_of::<u32>() as u64;
    if !from.is_multiple_of(8) || !to.is_multiple_of(8) || from == 0 {
        return;
    }
    for address in (from..to).step_by(WORD_BYTES as usize) {
        // SAFETY: the caller's promise.
        let word = unsafe { with_exposed_provenance::<u32>(address as usize).read_volatile() };
        if core.exceptions.get(word).is_some() {
            roots.push(word);
        }
    }
}

fn in_globals(core: &StoreCore, roots: &mut Vec<u32>) {
    let of_host = core.globals.iter().cloned();
    let of_guests = core.instances.iter().flat_map(|instance| {
        let plans = (0..).zip(&instance.module.manifest().globals);
        let wanted = plans.filter(|(_, plan)| plan.ty.content.refers_to(Hierarchy::Exn));
        wanted.filter_map(|(index, _)| instance.defined_global(index))
    });
    let cells = of_host.chain(of_guests);
    let cells = cells.filter(|cell| cell.ty().content.refers_to(Hierarchy::Exn));
    roots.extend(cells.map(|cell| low_bits(cell.get())));
}

fn in_tables(core: &StoreCore, roots: &mut Vec<u32>) {
    let tables = core.tables.iter();
    let tables = tables.filter(|table| table.ty().element.refers_to(Hierarchy::Exn));
    roots.extend(tables.flat_map(|table| table.elements().iter().map(|&element| element as u32)));
}

fn low_bits(bytes: [u8; 16]) -> u32 {
    u128::from_le_bytes(bytes) as u32
}
