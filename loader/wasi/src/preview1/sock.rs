//! Sockets. A program can be given none yet, so each call says what any other descriptor would: not a socket.

use crate::{Errno, Result, WasiCtx};

/// Not built: [`Errno::Badf`] for a closed descriptor, otherwise [`Errno::Notsock`].
pub fn sock_accept(ctx: &mut WasiCtx, fd: u32, _flags: u32, _accepted_fd: u32) -> Result<()> {
    refuse(ctx, fd)
}

/// Not built: [`Errno::Badf`] for a closed descriptor, otherwise [`Errno::Notsock`].
pub fn sock_recv(
    ctx: &mut WasiCtx,
    fd: u32,
    _ri_data: u32,
    _ri_data_len: u32,
    _ri_flags: u32,
    _ro_datalen: u32,
    _ro_flags: u32,
) -> Result<()> {
    refuse(ctx, fd)
}

/// Not built: [`Errno::Badf`] for a closed descriptor, otherwise [`Errno::Notsock`].
pub fn sock_send(
    ctx: &mut WasiCtx,
    fd: u32,
    _si_data: u32,
    _si_data_len: u32,
    _si_flags: u32,
    _so_datalen: u32,
) -> Result<()> {
    refuse(ctx, fd)
}

/// Not built: [`Errno::Badf`] for a closed descriptor, otherwise [`Errno::Notsock`].
pub fn sock_shutdown(ctx: &mut WasiCtx, fd: u32, _how: u32) -> Result<()> {
    refuse(ctx, fd)
}

fn refuse(ctx: &WasiCtx, fd: u32) -> Result<()> {
    ctx.table.get(fd)?;
    Err(Errno::Notsock)
}
