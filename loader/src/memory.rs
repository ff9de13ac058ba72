//! Linear memories, as the host sees them.

use std::borrow::Cow;

use precast_artifacts_format::abi::VmMemory;
use precast_artifacts_format::{MemoryType, Tunables};

use crate::bounds;
use crate::error::{Error, UsageError};
use crate::store::core::StoreCore;
use crate::store::memory::StoreMemory;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::vm::memory::MemoryOrder;
use crate::vm::place::Place;

mod value;

pub use value::MemoryTy;

/// A linear memory of a store.
///
/// Offsets and lengths are in bytes, unless pages are named. A guest's pointer is an offset as it
/// is. Whatever reaches beyond the end is an error, found before anything is read, written or
/// allocated.
///
/// ```
/// use precast_loader::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = MemoryType::new(1, Some(2));
/// let memory = Memory::new(&mut store, ty)?;
/// memory.write(&mut store, 65_534, &[1, 2])?;
/// assert!(memory.write(&mut store, 65_535, &[1, 2]).is_err());
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.load::<u32>(&store, 65_534)?, 0x0000_0201);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the memory belongs to another store than the one they are given.
impl Memory {
    /// A new memory of the host's, to be imported by modules. It has the guards that code with
    /// the default tunables relies on, if its type is one for which code does.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than allowed, [`Error::Io`] if there is no room,
    /// [`UsageError::InvalidMemoryType`].
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Memory, MemoryType, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let ty = MemoryType::new(1, None);
    /// let memory = Memory::new(&mut store, ty)?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.define("env", "memory", memory)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(store: &mut impl AsStoreMut, ty: MemoryType) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        if !ty.is_valid() {
            return Err(UsageError::InvalidMemoryType { ty }.into());
        }
        let minimum_bytes = ty.minimum_bytes().unwrap_or(u64::MAX);
        let index = core.add_memory(minimum_bytes, |core| {
            let order = MemoryOrder {
                ty,
                tunables: Tunables::DEFAULT,
                max_bytes: core.limits.memory_bytes,
                key: None,
                contents: None,
            };
            let definition = || Place::new(VmMemory::default());
            StoreMemory::new(&core.memory_source, definition, &order)
        })?;
        Ok(Self {
            store: core.id,
            index,
        })
    }

    /// Its type, with the present size as minimum.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Memory};
    /// fn may_grow(store: &impl AsStore, memory: Memory) -> bool {
    ///     let ty = memory.ty(store);
    ///     ty.maximum_pages.is_none_or(|maximum| ty.minimum_pages < maximum)
    /// }
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> MemoryType {
        self.of(store.as_store().core()).ty()
    }

    /// Its size in pages, which are 64 KiB each unless its [type](Self::ty) says otherwise.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Memory};
    /// fn check(store: &impl AsStore, memory: Memory) {
    ///     let pages = memory.size_pages(store);
    ///     assert_eq!(memory.size_bytes(store), pages * memory.ty(store).page_bytes());
    /// }
    /// ```
    pub fn size_pages(&self, store: &impl AsStore) -> u64 {
        self.ty(store).minimum_pages
    }

    /// Its size in bytes: up to 2³², so that it does not fit into a `u32`, and more if its addresses
    /// have 64 bits and the [configuration](crate::Config::max_memory_bytes) allows it.
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = MemoryType::new(65_536, None);
    /// let memory = Memory::new(&mut store, ty)?;
    /// assert_eq!(memory.size_bytes(&store), 1 << 32);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn size_bytes(&self, store: &impl AsStore) -> u64 {
        self.of(store.as_store().core()).length_bytes()
    }

    /// All its bytes.
    ///
    /// # Panics
    ///
    /// If it is shared: others may change them at any time. [`read`](Self::read) copies them.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Memory};
    /// fn is_zero(store: &impl AsStore, memory: Memory) -> bool {
    ///     memory.data(store).iter().all(|&byte| byte == 0)
    /// }
    /// ```
    pub fn data<'a, S: AsStore>(&self, store: &'a S) -> &'a [u8] {
        own(self.of(store.as_store().core()).own()).bytes()
    }

    /// All its bytes, to be changed.
    ///
    /// # Panics
    ///
    /// If it is shared.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Memory};
    /// fn clear(store: &mut impl AsStoreMut, memory: Memory) {
    ///     memory.data_mut(store).fill(0);
    /// }
    /// ```
    pub fn data_mut<'a, S: AsStoreMut>(&self, store: &'a mut S) -> &'a mut [u8] {
        let (core, _) = store.as_store_mut().parts();
        own(self.of_mut(core).own_mut()).bytes_mut()
    }

    /// All its bytes and the host's data, both to be changed.
    ///
    /// # Panics
    ///
    /// If it is shared.
    ///
    /// ```
    /// use precast_loader::{Caller, Engine, Linker};
    ///
    /// let mut linker = Linker::<u8>::new(&Engine::default());
    /// linker.func("env", "next", |mut caller: Caller<'_, u8>, at: u32| {
    ///     if let Some(memory) = caller.memory() {
    ///         let (bytes, counter) = memory.data_and_store_mut(&mut caller);
    ///         if let Some(byte) = bytes.get_mut(at as usize) {
    ///             *counter += 1;
    ///             *byte = *counter;
    ///         }
    ///     }
    /// })?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn data_and_store_mut<'a, S: AsStoreMut>(
        &self,
        store: &'a mut S,
    ) -> (&'a mut [u8], &'a mut S::Data) {
        let (core, data) = store.as_store_mut().parts();
        (own(self.of_mut(core).own_mut()).bytes_mut(), data)
    }

    /// `len` bytes from `offset` on, in place.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; [`UsageError::Shared`] if it is shared.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Error, Memory};
    /// fn print(store: &impl AsStore, memory: Memory, at: u32, len: u32) -> Result<(), Error> {
    ///     let bytes = memory.slice(store, at.into(), len.into())?;
    ///     println!("{}", String::from_utf8_lossy(bytes));
    ///     Ok(())
    /// }
    /// ```
    pub fn slice<'a, S: AsStore>(
        &self,
        store: &'a S,
        offset: u64,
        len: u64,
    ) -> Result<&'a [u8], Error> {
        let memory = self.of(store.as_store().core()).own();
        let bytes = memory.ok_or(UsageError::Shared)?.bytes();
        let range = bounds::range(offset, len, bytes.len())?;
        Ok(&bytes[range])
    }

    /// `len` bytes from `offset` on, in place, to be changed.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; [`UsageError::Shared`] if it is shared.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Memory};
    /// fn upper(store: &mut impl AsStoreMut, memory: Memory, at: u64) -> Result<(), Error> {
    ///     memory.slice_mut(store, at, 4)?.make_ascii_uppercase();
    ///     Ok(())
    /// }
    /// ```
    pub fn slice_mut<'a, S: AsStoreMut>(
        &self,
        store: &'a mut S,
        offset: u64,
        len: u64,
    ) -> Result<&'a mut [u8], Error> {
        let (core, _) = store.as_store_mut().parts();
        let memory = self.of_mut(core).own_mut();
        let bytes = memory.ok_or(UsageError::Shared)?.bytes_mut();
        let range = bounds::range(offset, len, bytes.len())?;
        Ok(&mut bytes[range])
    }

    /// The number, or array of numbers, that stands at `offset`, as [`MemoryTy`] says.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`].
    ///
    /// ```
    /// # use precast_loader::{AsStore, Error, Memory};
    /// /// A pointer and a length, as C and Rust programs pass strings.
    /// fn string(store: &impl AsStore, memory: Memory, at: u64) -> Result<String, Error> {
    ///     let [pointer, len] = memory.load::<[u32; 2]>(store, at)?;
    ///     memory.read_string(store, pointer.into(), len.into())
    /// }
    /// ```
    pub fn load<T: MemoryTy>(&self, store: &impl AsStore, offset: u64) -> Result<T, Error> {
        if let Some(memory) = self.of(store.as_store().core()).shared() {
            return memory.load(offset);
        }
        let bytes = self.slice(store, offset, T::BYTES as u64)?;
        Ok(T::from_memory(bytes))
    }

    /// Writes a number, or an array of numbers, to `offset`, as [`MemoryTy`] says.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// memory.store(&mut store, 8, 1.5f64)?;
    /// memory.store(&mut store, 16, [1u16, 2, 3])?;
    /// assert_eq!(memory.load::<f64>(&store, 8)?, 1.5);
    /// assert_eq!(memory.data(&store)[16..22], [1, 0, 2, 0, 3, 0]);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn store<T: MemoryTy>(
        &self,
        store: &mut impl AsStoreMut,
        offset: u64,
        value: T,
    ) -> Result<(), Error> {
        if let Some(memory) = self.as_shared(store) {
            return memory.store(offset, value);
        }
        value.to_memory(self.slice_mut(store, offset, T::BYTES as u64)?);
        Ok(())
    }

    /// Fills `bytes` with what stands from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Error, Memory};
    /// fn magic(store: &impl AsStore, memory: Memory) -> Result<[u8; 4], Error> {
    ///     let mut magic = [0; 4];
    ///     memory.read(store, 0, &mut magic)?;
    ///     Ok(magic)
    /// }
    /// ```
    pub fn read(&self, store: &impl AsStore, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        if let Some(memory) = self.of(store.as_store().core()).shared() {
            return memory.read(offset, bytes);
        }
        bytes.copy_from_slice(self.slice(store, offset, bytes.len() as u64)?);
        Ok(())
    }

    /// A copy of `len` bytes from `offset` on. No memory is allocated for a length that the memory
    /// does not have.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`].
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// assert_eq!(memory.read_vec(&store, 100, 3)?, [0; 3]);
    /// assert!(memory.read_vec(&store, 100, u64::MAX).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn read_vec(&self, store: &impl AsStore, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        Ok(self.copied(store, offset, len)?.into_owned())
    }

    /// A copy of the text that `len` bytes from `offset` on hold.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; [`UsageError::NotUtf8`] if they are no text.
    ///
    /// ```
    /// use precast_loader::{Caller, Engine, Error, Linker};
    ///
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// let log = |mut caller: Caller<'_, ()>, at: u32, len: u32| -> Result<(), Error> {
    ///     let memory = caller.memory().ok_or(Error::host("the guest exports no memory"))?;
    ///     println!("{}", memory.read_string(&caller, at.into(), len.into())?);
    ///     Ok(())
    /// };
    /// linker.func("env", "log", log)?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn read_string(
        &self,
        store: &impl AsStore,
        offset: u64,
        len: u64,
    ) -> Result<String, Error> {
        let bytes = self.copied(store, offset, len)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| UsageError::NotUtf8 {
            offset: offset + error.valid_up_to() as u64,
        })?;
        Ok(text.to_owned())
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Memory};
    /// fn copy_in(store: &mut impl AsStoreMut, memory: Memory, at: u32) -> Result<(), Error> {
    ///     memory.write(store, at.into(), b"precast\0")
    /// }
    /// ```
    pub fn write(
        &self,
        store: &mut impl AsStoreMut,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        if let Some(memory) = self.as_shared(store) {
            return memory.write(offset, bytes);
        }
        let place = self.slice_mut(store, offset, bytes.len() as u64)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a text from `offset` on, as UTF-8, with nothing before or behind it. Gives its
    /// length in bytes.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// let len = memory.write_str(&mut store, 64, "dönerlöß")?;
    /// assert_eq!(memory.read_string(&store, 64, len)?, "dönerlöß");
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn write_str(
        &self,
        store: &mut impl AsStoreMut,
        offset: u64,
        text: &str,
    ) -> Result<u64, Error> {
        self.write(store, offset, text.as_bytes())?;
        Ok(text.len() as u64)
    }

    /// Sets `len` bytes from `offset` on to `byte`, as the instruction `memory.fill` does.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Memory};
    /// fn poison(store: &mut impl AsStoreMut, memory: Memory, at: u64) -> Result<(), Error> {
    ///     memory.fill(store, at, 4096, 0xaa)
    /// }
    /// ```
    pub fn fill(
        &self,
        store: &mut impl AsStoreMut,
        offset: u64,
        len: u64,
        byte: u8,
    ) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        let memory = self.of_mut(core);
        let range = bounds::range(offset, len, memory.len())?;
        if let Some(memory) = memory.own_mut() {
            memory.bytes_mut()[range].fill(byte);
            return Ok(());
        }
        let place = (self.index as usize, range.start);
        core.fill_buffered(place, byte, range.len(), || Ok(()))
    }

    /// Copies `len` bytes from `from` on to `to`. The two may overlap.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// memory.write(&mut store, 0, &[1, 2, 3])?;
    /// memory.copy_within(&mut store, 0, 1, 3)?;
    /// assert_eq!(memory.data(&store)[..4], [1, 1, 2, 3]);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn copy_within(
        &self,
        store: &mut impl AsStoreMut,
        from: u64,
        to: u64,
        len: u64,
    ) -> Result<(), Error> {
        self.copy_from(store, to, *self, from, len)
    }

    /// Copies `len` bytes from `from` on of another memory, or of this one, to `to`, as the
    /// instruction `memory.copy` does.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// # Panics
    ///
    /// If either memory belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Memory};
    /// fn pass_on(
    ///     store: &mut impl AsStoreMut,
    ///     (sender, from): (Memory, u32),
    ///     (receiver, to): (Memory, u32),
    /// ) -> Result<(), Error> {
    ///     receiver.copy_from(store, to.into(), sender, from.into(), 4096)
    /// }
    /// ```
    pub fn copy_from(
        &self,
        store: &mut impl AsStoreMut,
        to: u64,
        source: Self,
        from: u64,
        len: u64,
    ) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        if source == *self
            && let Some(memory) = self.of_mut(core).own_mut()
        {
            return Ok(bounds::copy_within(memory.bytes_mut(), from, to, len)?);
        }
        let numbers = [self.index as usize, source.index as usize];
        let (place, source) = (self.of(core), source.of(core));
        if place.own().is_none() || source.own().is_none() {
            let from = bounds::range(from, len, source.len())?;
            let to = bounds::range(to, len, place.len())?;
            let [place, source] = numbers;
            let (place, source) = ((place, to.start), (source, from.start));
            return core.copy_buffered(place, source, to.len(), || Ok(()));
        }
        let memories = core.memories.get_disjoint_mut(numbers);
        let [place, source] = memories.expect("two memories of this store");
        let (place, source) = (own(place.own_mut()).bytes_mut(), own(source.own()).bytes());
        bounds::copy_between(place, to, source, from, len)?;
        Ok(())
    }

    /// Grows by `delta` pages of zeros; gives the size before, in pages. They are those of its
    /// [type](Self::ty): 64 KiB each, or single bytes.
    ///
    /// # Errors
    ///
    /// [`UsageError::CannotGrow`] if that is more than the memory's type or the configuration
    /// allows, or if the system has no room.
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = MemoryType::new(1, Some(3));
    /// let memory = Memory::new(&mut store, ty)?;
    /// assert_eq!(memory.grow(&mut store, 2)?, 1);
    /// assert!(memory.grow(&mut store, 1).is_err());
    ///
    /// let single_bytes = MemoryType::new(100, None).with_page_size_log2(0);
    /// let memory = Memory::new(&mut store, single_bytes)?;
    /// assert_eq!(memory.grow(&mut store, 20)?, 100);
    /// assert_eq!(memory.data(&store).len(), 120);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64) -> Result<u64, Error> {
        let (core, _) = store.as_store_mut().parts();
        core.check_owner(self.store);
        let before = core.grow_memory(self.index as usize, delta);
        before.ok_or_else(|| UsageError::CannotGrow.into())
    }

    fn copied<'a, S: AsStore>(
        &self,
        store: &'a S,
        offset: u64,
        len: u64,
    ) -> Result<Cow<'a, [u8]>, Error> {
        Ok(match self.of(store.as_store().core()).shared() {
            Some(memory) => Cow::Owned(memory.read_vec(offset, len)?),
            None => Cow::Borrowed(self.slice(store, offset, len)?),
        })
    }

    fn of(self, core: &StoreCore) -> &StoreMemory {
        core.check_owner(self.store);
        &core.memories[self.index as usize]
    }

    fn of_mut(self, core: &mut StoreCore) -> &mut StoreMemory {
        core.check_owner(self.store);
        &mut core.memories[self.index as usize]
    }
}

/// What is there unless the memory is shared.
#[track_caller]
fn own<M>(memory: Option<M>) -> M {
    memory.expect("the bytes of a shared memory can be copied, not borrowed")
}
