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
//! trap) and notes numbers only; the functions are found afterwards, and names, files and lines
//! when somebody asks for them.

use std::fmt;

use crate::module::Module;

#[cfg(feature = "dwarf")]
mod dwarf;
#[cfg(not(feature = "dwarf"))]
#[path = "backtrace/no_dwarf.rs"]
mod dwarf;
mod symbol;
mod walk;

pub(crate) use dwarf::DebugInfo;
pub use symbol::FrameSymbol;
pub(crate) use symbol::Printable;
pub(crate) use walk::{RawFrames, caller_of, record, record_exit, record_interrupted, resolve};

/// How many frames are kept, from the innermost on. The others are counted.
pub(crate) const MAX_FRAMES: usize = 64;

/// The Wasm functions that were being executed, innermost first.
///
/// These are the functions of one store, through all calls of its guests that were under way on
/// the thread. Host functions between them are not listed, nor is a function that has ended by a
/// tail call.
///
/// A backtrace keeps the modules that it names loaded.
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
    ///
    /// ```
    /// # let error = example::trap();
    /// for frame in error.backtrace().unwrap().frames() {
    ///     println!("{frame}"); // 0x1a2 - app!fail
    /// }
    /// ```
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many more frames there were further out.
    ///
    /// ```
    /// use precast_loader::Backtrace;
    ///
    /// assert_eq!(Backtrace::default().omitted(), 0);
    /// ```
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether there were no Wasm functions at all.
    ///
    /// ```
    /// use precast_loader::Backtrace;
    ///
    /// assert!(Backtrace::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// A Wasm function in a [`Backtrace`].
///
/// Two frames are equal if they are at the same place of the same [`Module`].
///
/// ```
/// # let error = example::trap();
/// for frame in error.backtrace().into_iter().flat_map(|backtrace| backtrace.frames()) {
///     println!("in {}: {:?}", frame.module_name(), frame.func_name());
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Frame {
    module: Module,
    /// The function's index among those that the module defines.
    defined: u32,
    wasm_offset: Option<u32>,
}

impl Frame {
    /// The module.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// println!("{} bytes of code", frame.module().text_bytes());
    /// ```
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module's own name, or else the stem of the name of the file it was loaded from.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// assert_eq!(frame.module_name(), "app");
    /// ```
    pub fn module_name(&self) -> &str {
        self.module.display_name()
    }

    /// The function's index in its module, imports counted.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// assert_eq!(frame.func_index(), 5);
    /// ```
    pub fn func_index(&self) -> u32 {
        self.module.imported().funcs.saturating_add(self.defined)
    }

    /// The function's name, if the artifact has it, as it stands there: compilers may have
    /// mangled it.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// assert_eq!(frame.func_name(), Some("fail"));
    /// ```
    pub fn func_name(&self) -> Option<&str> {
        self.module.function_name(self.defined)
    }

    /// Where in the WebAssembly module the instruction is, in bytes from its start, if the
    /// artifact says.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// if let Some(offset) = frame.wasm_offset() {
    ///     println!("at {offset:#x}");
    /// }
    /// # assert!(frame.wasm_offset().is_some());
    /// ```
    pub fn wasm_offset(&self) -> Option<u32> {
        self.wasm_offset
    }

    /// What the module's [DWARF] says about the instruction: the functions that the guest's
    /// compiler has inlined here, innermost first, then the function itself, each with the place
    /// in the source where it was.
    ///
    /// Empty where nothing is known: if the module was built without debug information, if the
    /// artifact does not keep the `.debug_*` sections, or if this crate was built without its
    /// feature `dwarf`. Debug information in a file of its own (split DWARF,
    /// `external_debug_info`) is not looked for. Nothing is read before this is called, or the
    /// backtrace displayed; what was read is kept with the module. No more is read for it than
    /// in proportion to the size of the sections, whatever they hold.
    ///
    /// ```
    /// # let error = example::trap();
    /// let frame = &error.backtrace().unwrap().frames()[0];
    /// if let Some(innermost) = frame.symbols().first() {
    ///     println!("{}:{}", innermost.file().unwrap_or("?"), innermost.line().unwrap_or(0));
    /// }
    /// ```
    ///
    /// [DWARF]: https://yurydelendik.github.io/webassembly-dwarf/
    pub fn symbols(&self) -> Vec<FrameSymbol> {
        match self.wasm_offset {
            Some(offset) => self.module.symbols(offset),
            None => Vec::new(),
        }
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        Module::same(&self.module, &other.module)
            && (self.defined, self.wasm_offset) == (other.defined, other.wasm_offset)
    }
}

impl Eq for Frame {}

impl fmt::Display for Backtrace {
    /// Writes a line for each frame and one for each place in the source that it stands for, each
    /// after a line break; nothing if there are no frames.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_empty() {
            return Ok(());
        }
        f.write_str("\nwasm backtrace:")?;
        for (number, frame) in self.frames.iter().enumerate() {
            write!(f, "\n{number:>3}: {frame}")?;
            for symbol in frame.symbols() {
                // Of the function itself the line above has the name.
                if symbol.is_inlined() || symbol.file().is_some() {
                    write!(f, "\n       {symbol}")?;
                }
            }
        }
        if self.omitted > 0 {
            write!(f, "\n  … {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    /// Writes one line: offset, module and function, without the [symbols](Frame::symbols).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wasm_offset {
            Some(offset) => write!(f, "{offset:#x}")?,
            None => f.write_str("?")?,
        }
        write!(f, " - {}!", Printable(self.module_name()))?;
        match self.func_name() {
            Some(name) => Printable(&dwarf::demangled(name)).fmt(f),
            None => write!(f, "<function {}>", self.func_index()),
        }
    }
}
