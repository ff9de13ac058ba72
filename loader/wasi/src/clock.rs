//! Clocks. Times and resolutions are nanoseconds.

use std::fmt;

use rustix::time::Timespec;

use crate::{Errno, Result};

/// The clocks that a program can read (`clockid`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ClockId {
    /// Time since 1970-01-01 UTC. It jumps when somebody sets it.
    Realtime = 0,
    /// Time since some point in the past. It never goes back.
    Monotonic = 1,
    /// CPU time that the host's process has used.
    ProcessCpuTime = 2,
    /// CPU time that the thread of the guest has used.
    ThreadCpuTime = 3,
}

impl ClockId {
    /// [`Errno::Inval`] for a number that no clock has.
    pub(crate) fn parse(raw: u32) -> Result<ClockId> {
        match raw {
            0 => Ok(ClockId::Realtime),
            1 => Ok(ClockId::Monotonic),
            2 => Ok(ClockId::ProcessCpuTime),
            3 => Ok(ClockId::ThreadCpuTime),
            _ => Err(Errno::Inval),
        }
    }
}

/// Where a program's time comes from.
///
/// The default is the host's clocks; [`VirtualClock`] makes runs repeatable. An own clock reads its time wherever it
/// likes:
///
/// ```
/// use precast_wasi::{Clock, ClockId, Result, WasiCtx};
///
/// /// The host's time, an hour late.
/// struct Late(precast_wasi::HostClock);
///
/// impl Clock for Late {
///     fn now(&mut self, id: ClockId) -> Result<u64> {
///         Ok(self.0.now(id)?.saturating_sub(3_600_000_000_000))
///     }
/// }
///
/// let ctx = WasiCtx::builder().clock(Late(precast_wasi::HostClock)).build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
pub trait Clock: Send {
    /// The time of that clock in nanoseconds.
    ///
    /// # Errors
    ///
    /// What the program receives; [`Errno::Inval`] is for a clock that there is not.
    fn now(&mut self, id: ClockId) -> Result<u64>;

    /// The smallest step of that clock in nanoseconds.
    ///
    /// # Errors
    ///
    /// As for [`now`](Clock::now).
    fn resolution(&mut self, id: ClockId) -> Result<u64> {
        let _ = id;
        Ok(1)
    }

    /// The program waits for so many nanoseconds, and nothing that it also waits for has happened. A clock that runs by
    /// itself gives `false`, and the host waits. One that does not moves itself on and gives `true`.
    fn skip(&mut self, nanoseconds: u64) -> bool {
        let _ = nanoseconds;
        false
    }
}

/// The host's clocks.
///
/// ```
/// use precast_wasi::{Clock, ClockId, HostClock};
///
/// let before = HostClock.now(ClockId::Monotonic)?;
/// assert!(HostClock.now(ClockId::Monotonic)? >= before);
/// # Ok::<(), precast_wasi::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

impl HostClock {
    fn host(id: ClockId) -> rustix::time::ClockId {
        match id {
            ClockId::Realtime => rustix::time::ClockId::Realtime,
            ClockId::Monotonic => rustix::time::ClockId::Monotonic,
            ClockId::ProcessCpuTime => rustix::time::ClockId::ProcessCPUTime,
            ClockId::ThreadCpuTime => rustix::time::ClockId::ThreadCPUTime,
        }
    }
}

impl Clock for HostClock {
    fn now(&mut self, id: ClockId) -> Result<u64> {
        let time = rustix::time::clock_gettime(HostClock::host(id));
        Ok(nanoseconds(time))
    }

    fn resolution(&mut self, id: ClockId) -> Result<u64> {
        let time = rustix::time::clock_getres(HostClock::host(id));
        Ok(nanoseconds(time))
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// A time of its own, the same in every run: it moves on by a fixed step with every look at it, and by waiting, which
/// takes no real time.
///
/// ```
/// use precast_wasi::{Clock, ClockId, VirtualClock};
///
/// // The first of January 2000, in steps of a microsecond.
/// let mut clock = VirtualClock::new(946_684_800_000_000_000, 1_000);
/// assert_eq!(clock.now(ClockId::Realtime)?, 946_684_800_000_000_000);
/// assert_eq!(clock.now(ClockId::Realtime)?, 946_684_800_000_001_000);
/// assert_eq!(clock.now(ClockId::Monotonic)?, 2_000);
/// # Ok::<(), precast_wasi::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    /// Real time at the start.
    start: u64,
    /// Nanoseconds since the start.
    passed: u64,
    step: u64,
}

impl VirtualClock {
    /// A clock whose real time is now `start` (nanoseconds since 1970-01-01 UTC) and which moves on by `step` nanoseconds
    /// with every look at it. A program that waits by looking again and again never ends if `step` is 0.
    pub fn new(start: u64, step: u64) -> VirtualClock {
        VirtualClock {
            start,
            passed: 0,
            step,
        }
    }
}

impl Clock for VirtualClock {
    fn now(&mut self, id: ClockId) -> Result<u64> {
        let passed = self.passed;
        self.passed = passed.saturating_add(self.step);
        Ok(match id {
            ClockId::Realtime => self.start.saturating_add(passed),
            ClockId::Monotonic | ClockId::ProcessCpuTime | ClockId::ThreadCpuTime => passed,
        })
    }

    fn resolution(&mut self, _id: ClockId) -> Result<u64> {
        Ok(self.step.max(1))
    }

    fn skip(&mut self, nanoseconds: u64) -> bool {
        self.passed = self.passed.saturating_add(nanoseconds);
        true
    }
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
