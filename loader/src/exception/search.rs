//! The walk over the frames for a handler.
#![allow(unsafe_code, reason = "frames are read from the stack")]

use std::ptr::with_exposed_provenance;

use precast_artifacts_format::abi::{INSTANCE_MAGIC, VmctxHeader};
use precast_artifacts_format::{CallSite, Section, UnwindTable};

use crate::backtrace;
use crate::module::Module;
use crate::store::core::StoreCore;
use crate::sys::arch::ResumePoint;

/// Bytes that the address of a vmctx takes in a frame.
const ADDRESS_BYTES: u64 = size_of::<u64>() as u64;

/// A handler that has been found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) at: ResumePoint,
    /// Whether its code takes a reference to the exception.
    pub(super) keeps_reference: bool,
}

/// The first handler for an exception with the tag of that number in the frames of the innermost
/// activation, from the frame by which guest code was left.
///
/// # Safety
///
/// Guest code of the store has been left by a trampoline, and is waiting, in the innermost
/// activation of this thread.
pub(super) unsafe fn find(core: &StoreCore, tag: u32) -> Option<Found> {
    let entry_fp = core.context.entry_fp;
    let mut fp = core.context.exit_fp;
    let mut last: Option<&Module> = None;
    loop {
        // SAFETY: the frames of a guest that waits stand.
        let caller = unsafe { backtrace::caller_of(fp, entry_fp) }?;
        fp = caller.fp;
        if fp == entry_fp {
            // What was called from there returns to the trampoline.
            return None;
        }
        // The call instruction lies before the address that it returns to.
        let call = caller.return_address.wrapping_sub(1);
        let module = last.filter(|module| module.image().text().contains(&call));
        let Some(module) = module.or_else(|| Some(core.module_around(call)?.0)) else {
            continue;
        };
        last = Some(module);
        let start = module.image().text().start;
        let Some(return_offset) = u32::try_from(caller.return_address.wrapping_sub(start)).ok()
        else {
            continue;
        };
        let table = UnwindTable::parse(module.image().section(Section::Unwind));
        let Some(call_site) = table.and_then(|table| table.lookup(return_offset)) else {
            continue;
        };
        // SAFETY: the frame is that of a function of the module's, which waits for this call.
        if let Some(found) = unsafe { handler_in(core, module, call_site, fp, tag) } {
            return Some(found);
        }
    }
}

/// The first handler of a call for such an exception.
///
/// # Safety
///
/// `fp` is the frame pointer of a function that waits for this call.
unsafe fn handler_in(
    core: &StoreCore,
    module: &Module,
    call_site: CallSite<'_>,
    fp: u64,
    tag: u32,
) -> Option<Found> {
    let sp = fp.checked_sub(u64::from(call_site.frame_bytes))?;
    let vmctx_end = u64::from(call_site.vmctx_offset).checked_add(ADDRESS_BYTES)?;
    if vmctx_end > u64::from(call_site.frame_bytes) {
        return None;
    }
    let place = sp.checked_add(u64::from(call_site.vmctx_offset))?;
    // SAFETY: it lies within the function's frame, where the code keeps its vmctx during the call,
    // and that begins with a header and lives as long as the store.
    let header = unsafe {
        let vmctx = with_exposed_provenance::<u64>(place as usize).read_unaligned();
        &*with_exposed_provenance::<VmctxHeader>(vmctx as usize)
    };
    if header.magic != INSTANCE_MAGIC {
        return None;
    }
    let instance = core.instances.get(usize::try_from(header.host).ok()?)?;
    let mut handlers = call_site.handlers();
    let handler = handlers.find(|handler| {
        let wanted = handler.catches.tag;
        wanted.is_none_or(|wanted| instance.tags.get(wanted as usize) == Some(&tag))
    })?;
    Some(Found {
        at: ResumePoint {
            pc: module.image().code_address(handler.text_offset)?,
            sp,
            fp,
        },
        keeps_reference: handler.catches.keeps_reference,
    })
}
