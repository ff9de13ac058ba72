//! Calls by the host.
#![allow(unsafe_code, reason = "calls guest code")]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::with_exposed_provenance_mut;
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{HostFuncContext, Slot, VmFunc};

use crate::activation::{self, EntryTrampoline};
use crate::error::{Error, UsageError};
use crate::func::Func;
use crate::host_func::HostEntry;
use crate::store::core::StoreCore;
use crate::store::{StoreId, StoreMut};
use crate::val::Val;
use crate::wasm_ty::{MAX_SLOTS, SlotAccess, WasmParams, WasmResults, func_type};

/// Calls a function with values that say their types.
pub(crate) fn with_values<T>(
    store: &mut StoreMut<'_, T>,
    func: Func,
    params: &[Val],
) -> Result<Vec<Val>, Error> {
    let core = store.core_mut();
    core.check_owner(func.store);
    let ty = Arc::clone(&core.func(func.index).ty);
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
    let callee = Callee::of(core, func.index)?;
    // SAFETY: the callee is of this store, checked above; there are slots for all parameters and
    // results, and the parameters are of the function's types.
    unsafe { callee.call(store, slots.as_mut_ptr())? };
    let core = store.core_mut();
    let results = ty.results.iter().zip(&slots);
    Ok(results
        .map(|(&ty, slot)| Val::from_slot(ty, slot, core))
        .collect())
}

/// A function of a store that is known to take `P` and give `R`.
#[derive(Debug)]
pub(crate) struct TypedCallee<P, R> {
    store: StoreId,
    callee: Callee,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedCallee<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedCallee<P, R> {}

impl<P: WasmParams, R: WasmResults> TypedCallee<P, R> {
    /// Compares the types.
    pub(crate) fn new(core: &mut StoreCore, func: Func) -> Result<Self, Error> {
        const {
            assert!(P::TYPES.len() <= MAX_SLOTS && R::TYPES.len() <= MAX_SLOTS);
        }
        core.check_owner(func.store);
        let found = &core.func(func.index).ty;
        if *found.params != *P::TYPES || *found.results != *R::TYPES {
            return Err(UsageError::WrongSignature {
                expected: func_type::<P, R>(),
                found: FuncType::clone(found),
            }
            .into());
        }
        Ok(Self {
            store: func.store,
            callee: Callee::of(core, func.index)?,
            _types: PhantomData,
        })
    }

    /// Calls the function, without any allocation.
    #[inline]
    pub(crate) fn call<T>(self, store: &mut StoreMut<'_, T>, params: P) -> Result<R, Error> {
        let core = store.core_mut();
        core.check_owner(self.store);
        let mut slots = [const { MaybeUninit::<Slot>::uninit() }; MAX_SLOTS];
        params.into_slots(&mut slots, SlotAccess(core));
        let first = slots.as_mut_ptr().cast::<Slot>();
        // SAFETY: the callee is of this store, and its types are `P` and `R`, checked when `self`
        // was made; there is room for both, which are no longer than the array.
        unsafe { self.callee.call(store, first)? };
        // SAFETY: the callee has written as many slots as it has results.
        let results = unsafe { std::slice::from_raw_parts(first, R::TYPES.len()) };
        Ok(R::from_slots(results, SlotAccess(store.core_mut())))
    }
}

/// What a call needs to know.
#[derive(Debug, Clone, Copy)]
enum Callee {
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
    fn of(core: &mut StoreCore, index: u32) -> Result<Self, UsageError> {
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
    unsafe fn call<T>(self, store: &mut StoreMut<'_, T>, slots: *mut Slot) -> Result<(), Error> {
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
