//! What becomes of a program whose output nobody reads any more.
//!
//! A native program is killed by SIGPIPE then, which is how `producer | head -1` ends. A guest has no signals: its write
//! fails with [`Errno::Pipe`](crate::Errno::Pipe), and programs that do not look at errors write for ever. So a host may
//! have the failing write end the guest.

use std::fmt;

use precast_loader::Error;

use crate::{Errno, Result, WasiCtx};

/// The program wrote to its standard output or error, which nobody reads any more.
///
/// It travels as an error through the engine, as [`Exit`](crate::Exit) does, if
/// [`end_on_broken_pipe`](crate::WasiCtxBuilder::end_on_broken_pipe) is on.
///
/// ```
/// use precast_wasi::BrokenPipe;
///
/// /// What a shell reports for a program that SIGPIPE has killed.
/// fn exit_code(error: &precast_loader::Error) -> Option<u8> {
///     error.downcast_ref::<BrokenPipe>().map(|_| 128 + 13)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenPipe;

impl fmt::Display for BrokenPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the program's output any more")
    }
}

impl std::error::Error for BrokenPipe {}

/// Whether broken pipes end the program, and whether one has just been seen.
#[derive(Debug, Default)]
pub(crate) struct PipeWatch {
    is_on: bool,
    is_broken: bool,
}

impl PipeWatch {
    pub(crate) fn new(is_on: bool) -> PipeWatch {
        PipeWatch {
            is_on,
            is_broken: false,
        }
    }

    /// Looks at the result of a write to `fd`, and passes it on.
    pub(crate) fn written<T>(&mut self, fd: u32, result: Result<T>) -> Result<T> {
        if let Err(Errno::Pipe) = result {
            self.is_broken = self.is_on && matches!(fd, 1 | 2);
        }
        result
    }
}

/// To be asked after each call that may write.
///
/// # Errors
///
/// One that ends the program, if it has written to a broken pipe.
pub(crate) fn check(ctx: &mut WasiCtx) -> std::result::Result<(), Error> {
    match std::mem::take(&mut ctx.pipe_watch.is_broken) {
        true => Err(Error::host(BrokenPipe)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview1;
    use crate::testing::Guest;
    use std::io::{self, Write};

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Whether a write to that descriptor, all of which are broken, ends the program.
    fn ends(is_on: bool, fd: u32) -> bool {
        let ctx = WasiCtx::builder()
            .stdout(Broken)
            .stderr(Broken)
            .end_on_broken_pipe(is_on)
            .build()
            .unwrap();
        let mut guest = Guest::new(ctx);
        let moved = guest.call(|ctx, _| preview1::fd_renumber(ctx, 2, 0));
        assert_eq!(moved, Ok(()));
        let iovs = guest.iovecs(&[(100, 4)]);
        let mut checked = Ok(());
        let written = guest.call(|ctx, memory| {
            let written = preview1::fd_write(ctx, memory, fd, iovs, 1, 0);
            checked = check(ctx);
            written
        });
        assert_eq!(written, Err(Errno::Pipe));
        if let Err(error) = &checked {
            assert_eq!(error.downcast_ref(), Some(&BrokenPipe));
        }
        checked.is_err()
    }

    #[test]
    fn only_standard_output_and_error_end_the_program_and_only_if_that_is_wanted() {
        assert!(ends(true, 1));
        assert!(!ends(false, 1));
        assert!(!ends(true, 0), "a file under another number");
    }

    #[test]
    fn a_program_that_is_called_again_can_go_on() {
        let mut ctx = WasiCtx::builder().end_on_broken_pipe(true).build().unwrap();
        let written = ctx.pipe_watch.written::<()>(1, Err(Errno::Pipe));
        assert_eq!(written, Err(Errno::Pipe));
        assert!(check(&mut ctx).is_err());
        assert!(check(&mut ctx).is_ok());
    }
}
