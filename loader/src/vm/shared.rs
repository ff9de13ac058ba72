//! Linear memories that several threads use at a time.
//!
//! Such a memory belongs to no store. Its definition, which generated code reads, lies here, and
//! instances hold its address; the length in it changes while they run, the base never: what the
//! memory may grow to is set aside from the start.
//!
//! # Races
//!
//! Guests may write any byte at any time, so that no reference to one may exist. The loader reads
//! and writes them by atomic operations alone, relaxed unless said otherwise: whole words of 8
//! bytes where they are aligned, single bytes elsewhere. Guests' accesses are machine code, which
//! Rust's rules know nothing of. What those rules do forbid is that two threads of the *host* access
//! the same bytes at the same time, without order, in different widths, and one of them writes. No
//! machine gives that another meaning than that each byte is old or new, and no compiler can tell.
#![allow(
    unsafe_code,
    reason = "bytes that others change are accessed by atomic operations"
)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use precast_artifacts_format::abi::VmMemory;
use precast_artifacts_format::{MemoryType, Tunables};

use super::layout::SpaceLayout;
use super::memory::{Lengths, MemoryOrder, Storage};
use super::parking::Parking;
use super::source::Source;
use crate::error::Error;

/// A [`VmMemory`] whose length may change while it is read.
#[repr(C)]
struct Definition {
    base: u64,
    length_bytes: AtomicU64,
}

const _: () = {
    assert!(size_of::<Definition>() == size_of::<VmMemory>());
    assert!(
        std::mem::offset_of!(Definition, length_bytes)
            == std::mem::offset_of!(VmMemory, length_bytes)
    );
};

/// A memory for several threads. It stays where it is made: put it into an `Arc`.
pub(crate) struct SharedSpace {
    definition: Definition,
    base: NonNull<u8>,
    layout: SpaceLayout,
    ty: MemoryType,
    maximum_pages: u64,
    /// Held by whoever makes it longer.
    storage: Mutex<Storage>,
    pub(crate) parking: Parking,
}

// SAFETY: the pointer is to what `storage` owns, which can be sent.
unsafe impl Send for SharedSpace {}
// SAFETY: what changes is atomic or behind a lock.
unsafe impl Sync for SharedSpace {}

impl SharedSpace {
    /// Sets up a memory.
    ///
    /// # Errors
    ///
    /// As for [`LinearMemory::new`](super::memory::LinearMemory::new).
    pub(crate) fn new(source: &Source, order: &MemoryOrder<'_>) -> Result<Self, Error> {
        let lengths = Lengths::of(source, order)?;
        let storage = Storage::new(source, order, &lengths)?;
        let base = storage.base();
        Ok(Self {
            definition: Definition {
                base: base.expose_provenance() as u64,
                length_bytes: AtomicU64::new(lengths.initial_bytes),
            },
            base: NonNull::new(base).unwrap_or(NonNull::dangling()),
            layout: *storage.layout(),
            ty: order.ty,
            maximum_pages: lengths.maximum_pages,
            storage: Mutex::new(storage),
            parking: Parking::default(),
        })
    }

    /// The address of its definition, for generated code.
    pub(crate) fn definition_address(&self) -> u64 {
        (&raw const self.definition).expose_provenance() as u64
    }

    /// Its length in bytes, which never becomes less.
    pub(crate) fn length_bytes(&self) -> u64 {
        self.definition.length_bytes.load(Ordering::SeqCst)
    }

    /// Its type, with the present length as minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum_pages: self.length_bytes() / self.ty.page_bytes(),
            ..self.ty
        }
    }

    /// Whether code compiled with `tunables` can rely on this memory.
    pub(crate) fn suits(&self, tunables: &Tunables) -> bool {
        self.layout.suits(&self.ty, tunables)
    }

    /// Whether a fault at `address` may be an access out of bounds: it lies in the address space
    /// of this memory. Where the memory ends may have changed since.
    pub(crate) fn reaches(&self, address: u64) -> bool {
        let offset = address.wrapping_sub(self.definition.base);
        let behind = self.layout.capacity_bytes as u64 + self.layout.behind_bytes as u64;
        offset < behind || offset.wrapping_neg() <= super::layout::FRONT_GUARD_BYTES as u64
    }

    /// Grows by `delta` pages. The number of pages before, or `None` if that is more than allowed
    /// or the system has no room.
    pub(crate) fn grow(&self, delta: u64) -> Option<u64> {
        let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        let page = self.ty.page_bytes();
        let length = self.length_bytes();
        let before = length / page;
        let after = before.checked_add(delta)?;
        if after > self.maximum_pages {
            return None;
        }
        if delta > 0 {
            let (bytes, most_bytes) = (after * page, self.maximum_pages * page);
            storage.grow(length, bytes, most_bytes)?;
            debug_assert_eq!(
                storage.base(),
                self.base.as_ptr(),
                "set aside from the start"
            );
            let length = &self.definition.length_bytes;
            length.store(bytes, Ordering::SeqCst);
        }
        Some(before)
    }

    /// Where `len` bytes from `at` on are.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the memory.
    fn pointer(&self, at: usize, len: usize) -> *mut u8 {
        let end = at.checked_add(len).map(|end| end as u64);
        assert!(
            end.is_some_and(|end| end <= self.length_bytes()),
            "outside of a shared memory"
        );
        // SAFETY: within the memory, which is one mapping.
        unsafe { self.base.as_ptr().add(at) }
    }

    /// Copies bytes from `at` on to `bytes`.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the memory.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) {
        let start = self.pointer(at, bytes.len());
        let (head, words) = split(start, bytes.len());
        let (first, rest) = bytes.split_at_mut(head);
        let (middle, last) = rest.split_at_mut(words * 8);
        for (offset, byte) in first.iter_mut().enumerate() {
            // SAFETY: see `pointer`.
            *byte = unsafe { byte_at(start, offset) }.load(Ordering::Relaxed);
        }
        for (number, word) in middle.chunks_exact_mut(8).enumerate() {
            // SAFETY: see `pointer`; `split` has found it aligned.
            let found = unsafe { word_at(start, head + number * 8) }.load(Ordering::Relaxed);
            word.copy_from_slice(&found.to_ne_bytes());
        }
        for (offset, byte) in last.iter_mut().enumerate() {
            // SAFETY: see `pointer`.
            let found = unsafe { byte_at(start, head + words * 8 + offset) };
            *byte = found.load(Ordering::Relaxed);
        }
    }

    /// Copies `bytes` to the memory from `at` on.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the memory.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        let start = self.pointer(at, bytes.len());
        let (head, words) = split(start, bytes.len());
        let (first, rest) = bytes.split_at(head);
        let (middle, last) = rest.split_at(words * 8);
        for (offset, &byte) in first.iter().enumerate() {
            // SAFETY: see `pointer`.
            unsafe { byte_at(start, offset) }.store(byte, Ordering::Relaxed);
        }
        for (number, word) in middle.chunks_exact(8).enumerate() {
            let mut own = [0; 8];
            own.copy_from_slice(word);
            // SAFETY: see `pointer`; `split` has found it aligned.
            let place = unsafe { word_at(start, head + number * 8) };
            place.store(u64::from_ne_bytes(own), Ordering::Relaxed);
        }
        for (offset, &byte) in last.iter().enumerate() {
            // SAFETY: see `pointer`.
            let place = unsafe { byte_at(start, head + words * 8 + offset) };
            place.store(byte, Ordering::Relaxed);
        }
    }

    /// The aligned bytes at `at` as an atomic number.
    ///
    /// # Panics
    ///
    /// If they do not all lie in the memory, or are not aligned.
    pub(crate) fn atomic<A: Atomic>(&self, at: usize) -> &A {
        let place = self.pointer(at, size_of::<A>()).cast::<A>();
        assert!(place.is_aligned(), "an atomic number that is not aligned");
        // SAFETY: in the memory, which is never unmapped nor shortened while `self` is borrowed;
        // aligned; any bytes are a value; and nobody in Rust accesses it but atomically.
        unsafe { &*place }
    }
}

impl fmt::Debug for SharedSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSpace")
            .field("ty", &self.ty())
            .finish_non_exhaustive()
    }
}

/// Atomic numbers: those of this file, of which any bytes are a value.
pub(crate) trait Atomic: private::Sealed {}

mod private {
    pub(crate) trait Sealed {}
}

macro_rules! atomics {
    ($($ty:ty)*) => {$(
        impl Atomic for $ty {}
        impl private::Sealed for $ty {}
    )*};
}

atomics! { AtomicU8 AtomicU16 AtomicU32 AtomicU64 }

/// How many bytes come before the first whole word, and how many words follow.
fn split(start: *const u8, len: usize) -> (usize, usize) {
    let head = start.addr().wrapping_neg() % 8;
    let head = head.min(len);
    (head, (len - head) / 8)
}

/// # Safety
///
/// The byte lies in a memory that stays for `'a`.
unsafe fn byte_at<'a>(start: *mut u8, offset: usize) -> &'a AtomicU8 {
    // SAFETY: the caller's promise; nobody in Rust accesses it but atomically.
    unsafe { AtomicU8::from_ptr(start.add(offset)) }
}

/// # Safety
///
/// The eight bytes lie in a memory that stays for `'a`, and are aligned.
unsafe fn word_at<'a>(start: *mut u8, offset: usize) -> &'a AtomicU64 {
    // SAFETY: the caller's promise; nobody in Rust accesses them but atomically.
    unsafe { AtomicU64::from_ptr(start.add(offset).cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> SharedSpace {
        let order = MemoryOrder {
            ty: MemoryType::new(1, Some(3)).shared(),
            tunables: Tunables::DEFAULT,
            max_bytes: 4 << 30,
            key: None,
            contents: None,
        };
        SharedSpace::new(&Source::new(None, 0), &order).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn bytes_are_copied_whatever_their_alignment() {
        let space = space();
        let bytes: Vec<u8> = (1..=64).collect();
        for at in 0..9 {
            for len in 0..40 {
                space.write(0, &[0; 80]);
                space.write(at, &bytes[..len]);
                let mut all = [0; 80];
                space.read(0, &mut all);
                assert_eq!(all[at..at + len], bytes[..len]);
                assert!(all[..at].iter().chain(&all[at + len..]).all(|&b| b == 0));
                let mut part = vec![0; len];
                space.read(at, &mut part);
                assert_eq!(part, bytes[..len]);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn it_grows_in_place_to_its_maximum() {
        let space = space();
        assert_eq!(space.grow(1), Some(1));
        assert_eq!(space.grow(2), None);
        assert_eq!(space.grow(u64::MAX), None);
        assert_eq!(space.grow(1), Some(2));
        assert_eq!((space.grow(0), space.length_bytes()), (Some(3), 196_608));
        space.write(196_607, &[1]);
        let base = space.definition.base;
        for (address, expected) in [
            (base, true),
            (base - 1, true),
            (base + (4 << 30) + (32 << 20), true),
            (base + (5 << 30), false),
            (0, false),
            (u64::MAX, false),
        ] {
            assert_eq!(space.reaches(address), expected, "{address:#x}");
        }
    }

    #[test]
    #[should_panic = "outside of a shared memory"]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn what_lies_outside_is_not_accessed() {
        space().read(65_536, &mut [0]);
    }
}
