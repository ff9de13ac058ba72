//! Address space.
#![allow(unsafe_code, reason = "memory is mapped by system calls")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

/// A stretch of address space of our own, unmapped on drop.
///
/// Nothing in here hands out references: who reads or writes through [`Mapping::start`] answers
/// for what is mapped there. The methods never touch anything outside the stretch, and no
/// protection is both writable and executable.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is owned by whoever holds the value and is the same for all threads.
unsafe impl Send for Mapping {}
// SAFETY: `&Mapping` only tells addresses and changes protections, which the kernel serialises.
unsafe impl Sync for Mapping {}

/// What may be done with pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Nothing.
    None,
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    ReadExecute,
}

impl Mapping {
    /// Takes `len` bytes of address space in which nothing can be accessed.
    pub(crate) fn reserve(len: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: no address is asked for, so that nothing that is mapped can be replaced.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        Self::mapped(start, len)
    }

    /// Maps `len` bytes of `file` from `file_offset` on, a multiple of the page, read-only. Writes
    /// to the mapping, once allowed, never reach the file.
    pub(crate) fn of_file(file: &File, file_offset: u64, len: usize) -> io::Result<Self> {
        let fd = file.as_raw_fd();
        let offset = libc::off_t::try_from(file_offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: no address is asked for, so that nothing that is mapped can be replaced.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                fd,
                offset,
            )
        };
        Self::mapped(start, len)
    }

    fn mapped(start: *mut libc::c_void, len: usize) -> io::Result<Self> {
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, len })
    }

    /// Address of the first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Divides the mapping into parts of `len` bytes that have an owner each: `count` of them, the
    /// first at `first`, the next `stride` bytes after it, and so on. What lies between belongs to
    /// nobody and stays as it is. All numbers are multiples of the page.
    pub(crate) fn divide(
        self,
        first: usize,
        len: usize,
        stride: usize,
        count: usize,
    ) -> io::Result<Vec<Stretch>> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let of_last = count
            .saturating_sub(1)
            .checked_mul(stride)
            .ok_or_else(outside)?;
        let end = of_last.checked_add(first).and_then(|n| n.checked_add(len));
        let whole = [first, len, stride]
            .iter()
            .all(|n| n.is_multiple_of(page_bytes()));
        if !whole || len > stride || end.is_none_or(|end| end > self.len) {
            return Err(outside());
        }
        let mapping = Arc::new(self);
        Ok((0..count)
            .map(|index| Stretch {
                mapping: Arc::clone(&mapping),
                offset: first + index * stride,
                len,
            })
            .collect())
    }

    /// Changes what may be done with the pages that `range` (bytes from the start) touches.
    pub(crate) fn protect(&self, range: Range<usize>, protection: Protection) -> io::Result<()> {
        let range = self.whole_pages(range)?;
        if range.is_empty() {
            return Ok(());
        }
        let protection = match protection {
            Protection::None => libc::PROT_NONE,
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        };
        // SAFETY: `whole_pages` has checked that the range lies within this mapping.
        let status = unsafe {
            let start = self.start.as_ptr().add(range.start);
            libc::mprotect(start.cast(), range.len(), protection)
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// `range` widened to pages, if it lies within.
    fn whole_pages(&self, range: Range<usize>) -> io::Result<Range<usize>> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let page = page_bytes();
        let end = range
            .end
            .checked_next_multiple_of(page)
            .ok_or_else(outside)?;
        let limit = self.len.next_multiple_of(page);
        if range.start > range.end || end > limit {
            return Err(outside());
        }
        Ok(range.start / page * page..end)
    }
}

/// A part of a mapping that belongs to whoever holds the value. The mapping stays as long as any
/// part of it.
///
/// As for [`Mapping`], nothing outside is ever touched, and no references are handed out.
#[derive(Debug)]
pub(crate) struct Stretch {
    mapping: Arc<Mapping>,
    /// Where it starts, in bytes from the start of the mapping.
    offset: usize,
    len: usize,
}

impl Stretch {
    /// Address of the first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        // SAFETY: `divide` has checked that the part lies within the mapping.
        unsafe { self.mapping.start.add(self.offset) }
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Changes what may be done with the pages that `range` (bytes from the start) touches.
    pub(crate) fn protect(
        &mut self,
        range: Range<usize>,
        protection: Protection,
    ) -> io::Result<()> {
        let range = self.in_mapping(range)?;
        self.mapping.protect(range, protection)
    }

    /// Gives the contents of `range` (bytes from the start, in whole pages) back to the system:
    /// what was written there is forgotten, and the pages hold again what was mapped there. Their
    /// protection stays.
    pub(crate) fn discard(&mut self, range: Range<usize>) -> io::Result<()> {
        let range = self.in_mapping(range)?;
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: the range lies within this part of the mapping, and nobody holds references into
        // it, since it is borrowed mutably here.
        let status = unsafe {
            let start = self.mapping.start.as_ptr().add(range.start);
            libc::madvise(start.cast(), range.len(), libc::MADV_DONTNEED)
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Makes `range` (bytes from the start, in whole pages) what it was at first: zeros that
    /// cannot be accessed.
    pub(crate) fn clear(&mut self, range: Range<usize>) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        self.replace(range, libc::PROT_NONE, flags, -1, 0)
    }

    /// Puts `len` bytes of `file` from `file_offset` on at `at` (bytes from the start), readable
    /// and writable. Writes stay here. All three are multiples of the page.
    pub(crate) fn place_file(
        &mut self,
        at: usize,
        file: &File,
        file_offset: u64,
        len: usize,
    ) -> io::Result<()> {
        let end = at.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        let offset = libc::off_t::try_from(file_offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE;
        self.replace(at..end, protection, flags, file.as_raw_fd(), offset)
    }

    /// Maps something else in place of `range`.
    fn replace(
        &mut self,
        range: Range<usize>,
        protection: libc::c_int,
        flags: libc::c_int,
        fd: libc::c_int,
        offset: libc::off_t,
    ) -> io::Result<()> {
        let range = self.in_mapping(range)?;
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: what is replaced lies within this part of the mapping, by `in_mapping`; nobody
        // holds references into it, since it is borrowed mutably here.
        let placed = unsafe {
            let start = self.mapping.start.as_ptr().add(range.start);
            let flags = flags | libc::MAP_FIXED;
            libc::mmap(start.cast(), range.len(), protection, flags, fd, offset)
        };
        if placed == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// `range` in bytes from the start of the mapping, if it lies within this part of it and
    /// consists of whole pages.
    fn in_mapping(&self, range: Range<usize>) -> io::Result<Range<usize>> {
        let whole =
            range.start.is_multiple_of(page_bytes()) && range.end.is_multiple_of(page_bytes());
        if !whole || range.start > range.end || range.end > self.len {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(self.offset + range.start..self.offset + range.end)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the stretch was mapped by the constructors and belongs to this value alone.
        // Failing is harmless: the address space stays taken.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The kernel's page, in bytes.
pub(crate) fn page_bytes() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        // SAFETY: asking for a number.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes).unwrap_or(4096)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd;

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_committed_part_of_a_reservation_reads_zero_and_keeps_writes() {
        let page = page_bytes();
        let mapping = Mapping::reserve(16 * page).unwrap();
        mapping
            .protect(page..3 * page, Protection::ReadWrite)
            .unwrap();
        // SAFETY: pages 1 and 2 have just been committed.
        unsafe {
            let at = mapping.start().as_ptr().add(3 * page - 1);
            assert_eq!(at.read(), 0);
            at.write(7);
            assert_eq!(at.read(), 7);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn ranges_outside_the_mapping_are_refused() {
        let page = page_bytes();
        let mapping = Mapping::reserve(2 * page).unwrap();
        for range in [page..3 * page, 2 * page..usize::MAX] {
            assert!(mapping.protect(range, Protection::Read).is_err());
        }
    }

    /// The second of two parts of two pages, with a page between and around them.
    fn stretch() -> Stretch {
        let page = page_bytes();
        let mapping = Mapping::reserve(7 * page).unwrap();
        let mut parts = mapping.divide(page, 2 * page, 3 * page, 2).unwrap();
        parts.pop().unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn parts_that_do_not_fit_are_refused() {
        let page = page_bytes();
        for (first, len, stride, count) in [
            (0, 4 * page, 4 * page, 2),
            (page, 2 * page, 3 * page, 3),
            (0, 2 * page, page, 2),
            (1, page, page, 1),
            (0, 1, page, 1),
            (0, page, page, usize::MAX),
        ] {
            let mapping = Mapping::reserve(7 * page).unwrap();
            let parts = mapping.divide(first, len, stride, count);
            assert!(parts.is_err(), "{first} {len} {stride} {count}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn the_owner_of_a_part_reaches_nothing_else() {
        let page = page_bytes();
        let mut stretch = stretch();
        let file = memfd::sealed("test", &vec![1; 4 * page]).unwrap();
        for range in [
            0..3 * page,
            2 * page..3 * page,
            0..usize::MAX,
            1..page,
            0..1,
        ] {
            let protected = stretch.protect(range.clone(), Protection::ReadWrite);
            assert!(protected.is_err(), "{range:?}");
            assert!(stretch.discard(range.clone()).is_err(), "{range:?}");
            assert!(stretch.clear(range.clone()).is_err(), "{range:?}");
        }
        assert!(stretch.place_file(page, &file, 0, 2 * page).is_err());
        assert!(stretch.place_file(1, &file, 0, page).is_err());
        assert!(stretch.place_file(0, &file, u64::MAX, page).is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps memory")]
    fn a_placed_file_is_copied_on_write_and_comes_back_when_discarded() {
        let page = page_bytes();
        let file = memfd::sealed("test", &vec![5; 2 * page]).unwrap();
        let mut stretch = stretch();
        stretch.place_file(page, &file, 0, page).unwrap();
        let whole = Mapping::of_file(&file, 0, 2 * page).unwrap();
        // SAFETY: page 1 of the one and all of the other mapping have been mapped.
        let read = |stretch: &Stretch| unsafe {
            let at = stretch.start().as_ptr().add(page);
            (at.read(), whole.start().as_ptr().read())
        };
        assert_eq!(read(&stretch), (5, 5));
        // SAFETY: as above.
        unsafe { stretch.start().as_ptr().add(page).write(6) };
        assert_eq!(read(&stretch), (6, 5));
        stretch.discard(page..2 * page).unwrap();
        assert_eq!(read(&stretch), (5, 5));
        stretch.clear(page..2 * page).unwrap();
        stretch
            .protect(page..2 * page, Protection::ReadWrite)
            .unwrap();
        assert_eq!(read(&stretch), (0, 5));
    }
}
