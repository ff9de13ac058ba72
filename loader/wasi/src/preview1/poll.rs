//! Waiting for clocks, streams and sockets.
//!
//! Here are the records that cross the border; `wait.rs` does the waiting.

mod wait;

use crate::{Errno, GuestMemory, Result, WasiCtx};

pub(crate) const SUBSCRIPTION_BYTES: u32 = 48;
pub(crate) const EVENT_BYTES: u32 = 32;

/// Waits until at least one of the `count` subscriptions at `subscriptions` has something to tell, writes the events to
/// `events`, which has room for `count`, and their number to `nevents`. Events are in the order of their subscriptions.
///
/// A socket that listens can be read when a connection waits. An event of a stream or socket says how many bytes can be
/// read at least, and whether the other side is gone; then reading and writing tell the end or the error at once.
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

    let happened = wait::wait(&ctx.table, ctx.clock.as_mut(), &parsed)?;
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
    /// 0 clock, 1 read, 2 write.
    event_type: u8,
    outcome: Outcome,
}

/// What an event says.
#[derive(Clone, Copy)]
struct Outcome {
    error: Errno,
    /// Bytes that can be read, at least; 0 if the host does not say.
    nbytes: u64,
    hangup: bool,
}

impl From<Errno> for Outcome {
    fn from(error: Errno) -> Outcome {
        Outcome {
            error,
            nbytes: 0,
            hangup: false,
        }
    }
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

    fn event(&self, outcome: Outcome) -> Event {
        Event {
            userdata: self.userdata,
            event_type: match self.what {
                What::Clock { .. } => 0,
                What::Read(_) => 1,
                What::Write(_) => 2,
            },
            outcome,
        }
    }
}

impl Event {
    /// ```text
    ///  0          8       10           16       24
    ///  | userdata | error | type, pad  | nbytes | flags (1: hang-up), pad
    /// ```
    fn to_bytes(&self) -> [u8; EVENT_BYTES as usize] {
        let Outcome {
            error,
            nbytes,
            hangup,
        } = self.outcome;
        let words = [
            self.userdata,
            u64::from(error.raw()) | (u64::from(self.event_type) << 16),
            nbytes,
            u64::from(hangup),
        ];
        let mut bytes = [0; EVENT_BYTES as usize];
        for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview1::{fd_fdstat_set_flags, fd_read, fd_write};
    use crate::testing::{Guest, READ};
    use crate::{Clock, ClockId, VirtualClock};
    use std::fs::File;
    use std::io::{PipeReader, Write};
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    const EVENTS: u32 = 0x8000;

    fn with_stdin(reader: PipeReader) -> Guest {
        let file = File::from(OwnedFd::from(reader));
        Guest::new(WasiCtx::builder().stdin_file(file).build().unwrap())
    }

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

    /// Bytes and hang-up of the event at that index.
    fn told(guest: &mut Guest, index: u32) -> (u64, bool) {
        let at = EVENTS + index * 32;
        (guest.u64_at(at + 16), guest.u64_at(at + 24) == 1)
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
        assert_eq!(told(&mut guest, 2), (5, false));
    }

    #[test]
    fn a_pipe_is_waited_for() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut guest = with_stdin(reader);
        let tick = clock(9, 1, 10_000_000, false);
        assert_eq!(poll(&mut guest, &[read(1, 0), tick]), Ok(vec![(9, 0, 0)]));
        writer.write_all(b"abc").unwrap();
        assert_eq!(poll(&mut guest, &[read(1, 0), tick]), Ok(vec![(1, 0, 1)]));
        assert_eq!(told(&mut guest, 0), (3, false));
        drop(writer);
        assert_eq!(poll(&mut guest, &[read(1, 0)]), Ok(vec![(1, 0, 1)]));
        assert_eq!(told(&mut guest, 0), (3, true));
        let list = guest.iovecs(&[(0, 8)]);
        guest
            .call(|ctx, memory| fd_read(ctx, memory, 0, list, 1, 0))
            .unwrap();
        assert_eq!(poll(&mut guest, &[read(1, 0)]), Ok(vec![(1, 0, 1)]));
        assert_eq!(told(&mut guest, 0), (0, true));
    }

    #[test]
    fn a_pipe_that_nobody_reads_wakes_who_waits_to_write() {
        let (reader, writer) = std::io::pipe().unwrap();
        let file = File::from(OwnedFd::from(writer));
        let ctx = WasiCtx::builder().stdout_file(file).build().unwrap();
        let mut guest = Guest::new(ctx);
        assert_eq!(poll(&mut guest, &[write(1, 1)]), Ok(vec![(1, 0, 2)]));
        assert_eq!(told(&mut guest, 0), (0, false));
        // Until nothing more can be written.
        fd_fdstat_set_flags(&mut guest.ctx, 1, 4).unwrap();
        let list = guest.iovecs(&[(0, 4096)]);
        while guest
            .call(|ctx, memory| fd_write(ctx, memory, 1, list, 1, 0))
            .is_ok()
        {}
        let tick = clock(9, 1, 1_000_000, false);
        assert_eq!(poll(&mut guest, &[write(1, 1), tick]), Ok(vec![(9, 0, 0)]));
        drop(reader);
        assert_eq!(poll(&mut guest, &[write(1, 1)]), Ok(vec![(1, 0, 2)]));
        assert_eq!(told(&mut guest, 0), (0, true));
    }

    #[test]
    fn events_are_in_the_order_of_subscriptions() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"abc").unwrap();
        let mut guest = with_stdin(reader);
        let badf = Errno::Badf.raw().into();
        let hour = 3_600_000_000_000;
        let events = poll(
            &mut guest,
            &[
                clock(1, 1, 1, true),
                read(2, 0),
                clock(3, 1, hour, false),
                write(4, 77),
                write(5, 1),
                clock(6, 1, 0, false),
                read(7, 0),
            ],
        );
        let expected = [
            (1, 0, 0),
            (2, 0, 1),
            (4, badf, 2),
            (5, 0, 2),
            (6, 0, 0),
            (7, 0, 1),
        ];
        assert_eq!(events.unwrap(), expected);
    }

    #[test]
    fn a_file_is_subscribed_to_any_number_of_times() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"abc").unwrap();
        let mut guest = with_stdin(reader);
        let events = poll(&mut guest, &[read(7, 0); 500]);
        assert_eq!(events, Ok(vec![(7, 0, 1); 500]));
        for index in 0..500 {
            assert_eq!(told(&mut guest, index), (3, false));
        }
    }

    #[test]
    fn a_socket_that_listens_can_be_read_when_a_connection_waits() {
        let (mut guest, address) = Guest::listening();
        let tick = clock(9, 1, 1_000_000, false);
        assert_eq!(poll(&mut guest, &[read(1, 3), tick]), Ok(vec![(9, 0, 0)]));
        let _peer = TcpStream::connect(address).unwrap();
        assert_eq!(poll(&mut guest, &[read(1, 3)]), Ok(vec![(1, 0, 1)]));
        let notcapable = Errno::Notcapable.raw().into();
        assert_eq!(
            poll(&mut guest, &[write(1, 3)]),
            Ok(vec![(1, notcapable, 2)])
        );
    }

    #[test]
    fn both_directions_of_a_connection_are_waited_for() {
        let (mut guest, mut peer) = Guest::connected();
        let both = [read(1, 4), write(2, 4)];
        assert_eq!(poll(&mut guest, &both), Ok(vec![(2, 0, 2)]));
        peer.write_all(b"abcde").unwrap();
        // The bytes may be on their way when the call that only asks would look for them.
        assert_eq!(poll(&mut guest, &[read(1, 4)]), Ok(vec![(1, 0, 1)]));
        assert_eq!(poll(&mut guest, &both), Ok(vec![(1, 0, 1), (2, 0, 2)]));
        assert_eq!(told(&mut guest, 0), (5, false));
        assert_eq!(told(&mut guest, 1), (0, false));
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(poll(&mut guest, &[read(1, 4)]), Ok(vec![(1, 0, 1)]));
        assert_eq!(told(&mut guest, 0), (5, false), "half of it is there");
    }

    #[test]
    fn a_connection_broken_off_wakes_and_the_next_call_tells() {
        let (mut guest, peer) = Guest::connected();
        // Closing with bytes unread breaks it off.
        let list = guest.iovecs(&[(0, 8)]);
        guest
            .call(|ctx, memory| fd_write(ctx, memory, 4, list, 1, 0))
            .unwrap();
        peer.peek(&mut [0; 8]).unwrap();
        drop(peer);
        assert_eq!(poll(&mut guest, &[read(1, 4)]), Ok(vec![(1, 0, 1)]));
        let events = poll(&mut guest, &[read(1, 4), write(2, 4)]);
        assert_eq!(events, Ok(vec![(1, 0, 1), (2, 0, 2)]));
        for index in [0, 1] {
            assert_eq!(told(&mut guest, index), (0, true));
        }
        let list = guest.iovecs(&[(0, 8)]);
        let received = guest.call(|ctx, memory| fd_read(ctx, memory, 4, list, 1, 0));
        assert_eq!(received, Err(Errno::Connreset));
    }

    #[test]
    fn waiting_on_a_virtual_clock_takes_no_time_but_moves_it_on() {
        const HOUR: u64 = 3_600_000_000_000;
        let (reader, mut writer) = std::io::pipe().unwrap();
        let file = File::from(OwnedFd::from(reader));
        let ctx = WasiCtx::builder()
            .clock(VirtualClock::new(0, 1))
            .stdin_file(file)
            .build()
            .unwrap();
        let mut guest = Guest::new(ctx);
        let start = Instant::now();
        let sleep = [
            read(1, 0),
            clock(2, 1, HOUR, false),
            clock(3, 0, 2 * HOUR, true),
        ];
        assert_eq!(poll(&mut guest, &sleep), Ok(vec![(2, 0, 0)]));
        let mut time = |id| guest.ctx.clock.now(id).unwrap();
        let passed = time(ClockId::Monotonic);
        assert!((HOUR..HOUR + 1_000).contains(&passed), "{passed}");
        assert!((HOUR..HOUR + 1_000).contains(&time(ClockId::Realtime)));

        // What is ready comes before the time is moved on.
        writer.write_all(b"abc").unwrap();
        assert_eq!(poll(&mut guest, &sleep), Ok(vec![(1, 0, 1)]));
        let passed = guest.ctx.clock.now(ClockId::Monotonic).unwrap();
        assert!(passed < HOUR + 1_000, "{passed}");
        assert!(start.elapsed() < Duration::from_secs(600));
    }

    #[test]
    fn a_deadline_on_the_wall_clock_is_met_when_somebody_sets_that() {
        /// Set to the deadline by whoever looks a third time.
        struct SetMeanwhile(u32);
        const DEADLINE: Duration = Duration::from_secs(120);
        impl Clock for SetMeanwhile {
            fn now(&mut self, id: ClockId) -> Result<u64> {
                assert_eq!(id, ClockId::Realtime);
                self.0 += 1;
                let set = self.0 >= 3;
                Ok(if set { DEADLINE.as_nanos() as u64 } else { 0 })
            }
        }
        let ctx = WasiCtx::builder().clock(SetMeanwhile(0)).build().unwrap();
        let mut guest = Guest::new(ctx);
        let start = Instant::now();
        let events = poll(&mut guest, &[clock(1, 0, DEADLINE.as_nanos() as u64, true)]);
        assert_eq!(events, Ok(vec![(1, 0, 0)]));
        assert!(start.elapsed() < DEADLINE / 2);
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
