//! Reading clocks.

use crate::{ClockId, GuestMemory, Result, WasiCtx};

/// Writes the resolution of clock `id` as `u64` nanoseconds to `resolution`. An unknown clock is
/// [`Errno::Inval`](crate::Errno::Inval).
pub fn clock_res_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    resolution: u32,
) -> Result<()> {
    memory.write_u64(resolution, ctx.clock.resolution(ClockId::parse(id)?)?)
}

/// Writes the time of clock `id` as `u64` nanoseconds to `time`: 0 real time since 1970-01-01 UTC, 1 monotonic, 2 and 3 the
/// CPU time of the host's process and thread. `precision` is a wish, and every clock is read exactly. An unknown clock is
/// [`Errno::Inval`](crate::Errno::Inval).
pub fn clock_time_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result<()> {
    memory.write_u64(time, ctx.clock.now(ClockId::parse(id)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Errno, VirtualClock};

    #[test]
    fn every_clock_has_a_time_and_a_resolution() {
        let mut ctx = WasiCtx::builder().build().unwrap();
        let mut bytes = [0u8; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        for id in 0..4 {
            clock_res_get(&mut ctx, &mut memory, id, 0).unwrap();
            clock_time_get(&mut ctx, &mut memory, id, 0, 8).unwrap();
            assert_ne!(memory.read_u64(0), Ok(0));
            assert_ne!(memory.read_u64(8), Ok(0));
        }
        let unknown = clock_time_get(&mut ctx, &mut memory, 4, 0, 8);
        assert_eq!(unknown, Err(Errno::Inval));
    }

    #[test]
    fn a_clock_of_the_embedder_is_read() {
        let clock = VirtualClock::new(1_000, 10);
        let mut ctx = WasiCtx::builder().clock(clock).build().unwrap();
        let mut bytes = [0u8; 8];
        let mut memory = GuestMemory::new(&mut bytes);
        for (id, expected) in [(0, 1_000), (1, 10), (0, 1_020)] {
            clock_time_get(&mut ctx, &mut memory, id, 0, 0).unwrap();
            assert_eq!(memory.read_u64(0), Ok(expected));
        }
        clock_res_get(&mut ctx, &mut memory, 0, 0).unwrap();
        assert_eq!(memory.read_u64(0), Ok(10));
    }
}
