//! The address space of a memory, used by one memory after the other.
//!
//! ```text
//!                     take: prepare                     return: reset
//!  ┌─────────────────┐            ┌───────────────────┐           ┌─────────────────┐
//!  │ clean           │───────────▶│ in use            │──────────▶│ clean           │
//!  │ zeros, or the   │            │ 0..accessible may │           │                 │
//!  │ image of the    │            │ have been written │           └─────────────────┘
//!  │ last tenant     │            └───────────────────┘
//!  └─────────────────┘
//! ```
//!
//! A tenant that is no multiple of the system's page long (see
//! [custom page sizes](precast_artifacts_format::MemoryType::page_bytes_log2)) has the rest of its
//! last page with it, which its code never touches.
//!
//! What a clean space promises: `0..accessible_bytes` can be read and written and holds what
//! [`Held`] says, nothing of what a tenant wrote; the rest cannot be accessed, and would be zeros.
//! Only `0..accessible_bytes` can have been written since, so that is what [`Space::reset`] cleans,
//! in one of two ways:
//!
//! - *In place*: filled with zeros. No system call, and the next tenant finds the pages there. For
//!   memories that are small and whose contents are written into them ([`Space::keeps`]).
//! - *By pages*: given back to the system, which hands out zeros, or the pages of the image, when
//!   they are next touched.
//!
//! If a step fails, what the space holds is [`Held::Unknown`], and nothing but mapping it anew
//! makes it clean; if that fails, nobody may use it again.
#![allow(
    unsafe_code,
    reason = "memory is zeroed and filled before guests see it"
)]

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use precast_artifacts_format::{Extent, Section};

use super::layout::{FRONT_GUARD_BYTES, SpaceLayout};
use crate::error::Error;
use crate::module::damaged;
use crate::sys::mmap::{Mapping, Protection, Stretch, page_bytes};

/// A memory of a module: the same for all its instances. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemoryKey {
    /// From [`next_module_number`].
    pub(crate) module: u64,
    /// Which of those that the module defines.
    pub(crate) memory: u32,
}

/// A number for a module that has been loaded.
pub(crate) fn next_module_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a memory of a module's holds at the start, beside zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents<'a> {
    pub(crate) key: MemoryKey,
    pub(crate) extents: &'a [Extent],
    /// What the extents are of.
    pub(crate) images: &'a [u8],
    /// The same in a file.
    pub(crate) file: &'a File,
    /// Where it starts there, in bytes.
    pub(crate) file_offset: u64,
}

impl Contents<'_> {
    /// Writes them into a memory.
    pub(crate) fn copy_to(&self, memory: &mut [u8]) -> Result<(), Error> {
        for extent in self.extents {
            let from = range(extent.image_offset, extent.len);
            let from = from.and_then(|range| self.images.get(range));
            let to = range(extent.memory_offset, extent.len);
            let to = to.and_then(|range| memory.get_mut(range));
            match (from, to) {
                (Some(from), Some(to)) => to.copy_from_slice(from),
                _ => return Err(damaged(Section::Image, "an extent")),
            }
        }
        Ok(())
    }

    /// Maps them to the first `initial_bytes` of a space.
    fn map_to(&self, stretch: &mut Stretch, initial_bytes: usize) -> Result<(), Error> {
        for extent in self.extents {
            let to = range(extent.memory_offset, extent.len);
            let to = to.filter(|to| to.end <= initial_bytes);
            let file_offset = self.file_offset.checked_add(extent.image_offset);
            let (Some(to), Some(file_offset)) = (to, file_offset) else {
                return Err(damaged(Section::Image, "an extent"));
            };
            stretch
                .place_file(to.start, self.file, file_offset, to.len())
                .map_err(|error| Error::io("map a memory's initial contents", error))?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let lens = self.extents.iter();
        lens.fold(0, |sum, extent| sum.saturating_add(extent.len as usize))
    }
}

fn range(start: u64, len: u64) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(start).ok()?;
    Some(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// What `0..accessible_bytes` of a clean space holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Zeros,
    /// The contents of that memory, mapped.
    Image(MemoryKey),
    /// A step has failed half-way.
    Unknown,
}

/// Address space for a memory.
#[derive(Debug)]
pub(crate) struct Space {
    /// The capacity: what may become accessible.
    stretch: Stretch,
    layout: SpaceLayout,
    keep_resident_bytes: usize,
    accessible_bytes: usize,
    /// What was accessible when the tenant came.
    initial_bytes: usize,
    held: Held,
    tenant: Option<MemoryKey>,
    /// Whether the tenant is not the first since the space was mapped.
    used_before: bool,
}

impl Space {
    /// Sets address space aside for one memory.
    pub(crate) fn reserve(layout: SpaceLayout, keep_resident_bytes: usize) -> io::Result<Self> {
        let mut spaces = Self::reserve_many(layout, keep_resident_bytes, 1)?;
        spaces
            .pop()
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Sets address space aside for `count` memories, in one piece.
    pub(crate) fn reserve_many(
        layout: SpaceLayout,
        keep_resident_bytes: usize,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let too_large = || io::Error::from(io::ErrorKind::OutOfMemory);
        let total = layout.total_bytes(count).ok_or_else(too_large)?;
        let stride = layout.stride_bytes().ok_or_else(too_large)?;
        let mapping = Mapping::reserve(total)?;
        let parts = mapping.divide(FRONT_GUARD_BYTES, layout.capacity_bytes, stride, count)?;
        let spaces = parts.into_iter().map(|stretch| Self {
            stretch,
            layout,
            keep_resident_bytes,
            accessible_bytes: 0,
            initial_bytes: 0,
            held: Held::Zeros,
            tenant: None,
            used_before: false,
        });
        Ok(spaces.collect())
    }

    pub(crate) fn layout(&self) -> &SpaceLayout {
        &self.layout
    }

    /// The memory that it was used for last; `None` if there was none, or none of a module.
    pub(crate) fn tenant(&self) -> Option<MemoryKey> {
        self.tenant
    }

    /// Address of byte 0.
    pub(crate) fn base(&self) -> *mut u8 {
        self.stretch.start().as_ptr()
    }

    /// How many bytes from the base on can be read and written: whole pages of the system.
    pub(crate) fn accessible_bytes(&self) -> usize {
        self.accessible_bytes
    }

    /// Whether `address` is one of its own or in a guard of it.
    pub(crate) fn reaches(&self, address: usize) -> bool {
        let first = self.base().addr() - FRONT_GUARD_BYTES;
        let bytes = FRONT_GUARD_BYTES + self.layout.capacity_bytes + self.layout.behind_bytes;
        address.wrapping_sub(first) < bytes
    }

    /// Makes a clean space what a memory of `initial_bytes` is at the start.
    pub(crate) fn prepare(
        &mut self,
        initial_bytes: usize,
        tenant: Option<MemoryKey>,
        contents: Option<&Contents<'_>>,
    ) -> Result<(), Error> {
        let mapped = contents.filter(|contents| {
            // Little is copied faster than mapped, the more so into pages that are there already.
            !(self.keeps(initial_bytes) && self.keeps(contents.bytes().saturating_mul(4)))
        });
        let wanted = mapped.map_or(Held::Zeros, |contents| Held::Image(contents.key));
        if self.held != wanted && self.held != Held::Zeros {
            self.map_anew()
                .map_err(|error| Error::io("clear a memory", error))?;
        }
        let held = std::mem::replace(&mut self.held, Held::Unknown);
        self.tenant = tenant;
        self.make_accessible(initial_bytes)
            .map_err(|error| Error::io("make room for a memory", error))?;
        if held != wanted
            && let Some(contents) = mapped
        {
            contents.map_to(&mut self.stretch, initial_bytes)?;
        }
        self.initial_bytes = initial_bytes;
        self.held = wanted;
        match contents {
            Some(contents) if mapped.is_none() => contents.copy_to(self.bytes_mut()),
            _ => Ok(()),
        }
    }

    /// Makes the first `bytes` accessible, if there are not so many already.
    pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        if bytes <= self.accessible_bytes {
            return Ok(());
        }
        let grown = self.make_accessible(bytes);
        if grown.is_err() {
            // The tenant can go on, but who knows how much of it has been done.
            self.held = Held::Unknown;
        }
        grown
    }

    /// Cleans the space after use.
    ///
    /// # Errors
    ///
    /// If it could not be cleaned: nobody may use it again.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        let held = std::mem::replace(&mut self.held, Held::Unknown);
        let used_before = std::mem::replace(&mut self.used_before, true);
        let dirty = 0..self.accessible_bytes;
        let cleaned = match held {
            Held::Unknown => return self.map_anew(),
            // Pages that nobody has touched are better not touched now. A space that comes back
            // for the second time is likely to come back again.
            Held::Zeros if used_before && self.keeps(dirty.len()) => {
                self.bytes_mut().fill(0);
                Ok(())
            }
            Held::Zeros | Held::Image(_) => self.stretch.discard(dirty),
        };
        let kept = self.initial_bytes.min(self.accessible_bytes);
        match cleaned.and_then(|()| self.make_accessible(kept)) {
            Ok(()) => {
                self.held = held;
                Ok(())
            }
            // Pages that are locked, for one, cannot be given back.
            Err(_) => self.map_anew(),
        }
    }

    /// Whether so many bytes are few enough to be written one by one. This alone decides, before
    /// use and after, whether contents are copied or mapped and whether they are zeroed or given
    /// back.
    fn keeps(&self, bytes: usize) -> bool {
        bytes <= self.keep_resident_bytes
    }

    /// Back to inaccessible zeros, whatever was there.
    fn map_anew(&mut self) -> io::Result<()> {
        self.held = Held::Unknown;
        self.stretch.clear(0..self.stretch.len())?;
        self.held = Held::Zeros;
        self.accessible_bytes = 0;
        self.tenant = None;
        self.used_before = false;
        Ok(())
    }

    /// Makes just the first `bytes` accessible, and the rest of their last page.
    fn make_accessible(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = bytes
            .checked_next_multiple_of(page_bytes())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let before = self.accessible_bytes;
        if bytes > before {
            self.stretch.protect(before..bytes, Protection::ReadWrite)?;
        } else if bytes < before {
            self.stretch.protect(bytes..before, Protection::None)?;
        }
        self.accessible_bytes = bytes;
        Ok(())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes from the base on can be read and written, and are initialised.
        // They belong to this space, and it is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.accessible_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd;

    const WASM_PAGE: usize = 65_536;

    fn space(keep_resident_bytes: usize) -> Space {
        let layout = SpaceLayout::guarded(32 << 20).unwrap();
        Space::reserve(layout, keep_resident_bytes).unwrap()
    }

    fn key(module: u64) -> MemoryKey {
        MemoryKey { module, memory: 0 }
    }

    /// A file of four host pages of `byte`, of which the second goes to the first of the memory.
    struct Image {
        file: File,
        bytes: Vec<u8>,
        extents: [Extent; 1],
    }

    impl Image {
        fn of(byte: u8) -> Self {
            let page = page_bytes() as u64;
            let bytes = vec![byte; 4 * page_bytes()];
            Self {
                file: memfd::sealed("test", &bytes).unwrap(),
                bytes,
                extents: [Extent {
                    memory_offset: 0,
                    image_offset: page,
                    len: page,
                }],
            }
        }

        fn contents(&self, module: u64) -> Contents<'_> {
            Contents {
                key: key(module),
                extents: &self.extents,
                images: &self.bytes,
                file: &self.file,
                file_offset: 0,
            }
        }
    }

    /// Every accessible byte is `first` in the first host page and zero after it.
    fn check(space: &mut Space, first: u8) {
        let (image, zeros) = space.bytes_mut().split_at(page_bytes());
        assert!(image.iter().all(|&byte| byte == first));
        assert!(zeros.iter().all(|&byte| byte == 0));
    }

    /// Uses the space to the full, three times over for each of two modules and a memory of the
    /// host's, by turns.
    fn use_by_turns(mut space: Space, initial: usize, grown: usize) {
        let images = [Image::of(5), Image::of(7)];
        for round in 0..9 {
            let module = [0, 1, 1, 2, 0, 0, 2, 2, 1][round];
            let (contents, tenant, first) = match images.get(module) {
                Some(image) => {
                    let contents = image.contents(module as u64);
                    (Some(contents), Some(contents.key), [5, 7][module])
                }
                None => (None, None, 0),
            };
            space.prepare(initial, tenant, contents.as_ref()).unwrap();
            assert_eq!(space.accessible_bytes(), initial);
            check(&mut space, first);
            space.grow(grown).unwrap();
            check(&mut space, first);
            space.bytes_mut().fill(0xee);
            space.reset().unwrap();
            assert!(space.accessible_bytes() <= initial);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn no_tenant_finds_what_another_wrote_where_pages_are_zeroed() {
        use_by_turns(space(4 * WASM_PAGE), WASM_PAGE, 2 * WASM_PAGE);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn no_tenant_finds_what_another_wrote_where_pages_are_given_back() {
        use_by_turns(space(0), WASM_PAGE, 3 * WASM_PAGE);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn no_tenant_finds_what_another_wrote_where_both_are_done() {
        // Contents are copied at first, and the memory is large when it comes back.
        use_by_turns(space(WASM_PAGE), WASM_PAGE, 3 * WASM_PAGE);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_space_whose_state_is_unknown_is_mapped_anew() {
        let mut space = space(WASM_PAGE);
        let image = Image::of(5);
        for cut in [0, page_bytes()] {
            space.prepare(WASM_PAGE, Some(key(0)), None).unwrap();
            space.bytes_mut().fill(9);
            space.held = Held::Unknown;
            // Less is recorded than there is.
            space.accessible_bytes = cut;
            space.reset().unwrap();
            assert_eq!((space.accessible_bytes(), space.tenant()), (0, None));
        }
        space
            .prepare(WASM_PAGE, Some(key(1)), Some(&image.contents(1)))
            .unwrap();
        check(&mut space, 5);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn an_image_beyond_the_memory_is_refused_and_leaves_a_clean_space() {
        for keep in [0, 4 * WASM_PAGE] {
            let mut space = space(keep);
            let mut image = Image::of(5);
            image.extents[0].memory_offset = WASM_PAGE as u64;
            let prepared = space.prepare(WASM_PAGE, Some(key(0)), Some(&image.contents(0)));
            assert!(matches!(prepared, Err(Error::Artifact(_))));
            space.reset().unwrap();
            space.prepare(2 * WASM_PAGE, Some(key(1)), None).unwrap();
            check(&mut space, 0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_space_reaches_its_guards_and_no_further() {
        let space = space(0);
        let base = space.base().addr();
        let behind = base + space.layout.capacity_bytes + space.layout.behind_bytes;
        for (address, expected) in [
            (base, true),
            (base - FRONT_GUARD_BYTES, true),
            (base - FRONT_GUARD_BYTES - 1, false),
            (behind - 1, true),
            (behind, false),
            (0, false),
            (usize::MAX, false),
        ] {
            assert_eq!(space.reaches(address), expected, "{address:#x}");
        }
    }
}
