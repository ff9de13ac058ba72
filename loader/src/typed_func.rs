//! Functions with Rust types.
#![allow(unsafe_code, reason = "calls guest code")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use precast_artifacts_format::abi::Slot;

use crate::error::{Error, UsageError};
use crate::func::{Callee, Func};
use crate::store::AsStoreMut;
use crate::store::core::StoreCore;
use crate::wasm_ty::{MAX_SLOTS, SlotAccess, WasmParams, WasmResults, func_type};

/// A function whose parameters and results have Rust types: tuples of [`WasmTy`](crate::WasmTy),
/// or single ones. A call allocates nothing.
///
/// ```no_run
/// # use precast_loader::{Engine, Linker, Module, Store};
/// # let engine = Engine::default();
/// # let mut store = Store::new(&engine, ());
/// # // SAFETY: an example that is not run.
/// # let module = unsafe { Module::load(&engine, "app.precast")? };
/// # let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// let add = instance.typed_func::<(i32, i32), i32>(&mut store, "add")?;
/// assert_eq!(add.call(&mut store, (40, 2))?, 42);
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    callee: Callee,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    pub(crate) fn new(func: Func, core: &mut StoreCore) -> Result<Self, Error> {
        const {
            assert!(P::TYPES.len() <= MAX_SLOTS && R::TYPES.len() <= MAX_SLOTS);
        }
        core.check_owner(func.store);
        let found = &core.func(func.index).ty;
        if *found.params != *P::TYPES || *found.results != *R::TYPES {
            return Err(UsageError::WrongSignature {
                expected: func_type::<P, R>(),
                found: (**found).clone(),
            }
            .into());
        }
        Ok(Self {
            func,
            callee: Callee::of(core, func.index)?,
            _types: PhantomData,
        })
    }

    /// The function without types.
    pub fn func(&self) -> Func {
        self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// Whatever ends the function: [`Error::Trap`], or the error of a host function that it has
    /// called.
    ///
    /// # Panics
    ///
    /// If the function, or a parameter, belongs to another store; if a host function that it has
    /// called panics.
    #[inline]
    pub fn call(&self, store: &mut impl AsStoreMut, params: P) -> Result<R, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(self.func.store);
        let mut slots = [const { MaybeUninit::<Slot>::uninit() }; MAX_SLOTS];
        params.into_slots(&mut slots, SlotAccess(core));
        let first = slots.as_mut_ptr().cast::<Slot>();
        // SAFETY: the callee is of this store, checked above, and its types are `P` and `R`,
        // checked when `self` was made; there is room for both, which are no longer than the array.
        unsafe { self.callee.call(&mut store, first)? };
        // SAFETY: the callee has written as many slots as it has results.
        let results = unsafe { std::slice::from_raw_parts(first, R::TYPES.len()) };
        Ok(R::from_slots(results, SlotAccess(store.core_mut())))
    }
}
