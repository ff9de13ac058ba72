//! Functions.

use std::sync::Arc;

use precast_artifacts_format::FuncType;

use crate::call;
use crate::caller::Caller;
use crate::error::{Error, LinkError};
use crate::host_func::{HostFuncDef, IntoHostFunc};
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::typed_func::TypedFunc;
use crate::val::Val;
use crate::wasm_ty::{WasmParams, WasmResults};

/// A function of a store: an instance's or the host's.
///
/// ```
/// use precast_loader::{Engine, Func, Store, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b)?;
/// let sum = add.call(&mut store, &[Val::I32(40), Val::I32(2)])?;
/// assert_eq!(sum, [Val::I32(42)]);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Func {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the function belongs to another store than the one they are given.
impl Func {
    /// Makes a closure a function of the store. See [`Linker::func`](crate::Linker::func) for
    /// what closures can be used.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the engine knows too many function types.
    pub fn wrap<S: AsStoreMut, P, R>(
        store: &mut S,
        closure: impl IntoHostFunc<S::Data, P, R>,
    ) -> Result<Self, Error> {
        let engine = store.as_store().core().engine.clone();
        Self::define(
            store,
            HostFuncDef::typed::<S::Data, P, R, _>(&engine, closure)?,
        )
    }

    /// Makes a closure that takes and gives values of any type a function of the store. `ty` says
    /// which types they have. See [`Linker::func_dynamic`](crate::Linker::func_dynamic).
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the engine knows too many function types.
    pub fn new<S: AsStoreMut>(
        store: &mut S,
        ty: FuncType,
        closure: impl Fn(Caller<'_, S::Data>, &[Val], &mut [Val]) -> Result<(), Error>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self, Error> {
        let engine = store.as_store().core().engine.clone();
        Self::define(
            store,
            HostFuncDef::dynamic::<S::Data, _>(&engine, ty, closure)?,
        )
    }

    fn define(store: &mut impl AsStoreMut, definition: Arc<HostFuncDef>) -> Result<Self, Error> {
        Self::of_definition(store.as_store_mut().core_mut(), &definition).map_err(Error::from)
    }

    /// The host function as one of this store, whose engine is the definition's.
    pub(crate) fn of_definition(
        core: &mut StoreCore,
        definition: &Arc<HostFuncDef>,
    ) -> Result<Self, LinkError> {
        Ok(Self {
            store: core.id,
            index: core
                .add_host_func(definition)
                .ok_or(LinkError::OtherEngine)?,
        })
    }

    /// The function's type.
    pub fn ty(&self, store: &impl AsStore) -> FuncType {
        let core = store.as_store().core();
        core.check_owner(self.store);
        FuncType::clone(&core.func(self.index).ty)
    }

    /// Calls the function with `params` and gives its results.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the values do not fit the function's type; whatever ends the function:
    /// [`Error::Trap`], or the error of a host function that it has called.
    ///
    /// # Panics
    ///
    /// If a host function that it has called panics.
    pub fn call(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Vec<Val>, Error> {
        call::with_values(&mut store.as_store_mut(), *self, params)
    }

    /// The function with Rust types for its parameters and results: faster to call.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if these are not its types, or if no artifact has an entry for it.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: &mut impl AsStoreMut,
    ) -> Result<TypedFunc<P, R>, Error> {
        TypedFunc::new(*self, store.as_store_mut().core_mut())
    }
}
