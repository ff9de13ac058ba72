//! Traps.

use std::fmt;

use precast_artifacts_format::TrapCode;

use crate::backtrace::Backtrace;

/// The guest did what WebAssembly forbids, and was stopped.
///
/// ```
/// use precast_loader::{Trap, TrapCode};
///
/// let trap = Trap::from(TrapCode::Unreachable);
/// assert_eq!(trap.code(), TrapCode::Unreachable);
/// assert_eq!(trap.to_string(), "trap: unreachable");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    code: TrapCode,
    backtrace: Box<Backtrace>,
}

impl Trap {
    pub(crate) fn new(code: TrapCode, backtrace: Backtrace) -> Self {
        Self {
            code,
            backtrace: Box::new(backtrace),
        }
    }

    /// Why.
    ///
    /// ```
    /// use precast_loader::{Error, TrapCode};
    ///
    /// fn ran_out_of_stack(error: &Error) -> bool {
    ///     error.trap().is_some_and(|trap| trap.code() == TrapCode::StackOverflow)
    /// }
    /// assert!(ran_out_of_stack(&TrapCode::StackOverflow.into()));
    /// ```
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// The Wasm functions that were being executed. Empty for a trap during instantiation that
    /// happened outside of any function.
    ///
    /// ```
    /// use precast_loader::{Trap, TrapCode};
    ///
    /// let trap = Trap::from(TrapCode::Unreachable);
    /// assert!(trap.backtrace().is_empty(), "it has been in no function yet");
    /// ```
    pub fn backtrace(&self) -> &Backtrace {
        &self.backtrace
    }

    pub(crate) fn set_backtrace(&mut self, backtrace: Backtrace) {
        *self.backtrace = backtrace;
    }
}

impl From<TrapCode> for Trap {
    /// A trap that a host function wants to end the guest with. It gets its backtrace on its way
    /// out.
    fn from(code: TrapCode) -> Self {
        Self::new(code, Backtrace::default())
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}{}", self.code, self.backtrace)
    }
}

impl std::error::Error for Trap {}
