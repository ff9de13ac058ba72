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
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// The Wasm functions that were being executed. Empty for a trap during instantiation that
    /// happened outside of any function.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtrace::Frame;

    #[test]
    fn a_trap_prints_its_backtrace() {
        let frame = |wasm_offset, func_index, name: Option<&str>| Frame {
            module: "app".into(),
            func_index,
            func_name: name.map(str::to_owned),
            wasm_offset,
        };
        let backtrace = Backtrace {
            frames: vec![
                frame(Some(0x4f2), 3, Some("divide")),
                frame(Some(0x530), 4, Some("main")),
                frame(None, 5, None),
            ],
            omitted: 2,
        };
        let trap = Trap::new(TrapCode::IntegerDivideByZero, backtrace);
        let expected = "\
trap: integer divide by zero
wasm backtrace:
  0: 0x4f2 - app!divide
  1: 0x530 - app!main
  2: ? - app!<function 5>
  … 2 more";
        assert_eq!(trap.to_string(), expected);
    }
}
