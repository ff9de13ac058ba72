//! Linear memories.
//!
//! ```text
//!            ┌ base: byte 0
//! ┌──────────┬──────────────┬─────────────────────────┬────────────┐
//! │ no access│ read, write  │ no access, to grow into │  no access │
//! └──────────┴──────────────┴─────────────────────────┴────────────┘
//!  guard      length_bytes                     4 GiB    guard of the tunables
//! ```
//!
//! Where generated code checks every access itself there are no guards, and no more is set aside
//! than the memory may grow to soon; a memory that outgrows that moves.
#![allow(
    unsafe_code,
    reason = "the guest's bytes are lent to the host as slices"
)]

use std::fs::File;

use precast_artifacts_format::abi::VmMemory;
use precast_artifacts_format::{MemoryType, Tunables, WASM_PAGE_BYTES};

use crate::error::{Error, LimitError};
use crate::sys::mmap::{Mapping, Protection, page_bytes};
use crate::vm::place::Place;

/// All that a 32-bit index reaches.
const SPAN_BYTES: u64 = 1 << 32;
const MAX_PAGES: u64 = SPAN_BYTES / WASM_PAGE_BYTES;

/// Bytes in front of byte 0 that nothing may touch.
const FRONT_GUARD_BYTES: usize = 64 << 10;

/// A linear memory and the address space it lives in.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    /// Where generated code finds base and length.
    definition: Place<VmMemory>,
    mapping: Mapping,
    /// How far it can grow without moving, in bytes.
    capacity_bytes: u64,
    ty: MemoryType,
    maximum_pages: u64,
    tunables: Tunables,
}

impl LinearMemory {
    /// Sets up a memory of zeros and tells generated code about it.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than `max_bytes`, [`Error::Io`] if the system has no room.
    pub(crate) fn new(
        definition: Place<VmMemory>,
        ty: MemoryType,
        tunables: Tunables,
        max_bytes: u64,
    ) -> Result<Self, Error> {
        let length = ty
            .minimum_pages
            .checked_mul(WASM_PAGE_BYTES)
            .filter(|&bytes| bytes <= max_bytes.min(SPAN_BYTES))
            .ok_or(LimitError::Memory {
                wanted_bytes: ty.minimum_pages.saturating_mul(WASM_PAGE_BYTES),
                allowed_bytes: max_bytes.min(SPAN_BYTES),
            })?;
        let capacity_bytes = if tunables.memory_checked {
            length
        } else {
            SPAN_BYTES
        };
        let maximum_pages = ty
            .maximum_pages
            .unwrap_or(MAX_PAGES)
            .min(MAX_PAGES)
            .min(max_bytes / WASM_PAGE_BYTES);
        let mapping = reserve(capacity_bytes, tunables)?;
        let mut memory = Self {
            definition,
            mapping,
            capacity_bytes,
            ty,
            maximum_pages,
            tunables,
        };
        memory.commit(0, length)?;
        memory.publish(length);
        Ok(memory)
    }

    /// Puts `len` bytes of `file` at `memory_offset`, copied when they are written. All numbers
    /// are multiples of the host's page.
    pub(crate) fn place_image(
        &mut self,
        memory_offset: u64,
        file: &File,
        file_offset: u64,
        len: u64,
    ) -> Result<(), Error> {
        let end = memory_offset.checked_add(len);
        let fits = end.is_some_and(|end| end <= self.length_bytes());
        let (Ok(at), Ok(len), true) = (usize::try_from(memory_offset), usize::try_from(len), fits)
        else {
            return Err(LimitError::OutOfMemory {
                what: "a memory's initial contents",
            }
            .into());
        };
        self.mapping
            .place_file(FRONT_GUARD_BYTES + at, file, file_offset, len)
            .map_err(|error| Error::io("map a memory's initial contents", error))
    }

    /// Where generated code finds base and length.
    pub(crate) fn definition(&self) -> &Place<VmMemory> {
        &self.definition
    }

    /// Its length in bytes.
    pub(crate) fn length_bytes(&self) -> u64 {
        self.definition.read().length_bytes
    }

    /// Its length in Wasm pages.
    pub(crate) fn pages(&self) -> u64 {
        self.length_bytes() / WASM_PAGE_BYTES
    }

    /// Its type as others see it: with the present length as minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum_pages: self.pages(),
            maximum_pages: self.ty.maximum_pages,
        }
    }

    /// Whether code compiled with `tunables` can rely on this memory.
    pub(crate) fn suits(&self, tunables: Tunables) -> bool {
        let Tunables {
            memory_guard_bytes,
            memory_checked,
            fuel: _,
        } = tunables;
        memory_checked
            || !self.tunables.memory_checked
                && self.tunables.memory_guard_bytes >= memory_guard_bytes
    }

    /// Whether `address` lies in the address space of this memory, but not in the memory.
    pub(crate) fn is_out_of_bounds(&self, address: u64) -> bool {
        let offset = address.wrapping_sub(self.base() as u64);
        usize::try_from(address).is_ok_and(|address| self.mapping.contains(address))
            && offset >= self.length_bytes()
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes from the base on are readable, and initialised (with zeros at
        // least). Nobody writes while `self` is borrowed: no guest code runs meanwhile.
        unsafe { std::slice::from_raw_parts(self.base(), self.length_bytes() as usize) }
    }

    /// The bytes, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`; they are writable, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.length_bytes() as usize) }
    }

    /// Grows by `delta` pages. The number of pages before, or `None` if that is more than allowed
    /// or the system has no room.
    pub(crate) fn grow(&mut self, delta: u64) -> Option<u64> {
        let before = self.pages();
        let after = before.checked_add(delta)?;
        if after > self.maximum_pages {
            return None;
        }
        let (old, new) = (before * WASM_PAGE_BYTES, after * WASM_PAGE_BYTES);
        if new > self.capacity_bytes {
            self.relocate(new)?;
        }
        self.commit(old, new).ok()?;
        self.publish(new);
        Some(before)
    }

    /// Moves to where there is room for `needed_bytes`, and some more.
    fn relocate(&mut self, needed_bytes: u64) -> Option<()> {
        let most = self.maximum_pages * WASM_PAGE_BYTES;
        let capacity_bytes = needed_bytes
            .saturating_add(needed_bytes / 2)
            .next_multiple_of(WASM_PAGE_BYTES)
            .min(most);
        let mut moved = Self {
            definition: self.definition.clone(),
            mapping: reserve(capacity_bytes, self.tunables).ok()?,
            capacity_bytes,
            ..*self
        };
        let length = self.length_bytes();
        moved.commit(0, length).ok()?;
        // SAFETY: both are mapped over that length and are different mappings.
        unsafe {
            std::ptr::copy_nonoverlapping(self.base(), moved.base(), length as usize);
        }
        *self = moved;
        Some(())
    }

    /// Makes the bytes from `old` to `new` readable and writable.
    fn commit(&mut self, old: u64, new: u64) -> Result<(), Error> {
        let at = |bytes: u64| usize::try_from(bytes).map(|bytes| FRONT_GUARD_BYTES + bytes);
        let (Ok(start), Ok(end)) = (at(old), at(new)) else {
            return Err(LimitError::OutOfMemory { what: "a memory" }.into());
        };
        self.mapping
            .protect(start..end, Protection::ReadWrite)
            .map_err(|error| Error::io("make room for a memory", error))
    }

    /// Tells generated code.
    fn publish(&mut self, length_bytes: u64) {
        let memory = VmMemory {
            base: self.base().expose_provenance() as u64,
            length_bytes,
        };
        self.definition.write(memory);
    }

    fn base(&self) -> *mut u8 {
        // SAFETY: every mapping starts with the front guard.
        unsafe { self.mapping.start().as_ptr().add(FRONT_GUARD_BYTES) }
    }
}

/// Address space for a memory, guards included.
fn reserve(capacity_bytes: u64, tunables: Tunables) -> Result<Mapping, Error> {
    let Tunables {
        memory_guard_bytes,
        memory_checked,
        fuel: _,
    } = tunables;
    // A guarded access starts within the guard, and may reach into the page after it.
    let behind = if memory_checked {
        Some(0)
    } else {
        memory_guard_bytes.checked_add(page_bytes() as u64)
    };
    let bytes = behind
        .and_then(|behind| capacity_bytes.checked_add(behind))
        .and_then(|bytes| bytes.checked_add(FRONT_GUARD_BYTES as u64))
        .and_then(|bytes| bytes.checked_next_multiple_of(page_bytes() as u64))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or(LimitError::OutOfMemory {
            what: "address space for a memory",
        })?;
    let action = if memory_checked {
        "set address space aside for a memory"
    } else {
        "set 4 GiB of address space aside for a memory (compiled with `--memory checked` it needs less)"
    };
    Mapping::reserve(bytes).map_err(|error| Error::io(action, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd;

    const CHECKED: Tunables = Tunables {
        memory_guard_bytes: 0,
        memory_checked: true,
        fuel: false,
    };

    fn memory(minimum_pages: u64, maximum_pages: Option<u64>, tunables: Tunables) -> LinearMemory {
        let definition = Place::new(VmMemory::default());
        let ty = MemoryType {
            minimum_pages,
            maximum_pages,
        };
        LinearMemory::new(definition, ty, tunables, 4 << 30).unwrap()
    }

    #[test]
    fn a_reserved_memory_grows_in_place_up_to_its_maximum() {
        let mut memory = memory(1, Some(3), Tunables::DEFAULT);
        let base = memory.base();
        memory.bytes_mut()[0] = 9;
        assert_eq!(memory.grow(2), Some(1));
        assert_eq!(memory.grow(1), None);
        assert_eq!(memory.grow(u64::MAX), None);
        assert_eq!(memory.base(), base);
        assert_eq!(memory.bytes().len(), 3 * 65_536);
        assert_eq!((memory.bytes()[0], memory.bytes()[3 * 65_536 - 1]), (9, 0));
    }

    #[test]
    fn a_checked_memory_moves_with_its_contents() {
        let mut memory = memory(0, None, CHECKED);
        assert_eq!(memory.bytes(), []);
        assert_eq!(memory.grow(1), Some(0));
        memory.bytes_mut()[65_535] = 9;
        for pages in 1..40 {
            assert_eq!(memory.grow(1), Some(pages));
            let definition = memory.definition().read();
            assert_eq!(definition.base, memory.base() as u64);
            assert_eq!(memory.bytes()[65_535], 9);
            assert_eq!(memory.bytes()[memory.bytes().len() - 1], 0);
        }
    }

    #[test]
    fn addresses_out_of_bounds_are_those_in_the_reservation_only() {
        let memory = memory(1, None, Tunables::DEFAULT);
        let base = memory.base() as u64;
        let guard = Tunables::DEFAULT.memory_guard_bytes;
        for (address, expected) in [
            (base, false),
            (base + 65_535, false),
            (base + 65_536, true),
            (base + SPAN_BYTES + guard, true),
            (base - 1, true),
            (base - FRONT_GUARD_BYTES as u64 - 1, false),
            (base + SPAN_BYTES + guard + (1 << 20), false),
            (0, false),
        ] {
            assert_eq!(memory.is_out_of_bounds(address), expected, "{address:#x}");
        }
    }

    #[test]
    fn an_image_is_placed_between_zeros() {
        let page = page_bytes();
        let file = memfd::sealed("test", &vec![7; page]).unwrap();
        let mut memory = memory(1, None, Tunables::DEFAULT);
        let at = page as u64;
        memory.place_image(at, &file, 0, at).unwrap();
        let bytes = memory.bytes();
        assert_eq!((bytes[page - 1], bytes[page]), (0, 7));
        assert_eq!((bytes[2 * page - 1], bytes[2 * page]), (7, 0));
        assert!(memory.place_image(65_536, &file, 0, at).is_err());
    }

    #[test]
    fn a_memory_beyond_the_limit_is_refused() {
        let definition = Place::new(VmMemory::default());
        let ty = MemoryType {
            minimum_pages: 2,
            maximum_pages: None,
        };
        let refused = LinearMemory::new(definition, ty, Tunables::DEFAULT, 65_536);
        assert!(matches!(
            refused,
            Err(Error::Limit(LimitError::Memory { .. }))
        ));
    }

    #[test]
    fn code_that_relies_on_guards_gets_no_memory_without() {
        let wider = Tunables {
            memory_guard_bytes: 64 << 20,
            ..Tunables::DEFAULT
        };
        let reserved = memory(0, None, Tunables::DEFAULT);
        let checked = memory(0, None, CHECKED);
        assert!(reserved.suits(Tunables::DEFAULT) && reserved.suits(CHECKED));
        assert!(!reserved.suits(wider));
        assert!(checked.suits(CHECKED) && !checked.suits(Tunables::DEFAULT));
    }
}
