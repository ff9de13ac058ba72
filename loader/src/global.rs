//! Globals, as the host sees them.

use precast_artifacts_format::GlobalType;
use precast_artifacts_format::abi::{Slot, VmGlobal};

use crate::error::{Error, UsageError};
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::val::Val;
use crate::vm::global::GlobalCell;
use crate::vm::place::Place;

/// A global of a store.
///
/// ```
/// use precast_loader::{Engine, Global, GlobalType, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = GlobalType { content: ValType::I64, mutable: true };
/// let global = Global::new(&mut store, ty, Val::I64(1))?;
/// global.set(&mut store, Val::I64(-2))?;
/// assert_eq!(global.get(&mut store), Val::I64(-2));
/// assert!(global.set(&mut store, Val::I32(0)).is_err());
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the global, or a value for it, belongs to another store than the one they
/// are given.
impl Global {
    /// A new global of the host's, to be imported by modules.
    ///
    /// # Errors
    ///
    /// [`UsageError::WrongType`] if `init` does not fit.
    ///
    /// ```
    /// # use precast_loader::{Engine, Global, GlobalType, Linker, Store, ValType};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let ty = GlobalType { content: ValType::I32, mutable: false };
    /// let base = Global::new(&mut store, ty, 1024i32.into())?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.define("env", "__memory_base", base)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(store: &mut impl AsStoreMut, ty: GlobalType, init: Val) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let Slot(value) = to_slot(core, ty, init)?;
        let cell = GlobalCell::new(Place::new(VmGlobal(value)), ty);
        Ok(Self {
            store: core.id,
            index: core.add_global(cell),
        })
    }

    /// Its type.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Global};
    /// fn is_constant(store: &impl AsStore, global: Global) -> bool {
    ///     !global.ty(store).mutable
    /// }
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> GlobalType {
        self.of(store.as_store().core()).ty()
    }

    /// Its value. [`Val`]'s methods take it out: `global.get(&mut store).i32()`.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Global};
    /// fn stack_pointer(store: &mut impl AsStoreMut, global: Global) -> Option<i32> {
    ///     global.get(store).i32()
    /// }
    /// ```
    pub fn get(&self, store: &mut impl AsStoreMut) -> Val {
        let (core, _) = store.as_store_mut().parts();
        let cell = self.of(core);
        let (ty, value) = (cell.ty(), cell.get());
        Val::from_slot(ty.content, &Slot(value), core)
    }

    /// Sets its value.
    ///
    /// # Errors
    ///
    /// [`UsageError::Immutable`], [`UsageError::WrongType`].
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Global};
    /// fn reset(store: &mut impl AsStoreMut, counter: Global) -> Result<(), Error> {
    ///     counter.set(store, 0i64.into())
    /// }
    /// ```
    pub fn set(&self, store: &mut impl AsStoreMut, value: Val) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        let ty = self.of(core).ty();
        if !ty.mutable {
            return Err(UsageError::Immutable.into());
        }
        let Slot(value) = to_slot(core, ty, value)?;
        core.globals[self.index as usize].set(value);
        Ok(())
    }

    fn of(self, core: &StoreCore) -> &GlobalCell {
        core.check_owner(self.store);
        &core.globals[self.index as usize]
    }
}

fn to_slot(core: &mut StoreCore, ty: GlobalType, value: Val) -> Result<Slot, UsageError> {
    let (expected, found) = (ty.content, value.ty());
    if !value.is_of(expected, core) {
        return Err(UsageError::WrongType { expected, found });
    }
    Ok(value.to_slot(core))
}
