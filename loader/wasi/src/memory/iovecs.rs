//! Lists of buffers: what one call reads into, or writes from.
//!
//! Such a list is short as a rule: one buffer, or two where a C library empties or fills its own buffer along the
//! way. Lists of up to [`FEW`] are kept on the stack, longer ones on the heap.

use std::io::{IoSlice, IoSliceMut};
use std::ops::{Deref, Range};

use super::{Bytes, GuestMemory, range};
use crate::{Errno, Result};

/// The most buffers that one scatter or gather call may name (`IOV_MAX` of common hosts).
const MAX_IOVECS: u32 = 1024;

/// How many buffers take no allocation.
const FEW: usize = 4;

/// Bytes of one `iovec`: address `u32`, length `u32`.
const IOVEC_BYTES: u32 = 8;

/// The most bytes that one scatter or gather call copies out of or into a shared memory. It then moves fewer than
/// asked for, which every caller must expect.
const MAX_COPIED_BYTES: usize = 1 << 20;

/// A buffer that the guest named; checked to lie inside the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Iovec(Range<usize>);

/// The buffers of one call, in the guest's order.
pub(crate) enum Iovecs {
    Few([Iovec; FEW], usize),
    Many(Vec<Iovec>),
}

impl Iovecs {
    fn with_room_for(count: usize) -> Iovecs {
        if count <= FEW {
            Iovecs::Few([const { Iovec(0..0) }; FEW], 0)
        } else {
            Iovecs::Many(Vec::with_capacity(count))
        }
    }

    fn push(&mut self, iovec: Iovec) -> Result<()> {
        match self {
            Iovecs::Few(places, count) => {
                *places.get_mut(*count).ok_or(Errno::Inval)? = iovec;
                *count = count.saturating_add(1);
            }
            Iovecs::Many(iovecs) => iovecs.push(iovec),
        }
        Ok(())
    }
}

impl Deref for Iovecs {
    type Target = [Iovec];

    fn deref(&self) -> &[Iovec] {
        match self {
            Iovecs::Few(places, count) => places.get(..*count).unwrap_or(places),
            Iovecs::Many(iovecs) => iovecs,
        }
    }
}

impl GuestMemory<'_> {
    /// Reads a list of buffers; empty ones are left out.
    ///
    /// # Errors
    ///
    /// - [`Errno::Inval`] for more than 1024 buffers, or more bytes together than the result (`u32`) can report.
    /// - [`Errno::Fault`] if the list or one of the buffers does not lie in memory.
    pub(crate) fn iovecs(&self, ptr: u32, count: u32) -> Result<Iovecs> {
        if count > MAX_IOVECS {
            return Err(Errno::Inval);
        }
        let list_bytes = count.checked_mul(IOVEC_BYTES).ok_or(Errno::Inval)?;
        let list = self.slice(ptr, list_bytes)?;
        let entries = list.chunks_exact(IOVEC_BYTES as usize);
        let mut iovecs = Iovecs::with_room_for(entries.len());
        let mut total_bytes = 0u32;
        for entry in entries {
            let (address, len) = split_iovec(entry)?;
            self.check(address, len)?;
            total_bytes = total_bytes.checked_add(len).ok_or(Errno::Inval)?;
            if len > 0 {
                iovecs.push(Iovec(range(address, len)?))?;
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
                let mut few = [IoSlice::new(&[]); FEW];
                let mut many = Vec::new();
                let slices = match few.get_mut(..iovecs.len()) {
                    Some(slices) => slices,
                    None => {
                        many.resize(iovecs.len(), IoSlice::new(&[]));
                        &mut many[..]
                    }
                };
                for (slice, Iovec(range)) in slices.iter_mut().zip(iovecs) {
                    *slice = IoSlice::new(bytes.get(range.clone()).ok_or(Errno::Fault)?);
                }
                write(slices)
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
            Bytes::Own(bytes) if iovecs.len() <= FEW => {
                let mut placed = [const { Placed::NOWHERE }; FEW];
                let mut slices = [(); FEW].map(|()| IoSliceMut::new(&mut []));
                read(disjoint(bytes, iovecs, &mut placed, &mut slices)?)
            }
            Bytes::Own(bytes) => {
                let mut placed = vec![Placed::NOWHERE; iovecs.len()];
                let empty = iovecs.iter().map(|_| IoSliceMut::new(&mut []));
                let mut slices: Vec<_> = empty.collect();
                read(disjoint(bytes, iovecs, &mut placed, &mut slices)?)
            }
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

/// Where a buffer lies, and which of the list it is.
#[derive(Clone)]
struct Placed {
    range: Range<usize>,
    order: usize,
}

impl Placed {
    const NOWHERE: Placed = Placed {
        range: 0..0,
        order: 0,
    };
}

/// The buffers in place, as far as they do not overlap. `placed` and `slices` are room for as many as there are in the list.
///
/// Those found disjoint are kept sorted by address, so that each is compared with two neighbours only, and that memory
/// is then split from its start to its end.
fn disjoint<'a, 's>(
    bytes: &'a mut [u8],
    iovecs: &[Iovec],
    placed: &mut [Placed],
    slices: &'s mut [IoSliceMut<'a>],
) -> Result<&'s mut [IoSliceMut<'a>]> {
    let mut count = 0usize;
    for (order, Iovec(wanted)) in iovecs.iter().enumerate() {
        let (known, free) = placed.split_at_mut_checked(count).ok_or(Errno::Fault)?;
        let at = known.partition_point(|known| known.range.start < wanted.start);
        let overlaps_next = known
            .get(at)
            .is_some_and(|next| next.range.start < wanted.end);
        let overlaps_previous = at
            .checked_sub(1)
            .and_then(|previous| known.get(previous))
            .is_some_and(|previous| previous.range.end > wanted.start);
        if overlaps_next || overlaps_previous {
            break;
        }
        let range = wanted.clone();
        *free.first_mut().ok_or(Errno::Fault)? = Placed { range, order };
        placed
            .get_mut(at..=count)
            .ok_or(Errno::Fault)?
            .rotate_right(1);
        count = count.saturating_add(1);
    }

    let mut rest: &'a mut [u8] = bytes;
    let mut rest_start = 0usize;
    for Placed { range, order } in placed.get(..count).ok_or(Errno::Fault)? {
        let skip = range.start.checked_sub(rest_start).ok_or(Errno::Fault)?;
        let (_, tail) = rest.split_at_mut_checked(skip).ok_or(Errno::Fault)?;
        let (slice, tail) = tail.split_at_mut_checked(range.len()).ok_or(Errno::Fault)?;
        *slices.get_mut(*order).ok_or(Errno::Fault)? = IoSliceMut::new(slice);
        rest = tail;
        rest_start = range.end;
    }
    slices.get_mut(..count).ok_or(Errno::Fault)
}

fn split_iovec(entry: &[u8]) -> Result<(u32, u32)> {
    let (address, len) = entry.split_first_chunk::<4>().ok_or(Errno::Fault)?;
    let len = len.first_chunk::<4>().ok_or(Errno::Fault)?;
    Ok((u32::from_le_bytes(*address), u32::from_le_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_loader::{Engine, MemoryType, SharedMemory};

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
    fn iovec_lists_are_limited_and_checked() {
        let mut bytes = memory_with(&[(40, 4), (60, 4), (50, 0)]);
        let memory = GuestMemory::new(&mut bytes);
        let iovecs = memory.iovecs(0, 3).unwrap();
        assert_eq!(*iovecs, [Iovec(40..44), Iovec(60..64)]);
        assert_eq!(memory.iovecs(0, 1025).err(), Some(Errno::Inval));
        assert_eq!(memory.iovecs(0, u32::MAX).err(), Some(Errno::Inval));
        assert_eq!(memory.iovecs(60, 1).err(), Some(Errno::Fault));

        let mut bytes = memory_with(&[(40, 4), (61, 4)]);
        assert_eq!(
            GuestMemory::new(&mut bytes).iovecs(0, 2).err(),
            Some(Errno::Fault)
        );
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
        assert_eq!(memory.iovecs(0, 1024).err(), Some(Errno::Inval));
    }

    /// Has the list filled with `ABC…` in its order.
    fn scatter(bytes: &mut [u8], list: &[Range<usize>]) -> usize {
        let list: Vec<_> = list.iter().cloned().map(Iovec).collect();
        let read = |slices: &mut [IoSliceMut<'_>]| {
            let places = slices.iter_mut().flat_map(|slice| slice.iter_mut());
            let filled = places.zip(b'A'..).map(|(place, letter)| *place = letter);
            Ok(filled.count())
        };
        GuestMemory::new(bytes).scatter(&list, read).unwrap()
    }

    #[test]
    fn scattering_and_gathering_keep_the_order_of_the_list() {
        // As few as are kept on the stack, and more.
        for buffers in [1, 2, FEW, FEW + 1, 8] {
            let list: Vec<_> = (0..buffers)
                .map(|index| (index * 5) % 16)
                .map(|start| start..start + 1)
                .collect();
            let mut bytes = [b'.'; 16];
            assert_eq!(scatter(&mut bytes, &list), buffers);
            for (range, letter) in list.iter().zip(b'A'..) {
                assert_eq!(bytes[range.start], letter);
            }
            assert_eq!(bytes.iter().filter(|&&byte| byte != b'.').count(), buffers);

            let list: Vec<_> = list.into_iter().map(Iovec).collect();
            let mut gathered = Vec::new();
            let write = |slices: &[IoSlice<'_>]| {
                slices
                    .iter()
                    .for_each(|slice| gathered.extend_from_slice(slice));
                Ok(gathered.len())
            };
            let count = GuestMemory::new(&mut bytes).gather(&list, write);
            assert_eq!(count, Ok(buffers));
            assert_eq!(gathered, &b"ABCDEFGH"[..buffers]);
        }
    }

    #[test]
    fn buffers_of_several_bytes_are_scattered_into() {
        let mut bytes = [b'.'; 12];
        assert_eq!(scatter(&mut bytes, &[8..10, 0..4, 4..8]), 10);
        assert_eq!(&bytes, b"CDEFGHIJAB..");
    }

    #[test]
    fn scattering_ends_before_an_overlap() {
        for overlapping in [2..6, 0..4, 3..4, 0..16] {
            let mut bytes = [b'.'; 16];
            assert_eq!(scatter(&mut bytes, &[0..4, overlapping, 8..9]), 4);
            assert_eq!(&bytes, b"ABCD............");
        }
        assert_eq!(scatter(&mut [0; 16], &[4..8, 0..5]), 4);
        let many: Vec<_> = [9..10, 8..9, 7..8, 6..7, 5..6, 4..5, 0..5].into();
        assert_eq!(scatter(&mut [0; 16], &many), 6);
    }

    #[test]
    fn buffers_of_a_shared_memory_are_copied() {
        let ty = MemoryType::new(1, Some(1)).shared();
        let shared = SharedMemory::new(&Engine::default(), ty).unwrap();
        shared
            .write(0, &iovec_list(&[(104, 3), (101, 2), (200, 0)]))
            .unwrap();
        shared.write(100, b"precast").unwrap();
        let mut memory = GuestMemory::shared(&shared);
        assert_eq!(memory.iovecs(65_535, 1).err(), Some(Errno::Fault));

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
        assert_eq!(shared.read_vec(100, 7).unwrap(), b"p_ecxyz");
    }

    #[test]
    fn no_more_than_a_mebibyte_is_copied_at_once() {
        let whole = 0..1 << 30;
        let copies = copies_for(&[Iovec(0..10), Iovec(whole.clone()), Iovec(whole)]);
        let lens: Vec<usize> = copies.iter().map(Vec::len).collect();
        assert_eq!(lens, [10, MAX_COPIED_BYTES - 10]);
    }
}
