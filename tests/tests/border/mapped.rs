//! An allocator of the host's.

use std::io;
use std::ptr::NonNull;

use precast_loader::{AllocatedMemory, MemoryAllocator, MemoryRequest};

/// Maps memories as they are asked for.
#[derive(Debug)]
pub(crate) struct Mapped;

#[derive(Debug)]
pub(crate) struct MappedMemory {
    pub(crate) base: NonNull<u8>,
    pub(crate) bytes: usize,
    /// Whether the mapping goes with the value.
    is_own: bool,
}

impl MappedMemory {
    /// Address space that nothing can be done with.
    pub(crate) fn reserve(bytes: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: nothing that is mapped is replaced.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            base: NonNull::new(start.cast()).unwrap(),
            bytes,
            is_own: true,
        })
    }

    /// Part of what somebody else keeps mapped.
    pub(crate) fn part(base: NonNull<u8>, bytes: usize) -> Self {
        Self {
            base,
            bytes,
            is_own: false,
        }
    }
}

// SAFETY: the mapping belongs to the value.
unsafe impl Send for MappedMemory {}
// SAFETY: `&MappedMemory` tells an address.
unsafe impl Sync for MappedMemory {}

// SAFETY: what is returned is mapped for it alone, with nothing accessible but what is asked for.
unsafe impl MemoryAllocator for Mapped {
    fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>> {
        let own = request.reserve_bytes.max(request.maximum_bytes);
        let mut memory = MappedMemory::reserve((own + request.guard_bytes) as usize)?;
        memory.grow_to(request.minimum_bytes)?;
        Ok(Box::new(memory))
    }
}

// SAFETY: see `allocate`; it never moves.
unsafe impl AllocatedMemory for MappedMemory {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn grow_to(&mut self, length_bytes: u64) -> io::Result<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        assert!(length_bytes as usize <= self.bytes && length_bytes.is_multiple_of(65_536));
        // SAFETY: the range is this mapping's.
        match unsafe {
            libc::mprotect(self.base.as_ptr().cast(), length_bytes as usize, protection)
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        if self.is_own {
            // SAFETY: the mapping is this value's, and nobody uses it any more.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
        }
    }
}
