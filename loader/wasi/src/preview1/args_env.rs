//! Arguments and environment: lists of NUL-terminated strings.

use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Writes the arguments to `argv_buf`, and the address of each to the array `argv`.
pub fn args_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argv: u32,
    argv_buf: u32,
) -> Result<()> {
    write_strings(memory, &ctx.args, argv, argv_buf)
}

/// Writes the number of arguments to `argc`, and the bytes that `args_get` writes to `argv_buf_size`.
pub fn args_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argc: u32,
    argv_buf_size: u32,
) -> Result<()> {
    write_sizes(memory, &ctx.args, argc, argv_buf_size)
}

/// Writes the variables as `NAME=value` to `environ_buf`, and the address of each to the array `environ`.
pub fn environ_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    environ: u32,
    environ_buf: u32,
) -> Result<()> {
    write_strings(memory, &ctx.environ, environ, environ_buf)
}

/// Writes the number of variables to `environc`, and the bytes that `environ_get` writes to `environ_buf_size`.
pub fn environ_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    environc: u32,
    environ_buf_size: u32,
) -> Result<()> {
    write_sizes(memory, &ctx.environ, environc, environ_buf_size)
}

fn write_strings(
    memory: &mut GuestMemory<'_>,
    strings: &[String],
    addresses: u32,
    buf: u32,
) -> Result<()> {
    let mut address_at = addresses;
    let mut string_at = buf;
    for string in strings {
        memory.write_u32(address_at, string_at)?;
        memory.write(string_at, string.as_bytes())?;
        let end = string_at
            .checked_add(byte_len(string)?)
            .ok_or(Errno::Fault)?;
        memory.write(end, &[0])?;
        string_at = end.checked_add(1).ok_or(Errno::Fault)?;
        address_at = address_at.checked_add(4).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn write_sizes(
    memory: &mut GuestMemory<'_>,
    strings: &[String],
    count_at: u32,
    bytes_at: u32,
) -> Result<()> {
    let count = u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?;
    let mut total_bytes = 0u32;
    for string in strings {
        total_bytes = byte_len(string)?
            .checked_add(1)
            .and_then(|bytes| total_bytes.checked_add(bytes))
            .ok_or(Errno::Overflow)?;
    }
    memory.write_u32(count_at, count)?;
    memory.write_u32(bytes_at, total_bytes)
}

fn byte_len(string: &str) -> Result<u32> {
    u32::try_from(string.len()).map_err(|_| Errno::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ctx() -> WasiCtx {
        WasiCtx::builder()
            .args(["app", "", "x"])
            .env("A", "b")
            .build()
            .unwrap()
    }

    #[test]
    fn strings_are_terminated_and_addressed() {
        let mut bytes = [0xffu8; 32];
        let mut memory = GuestMemory::new(&mut bytes);
        args_sizes_get(&mut ctx(), &mut memory, 0, 4).unwrap();
        assert_eq!((memory.read_u32(0), memory.read_u32(4)), (Ok(3), Ok(7)));
        args_get(&mut ctx(), &mut memory, 0, 12).unwrap();
        assert_eq!(memory.slice(12, 7).as_deref(), Ok(&b"app\0\0x\0"[..]));
        assert_eq!(memory.read_u32(0), Ok(12));
        assert_eq!(memory.read_u32(4), Ok(16));
        assert_eq!(memory.read_u32(8), Ok(17));
        environ_sizes_get(&mut ctx(), &mut memory, 0, 4).unwrap();
        assert_eq!((memory.read_u32(0), memory.read_u32(4)), (Ok(1), Ok(4)));
        environ_get(&mut ctx(), &mut memory, 0, 4).unwrap();
        assert_eq!(memory.slice(4, 4).as_deref(), Ok(&b"A=b\0"[..]));
    }

    #[test]
    fn a_list_that_does_not_fit_is_a_fault() {
        let mut bytes = [0u8; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(args_get(&mut ctx(), &mut memory, 0, 12), Err(Errno::Fault));
        assert_eq!(args_get(&mut ctx(), &mut memory, 12, 0), Err(Errno::Fault));
        let top = u32::MAX;
        assert_eq!(args_get(&mut ctx(), &mut memory, 0, top), Err(Errno::Fault));
        assert_eq!(
            args_sizes_get(&mut ctx(), &mut memory, top, 0),
            Err(Errno::Fault)
        );
    }
}
