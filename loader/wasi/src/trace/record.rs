//! Records in the guest's memory: attributes, entries of directories, subscriptions and events.
//!
//! How they are laid out is drawn where the calls read and write them.

use super::number::{CLOCKS, FDFLAGS, FILETYPES, flags, named, rights, signed};
use super::pointer::{MAX_ENTRIES, address_and, bracketed, lies_in, list, text};
use crate::preview1::poll::{EVENT_BYTES, SUBSCRIPTION_BYTES};
use crate::unstable::{self, UNSTABLE_SUBSCRIPTION_BYTES};
use crate::{Errno, GuestMemory, Result};

pub(super) const FDSTAT_BYTES: u32 = 24;
pub(super) const FILESTAT_BYTES: u32 = unstable::FILESTAT_BYTES as u32;
pub(super) const UNSTABLE_FILESTAT_BYTES: u32 = unstable::UNSTABLE_FILESTAT_BYTES as u32;
const DIRENT_BYTES: u32 = 24;
const PRESTAT_BYTES: u32 = 8;

/// A copy of a record, whose numbers are found by their offsets.
struct Record(Vec<u8>);

impl Record {
    fn read(memory: &GuestMemory<'_>, address: u32, bytes: u32) -> Result<Record> {
        Ok(Record(memory.slice(address, bytes)?.into_owned()))
    }

    /// The `len` bytes at `offset`; what is beyond the end is 0.
    fn number(&self, offset: usize, len: usize) -> u64 {
        let bytes = self.0.iter().skip(offset).take(len);
        bytes
            .rev()
            .fold(0, |number, &byte| (number << 8) | u64::from(byte))
    }

    fn u8(&self, offset: usize) -> u64 {
        self.number(offset, 1)
    }

    fn u16(&self, offset: usize) -> u64 {
        self.number(offset, 2)
    }

    fn u32(&self, offset: usize) -> u32 {
        self.number(offset, 4) as u32
    }

    fn u64(&self, offset: usize) -> u64 {
        self.number(offset, 8)
    }
}

pub(super) fn fdstat(memory: &GuestMemory<'_>, address: u32) -> Result<String> {
    let stat = Record::read(memory, address, FDSTAT_BYTES)?;
    Ok(format!(
        "{{filetype={}, flags={}, base={}, inheriting={}}}",
        named(FILETYPES, stat.u8(0)),
        flags(FDFLAGS, stat.u16(2)),
        rights(stat.u64(8)),
        rights(stat.u64(16)),
    ))
}

pub(super) fn filestat(memory: &GuestMemory<'_>, address: u32) -> Result<String> {
    let stat = Record::read(memory, address, FILESTAT_BYTES)?;
    let [nlink, size, times @ ..] = [24, 32, 40, 48, 56].map(|offset| stat.u64(offset));
    Ok(attributes(&stat, nlink, size, times))
}

pub(super) fn unstable_filestat(memory: &GuestMemory<'_>, address: u32) -> Result<String> {
    let stat = Record::read(memory, address, UNSTABLE_FILESTAT_BYTES)?;
    let [size, times @ ..] = [24, 32, 40, 48].map(|offset| stat.u64(offset));
    Ok(attributes(&stat, stat.u32(20).into(), size, times))
}

fn attributes(stat: &Record, nlink: u64, size: u64, [atim, mtim, ctim]: [u64; 3]) -> String {
    format!(
        "{{dev={}, ino={}, filetype={}, nlink={nlink}, size={size}, atim={atim}, mtim={mtim}, ctim={ctim}}}",
        stat.u64(0),
        stat.u64(8),
        named(FILETYPES, stat.u8(16)),
    )
}

pub(super) fn prestat(memory: &GuestMemory<'_>, address: u32) -> Result<String> {
    let stat = Record::read(memory, address, PRESTAT_BYTES)?;
    let tag = named(&["DIR"], stat.u8(0));
    Ok(format!("{{tag={tag}, name_len={}}}", stat.u32(4)))
}

/// The names of the entries in `bytes` bytes. One that is cut off where they end is left out, and `…` stands for it.
pub(super) fn dirents(memory: &GuestMemory<'_>, address: u32, bytes: u32) -> String {
    if !lies_in(memory, address, bytes.into()) {
        return address_and(address, bytes);
    }
    let mut names = Vec::new();
    let mut at = address;
    let mut left = bytes;
    while left >= DIRENT_BYTES && u32::try_from(names.len()).is_ok_and(|len| len < MAX_ENTRIES) {
        let Ok(entry) = Record::read(memory, at, DIRENT_BYTES) else {
            break;
        };
        let name_len = entry.u32(16);
        let entry_bytes = DIRENT_BYTES.saturating_add(name_len);
        if entry_bytes > left {
            break;
        }
        names.push(text(memory, at.saturating_add(DIRENT_BYTES), name_len));
        at = at.saturating_add(entry_bytes);
        left = left.saturating_sub(entry_bytes);
    }
    bracketed(names, left > 0)
}

/// `unstable`: as `wasi_unstable` lays them out.
pub(super) fn subscriptions(
    memory: &GuestMemory<'_>,
    address: u32,
    count: u32,
    unstable: bool,
) -> String {
    let bytes = if unstable {
        UNSTABLE_SUBSCRIPTION_BYTES
    } else {
        SUBSCRIPTION_BYTES
    };
    let clock_at = if unstable { 24 } else { 16 };
    records(memory, address, count, bytes, |record| {
        let what = match record.u8(8) {
            0 => clock(record, clock_at),
            1 => format!("read {}", signed(record.u32(16))),
            2 => format!("write {}", signed(record.u32(16))),
            unknown => format!("type {unknown}"),
        };
        what + &userdata(record)
    })
}

fn clock(record: &Record, at: usize) -> String {
    const ABSTIME: u64 = 1;
    let field = |offset: usize| at.saturating_add(offset);
    let flags = record.u16(field(24));
    let mut shown = format!(
        "clock {} {}{}ns",
        named(CLOCKS, record.u32(field(0)).into()),
        if flags & ABSTIME == 0 { '+' } else { '@' },
        record.u64(field(8)),
    );
    let precision = record.u64(field(16));
    if precision != 0 {
        shown.push_str(&format!(" precision={precision}ns"));
    }
    if flags & !ABSTIME != 0 {
        shown.push_str(&format!(" flags={flags:#x}"));
    }
    shown
}

pub(super) fn events(memory: &GuestMemory<'_>, address: u32, count: u32) -> String {
    records(memory, address, count, EVENT_BYTES, |record| {
        let mut shown = named(&["clock", "read", "write"], record.u8(10));
        let errno = record.u16(8);
        if errno != 0 {
            let known = Errno::ALL.iter().find(|it| u64::from(it.raw()) == errno);
            shown.push(' ');
            shown.push_str(&known.map_or_else(|| errno.to_string(), |errno| errno.name()));
        }
        let nbytes = record.u64(16);
        if nbytes != 0 {
            shown.push_str(&format!(" nbytes={nbytes}"));
        }
        let hangup = record.u16(24);
        if hangup != 0 {
            shown.push(' ');
            shown.push_str(&flags(&[(1, "HANGUP")], hangup));
        }
        shown + &userdata(record)
    })
}

/// What is in the first field of subscriptions and events, if anything is.
fn userdata(record: &Record) -> String {
    match record.u64(0) {
        0 => String::new(),
        userdata => format!(" userdata={userdata:#x}"),
    }
}

fn records(
    memory: &GuestMemory<'_>,
    address: u32,
    count: u32,
    bytes_each: u32,
    shown: impl Fn(&Record) -> String,
) -> String {
    let bytes = u64::from(count).saturating_mul(bytes_each.into());
    if !lies_in(memory, address, bytes) {
        return address_and(address, count);
    }
    list(count, |index| {
        let at = address.saturating_add(index.saturating_mul(bytes_each));
        let record = Record::read(memory, at, bytes_each).ok()?;
        Some(shown(&record))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_listed_as_far_as_they_are_whole() {
        let mut bytes = Vec::new();
        for name in [".", "..", "b.txt"] {
            let header = [0, 0, name.len() as u64].map(u64::to_le_bytes);
            bytes.extend_from_slice(header.as_flattened());
            bytes.extend_from_slice(name.as_bytes());
        }
        let whole = bytes.len() as u32;
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(dirents(&memory, 0, whole), r#"[".", "..", "b.txt"]"#);
        for cut in [whole - 1, whole - 5, whole - 6, whole - 28] {
            assert_eq!(dirents(&memory, 0, cut), r#"[".", "..", …]"#);
        }
        assert_eq!(dirents(&memory, 0, whole - 29), r#"[".", ".."]"#);
        assert_eq!(dirents(&memory, 0, 0), "[]");
        assert_eq!(dirents(&memory, 1, whole), format!("0x1, {whole}"));
    }
}
