//! Functions of the host's.
//!
//! Guest code calls the trampoline for the function's type, with a [`HostFuncContext`] as vmctx;
//! the trampoline calls [`typed`] or [`dynamic`] below, one instance of which there is for each
//! closure type, so that nothing is looked up on the way. They keep errors and panics from
//! crossing guest frames: both are left in the store, and the call of guest code that is around
//! it all ends with them.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{
    HOST_FUNC_MAGIC, HostFuncContext, INSTANCE_MAGIC, Slot, StoreContext, VmctxHeader,
};

use crate::backtrace;
use crate::caller::Caller;
use crate::engine::Engine;
use crate::error::{Error, UsageError};
use crate::store::core::{Outcome, StoreCore};
use crate::store::{AsStoreMut as _, StoreMut};
use crate::val::Val;
use crate::wasm_ty::{HostReturn, SlotAccess, WasmList, WasmTy, for_each_arity, func_type};

/// What an import trampoline calls.
pub(crate) type HostEntry =
    unsafe extern "C" fn(context: *mut HostFuncContext, slots: *mut Slot) -> u8;

/// A host function that is not in a store yet.
pub(crate) struct HostFuncDef {
    /// Engine-wide id of its type.
    type_id: u32,
    ty: Arc<FuncType>,
    entry: HostEntry,
    /// Address of the closure, exposed.
    closure: u64,
    _keeps: Arc<dyn Any + Send + Sync>,
}

impl HostFuncDef {
    /// For a closure whose Rust types say what it takes and gives.
    pub(crate) fn typed<T, P, R, F>(engine: &Engine, closure: F) -> Result<Arc<Self>, Error>
    where
        T: 'static,
        F: IntoHostFunc<T, P, R>,
    {
        Self::new(engine, &F::ty(), typed::<T, P, R, F>, closure)
    }

    /// For a closure that takes and gives values of any type; `ty` says which.
    pub(crate) fn dynamic<T, F>(
        engine: &Engine,
        ty: FuncType,
        closure: F,
    ) -> Result<Arc<Self>, Error>
    where
        T: 'static,
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    {
        let closure = DynamicClosure { ty, closure };
        let ty = closure.ty.clone();
        Self::new(engine, &ty, dynamic::<T, F>, closure)
    }

    fn new<C: Send + Sync + 'static>(
        engine: &Engine,
        ty: &FuncType,
        entry: HostEntry,
        closure: C,
    ) -> Result<Arc<Self>, Error> {
        let closure = Arc::new(closure);
        Ok(Arc::new(Self {
            type_id: engine.type_id(ty)?,
            ty: Arc::new(ty.clone()),
            entry,
            closure: Arc::as_ptr(&closure).expose_provenance() as u64,
            _keeps: closure,
        }))
    }

    pub(crate) fn type_id(&self) -> u32 {
        self.type_id
    }

    pub(crate) fn ty(&self) -> &Arc<FuncType> {
        &self.ty
    }

    /// The vmctx for it, in the store with that store context, of which it is the function with
    /// number `index`. It must not outlive `self`.
    pub(crate) fn context(&self, store_context: u64, index: u32) -> HostFuncContext {
        HostFuncContext {
            header: VmctxHeader {
                magic: HOST_FUNC_MAGIC,
                reserved: 0,
                store_context,
                host: u64::from(index),
            },
            func: self.entry as usize as u64,
            data: self.closure,
        }
    }
}

/// A closure that can be a host function: of up to 16 parameters that are [`WasmTy`], after a
/// [`Caller`] or without, with a [`HostReturn`] as result.
///
/// `P` and `R` are found by the compiler. Only this crate implements it.
pub trait IntoHostFunc<T: 'static, P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn ty() -> FuncType;

    #[doc(hidden)]
    fn slot_count() -> usize;

    #[doc(hidden)]
    fn call(&self, caller: Caller<'_, T>, slots: HostSlots<'_>) -> Result<(), Error>;
}

/// Parameters on the way in, results on the way out. Not to be named elsewhere, which keeps
/// [`IntoHostFunc`] from being implemented there.
#[doc(hidden)]
pub struct HostSlots<'a>(&'a mut [Slot]);

/// Marks closures that take a [`Caller`] before the parameters `P`.
#[doc(hidden)]
pub struct WithCaller<P>(std::marker::PhantomData<P>);

macro_rules! into_host_func {
    ($($ty:ident)*) => {
        impl<T: 'static, FN, R, $($ty),*> IntoHostFunc<T, ($($ty,)*), R> for FN
        where
            FN: Fn($($ty),*) -> R + Send + Sync + 'static,
            R: HostReturn,
            $($ty: WasmTy,)*
        {
            fn ty() -> FuncType {
                func_type::<($($ty,)*), R::Results>()
            }

            fn slot_count() -> usize {
                slot_count::<($($ty,)*), R::Results>()
            }

            #[inline]
            #[allow(non_snake_case, reason = "one macro for all lengths")]
            fn call(&self, mut caller: Caller<'_, T>, slots: HostSlots<'_>) -> Result<(), Error> {
                let HostSlots(slots) = slots;
                let ($($ty,)*) = take_params::<T, ($($ty,)*)>(&mut caller, slots);
                let results = self($($ty),*).into_result()?;
                give_results(&mut caller.as_store_mut(), results, slots);
                Ok(())
            }
        }

        impl<T: 'static, FN, R, $($ty),*> IntoHostFunc<T, WithCaller<($($ty,)*)>, R> for FN
        where
            FN: Fn(Caller<'_, T>, $($ty),*) -> R + Send + Sync + 'static,
            R: HostReturn,
            $($ty: WasmTy,)*
        {
            fn ty() -> FuncType {
                func_type::<($($ty,)*), R::Results>()
            }

            fn slot_count() -> usize {
                slot_count::<($($ty,)*), R::Results>()
            }

            #[inline]
            #[allow(non_snake_case, reason = "one macro for all lengths")]
            fn call(&self, mut caller: Caller<'_, T>, slots: HostSlots<'_>) -> Result<(), Error> {
                let HostSlots(slots) = slots;
                let ($($ty,)*) = take_params::<T, ($($ty,)*)>(&mut caller, slots);
                let core = caller.as_store_mut().core_ptr();
                let results = self(caller, $($ty),*).into_result()?;
                // SAFETY: the caller has been given up, so that the store is ours again.
                let mut store = unsafe { StoreMut::<T>::from_core(core) };
                give_results(&mut store, results, slots);
                Ok(())
            }
        }
    };
}

for_each_arity!(into_host_func);

fn slot_count<P: WasmList, R: WasmList>() -> usize {
    P::TYPES.len().max(R::TYPES.len())
}

#[inline]
fn take_params<T, P: WasmList>(caller: &mut Caller<'_, T>, slots: &[Slot]) -> P {
    P::from_slots(slots, SlotAccess(caller.as_store_mut().core_mut()))
}

#[inline]
fn give_results<T, R: WasmList>(store: &mut StoreMut<'_, T>, results: R, slots: &mut [Slot]) {
    // SAFETY: initialised slots are taken for slots that need not be, and only written to.
    let slots = unsafe { std::slice::from_raw_parts_mut(slots.as_mut_ptr().cast(), slots.len()) };
    results.into_slots(slots, SlotAccess(store.core_mut()));
}

/// A closure that takes and gives values of any type.
struct DynamicClosure<F> {
    ty: FuncType,
    closure: F,
}

unsafe extern "C" fn typed<T, P, R, F>(context: *mut HostFuncContext, slots: *mut Slot) -> u8
where
    T: 'static,
    F: IntoHostFunc<T, P, R>,
{
    // SAFETY: the trampoline passes the context it was called with and as many slots as the
    // function's type needs, all of its own. The context was made by `HostFuncDef::context` for a
    // closure of type `F` and is in a store with data of type `T`, since the linker's is the same.
    unsafe {
        guard::<T>(context, |caller, closure| {
            let closure = &*with_exposed_provenance::<F>(closure);
            let slots = HostSlots(slice_of(slots, F::slot_count()));
            closure.call(caller, slots)
        })
    }
}

unsafe extern "C" fn dynamic<T, F>(context: *mut HostFuncContext, slots: *mut Slot) -> u8
where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
{
    // SAFETY: as for `typed`.
    unsafe {
        guard::<T>(context, |mut caller, closure| {
            let DynamicClosure { ty, closure } =
                &*with_exposed_provenance::<DynamicClosure<F>>(closure);
            let slots = slice_of(slots, ty.params.len().max(ty.results.len()));
            let mut store = caller.as_store_mut();
            let core = store.core_ptr();
            let params = ty.params.iter().zip(&*slots);
            let params: Vec<Val> = params
                .map(|(&ty, slot)| Val::from_slot(ty, slot, store.core_mut()))
                .collect();
            let results = ty.results.iter();
            let mut results: Vec<Val> = results.map(|&ty| Val::default_of(ty)).collect();
            closure(caller, &params, &mut results)?;
            // The caller has been given up, so that the store is ours again.
            let core = &mut *core.as_ptr();
            for ((&expected, result), slot) in ty.results.iter().zip(results).zip(slots) {
                let found = result.ty();
                if found != expected {
                    return Err(UsageError::WrongType { expected, found }.into());
                }
                *slot = result.to_slot(core);
            }
            Ok(())
        })
    }
}

unsafe fn slice_of<'a>(slots: *mut Slot, count: usize) -> &'a mut [Slot] {
    if count == 0 {
        return &mut [];
    }
    // SAFETY: the caller's promise. What the trampoline has not written are bytes of its frame.
    unsafe { std::slice::from_raw_parts_mut(slots, count) }
}

/// Runs a host function; 1 if it returned, 0 if it did not and the reason is in the store.
///
/// # Safety
///
/// - `context` is that of a host function in a store with data `T`, called by guest code of that
///   store or by the host while nobody else uses the store.
unsafe fn guard<T: 'static>(
    context: *mut HostFuncContext,
    run: impl FnOnce(Caller<'_, T>, usize) -> Result<(), Error>,
) -> u8 {
    // SAFETY: contexts are live as long as their store, and `host` is where the store is.
    let (core, store_context, closure) = unsafe {
        let store_context =
            with_exposed_provenance_mut::<StoreContext>((*context).header.store_context as usize);
        let core = with_exposed_provenance_mut::<StoreCore>((*store_context).host as usize);
        let closure = (*context).data as usize;
        (NonNull::new_unchecked(core), store_context, closure)
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the store's data is a `T`, and guest code waits for us, so that nobody else
        // uses the store.
        let caller = unsafe {
            let instance = instance_of((*store_context).caller_vmctx);
            Caller::new(StoreMut::<T>::from_core(core), instance)
        };
        run(caller, closure)
    }));
    match outcome {
        Ok(Ok(())) => 1,
        // SAFETY: the caller has been given up, so that the store is ours again.
        Ok(Err(error)) => unsafe { leave(core, Ok(error)) },
        // SAFETY: as above.
        Err(panic) => unsafe { leave(core, Err(panic)) },
    }
}

/// The number of the instance with that vmctx; `None` for 0.
unsafe fn instance_of(vmctx: u64) -> Option<u32> {
    let header = with_exposed_provenance::<VmctxHeader>(vmctx as usize);
    if header.is_null() {
        return None;
    }
    // SAFETY: guest code stores its own vmctx, which lives as long as the store.
    let header = unsafe { &*header };
    (header.magic == INSTANCE_MAGIC)
        .then(|| u32::try_from(header.host).ok())
        .flatten()
}

/// Leaves in the store why the host function did not return.
#[cold]
unsafe fn leave(core: NonNull<StoreCore>, how: Result<Error, Box<dyn Any + Send>>) -> u8 {
    let outcome = match how {
        // SAFETY: as for this function.
        Ok(error) => Outcome::Error(unsafe { with_backtrace(core, error) }),
        Err(panic) => Outcome::Panic(panic),
    };
    // SAFETY: the caller's promise: the store is live and nobody else's at this time.
    unsafe { (*core.as_ptr()).outcome = Some(outcome) };
    0
}

/// Adds to an error where the guest was, unless something further in has said so already.
unsafe fn with_backtrace(core: NonNull<StoreCore>, mut error: Error) -> Error {
    let wanted = error
        .backtrace()
        .is_none_or(|backtrace| backtrace.is_empty());
    let carries = matches!(error, Error::Trap(_) | Error::Host(_));
    if wanted && carries {
        // SAFETY: the store is live and nobody else's at this time; the frames of the guest that
        // has called stand.
        let backtrace = unsafe {
            backtrace::record_exit(core.as_ptr());
            backtrace::resolve(&*core.as_ptr())
        };
        match &mut error {
            Error::Trap(trap) => trap.set_backtrace(backtrace),
            Error::Host(host) if !backtrace.is_empty() => {
                host.backtrace = Some(Box::new(backtrace));
            }
            _ => {}
        }
    }
    error
}
