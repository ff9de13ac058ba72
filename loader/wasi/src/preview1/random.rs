//! Random bytes.

use crate::{Errno, GuestMemory, Result, WasiCtx};

/// How much is asked of the host at once, so that a signal is noticed in between.
const CHUNK_BYTES: u32 = 1 << 20;

/// Fills `len` bytes at `buf` with bytes of the host's cryptographic random generator, in place.
///
/// [`Errno::Intr`] if a signal came in between; the buffer is then filled in part.
pub fn random_get(
    _ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    len: u32,
) -> Result<()> {
    memory.check(buf, len)?;
    for done in (0..len).step_by(CHUNK_BYTES as usize) {
        let at = buf.checked_add(done).ok_or(Errno::Fault)?;
        memory.fill(at, CHUNK_BYTES.min(len.saturating_sub(done)), |chunk| {
            fill(chunk)?;
            Ok(chunk.len())
        })?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn fill(mut rest: &mut [u8]) -> Result<()> {
    use rustix::rand::{GetRandomFlags, getrandom};
    while !rest.is_empty() {
        let filled = getrandom(&mut *rest, GetRandomFlags::empty())?;
        rest = rest.get_mut(filled..).ok_or(Errno::Io)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn fill(rest: &mut [u8]) -> Result<()> {
    use std::io::Read;
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(rest))
        .map_err(Errno::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_buffer_is_filled() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        let mut bytes = vec![0u8; (1 << 20) + 1000];
        let len = bytes.len() as u32;
        let mut memory = GuestMemory::new(&mut bytes);
        random_get(&mut ctx, &mut memory, 8, len - 16).unwrap();
        assert_eq!(bytes[..8], [0; 8]);
        assert_eq!(bytes[len as usize - 8..], [0; 8]);
        assert_ne!(bytes[8..40], [0; 32]);
        assert_ne!(bytes[len as usize - 40..len as usize - 8], [0; 32]);
    }

    #[test]
    fn a_length_beyond_memory_is_a_fault() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        let mut bytes = [0u8; 8];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(
            random_get(&mut ctx, &mut memory, 0, u32::MAX),
            Err(Errno::Fault)
        );
        assert_eq!(random_get(&mut ctx, &mut memory, 4, 4), Ok(()));
    }
}
