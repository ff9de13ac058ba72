//! Streams that the embedder supplies.

use std::io::{IoSlice, IoSliceMut, Read, Write};

use super::{Direction, File, Readiness, Sync};
use crate::Result;
use crate::types::{Filestat, Filetype};

/// Input from any reader.
pub(crate) struct Reader(pub(crate) Box<dyn Read + Send>);

/// Output to any writer, flushed after each write.
pub(crate) struct Writer(pub(crate) Box<dyn Write + Send>);

impl File for Reader {
    fn filetype(&self) -> Filetype {
        Filetype::Unknown
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::STREAM)
    }

    fn read(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        Ok(self.0.read_vectored(buffers)?)
    }

    /// There may be one byte or many; none would read as the end.
    fn readiness(&self, _direction: Direction) -> Readiness<'_> {
        Readiness::Ready(1)
    }
}

impl File for Writer {
    fn filetype(&self) -> Filetype {
        Filetype::Unknown
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::STREAM)
    }

    /// Most writers take only the first buffer of a vectored write. A guest may rely on more, since a host's file takes
    /// all. What was taken before an error is a success; the error comes again with the next write.
    fn write(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        let mut total = 0usize;
        for buffer in buffers {
            match self.0.write(buffer) {
                Ok(count) => {
                    total = total.saturating_add(count);
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error.into()),
                Err(_) => break,
            }
        }
        self.0.flush()?;
        Ok(total)
    }

    fn sync(&mut self, _what: Sync) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn readiness(&self, _direction: Direction) -> Readiness<'_> {
        Readiness::Ready(0)
    }
}
