//! Rust types that stand for WebAssembly's, one by one and in lists.
#![allow(
    unsafe_code,
    reason = "entry trampolines are called with as many parameters as there are"
)]

use std::mem::MaybeUninit;

use precast_artifacts_format::abi::{DirectResult, Slot, StoreContext, VmFunc};
use precast_artifacts_format::{FuncType, ValType};

use crate::error::Error;
use crate::exception::ExnRef;
use crate::extern_ref::ExternRef;
use crate::func::Func;
use crate::store::core::StoreCore;
use crate::store::sealed::Sealed;
use crate::val::Val;

/// The most parameters or results that a typed function can have.
pub(crate) const MAX_SLOTS: usize = 16;

/// A Rust type that stands for a WebAssembly value type: `i32` and `u32`, `i64` and `u64`, `f32`,
/// `f64`, `u128` for `v128`, `Option<Func>` for `funcref`, `Option<ExternRef>` for `externref` and
/// `Option<ExnRef>` for `exnref`.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{ValType, WasmTy};
///
/// assert_eq!(u64::TYPE, ValType::I64);
/// assert_eq!(u128::TYPE, ValType::V128);
/// ```
pub trait WasmTy: Sealed + Sized {
    /// The WebAssembly type.
    const TYPE: ValType;

    /// What C passes in its place.
    #[doc(hidden)]
    type Abi: Copy;

    #[doc(hidden)]
    fn abi_to_slot(abi: Self::Abi) -> Slot;

    #[doc(hidden)]
    fn slot_to_abi(slot: &Slot) -> Self::Abi;

    #[doc(hidden)]
    fn into_slot(self, access: SlotAccess<'_>) -> Slot;

    #[doc(hidden)]
    fn from_slot(slot: &Slot, access: SlotAccess<'_>) -> Self;
}

/// The store, for values that refer to something in it.
#[doc(hidden)]
pub struct SlotAccess<'a>(pub(crate) &'a mut StoreCore);

impl SlotAccess<'_> {
    fn reborrow(&mut self) -> SlotAccess<'_> {
        SlotAccess(self.0)
    }
}

macro_rules! wasm_numbers {
    ($($ty:ty as $bits:ty = $variant:ident ($into:expr, $from:expr);)*) => {$(
        impl Sealed for $ty {}

        impl WasmTy for $ty {
            const TYPE: ValType = ValType::$variant;

            type Abi = $ty;

            #[inline]
            fn abi_to_slot(abi: $ty) -> Slot {
                let bits: $bits = $into(abi);
                let mut slot = [0; 16];
                slot[..size_of::<$bits>()].copy_from_slice(&bits.to_le_bytes());
                Slot(slot)
            }

            #[inline]
            fn slot_to_abi(slot: &Slot) -> $ty {
                let mut bytes = [0; size_of::<$bits>()];
                bytes.copy_from_slice(&slot.0[..size_of::<$bits>()]);
                $from(<$bits>::from_le_bytes(bytes))
            }

            #[inline]
            fn into_slot(self, _: SlotAccess<'_>) -> Slot {
                Self::abi_to_slot(self)
            }

            #[inline]
            fn from_slot(slot: &Slot, _: SlotAccess<'_>) -> Self {
                Self::slot_to_abi(slot)
            }
        }
    )*};
}

wasm_numbers! {
    i32 as i32 = I32 (std::convert::identity, std::convert::identity);
    u32 as u32 = I32 (std::convert::identity, std::convert::identity);
    i64 as i64 = I64 (std::convert::identity, std::convert::identity);
    u64 as u64 = I64 (std::convert::identity, std::convert::identity);
    f32 as u32 = F32 (f32::to_bits, f32::from_bits);
    f64 as u64 = F64 (f64::to_bits, f64::from_bits);
    u128 as u128 = V128 (std::convert::identity, std::convert::identity);
}

macro_rules! wasm_references {
    ($($ty:ty = $variant:ident, $const:ident as $abi:ty;)*) => {$(
        impl Sealed for Option<$ty> {}

        impl WasmTy for Option<$ty> {
            const TYPE: ValType = ValType::$const;

            type Abi = $abi;

            fn abi_to_slot(abi: $abi) -> Slot {
                <$abi as WasmTy>::abi_to_slot(abi)
            }

            fn slot_to_abi(slot: &Slot) -> $abi {
                <$abi as WasmTy>::slot_to_abi(slot)
            }

            fn into_slot(self, access: SlotAccess<'_>) -> Slot {
                Val::$variant(self).to_slot(access.0)
            }

            fn from_slot(slot: &Slot, access: SlotAccess<'_>) -> Self {
                match Val::from_slot(ValType::$const, slot, access.0) {
                    Val::$variant(value) => value,
                    _ => None,
                }
            }
        }
    )*};
}

wasm_references! {
    Func = FuncRef, FUNCREF as u64;
    ExternRef = ExternRef, EXTERNREF as u32;
    ExnRef = ExnRef, EXNREF as u32;
}

/// The parameters of a typed function: a tuple of up to 16 [`WasmTy`], or a single one.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{AsStoreMut, Error, Instance, WasmParams};
///
/// /// Calls a function that gives nothing.
/// fn tell<P: WasmParams>(
///     store: &mut impl AsStoreMut,
///     instance: Instance,
///     name: &str,
///     params: P,
/// ) -> Result<(), Error> {
///     instance.typed_func::<P, ()>(store, name)?.call(store, params)
/// }
/// # let (mut store, instance) = example::instance();
/// store.set_fuel(0);
/// assert!(tell(&mut store, instance, "spin", ()).is_err());
/// ```
pub trait WasmParams: WasmList {}

/// The results of a typed function: a tuple of up to 16 [`WasmTy`], or a single one.
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{AsStoreMut, Error, Instance, WasmResults};
///
/// /// Calls a function that takes a number.
/// fn ask<R: WasmResults>(
///     store: &mut impl AsStoreMut,
///     instance: Instance,
///     name: &str,
///     number: i32,
/// ) -> Result<R, Error> {
///     instance.typed_func::<i32, R>(store, name)?.call(store, number)
/// }
/// # let (mut store, instance) = example::instance();
/// assert_eq!(ask::<i32>(&mut store, instance, "twice", 21)?, 42);
/// # Ok::<(), Error>(())
/// ```
pub trait WasmResults: WasmList {}

impl<L: WasmList> WasmParams for L {}
impl<L: WasmList> WasmResults for L {}

/// Parameters or results. See [`WasmParams`] and [`WasmResults`].
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{ValType, WasmList};
///
/// assert_eq!(<(i32, f64)>::TYPES, [ValType::I32, ValType::F64]);
/// assert_eq!(f32::TYPES, [ValType::F32]);
/// assert_eq!(<()>::TYPES, []);
/// ```
pub trait WasmList: Sealed + Sized {
    /// The WebAssembly types, in order.
    const TYPES: &'static [ValType];

    /// What C passes in their place.
    #[doc(hidden)]
    type AbiList: Copy;

    #[doc(hidden)]
    fn into_slots(self, slots: &mut [MaybeUninit<Slot>], access: SlotAccess<'_>);

    #[doc(hidden)]
    fn from_slots(slots: &[Slot], access: SlotAccess<'_>) -> Self;

    #[doc(hidden)]
    fn into_abi(self, access: SlotAccess<'_>) -> Self::AbiList;

    /// Calls a direct entry trampoline with the values as parameters, and does nothing else: it
    /// must not panic.
    ///
    /// # Safety
    ///
    /// `call` is for a function with just these parameters, and guest code may be entered.
    #[doc(hidden)]
    unsafe fn call_direct(params: Self::AbiList, call: DirectCall) -> DirectResult;
}

/// What a direct entry trampoline takes before the parameters.
#[doc(hidden)]
pub struct DirectCall {
    /// Address of the trampoline.
    pub(crate) entry: usize,
    pub(crate) func: VmFunc,
    pub(crate) store_context: *mut StoreContext,
}

impl<A: WasmTy> WasmList for A {
    const TYPES: &'static [ValType] = &[A::TYPE];

    type AbiList = (A::Abi,);

    #[inline]
    fn into_slots(self, slots: &mut [MaybeUninit<Slot>], access: SlotAccess<'_>) {
        slots[0].write(self.into_slot(access));
    }

    #[inline]
    fn from_slots(slots: &[Slot], access: SlotAccess<'_>) -> Self {
        A::from_slot(&slots[0], access)
    }

    #[inline]
    fn into_abi(self, access: SlotAccess<'_>) -> Self::AbiList {
        (self,).into_abi(access)
    }

    #[inline]
    unsafe fn call_direct(params: Self::AbiList, call: DirectCall) -> DirectResult {
        // SAFETY: the caller's promise.
        unsafe { <(A,)>::call_direct(params, call) }
    }
}

/// Calls a macro with the names of 0 to 16 types.
macro_rules! for_each_arity {
    ($macro:ident) => {
        $macro!();
        $macro!(A0);
        $macro!(A0 A1);
        $macro!(A0 A1 A2);
        $macro!(A0 A1 A2 A3);
        $macro!(A0 A1 A2 A3 A4);
        $macro!(A0 A1 A2 A3 A4 A5);
        $macro!(A0 A1 A2 A3 A4 A5 A6);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $macro!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
    };
}

pub(crate) use for_each_arity;

macro_rules! wasm_tuple {
    ($($ty:ident)*) => {
        impl<$($ty),*> Sealed for ($($ty,)*) {}

        impl<$($ty: WasmTy),*> WasmList for ($($ty,)*) {
            const TYPES: &'static [ValType] = &[$($ty::TYPE),*];

            type AbiList = ($($ty::Abi,)*);

            #[inline]
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "one macro for all lengths")]
            fn into_slots(self, slots: &mut [MaybeUninit<Slot>], mut access: SlotAccess<'_>) {
                let ($($ty,)*) = self;
                let mut slots = slots.iter_mut();
                $(slots.next().expect("room for all").write($ty.into_slot(access.reborrow()));)*
            }

            #[inline]
            #[allow(clippy::unused_unit, unused_mut, unused_variables, reason = "one macro for all lengths")]
            fn from_slots(slots: &[Slot], mut access: SlotAccess<'_>) -> Self {
                let mut slots = slots.iter();
                ($($ty::from_slot(slots.next().expect("one for each"), access.reborrow()),)*)
            }

            #[inline]
            #[allow(clippy::unused_unit, non_snake_case, unused_mut, unused_variables, reason = "one macro for all lengths")]
            fn into_abi(self, mut access: SlotAccess<'_>) -> Self::AbiList {
                let ($($ty,)*) = self;
                ($($ty::slot_to_abi(&$ty.into_slot(access.reborrow())),)*)
            }

            #[inline]
            #[allow(non_snake_case, reason = "one macro for all lengths")]
            unsafe fn call_direct(params: Self::AbiList, call: DirectCall) -> DirectResult {
                type Entry<$($ty),*> =
                    unsafe extern "C" fn(u64, u64, *mut StoreContext, $($ty),*) -> DirectResult;
                let DirectCall { entry, func, store_context } = call;
                let ($($ty,)*) = params;
                let entry = std::ptr::with_exposed_provenance::<()>(entry);
                // SAFETY: by the caller's promise, this is what stands there.
                unsafe {
                    let entry = std::mem::transmute::<*const (), Entry<$($ty::Abi),*>>(entry);
                    entry(func.code, func.vmctx, store_context, $($ty),*)
                }
            }
        }
    };
}

for_each_arity!(wasm_tuple);

/// What a host function may return: nothing, a [`WasmTy`], a tuple of them, or a `Result` of one
/// of these with an error that becomes an [`Error`].
///
/// Only this crate implements it.
///
/// ```
/// use precast_loader::{Engine, Error, HostReturn, Linker};
///
/// /// Defines a function that gives what the host says when it is asked.
/// fn define<R: HostReturn + 'static>(
///     linker: &mut Linker<()>,
///     name: &str,
///     ask: impl Fn() -> R + Send + Sync + 'static,
/// ) -> Result<(), Error> {
///     linker.func("host", name, ask)?;
///     Ok(())
/// }
///
/// let mut linker = Linker::new(&Engine::default());
/// define(&mut linker, "answer", || 42)?;
/// define(&mut linker, "pair", || (1i32, 2.0f64))?;
/// define(&mut linker, "fails", || Err::<i64, Error>(Error::host("not today")))?;
/// # Ok::<(), Error>(())
/// ```
pub trait HostReturn: Sealed {
    /// What goes to the guest.
    type Results: WasmResults;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Results, Error>;
}

impl<A: WasmTy> HostReturn for A {
    type Results = A;

    #[inline]
    fn into_result(self) -> Result<A, Error> {
        Ok(self)
    }
}

impl<R, E> Sealed for Result<R, E> {}

impl<R: HostReturn, E: Into<Error>> HostReturn for Result<R, E> {
    type Results = R::Results;

    #[inline]
    fn into_result(self) -> Result<R::Results, Error> {
        self.map_err(Into::into)?.into_result()
    }
}

macro_rules! host_return_tuple {
    ($($ty:ident)*) => {
        impl<$($ty: WasmTy),*> HostReturn for ($($ty,)*) {
            type Results = Self;

            #[inline]
            fn into_result(self) -> Result<Self, Error> {
                Ok(self)
            }
        }
    };
}

for_each_arity!(host_return_tuple);

/// Whether functions of these Rust types can be called with values in registers.
pub(crate) const fn is_direct<P: WasmList, R: WasmList>() -> bool {
    FuncType::are_direct(P::TYPES, R::TYPES)
}

/// The function type of Rust types.
pub(crate) fn func_type<P: WasmList, R: WasmList>() -> FuncType {
    FuncType::new(P::TYPES.iter().copied(), R::TYPES.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use crate::func::Func;

    #[test]
    fn lists_name_the_types_of_their_parts() {
        assert_eq!(<()>::TYPES, []);
        assert_eq!(u32::TYPES, [ValType::I32]);
        assert_eq!(
            <(i64, f32, u128, Option<Func>)>::TYPES,
            [ValType::I64, ValType::F32, ValType::V128, ValType::FUNCREF]
        );
    }

    #[test]
    fn numbers_keep_their_bits() {
        let mut core = StoreCore::new(&Engine::default());
        let mut there_and_back = |value: f64| {
            let slot = value.into_slot(SlotAccess(&mut core));
            f64::from_slot(&slot, SlotAccess(&mut core)).to_bits()
        };
        let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
        assert_eq!(there_and_back(signalling), signalling.to_bits());
        assert_eq!(there_and_back(-0.0), (-0.0f64).to_bits());
        let slot = (-2i32).into_slot(SlotAccess(&mut core));
        assert_eq!(u32::from_slot(&slot, SlotAccess(&mut core)), u32::MAX - 1);
    }
}
