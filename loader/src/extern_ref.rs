//! References to things of the host's.

use std::any::Any;
use std::num::NonZeroU32;

use crate::error::{Error, LimitError};
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId};

/// Something of the host's that guests can hold and pass on, but not look into (`externref`).
///
/// A handle: the thing itself is kept by the store, until the store is dropped.
///
/// ```
/// use precast_loader::{Engine, ExternRef, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let reference = ExternRef::new(&mut store, String::from("mine")).unwrap();
/// let string = reference.data(&store).downcast_ref::<String>();
/// assert_eq!(string.unwrap(), "mine");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExternRef {
    store: StoreId,
    handle: NonZeroU32,
}

/// What stands behind an [`ExternRef`].
pub(crate) type ExternData = Box<dyn Any + Send + Sync>;

impl ExternRef {
    /// Gives `value` to the store and a reference to it.
    ///
    /// # Errors
    ///
    /// [`LimitError::TooMany`] after 2³² − 1 references.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, ExternRef, Func, Val};
    /// /// Hands a file to a guest, which can give it to other host functions.
    /// fn pass(store: &mut impl AsStoreMut, guest: Func, file: std::fs::File) -> Result<(), Error> {
    ///     let file = ExternRef::new(store, file)?;
    ///     guest.call(store, &[file.into()])?;
    ///     Ok(())
    /// }
    /// ```
    pub fn new<T: Any + Send + Sync>(store: &mut impl AsStoreMut, value: T) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.extern_refs.push(Box::new(value));
        let handle = u32::try_from(core.extern_refs.len())
            .ok()
            .and_then(NonZeroU32::new);
        match handle {
            Some(handle) => Ok(Self {
                store: core.id,
                handle,
            }),
            None => {
                core.extern_refs.pop();
                Err(LimitError::TooMany { what: "references" }.into())
            }
        }
    }

    /// What it refers to.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStore, ExternRef};
    /// fn len(store: &impl AsStore, file: ExternRef) -> Option<u64> {
    ///     let file = file.data(store).downcast_ref::<std::fs::File>()?;
    ///     Some(file.metadata().ok()?.len())
    /// }
    /// ```
    pub fn data<'a, S: AsStore>(&self, store: &'a S) -> &'a (dyn Any + Send + Sync) {
        let core = store.as_store().core();
        core.check_owner(self.store);
        let index = self.handle.get() as usize - 1;
        &*core.extern_refs[index]
    }

    pub(crate) fn handle(self, core: &StoreCore) -> u32 {
        core.check_owner(self.store);
        self.handle.get()
    }

    /// `None` for null, and for a number that is no handle.
    pub(crate) fn from_handle(handle: u32, core: &StoreCore) -> Option<Self> {
        let handle = NonZeroU32::new(handle)?;
        (handle.get() as usize <= core.extern_refs.len()).then_some(Self {
            store: core.id,
            handle,
        })
    }
}
