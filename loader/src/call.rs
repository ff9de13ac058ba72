//! Calls by the host.
#![allow(unsafe_code, reason = "calls guest code")]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{HostFuncContext, Slot, StoreContext, VmFunc};

use crate::activation;
use crate::error::{Error, UsageError};
use crate::func::Func;
use crate::host_func::HostEntry;
use crate::module::Addresses;
use crate::store::core::StoreCore;
use crate::store::{StoreId, StoreMut};
use crate::val::Val;
use crate::wasm_ty::{
    DirectCall, MAX_SLOTS, SlotAccess, WasmParams, WasmResults, func_type, is_direct,
};

/// Calls a function with values that say their types. If it is the host's, the instance with the number
/// `caller` is the one that calls, or none.
pub(crate) fn with_values<T>(
    store: &mut StoreMut<'_, T>,
    func: Func,
    params: &[Val],
    caller: Option<u32>,
) -> Result<Vec<Val>, Error> {
    let core = store.core_mut();
    let caller = caller.map_or(0, |index| core.instances[index as usize].vmctx.address());
    core.check_owner(func.store);
    let ty = Arc::clone(&core.func(func.index).ty);
    if !Val::are_of(params, &ty.params, core) {
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
    // results, and the parameters are of the function's types; the vmctx is of this store, or 0.
    unsafe { callee.call(store, slots.as_mut_ptr(), caller)? };
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
        if let Some(direct) = self.callee.direct()
            && const { is_direct::<P, R>() }
        {
            // SAFETY: the callee is of this store, and its types are `P` and `R`, checked when
            // `self` was made.
            return unsafe { direct.call(store, params) };
        }
        let mut slots = [const { MaybeUninit::<Slot>::uninit() }; MAX_SLOTS];
        // Whoever is called may look at all of them.
        let count = const { max(P::TYPES.len(), R::TYPES.len()) };
        for slot in slots.iter_mut().take(count) {
            slot.write(Slot::default());
        }
        params.into_slots(&mut slots, SlotAccess(core));
        let first = slots.as_mut_ptr().cast::<Slot>();
        // SAFETY: the callee is of this store, and its types are `P` and `R`, checked when `self`
        // was made; there is room for both, which are no longer than the array. No instance calls.
        unsafe { self.callee.call(store, first, 0)? };
        // SAFETY: so many have been initialised, and written by the callee.
        let results = unsafe { std::slice::from_raw_parts(first, R::TYPES.len()) };
        Ok(R::from_slots(results, SlotAccess(store.core_mut())))
    }
}

/// What a call needs to know.
#[derive(Debug, Clone, Copy)]
enum Callee {
    Guest { func: VmFunc, entry: Addresses },
    Host { context: u64 },
}

/// A guest's function that can be called with values in registers.
#[derive(Debug, Clone, Copy)]
struct Direct {
    func: VmFunc,
    entry: NonZeroU64,
}

/// An entry trampoline that passes values in slots.
type EntryTrampoline = unsafe extern "C" fn(
    code: u64,
    vmctx: u64,
    slots: *mut Slot,
    store_context: *mut StoreContext,
) -> u8;

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

    #[inline]
    fn direct(self) -> Option<Direct> {
        match self {
            Self::Guest { func, entry } => entry.direct.map(|entry| Direct { func, entry }),
            Self::Host { .. } => None,
        }
    }

    /// Calls it. A function of the host's finds `caller` as the vmctx that calls.
    ///
    /// # Safety
    ///
    /// - The function belongs to `store`.
    /// - `slots` holds parameters of its types, and has room for its results.
    /// - `caller` is the vmctx of an instance of `store`, or 0.
    #[inline]
    unsafe fn call<T>(
        self,
        store: &mut StoreMut<'_, T>,
        slots: *mut Slot,
        caller: u64,
    ) -> Result<(), Error> {
        let core = store.core_ptr();
        match self {
            // SAFETY: the caller's promises; the store is borrowed mutably, and no reference into
            // it is in use. The trampoline is that of the function's type.
            Self::Guest { func, entry } => unsafe {
                let entry = with_exposed_provenance::<()>(entry.slots.get() as usize);
                let entry = std::mem::transmute::<*const (), EntryTrampoline>(entry);
                activation::enter(core, |store_context| {
                    (entry(func.code, func.vmctx, slots, store_context) == 1).then_some(())
                })
            },
            // SAFETY: as above; the context lives as long as the store.
            Self::Host { context } => unsafe {
                let context = with_exposed_provenance_mut::<HostFuncContext>(context as usize);
                let entry = with_exposed_provenance_mut::<()>((*context).func as usize);
                let entry = std::mem::transmute::<*mut (), HostEntry>(entry);
                let store_context = &raw mut (*core.as_ptr()).context;
                let before = std::mem::replace(&mut (*store_context).caller_vmctx, caller);
                let status = entry(context, slots);
                (*store_context).caller_vmctx = before;
                match status {
                    1 => Ok(()),
                    _ => Err(activation::reason_for_leaving(core)),
                }
            },
        }
    }
}

impl Direct {
    /// Calls it.
    ///
    /// # Safety
    ///
    /// The function belongs to `store`, takes `P` and gives `R`, no more than one value.
    #[inline]
    unsafe fn call<T, P: WasmParams, R: WasmResults>(
        self,
        store: &mut StoreMut<'_, T>,
        params: P,
    ) -> Result<R, Error> {
        // Before anything is entered: this panics for a value of another store's.
        let params = params.into_abi(SlotAccess(store.core_mut()));
        let core = store.core_ptr();
        // SAFETY: the caller's promises; the store is borrowed mutably, and no reference into it is
        // in use.
        let value = unsafe {
            activation::enter(core, |store_context| {
                let call = DirectCall {
                    entry: self.entry.get() as usize,
                    func: self.func,
                    store_context,
                };
                let result = P::call_direct(params, call);
                (result.status == 1).then_some(result.value)
            })?
        };
        let slot = Slot(u128::from(value).to_le_bytes());
        Ok(R::from_slots(&[slot], SlotAccess(store.core_mut())))
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
