//! The wait of `poll_oneoff`.
//!
//! Each subscription has a source: something that has happened already (an error, or a file, which never blocks), an
//! open file of the host, or a deadline. All files are asked in one host call, each once however many subscriptions it
//! has; that call is also what waits, until the nearest deadline. The sources are then gone through in the order of the
//! subscriptions, and so are the events.
//!
//! A file with an error (`POLLERR`: a connection broken off, a pipe that nobody reads) is an event with the flag for
//! hang-up and without an error number. The call that it is ready for tells the error; asking the host for it here would
//! take it away.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{Event, Outcome, Subscription, What};
use crate::descriptor::Kind;
use crate::handle::{Direction, Readiness};
use crate::rights;
use crate::table::Table;
use crate::{Clock, ClockId, Errno, Result};

/// The longest that the host is asked to wait at once; some hosts refuse more than 24 days.
const LONGEST_WAIT_NANOSECONDS: u64 = 3_600_000_000_000;

/// How often a deadline on the wall clock is looked at: somebody may set that clock, of which the host does not tell.
const REALTIME_WAIT_NANOSECONDS: u64 = 200_000_000;

/// What a subscription waits for.
enum Source {
    Happened(Outcome),
    Until(Deadline),
    /// The open file at that index of those to ask.
    Host {
        index: usize,
        direction: Direction,
    },
}

/// A point in time on one of the two clocks that run by themselves.
struct Deadline {
    clock: ClockId,
    at: u64,
}

/// The open files to ask, each once: the host takes no more than a process may have open.
#[derive(Default)]
struct Asked<'a> {
    files: Vec<(BorrowedFd<'a>, PollFlags)>,
    indices: BTreeMap<RawFd, usize>,
}

/// Waits until at least one of the subscriptions has something to tell.
pub(super) fn wait(
    table: &Table,
    clock: &mut dyn Clock,
    subscriptions: &[Subscription],
) -> Result<Vec<Event>> {
    let mut asked = Asked::default();
    let sources = subscriptions
        .iter()
        .map(|subscription| {
            let source = source(table, clock, &mut asked, subscription.what);
            source.unwrap_or_else(|error| Source::Happened(error.into()))
        })
        .collect::<Vec<_>>();
    let mut host_fds = asked.poll_fds();

    // At first they are only asked: what is ready already wins over a clock that can skip the wait.
    let mut timeout = Some(0);
    loop {
        let timespec = timeout.map(timespec);
        rustix::event::poll(&mut host_fds, timespec.as_ref())?;
        let happened = happened(subscriptions, &sources, &host_fds, clock)?;
        if !happened.is_empty() {
            return Ok(happened);
        }
        timeout = match nearest(&sources, clock)? {
            Some((left, _)) if clock.skip(left) => Some(0),
            Some((left, longest)) => Some(left.min(longest)),
            None => None,
        };
    }
}

fn source<'a>(
    table: &'a Table,
    clock: &mut dyn Clock,
    asked: &mut Asked<'a>,
    what: What,
) -> Result<Source> {
    let (fd, right, direction) = match what {
        What::Clock {
            id,
            timeout,
            absolute,
        } => return Deadline::new(clock, id, timeout, absolute).map(Source::Until),
        What::Read(fd) => (fd, rights::FD_READ, Direction::Read),
        What::Write(fd) => (fd, rights::FD_WRITE, Direction::Write),
    };
    let descriptor = table.get(fd)?;
    let Kind::File(file) = &descriptor.kind else {
        return Err(Errno::Badf);
    };
    descriptor.require(rights::POLL_FD_READWRITE | right)?;
    Ok(match file.readiness(direction) {
        Readiness::Ready(nbytes) => Source::Happened(Outcome {
            nbytes,
            ..Errno::Success.into()
        }),
        Readiness::Host(host_fd) => Source::Host {
            index: asked.add(host_fd, poll_flags(direction)),
            direction,
        },
    })
}

/// The events of the sources that have something to tell.
fn happened(
    subscriptions: &[Subscription],
    sources: &[Source],
    host_fds: &[PollFd<'_>],
    clock: &mut dyn Clock,
) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for (subscription, source) in subscriptions.iter().zip(sources) {
        let outcome = match source {
            Source::Happened(outcome) => Some(*outcome),
            Source::Until(deadline) => (deadline.left(clock)? == 0).then(|| Errno::Success.into()),
            Source::Host { index, direction } => {
                let host_fd = host_fds.get(*index);
                host_fd.and_then(|host_fd| Outcome::of(host_fd, *direction))
            }
        };
        events.extend(outcome.map(|outcome| subscription.event(outcome)));
    }
    Ok(events)
}

/// Nanoseconds until the first deadline, and how many of them may be waited for at once.
fn nearest(sources: &[Source], clock: &mut dyn Clock) -> Result<Option<(u64, u64)>> {
    let mut nearest = None;
    let mut longest = LONGEST_WAIT_NANOSECONDS;
    for source in sources {
        let Source::Until(deadline) = source else {
            continue;
        };
        let left = deadline.left(clock)?;
        nearest = Some(nearest.map_or(left, |nearest: u64| nearest.min(left)));
        if deadline.clock == ClockId::Realtime {
            longest = REALTIME_WAIT_NANOSECONDS;
        }
    }
    Ok(nearest.map(|nearest| (nearest, longest)))
}

fn poll_flags(direction: Direction) -> PollFlags {
    match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    }
}

impl<'a> Asked<'a> {
    /// Asks the file for that as well; gives its index.
    fn add(&mut self, file: BorrowedFd<'a>, flags: PollFlags) -> usize {
        let end = self.files.len();
        let index = *self.indices.entry(file.as_raw_fd()).or_insert(end);
        match self.files.get_mut(index) {
            Some((_, wanted)) => *wanted |= flags,
            None => self.files.push((file, flags)),
        }
        index
    }

    fn poll_fds(&self) -> Vec<PollFd<'a>> {
        let files = self.files.iter();
        files
            .map(|(file, flags)| PollFd::from_borrowed_fd(*file, *flags))
            .collect()
    }
}

impl Outcome {
    /// What the host has said of an open file, if it is of interest to who waits to read, or to write.
    fn of(host_fd: &PollFd<'_>, direction: Direction) -> Option<Outcome> {
        let gone = PollFlags::HUP | PollFlags::ERR;
        let seen = host_fd.revents();
        if seen.contains(PollFlags::NVAL) {
            return Some(Errno::Badf.into());
        }
        if !seen.intersects(poll_flags(direction) | gone) {
            return None;
        }
        Some(Outcome {
            error: Errno::Success,
            nbytes: match direction {
                Direction::Read => rustix::io::ioctl_fionread(host_fd.as_fd()).unwrap_or(0),
                Direction::Write => 0,
            },
            hangup: seen.intersects(gone),
        })
    }
}

impl Deadline {
    /// CPU clocks cannot be waited for, since they stand still meanwhile: [`Errno::Notsup`].
    fn new(source: &mut dyn Clock, id: u32, timeout: u64, absolute: bool) -> Result<Deadline> {
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
        })
    }

    /// Nanoseconds until then.
    fn left(&self, source: &mut dyn Clock) -> Result<u64> {
        Ok(self.at.saturating_sub(source.now(self.clock)?))
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

    #[test]
    fn an_open_file_is_asked_once_however_often_it_is_subscribed_to() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (reader, writer) = (reader.as_fd(), writer.as_fd());
        let mut asked = Asked::default();
        for (fd, index) in [(reader, 0), (reader, 0), (writer, 1), (reader, 0)] {
            assert_eq!(asked.add(fd, PollFlags::IN), index);
        }
        assert_eq!(asked.poll_fds().len(), 2);
    }
}
