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
//! Where generated code checks every access itself guards are of no account, and a memory that
//! outgrows what is set aside for it moves. See [`layout`](super::layout) for the numbers.
#![allow(
    unsafe_code,
    reason = "the guest's bytes are lent to the host as slices"
)]

use precast_artifacts_format::abi::VmMemory;
use precast_artifacts_format::{MemoryType, Tunables, WASM_PAGE_BYTES};

use super::layout::{SPAN_BYTES, SpaceLayout};
use super::place::Place;
use super::shelf::Lease;
use super::source::{self, Source};
use super::space::{Contents, MemoryKey};
use crate::allocator::{AllocatedMemory, MemoryRequest};
use crate::error::{Error, LimitError};

/// What a memory is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryOrder<'a> {
    pub(crate) ty: MemoryType,
    /// Those of the code that is to use it.
    pub(crate) tunables: Tunables,
    pub(crate) max_bytes: u64,
    /// Which memory of which module, if it is one's.
    pub(crate) key: Option<MemoryKey>,
    /// What it holds at the start, beside zeros.
    pub(crate) contents: Option<Contents<'a>>,
}

/// How long a memory is and may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    pub(super) initial_bytes: u64,
    /// In pages of its type.
    pub(super) maximum_pages: u64,
    maximum_bytes: u64,
}

impl Lengths {
    /// What is wanted, within what is allowed.
    pub(super) fn of(source: &Source, order: &MemoryOrder<'_>) -> Result<Self, LimitError> {
        let ty = order.ty;
        let max_bytes = if ty.is_64 {
            order.max_bytes
        } else {
            order.max_bytes.min(SPAN_BYTES)
        };
        let wanted_bytes = ty.minimum_bytes();
        let initial_bytes =
            wanted_bytes
                .filter(|&bytes| bytes <= max_bytes)
                .ok_or(LimitError::Memory {
                    wanted_bytes: wanted_bytes.unwrap_or(u64::MAX),
                    allowed_bytes: max_bytes,
                })?;
        let most_bytes = match source {
            Source::Pool(pool) => max_bytes.min(pool.max_memory_bytes()),
            _ => max_bytes,
        };
        let maximum_pages = ty
            .maximum_pages
            .unwrap_or(u64::MAX)
            .min(ty.most_pages())
            .min(most_bytes / ty.page_bytes());
        Ok(Self {
            initial_bytes,
            maximum_pages,
            maximum_bytes: maximum_pages * ty.page_bytes(),
        })
    }
}

/// A linear memory of one store, and the address space it lives in.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    /// Where generated code finds base and length.
    definition: Place<VmMemory>,
    storage: Storage,
    ty: MemoryType,
    maximum_pages: u64,
}

impl LinearMemory {
    /// Sets up a memory and tells generated code about it.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than allowed or if there is none left in the pool,
    /// [`Error::Io`] if the system or the host's allocator has no room.
    pub(crate) fn new(
        source: &Source,
        definition: Place<VmMemory>,
        order: &MemoryOrder<'_>,
    ) -> Result<Self, Error> {
        let lengths = Lengths::of(source, order)?;
        let storage = Storage::new(source, order, &lengths)?;
        let mut memory = Self {
            definition,
            storage,
            ty: order.ty,
            maximum_pages: lengths.maximum_pages,
        };
        memory.publish(lengths.initial_bytes);
        Ok(memory)
    }

    /// Where generated code finds base and length.
    pub(crate) fn definition(&self) -> &Place<VmMemory> {
        &self.definition
    }

    /// Its length in bytes.
    pub(crate) fn length_bytes(&self) -> u64 {
        self.definition.read().length_bytes
    }

    /// Its length in pages of its type.
    pub(crate) fn pages(&self) -> u64 {
        self.length_bytes() / self.page_bytes()
    }

    /// Bytes in a page of its type.
    pub(crate) fn page_bytes(&self) -> u64 {
        self.ty.page_bytes()
    }

    /// Its type as others see it: with the present length as minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum_pages: self.pages(),
            ..self.ty
        }
    }

    /// Whether code compiled with `tunables` can rely on this memory.
    pub(crate) fn suits(&self, tunables: &Tunables) -> bool {
        self.storage.layout().suits(&self.ty, tunables)
    }

    /// Whether `address` lies in the address space of this memory, but not in the memory.
    pub(crate) fn is_out_of_bounds(&self, address: u64) -> bool {
        let offset = address.wrapping_sub(self.storage.base() as u64);
        usize::try_from(address).is_ok_and(|address| self.storage.reaches(address))
            && offset >= self.length_bytes()
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes from the base on are readable, and initialised (with zeros at
        // least). Nobody writes while `self` is borrowed: no guest code runs meanwhile.
        unsafe { std::slice::from_raw_parts(self.storage.base(), self.length_bytes() as usize) }
    }

    /// The bytes, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`; they are writable, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.storage.base(), self.length_bytes() as usize) }
    }

    /// Grows by `delta` pages. The number of pages before, or `None` if that is more than allowed
    /// or the system has no room.
    pub(crate) fn grow(&mut self, delta: u64) -> Option<u64> {
        let before = self.pages();
        let after = before.checked_add(delta)?;
        if after > self.maximum_pages {
            return None;
        }
        if delta > 0 {
            let bytes = after * self.page_bytes();
            let most_bytes = self.maximum_pages * self.page_bytes();
            self.storage.grow(self.length_bytes(), bytes, most_bytes)?;
            self.publish(bytes);
        }
        Some(before)
    }

    /// Tells generated code.
    fn publish(&mut self, length_bytes: u64) {
        let memory = VmMemory {
            base: self.storage.base().expose_provenance() as u64,
            length_bytes,
        };
        self.definition.write(memory);
    }
}

/// What the bytes are in.
#[derive(Debug)]
pub(super) enum Storage {
    /// Address space of our own.
    Space(Lease),
    /// The host's.
    Host {
        memory: Box<dyn AllocatedMemory>,
        layout: SpaceLayout,
    },
}

impl Storage {
    pub(super) fn new(
        source: &Source,
        order: &MemoryOrder<'_>,
        lengths: &Lengths,
    ) -> Result<Self, Error> {
        let Lengths {
            initial_bytes: length_bytes,
            maximum_pages: _,
            maximum_bytes,
        } = *lengths;
        let no_room = || LimitError::OutOfMemory { what: "a memory" };
        let no_addresses = || LimitError::OutOfMemory {
            what: "address space for a memory",
        };
        let (ty, tunables) = (&order.ty, &order.tunables);
        // What several threads use cannot move: all that it may grow to is set aside.
        let (own_bytes, hosts_own_bytes) = match ty.is_shared {
            true => (maximum_bytes, maximum_bytes),
            false => (length_bytes, 0),
        };
        let mut lease = match source {
            Source::System(shelf) => {
                let layout = SpaceLayout::roomy(ty, tunables, own_bytes, maximum_bytes);
                source::from_system(shelf, order.key, layout.ok_or_else(no_addresses)?)?
            }
            Source::Pool(pool) => pool.take_memory(order.key, ty, tunables, length_bytes)?,
            Source::Host(allocator) => {
                let layout = SpaceLayout::least(ty, tunables, hosts_own_bytes);
                let layout = layout.ok_or_else(no_addresses)?;
                let request = MemoryRequest {
                    minimum_bytes: hosts_bytes(length_bytes).ok_or_else(no_room)?,
                    maximum_bytes: hosts_bytes(maximum_bytes).unwrap_or(maximum_bytes),
                    reserve_bytes: layout.capacity_bytes as u64,
                    guard_bytes: layout.behind_bytes as u64,
                };
                let memory = allocator.allocate(&request).map_err(|error| {
                    Error::io("have a memory made by the host's allocator", error)
                })?;
                let length = usize::try_from(length_bytes).map_err(|_| no_room())?;
                if let Some(contents) = order.contents {
                    // SAFETY: the allocator promises that so many bytes from the base on can be
                    // read and written, and are zero. Nobody else knows of them yet.
                    let bytes =
                        unsafe { std::slice::from_raw_parts_mut(memory.base().as_ptr(), length) };
                    contents.copy_to(bytes)?;
                }
                return Ok(Self::Host { memory, layout });
            }
        };
        let length = usize::try_from(length_bytes).map_err(|_| no_room())?;
        lease.prepare(length, order.key, order.contents.as_ref())?;
        Ok(Self::Space(lease))
    }

    /// Address of byte 0.
    pub(super) fn base(&self) -> *mut u8 {
        match self {
            Self::Space(space) => space.base(),
            Self::Host { memory, .. } => memory.base().as_ptr(),
        }
    }

    pub(super) fn layout(&self) -> &SpaceLayout {
        match self {
            Self::Space(space) => space.layout(),
            Self::Host { layout, .. } => layout,
        }
    }

    /// Whether `address` is one of its own or in a guard of it.
    fn reaches(&self, address: usize) -> bool {
        match self {
            Self::Space(space) => space.reaches(address),
            Self::Host { memory, layout } => {
                let offset = address.wrapping_sub(memory.base().addr().get());
                offset < layout.capacity_bytes + layout.behind_bytes
            }
        }
    }

    /// Makes the memory, which is `before` bytes long, `bytes` long: more than before, and no more
    /// than `most_bytes` ever.
    pub(super) fn grow(&mut self, before: u64, bytes: u64, most_bytes: u64) -> Option<()> {
        let length = usize::try_from(bytes).ok()?;
        match self {
            Self::Host { memory, .. } => {
                let hosts = hosts_bytes(bytes)?;
                if hosts_bytes(before) == Some(hosts) {
                    return Some(());
                }
                memory.grow_to(hosts).ok()
            }
            Self::Space(space) if length <= space.layout().capacity_bytes => {
                space.grow(length).ok()
            }
            Self::Space(space) => {
                let capacity_bytes = bytes.saturating_add(bytes / 2).min(most_bytes);
                *space = moved(space, length, capacity_bytes)?;
                Some(())
            }
        }
    }
}

/// The contents of a space, in a new one of `length` bytes that can grow to `capacity_bytes`.
fn moved(space: &Lease, length: usize, capacity_bytes: u64) -> Option<Lease> {
    let layout = SpaceLayout::checked(capacity_bytes)?;
    let mut new = Lease::of_own(source::reserve(layout).ok()?);
    new.prepare(length, None, None).ok()?;
    let kept = space.accessible_bytes().min(length);
    // SAFETY: both are accessible over that length, are different mappings, and nobody else knows
    // of the new one; of the old one this function's caller says who does.
    let (from, to) = unsafe {
        (
            std::slice::from_raw_parts(space.base(), kept),
            std::slice::from_raw_parts_mut(new.base(), kept),
        )
    };
    // Zeros are there already. Writing them would take memory for pages that have never been used.
    static ZEROS: [u8; 4096] = [0; 4096];
    for (from, to) in from.chunks(ZEROS.len()).zip(to.chunks_mut(ZEROS.len())) {
        if Some(from) != ZEROS.get(..from.len()) {
            to.copy_from_slice(from);
        }
    }
    Some(new)
}

/// The length that a host's memory has for so many bytes: whole pages of 64 KiB, whatever those of
/// its type.
fn hosts_bytes(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(WASM_PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::layout::FRONT_GUARD_BYTES;

    const CHECKED: Tunables = Tunables {
        memory_guard_bytes: 0,
        memory_checked: true,
        fuel: false,
    };

    fn order(minimum_pages: u64, maximum_pages: Option<u64>) -> MemoryOrder<'static> {
        MemoryOrder {
            ty: MemoryType::new(minimum_pages, maximum_pages),
            tunables: Tunables::DEFAULT,
            max_bytes: 4 << 30,
            key: None,
            contents: None,
        }
    }

    fn make(order: &MemoryOrder<'_>) -> Result<LinearMemory, Error> {
        LinearMemory::new(
            &Source::new(None, 1),
            Place::new(VmMemory::default()),
            order,
        )
    }

    fn memory(minimum_pages: u64, maximum_pages: Option<u64>, tunables: Tunables) -> LinearMemory {
        let order = MemoryOrder {
            tunables,
            ..order(minimum_pages, maximum_pages)
        };
        make(&order).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_reserved_memory_grows_in_place_up_to_its_maximum() {
        let mut memory = memory(1, Some(3), Tunables::DEFAULT);
        let base = memory.storage.base();
        memory.bytes_mut()[0] = 9;
        assert_eq!(memory.grow(2), Some(1));
        assert_eq!(memory.grow(1), None);
        assert_eq!(memory.grow(u64::MAX), None);
        assert_eq!(memory.storage.base(), base);
        assert_eq!(memory.bytes().len(), 3 * 65_536);
        assert_eq!((memory.bytes()[0], memory.bytes()[3 * 65_536 - 1]), (9, 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_checked_memory_moves_with_its_contents() {
        let mut memory = memory(0, None, CHECKED);
        assert_eq!(memory.bytes(), []);
        assert_eq!(memory.grow(1), Some(0));
        memory.bytes_mut()[65_535] = 9;
        for pages in 1..40 {
            assert_eq!(memory.grow(1), Some(pages));
            let definition = memory.definition().read();
            assert_eq!(definition.base, memory.storage.base() as u64);
            assert_eq!(memory.bytes()[65_535], 9);
            assert_eq!(memory.bytes()[memory.bytes().len() - 1], 0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn addresses_out_of_bounds_are_those_in_the_reservation_only() {
        let memory = memory(1, None, Tunables::DEFAULT);
        let base = memory.storage.base() as u64;
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
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_memory_beyond_the_limit_is_refused() {
        let refused = make(&MemoryOrder {
            max_bytes: 65_536,
            ..order(2, None)
        });
        assert!(matches!(
            refused,
            Err(Error::Limit(LimitError::Memory { .. }))
        ));
    }
}
