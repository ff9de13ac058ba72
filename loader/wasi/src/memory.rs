//! The border to the guest: its linear memory, read and written with every address checked.
//!
//! All values are little-endian, all addresses and lengths `u32` byte counts. An access that does not lie wholly
//! inside the memory is [`Errno::Fault`], also when it is empty.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use precast_loader::SharedMemory;

use crate::{Errno, Result};

mod iovecs;

/// The longest path that is taken from a guest, in bytes (`PATH_MAX` of common hosts).
const MAX_PATH_BYTES: u32 = 4096;

/// The guest's linear memory during one call.
///
/// What the host reads is read once, before it is looked at: other threads may change a shared memory meanwhile.
pub struct GuestMemory<'a> {
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Own(&'a mut [u8]),
    /// Never in place, always by way of copies.
    Shared(&'a SharedMemory),
}

impl fmt::Debug for GuestMemory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestMemory")
            .field("len_bytes", &self.len())
            .finish_non_exhaustive()
    }
}

impl<'a> GuestMemory<'a> {
    /// Wraps the whole linear memory; address 0 is the first byte.
    pub fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory {
            bytes: Bytes::Own(bytes),
        }
    }

    /// Wraps a memory that other threads may use at the same time.
    pub fn shared(memory: &'a SharedMemory) -> GuestMemory<'a> {
        GuestMemory {
            bytes: Bytes::Shared(memory),
        }
    }

    fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Own(bytes) => bytes.len(),
            Bytes::Shared(memory) => usize::try_from(memory.size_bytes()).unwrap_or(usize::MAX),
        }
    }

    /// Whether the `len` bytes at `ptr` lie in memory.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if they do not.
    pub fn check(&self, ptr: u32, len: u32) -> Result<()> {
        if range(ptr, len)?.end <= self.len() {
            Ok(())
        } else {
            Err(Errno::Fault)
        }
    }

    /// The `len` bytes at `ptr`; a copy, if the memory is shared.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if they do not lie in memory.
    pub fn slice(&self, ptr: u32, len: u32) -> Result<Cow<'_, [u8]>> {
        match &self.bytes {
            Bytes::Own(bytes) => {
                let bytes = bytes.get(range(ptr, len)?).ok_or(Errno::Fault)?;
                Ok(Cow::Borrowed(bytes))
            }
            Bytes::Shared(memory) => {
                let bytes = memory.read_vec(ptr.into(), len.into());
                bytes.map(Cow::Owned).map_err(|_| Errno::Fault)
            }
        }
    }

    /// Has `write` fill the first of the `len` bytes at `ptr`; it says how many, and so does this.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if they do not lie in memory; those of `write`.
    pub fn fill(
        &mut self,
        ptr: u32,
        len: u32,
        write: impl FnOnce(&mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        self.check(ptr, len)?;
        let range = range(ptr, len)?;
        match &mut self.bytes {
            Bytes::Own(bytes) => write(bytes.get_mut(range).ok_or(Errno::Fault)?),
            Bytes::Shared(memory) => {
                let mut bytes = vec![0; range.len()];
                let count = write(&mut bytes)?;
                let written = bytes.get(..count).ok_or(Errno::Fault)?;
                let copied = memory.write(ptr.into(), written);
                copied.map_err(|_| Errno::Fault)?;
                Ok(count)
            }
        }
    }

    /// Copies `N` bytes out of memory.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if they do not lie in memory.
    pub fn read<const N: usize>(&self, ptr: u32) -> Result<[u8; N]> {
        let len = u32::try_from(N).map_err(|_| Errno::Fault)?;
        let bytes = self.slice(ptr, len)?;
        bytes.as_ref().try_into().map_err(|_| Errno::Fault)
    }

    /// Copies `bytes` into memory at `ptr`; all of them or, on error, none.
    ///
    /// # Errors
    ///
    /// [`Errno::Fault`] if the destination does not lie in memory.
    pub fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        let range = range(ptr, len)?;
        match &mut self.bytes {
            Bytes::Own(own) => {
                let place = own.get_mut(range).ok_or(Errno::Fault)?;
                place.copy_from_slice(bytes);
                Ok(())
            }
            Bytes::Shared(memory) => memory.write(ptr.into(), bytes).map_err(|_| Errno::Fault),
        }
    }

    /// Reads a little-endian `u32`; the error is [`Errno::Fault`].
    pub fn read_u32(&self, ptr: u32) -> Result<u32> {
        self.read(ptr).map(u32::from_le_bytes)
    }

    /// Reads a little-endian `u64`; the error is [`Errno::Fault`].
    pub fn read_u64(&self, ptr: u32) -> Result<u64> {
        self.read(ptr).map(u64::from_le_bytes)
    }

    /// Writes a little-endian `u32`; the error is [`Errno::Fault`].
    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a little-endian `u64`; the error is [`Errno::Fault`].
    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// A path or symlink target as the guest passes it: not terminated, UTF-8.
    ///
    /// # Errors
    ///
    /// - [`Errno::Nametoolong`] beyond 4096 bytes, before anything is read or allocated.
    /// - [`Errno::Fault`] if it does not lie in memory.
    /// - [`Errno::Ilseq`] if it is not UTF-8.
    /// - [`Errno::Inval`] if it holds a NUL byte, which no host path can.
    /// - [`Errno::Noent`] if it is empty.
    pub fn path(&self, ptr: u32, len: u32) -> Result<String> {
        if len > MAX_PATH_BYTES {
            return Err(Errno::Nametoolong);
        }
        let path = self.slice(ptr, len)?;
        let path = str::from_utf8(&path).map_err(|_| Errno::Ilseq)?;
        if path.contains('\0') {
            return Err(Errno::Inval);
        }
        if path.is_empty() {
            return Err(Errno::Noent);
        }
        Ok(path.to_owned())
    }
}

fn range(ptr: u32, len: u32) -> Result<Range<usize>> {
    let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
    let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
    let end = start.checked_add(len).ok_or(Errno::Fault)?;
    Ok(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_end_at_the_last_byte() {
        let mut bytes = [0u8; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert!(memory.write_u32(12, 0x0403_0201).is_ok());
        assert_eq!(memory.read_u32(12), Ok(0x0403_0201));
        assert_eq!(memory.slice(12, 4).as_deref(), Ok(&[1u8, 2, 3, 4][..]));
        assert_eq!(memory.slice(16, 0).as_deref(), Ok(&[][..]));
        for ptr in [13, 16, 17, u32::MAX] {
            assert_eq!(memory.read_u32(ptr), Err(Errno::Fault));
            assert_eq!(memory.write_u32(ptr, 0), Err(Errno::Fault));
        }
        assert_eq!(memory.slice(17, 0), Err(Errno::Fault));
        assert_eq!(memory.slice(0, u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.slice(u32::MAX, u32::MAX), Err(Errno::Fault));
    }

    #[test]
    fn a_failed_write_changes_nothing() {
        let mut bytes = [7u8; 8];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.write_u64(4, 0), Err(Errno::Fault));
        assert_eq!(bytes, [7u8; 8]);
    }

    #[test]
    fn paths_are_utf8_without_nul_and_of_bounded_length() {
        let mut bytes = b"a/b\0\xff".to_vec();
        bytes.resize(8192, b'x');
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.path(0, 3).as_deref(), Ok("a/b"));
        assert_eq!(memory.path(0, 4), Err(Errno::Inval));
        assert_eq!(memory.path(4, 1), Err(Errno::Ilseq));
        assert_eq!(memory.path(0, 0), Err(Errno::Noent));
        assert_eq!(memory.path(5, 4096).map(|path| path.len()), Ok(4096));
        assert_eq!(memory.path(5, 4097), Err(Errno::Nametoolong));
        assert_eq!(memory.path(u32::MAX, 1), Err(Errno::Fault));
        assert_eq!(memory.path(0, u32::MAX), Err(Errno::Nametoolong));
    }

    #[test]
    fn a_shared_memory_is_read_and_written_by_way_of_copies() {
        use precast_loader::{Engine, MemoryType};

        let ty = MemoryType::new(1, Some(1)).shared();
        let shared = SharedMemory::new(&Engine::default(), ty).unwrap();
        shared.write(4, &3u32.to_le_bytes()).unwrap();
        shared.write(100, b"precast").unwrap();
        let mut memory = GuestMemory::shared(&shared);
        assert_eq!(memory.read_u32(4), Ok(3));
        assert_eq!(memory.path(100, 7).as_deref(), Ok("precast"));
        assert_eq!(memory.write_u64(65_529, 0), Err(Errno::Fault));
        assert_eq!(memory.check(65_536, 0), Ok(()));
        assert_eq!(memory.check(65_536, 1), Err(Errno::Fault));
        assert_eq!(memory.slice(u32::MAX, u32::MAX).err(), Some(Errno::Fault));
        let count = memory.fill(200, 8, |bytes| {
            bytes[..2].copy_from_slice(b"ab");
            Ok(2)
        });
        assert_eq!(count, Ok(2));
        assert_eq!(shared.read_vec(200, 3).unwrap(), b"ab\0");
    }
}
