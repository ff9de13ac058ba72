//! Standard streams: what a program may be given as its input and outputs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs::Metadata;

use crate::descriptor::Descriptor;
use crate::handle::{HostFile, Reader, Writer};
use crate::rights::{self, Rights};

/// Where standard input comes from.
pub(crate) enum Input {
    Inherit,
    File(File),
    Reader(Box<dyn Read + Send>),
}

/// Where standard output or standard error goes.
pub(crate) enum Output {
    InheritStdout,
    InheritStderr,
    File(File),
    Writer(Box<dyn Write + Send>),
}

/// What may be done with an input, and with an output. A file that is given to be read is not cut or dated either.
const INPUT: Rights = rights::FILE & !rights::CHANGING;
const OUTPUT: Rights = rights::FILE & !rights::FD_READ;

impl Input {
    pub(crate) fn null() -> Input {
        Input::Reader(Box::new(io::empty()))
    }

    pub(crate) fn open(self) -> io::Result<Descriptor> {
        match self {
            Input::Inherit => shared(io::stdin(), INPUT),
            Input::File(file) => own(file, INPUT),
            Input::Reader(reader) => Ok(Descriptor::file(Box::new(Reader(reader)), INPUT)),
        }
    }
}

impl Output {
    pub(crate) fn null() -> Output {
        Output::Writer(Box::new(io::sink()))
    }

    pub(crate) fn open(self) -> io::Result<Descriptor> {
        match self {
            Output::InheritStdout => shared(io::stdout(), OUTPUT),
            Output::InheritStderr => shared(io::stderr(), OUTPUT),
            Output::File(file) => own(file, OUTPUT),
            Output::Writer(writer) => Ok(Descriptor::file(Box::new(Writer(writer)), OUTPUT)),
        }
    }
}

/// A duplicate of a stream of the host process. It shares position and flags with the host, so flags are never set on
/// it; `allowed` is what it may be used for.
fn shared(stream: impl AsFd, allowed: Rights) -> io::Result<Descriptor> {
    let file = File::from(stream.as_fd().try_clone_to_owned()?);
    let file = HostFile::shared(file)?;
    Ok(Descriptor::file(Box::new(file), allowed))
}

/// A file that is the guest's alone from now on.
fn own(file: File, allowed: Rights) -> io::Result<Descriptor> {
    let metadata = Metadata::from_file(&file)?;
    let file = HostFile::opened(file, &metadata, 0);
    Ok(Descriptor::file(Box::new(file), allowed))
}

/// A buffer that collects what a program writes to a standard stream.
///
/// Clones share the same bytes: give one to the builder, keep the other.
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit_bytes: usize,
}

impl OutputBuffer {
    /// An empty buffer that holds at most `limit_bytes`; a program that writes more gets [`Errno::Nospc`].
    ///
    /// [`Errno::Nospc`]: crate::Errno::Nospc
    pub fn new(limit_bytes: usize) -> OutputBuffer {
        OutputBuffer {
            bytes: Arc::default(),
            limit_bytes,
        }
    }

    /// A copy of what was written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes out what was written so far and leaves the buffer empty.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for OutputBuffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.limit_bytes.saturating_sub(bytes.len());
        if room == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = data.get(..room).unwrap_or(data);
        bytes.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_takes_what_fits_and_then_fails() {
        let mut buffer = OutputBuffer::new(4);
        assert_eq!(buffer.write(b"abc").unwrap(), 3);
        assert_eq!(buffer.write(b"def").unwrap(), 1);
        assert_eq!(
            buffer.write(b"g").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        assert_eq!(buffer.clone().take(), b"abcd");
        assert!(buffer.contents().is_empty());
    }
}
