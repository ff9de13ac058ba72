//! Functions of the host's.
//!
//! Guest code calls a trampoline for the function's type, with a [`HostFuncContext`] as vmctx; the
//! trampoline calls [`typed`], [`dynamic`] or one of the direct functions below, which take values
//! in registers. There is one instance of these for each closure type, so that nothing is looked up
//! on the way. They keep errors and panics from
//! crossing guest frames: both are left in the store, and the call of guest code that is around
//! it all ends with them.
#![allow(unsafe_code, reason = "called by guest code, with addresses")]

use std::any::Any;
use std::mem::MaybeUninit;
use std::ptr::with_exposed_provenance;
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{
    DirectResult, HOST_FUNC_MAGIC, HostFuncContext, Slot, VmctxHeader,
};

use crate::caller::Caller;
use crate::engine::Engine;
use crate::error::{Error, UsageError};
use crate::store::{AsStoreMut as _, StoreMut};
use crate::val::Val;
use crate::wasm_ty::{
    HostReturn, MAX_SLOTS, SlotAccess, WasmList, WasmTy, for_each_arity, func_type, is_direct,
};

mod guard;

use guard::{guard, guard_in_slots, has_listener};

/// What an import trampoline calls.
pub(crate) type HostEntry =
    unsafe extern "C" fn(context: *mut HostFuncContext, slots: *mut Slot) -> u8;

/// A host function that is not in a store yet.
pub(crate) struct HostFuncDef {
    /// Engine-wide id of its type.
    type_id: u32,
    ty: Arc<FuncType>,
    entry: HostEntry,
    /// Address of the same for values in registers; 0 if there is none.
    direct: u64,
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
        let direct = F::direct_entry().expose_provenance() as u64;
        Self::new(engine, &F::ty(), typed::<T, P, R, F>, direct, closure)
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
        Self::new(engine, &ty, dynamic::<T, F>, 0, closure)
    }

    fn new<C: Send + Sync + 'static>(
        engine: &Engine,
        ty: &FuncType,
        entry: HostEntry,
        direct: u64,
        closure: C,
    ) -> Result<Arc<Self>, Error> {
        let closure = Arc::new(closure);
        Ok(Arc::new(Self {
            type_id: engine.type_id(ty)?,
            ty: Arc::new(ty.clone()),
            entry,
            direct,
            closure: Arc::as_ptr(&closure).expose_provenance() as u64,
            _keeps: closure,
        }))
    }

    pub(crate) fn type_id(&self) -> u32 {
        self.type_id
    }

    /// Whether it takes values in registers.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct != 0
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
            direct: self.direct,
            data: self.closure,
        }
    }
}

/// A closure that can be a host function: of up to 16 parameters that are [`WasmTy`], after a
/// [`Caller`] or without, with a [`HostReturn`] as result.
///
/// `P` and `R` are found by the compiler. Only this crate implements it.
///
/// ```
/// use precast_loader::{Engine, Error, IntoHostFunc, Linker};
///
/// /// Defines a function in the module that all of ours are in.
/// fn define<T, P, R>(
///     linker: &mut Linker<T>,
///     name: &str,
///     closure: impl IntoHostFunc<T, P, R>,
/// ) -> Result<(), Error> {
///     linker.func("env", name, closure)?;
///     Ok(())
/// }
///
/// let mut linker = Linker::<()>::new(&Engine::default());
/// define(&mut linker, "add", |a: i32, b: i32| a + b)?;
/// # Ok::<(), Error>(())
/// ```
pub trait IntoHostFunc<T: 'static, P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn ty() -> FuncType;

    #[doc(hidden)]
    fn slot_count() -> usize;

    #[doc(hidden)]
    fn call(&self, caller: Caller<'_, T>, slots: HostSlots<'_>) -> Result<(), Error>;

    /// What a direct import trampoline calls; null if the type is not direct.
    #[doc(hidden)]
    fn direct_entry() -> *const ();
}

/// Parameters on the way in, results on the way out. Not to be named elsewhere, which keeps
/// [`IntoHostFunc`] from being implemented there.
#[doc(hidden)]
pub struct HostSlots<'a>(&'a mut [Slot]);

/// Marks closures that take a [`Caller`] before the parameters `P`.
#[doc(hidden)]
pub struct WithCaller<P>(std::marker::PhantomData<P>);

/// The function for a direct import trampoline, made for a closure type: it takes the context and
/// the parameters, and hands closure and caller to `$run`.
macro_rules! direct_entry {
    ($data:ident, $closure:ident, $result:ident, ($($ty:ident)*), $marker:ty, ($($arg:ty),*),
        |$closure_name:ident, $caller:ident| $run:block) => {{
        /// # Safety
        ///
        /// Called by the direct import trampoline for the closure's type, with the context it was
        /// called with.
        #[allow(non_snake_case, unused_mut, unused_variables, reason = "one macro for all lengths")]
        unsafe extern "C" fn entry<$data: 'static, $closure, $result, $($ty),*>(
            context: *mut HostFuncContext,
            $($ty: $ty::Abi),*
        ) -> DirectResult
        where
            $closure: Fn($($arg),*) -> $result + Send + Sync + 'static,
            $result: HostReturn,
            $($ty: WasmTy,)*
        {
            // SAFETY: as for `typed`.
            unsafe {
                if has_listener(context) {
                    return through_slots::<$data, $closure, $result, $($ty),*>(context, $($ty),*);
                }
            }
            // SAFETY: as for `typed`.
            let value = unsafe {
                guard::<$data, u64>(context, |mut $caller, closure| {
                    let $closure_name = &*with_exposed_provenance::<$closure>(closure);
                    $(let $ty = of_abi::<$data, $ty>(&mut $caller, $ty);)*
                    $run
                })
            };
            DirectResult {
                value: value.unwrap_or(0),
                status: u64::from(value.is_some()),
            }
        }

        /// The long way, for listeners: apart from the other, so that it takes no frame there.
        ///
        /// # Safety
        ///
        /// As for `entry`.
        #[cold]
        #[inline(never)]
        #[allow(non_snake_case, reason = "one macro for all lengths")]
        unsafe extern "C" fn through_slots<$data: 'static, $closure, $result, $($ty),*>(
            context: *mut HostFuncContext,
            $($ty: $ty::Abi),*
        ) -> DirectResult
        where
            $closure: Fn($($arg),*) -> $result + Send + Sync + 'static,
            $result: HostReturn,
            $($ty: WasmTy,)*
        {
            let mut slots = [Slot::default(); MAX_SLOTS];
            let given: &[Slot] = &[$($ty::abi_to_slot($ty)),*];
            slots[..given.len()].copy_from_slice(given);
            let first = slots.as_mut_ptr();
            // SAFETY: as for `typed`; there are slots for all parameters and the result.
            let status = unsafe { typed::<$data, $marker, $result, $closure>(context, first) };
            DirectResult {
                value: bits_of(&slots[0]),
                status: status.into(),
            }
        }

        let direct = const { is_direct::<($($ty,)*), $result::Results>() };
        if direct {
            entry::<$data, $closure, $result, $($ty),*> as *const ()
        } else {
            std::ptr::null()
        }
    }};
}

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

            fn direct_entry() -> *const () {
                direct_entry!(T, FN, R, ($($ty)*), ($($ty,)*), ($($ty),*), |closure, caller| {
                    let results = closure($($ty),*).into_result()?;
                    Ok(result_bits(&mut caller.as_store_mut(), results))
                })
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
                let results = self(caller.reborrow(), $($ty),*).into_result()?;
                give_results(&mut caller.as_store_mut(), results, slots);
                Ok(())
            }

            fn direct_entry() -> *const () {
                direct_entry!(T, FN, R, ($($ty)*), WithCaller<($($ty,)*)>, (Caller<'_, T> $(, $ty)*), |closure, caller| {
                    let results = closure(caller.reborrow(), $($ty),*).into_result()?;
                    Ok(result_bits(&mut caller.as_store_mut(), results))
                })
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

#[inline]
fn of_abi<T, A: WasmTy>(caller: &mut Caller<'_, T>, abi: A::Abi) -> A {
    let slot = A::abi_to_slot(abi);
    A::from_slot(&slot, SlotAccess(caller.as_store_mut().core_mut()))
}

/// The bits of one result, or of none.
#[inline]
fn result_bits<T, R: WasmList>(store: &mut StoreMut<'_, T>, results: R) -> u64 {
    let mut slot = [MaybeUninit::new(Slot::default())];
    results.into_slots(&mut slot, SlotAccess(store.core_mut()));
    // SAFETY: initialised above.
    let [slot] = slot.map(|slot| unsafe { slot.assume_init() });
    bits_of(&slot)
}

#[inline]
fn bits_of(slot: &Slot) -> u64 {
    u128::from_le_bytes(slot.0) as u64
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
        guard_in_slots::<T>(context, slots, |caller, closure| {
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
        guard_in_slots::<T>(context, slots, |mut caller, closure| {
            let DynamicClosure { ty, closure } =
                &*with_exposed_provenance::<DynamicClosure<F>>(closure);
            let slots = slice_of(slots, ty.params.len().max(ty.results.len()));
            let params = ty.params.iter().zip(&*slots);
            let params: Vec<Val> = params
                .map(|(&ty, slot)| Val::from_slot(ty, slot, caller.as_store_mut().core_mut()))
                .collect();
            let results = ty.results.iter();
            let mut results: Vec<Val> = results.map(|&ty| Val::default_of(ty)).collect();
            closure(caller.reborrow(), &params, &mut results)?;
            for ((&expected, result), slot) in ty.results.iter().zip(results).zip(slots) {
                let found = result.ty();
                let mut store = caller.as_store_mut();
                let core = store.core_mut();
                if !result.is_of(expected, core) {
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
