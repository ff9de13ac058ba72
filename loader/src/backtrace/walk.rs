//! The walk itself, and the functions around what it noted.
#![allow(
    unsafe_code,
    reason = "frames are read from the stack, in a signal handler too"
)]

use std::ops::ControlFlow;

use super::{Backtrace, Frame, MAX_FRAMES};
use crate::activation;
use crate::store::core::StoreCore;
use crate::sys::arch::{self, Stopped};

/// What a walk notes: for each frame an address inside the instruction it stands at.
#[derive(Debug)]
pub(crate) struct RawFrames {
    addresses: [u64; MAX_FRAMES],
    total: usize,
}

impl RawFrames {
    pub(crate) const EMPTY: Self = Self {
        addresses: [0; MAX_FRAMES],
        total: 0,
    };

    fn push(&mut self, address: u64) {
        if let Some(place) = self.addresses.get_mut(self.total) {
            *place = address;
        }
        self.total = self.total.saturating_add(1);
    }
}

/// Notes in the store which frames stand when guest code has stopped at `pc` with frame pointer
/// `fp`. Safe to call from a signal handler.
///
/// # Safety
///
/// - `core` is a live store, whose code stopped there, on this thread, in its innermost activation.
/// - No reference to the store is in use.
pub(crate) unsafe fn record(core: *mut StoreCore, pc: u64, fp: u64) {
    // SAFETY: the store is live and no other reference to it is in use.
    let frames = unsafe { &mut (*core).frames };
    // SAFETY: as the caller promises.
    let entry_fp = unsafe { (*core).context.entry_fp };
    frames.total = 0;
    if fp != entry_fp {
        frames.push(pc);
    }
    // SAFETY: the frames from the innermost one on stand.
    unsafe { walk(core, fp, frames) };
}

/// The same, where guest code has been interrupted, maybe at the start or end of a function, where
/// the frame pointer is still or again the caller's.
///
/// # Safety
///
/// As for [`record`].
pub(crate) unsafe fn record_interrupted(core: *mut StoreCore, stopped: &Stopped) {
    let Some(return_address) = stopped.return_address else {
        // SAFETY: the caller's promise.
        return unsafe { record(core, stopped.pc, stopped.fp) };
    };
    // SAFETY: as for `record`.
    unsafe {
        let frames = &mut (*core).frames;
        frames.total = 0;
        frames.push(stopped.pc);
        // Called by the entry trampoline, the function returns to no other.
        if stopped.fp != (*core).context.entry_fp {
            frames.push(return_address.wrapping_sub(1));
        }
        walk(core, stopped.fp, frames);
    }
}

/// The same, where guest code has called a host function that is running now.
///
/// # Safety
///
/// - `core` is a live store that this thread may change.
/// - No reference to the store is in use.
pub(crate) unsafe fn record_exit(core: *mut StoreCore) {
    // SAFETY: the store is live and no other reference to it is in use.
    let frames = unsafe { &mut (*core).frames };
    frames.total = 0;
    // SAFETY: if an activation of the store is running, the frame of the import trampoline by
    // which it was left stands; else nothing is read.
    unsafe {
        if activation::of_store(core).next().is_some() {
            walk(core, (*core).context.exit_fp, frames);
        }
    }
}

/// Notes the callers of the frame at `fp`, through all activations of the store.
unsafe fn walk(core: *const StoreCore, fp: u64, frames: &mut RawFrames) {
    // SAFETY: the store is live; activations do not go away while this runs, nor do their frames.
    unsafe {
        let mut stopped_at = fp;
        let mut entry_fp = (*core).context.entry_fp;
        for activation in activation::of_store(core) {
            if walk_activation(stopped_at, entry_fp, frames).is_break() {
                return;
            }
            let Some(outer) = activation.outer_frames() else {
                return;
            };
            (stopped_at, entry_fp) = outer;
        }
    }
}

/// Who has called the code that a frame is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Where the call returns to.
    pub(crate) return_address: u64,
    /// The caller's frame pointer.
    pub(crate) fp: u64,
}

/// The caller of the frame at `fp`, which is not the entry trampoline's at `entry_fp`. `None` for
/// a damaged chain, of which nothing more can be known.
///
/// # Safety
///
/// If `fp` lies below `entry_fp`, it belongs to the chain of frames that guest code has built from
/// there on, on this thread's stack.
pub(crate) unsafe fn caller_of(fp: u64, entry_fp: u64) -> Option<Caller> {
    // The stack grows downward, so that callers stand above.
    if fp == 0 || fp >= entry_fp || !fp.is_multiple_of(8) {
        return None;
    }
    // SAFETY: the caller's promise.
    let (return_address, caller_fp) = unsafe { arch::caller_of_frame(fp) };
    let caller = Caller {
        return_address,
        fp: caller_fp,
    };
    (caller_fp > fp).then_some(caller)
}

/// Notes the callers of the frame at `fp`, up to the entry trampoline's frame.
unsafe fn walk_activation(mut fp: u64, entry_fp: u64, frames: &mut RawFrames) -> ControlFlow<()> {
    while fp != entry_fp {
        // SAFETY: `fp` belongs to the chain that generated code has built.
        let Some(caller) = (unsafe { caller_of(fp, entry_fp) }) else {
            return ControlFlow::Break(());
        };
        // A function that was called from the entry trampoline's frame returns into the
        // trampoline, which is no Wasm function.
        if caller.fp != entry_fp {
            // The call instruction ends where the return address points.
            frames.push(caller.return_address.wrapping_sub(1));
        }
        fp = caller.fp;
    }
    ControlFlow::Continue(())
}

/// Finds the functions for what has been noted last.
pub(crate) fn resolve(core: &StoreCore) -> Backtrace {
    let noted = core.frames.total.min(MAX_FRAMES);
    let addresses = core.frames.addresses.iter().take(noted);
    let frames = addresses
        .filter_map(|&address| resolve_frame(core, address))
        .collect();
    Backtrace {
        frames,
        omitted: core.frames.total - noted,
    }
}

/// The function around `address`; `None` for a trampoline.
fn resolve_frame(core: &StoreCore, address: u64) -> Option<Frame> {
    let (module, text_offset) = core.module_around(address)?;
    let defined = module.funcs().find(text_offset)?;
    let start = module.funcs().get(defined)?.text_offset;
    let wasm_offset = module
        .address_map()
        .lookup(text_offset)
        .filter(|&(from, _)| from >= start)
        .map(|(_, wasm_offset)| wasm_offset);
    Some(Frame {
        module: module.clone(),
        defined,
        wasm_offset,
    })
}
