//! How much address space memories take, and where.
//!
//! ```text
//!         ┌ byte 0                 ┌ byte 0 of the next one
//! ┌───────┬──────────────┬─────────┬──────────────┬─────────┐
//! │ front │ capacity     │ between │ capacity     │ between │
//! └───────┴──────────────┴─────────┴──────────────┴─────────┘
//!         ├────────── stride ──────┤
//! ```
//!
//! Every memory whose accesses are not checked has all that `compiler/src/bounds.rs` counts on:
//! 4 GiB from its base on that are its own, and behind them the guard. What lies between two memories is the guard behind the one
//! and the guard in front of the next at once: nobody ever gets access to it.

use precast_artifacts_format::{MemoryType, Tunables};

use crate::sys::mmap::page_bytes;

/// All that a 32-bit index reaches.
pub(crate) const SPAN_BYTES: u64 = 1 << 32;

/// Bytes in front of byte 0 that nothing may touch. Code never reaches them: they are there for
/// the mistake that nobody has thought of.
pub(crate) const FRONT_GUARD_BYTES: usize = 64 << 10;

/// The address space of one memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpaceLayout {
    /// How far the memory can grow without moving.
    pub(crate) capacity_bytes: usize,
    /// The guard that code may rely on; `None` if only code with explicit checks may use the
    /// memory.
    pub(crate) guard_bytes: Option<u64>,
    /// Inaccessible bytes that follow the capacity.
    pub(crate) behind_bytes: usize,
}

impl SpaceLayout {
    /// For code with explicit checks. `None` if that is more than there are addresses.
    pub(crate) fn checked(capacity_bytes: u64) -> Option<Self> {
        Some(Self {
            capacity_bytes: whole_pages(capacity_bytes)?,
            guard_bytes: None,
            behind_bytes: 0,
        })
    }

    /// For code that relies on a guard of so many bytes. `None` if that is more than there are
    /// addresses.
    pub(crate) fn guarded(guard_bytes: u64) -> Option<Self> {
        Some(Self {
            capacity_bytes: whole_pages(SPAN_BYTES)?,
            guard_bytes: Some(guard_bytes),
            // An access starts within the guard, and may reach into the page after it.
            behind_bytes: whole_pages(guard_bytes)?.checked_add(page_bytes())?,
        })
    }

    /// No more than code with these tunables needs for a memory of that type, which has so many
    /// bytes if the code checks.
    pub(crate) fn least(ty: &MemoryType, tunables: &Tunables, checked_bytes: u64) -> Option<Self> {
        if ty.is_checked(tunables) {
            Self::checked(checked_bytes)
        } else {
            Self::guarded(tunables.memory_guard_bytes)
        }
    }

    /// The same with room to grow, where address space is not to be saved: a memory that is checked
    /// for its type alone gets the usual space, which any other memory can have after it; or, if it
    /// is larger than that from the start, twice its length.
    pub(crate) fn roomy(
        ty: &MemoryType,
        tunables: &Tunables,
        initial_bytes: u64,
        maximum_bytes: u64,
    ) -> Option<Self> {
        if tunables.memory_checked || !ty.is_checked(tunables) {
            Self::least(ty, tunables, initial_bytes)
        } else if initial_bytes <= SPAN_BYTES {
            Self::guarded(Tunables::DEFAULT.memory_guard_bytes)
        } else {
            Self::checked(initial_bytes.saturating_mul(2).min(maximum_bytes))
        }
    }

    /// Whether code with these tunables can rely on it, for a memory of that type.
    pub(crate) fn suits(&self, ty: &MemoryType, tunables: &Tunables) -> bool {
        let wanted = tunables.memory_guard_bytes;
        ty.is_checked(tunables) || self.guard_bytes.is_some_and(|have| have >= wanted)
    }

    /// From one memory to the next, in bytes.
    pub(crate) fn stride_bytes(&self) -> Option<usize> {
        let between = self.behind_bytes.max(FRONT_GUARD_BYTES);
        self.capacity_bytes
            .checked_add(between)?
            .checked_next_multiple_of(page_bytes())
    }

    /// All that `count` memories take, in bytes. The first one's byte 0 is `FRONT_GUARD_BYTES`
    /// from the start.
    pub(crate) fn total_bytes(&self, count: usize) -> Option<usize> {
        self.stride_bytes()?
            .checked_mul(count)?
            .checked_add(FRONT_GUARD_BYTES)
    }
}

fn whole_pages(bytes: u64) -> Option<usize> {
    usize::try_from(bytes)
        .ok()?
        .checked_next_multiple_of(page_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without end, the same in every run (xorshift).
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    #[test]
    fn every_memory_has_its_reservation_and_its_guards() {
        let mut number = numbers();
        for round in 0..if cfg!(miri) { 100 } else { 10_000 } {
            let count = 1 + number(1_000) as usize;
            let guard = number(1 << [0, 12, 13, 20, 31, 36][round % 6]);
            let guarded = round % 3 != 0;
            let capacity = number(1 << [16, 20, 33][round % 3]);
            let layout = if guarded {
                SpaceLayout::guarded(guard)
            } else {
                SpaceLayout::checked(capacity)
            };
            let layout = layout.unwrap();
            let stride = layout.stride_bytes().unwrap();
            let total = layout.total_bytes(count).unwrap();
            let base = |index: usize| FRONT_GUARD_BYTES + index * stride;
            for index in [0, count / 2, count - 1] {
                let base = base(index);
                assert!(base.is_multiple_of(page_bytes()));
                // The last byte that code may touch without a check, and the last one of its own.
                let (reach, own) = if guarded {
                    (SPAN_BYTES + guard, SPAN_BYTES)
                } else {
                    (capacity, capacity)
                };
                let own_end = base + own as usize;
                assert!(base + reach as usize <= total, "{layout:?}");
                assert!(base + layout.capacity_bytes >= own_end);
                assert!(layout.capacity_bytes + layout.behind_bytes >= reach as usize);
                // The next one's memory begins after that, and its front guard after what is
                // accessible of this one.
                let next = base + stride;
                assert!(next >= base + reach as usize, "{layout:?}");
                assert!(next - FRONT_GUARD_BYTES >= base + layout.capacity_bytes);
            }
        }
    }

    #[test]
    fn what_no_address_space_holds_is_refused() {
        assert_eq!(SpaceLayout::guarded(u64::MAX), None);
        assert_eq!(SpaceLayout::checked(u64::MAX), None);
        let largest = SpaceLayout::guarded(u64::MAX >> 1).unwrap();
        assert_eq!(largest.total_bytes(2), None);
        let usual = SpaceLayout::guarded(32 << 20).unwrap();
        assert_eq!(usual.total_bytes(usize::MAX), None);
        assert_eq!(usual.total_bytes(1 << 40), None);
    }

    #[test]
    fn code_that_relies_on_guards_gets_no_space_without() {
        let checked_code = Tunables {
            memory_checked: true,
            ..Tunables::DEFAULT
        };
        let wider = Tunables {
            memory_guard_bytes: 64 << 20,
            ..Tunables::DEFAULT
        };
        let ty = MemoryType::new(1, None);
        let guarded = SpaceLayout::least(&ty, &Tunables::DEFAULT, 0).unwrap();
        let checked = SpaceLayout::least(&ty, &checked_code, 65_536).unwrap();
        assert!(guarded.suits(&ty, &Tunables::DEFAULT) && guarded.suits(&ty, &checked_code));
        assert!(!guarded.suits(&ty, &wider));
        assert!(checked.suits(&ty, &checked_code) && !checked.suits(&ty, &Tunables::DEFAULT));
    }

    #[test]
    fn memories_that_are_checked_for_their_type_get_room_to_grow() {
        let ty = MemoryType::new(1, None).with_64_bits();
        let check = |initial: u64, maximum, expected: u64| {
            let layout = SpaceLayout::roomy(&ty, &Tunables::DEFAULT, initial, maximum).unwrap();
            assert_eq!(layout.capacity_bytes as u64, expected);
            assert!(layout.suits(&ty, &Tunables::DEFAULT));
        };
        check(65_536, u64::MAX, SPAN_BYTES);
        check(SPAN_BYTES, SPAN_BYTES, SPAN_BYTES);
        check(5 << 30, u64::MAX, 10 << 30);
        check(5 << 30, 6 << 30, 6 << 30);
        let checked_code = Tunables {
            memory_checked: true,
            ..Tunables::DEFAULT
        };
        let little = SpaceLayout::roomy(&ty, &checked_code, 65_536, u64::MAX).unwrap();
        assert_eq!(little.capacity_bytes, 65_536);
    }
}
