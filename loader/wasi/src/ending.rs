//! How calls end a program: none of the guest's code runs any more, and the call into it fails with an error that says
//! why. Errors travel through the engine, which leaves the guest's frames; they are found by downcasting.

use std::fmt;

use precast_loader::Error;

use crate::{Errno, Result, WasiCtx};

/// The program ended itself with this code: by `proc_exit`, or by `proc_raise` with a signal that kills, where it is 128
/// and the signal's number, as shells have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program exited with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// The program wrote to its standard output or error, which nobody reads any more, and
/// [`end_on_broken_pipe`](crate::WasiCtxBuilder::end_on_broken_pipe) is on.
///
/// A native program is killed by SIGPIPE then, which is how `producer | head -1` ends. A guest has no signals, and one
/// that does not look at errors would write for ever.
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

/// Why the program ends with the call that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exit(Exit),
    BrokenPipe,
}

impl WasiCtx {
    /// What the call of a function gives that went so: its errno, or the error that ends the program.
    pub(crate) fn returned(&mut self, result: Result<()>) -> std::result::Result<i32, Error> {
        match self.ending.take() {
            None => Ok(match result {
                Ok(()) => Errno::Success.raw().into(),
                Err(errno) => errno.raw().into(),
            }),
            Some(Ending::Exit(exit)) => Err(Error::host(exit)),
            Some(Ending::BrokenPipe) => Err(Error::host(BrokenPipe)),
        }
    }

    /// Has the program end when the call returns.
    pub(crate) fn exit(&mut self, code: i32) {
        self.exit_code = Some(code);
        self.ending = Some(Ending::Exit(Exit(code)));
    }

    /// Looks at the result of a write to `fd`, and passes it on.
    pub(crate) fn written<T>(&mut self, fd: u32, result: Result<T>) -> Result<T> {
        if let Err(Errno::Pipe) = result
            && self.end_on_broken_pipe
            && matches!(fd, 1 | 2)
        {
            self.ending = Some(Ending::BrokenPipe);
        }
        result
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
            checked = ctx.returned(written).map(drop);
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
        let written = ctx.written::<()>(1, Err(Errno::Pipe));
        assert_eq!(written, Err(Errno::Pipe));
        assert!(ctx.returned(written).is_err());
        assert!(ctx.returned(written).is_ok());
    }
}
