//! Which Wasm functions were being executed.
//!
//! Frame pointers are always kept, so that a walk needs no tables:
//!
//! ```text
//! from the pc and frame pointer where guest code stopped:
//!     note the pc; go on with the caller's, which stand at [fp + 8] and [fp]
//! until the frame of the entry trampoline
//! ```
//!
//! and the same again for each activation of the store further out, which stopped where it called
//! a host function. The walk runs while the frames still stand (in the signal handler for a
//! trap) and notes numbers only; names are found afterwards.

use std::fmt;
use std::sync::Arc;

mod walk;

pub(crate) use walk::{RawFrames, record, record_exit, record_interrupted, resolve};

/// How many frames are kept, from the innermost on. The others are counted.
pub(crate) const MAX_FRAMES: usize = 64;

/// The Wasm functions that were being executed, innermost first.
///
/// ```
/// use precast_loader::{Error, Frame};
///
/// fn innermost(error: &Error) -> Option<&str> {
///     error.backtrace()?.frames().first().and_then(Frame::func_name)
/// }
/// assert_eq!(innermost(&Error::host("outside of any function")), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backtrace {
    pub(crate) frames: Vec<Frame>,
    pub(crate) omitted: usize,
}

impl Backtrace {
    /// The frames, innermost first; no more than 64.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many more frames there were further out.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether there were no Wasm functions at all.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// A Wasm function in a [`Backtrace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub(crate) module: Arc<str>,
    pub(crate) func_index: u32,
    pub(crate) func_name: Option<String>,
    pub(crate) wasm_offset: Option<u32>,
}

impl Frame {
    /// The module's own name, or else the stem of the name of the file it was loaded from.
    pub fn module_name(&self) -> &str {
        &self.module
    }

    /// The function's index in its module, imports counted.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The function's name, if the artifact has it.
    pub fn func_name(&self) -> Option<&str> {
        self.func_name.as_deref()
    }

    /// Where in the WebAssembly module the instruction is, in bytes from its start, if the
    /// artifact says.
    pub fn wasm_offset(&self) -> Option<u32> {
        self.wasm_offset
    }
}

impl fmt::Display for Backtrace {
    /// Writes a line for each frame, each after a line break; nothing if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_empty() {
            return Ok(());
        }
        f.write_str("\nwasm backtrace:")?;
        for (number, frame) in self.frames.iter().enumerate() {
            write!(f, "\n{number:>3}: {frame}")?;
        }
        if self.omitted > 0 {
            write!(f, "\n  … {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wasm_offset {
            Some(offset) => write!(f, "{offset:#x}")?,
            None => f.write_str("?")?,
        }
        write!(f, " - {}!", self.module)?;
        match &self.func_name {
            Some(name) => f.write_str(name),
            None => write!(f, "<function {}>", self.func_index),
        }
    }
}
