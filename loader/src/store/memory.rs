//! The memories of a store: its own, and those that it shares with others.

use precast_artifacts_format::{MemoryType, Tunables};

use super::core::StoreCore;
use crate::error::Error;
use crate::shared_memory::SharedMemory;
use crate::vm::memory::{LinearMemory, MemoryOrder};
use crate::vm::place::Place;
use crate::vm::source::Source;
use precast_artifacts_format::abi::VmMemory;

/// A memory of a store.
#[derive(Debug)]
pub(crate) enum StoreMemory {
    /// The store's alone: whoever has the store has its bytes.
    Own(LinearMemory),
    /// Others may change it at any time.
    Shared(SharedMemory),
}

impl StoreMemory {
    /// Sets up a memory. `definition` is where one of the store's own is told about.
    ///
    /// # Errors
    ///
    /// As for [`LinearMemory::new`].
    pub(crate) fn new(
        source: &Source,
        definition: impl FnOnce() -> Place<VmMemory>,
        order: &MemoryOrder<'_>,
    ) -> Result<Self, Error> {
        Ok(if order.ty.is_shared {
            Self::Shared(SharedMemory::with(source, order)?)
        } else {
            Self::Own(LinearMemory::new(source, definition(), order)?)
        })
    }

    /// The address of its definition, for generated code.
    pub(crate) fn definition_address(&self) -> u64 {
        match self {
            Self::Own(memory) => memory.definition().address(),
            Self::Shared(memory) => memory.space().definition_address(),
        }
    }

    /// Its length in bytes.
    pub(crate) fn length_bytes(&self) -> u64 {
        match self {
            Self::Own(memory) => memory.length_bytes(),
            Self::Shared(memory) => memory.space().length_bytes(),
        }
    }

    /// The same as memory on this machine counts, which it fits into.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.length_bytes()).unwrap_or(usize::MAX)
    }

    /// Its type as others see it: with the present length as minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        match self {
            Self::Own(memory) => memory.ty(),
            Self::Shared(memory) => memory.ty(),
        }
    }

    /// Whether code compiled with `tunables` can rely on this memory.
    pub(crate) fn suits(&self, tunables: &Tunables) -> bool {
        match self {
            Self::Own(memory) => memory.suits(tunables),
            Self::Shared(memory) => memory.space().suits(tunables),
        }
    }

    /// Whether a fault at `address` is an access out of this memory's bounds.
    pub(crate) fn is_out_of_bounds(&self, address: u64) -> bool {
        match self {
            Self::Own(memory) => memory.is_out_of_bounds(address),
            Self::Shared(memory) => memory.space().reaches(address),
        }
    }

    /// Grows by `delta` pages. The number of pages before, or `None` if that is more than allowed
    /// or the system has no room.
    pub(crate) fn grow(&mut self, delta: u64) -> Option<u64> {
        match self {
            Self::Own(memory) => memory.grow(delta),
            Self::Shared(memory) => memory.space().grow(delta),
        }
    }

    /// The memory's bytes, if they are the store's own.
    pub(crate) fn own(&self) -> Option<&LinearMemory> {
        match self {
            Self::Own(memory) => Some(memory),
            Self::Shared(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn own_mut(&mut self) -> Option<&mut LinearMemory> {
        match self {
            Self::Own(memory) => Some(memory),
            Self::Shared(_) => None,
        }
    }

    /// The memory, if it is shared.
    pub(crate) fn shared(&self) -> Option<&SharedMemory> {
        match self {
            Self::Own(_) => None,
            Self::Shared(memory) => Some(memory),
        }
    }

    /// Copies bytes from `at` on, all of which lie in the memory.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) {
        match self {
            Self::Own(memory) => {
                let source = memory.bytes().get(at..).unwrap_or(&[]);
                if let Some(source) = source.get(..bytes.len()) {
                    bytes.copy_from_slice(source);
                }
            }
            Self::Shared(memory) => memory.space().read(at, bytes),
        }
    }

    /// Copies bytes to where they all lie in the memory from `at` on.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        match self {
            Self::Own(memory) => {
                let place = memory.bytes_mut().get_mut(at..).unwrap_or(&mut []);
                if let Some(place) = place.get_mut(..bytes.len()) {
                    place.copy_from_slice(bytes);
                }
            }
            Self::Shared(memory) => memory.space().write(at, bytes),
        }
    }
}

/// Bytes that are copied by way of a buffer at a time.
const BUFFER_BYTES: usize = 4096;

impl StoreCore {
    /// Copies `len` bytes from `from` on of one memory to `to` of another, or of the same, by way
    /// of a buffer. They all lie in the memories, and may overlap. Ends early if `go_on` fails,
    /// which is asked now and then.
    pub(crate) fn copy_buffered<E>(
        &mut self,
        (to_number, mut to): (usize, usize),
        (from_number, mut from): (usize, usize),
        mut len: usize,
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buffer = [0; BUFFER_BYTES];
        // No piece may overwrite what is still to be copied.
        let upward = to <= from;
        while len > 0 {
            let piece = len.min(BUFFER_BYTES);
            len -= piece;
            let offset = if upward { 0 } else { len };
            let bytes = buffer.get_mut(..piece).unwrap_or(&mut []);
            if let Some(memory) = self.memories.get(from_number) {
                memory.read(from + offset, bytes);
            }
            if let Some(memory) = self.memories.get_mut(to_number) {
                memory.write(to + offset, bytes);
            }
            if upward {
                to += piece;
                from += piece;
            }
            go_on()?;
        }
        Ok(())
    }

    /// Sets `len` bytes from `to` on, all of which lie in the memory, to `byte`. Ends early if
    /// `go_on` fails, which is asked now and then.
    pub(crate) fn fill_buffered<E>(
        &mut self,
        (number, mut to): (usize, usize),
        byte: u8,
        mut len: usize,
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let buffer = [byte; BUFFER_BYTES];
        while len > 0 {
            let bytes = buffer.get(..len).unwrap_or(&buffer);
            if let Some(memory) = self.memories.get_mut(number) {
                memory.write(to, bytes);
            }
            to += bytes.len();
            len -= bytes.len();
            go_on()?;
        }
        Ok(())
    }

    /// The number of a shared memory in this store, to which it is added if it is new.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if there may be no more, or none so large.
    pub(crate) fn add_shared_memory(&mut self, memory: &SharedMemory) -> Result<u32, Error> {
        let known = self
            .memories
            .iter()
            .position(|other| other.shared().is_some_and(|other| other.is_same(memory)));
        if let Some(number) = known.and_then(|number| u32::try_from(number).ok()) {
            return Ok(number);
        }
        let length_bytes = memory.space().length_bytes();
        self.add_memory(length_bytes, |_| Ok(StoreMemory::Shared(memory.clone())))
    }
}
