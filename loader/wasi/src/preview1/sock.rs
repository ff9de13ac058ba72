//! Sockets that listen, given at the start, and the connections that they accept. There is no call to open one.
//!
//! A connection is also read and written with `fd_read` and `fd_write`, and `poll_oneoff` waits for both kinds.

use std::net::Shutdown;

use super::fd_io::write_count;
use crate::descriptor::Descriptor;
use crate::handle::{File, Receive};
use crate::rights::{self, Rights};
use crate::types::{Filetype, fdflags, flags16};
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// `riflags`: how `sock_recv` reads.
mod riflags {
    pub(super) const PEEK: u16 = 1 << 0;
    pub(super) const WAITALL: u16 = 1 << 1;
    pub(super) const ALL: u16 = PEEK | WAITALL;
}

/// `sdflags`: what `sock_shutdown` ends.
mod sdflags {
    pub(super) const RD: u32 = 1 << 0;
    pub(super) const WR: u32 = 1 << 1;
    pub(super) const BOTH: u32 = RD | WR;
}

/// Takes a connection from the socket `fd`, waiting for one if none is there, and writes its descriptor to `accepted_fd`.
///
/// Of `fdflags` it can have non-blocking mode (4). Nothing is taken when the call fails.
///
/// # Errors
///
/// - [`Errno::Notsock`] unless `fd` is a socket, [`Errno::Notcapable`] without the right `sock_accept`, which
///   connections do not have.
/// - [`Errno::Inval`] for other flags.
/// - [`Errno::Again`] if `fd` is non-blocking and no connection waits.
/// - [`Errno::Mfile`] if as many descriptors are open as there may be.
/// - [`Errno::Intr`] if a signal of the host ended the wait.
pub fn sock_accept(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    accepted_fd: u32,
) -> Result<()> {
    memory.check(accepted_fd, 4)?;
    let inherited = ctx.table.get(fd)?.inheriting;
    let room = ctx.table.check_room();
    let listener = socket(ctx, fd, rights::SOCK_ACCEPT)?;
    let flags = flags16(flags, fdflags::ALL)?;
    room?;
    let connection = listener.accept(flags)?;
    let connection = Descriptor::connection(connection, inherited);
    let connection_fd = ctx.table.insert(connection)?;
    memory.write_u32(accepted_fd, connection_fd)
}

/// Reads from the connection `fd` into the `ri_data_len` buffers listed at `ri_data`, waiting if nothing is there, and
/// writes the count to `ro_datalen` and flags to `ro_flags` (two bytes, always 0: nothing of a stream is cut off). The
/// count 0 is the end.
///
/// `ri_flags` is 1 to leave what is read to be read again, 2 to wait until all buffers are full; then fewer bytes come
/// only at the end, after an error, if the connection is non-blocking, and, for a guest with shared memory, beyond a
/// mebibyte.
///
/// # Errors
///
/// - [`Errno::Notsock`] unless `fd` is a socket, [`Errno::Notcapable`] without the right `fd_read`.
/// - [`Errno::Inval`] for other flags or beyond 1024 buffers.
/// - [`Errno::Again`] if `fd` is non-blocking and nothing is there.
/// - [`Errno::Notconn`] if `fd` is a socket that listens, [`Errno::Connreset`] if the peer broke the connection off.
/// - [`Errno::Intr`] if a signal of the host ended the wait.
pub fn sock_recv(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    ri_data: u32,
    ri_data_len: u32,
    ri_flags: u32,
    ro_datalen: u32,
    ro_flags: u32,
) -> Result<()> {
    memory.check(ro_datalen, 4)?;
    memory.check(ro_flags, 2)?;
    let socket = socket(ctx, fd, rights::FD_READ)?;
    let flags = flags16(ri_flags, riflags::ALL)?;
    let how = Receive {
        peek: flags & riflags::PEEK != 0,
        wait_all: flags & riflags::WAITALL != 0,
    };
    let iovecs = memory.iovecs(ri_data, ri_data_len)?;
    let count = memory.scatter(&iovecs, |buffers| socket.receive(buffers, how))?;
    write_count(memory, ro_datalen, count)?;
    memory.write(ro_flags, &[0; 2])
}

/// Writes the `si_data_len` buffers listed at `si_data` to the connection `fd` and the count of bytes taken to
/// `so_datalen`. Unless the connection is non-blocking, it waits until all are taken.
///
/// # Errors
///
/// - [`Errno::Notsock`] unless `fd` is a socket, [`Errno::Notcapable`] without the right `fd_write`, which sockets that
///   listen do not have.
/// - [`Errno::Inval`] if `si_flags` is not 0, or beyond 1024 buffers.
/// - [`Errno::Again`] if `fd` is non-blocking and takes nothing.
/// - [`Errno::Pipe`] if the connection was shut down or closed.
/// - [`Errno::Intr`] if a signal of the host ended the wait.
pub fn sock_send(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    si_data: u32,
    si_data_len: u32,
    si_flags: u32,
    so_datalen: u32,
) -> Result<()> {
    memory.check(so_datalen, 4)?;
    let socket = socket(ctx, fd, rights::FD_WRITE)?;
    flags16(si_flags, 0)?;
    let iovecs = memory.iovecs(si_data, si_data_len)?;
    let count = memory.gather(&iovecs, |buffers| socket.write(buffers))?;
    write_count(memory, so_datalen, count)
}

/// Ends reading (`how` 1), writing (2) or both (3) on the connection `fd`, which stays open.
///
/// # Errors
///
/// [`Errno::Notsock`] unless `fd` is a socket, [`Errno::Notcapable`] without the right `sock_shutdown`, which sockets
/// that listen do not have, [`Errno::Inval`] for another `how`, [`Errno::Notconn`] if the peer broke the connection off.
pub fn sock_shutdown(ctx: &mut WasiCtx, fd: u32, how: u32) -> Result<()> {
    let socket = socket(ctx, fd, rights::SOCK_SHUTDOWN)?;
    socket.shutdown(match how {
        sdflags::RD => Shutdown::Read,
        sdflags::WR => Shutdown::Write,
        sdflags::BOTH => Shutdown::Both,
        _ => return Err(Errno::Inval),
    })
}

/// A socket whose descriptor has `right`.
fn socket(ctx: &mut WasiCtx, fd: u32, right: Rights) -> Result<&mut dyn File> {
    let descriptor = ctx.table.get_mut(fd)?;
    let is_socket = matches!(
        descriptor.filetype(),
        Filetype::SocketStream | Filetype::SocketDgram
    );
    if !is_socket {
        return Err(Errno::Notsock);
    }
    descriptor.file_mut(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::preview1::{
        fd_close, fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights, fd_filestat_get,
        fd_prestat_get, fd_read, fd_renumber, fd_seek, fd_sync, fd_write,
    };
    use crate::testing::Guest;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    const LISTENER: u32 = 3;
    const NONBLOCK: u32 = fdflags::NONBLOCK as u32;

    fn accept(guest: &mut Guest, fd: u32, flags: u32) -> Result<u32> {
        guest.call(|ctx, memory| sock_accept(ctx, memory, fd, flags, 0))?;
        Ok(guest.u32_at(0))
    }

    fn recv(guest: &mut Guest, fd: u32, buffers: &[(u32, u32)], flags: u32) -> Result<u32> {
        let list = guest.iovecs(buffers);
        let count = buffers.len() as u32;
        guest.put(8, &[0xff; 2]);
        guest.call(|ctx, memory| sock_recv(ctx, memory, fd, list, count, flags, 0, 8))?;
        assert_eq!(guest.bytes(8, 2), [0, 0]);
        Ok(guest.u32_at(0))
    }

    fn send(guest: &mut Guest, fd: u32, bytes: &[u8], flags: u32) -> Result<u32> {
        guest.put(1000, bytes);
        let list = guest.iovecs(&[(1000, bytes.len() as u32)]);
        guest.call(|ctx, memory| sock_send(ctx, memory, fd, list, 1, flags, 0))?;
        Ok(guest.u32_at(0))
    }

    fn read(guest: &mut Guest, fd: u32, len: u32) -> Result<Vec<u8>> {
        let list = guest.iovecs(&[(1000, len)]);
        guest.call(|ctx, memory| fd_read(ctx, memory, fd, list, 1, 0))?;
        let count = guest.u32_at(0);
        Ok(guest.bytes(1000, count))
    }

    fn write(guest: &mut Guest, fd: u32, len: u32) -> Result<u32> {
        let list = guest.iovecs(&[(1000, len)]);
        guest.call(|ctx, memory| fd_write(ctx, memory, fd, list, 1, 0))?;
        Ok(guest.u32_at(0))
    }

    /// Type, flags and both sets of rights.
    fn fdstat(guest: &mut Guest, fd: u32) -> (u8, u8, u64, u64) {
        guest
            .call(|ctx, memory| fd_fdstat_get(ctx, memory, fd, 0))
            .unwrap();
        let bytes = guest.bytes(0, 4);
        (bytes[0], bytes[2], guest.u64_at(8), guest.u64_at(16))
    }

    #[test]
    fn connections_are_accepted_read_and_written() {
        let (mut guest, mut peer) = Guest::connected();
        peer.write_all(b"hello world").unwrap();
        assert_eq!(recv(&mut guest, 4, &[(1000, 3), (2000, 3)], 0), Ok(6));
        assert_eq!(guest.bytes(1000, 3), b"hel");
        assert_eq!(guest.bytes(2000, 3), b"lo ");
        assert_eq!(read(&mut guest, 4, 100).unwrap(), b"world");
        assert_eq!(send(&mut guest, 4, b"abc", 0), Ok(3));
        guest.put(1000, b"def");
        assert_eq!(write(&mut guest, 4, 3), Ok(3));
        assert_eq!(fd_close(&mut guest.ctx, 4), Ok(()));
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "abcdef");
    }

    #[test]
    fn sockets_of_the_file_system_are_accepted_from_too() {
        let name = format!("precast-wasi-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let ctx = WasiCtx::builder().unix_listener(listener).build().unwrap();
        let mut guest = Guest::new(ctx);
        let mut peer = UnixStream::connect(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        peer.write_all(b"abc").unwrap();
        assert_eq!(recv(&mut guest, 4, &[(1000, 9)], 0), Ok(3));
        drop(peer);
        assert_eq!(recv(&mut guest, 4, &[(1000, 9)], 0), Ok(0));
        assert_eq!(send(&mut guest, 4, b"x", 0), Err(Errno::Pipe));
    }

    #[test]
    fn sockets_come_after_directories_and_end_the_search_for_them() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut builder = WasiCtx::builder();
        for listener in listeners {
            builder.listener(listener);
        }
        builder.preopened_dir(std::env::temp_dir(), "/");
        let mut guest = Guest::new(builder.build().unwrap());
        let mut prestat = |fd| guest.call(|ctx, memory| fd_prestat_get(ctx, memory, fd, 0));
        assert_eq!(prestat(3), Ok(()));
        assert_eq!(prestat(4), Err(Errno::Badf));
        assert_eq!(fdstat(&mut guest, 5).0, Filetype::SocketStream as u8);
    }

    #[test]
    fn sockets_have_the_rights_that_they_can_use() {
        let (mut guest, _peer) = Guest::connected();
        let socket = Filetype::SocketStream as u8;
        let (accept_right, shutdown_right) = (1 << 29, 1 << 28);
        let listener = fdstat(&mut guest, LISTENER);
        assert_eq!(listener, (socket, 0, rights::LISTENER, rights::CONNECTION));
        assert_eq!(listener.2 & (accept_right | shutdown_right), accept_right);
        let connection = fdstat(&mut guest, 4);
        assert_eq!(connection, (socket, 0, rights::CONNECTION, 0));
        assert_eq!(
            connection.2 & (accept_right | shutdown_right),
            shutdown_right
        );

        assert_eq!(accept(&mut guest, 4, 0), Err(Errno::Notcapable));
        assert_eq!(send(&mut guest, LISTENER, b"x", 0), Err(Errno::Notcapable));
        let shutdown = sock_shutdown(&mut guest.ctx, LISTENER, 3);
        assert_eq!(shutdown, Err(Errno::Notcapable));
        assert_eq!(
            recv(&mut guest, LISTENER, &[(1000, 1)], 0),
            Err(Errno::Notconn)
        );
        assert_eq!(read(&mut guest, LISTENER, 1), Err(Errno::Notconn));
        for fd in [LISTENER, 4] {
            assert_eq!(fd_sync(&mut guest.ctx, fd), Err(Errno::Inval));
            let seek = guest.call(|ctx, memory| fd_seek(ctx, memory, fd, 0, 1, 0));
            assert_eq!(seek, Err(Errno::Spipe));
            let stat = guest.call(|ctx, memory| fd_filestat_get(ctx, memory, fd, 0));
            assert_eq!(stat, Ok(()));
            assert_eq!(guest.bytes(16, 1), [socket]);
        }
    }

    #[test]
    fn a_connection_has_no_right_that_its_listener_gave_up() {
        let (mut guest, address) = Guest::listening();
        let (base, inheriting) = (rights::SOCK_ACCEPT, rights::FD_READ);
        let reduced = fd_fdstat_set_rights(&mut guest.ctx, LISTENER, base, inheriting);
        assert_eq!(reduced, Ok(()));
        let _peer = TcpStream::connect(address).unwrap();
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        assert_eq!(fdstat(&mut guest, 4).2, rights::FD_READ);
        assert_eq!(send(&mut guest, 4, b"x", 0), Err(Errno::Notcapable));
        let shutdown = sock_shutdown(&mut guest.ctx, 4, 1);
        assert_eq!(shutdown, Err(Errno::Notcapable));
    }

    #[test]
    fn what_is_no_socket_says_so() {
        let mut guest = Guest::with_dir("no-socket");
        for (fd, expected) in [(0, Errno::Notsock), (3, Errno::Notsock), (77, Errno::Badf)] {
            assert_eq!(accept(&mut guest, fd, 0), Err(expected));
            assert_eq!(recv(&mut guest, fd, &[(1000, 1)], 0), Err(expected));
            assert_eq!(send(&mut guest, fd, b"x", 0), Err(expected));
            assert_eq!(sock_shutdown(&mut guest.ctx, fd, 3), Err(expected));
        }
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        let (mut guest, _peer) = Guest::connected();
        for flags in [1, 2, 8, 16, 32, 1 << 16] {
            assert_eq!(accept(&mut guest, LISTENER, flags), Err(Errno::Inval));
        }
        for flags in [4, 1 << 16] {
            assert_eq!(recv(&mut guest, 4, &[(1000, 1)], flags), Err(Errno::Inval));
        }
        for flags in [1, 1 << 16] {
            assert_eq!(send(&mut guest, 4, b"x", flags), Err(Errno::Inval));
        }
        for how in [0, 4, 7, u32::MAX] {
            assert_eq!(sock_shutdown(&mut guest.ctx, 4, how), Err(Errno::Inval));
        }
        for flags in [1, 2, 8, 16, 32] {
            for fd in [LISTENER, 4] {
                let set = fd_fdstat_set_flags(&mut guest.ctx, fd, flags);
                assert_eq!(set, Err(Errno::Inval));
            }
        }
    }

    #[test]
    fn a_non_blocking_socket_fails_instead_of_waiting() {
        let (mut guest, address) = Guest::listening();
        let set = fd_fdstat_set_flags(&mut guest.ctx, LISTENER, NONBLOCK);
        assert_eq!(set, Ok(()));
        assert_eq!(accept(&mut guest, LISTENER, 0), Err(Errno::Again));
        let mut peer = TcpStream::connect(address).unwrap();
        assert_eq!(accept(&mut guest, LISTENER, NONBLOCK), Ok(4));
        assert_eq!(fdstat(&mut guest, 4).1, NONBLOCK as u8);

        assert_eq!(read(&mut guest, 4, 5), Err(Errno::Again));
        for flags in 0..4 {
            let nothing = recv(&mut guest, 4, &[(1000, 5)], flags);
            assert_eq!(nothing, Err(Errno::Again));
        }
        // More than the host keeps for a connection.
        let taken = loop {
            match write(&mut guest, 4, 60_000) {
                Ok(60_000) => {}
                other => break other,
            }
        };
        assert!(taken.is_ok_and(|count| count > 0) || taken == Err(Errno::Again));
        assert_eq!(write(&mut guest, 4, 60_000), Err(Errno::Again));

        let blocking = fd_fdstat_set_flags(&mut guest.ctx, 4, 0);
        assert_eq!(blocking, Ok(()));
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&mut guest, 4, 5).unwrap(), b"abc");
    }

    #[test]
    fn a_socket_that_others_accept_from_blocks_nobody_in_the_host() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let host = listener.try_clone().unwrap();
        let ctx = WasiCtx::builder().listener(listener).build().unwrap();
        let mut guest = Guest::new(ctx);
        let first = TcpStream::connect(address).unwrap();
        assert_eq!(host.accept().unwrap().1, first.local_addr().unwrap());
        assert_eq!(
            host.accept().unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock
        );
        let second = std::thread::spawn(move || TcpStream::connect(address).unwrap());
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        drop(second.join().unwrap());
    }

    #[test]
    fn a_socket_given_non_blocking_is_so_for_the_program() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let ctx = WasiCtx::builder().listener(listener).build().unwrap();
        let mut guest = Guest::new(ctx);
        assert_eq!(fdstat(&mut guest, LISTENER).1, NONBLOCK as u8);
        assert_eq!(accept(&mut guest, LISTENER, 0), Err(Errno::Again));
    }

    #[test]
    fn what_is_peeked_at_is_read_again() {
        let (mut guest, mut peer) = Guest::connected();
        peer.write_all(b"abcd").unwrap();
        for _ in 0..2 {
            assert_eq!(recv(&mut guest, 4, &[(1000, 2)], 1), Ok(2));
            assert_eq!(guest.bytes(1000, 2), b"ab");
        }
        assert_eq!(recv(&mut guest, 4, &[(1000, 4)], 3), Ok(4));
        assert_eq!(recv(&mut guest, 4, &[(1000, 9)], 0), Ok(4));
        assert_eq!(guest.bytes(1000, 4), b"abcd");
    }

    #[test]
    fn waiting_for_all_ends_with_full_buffers_or_the_connection() {
        for flags in [2, 3] {
            let (mut guest, mut peer) = Guest::connected();
            peer.write_all(b"abc").unwrap();
            let writer = std::thread::spawn(move || {
                for bytes in [b"d", b"e", b"f", b"g"] {
                    peer.write_all(bytes).unwrap();
                }
                peer
            });
            assert_eq!(recv(&mut guest, 4, &[(1000, 4), (2000, 2)], flags), Ok(6));
            assert_eq!(guest.bytes(1000, 4), b"abcd");
            assert_eq!(guest.bytes(2000, 2), b"ef");
            drop(writer.join().unwrap());
            let rest = if flags == 2 { 1 } else { 7 };
            assert_eq!(recv(&mut guest, 4, &[(1000, 100)], 2), Ok(rest));
            assert_eq!(recv(&mut guest, 4, &[(1000, 100)], 2), Ok(0));
        }
    }

    #[test]
    fn a_blocking_connection_takes_all() {
        const TOTAL: usize = 20_000_000;
        let (mut guest, mut peer) = Guest::connected();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes).unwrap();
            bytes.len()
        });
        let list = guest.iovecs(&[(0, 40_000); 500]);
        // The list is where it is overwritten by nobody; what is sent does not matter.
        let sent = guest.call(|ctx, memory| sock_send(ctx, memory, 4, list, 500, 0, 60_000));
        assert_eq!(sent, Ok(()));
        assert_eq!(guest.u32_at(60_000), TOTAL as u32);
        assert_eq!(fd_close(&mut guest.ctx, 4), Ok(()));
        assert_eq!(reader.join().unwrap(), TOTAL);
    }

    #[test]
    fn each_direction_is_shut_down_by_itself() {
        let (mut guest, mut peer) = Guest::connected();
        assert_eq!(sock_shutdown(&mut guest.ctx, 4, 2), Ok(()));
        assert_eq!(peer.read(&mut [0; 9]).unwrap(), 0);
        assert_eq!(send(&mut guest, 4, b"x", 0), Err(Errno::Pipe));
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&mut guest, 4, 9).unwrap(), b"abc");
        assert_eq!(sock_shutdown(&mut guest.ctx, 4, 1), Ok(()));
        assert_eq!(read(&mut guest, 4, 9).unwrap(), b"");
    }

    #[test]
    fn a_connection_broken_off_is_an_error_and_no_signal() {
        let (mut guest, peer) = Guest::connected();
        write(&mut guest, 4, 5).unwrap();
        // What the peer has not read makes this a reset.
        drop(peer);
        assert_eq!(read(&mut guest, 4, 9), Err(Errno::Connreset));
        assert_eq!(write(&mut guest, 4, 5), Err(Errno::Pipe));
        assert_eq!(send(&mut guest, 4, b"x", 0), Err(Errno::Pipe));
        let shutdown = sock_shutdown(&mut guest.ctx, 4, 3);
        assert_eq!(shutdown, Err(Errno::Notconn));
    }

    #[test]
    fn nothing_is_taken_when_the_result_cannot_be_given() {
        let (mut guest, address) = Guest::listening();
        let mut peer = TcpStream::connect(address).unwrap();
        let fault = guest.call(|ctx, memory| sock_accept(ctx, memory, LISTENER, 0, u32::MAX));
        assert_eq!(fault, Err(Errno::Fault));
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        peer.write_all(b"abc").unwrap();
        let list = guest.iovecs(&[(1000, 9)]);
        for (count_at, flags_at) in [(65_533, 0), (0, 65_535), (u32::MAX, u32::MAX)] {
            let fault =
                guest.call(|ctx, memory| sock_recv(ctx, memory, 4, list, 1, 0, count_at, flags_at));
            assert_eq!(fault, Err(Errno::Fault));
        }
        let bad_buffer = recv(&mut guest, 4, &[(1000, 1), (65_535, 2)], 0);
        assert_eq!(bad_buffer, Err(Errno::Fault));
        assert_eq!(recv(&mut guest, 4, &[(1000, 9)], 0), Ok(3));
        let fault = guest.call(|ctx, memory| sock_send(ctx, memory, 4, list, 1, 0, 65_533));
        assert_eq!(fault, Err(Errno::Fault));
        drop(guest);
        assert_eq!(peer.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn a_full_table_leaves_connections_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            descriptors: 5,
            ..Limits::default()
        };
        let ctx = WasiCtx::builder().listener(listener).limits(limits).build();
        let mut guest = Guest::new(ctx.unwrap());
        let _first = TcpStream::connect(address).unwrap();
        let mut second = TcpStream::connect(address).unwrap();
        second.write_all(b"second").unwrap();
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        for _ in 0..2 {
            assert_eq!(accept(&mut guest, LISTENER, 0), Err(Errno::Mfile));
        }
        assert_eq!(fd_close(&mut guest.ctx, 4), Ok(()));
        assert_eq!(accept(&mut guest, LISTENER, 0), Ok(4));
        assert_eq!(read(&mut guest, 4, 9).unwrap(), b"second");
    }

    #[test]
    fn no_bytes_are_not_waited_for() {
        let (mut guest, _peer) = Guest::connected();
        for flags in 0..4 {
            assert_eq!(recv(&mut guest, 4, &[], flags), Ok(0));
            assert_eq!(recv(&mut guest, 4, &[(1000, 0)], flags), Ok(0));
        }
        assert_eq!(send(&mut guest, 4, b"", 0), Ok(0));
    }

    #[test]
    fn sockets_are_renumbered() {
        let (mut guest, mut peer) = Guest::connected();
        assert_eq!(fd_renumber(&mut guest.ctx, 4, 0), Ok(()));
        peer.write_all(b"abc").unwrap();
        assert_eq!(read(&mut guest, 0, 9).unwrap(), b"abc");
        assert_eq!(fd_renumber(&mut guest.ctx, LISTENER, 0), Ok(()));
        assert_eq!(peer.read(&mut [0; 9]).unwrap(), 0, "closed");
        assert_eq!(read(&mut guest, 0, 9), Err(Errno::Notconn));
    }
}
