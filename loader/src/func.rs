//! Functions.
#![allow(unsafe_code, reason = "calls guest code")]

use std::ptr::with_exposed_provenance_mut;
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{HostFuncContext, Slot, VmFunc};

use crate::Caller;
use crate::activation::{self, EntryTrampoline};
use crate::error::{Error, LinkError, UsageError};
use crate::host_func::{HostEntry, HostFuncDef, IntoHostFunc};
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId, StoreMut};
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
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(self.store);
        let ty = Arc::clone(&core.func(self.index).ty);
        if !params.iter().map(Val::ty).eq(ty.params.iter().copied()) {
            let given = params.iter().map(Val::ty);
            return Err(UsageError::WrongSignature {
                expected: FuncType::new(given, ty.results.iter().copied()),
                found: FuncType::clone(&ty),
            }
            .into());
        }
        let mut slots = vec![Slot::default(); ty.params.len().max(ty.results.len())];
        for (slot, param) in slots.iter_mut().zip(params) {
            *slot = param.to_slot(core);
        }
        let callee = Callee::of(core, self.index)?;
        // SAFETY: the callee is of this store, which is borrowed mutably and not otherwise in
        // use; there are slots for all parameters and results, of the types of the function's.
        unsafe { callee.call(&mut store, slots.as_mut_ptr())? };
        let core = store.core_mut();
        let results = ty.results.iter().zip(&slots);
        Ok(results
            .map(|(&ty, slot)| Val::from_slot(ty, slot, core))
            .collect())
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

/// What a call needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Callee {
    Guest {
        func: VmFunc,
        entry: EntryTrampoline,
    },
    Host {
        context: u64,
    },
}

impl Callee {
    /// What to know of the function at `index`.
    pub(crate) fn of(core: &mut StoreCore, index: u32) -> Result<Self, UsageError> {
        let data = core.func(index);
        let func = data.func;
        if data.is_host {
            return Ok(Self::Host {
                context: func.vmctx,
            });
        }
        match core.entry_of(index) {
            Some(entry) => Ok(Self::Guest { func, entry }),
            None => Err(UsageError::NotCallable {
                ty: FuncType::clone(&core.func(index).ty),
            }),
        }
    }

    /// Calls it.
    ///
    /// # Safety
    ///
    /// - The function belongs to `store`.
    /// - `slots` holds parameters of its types, and has room for its results.
    #[inline]
    pub(crate) unsafe fn call<T>(
        self,
        store: &mut StoreMut<'_, T>,
        slots: *mut Slot,
    ) -> Result<(), Error> {
        let core = store.core_ptr();
        match self {
            // SAFETY: the caller's promises; the store is borrowed mutably, and no reference into
            // it is in use.
            Self::Guest { func, entry } => unsafe { activation::enter(core, entry, func, slots) },
            // SAFETY: as above; the context lives as long as the store.
            Self::Host { context } => unsafe {
                let context = with_exposed_provenance_mut::<HostFuncContext>(context as usize);
                let entry = with_exposed_provenance_mut::<()>((*context).func as usize);
                let entry = std::mem::transmute::<*mut (), HostEntry>(entry);
                let store_context = &raw mut (*core.as_ptr()).context;
                // No instance calls.
                let caller = std::mem::take(&mut (*store_context).caller_vmctx);
                let status = entry(context, slots);
                (*store_context).caller_vmctx = caller;
                match status {
                    1 => Ok(()),
                    _ => Err(activation::reason_for_leaving(core)),
                }
            },
        }
    }
}
