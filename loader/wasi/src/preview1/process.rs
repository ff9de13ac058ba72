//! The end of a program, and its place among others.

use crate::{Errno, Exit, Result, WasiCtx};

/// Ends the program: the caller must not go back into the guest, but pass the returned value on as an error.
pub fn proc_exit(ctx: &mut WasiCtx, code: u32) -> Exit {
    let code = code.cast_signed();
    ctx.exit_code = Some(code);
    Exit(code)
}

/// Sends the program a signal (the numbers of WASI). There are no handlers, so that what the signal does by itself
/// happens: most end the program, as [`proc_exit`] with 128 and the signal's number, when this returns; 0 (none), 16
/// (SIGCHLD), 17 (SIGCONT), 22 (SIGURG) and 27 (SIGWINCH) do nothing.
///
/// # Errors
///
/// [`Errno::Notsup`] for those that would stop the program until it is continued, 18 to 21; [`Errno::Inval`] for a number
/// that no signal has.
pub fn proc_raise(ctx: &mut WasiCtx, signal: u32) -> Result<()> {
    match signal {
        0 | 16 | 17 | 22 | 27 => Ok(()),
        18..=21 => Err(Errno::Notsup),
        1..=30 => {
            let signal = i32::try_from(signal).map_err(|_| Errno::Inval)?;
            ctx.exit(signal.saturating_add(128));
            Ok(())
        }
        _ => Err(Errno::Inval),
    }
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

    #[test]
    fn signals_do_what_they_do_without_a_handler() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        for harmless in [0, 16, 17, 22, 27] {
            let raised = proc_raise(&mut ctx, harmless);
            assert_eq!(raised, Ok(()));
            assert_eq!(ctx.returned(raised).unwrap(), 0);
        }
        for (signal, errno) in [
            (18, Errno::Notsup),
            (31, Errno::Inval),
            (u32::MAX, Errno::Inval),
        ] {
            assert_eq!(proc_raise(&mut ctx, signal), Err(errno));
        }
        assert_eq!(ctx.exit_code(), None);
        let raised = proc_raise(&mut ctx, 6);
        let ended = ctx.returned(raised).unwrap_err();
        assert_eq!(ended.downcast_ref(), Some(&Exit(134)));
        assert_eq!(ctx.exit_code(), Some(134));
    }
}
