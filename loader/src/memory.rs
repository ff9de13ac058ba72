//! Linear memories, as the host sees them.

use precast_artifacts_format::abi::VmMemory;
use precast_artifacts_format::{MemoryType, Tunables};

use crate::error::{Error, UsageError};
use crate::store::core::{StoreCore, push};
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::vm::memory::{LinearMemory, MemoryOrder};
use crate::vm::place::Place;

/// A linear memory of a store.
///
/// ```
/// use precast_loader::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = MemoryType { minimum_pages: 1, maximum_pages: Some(2) };
/// let memory = Memory::new(&mut store, ty)?;
/// memory.write(&mut store, 65_534, &[1, 2])?;
/// assert!(memory.write(&mut store, 65_535, &[1, 2]).is_err());
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.data(&store)[65_534..65_537], [1, 2, 0]);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the memory belongs to another store than the one they are given.
impl Memory {
    /// A new memory of the host's, to be imported by modules. It has the guards that code with
    /// the default tunables relies on.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than allowed, [`Error::Io`] if there is no room.
    pub fn new(store: &mut impl AsStoreMut, ty: MemoryType) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let definition = Place::new(VmMemory::default());
        let order = MemoryOrder {
            ty,
            tunables: Tunables::DEFAULT,
            max_bytes: core.limits.memory_bytes,
            key: None,
            contents: None,
        };
        let memory = LinearMemory::new(&core.memory_source, definition, &order)?;
        Ok(Self {
            store: core.id,
            index: push(&mut core.memories, memory),
        })
    }

    /// Its type, with the present size as minimum.
    pub fn ty(&self, store: &impl AsStore) -> MemoryType {
        self.of(store.as_store().core()).ty()
    }

    /// Its size in pages of 64 KiB.
    pub fn size_pages(&self, store: &impl AsStore) -> u64 {
        self.of(store.as_store().core()).pages()
    }

    /// Its bytes.
    pub fn data<'a, S: AsStore>(&self, store: &'a S) -> &'a [u8] {
        self.of(store.as_store().core()).bytes()
    }

    /// Its bytes, to be changed.
    pub fn data_mut<'a, S: AsStoreMut>(&self, store: &'a mut S) -> &'a mut [u8] {
        let (core, _) = store.as_store_mut().parts();
        self.of_mut(core).bytes_mut()
    }

    /// Its bytes and the host's data, both to be changed.
    pub fn data_and_store_mut<'a, S: AsStoreMut>(
        &self,
        store: &'a mut S,
    ) -> (&'a mut [u8], &'a mut S::Data) {
        let (core, data) = store.as_store_mut().parts();
        (self.of_mut(core).bytes_mut(), data)
    }

    /// Fills `bytes` with what stands from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    pub fn read(&self, store: &impl AsStore, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let memory = self.data(store);
        let range = range(offset, bytes.len())?;
        bytes.copy_from_slice(memory.get(range).ok_or(UsageError::OutOfBounds)?);
        Ok(())
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    pub fn write(
        &self,
        store: &mut impl AsStoreMut,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let memory = self.data_mut(store);
        let range = range(offset, bytes.len())?;
        let place = memory.get_mut(range).ok_or(UsageError::OutOfBounds)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    /// Grows by `delta` pages of zeros; gives the size before, in pages.
    ///
    /// # Errors
    ///
    /// [`UsageError::CannotGrow`] if that is more than the memory's type or the configuration
    /// allows, or if the system has no room.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64) -> Result<u64, Error> {
        let (core, _) = store.as_store_mut().parts();
        let before = self.of_mut(core).grow(delta);
        before.ok_or_else(|| UsageError::CannotGrow.into())
    }

    fn of(self, core: &StoreCore) -> &LinearMemory {
        core.check_owner(self.store);
        &core.memories[self.index as usize]
    }

    fn of_mut(self, core: &mut StoreCore) -> &mut LinearMemory {
        core.check_owner(self.store);
        &mut core.memories[self.index as usize]
    }
}

fn range(offset: u64, len: usize) -> Result<std::ops::Range<usize>, UsageError> {
    let start = usize::try_from(offset).map_err(|_| UsageError::OutOfBounds)?;
    let end = start.checked_add(len).ok_or(UsageError::OutOfBounds)?;
    Ok(start..end)
}
