//! What assertions expect of what happened, and why a directive did not pass.

use precast_compiler::CompileError;
use precast_loader::{Error, LinkError, Store, TrapCode, Val};

use crate::value;

/// Whether a directive passed, or part of one could be done.
pub(crate) type Outcome<T = ()> = Result<T, Reason>;

/// Why a directive did not pass.
#[derive(Debug)]
pub(crate) struct Reason {
    pub(crate) text: String,
    /// Whether it could not be tried at all.
    pub(crate) is_skipped: bool,
}

impl Reason {
    /// What the directive names is not there.
    pub(crate) fn missing(what: &str, name: Option<&str>) -> Self {
        let text = match name {
            Some(name) => format!("there is no {what} ${name}"),
            None => format!("there is no {what}"),
        };
        Self {
            text,
            is_skipped: true,
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self {
            text,
            is_skipped: false,
        }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<CompileError> for Reason {
    fn from(error: CompileError) -> Self {
        error.to_string().into()
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let lines = match error {
            // The others are the backtrace.
            Error::Trap(_) | Error::Host(_) | Error::Exception(_) => 1,
            _ => usize::MAX,
        };
        let lines = text.lines().take(lines).map(str::trim);
        lines.collect::<Vec<_>>().join(" ").into()
    }
}

/// How guest code ended.
pub(crate) type Ending = Result<Vec<Val>, Error>;

pub(crate) fn trap(store: &Store<()>, ending: Ending, message: &str) -> Outcome {
    let found = match ending {
        Err(Error::Trap(trap)) if is_meant(trap.code(), message) => return Ok(()),
        Err(Error::Trap(trap)) => format!("`{}`", trap.code()),
        other => describe(store, other),
    };
    Err(format!("expected the trap `{message}`, found {found}").into())
}

/// Whether it is this trap that a message is about, which may say more, or only part of it.
fn is_meant(code: TrapCode, message: &str) -> bool {
    // Other engines' scripts have other words.
    let known = match (code, message) {
        (TrapCode::Unreachable, _) => "wasm `unreachable` instruction executed",
        (TrapCode::ExpectedSharedMemory, _) => "atomic wait on non-shared memory",
        (TrapCode::UndefinedElement, _) => "undefined element: out of bounds table access",
        // What the reference should have referred to is said by some, and not by others.
        (TrapCode::NullReference, _) if message.starts_with("null ") => message,
        (TrapCode::NullExceptionReference, "null reference") => message,
        _ => code.message(),
    };
    known.contains(message) || message.starts_with(code.message())
}

pub(crate) fn exception(store: &Store<()>, ending: Ending) -> Outcome {
    if matches!(ending, Err(Error::Exception(_))) {
        return Ok(());
    }
    let found = describe(store, ending);
    Err(format!("expected an exception, found {found}").into())
}

/// That segments do not fit was once found in linking, before anything was written: what now traps
/// is as good, if the message is about that.
pub(crate) fn unlinkable<T>(ending: Result<T, Error>, message: &str) -> Outcome {
    let found = match ending {
        Err(error) => {
            let is_expected = match (&error, message) {
                (Error::Link(error), "unknown import") => matches!(error, LinkError::Missing(_)),
                (Error::Link(error), "incompatible import type") => {
                    matches!(error, LinkError::Mismatched(_))
                }
                (Error::Trap(trap), message) => is_meant(trap.code(), message),
                (error, _) => matches!(error, Error::Link(_)),
            };
            if is_expected {
                return Ok(());
            }
            format!("`{}`", Reason::from(error).text)
        }
        Ok(_) => "an instance".to_owned(),
    };
    Err(format!("expected `{message}`, found {found}").into())
}

fn describe(store: &Store<()>, ending: Ending) -> String {
    match ending {
        Ok(results) if results.is_empty() => "no trap".to_owned(),
        Ok(results) => value::show_all(store, &results),
        Err(error) => format!("`{}`", Reason::from(error).text),
    }
}
