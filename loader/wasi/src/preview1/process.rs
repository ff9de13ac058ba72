//! The end of a program, and its place among others.

use std::fmt;

use crate::{Errno, Result, WasiCtx};

/// The program ended itself with this code (`proc_exit`).
///
/// It travels as an error through the engine, so that the guest's frames are left, and is found by downcasting what
/// the call into the guest returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program exited with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Ends the program: the caller must not go back into the guest, but pass the returned value on as an error.
pub fn proc_exit(ctx: &mut WasiCtx, code: u32) -> Exit {
    let code = code.cast_signed();
    ctx.exit_code = Some(code);
    Exit(code)
}

/// Not built: a guest has no signal handlers. Always [`Errno::Nosys`].
pub fn proc_raise(_ctx: &mut WasiCtx, _signal: u32) -> Result<()> {
    Err(Errno::Nosys)
}

/// Lets other threads of the host run.
pub fn sched_yield(_ctx: &mut WasiCtx) -> Result<()> {
    std::thread::yield_now();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_kept() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        assert_eq!(ctx.exit_code(), None);
        assert_eq!(proc_exit(&mut ctx, 3), Exit(3));
        assert_eq!(ctx.exit_code(), Some(3));
    }
}
