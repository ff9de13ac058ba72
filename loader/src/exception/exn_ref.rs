//! References to exceptions.

use std::num::NonZeroU32;

use super::{Exception, kept};
use crate::error::Error;
use crate::store::core::StoreCore;
use crate::store::{AsStoreMut, StoreId};

/// An exception that guests can hold, pass on and throw again (`exnref`).
///
/// A handle: the exception itself is kept by the store. What guests refer to is given up when they
/// no longer do; what the host has had a reference to stays until the store is dropped.
///
/// ```
/// use precast_loader::{Engine, Exception, ExnRef, FuncType, Store, Tag, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
/// let exception = Exception::new(&mut store, tag, &[7i32.into()])?;
/// let reference = ExnRef::new(&mut store, &exception)?;
/// assert_eq!(reference.exception(&mut store), exception);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExnRef {
    store: StoreId,
    handle: NonZeroU32,
}

impl ExnRef {
    /// A reference to an exception, which the store keeps from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the store's [`Limits`](crate::Limits) allow no more.
    ///
    /// # Panics
    ///
    /// If the exception belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, ExnRef, Func};
    /// /// Tells a guest what has become of something.
    /// fn report(store: &mut impl AsStoreMut, error: &Error, to: Func) -> Result<(), Error> {
    ///     let exception = match error.exception() {
    ///         Some(exception) => Some(ExnRef::new(store, exception)?),
    ///         None => None,
    ///     };
    ///     to.call(store, &[exception.into()]).map(drop)
    /// }
    /// ```
    pub fn new(store: &mut impl AsStoreMut, exception: &Exception) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(exception.tag.store);
        let args = exception.args.iter().map(|arg| arg.to_slot(core));
        let args = args.collect();
        let handle = kept::keep(core, exception.tag.index, args)?;
        core.exceptions.pin(handle.get());
        Ok(Self {
            store: core.id,
            handle,
        })
    }

    /// The exception, without a backtrace: it may have been thrown many times.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, ExnRef};
    /// /// What `throw_ref` does.
    /// fn throw(store: &mut impl AsStoreMut, reference: ExnRef) -> Result<(), Error> {
    ///     Err(reference.exception(store).into())
    /// }
    /// ```
    pub fn exception(&self, store: &mut impl AsStoreMut) -> Exception {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(self.store);
        let exception = Exception::of_handle(core, self.handle.get());
        exception.expect("kept as long as the store")
    }

    pub(crate) fn handle(self, core: &StoreCore) -> u32 {
        core.check_owner(self.store);
        self.handle.get()
    }

    /// `None` for null, and for a number that is no handle.
    pub(crate) fn from_handle(handle: u32, core: &mut StoreCore) -> Option<Self> {
        core.exceptions.pin(handle).then_some(Self {
            store: core.id,
            handle: NonZeroU32::new(handle)?,
        })
    }
}
