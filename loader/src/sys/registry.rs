//! Which machine code is mapped where.
//!
//! The reader is a signal handler, which may take no lock and free nothing, so the idea is a list
//! of slots that is never freed:
//!
//! ```text
//! for every slot: if start ≤ pc < end, that is the code
//! ```
//!
//! Departures from it: (1) slots come in chunks, each twice the size of the one before, so that
//! the list grows without moving; (2) a slot whose code has been unmapped is used again; (3) a
//! slot that is being written has an odd version, and a reader that sees the version change takes
//! the slot for empty. It cannot miss code that it is looking for: whoever runs code keeps it
//! registered, so that its slot stands still.

use std::ops::Range;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};

/// Chunk `k` has `FIRST_CHUNK << k` slots.
const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 24;

/// Code that is mapped, as a signal handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MappedText {
    /// Address of its first byte.
    pub(crate) start: usize,
    /// Address after its last byte.
    pub(crate) end: usize,
    /// Address of the encoded trap table.
    pub(crate) traps: usize,
    /// Its length in bytes.
    pub(crate) traps_len: usize,
    /// Address of the encoded table of functions.
    pub(crate) funcs: usize,
    /// Its length in bytes.
    pub(crate) funcs_len: usize,
}

/// Keeps code registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    slot: usize,
}

impl Registration {
    /// Registers code in `text`, whose encoded tables of traps and functions are in `traps` and
    /// `funcs` (all ranges of addresses). They must stay mapped until the registration is dropped.
    /// `None` if there are no slots left.
    pub(crate) fn new(
        text: Range<usize>,
        traps: Range<usize>,
        funcs: Range<usize>,
    ) -> Option<Self> {
        let mut writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match writer.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = writer.used;
                ensure_chunk_of(slot)?;
                writer.used = slot.checked_add(1)?;
                slot
            }
        };
        slot_at(slot)?.write(&MappedText {
            start: text.start,
            end: text.end,
            traps: traps.start,
            traps_len: traps.len(),
            funcs: funcs.start,
            funcs_len: funcs.len(),
        });
        Some(Self { slot })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slot_at(self.slot) {
            slot.write(&MappedText {
                start: 0,
                end: 0,
                traps: 0,
                traps_len: 0,
                funcs: 0,
                funcs_len: 0,
            });
            writer.free.push(self.slot);
        }
    }
}

/// The code around `pc`. Safe to call from a signal handler.
pub(crate) fn find(pc: usize) -> Option<MappedText> {
    (0..CHUNKS)
        .map_while(chunk)
        .flatten()
        .filter_map(Slot::read)
        .find(|text| text.start <= pc && pc < text.end)
}

struct Writer {
    free: Vec<usize>,
    used: usize,
}

static WRITER: Mutex<Writer> = Mutex::new(Writer {
    free: Vec::new(),
    used: 0,
});

static CHUNK_STARTS: [AtomicPtr<Slot>; CHUNKS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS];

#[derive(Default)]
struct Slot {
    /// Odd while the rest is being written.
    version: AtomicU64,
    start: AtomicUsize,
    end: AtomicUsize,
    traps: AtomicUsize,
    traps_len: AtomicUsize,
    funcs: AtomicUsize,
    funcs_len: AtomicUsize,
}

impl Slot {
    /// Only under the lock.
    fn write(&self, text: &MappedText) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.start.store(text.start, Ordering::Relaxed);
        self.end.store(text.end, Ordering::Relaxed);
        self.traps.store(text.traps, Ordering::Relaxed);
        self.traps_len.store(text.traps_len, Ordering::Relaxed);
        self.funcs.store(text.funcs, Ordering::Relaxed);
        self.funcs_len.store(text.funcs_len, Ordering::Relaxed);
        self.version
            .store((version | 1).wrapping_add(1), Ordering::Release);
    }

    fn read(&self) -> Option<MappedText> {
        let before = self.version.load(Ordering::Acquire);
        let text = MappedText {
            start: self.start.load(Ordering::Relaxed),
            end: self.end.load(Ordering::Relaxed),
            traps: self.traps.load(Ordering::Relaxed),
            traps_len: self.traps_len.load(Ordering::Relaxed),
            funcs: self.funcs.load(Ordering::Relaxed),
            funcs_len: self.funcs_len.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (before == after && before & 1 == 0).then_some(text)
    }
}

/// The chunk that a slot is in, and its place there.
fn place_of(slot: usize) -> Option<(usize, usize)> {
    let chunk = (slot / FIRST_CHUNK).checked_add(1)?.ilog2() as usize;
    let first = FIRST_CHUNK.checked_shl(chunk as u32)? - FIRST_CHUNK;
    (chunk < CHUNKS).then_some((chunk, slot - first))
}

fn slot_at(slot: usize) -> Option<&'static Slot> {
    let (at, index) = place_of(slot)?;
    chunk(at)?.get(index)
}

fn ensure_chunk_of(slot: usize) -> Option<()> {
    let (at, _) = place_of(slot)?;
    if chunk(at).is_none() {
        let slots: Vec<Slot> = (0..FIRST_CHUNK << at).map(|_| Slot::default()).collect();
        let slots = Box::leak(slots.into_boxed_slice());
        CHUNK_STARTS
            .get(at)?
            .store(slots.as_mut_ptr(), Ordering::Release);
    }
    Some(())
}

#[allow(
    unsafe_code,
    reason = "a leaked slice is put together again from its address"
)]
fn chunk(at: usize) -> Option<&'static [Slot]> {
    let start = CHUNK_STARTS.get(at)?.load(Ordering::Acquire);
    if start.is_null() {
        return None;
    }
    // SAFETY: `ensure_chunk_of` has stored the address of a leaked slice of just that length,
    // and slots are changed only through atomics.
    Some(unsafe { std::slice::from_raw_parts(start, FIRST_CHUNK << at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Addresses that no mapped code has: pages the kernel keeps for itself.
    const BASE: usize = usize::MAX / 2 + 1;

    #[test]
    fn places_of_slots_follow_one_another() {
        let mut expected = (0, 0);
        for slot in 0..10_000 {
            assert_eq!(place_of(slot), Some(expected), "slot {slot}");
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn registered_code_is_found_until_it_is_dropped() {
        let entry = |i: usize| BASE + i * 100..BASE + i * 100 + 50;
        let mut kept: Vec<_> = (0..300)
            .map(|i| Registration::new(entry(i), 7 * i..7 * i + 3, 0..0).unwrap())
            .collect();
        for i in 0..300 {
            let found = find(BASE + i * 100 + 49).unwrap();
            assert_eq!(
                (found.start, found.traps, found.traps_len),
                (entry(i).start, 7 * i, 3)
            );
            assert_eq!(find(BASE + i * 100 + 50), None);
        }
        let freed = kept.remove(17).slot;
        assert_eq!(find(entry(17).start), None);
        assert!(find(entry(18).start).is_some());
        let again = Registration::new(entry(17), 1..2, 0..0).unwrap();
        assert!(again.slot == freed || find(entry(17).start).is_some());
        drop(kept);
        assert!(find(entry(17).start).is_some());
        assert_eq!(find(entry(0).start), None);
    }

    #[test]
    fn a_registration_stays_visible_while_others_come_and_go() {
        let rounds = if cfg!(miri) { 20 } else { 2_000 };
        let mine = BASE / 2..BASE / 2 + 10;
        let _kept = Registration::new(mine.clone(), 0..0, 0..0).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..2 {
                scope.spawn(move || {
                    for i in 0..rounds {
                        let start = BASE / 4 + thread * 1_000_000 + i * 10;
                        drop(Registration::new(start..start + 10, 0..0, 0..0));
                    }
                });
            }
            for _ in 0..10 * rounds {
                assert_eq!(
                    find(mine.start + 3).map(|text| text.start),
                    Some(mine.start)
                );
            }
        });
    }
}
