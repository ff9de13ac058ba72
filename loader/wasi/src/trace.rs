//! Telling of calls, one line each, in the manner of `strace`.
//!
//! ```text
//! path_open(3, SYMLINK_FOLLOW, "dir/a.txt", CREAT|TRUNC, FD_WRITE, 0, 0) = 4
//! fd_write(4, ["hello\n"]) = 6
//! fd_read(0, [4096]) = 11 "hello world"
//! path_open(3, 0, "b.txt", 0, FD_READ, 0, 0) = ENOENT (No such file or directory.)
//! ```
//!
//! - Numbers, flags and clocks have the names that C programs give them; bits without a name are in hexadecimal.
//! - What an argument points to is shown, before the call, in place of address and length. An address that does not lie
//!   in the guest's memory is shown as it is, and what comes after it too.
//! - Results are read from memory after the call and shown after `=`, so that the addresses they go to are not shown.
//!   Bytes that were read, names and events come after their number.
//! - Text, bytes and lists are cut, which `…` shows: no line is longer than a few thousand bytes, whatever a guest
//!   passes.
//! - The bytes of `random_get` are not shown. They may be somebody's key.
//!
//! A line is written at once, after the call. Calls that may wait write what they were called with before they wait,
//! and the rest after: one sees what a program hangs in. `proc_exit`, which does not return, writes its line first.
//!
//! Start reading at [`call`]. What stands in the arguments themselves is in `trace/number.rs`, what they point to in
//! `trace/pointer.rs` and `trace/record.rs`.

use std::io::Write;

use crate::functions::{Function, Kind, Raw};
use crate::preview1::poll::EVENT_BYTES;
use crate::{GuestMemory, Result, WasiCtx};

use number::{CLOCKS, flags, named, rights, signed};
use pointer::{Buffers, lies_in, path};

mod number;
mod pointer;
mod record;
#[cfg(test)]
mod tests;

/// Where lines go.
pub(crate) struct Tracer {
    writer: Box<dyn Write + Send>,
}

impl Tracer {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Tracer {
        Tracer {
            writer: Box::new(writer),
        }
    }

    /// Tells of a call that does not return.
    #[cold]
    pub(crate) fn last(&mut self, function: &Function, args: &[u64]) {
        let line = Line::new(function, args, &GuestMemory::new(&mut []));
        self.write(&format!("{}\n", line.called));
    }

    /// A writer that fails is no matter of the guest's.
    fn write(&mut self, text: &str) {
        let written = self.writer.write_all(text.as_bytes());
        let _ = written.and_then(|()| self.writer.flush());
    }
}

/// Makes the call and tells of it, if somebody wants to know.
#[cold]
pub(crate) fn call(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    function: &Function,
    args: &[u64],
) -> Result<()> {
    let mut line = Line::new(function, args, memory);
    if function.may_wait
        && let Some(tracer) = &mut ctx.tracer
    {
        tracer.write(&std::mem::take(&mut line.called));
    }
    let result = (function.call)(ctx, memory, args);
    if let Some(tracer) = &mut ctx.tracer {
        let came = match result {
            Ok(()) => line.results(memory),
            Err(errno) => format!("{} ({})", errno.name(), errno.description()),
        };
        tracer.write(&format!("{} = {came}\n", line.called));
    }
    result
}

/// The line of one call.
struct Line<'a> {
    function: &'a Function,
    args: &'a [u64],
    /// Name and arguments, as far as they have not been written.
    called: String,
    /// Where a read puts bytes. The list may not be there any more after the call, which may have written over it.
    buffers: Buffers,
}

impl<'a> Line<'a> {
    /// A line up to the closing parenthesis.
    fn new(function: &'a Function, args: &'a [u64], memory: &GuestMemory<'_>) -> Line<'a> {
        let mut line = Line {
            function,
            args,
            called: String::new(),
            buffers: Buffers::default(),
        };
        let mut shown = Vec::new();
        for (index, kind) in function.params.iter().enumerate() {
            shown.extend(line.argument(memory, index, *kind));
        }
        line.called = format!("{}({})", function.name, shown.join(", "));
        line
    }

    /// What is shown of the argument before the call; nothing for what others show, or the results.
    fn argument(&mut self, memory: &GuestMemory<'_>, index: usize, kind: Kind) -> Option<String> {
        let value = self.arg(index);
        let address = u32::from_raw(value);
        let next = u32::from_raw(self.arg(index.saturating_add(1)));
        Some(match kind {
            Kind::Fd | Kind::Exitcode => signed(address),
            Kind::Size | Kind::Filesize | Kind::Timestamp | Kind::Dircookie => value.to_string(),
            Kind::Filedelta => i64::from_raw(value).to_string(),

            Kind::Advice => named(number::ADVICE, value),
            Kind::Clockid => named(CLOCKS, value),
            Kind::Signal => named(number::SIGNALS, value),
            Kind::Whence => named(number::WHENCE, value),
            Kind::UnstableWhence => named(number::UNSTABLE_WHENCE, value),

            Kind::Fdflags => flags(number::FDFLAGS, value),
            Kind::Fstflags => flags(number::FSTFLAGS, value),
            Kind::Lookupflags => flags(number::LOOKUPFLAGS, value),
            Kind::Oflags => flags(number::OFLAGS, value),
            Kind::Riflags => flags(number::RIFLAGS, value),
            Kind::Rights => rights(value),
            Kind::Sdflags => flags(number::SDFLAGS, value),
            Kind::Siflags => flags(&[], value),

            Kind::Address => pointer::address(address),
            Kind::Len => return None,
            Kind::Path => path(memory, address, next),
            Kind::Ciovecs => match Buffers::read(memory, address, next) {
                Some(buffers) => buffers.contents(memory),
                None => pointer::address_and(address, next),
            },
            Kind::Iovecs => match Buffers::read(memory, address, next) {
                Some(buffers) => {
                    self.buffers = buffers;
                    self.buffers.lengths(memory)
                }
                None => pointer::address_and(address, next),
            },
            Kind::Subscriptions | Kind::UnstableSubscriptions => {
                let count = u32::from_raw(self.arg(index.saturating_add(2)));
                let unstable = kind == Kind::UnstableSubscriptions;
                record::subscriptions(memory, address, count, unstable)
            }

            Kind::OutSecret | Kind::OutText | Kind::OutName | Kind::OutDirents => {
                return outside(memory, address, next.into());
            }
            Kind::OutEvents => {
                let bytes = u64::from(next).saturating_mul(EVENT_BYTES.into());
                return outside(memory, address, bytes);
            }
            Kind::OutRoflags => return outside(memory, address, 2),
            Kind::OutFd | Kind::OutSize => return outside(memory, address, 4),
            Kind::OutFilesize | Kind::OutPrestat | Kind::OutTimestamp => {
                return outside(memory, address, 8);
            }
            Kind::OutFdstat => return outside(memory, address, record::FDSTAT_BYTES.into()),
            Kind::OutFilestat => return outside(memory, address, record::FILESTAT_BYTES.into()),
            Kind::OutUnstableFilestat => {
                return outside(memory, address, record::UNSTABLE_FILESTAT_BYTES.into());
            }
        })
    }

    /// What came of a call that succeeded: 0, if there is nothing else.
    fn results(&self, memory: &GuestMemory<'_>) -> String {
        let mut shown = Vec::new();
        // What there is so many of as the next size says.
        let mut counted = None;
        for (index, kind) in self.function.params.iter().enumerate() {
            let address = u32::from_raw(self.arg(index));
            let next = u32::from_raw(self.arg(index.saturating_add(1)));
            let value = match kind {
                Kind::Iovecs | Kind::OutText | Kind::OutDirents | Kind::OutEvents => {
                    counted = Some((*kind, address));
                    continue;
                }
                Kind::OutSize => match (memory.read_u32(address), counted.take()) {
                    (Ok(count), Some((kind, address))) => {
                        let what = self.counted(memory, kind, address, count);
                        Ok(format!("{count} {what}"))
                    }
                    (Ok(count), None) => Ok(count.to_string()),
                    (Err(errno), _) => Err(errno),
                },
                Kind::OutFd => memory.read_u32(address).map(signed),
                Kind::OutFilesize | Kind::OutTimestamp => {
                    memory.read_u64(address).map(|value| value.to_string())
                }
                Kind::OutName => Ok(pointer::text(memory, address, next)),
                Kind::OutRoflags => memory.read(address).map(|bits| {
                    let bits = u16::from_le_bytes(bits);
                    flags(number::ROFLAGS, bits.into())
                }),
                Kind::OutFdstat => record::fdstat(memory, address),
                Kind::OutFilestat => record::filestat(memory, address),
                Kind::OutUnstableFilestat => record::unstable_filestat(memory, address),
                Kind::OutPrestat => record::prestat(memory, address),
                _ => continue,
            };
            shown.push(value.unwrap_or_else(|_| pointer::address(address)));
        }
        if shown.is_empty() {
            return "0".to_owned();
        }
        shown.join(", ")
    }

    fn counted(&self, memory: &GuestMemory<'_>, kind: Kind, address: u32, count: u32) -> String {
        match kind {
            Kind::OutDirents => record::dirents(memory, address, count),
            Kind::OutEvents => record::events(memory, address, count),
            Kind::OutText => pointer::text(memory, address, count),
            _ => self.buffers.joined(memory, count),
        }
    }

    fn arg(&self, index: usize) -> u64 {
        self.args.get(index).copied().unwrap_or(0)
    }
}

/// The address of a result, if the result would not lie in memory: that is why the call will fail.
fn outside(memory: &GuestMemory<'_>, address: u32, bytes: u64) -> Option<String> {
    (!lies_in(memory, address, bytes)).then(|| pointer::address(address))
}
