//! Address space.
#![allow(unsafe_code, reason = "memory is mapped by system calls")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

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

    /// Maps the first `len` bytes of `file`, read-only. Writes to the mapping, once allowed,
    /// never reach the file.
    pub(crate) fn of_file(file: &File, len: usize) -> io::Result<Self> {
        let fd = file.as_raw_fd();
        // SAFETY: no address is asked for, so that nothing that is mapped can be replaced.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                fd,
                0,
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

    /// Whether `address` lies within.
    pub(crate) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.start.addr().get()) < self.len
    }

    /// Changes what may be done with the pages that `range` (bytes from the start) touches.
    pub(crate) fn protect(&self, range: Range<usize>, protection: Protection) -> io::Result<()> {
        let range = self.whole_pages(range)?;
        if range.is_empty() {
            return Ok(());
        }
        let protection = match protection {
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
        let range = self.whole_pages(at..end)?;
        let offset = libc::off_t::try_from(file_offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        if range != (at..end) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if len == 0 {
            return Ok(());
        }
        // SAFETY: what is replaced lies within this mapping, by `whole_pages`; nobody holds
        // references into it, since it is borrowed mutably here.
        let placed = unsafe {
            let start = self.start.as_ptr().add(at).cast();
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
            libc::mmap(start, len, protection, flags, file.as_raw_fd(), offset)
        };
        if placed == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
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
    fn ranges_outside_the_mapping_are_refused() {
        let page = page_bytes();
        let mut mapping = Mapping::reserve(2 * page).unwrap();
        let file = memfd::sealed("test", &vec![1; 4 * page]).unwrap();
        let outside = [page..3 * page, 2 * page..usize::MAX];
        for range in outside {
            assert!(mapping.protect(range, Protection::Read).is_err());
        }
        assert!(mapping.place_file(page, &file, 0, 2 * page).is_err());
        assert!(mapping.place_file(1, &file, 0, page).is_err());
        assert!(mapping.place_file(0, &file, u64::MAX, page).is_err());
    }

    #[test]
    fn a_placed_file_is_copied_on_write() {
        let page = page_bytes();
        let file = memfd::sealed("test", &vec![5; 2 * page]).unwrap();
        let mut mapping = Mapping::reserve(4 * page).unwrap();
        mapping.place_file(page, &file, 0, 2 * page).unwrap();
        let whole = Mapping::of_file(&file, 2 * page).unwrap();
        // SAFETY: pages 1 and 2 of the one and all of the other mapping have been mapped.
        unsafe {
            let at = mapping.start().as_ptr().add(page);
            assert_eq!(at.read(), 5);
            at.write(6);
            assert_eq!(at.read(), 6);
            assert_eq!(whole.start().as_ptr().read(), 5);
        }
    }
}
