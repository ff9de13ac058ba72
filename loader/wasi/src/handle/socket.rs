//! Sockets that listen, and the connections that they accept.
//!
//! No host call here blocks but `poll`: the call is tried first, and where it would block, `poll` waits and it is tried
//! again. The host restarts other calls that a signal interrupts, but never `poll`, so a guest that blocks can be
//! stopped. (The exception is said where it stands.) It is also how a connection is blocking or not without a flag of
//! the host's.

use std::fs::File as StdFile;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};

use cap_std::fs::Metadata;
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown as HostShutdown,
    SocketFlags,
};

use super::host_file::wait;
use super::{Direction, File, Readiness, Receive, Sync};
use crate::types::{Filestat, Filetype, fdflags};
use crate::{Errno, Result};

/// A stream socket that accepts connections.
pub(crate) struct Listener(Socket);

/// One end of a connection, the guest's alone.
pub(crate) struct Connection(Socket);

struct Socket {
    file: StdFile,
    /// `fdflags` as the guest sees them. The host has its own.
    flags: u16,
}

impl Listener {
    /// In the guest's eyes the socket blocks if it did so far.
    ///
    /// In the host it no longer does, also for others who hold it: whoever accepts from a socket that others accept from
    /// may find that the connection for which it woke is gone, and must not block then.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Listener> {
        let host = rustix::fs::fcntl_getfl(&socket)?;
        rustix::fs::fcntl_setfl(&socket, host | OFlags::NONBLOCK)?;
        let flags = if host.contains(OFlags::NONBLOCK) {
            fdflags::NONBLOCK
        } else {
            0
        };
        Ok(Listener(Socket::new(socket, flags)))
    }
}

impl Socket {
    fn new(socket: OwnedFd, flags: u16) -> Socket {
        Socket {
            file: StdFile::from(socket),
            flags,
        }
    }

    fn is_nonblocking(&self) -> bool {
        self.flags & fdflags::NONBLOCK != 0
    }

    /// Does `call`, which never blocks, until it no longer says that it would have to.
    fn until_ready<T>(
        &self,
        direction: PollFlags,
        mut call: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T> {
        loop {
            match call() {
                Err(rustix::io::Errno::AGAIN) if !self.is_nonblocking() => {
                    wait(self.file.as_fd(), direction, false)?;
                }
                done => return Ok(done?),
            }
        }
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::from(&Metadata::from_file(&self.file)?))
    }

    fn set_flags(&mut self, flags: u16) -> Result<()> {
        self.flags = socket_flags(flags)?;
        Ok(())
    }
}

/// Fails with [`Errno::Inval`] for `fdflags` that a socket cannot have.
fn socket_flags(flags: u16) -> Result<u16> {
    if flags & !fdflags::NONBLOCK == 0 {
        Ok(flags)
    } else {
        Err(Errno::Inval)
    }
}

impl File for Listener {
    fn filetype(&self) -> Filetype {
        Filetype::SocketStream
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn read(&mut self, _buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        Err(Errno::Notconn)
    }

    fn accept(&mut self, flags: u16) -> Result<Box<dyn File>> {
        let flags = socket_flags(flags)?;
        let socket = self.0.until_ready(PollFlags::IN, || {
            rustix::net::accept_with(&self.0.file, SocketFlags::CLOEXEC)
        })?;
        Ok(Box::new(Connection(Socket::new(socket, flags))))
    }

    fn sync(&mut self, _what: Sync) -> Result<()> {
        Err(Errno::Inval)
    }

    fn flags(&self) -> u16 {
        self.0.flags
    }

    fn set_flags(&mut self, flags: u16) -> Result<()> {
        self.0.set_flags(flags)
    }

    fn readiness(&self, _direction: Direction) -> Readiness<'_> {
        Readiness::Host(self.0.file.as_fd())
    }
}

impl File for Connection {
    fn filetype(&self) -> Filetype {
        Filetype::SocketStream
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn read(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.receive(buffers, Receive::default())
    }

    /// Sends all, if it may block; programs rely on it. What was sent before an error is a success; the error comes
    /// again with the next write.
    fn write(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        // Without it the host would send SIGPIPE to its own process.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let mut buffers = buffers.to_vec();
        let mut left = buffers.as_mut_slice();
        let mut total = 0usize;
        while !left.is_empty() {
            let sent = self.0.until_ready(PollFlags::OUT, || {
                let mut control = SendAncillaryBuffer::default();
                rustix::net::sendmsg(&self.0.file, left, &mut control, flags)
            });
            match sent {
                Ok(count) => {
                    total = total.saturating_add(count);
                    IoSlice::advance_slices(&mut left, count);
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(total)
    }

    fn receive(&mut self, buffers: &mut [IoSliceMut<'_>], how: Receive) -> Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        let mut flags = RecvFlags::empty();
        flags.set(RecvFlags::PEEK, how.peek);
        if how.wait_all && !self.0.is_nonblocking() {
            // The host waits for the rest. Once there is a byte, a signal ends that wait with what has come so far, and
            // the call is not restarted.
            flags |= RecvFlags::WAITALL;
            wait(self.0.file.as_fd(), PollFlags::IN, false)?;
        } else {
            flags |= RecvFlags::DONTWAIT;
        }
        let received = self.0.until_ready(PollFlags::IN, || {
            let mut control = RecvAncillaryBuffer::default();
            rustix::net::recvmsg(&self.0.file, buffers, &mut control, flags)
        })?;
        Ok(received.bytes)
    }

    fn shutdown(&mut self, how: Shutdown) -> Result<()> {
        let how = match how {
            Shutdown::Read => HostShutdown::Read,
            Shutdown::Write => HostShutdown::Write,
            Shutdown::Both => HostShutdown::Both,
        };
        Ok(rustix::net::shutdown(&self.0.file, how)?)
    }

    fn sync(&mut self, _what: Sync) -> Result<()> {
        Err(Errno::Inval)
    }

    fn flags(&self) -> u16 {
        self.0.flags
    }

    fn set_flags(&mut self, flags: u16) -> Result<()> {
        self.0.set_flags(flags)
    }

    fn readiness(&self, _direction: Direction) -> Readiness<'_> {
        Readiness::Host(self.0.file.as_fd())
    }
}
