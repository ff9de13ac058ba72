//! The border to the guest: its linear memory, read and written with every address checked.
//!
//! All values are little-endian, all addresses and lengths `u32` byte counts. An access that does not lie wholly
//! inside the memory is [`Errno::Fault`], also when it is empty.

use std::borrow::Cow;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

use precast_loader::SharedMemory;

use crate::{Errno, Result};

/// The most buffers that one scatter or gather call may name (`IOV_MAX` of common hosts).
const MAX_IOVECS: u32 = 1024;

/// The longest path that is taken from a guest, in bytes (`PATH_MAX` of common hosts).
const MAX_PATH_BYTES: u32 = 4096;

/// Bytes of one `iovec`: address `u32`, length `u32`.
const IOVEC_BYTES: u32 = 8;

/// The most bytes that one scatter or gather call copies out of or into a shared memory. It then moves fewer than
/// asked for, which every caller must expect.
const MAX_COPIED_BYTES: usize = 1 << 20;

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

/// A buffer that the guest named; checked to lie inside the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Iovec(Range<usize>);

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

    /// Reads a list of buffers; empty ones are left out.
    ///
    /// # Errors
    ///
    /// - [`Errno::Inval`] for more than 1024 buffers, or more bytes together than the result (`u32`) can report.
    /// - [`Errno::Fault`] if the list or one of the buffers does not lie in memory.
    pub(crate) fn iovecs(&self, ptr: u32, count: u32) -> Result<Vec<Iovec>> {
        if count > MAX_IOVECS {
            return Err(Errno::Inval);
        }
        let list_bytes = count.checked_mul(IOVEC_BYTES).ok_or(Errno::Inval)?;
        let list = self.slice(ptr, list_bytes)?;
        let mut iovecs = Vec::new();
        let mut total_bytes = 0u32;
        for entry in list.chunks_exact(IOVEC_BYTES as usize) {
            let (address, len) = split_iovec(entry)?;
            self.check(address, len)?;
            total_bytes = total_bytes.checked_add(len).ok_or(Errno::Inval)?;
            if len > 0 {
                iovecs.push(Iovec(range(address, len)?));
            }
        }
        Ok(iovecs)
    }

    /// Has `write` take the buffers as sources of one gathering write; gives how many bytes it took.
    pub(crate) fn gather(
        &self,
        iovecs: &[Iovec],
        write: impl FnOnce(&[IoSlice<'_>]) -> Result<usize>,
    ) -> Result<usize> {
        match &self.bytes {
            Bytes::Own(bytes) => {
                let slices = iovecs.iter();
                let slices = slices.map(|Iovec(range)| bytes.get(range.clone()).map(IoSlice::new));
                let slices: Option<Vec<_>> = slices.collect();
                write(&slices.ok_or(Errno::Fault)?)
            }
            Bytes::Shared(memory) => {
                let mut copies = copies_for(iovecs);
                for (copy, Iovec(range)) in copies.iter_mut().zip(iovecs) {
                    let read = memory.read(range.start as u64, copy);
                    read.map_err(|_| Errno::Fault)?;
                }
                let slices: Vec<_> = copies.iter().map(|copy| IoSlice::new(copy)).collect();
                write(&slices)
            }
        }
    }

    /// Has `read` fill the buffers as destinations of one scattering read; gives how many bytes it wrote.
    ///
    /// Buffers that overlap cannot be borrowed together. What it gets then ends before the first buffer that overlaps
    /// an earlier one: a shorter read, which every caller of `fd_read` must expect.
    pub(crate) fn scatter(
        &mut self,
        iovecs: &[Iovec],
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize>,
    ) -> Result<usize> {
        match &mut self.bytes {
            Bytes::Own(bytes) => read(&mut disjoint(bytes, iovecs)?),
            Bytes::Shared(memory) => {
                let mut copies = copies_for(iovecs);
                let mut slices: Vec<_> = copies.iter_mut().map(|it| IoSliceMut::new(it)).collect();
                let count = read(&mut slices)?;
                let mut left = count;
                for (copy, Iovec(range)) in copies.iter().zip(iovecs) {
                    let written = copy.get(..left.min(copy.len())).unwrap_or(copy);
                    let copied = memory.write(range.start as u64, written);
                    copied.map_err(|_| Errno::Fault)?;
                    left = left.saturating_sub(written.len());
                }
                Ok(count)
            }
        }
    }
}

/// Buffers of the host's for those of the guest's, as far as they are copied.
fn copies_for(iovecs: &[Iovec]) -> Vec<Vec<u8>> {
    let mut left = MAX_COPIED_BYTES;
    let lens = iovecs.iter().map(|Iovec(range)| {
        let len = range.len().min(left);
        left = left.saturating_sub(len);
        len
    });
    let lens = lens.take_while(|&len| len > 0);
    lens.map(|len| vec![0; len]).collect()
}

/// The buffers in place, as far as they do not overlap.
fn disjoint<'a>(bytes: &'a mut [u8], iovecs: &[Iovec]) -> Result<Vec<IoSliceMut<'a>>> {
    let mut by_address: Vec<(usize, Range<usize>)> = Vec::new();
    for (order, Iovec(wanted)) in iovecs.iter().enumerate() {
        let at = by_address.partition_point(|(_, taken)| taken.start < wanted.start);
        let overlaps_next = by_address
            .get(at)
            .is_some_and(|(_, next)| next.start < wanted.end);
        let overlaps_previous = at
            .checked_sub(1)
            .and_then(|previous| by_address.get(previous))
            .is_some_and(|(_, previous)| previous.end > wanted.start);
        if overlaps_next || overlaps_previous {
            break;
        }
        by_address.insert(at, (order, wanted.clone()));
    }

    let mut rest: &mut [u8] = bytes;
    let mut rest_start = 0usize;
    let mut slices = Vec::with_capacity(by_address.len());
    for (order, Range { start, end }) in by_address {
        let skip = start.checked_sub(rest_start).ok_or(Errno::Fault)?;
        let len = end.checked_sub(start).ok_or(Errno::Fault)?;
        let (_, tail) = rest.split_at_mut_checked(skip).ok_or(Errno::Fault)?;
        let (slice, tail) = tail.split_at_mut_checked(len).ok_or(Errno::Fault)?;
        slices.push((order, IoSliceMut::new(slice)));
        rest = tail;
        rest_start = end;
    }
    slices.sort_unstable_by_key(|(order, _)| *order);
    Ok(slices.into_iter().map(|(_, slice)| slice).collect())
}

fn range(ptr: u32, len: u32) -> Result<Range<usize>> {
    let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
    let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
    let end = start.checked_add(len).ok_or(Errno::Fault)?;
    Ok(start..end)
}

fn split_iovec(entry: &[u8]) -> Result<(u32, u32)> {
    let (address, len) = entry.split_first_chunk::<4>().ok_or(Errno::Fault)?;
    let len = len.first_chunk::<4>().ok_or(Errno::Fault)?;
    Ok((u32::from_le_bytes(*address), u32::from_le_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iovec_list(entries: &[(u32, u32)]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|(address, len)| [address.to_le_bytes(), len.to_le_bytes()])
            .flatten()
            .collect()
    }

    /// A memory of 64 bytes with the list at its start.
    fn memory_with(entries: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = iovec_list(entries);
        bytes.resize(64, 0);
        bytes
    }

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
    fn iovec_lists_are_limited_and_checked() {
        let mut bytes = memory_with(&[(40, 4), (60, 4), (50, 0)]);
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.iovecs(0, 3), Ok(vec![Iovec(40..44), Iovec(60..64)]));
        assert_eq!(memory.iovecs(0, 1025), Err(Errno::Inval));
        assert_eq!(memory.iovecs(0, u32::MAX), Err(Errno::Inval));
        assert_eq!(memory.iovecs(60, 1), Err(Errno::Fault));

        let mut bytes = memory_with(&[(40, 4), (61, 4)]);
        assert_eq!(GuestMemory::new(&mut bytes).iovecs(0, 2), Err(Errno::Fault));
    }

    #[test]
    fn iovecs_whose_sum_exceeds_u32_are_refused() {
        // Each entry names the whole memory; no real memory of 4 GiB is needed for the sum to overflow.
        let half = 1u32 << 20;
        let entries: Vec<(u32, u32)> = (0..1024).map(|_| (0, half)).collect();
        let mut bytes = iovec_list(&entries);
        bytes.resize(half as usize, 0);
        let memory = GuestMemory::new(&mut bytes);
        assert!(memory.iovecs(0, 1023).is_ok());

        let big = 1u32 << 23;
        let entries: Vec<(u32, u32)> = (0..1024).map(|_| (0, big)).collect();
        let mut bytes = iovec_list(&entries);
        bytes.resize(big as usize, 0);
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.iovecs(0, 1024), Err(Errno::Inval));
    }

    #[test]
    fn scattering_keeps_the_order_of_the_list() {
        let mut bytes = [0u8; 16];
        let list = [Iovec(8..10), Iovec(0..4), Iovec(4..8)];
        let mut slices = disjoint(&mut bytes, &list).unwrap();
        let lens: Vec<usize> = slices.iter().map(|slice| slice.len()).collect();
        assert_eq!(lens, [2, 4, 4]);
        slices[0].copy_from_slice(b"ab");
        slices[1].copy_from_slice(b"cdef");
        assert_eq!(&bytes[..10], b"cdef\0\0\0\0ab");
    }

    #[test]
    fn scattering_ends_before_an_overlap() {
        let mut bytes = [0u8; 16];
        for overlapping in [2..6, 0..4, 3..4, 0..16] {
            let list = [Iovec(0..4), Iovec(overlapping), Iovec(8..9)];
            assert_eq!(disjoint(&mut bytes, &list).unwrap().len(), 1);
        }
        let list = [Iovec(4..8), Iovec(0..5)];
        assert_eq!(disjoint(&mut bytes, &list).unwrap().len(), 1);
    }

    #[test]
    fn a_shared_memory_is_read_and_written_by_way_of_copies() {
        use precast_loader::{Engine, MemoryType};

        let ty = MemoryType::new(1, Some(1)).shared();
        let shared = SharedMemory::new(&Engine::default(), ty).unwrap();
        shared
            .write(0, &iovec_list(&[(104, 3), (101, 2), (200, 0)]))
            .unwrap();
        shared.write(100, b"precast").unwrap();
        let mut memory = GuestMemory::shared(&shared);
        assert_eq!(memory.read_u32(4), Ok(3));
        assert_eq!(memory.path(100, 7).as_deref(), Ok("precast"));
        assert_eq!(memory.write_u64(65_529, 0), Err(Errno::Fault));
        assert_eq!(memory.check(65_536, 0), Ok(()));
        assert_eq!(memory.check(65_536, 1), Err(Errno::Fault));
        assert_eq!(memory.slice(u32::MAX, u32::MAX).err(), Some(Errno::Fault));
        assert_eq!(memory.iovecs(65_535, 1), Err(Errno::Fault));

        let iovecs = memory.iovecs(0, 3).unwrap();
        let mut gathered = Vec::new();
        let count = memory.gather(&iovecs, |slices| {
            slices
                .iter()
                .for_each(|slice| gathered.extend_from_slice(slice));
            Ok(gathered.len())
        });
        assert_eq!((count, &gathered[..]), (Ok(5), &b"astre"[..]));
        // Fewer bytes are read than there is room for: the rest stays as it was.
        let count = memory.scatter(&iovecs, |slices| {
            slices[0].copy_from_slice(b"xyz");
            slices[1][0] = b'_';
            Ok(4)
        });
        assert_eq!(count, Ok(4));
        let count = memory.fill(200, 8, |bytes| {
            bytes[..2].copy_from_slice(b"ab");
            Ok(2)
        });
        assert_eq!(count, Ok(2));
        assert_eq!(shared.read_vec(100, 7).unwrap(), b"p_ecxyz");
        assert_eq!(shared.read_vec(200, 3).unwrap(), b"ab\0");
    }

    #[test]
    fn no_more_than_a_mebibyte_is_copied_at_once() {
        let whole = 0..1 << 30;
        let copies = copies_for(&[Iovec(0..10), Iovec(whole.clone()), Iovec(whole)]);
        let lens: Vec<usize> = copies.iter().map(Vec::len).collect();
        assert_eq!(lens, [10, MAX_COPIED_BYTES - 10]);
    }
}
