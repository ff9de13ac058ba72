//! What one program is given.

mod builder;
mod error;
mod limits;

use std::fmt;

use crate::ending::Ending;
use crate::table::Table;
use crate::trace::Tracer;
use crate::{Clock, Random};

pub use builder::WasiCtxBuilder;
pub use error::ConfigError;
pub use limits::Limits;

/// The world of one program: arguments, environment, open files.
///
/// A new context has no arguments, no environment, no directories; its input is empty and its output is thrown away.
///
/// ```
/// let stdout = precast_wasi::OutputBuffer::new(1 << 20);
/// let ctx = precast_wasi::WasiCtx::builder()
///     .args(["app", "--verbose"])
///     .env("LANG", "C")
///     .stdout(stdout.clone())
///     .preopened_dir(std::env::temp_dir(), "/tmp")
///     .build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    /// `NAME=value`, as the guest receives them.
    pub(crate) environ: Vec<String>,
    pub(crate) table: Table,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) random: Box<dyn Random>,
    pub(crate) limits: Limits,
    pub(crate) end_on_broken_pipe: bool,
    /// The program ends with the call that is being made.
    pub(crate) ending: Option<Ending>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) tracer: Option<Tracer>,
}

impl WasiCtx {
    /// Starts from nothing given.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// The code that the program passed to `proc_exit`, if it did.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("exit_code", &self.exit_code)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_unasked() {
        let ctx = WasiCtx::builder().build().unwrap();
        assert!(ctx.args.is_empty());
        assert!(ctx.environ.is_empty());
        assert!(ctx.table.get(2).is_ok());
        assert!(ctx.table.get(3).is_err());
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let ctx = WasiCtx::builder()
            .env("A", "1")
            .env("B", "2")
            .env("A", "3")
            .build()
            .unwrap();
        assert_eq!(ctx.environ, ["A=3", "B=2"]);
    }

    #[test]
    fn text_that_a_guest_cannot_receive_is_refused() {
        fn check(builder: &mut WasiCtxBuilder) {
            assert!(matches!(builder.build(), Err(ConfigError::Text(_))));
        }
        check(WasiCtx::builder().arg("a\0b"));
        check(WasiCtx::builder().env("A", "\0"));
        check(WasiCtx::builder().env("A=B", ""));
        check(WasiCtx::builder().env("", "x"));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let missing = "/nonexistent/precast";
        let error = WasiCtx::builder()
            .preopened_dir(missing, "/")
            .build()
            .unwrap_err();
        assert!(error.to_string().contains(missing));
    }
}
