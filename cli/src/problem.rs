//! Errors as `--json` prints them.

use anyhow::Error;
use precast_compiler::CompileError;
use serde::Serialize;

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Who must act, in a word: `invalid` (the module), `unsupported`, `limit`, `options`,
    /// `internal` (a bug of ours), `file` (it cannot be read or written, or is no module).
    kind: &'static str,
    message: String,
    /// Where, in bytes from the start of the module in binary form.
    #[serde(skip_serializing_if = "Option::is_none")]
    wasm_offset: Option<u64>,
    /// The function that could not be compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    func_index: Option<u32>,
}

impl Problem {
    pub(crate) fn new(error: &Error) -> Self {
        let (mut wasm_offset, mut func_index) = (None, None);
        let (kind, message) = match error.downcast_ref() {
            Some(compile_error) => {
                let kind = match compile_error {
                    CompileError::Invalid {
                        wasm_offset: at, ..
                    } => {
                        wasm_offset = Some(*at);
                        "invalid"
                    }
                    CompileError::Unsupported {
                        wasm_offset: at, ..
                    } => {
                        wasm_offset = Some(*at);
                        "unsupported"
                    }
                    CompileError::Limit { .. } => "limit",
                    CompileError::Options(_) => "options",
                    CompileError::Internal { func_index: at, .. } => {
                        func_index = Some(*at);
                        "internal"
                    }
                    _ => "other",
                };
                (kind, compile_error.to_string())
            }
            None => ("file", format!("{error:#}")),
        };
        Self {
            kind,
            message,
            wasm_offset,
            func_index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_who_must_act_and_where() {
        let check = |error: Error, expected| {
            let problem = Problem::new(&error.context("a.wasm"));
            assert_eq!(serde_json::to_string(&problem).unwrap(), expected);
        };
        let message = || "why".to_owned();
        let invalid = CompileError::Invalid {
            wasm_offset: 11,
            message: message(),
        };
        check(
            invalid.into(),
            r#"{"kind":"invalid","message":"not a valid WebAssembly module: why (at byte offset 0xb)","wasm_offset":11}"#,
        );
        let internal = CompileError::Internal {
            func_index: 7,
            message: message(),
        };
        check(
            internal.into(),
            r#"{"kind":"internal","message":"internal error while compiling function 7: why; please report it","func_index":7}"#,
        );
        check(
            Error::msg("no such file"),
            r#"{"kind":"file","message":"a.wasm: no such file"}"#,
        );
    }
}
