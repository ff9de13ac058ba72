//! Waiting for clocks and streams.
//!
//! The subscriptions are sorted into what has happened already (errors, files and virtual streams, which never block),
//! host descriptors to ask, and deadlines. One host call then waits for the descriptors until the nearest deadline; when
//! something has happened already it only asks. The wait ends with at least one event.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::descriptor::Kind;
use crate::handle::{Direction, Readiness};
use crate::rights;
use crate::table::Table;
use crate::{Clock, ClockId, Errno, GuestMemory, Result, WasiCtx};

pub(crate) const SUBSCRIPTION_BYTES: u32 = 48;
pub(crate) const EVENT_BYTES: u32 = 32;

/// The longest that the host is asked to wait at once; some hosts refuse more than 24 days.
const LONGEST_WAIT_NANOSECONDS: u64 = 3_600_000_000_000;

/// Waits until at least one of the `count` subscriptions at `subscriptions` has something to tell, writes the events to
/// `events`, which has room for `count`, and their number to `nevents`.
///
/// A subscription that cannot be waited for is an event with an error, not an error of the call.
///
/// # Errors
///
/// [`Errno::Inval`] for no subscriptions or more than the context's limit, or one of unknown type; [`Errno::Intr`] if a
/// signal of the host ended the wait.
pub fn poll_oneoff(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    nevents: u32,
) -> Result<()> {
    if count == 0 || count > ctx.limits.subscriptions {
        return Err(Errno::Inval);
    }
    memory.check(nevents, 4)?;
    memory.check(events, count.checked_mul(EVENT_BYTES).ok_or(Errno::Fault)?)?;
    let list_bytes = count.checked_mul(SUBSCRIPTION_BYTES).ok_or(Errno::Fault)?;
    let list = memory.slice(subscriptions, list_bytes)?;
    let mut parsed = Vec::new();
    for bytes in list.chunks_exact(SUBSCRIPTION_BYTES as usize) {
        parsed.push(Subscription::parse(bytes)?);
    }

    let happened = wait(&ctx.table, ctx.clock.as_mut(), &parsed)?;
    let mut at = events;
    for event in &happened {
        memory.write(at, &event.to_bytes())?;
        at = at.checked_add(EVENT_BYTES).ok_or(Errno::Fault)?;
    }
    let count = u32::try_from(happened.len()).map_err(|_| Errno::Overflow)?;
    memory.write_u32(nevents, count)
}

#[derive(Clone, Copy)]
struct Subscription {
    userdata: u64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// `timeout` is in nanoseconds, from now or on the clock itself.
    Clock {
        id: u32,
        timeout: u64,
        absolute: bool,
    },
    Read(u32),
    Write(u32),
}

struct Event {
    userdata: u64,
    error: Errno,
    /// 0 clock, 1 read, 2 write.
    event_type: u8,
    /// Bytes that can be read, at least; 0 if the host does not say.
    nbytes: u64,
    hangup: bool,
}

/// A point in time on one of the two clocks that run by themselves.
struct Deadline {
    clock: ClockId,
    at: u64,
    userdata: u64,
}

fn wait(
    table: &Table,
    clock: &mut dyn Clock,
    subscriptions: &[Subscription],
) -> Result<Vec<Event>> {
    let mut happened = Vec::new();
    let mut deadlines = Vec::new();
    let mut waiting = Vec::new();
    let mut host_fds = Vec::new();
    for subscription in subscriptions {
        let flags = match subscription.what {
            What::Clock {
                id,
                timeout,
                absolute,
            } => {
                match Deadline::new(clock, subscription.userdata, id, timeout, absolute) {
                    Ok(deadline) => deadlines.push(deadline),
                    Err(error) => happened.push(subscription.event(error)),
                }
                continue;
            }
            What::Read(_) => PollFlags::IN,
            What::Write(_) => PollFlags::OUT,
        };
        match readiness(table, subscription.what) {
            Ok(Readiness::Host(fd)) => {
                waiting.push((subscription, fd));
                host_fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
            Ok(Readiness::Ready(nbytes)) => happened.push(Event {
                nbytes,
                ..subscription.event(Errno::Success)
            }),
            Err(error) => happened.push(subscription.event(error)),
        }
    }

    let mut skipped = false;
    loop {
        let nearest = nearest(&deadlines, clock)?;
        let timeout = match nearest {
            _ if !happened.is_empty() || skipped => Some(0),
            // Whether the clock runs by itself shows when nothing else has happened yet.
            Some(left) if left > 0 => {
                let ready = rustix::event::poll(&mut host_fds, Some(&Timespec::default()))?;
                skipped = ready == 0 && clock.skip(left);
                if skipped || ready > 0 {
                    Some(0)
                } else {
                    nearest
                }
            }
            _ => nearest,
        };
        let timeout = timeout.map(|left| timespec(left.min(LONGEST_WAIT_NANOSECONDS)));
        rustix::event::poll(&mut host_fds, timeout.as_ref())?;
        for (host_fd, (subscription, fd)) in host_fds.iter().zip(&waiting) {
            let seen = host_fd.revents();
            if !seen.is_empty() {
                happened.push(subscription.stream_event(seen, *fd));
            }
        }
        for deadline in &deadlines {
            if deadline.left(clock)? == 0 {
                happened.push(deadline.event());
            }
        }
        if !happened.is_empty() {
            return Ok(happened);
        }
    }
}

/// Nanoseconds until the first of them.
fn nearest(deadlines: &[Deadline], clock: &mut dyn Clock) -> Result<Option<u64>> {
    let mut nearest = None;
    for deadline in deadlines {
        let left = deadline.left(clock)?;
        nearest = Some(nearest.map_or(left, |nearest: u64| nearest.min(left)));
    }
    Ok(nearest)
}

fn readiness(table: &Table, what: What) -> Result<Readiness<'_>> {
    let (fd, right, direction) = match what {
        What::Read(fd) => (fd, rights::FD_READ, Direction::Read),
        What::Write(fd) => (fd, rights::FD_WRITE, Direction::Write),
        What::Clock { .. } => return Err(Errno::Inval),
    };
    let descriptor = table.get(fd)?;
    let Kind::File(file) = &descriptor.kind else {
        return Err(Errno::Badf);
    };
    descriptor.require(rights::POLL_FD_READWRITE | right)?;
    Ok(file.readiness(direction))
}

impl Subscription {
    /// ```text
    ///  0          8     16            24         32          40
    ///  | userdata | tag | clock id    | timeout  | precision | flags (1: absolute)
    ///             | tag | descriptor  |
    /// ```
    fn parse(bytes: &[u8]) -> Result<Subscription> {
        let word = |index: usize| {
            let word = bytes.chunks_exact(8).nth(index);
            let word = word.and_then(|word| word.try_into().ok());
            word.map(u64::from_le_bytes).ok_or(Errno::Fault)
        };
        let low_u32 = |index| word(index).map(|word| (word & u64::from(u32::MAX)) as u32);
        let what = match word(1)? & 0xff {
            0 => {
                let flags = word(5)? & 0xffff;
                if flags & !1 != 0 {
                    return Err(Errno::Inval);
                }
                What::Clock {
                    id: low_u32(2)?,
                    timeout: word(3)?,
                    absolute: flags == 1,
                }
            }
            1 => What::Read(low_u32(2)?),
            2 => What::Write(low_u32(2)?),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription {
            userdata: word(0)?,
            what,
        })
    }

    fn event(&self, error: Errno) -> Event {
        Event {
            userdata: self.userdata,
            error,
            event_type: match self.what {
                What::Clock { .. } => 0,
                What::Read(_) => 1,
                What::Write(_) => 2,
            },
            nbytes: 0,
            hangup: false,
        }
    }

    fn stream_event(&self, seen: PollFlags, fd: BorrowedFd<'_>) -> Event {
        if seen.contains(PollFlags::NVAL) {
            return self.event(Errno::Badf);
        }
        let nbytes = match self.what {
            What::Read(_) => rustix::io::ioctl_fionread(fd).unwrap_or(0),
            What::Write(_) | What::Clock { .. } => 0,
        };
        Event {
            nbytes,
            hangup: seen.contains(PollFlags::HUP),
            ..self.event(Errno::Success)
        }
    }
}

impl Event {
    /// ```text
    ///  0          8       10           16       24
    ///  | userdata | error | type, pad  | nbytes | flags (1: hang-up), pad
    /// ```
    fn to_bytes(&self) -> [u8; EVENT_BYTES as usize] {
        let words = [
            self.userdata,
            u64::from(self.error.raw()) | (u64::from(self.event_type) << 16),
            self.nbytes,
            u64::from(self.hangup),
        ];
        let mut bytes = [0; EVENT_BYTES as usize];
        for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Deadline {
    /// CPU clocks cannot be waited for, since they stand still meanwhile: [`Errno::Notsup`].
    fn new(
        source: &mut dyn Clock,
        userdata: u64,
        id: u32,
        timeout: u64,
        absolute: bool,
    ) -> Result<Deadline> {
        let clock = match (ClockId::parse(id)?, absolute) {
            (ClockId::Realtime, true) => ClockId::Realtime,
            // How long to wait does not change when somebody sets the wall clock.
            (ClockId::Realtime | ClockId::Monotonic, _) => ClockId::Monotonic,
            _ => return Err(Errno::Notsup),
        };
        let start = if absolute { 0 } else { source.now(clock)? };
        Ok(Deadline {
            clock,
            at: start.saturating_add(timeout),
            userdata,
        })
    }

    /// Nanoseconds until then.
    fn left(&self, source: &mut dyn Clock) -> Result<u64> {
        Ok(self.at.saturating_sub(source.now(self.clock)?))
    }

    fn event(&self) -> Event {
        Event {
            userdata: self.userdata,
            error: Errno::Success,
            event_type: 0,
            nbytes: 0,
            hangup: false,
        }
    }
}

fn timespec(nanoseconds: u64) -> Timespec {
    const SECOND: u64 = 1_000_000_000;
    Timespec {
        tv_sec: (nanoseconds / SECOND).cast_signed(),
        tv_nsec: (nanoseconds % SECOND) as _,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Guest, READ};
    use std::time::{Duration, Instant};

    const EVENTS: u32 = 4096;

    fn clock(userdata: u64, id: u32, timeout: u64, absolute: bool) -> [u64; 6] {
        [userdata, 0, id.into(), timeout, 0, absolute.into()]
    }

    fn read(userdata: u64, fd: u32) -> [u64; 6] {
        [userdata, 1, fd.into(), 0, 0, 0]
    }

    fn write(userdata: u64, fd: u32) -> [u64; 6] {
        [userdata, 2, fd.into(), 0, 0, 0]
    }

    /// User data, error number and type of each event.
    fn poll(guest: &mut Guest, subscriptions: &[[u64; 6]]) -> Result<Vec<(u64, u64, u64)>> {
        let words = subscriptions.iter().flatten();
        let list: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        let (ptr, _) = guest.put(8192, &list);
        let count = subscriptions.len() as u32;
        guest.call(|ctx, memory| poll_oneoff(ctx, memory, ptr, EVENTS, count, 0))?;
        let happened = guest.u32_at(0);
        Ok((0..happened)
            .map(|index| {
                let at = EVENTS + index * 32;
                let kind = guest.u64_at(at + 8);
                (guest.u64_at(at), kind & 0xffff, (kind >> 16) & 0xff)
            })
            .collect())
    }

    #[test]
    fn the_nearest_clock_ends_the_wait() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let start = Instant::now();
        let late = 3_600_000_000_000;
        let soon = crate::HostClock.now(ClockId::Realtime).unwrap() + 20_000_000;
        let events = poll(
            &mut guest,
            &[clock(1, 1, late, false), clock(2, 0, soon, true)],
        );
        assert_eq!(events, Ok(vec![(2, 0, 0)]));
        assert!(start.elapsed() >= Duration::from_millis(19));
        let passed = poll(
            &mut guest,
            &[clock(3, 1, 1, true), clock(4, 1, late, false)],
        );
        assert_eq!(passed, Ok(vec![(3, 0, 0)]));
    }

    #[test]
    fn clocks_that_cannot_be_waited_for_are_events() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let events = poll(&mut guest, &[clock(1, 2, 5, false), clock(2, 9, 5, false)]);
        let notsup = Errno::Notsup.raw().into();
        let inval = Errno::Inval.raw().into();
        assert_eq!(events, Ok(vec![(1, notsup, 0), (2, inval, 0)]));
    }

    #[test]
    fn streams_and_files_that_never_block_are_ready_at_once() {
        let mut guest = Guest::with_dir("poll");
        guest.host_write("file", b"abcde");
        let fd = guest.open("file", 0, READ).unwrap();
        let badf = Errno::Badf.raw().into();
        let notcapable = Errno::Notcapable.raw().into();
        let events = poll(
            &mut guest,
            &[
                read(1, 0),
                write(2, 1),
                read(3, fd),
                write(4, fd),
                read(5, 77),
                clock(6, 1, 3_600_000_000_000, false),
            ],
        );
        assert_eq!(
            events,
            Ok(vec![
                (1, 0, 1),
                (2, 0, 2),
                (3, 0, 1),
                (4, notcapable, 2),
                (5, badf, 1),
            ])
        );
        assert_eq!(guest.u64_at(EVENTS + 2 * 32 + 16), 5);
    }

    #[test]
    fn a_pipe_is_waited_for() {
        use crate::descriptor::Descriptor;
        use crate::handle::HostFile;
        let (reader, mut writer) = std::io::pipe().unwrap();
        let file = std::fs::File::from(std::os::fd::OwnedFd::from(reader));
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        let pipe = Descriptor::file(Box::new(HostFile::shared(file).unwrap()), READ);
        let fd = guest.ctx.table.insert(pipe).unwrap();
        let tick = clock(9, 1, 10_000_000, false);
        assert_eq!(poll(&mut guest, &[read(1, fd), tick]), Ok(vec![(9, 0, 0)]));
        std::io::Write::write_all(&mut writer, b"abc").unwrap();
        assert_eq!(poll(&mut guest, &[read(1, fd), tick]), Ok(vec![(1, 0, 1)]));
        assert_eq!(guest.u64_at(EVENTS + 16), 3);
        drop(writer);
        assert_eq!(poll(&mut guest, &[read(1, fd)]), Ok(vec![(1, 0, 1)]));
        assert_eq!(guest.u64_at(EVENTS + 24), 1);
    }

    #[test]
    fn counts_are_limited() {
        let mut guest = Guest::new(WasiCtx::builder().build().unwrap());
        for count in [0, guest.ctx.limits.subscriptions + 1, u32::MAX] {
            let result = guest.call(|ctx, memory| poll_oneoff(ctx, memory, 0, 0, count, 0));
            assert_eq!(result, Err(Errno::Inval));
        }
        let result = guest.call(|ctx, memory| poll_oneoff(ctx, memory, 0, 0, 4096, 0));
        assert_eq!(result, Err(Errno::Fault));
        let unknown = poll(&mut guest, &[[1, 3, 0, 0, 0, 0]]);
        assert_eq!(unknown, Err(Errno::Inval));
    }
}
