//! Linear memories that several threads use at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use precast_artifacts_format::{MemoryType, TrapCode, Tunables};

use crate::bounds;
use crate::engine::Engine;
use crate::error::{Error, UsageError};
use crate::memory::{Memory, MemoryTy};
use crate::store::{AsStore, AsStoreMut};
use crate::vm::memory::MemoryOrder;
use crate::vm::parking::Waited;
use crate::vm::shared::{Atomic, SharedSpace};
use crate::vm::source::Source;

/// A linear memory that several threads use at a time, each with a store of its own (the threads
/// proposal).
///
/// A clone is the same memory. It belongs to no store: a [linker](crate::Linker::shared_memory)
/// offers it to modules of any store, and [`Memory::from_shared`](crate::Memory::from_shared)
/// makes it one of a store's memories.
///
/// Guests and host may change any byte at any time, so that there are no references to bytes, only
/// copies. Copying is not atomic as a whole: each byte is some value that it had meanwhile. To
/// agree on an order there are the atomic methods, which are sequentially consistent as the
/// guests' atomic instructions are. Offsets and lengths are in bytes; numbers are little-endian.
///
/// ```
/// use precast_loader::{Engine, MemoryType, SharedMemory};
///
/// let engine = Engine::default();
/// let memory = SharedMemory::new(&engine, MemoryType::new(1, Some(16)).shared())?;
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).try_for_each(|_| memory.atomic_add(8, 1u32).map(drop)));
///     }
/// });
/// assert_eq!(memory.load::<u32>(8)?, 4_000);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedMemory {
    space: Arc<SharedSpace>,
}

/// How waiting for a notification has ended.
///
/// ```
/// use precast_loader::{Engine, MemoryType, SharedMemory, WaitResult};
///
/// let ty = MemoryType::new(1, Some(1)).shared();
/// let memory = SharedMemory::new(&Engine::default(), ty)?;
/// assert_eq!(memory.atomic_wait(0, 1u32, None)?, WaitResult::NotEqual);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitResult {
    /// By a notification.
    Woken,
    /// Before it began: the value was not the expected one.
    NotEqual,
    /// Nobody has notified in time.
    TimedOut,
}

impl SharedMemory {
    /// A new memory, with the guards that code with the default tunables relies on. The engine's
    /// configuration limits how large it may become. Address space for its maximum is taken now.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than allowed, [`Error::Io`] if there is no room,
    /// [`UsageError::InvalidMemoryType`] if there are no memories of that type, or if it is none
    /// that can be [shared](MemoryType::shared).
    ///
    /// ```
    /// use precast_loader::{Engine, MemoryType, SharedMemory};
    ///
    /// let ty = MemoryType::new(1, Some(2)).shared();
    /// let memory = SharedMemory::new(&Engine::default(), ty)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self, Error> {
        if !ty.is_valid() || !ty.is_shared {
            return Err(UsageError::InvalidMemoryType { ty }.into());
        }
        let order = MemoryOrder {
            ty,
            tunables: Tunables::DEFAULT,
            max_bytes: engine.limits().memory_bytes,
            key: None,
            contents: None,
        };
        Self::with(engine.memory_source(), &order)
    }

    pub(crate) fn with(source: &Source, order: &MemoryOrder<'_>) -> Result<Self, Error> {
        Ok(Self {
            space: Arc::new(SharedSpace::new(source, order)?),
        })
    }

    pub(crate) fn space(&self) -> &SharedSpace {
        &self.space
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.space, &other.space)
    }

    /// Its type, with the present size as minimum.
    ///
    /// ```
    /// # use precast_loader::{Engine, MemoryType, SharedMemory};
    /// # let ty = MemoryType::new(1, Some(2)).shared();
    /// let memory = SharedMemory::new(&Engine::default(), ty)?;
    /// assert_eq!(memory.ty().to_string(), "(memory 1 2 shared)");
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn ty(&self) -> MemoryType {
        self.space.ty()
    }

    /// Its size in pages of its type. It may be more by the time it is looked at, never less.
    ///
    /// ```
    /// # use precast_loader::SharedMemory;
    /// fn has_grown(memory: &SharedMemory) -> bool {
    ///     memory.size_pages() > 1
    /// }
    /// ```
    pub fn size_pages(&self) -> u64 {
        self.space.ty().minimum_pages
    }

    /// Its size in bytes. It may be more by the time it is looked at, never less.
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn last(memory: &SharedMemory) -> Result<u8, Error> {
    ///     memory.load(memory.size_bytes() - 1)
    /// }
    /// ```
    pub fn size_bytes(&self) -> u64 {
        self.space.length_bytes()
    }

    /// Grows by `delta` pages of zeros; gives the size before, in pages. Of threads that grow it at
    /// the same time each gets another.
    ///
    /// # Errors
    ///
    /// [`UsageError::CannotGrow`] if that is more than the memory's type or the engine's
    /// configuration allows, or if the system has no room.
    ///
    /// ```
    /// # use precast_loader::{Engine, MemoryType, SharedMemory};
    /// # let ty = MemoryType::new(1, Some(2)).shared();
    /// let memory = SharedMemory::new(&Engine::default(), ty)?;
    /// assert_eq!(memory.grow(1)?, 1);
    /// assert!(memory.grow(1).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn grow(&self, delta: u64) -> Result<u64, Error> {
        let before = self.space.grow(delta);
        before.ok_or_else(|| UsageError::CannotGrow.into())
    }

    /// Fills `bytes` with what stands from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn magic(memory: &SharedMemory) -> Result<[u8; 4], Error> {
    ///     let mut magic = [0; 4];
    ///     memory.read(0, &mut magic)?;
    ///     Ok(magic)
    /// }
    /// ```
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let at = self.place(offset, bytes.len() as u64)?;
        self.space.read(at, bytes);
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
    /// # use precast_loader::{Error, SharedMemory};
    /// fn text(memory: &SharedMemory, at: u32, len: u32) -> Result<String, Error> {
    ///     let bytes = memory.read_vec(at.into(), len.into())?;
    ///     String::from_utf8(bytes).map_err(Error::host)
    /// }
    /// ```
    pub fn read_vec(&self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        let at = self.place(offset, len)?;
        let mut bytes = vec![0; len as usize];
        self.space.read(at, &mut bytes);
        Ok(bytes)
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn pass_in(memory: &SharedMemory, input: &[u8]) -> Result<(), Error> {
    ///     memory.write(4096, input)?;
    ///     memory.atomic_store(8, input.len() as u32)
    /// }
    /// ```
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let at = self.place(offset, bytes.len() as u64)?;
        self.space.write(at, bytes);
        Ok(())
    }

    /// The number, or array of numbers, that stands at `offset`. Not atomic: others may see or
    /// leave parts of it.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn point(memory: &SharedMemory, at: u64) -> Result<[f64; 2], Error> {
    ///     memory.load(at)
    /// }
    /// ```
    pub fn load<T: MemoryTy>(&self, offset: u64) -> Result<T, Error> {
        let bytes = self.read_vec(offset, T::BYTES as u64)?;
        Ok(T::from_memory(&bytes))
    }

    /// Writes a number, or an array of numbers, to `offset`. Not atomic.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn move_to(memory: &SharedMemory, at: u64, x: f64, y: f64) -> Result<(), Error> {
    ///     memory.store(at, [x, y])
    /// }
    /// ```
    pub fn store<T: MemoryTy>(&self, offset: u64, value: T) -> Result<(), Error> {
        let mut bytes = vec![0; T::BYTES];
        value.to_memory(&mut bytes);
        self.write(offset, &bytes)
    }

    /// The number at `offset`, read at once.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::Unaligned`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn is_ready(memory: &SharedMemory) -> Result<bool, Error> {
    ///     Ok(memory.atomic_load::<u32>(16)? == 1)
    /// }
    /// ```
    pub fn atomic_load<T: AtomicTy>(&self, offset: u64) -> Result<T, Error> {
        Ok(T::load(self.atomic::<T>(offset)?))
    }

    /// Writes a number to `offset` at once.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::Unaligned`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn stop(memory: &SharedMemory) -> Result<(), Error> {
    ///     memory.atomic_store(16, 1u32)
    /// }
    /// ```
    pub fn atomic_store<T: AtomicTy>(&self, offset: u64, value: T) -> Result<(), Error> {
        T::store(self.atomic::<T>(offset)?, value);
        Ok(())
    }

    /// Adds to the number at `offset`, without a limit: it wraps. Gives what was there before.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::Unaligned`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn ticket(memory: &SharedMemory) -> Result<u64, Error> {
    ///     memory.atomic_add(24, 1u64)
    /// }
    /// ```
    pub fn atomic_add<T: AtomicTy>(&self, offset: u64, value: T) -> Result<T, Error> {
        Ok(T::add(self.atomic::<T>(offset)?, value))
    }

    /// Puts `new` in the place of the number at `offset` if that is `expected`. Gives what was there
    /// before, whether it was or not.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::Unaligned`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn try_lock(memory: &SharedMemory, at: u64) -> Result<bool, Error> {
    ///     Ok(memory.atomic_compare_exchange(at, 0u32, 1)? == 0)
    /// }
    /// ```
    pub fn atomic_compare_exchange<T: AtomicTy>(
        &self,
        offset: u64,
        expected: T,
        new: T,
    ) -> Result<T, Error> {
        Ok(T::compare_exchange(
            self.atomic::<T>(offset)?,
            expected,
            new,
        ))
    }

    /// Wakes up to `count` threads that wait at `offset`, guests' and the host's, those that came
    /// first. Gives how many.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; [`UsageError::Unaligned`] unless `offset` is a multiple of 4.
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// fn unlock(memory: &SharedMemory, at: u64) -> Result<(), Error> {
    ///     memory.atomic_store(at, 0u32)?;
    ///     memory.atomic_notify(at, 1).map(drop)
    /// }
    /// ```
    pub fn atomic_notify(&self, offset: u64, count: u32) -> Result<u32, Error> {
        self.atomic::<u32>(offset)?;
        Ok(self.space.parking.notify(offset, count))
    }

    /// Has this thread wait until `offset` is notified, if the number there is `expected`; no longer
    /// than `timeout`, if there is one. Nothing else ends it: a guest's thread that waits in a host
    /// function cannot be interrupted.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::Unaligned`].
    ///
    /// ```
    /// # use precast_loader::{Error, SharedMemory};
    /// use std::time::Duration;
    ///
    /// fn wait_for_guests(memory: &SharedMemory, at: u64) -> Result<(), Error> {
    ///     while memory.atomic_load::<u32>(at)? == 0 {
    ///         memory.atomic_wait(at, 0u32, Some(Duration::from_secs(1)))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn atomic_wait<T: AtomicTy>(
        &self,
        offset: u64,
        expected: T,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Error> {
        // Notifying asks for this much.
        self.atomic::<u32>(offset)?;
        self.atomic::<T>(offset)?;
        Ok(match self.wait(offset, expected, timeout, || None)? {
            Waited::NotEqual => WaitResult::NotEqual,
            Waited::TimedOut => WaitResult::TimedOut,
            Waited::Woken | Waited::Stopped(_) => WaitResult::Woken,
        })
    }

    /// The same, until `stop` has a reason to end it.
    pub(crate) fn wait<T: AtomicTy>(
        &self,
        offset: u64,
        expected: T,
        timeout: Option<Duration>,
        stop: impl Fn() -> Option<TrapCode>,
    ) -> Result<Waited, UsageError> {
        let place = self.atomic::<T>(offset)?;
        // What is longer than can be told is endless.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let is_equal = || T::load(place) == expected;
        Ok(self.space.parking.wait(offset, is_equal, deadline, stop))
    }

    /// Where `len` bytes from `offset` on are.
    fn place(&self, offset: u64, len: u64) -> Result<usize, UsageError> {
        let size = usize::try_from(self.size_bytes()).unwrap_or(usize::MAX);
        Ok(bounds::range(offset, len, size)?.start)
    }

    fn atomic<T: AtomicTy>(&self, offset: u64) -> Result<&T::Place, UsageError> {
        let align = size_of::<T>() as u64;
        let at = self.place(offset, align)?;
        if !offset.is_multiple_of(align) {
            return Err(UsageError::Unaligned { offset, align });
        }
        Ok(self.space.atomic(at))
    }
}

/// Shared memories among those of a store.
impl Memory {
    /// A shared memory as one of the store's: to be imported, or to be looked at like others. Done
    /// twice, it is the same memory.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the store may have no more memories, or none so large.
    ///
    /// ```
    /// use precast_loader::{Engine, Memory, MemoryType, SharedMemory, Store};
    ///
    /// let engine = Engine::default();
    /// let shared = SharedMemory::new(&engine, MemoryType::new(1, Some(2)).shared())?;
    /// let mut stores = [0, 1].map(|thread| Store::new(&engine, thread));
    /// for store in &mut stores {
    ///     let memory = Memory::from_shared(store, &shared)?;
    ///     assert_eq!(memory.size_pages(store), 1);
    /// }
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn from_shared(store: &mut impl AsStoreMut, memory: &SharedMemory) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        Ok(Self {
            store: core.id,
            index: core.add_shared_memory(memory)?,
        })
    }

    /// The memory for other threads too, if it is [shared](MemoryType::is_shared).
    ///
    /// ```
    /// # use precast_loader::{Engine, Memory, MemoryType, Store};
    /// let mut store = Store::new(&Engine::default(), ());
    /// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)).shared())?;
    /// let shared = memory.as_shared(&store).expect("it is");
    /// std::thread::spawn(move || shared.atomic_store(0, 1u32)).join().unwrap()?;
    /// assert_eq!(memory.load::<u32>(&store, 0)?, 1);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn as_shared(&self, store: &impl AsStore) -> Option<SharedMemory> {
        let core = store.as_store().core();
        core.check_owner(self.store);
        core.memories[self.index as usize].shared().cloned()
    }
}

/// A number that a [`SharedMemory`] can be asked for at once: `u8`, `u16`, `u32` and `u64`.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{AtomicTy, Error, SharedMemory};
///
/// fn swap<T: AtomicTy>(memory: &SharedMemory, at: u64, new: T) -> Result<T, Error> {
///     let mut before = memory.atomic_load(at)?;
///     loop {
///         match memory.atomic_compare_exchange(at, before, new)? {
///             found if found == before => return Ok(found),
///             found => before = found,
///         }
///     }
/// }
/// ```
#[expect(private_bounds, reason = "only this crate implements it")]
pub trait AtomicTy: Copy + PartialEq + Places {}

/// What an [`AtomicTy`] is in memory, little-endian.
pub(crate) trait Places: Sized {
    type Place: Atomic;

    fn load(place: &Self::Place) -> Self;
    fn store(place: &Self::Place, value: Self);
    fn add(place: &Self::Place, value: Self) -> Self;
    fn compare_exchange(place: &Self::Place, expected: Self, new: Self) -> Self;
}

macro_rules! atomics {
    ($($ty:ty: $place:ty;)*) => {$(
        impl AtomicTy for $ty {}

        impl Places for $ty {
            type Place = $place;

            fn load(place: &$place) -> Self {
                Self::from_le(place.load(Ordering::SeqCst))
            }

            fn store(place: &$place, value: Self) {
                place.store(value.to_le(), Ordering::SeqCst);
            }

            fn add(place: &$place, value: Self) -> Self {
                // Guests run on little-endian machines only, as their code was compiled.
                Self::from_le(place.fetch_add(value.to_le(), Ordering::SeqCst))
            }

            fn compare_exchange(place: &$place, expected: Self, new: Self) -> Self {
                let (expected, new) = (expected.to_le(), new.to_le());
                let order = Ordering::SeqCst;
                let (Ok(before) | Err(before)) =
                    place.compare_exchange(expected, new, order, order);
                Self::from_le(before)
            }
        }
    )*};
}

atomics! {
    u8: AtomicU8;
    u16: AtomicU16;
    u32: AtomicU32;
    u64: AtomicU64;
}
