//! The exceptions that a store keeps.
//!
//! Guests know an exception by its *handle*. A handle is the exception's place times an odd number:
//! places and handles belong to each other one to one, and hardly any number that a program
//! computes with, small as most are, is the handle of an exception that is kept. That is good for
//! those who look for handles where other numbers are too.

use std::num::NonZeroU32;

use precast_artifacts_format::abi::Slot;

use super::collection;
use crate::error::{Error, LimitError};
use crate::store::core::StoreCore;

/// 2³² by the golden ratio, made odd: small numbers are spread far.
const SPREAD: u32 = 0x9e37_79b1;

/// `SPREAD * UNSPREAD` is 1, as far as 32 bits go.
const UNSPREAD: u32 = inverse(SPREAD);

/// So much is not worth looking for what is in use no longer.
const MIN_THRESHOLD_BYTES: u64 = 64 << 10;

/// An exception.
pub(crate) struct Kept {
    /// Number of its tag in the store.
    pub(crate) tag: u32,
    pub(crate) args: Box<[Slot]>,
    /// Whether a guest has had a reference to it.
    is_referenced: bool,
    /// How many know of it that are not found in guests. The host is counted once and for all.
    pins: u32,
    pub(super) is_marked: bool,
}

impl Kept {
    fn bytes(&self) -> u64 {
        bytes_of(self.args.len())
    }
}

fn bytes_of(args: usize) -> u64 {
    (size_of::<Option<Kept>>() + size_of::<u32>() + args * size_of::<Slot>()) as u64
}

/// All that a store keeps.
pub(crate) struct Exceptions {
    places: Vec<Option<Kept>>,
    free: Vec<u32>,
    bytes: u64,
    /// When to look for what is in use no longer.
    threshold_bytes: u64,
    /// One that was caught without a reference to it: once its arguments have been read it is of no
    /// use.
    consumed: Option<u32>,
    /// Whether some may be in use where they would not be found, and how often that is so.
    held: u32,
}

impl Exceptions {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            bytes: 0,
            threshold_bytes: MIN_THRESHOLD_BYTES,
            consumed: None,
            held: 0,
        }
    }

    /// Gives nothing up until [`Exceptions::release`]: guest code waits at a place where references
    /// may be elsewhere than in frames of its callers.
    pub(crate) fn hold(&mut self) {
        self.held += 1;
    }

    /// See [`Exceptions::hold`].
    pub(crate) fn release(&mut self) {
        self.held -= 1;
    }

    /// The exception with that handle.
    pub(crate) fn get(&self, handle: u32) -> Option<&Kept> {
        self.places.get(place_of(handle)?)?.as_ref()
    }

    fn get_mut(&mut self, handle: u32) -> Option<&mut Kept> {
        self.places.get_mut(place_of(handle)?)?.as_mut()
    }

    /// Keeps an exception until it is unpinned as often as it is pinned, at least; says whether
    /// there is one with that handle.
    pub(crate) fn pin(&mut self, handle: u32) -> bool {
        let kept = self.get_mut(handle);
        kept.map(|kept| kept.pins = kept.pins.saturating_add(1))
            .is_some()
    }

    /// See [`Exceptions::pin`].
    pub(super) fn unpin(&mut self, handle: u32) {
        if let Some(kept) = self.get_mut(handle) {
            kept.pins = kept.pins.saturating_sub(1);
        }
    }

    /// Notes that the exception has been caught, and that the guest has a reference to it or only
    /// its arguments.
    pub(super) fn caught(&mut self, handle: u32, keeps_reference: bool) {
        if let Some(kept) = self.get_mut(handle) {
            kept.is_referenced |= keeps_reference;
            if !kept.is_referenced {
                self.consumed = Some(handle);
            }
        }
    }

    /// Gives an exception up that nobody has ever had a reference to.
    pub(super) fn drop_unreferenced(&mut self, handle: u32) {
        if self
            .get(handle)
            .is_some_and(|kept| !kept.is_referenced && kept.pins == 0)
            && let Some(place) = place_of(handle)
        {
            self.remove(place);
        }
    }

    fn drop_consumed(&mut self) {
        if let Some(handle) = self.consumed.take() {
            self.drop_unreferenced(handle);
        }
    }

    /// What must be kept whatever the guests hold.
    pub(super) fn pinned(&self) -> Vec<u32> {
        let places = (0..).zip(&self.places);
        let pinned = places.filter(|(_, kept)| kept.as_ref().is_some_and(|kept| kept.pins > 0));
        pinned.map(|(place, _)| handle_of(place).get()).collect()
    }

    /// Marks an exception; the exception, if it was not marked before.
    pub(super) fn mark(&mut self, handle: u32) -> Option<&Kept> {
        let kept = self.get_mut(handle)?;
        if std::mem::replace(&mut kept.is_marked, true) {
            return None;
        }
        Some(kept)
    }

    /// Gives up what is not marked, and takes the marks away.
    pub(super) fn sweep(&mut self) {
        for place in 0..self.places.len() {
            match self.places.get_mut(place) {
                Some(Some(kept)) if kept.is_marked => kept.is_marked = false,
                Some(Some(_)) => self.remove(place),
                _ => {}
            }
        }
    }

    fn remove(&mut self, place: usize) {
        if let Some(kept) = self.places.get_mut(place).and_then(Option::take) {
            self.bytes -= kept.bytes();
            self.free.push(place as u32);
        }
    }

    fn add(&mut self, tag: u32, args: Box<[Slot]>) -> Result<NonZeroU32, LimitError> {
        let kept = Kept {
            tag,
            args,
            is_referenced: false,
            pins: 0,
            is_marked: false,
        };
        let bytes = kept.bytes();
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.places.get_mut(place as usize) {
                    *free = Some(kept);
                }
                place
            }
            None => {
                let place = u32::try_from(self.places.len()).ok();
                let place = place.filter(|&place| place < u32::MAX);
                self.places.push(Some(kept));
                place.ok_or(LimitError::TooMany { what: "exceptions" })?
            }
        };
        self.bytes += bytes;
        Ok(handle_of(place))
    }
}

/// Keeps a new exception, with the tag of that number and just the arguments of its type. Those
/// that nobody refers to any more may be given up before.
pub(super) fn keep(core: &mut StoreCore, tag: u32, args: Box<[Slot]>) -> Result<NonZeroU32, Error> {
    core.exceptions.drop_consumed();
    let limit = core.limits.exception_bytes;
    let more = bytes_of(args.len());
    let wanted = |exceptions: &Exceptions| exceptions.bytes.saturating_add(more);
    let is_much = wanted(&core.exceptions) > core.exceptions.threshold_bytes.min(limit);
    if is_much && core.exceptions.held == 0 {
        collection::collect(core);
        let threshold = core.exceptions.bytes.saturating_mul(2);
        core.exceptions.threshold_bytes = threshold.max(MIN_THRESHOLD_BYTES);
    }
    if wanted(&core.exceptions) > limit {
        let what = "bytes of exceptions";
        return Err(LimitError::Store { what, limit }.into());
    }
    Ok(core.exceptions.add(tag, args)?)
}

fn handle_of(place: u32) -> NonZeroU32 {
    let handle = place.wrapping_add(1).wrapping_mul(SPREAD);
    NonZeroU32::new(handle).expect("the product of an odd number and one that is not zero")
}

/// The place of the exception with that handle, if it has one.
fn place_of(handle: u32) -> Option<usize> {
    let place = handle.wrapping_mul(UNSPREAD).checked_sub(1)?;
    Some(place as usize)
}

/// The number whose product with `odd` is 1, as far as 32 bits go: each step doubles the number of
/// bits that are right, of which there are three at first.
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut right = 3;
    while right < 32 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse)));
        right *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;

    #[test]
    fn a_handle_leads_to_its_place_and_no_small_number_is_one() {
        assert_eq!(SPREAD.wrapping_mul(UNSPREAD), 1);
        for place in [0, 1, 2, 1000, u32::MAX - 1] {
            let handle = handle_of(place).get();
            assert_eq!(place_of(handle), Some(place as usize));
            assert!(place > 10_000 || handle > 10_000, "{place}: {handle}");
        }
        assert_eq!(place_of(0), None, "null");
    }

    #[test]
    fn what_was_caught_without_a_reference_is_given_up() {
        let mut core = StoreCore::new(&Engine::default());
        let mut last = None;
        for _ in 0..10 {
            let handle = keep(&mut core, 0, Box::new([])).unwrap().get();
            core.exceptions.caught(handle, false);
            assert!(
                last.is_none_or(|last| last == handle),
                "its place is used again"
            );
            last = Some(handle);
        }
        assert_eq!(core.exceptions.places.len(), 1);
    }

    #[test]
    fn a_reference_outlives_a_later_handler_without() {
        let mut core = StoreCore::new(&Engine::default());
        let handle = keep(&mut core, 0, Box::new([])).unwrap().get();
        core.exceptions.caught(handle, true);
        core.exceptions.caught(handle, false);
        let other = keep(&mut core, 0, Box::new([])).unwrap().get();
        assert_ne!(handle, other);
        assert!(core.exceptions.get(handle).is_some());
    }

    #[test]
    fn nothing_is_given_up_while_all_are_held() {
        let mut core = StoreCore::new(&Engine::default());
        core.limits.exception_bytes = 2 * bytes_of(0);
        let mut keep_one = || {
            let kept = keep(&mut core, 0, Box::new([]));
            let handle = kept.map(NonZeroU32::get);
            handle.inspect(|&handle| core.exceptions.caught(handle, true))
        };
        assert!(keep_one().is_ok() && keep_one().is_ok() && keep_one().is_ok());
        core.exceptions.hold();
        let mut keep_one = || keep(&mut core, 0, Box::new([])).is_ok();
        assert!(keep_one() && !keep_one());
        core.exceptions.release();
        assert!(keep(&mut core, 0, Box::new([])).is_ok());
    }

    #[test]
    fn nothing_is_kept_beyond_the_limit_but_what_nobody_refers_to_makes_room() {
        let mut core = StoreCore::new(&Engine::default());
        core.limits.exception_bytes = 3 * bytes_of(1);
        let keep_one = |core: &mut StoreCore| keep(core, 0, Box::new([Slot::default()]));
        for _ in 0..100 {
            let handle = keep_one(&mut core).unwrap().get();
            core.exceptions.caught(handle, true);
        }
        for _ in 0..3 {
            let handle = keep_one(&mut core).unwrap().get();
            core.exceptions.pin(handle);
        }
        let refused = keep_one(&mut core);
        assert!(matches!(refused, Err(Error::Limit(_))));
        assert_eq!(core.exceptions.bytes, 3 * bytes_of(1));
    }
}
