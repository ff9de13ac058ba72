//! Registers and frames, one file per instruction set. Each provides
//!
//! - `program_counter`, `frame_pointer`: read from the context of a signal;
//! - `set_resume`: makes the handler of a signal return elsewhere;
//! - `resume`, `resume_with`: goes elsewhere at once;
//! - `stopped`: where a signal has interrupted guest code;
//! - `caller_of_frame`: one step along the chain of frames.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

/// Where to go on: in the exit of an entry trampoline, or at an exception handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResumePoint {
    /// Program counter.
    pub(crate) pc: u64,
    /// Stack pointer.
    pub(crate) sp: u64,
    /// Frame pointer.
    pub(crate) fp: u64,
}

/// Where a signal has interrupted guest code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Program counter.
    pub(crate) pc: u64,
    /// Frame pointer.
    pub(crate) fp: u64,
    /// Where the function that was interrupted returns to, if its frame is not the one that the
    /// frame pointer points to: at its start or its end, where that is its caller's.
    pub(crate) return_address: Option<u64>,
}
