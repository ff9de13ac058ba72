//! Clocks. Times and resolutions are nanoseconds.

use rustix::time::{ClockId, Timespec};

use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Writes the resolution of clock `id` as `u64` nanoseconds to `resolution`. An unknown clock is [`Errno::Inval`].
pub fn clock_res_get(
    _ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    resolution: u32,
) -> Result<()> {
    let value = nanoseconds(rustix::time::clock_getres(host_clock(id)?));
    memory.write_u64(resolution, value)
}

/// Writes the time of clock `id` as `u64` nanoseconds to `time`: 0 real time since 1970-01-01 UTC, 1 monotonic, 2 and 3 the
/// CPU time of the host's process and thread. `precision` is a wish, and every clock is read exactly. An unknown clock is
/// [`Errno::Inval`].
pub fn clock_time_get(
    _ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result<()> {
    memory.write_u64(time, now(host_clock(id)?))
}

/// The host's clock of that number.
pub(crate) fn host_clock(id: u32) -> Result<ClockId> {
    match id {
        0 => Ok(ClockId::Realtime),
        1 => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

/// The clock's time in nanoseconds.
pub(crate) fn now(clock: ClockId) -> u64 {
    nanoseconds(rustix::time::clock_gettime(clock))
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
