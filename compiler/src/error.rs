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
            Self::Limit { what, limit } => write!(f, "{what}: the limit is {limit}"),
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
