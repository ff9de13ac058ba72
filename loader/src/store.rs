//! Stores: everything that instances own, and the host's data.
//!
//! A store lives in one allocation that is reached through a raw pointer. Guest code holds that
//! address too, and while it runs no reference into the store may be in use; so handles borrow
//! the *store*, never parts of it beyond a call, and [`StoreMut`] turns into references for
//! moments only.
#![allow(unsafe_code, reason = "the store is shared with guest code by address")]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::engine::Engine;
use crate::pool::Pool;
use crate::vm::source::Source;

mod address_map;
pub(crate) mod core;
pub(crate) mod funcs;
pub(crate) mod instance_data;
pub(crate) mod memory;

use self::core::StoreCore;

/// The number of a store. Handles carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StoreId(pub(crate) u64);

/// Instances, with all that they own, and the host's data `T`.
///
/// Everything that belongs to a store is released when the store is dropped, not before. Handles
/// ([`Instance`](crate::Instance), [`Func`](crate::Func), [`Memory`](crate::Memory), …) are
/// numbers that mean something in their store only; used with another store they panic.
///
/// ```
/// use precast_loader::{Engine, Store};
///
/// let mut store = Store::new(&Engine::default(), 40);
/// *store.data_mut() += 2;
/// assert_eq!(store.into_data(), 42);
/// ```
pub struct Store<T: 'static> {
    inner: NonNull<StoreInner<T>>,
    _just: JustThis<T>,
}

/// Keeps a type with the parameter `T` from passing for one with a subtype of `T` or a supertype:
/// host functions and listeners have been made for just this `T`.
///
/// ```compile_fail
/// use precast_loader::{Engine, Store};
///
/// type TakesAny = for<'a> fn(&'a str);
/// type TakesStatic = fn(&'static str);
/// let takes_any: TakesAny = |_| ();
/// let takes_static: TakesStatic = takes_any;
/// // A host function of this store's may pass any string,
/// let store: Store<TakesAny> = Store::new(&Engine::default(), takes_any);
/// // which must not come to a function that relies on its being static.
/// let mut store: Store<TakesStatic> = store;
/// *store.data_mut() = takes_static;
/// ```
pub(crate) type JustThis<T> = PhantomData<fn(T) -> T>;

/// The core comes first, so that its address is that of the whole.
#[repr(C)]
struct StoreInner<T> {
    core: StoreCore,
    data: T,
}

// SAFETY: all parts are owned by the store and can be sent: `StoreCore` is `Send`, as is `T`.
unsafe impl<T: Send> Send for Store<T> {}
// SAFETY: `&Store` gives shared references to its parts only.
unsafe impl<T: Sync> Sync for Store<T> {}

impl<T> Store<T> {
    /// A store without instances.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// struct Host {
    ///     requests: u64,
    /// }
    ///
    /// let store = Store::new(&Engine::default(), Host { requests: 0 });
    /// # assert_eq!(store.data().requests, 0);
    /// ```
    pub fn new(engine: &Engine, data: T) -> Self {
        let inner = Box::new(StoreInner {
            core: StoreCore::new(engine),
            data,
        });
        let inner = NonNull::from(Box::leak(inner));
        let address = inner.as_ptr().expose_provenance() as u64;
        // SAFETY: just allocated, and known to nobody else.
        unsafe { (*inner.as_ptr()).core.context.host = address };
        Self {
            inner,
            _just: PhantomData,
        }
    }

    /// A store without instances whose memories, tables and instances come from `pool`. There is
    /// no other source: once the pool is exhausted, instantiating fails.
    ///
    /// ```
    /// use precast_loader::{Engine, Pool, PoolConfig, Store};
    ///
    /// let pool = Pool::new(&PoolConfig::new())?;
    /// let store = Store::new_in(&Engine::default(), &pool, ());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new_in(engine: &Engine, pool: &Pool, data: T) -> Self {
        let store = Self::new(engine, data);
        // SAFETY: just made, and not borrowed.
        unsafe { (*store.inner.as_ptr()).core.memory_source = Source::Pool(pool.clone()) };
        store
    }

    /// The engine.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Store};
    /// # let store = Store::new(&Engine::default(), ());
    /// let linker = Linker::<()>::new(store.engine());
    /// ```
    pub fn engine(&self) -> &Engine {
        // SAFETY: `self` is borrowed, so that nobody changes the store.
        unsafe { &(*self.inner.as_ptr()).core.engine }
    }

    /// The host's data.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// let store = Store::new(&Engine::default(), "mine");
    /// assert_eq!(*store.data(), "mine");
    /// ```
    pub fn data(&self) -> &T {
        // SAFETY: `self` is borrowed, so that nobody changes the store.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The host's data, to be changed.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// let mut store = Store::new(&Engine::default(), 40);
    /// *store.data_mut() += 2;
    /// # assert_eq!(*store.data(), 42);
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: `self` is borrowed mutably, so that nobody else uses the store.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: `self` is borrowed mutably, so that nobody else uses the store.
        unsafe { &mut (*self.inner.as_ptr()).core }
    }

    /// Releases the store and gives the host's data back.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, Store};
    /// let mut store = Store::new(&Engine::default(), vec![1, 2]);
    /// store.data_mut().push(3);
    /// assert_eq!(store.into_data(), [1, 2, 3]);
    /// ```
    pub fn into_data(self) -> T {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: made from a box by `new`, and given up only here and in `drop`, which does not
        // run.
        let inner = unsafe { Box::from_raw(this.inner.as_ptr()) };
        inner.data
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box by `new`, and given up only here and in `into_data`.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

/// A store, borrowed to look at. See [`AsStore`].
///
/// ```
/// use precast_loader::{AsStore, StoreRef};
///
/// fn number<T: Copy + Into<u64>>(store: StoreRef<'_, T>) -> u64 {
///     (*store.data()).into()
/// }
/// # let store = precast_loader::Store::new(&precast_loader::Engine::default(), 7u32);
/// assert_eq!(number(store.as_store()), 7);
/// ```
pub struct StoreRef<'a, T: 'static> {
    inner: NonNull<StoreInner<T>>,
    _borrows: PhantomData<&'a StoreInner<T>>,
}

impl<T> Clone for StoreRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StoreRef<'_, T> {}

impl<'a, T> StoreRef<'a, T> {
    /// The host's data.
    ///
    /// ```
    /// use precast_loader::{AsStore, Engine, Store};
    ///
    /// /// What is borrowed from the `StoreRef` lives as long as the store is borrowed.
    /// fn name<'a>(store: &'a impl AsStore<Data = String>) -> &'a str {
    ///     store.as_store().data()
    /// }
    /// # assert_eq!(name(&Store::new(&Engine::default(), "mine".to_owned())), "mine");
    /// ```
    pub fn data(&self) -> &'a T {
        // SAFETY: the store is borrowed for 'a, so that nobody changes it.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    pub(crate) fn core(&self) -> &'a StoreCore {
        // SAFETY: the store is borrowed for 'a, so that nobody changes it.
        unsafe { &(*self.inner.as_ptr()).core }
    }
}

/// A store, borrowed to change it or to run guest code. See [`AsStoreMut`].
///
/// ```
/// use precast_loader::{AsStoreMut, Error, Func, StoreMut};
///
/// /// A function that all resolvers of ours give, which they are lent a store for.
/// fn nothing(store: &mut StoreMut<'_, ()>) -> Result<Func, Error> {
///     Func::wrap(store, || ())
/// }
/// # let mut store = precast_loader::Store::new(&precast_loader::Engine::default(), ());
/// let nothing = nothing(&mut store.as_store_mut())?;
/// # Ok::<(), Error>(())
/// ```
pub struct StoreMut<'a, T: 'static> {
    inner: NonNull<StoreInner<T>>,
    _borrows: PhantomData<&'a mut StoreInner<T>>,
}

impl<'a, T> StoreMut<'a, T> {
    /// The store that a pointer to its core belongs to.
    ///
    /// # Safety
    ///
    /// - `core` is that of a `Store<T>`, with just this `T`.
    /// - The store lives for `'a`, and nobody else uses it meanwhile.
    pub(crate) unsafe fn from_core(core: NonNull<StoreCore>) -> Self {
        Self {
            inner: core.cast(),
            _borrows: PhantomData,
        }
    }

    /// The host's data.
    ///
    /// ```
    /// use precast_loader::{Engine, Linker};
    ///
    /// let mut linker = Linker::<String>::new(&Engine::default());
    /// linker.resolver(|store, import| {
    ///     println!("{} asks for {}", store.data(), import.name);
    ///     Ok(None)
    /// });
    /// ```
    pub fn data(&self) -> &T {
        // SAFETY: `self` is borrowed, so that nobody changes the store.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The host's data, to be changed.
    ///
    /// ```
    /// use precast_loader::{AsStoreMut, Engine, Store};
    ///
    /// fn count(store: &mut impl AsStoreMut<Data = u64>) {
    ///     *store.as_store_mut().data_mut() += 1;
    /// }
    /// # let mut store = Store::new(&Engine::default(), 0);
    /// # count(&mut store);
    /// # assert_eq!(*store.data(), 1);
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: `self` is borrowed mutably, so that nobody else uses the store.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// The pointer that guest code is called with. No reference from here may be in use then.
    pub(crate) fn core_ptr(&mut self) -> NonNull<StoreCore> {
        self.inner.cast()
    }

    pub(crate) fn core(&self) -> &StoreCore {
        // SAFETY: `self` is borrowed, so that nobody changes the store.
        unsafe { &(*self.inner.as_ptr()).core }
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: `self` is borrowed mutably, so that nobody else uses the store.
        unsafe { &mut (*self.inner.as_ptr()).core }
    }

    /// Core and data, both to be changed.
    pub(crate) fn parts(self) -> (&'a mut StoreCore, &'a mut T) {
        // SAFETY: the store is borrowed mutably for 'a, this value gives the borrow up, and the
        // two parts do not overlap.
        unsafe {
            let inner = self.inner.as_ptr();
            (&mut (*inner).core, &mut (*inner).data)
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for StoreRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRef")
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for StoreMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreMut")
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

/// Whatever a store can be borrowed from, to look at: a [`Store`], a [`Caller`](crate::Caller),
/// and references to those.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{AsStore, Error, Memory};
///
/// fn read_number(store: &impl AsStore, memory: Memory, at: u64) -> Result<u32, Error> {
///     memory.load(store, at)
/// }
/// ```
pub trait AsStore: sealed::Sealed {
    /// What the host keeps in the store.
    type Data: 'static;

    /// Borrows the store.
    fn as_store(&self) -> StoreRef<'_, Self::Data>;
}

/// Whatever a store can be borrowed from, to change it or to run guest code.
///
/// Only this crate implements it. Functions of one's own take it to be of use both to those who
/// have a store and in host functions:
///
/// ```
/// use precast_loader::{AsStoreMut, Error, Memory};
///
/// fn write_number(store: &mut impl AsStoreMut, memory: Memory, number: u32) -> Result<(), Error> {
///     memory.write(store, 0, &number.to_le_bytes())
/// }
/// ```
pub trait AsStoreMut: AsStore {
    /// Borrows the store.
    fn as_store_mut(&mut self) -> StoreMut<'_, Self::Data>;
}

pub(crate) mod sealed {
    /// Keeps traits from being implemented elsewhere.
    pub trait Sealed {}
}

impl<T> sealed::Sealed for Store<T> {}
impl<T> sealed::Sealed for StoreRef<'_, T> {}
impl<T> sealed::Sealed for StoreMut<'_, T> {}
impl<S: sealed::Sealed + ?Sized> sealed::Sealed for &S {}
impl<S: sealed::Sealed + ?Sized> sealed::Sealed for &mut S {}

impl<T> AsStore for Store<T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef {
            inner: self.inner,
            _borrows: PhantomData,
        }
    }
}

impl<T> AsStoreMut for Store<T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut {
            inner: self.inner,
            _borrows: PhantomData,
        }
    }
}

impl<T> AsStore for StoreRef<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        *self
    }
}

impl<T> AsStore for StoreMut<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef {
            inner: self.inner,
            _borrows: PhantomData,
        }
    }
}

impl<T> AsStoreMut for StoreMut<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut {
            inner: self.inner,
            _borrows: PhantomData,
        }
    }
}

impl<S: AsStore + ?Sized> AsStore for &S {
    type Data = S::Data;

    fn as_store(&self) -> StoreRef<'_, Self::Data> {
        (**self).as_store()
    }
}

impl<S: AsStore + ?Sized> AsStore for &mut S {
    type Data = S::Data;

    fn as_store(&self) -> StoreRef<'_, Self::Data> {
        (**self).as_store()
    }
}

impl<S: AsStoreMut + ?Sized> AsStoreMut for &mut S {
    fn as_store_mut(&mut self) -> StoreMut<'_, Self::Data> {
        (**self).as_store_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_data_is_dropped_once_however_the_store_goes() {
        let data = Arc::new(());
        drop(Store::new(&Engine::default(), Arc::clone(&data)));
        assert_eq!(Arc::strong_count(&data), 1);
        let back = Store::new(&Engine::default(), Arc::clone(&data)).into_data();
        assert_eq!(Arc::strong_count(&data), 2);
        drop(back);
        assert_eq!(Arc::strong_count(&data), 1);
    }

    #[test]
    fn a_store_can_go_to_another_thread() {
        fn is_send<T: Send + Sync>(_: &T) {}
        let store = Store::new(&Engine::default(), 7);
        is_send(&store);
        let data = std::thread::spawn(move || *store.data()).join().unwrap();
        assert_eq!(data, 7);
    }
}
