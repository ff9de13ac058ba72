//! Errors of compilation, sorted by who must act.

use std::fmt;

use wasmparser::BinaryReaderError;

/// Why a module could not be compiled.
///
/// ```
/// use precast_compiler::{CompileError, Options, compile};
///
/// let error = compile(b"\0asm\x01\0\0\0\x0d", &Options::default()).unwrap_err();
/// assert!(matches!(error, CompileError::Invalid { wasm_offset: 9, .. }), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// The bytes are no valid WebAssembly module.
    Invalid {
        /// Where, in bytes from the start of the module.
        wasm_offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// A valid module that needs what this compiler does not do.
    Unsupported {
        /// Where, in bytes from the start of the module.
        wasm_offset: u64,
        /// What it needs.
        feature: String,
    },
    /// The module is larger, in one way or another, than this compiler takes.
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: u64,
        /// The field of [`Limits`](crate::Limits) that says so. None if it cannot be raised.
        name: Option<&'static str>,
    },
    /// The options contradict one another or the target.
    Options(String),
    /// The code generator refused a function: a bug of ours.
    Internal {
        /// The function's index.
        func_index: u32,
        /// What the code generator said.
        message: String,
    },
}

impl CompileError {
    pub(crate) fn unsupported(wasm_offset: u64, feature: impl Into<String>) -> Self {
        Self::Unsupported {
            wasm_offset,
            feature: feature.into(),
        }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid {
                wasm_offset,
                message,
            } => write!(
                f,
                "not a valid WebAssembly module: {message} (at byte offset {wasm_offset:#x})"
            ),
            Self::Unsupported {
                wasm_offset,
                feature,
            } => write!(
                f,
                "not supported yet: {feature} (at byte offset {wasm_offset:#x})"
            ),
            Self::Limit { what, limit, name } => {
                write!(f, "{what}: the limit is {limit}")?;
                match name {
                    Some(name) => write!(f, "; raise `{name}` to take more"),
                    None => Ok(()),
                }
            }
            Self::Options(message) => f.write_str(message),
            Self::Internal {
                func_index,
                message,
            } => write!(
                f,
                "internal error while compiling function {func_index}: {message}; please report it"
            ),
        }
    }
}

impl std::error::Error for CompileError {}

impl From<BinaryReaderError> for CompileError {
    fn from(error: BinaryReaderError) -> Self {
        if let Some((what, limit)) = limit(error.message()) {
            let name = None;
            return Self::Limit { what, limit, name };
        }
        Self::Invalid {
            wasm_offset: error.offset(),
            // Some of the parser's messages are broken over lines.
            message: error
                .message()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

/// What there is too much of and how much is allowed, if that is what the parser's message says: it
/// refuses valid modules too, of sizes that engines have agreed not to take.
fn limit(message: &str) -> Option<(&'static str, u64)> {
    const SUBJECTS: [(&str, &str); 12] = [
        ("types count", "there are too many types"),
        ("imports count", "there are too many imports"),
        ("functions count", "there are too many functions"),
        ("tables count", "there are too many tables"),
        ("memories count", "there are too many memories"),
        ("tags count", "there are too many tags"),
        ("globals count", "there are too many globals"),
        ("exports count", "there are too many exports"),
        (
            "element segments count",
            "there are too many element segments",
        ),
        ("data segments count", "there are too many data segments"),
        ("effective type size", "types are too large together"),
        (
            "function body size count",
            "a function's body is too large, in bytes",
        ),
    ];
    // Those that do not say what the limit is.
    const WHOLE: [(&str, &str, u64); 4] = [
        (
            "function params size is out of bounds",
            "a type has too many parameters",
            1_000,
        ),
        (
            "function returns size is out of bounds",
            "a type has too many results",
            1_000,
        ),
        (
            "number of elements is out of bounds",
            "an element segment has too many elements",
            10_000_000,
        ),
        (
            "catches size is out of bounds",
            "a try_table has too many catches",
            10_000,
        ),
    ];
    if let Some(&(_, what, limit)) = WHOLE.iter().find(|(whole, ..)| *whole == message) {
        return Some((what, limit));
    }
    let (subject, limit) = message.rsplit_once(" limit of ")?;
    let known = |(start, _): &&(&str, &str)| subject.starts_with(start);
    let &(_, what) = SUBJECTS.iter().find(known)?;
    Some((what, limit.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, compile};

    /// A module of one section that claims to have so many items.
    fn claiming(section: u8, count: u32) -> Vec<u8> {
        let mut contents = Vec::new();
        let mut left = count;
        while left >= 0x80 {
            contents.push(left as u8 | 0x80);
            left >>= 7;
        }
        contents.push(left as u8);
        let header = [section, contents.len() as u8];
        [b"\0asm\x01\0\0\0", &header[..], &contents].concat()
    }

    #[test]
    fn what_engines_have_agreed_not_to_take_is_a_limit() {
        for (section, count, expected) in [
            (1, 1_000_001, "there are too many types"),
            (2, 1_000_001, "there are too many imports"),
            (3, 1_000_001, "there are too many functions"),
            (4, 100_001, "there are too many tables"),
            (5, 101, "there are too many memories"),
            (6, 1_000_001, "there are too many globals"),
            (7, 1_000_001, "there are too many exports"),
            (9, 100_001, "there are too many element segments"),
            (11, 100_001, "there are too many data segments"),
            (13, 1_000_001, "there are too many tags"),
        ] {
            let found = compile(&claiming(section, count), &Options::default());
            let limit = u64::from(count) - 1;
            let what = expected;
            let name = None;
            assert_eq!(found, Err(CompileError::Limit { what, limit, name }));
        }
    }

    #[test]
    fn what_is_invalid_is_no_limit() {
        let found = compile(&claiming(1, 1), &Options::default());
        assert!(matches!(found, Err(CompileError::Invalid { .. })));
    }
}
