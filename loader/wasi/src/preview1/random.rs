//! Random bytes.

use crate::{Errno, GuestMemory, Result, WasiCtx};

/// How much is asked for at once.
const CHUNK_BYTES: u32 = 1 << 20;

/// Fills `len` bytes at `buf` with random bytes, in place.
///
/// [`Errno::Inval`] for more than the context's limit.
pub fn random_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    len: u32,
) -> Result<()> {
    memory.check(buf, len)?;
    if len > ctx.limits.random_bytes {
        return Err(Errno::Inval);
    }
    for done in (0..len).step_by(CHUNK_BYTES as usize) {
        let at = buf.checked_add(done).ok_or(Errno::Fault)?;
        memory.fill(at, CHUNK_BYTES.min(len.saturating_sub(done)), |chunk| {
            ctx.random.fill(chunk)?;
            Ok(chunk.len())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

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

    #[test]
    fn a_source_of_the_embedder_is_asked() {
        let filled = || {
            let random = SeededRandom::new(1);
            let mut ctx = WasiCtx::builder().random(random).build().unwrap();
            let mut bytes = [0u8; 16];
            random_get(&mut ctx, &mut GuestMemory::new(&mut bytes), 0, 16).unwrap();
            bytes
        };
        assert_eq!(filled(), filled());
    }
}
