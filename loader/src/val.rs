//! Values, when their types are known only at run time.

use precast_artifacts_format::abi::Slot;
use precast_artifacts_format::{HeapType, Hierarchy, ValType};

use crate::exception::ExnRef;
use crate::extern_ref::ExternRef;
use crate::func::Func;
use crate::store::core::StoreCore;

/// A WebAssembly value.
///
/// Floats are kept as bits, since a NaN may not survive being moved as a float; `From` takes and
/// the methods give floats.
///
/// ```
/// use precast_loader::{Val, ValType};
///
/// let value = Val::from(1.5f32);
/// assert_eq!(value.ty(), ValType::F32);
/// assert_eq!(value.f32(), Some(1.5));
/// assert_eq!(value.i32(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit float, as bits.
    F32(u32),
    /// 64-bit float, as bits.
    F64(u64),
    /// 128-bit vector, lane 0 in the lowest bits.
    V128(u128),
    /// Reference to a function, or null.
    FuncRef(Option<Func>),
    /// Reference to something of the host's, or null.
    ExternRef(Option<ExternRef>),
    /// Reference to an exception, or null.
    ExnRef(Option<ExnRef>),
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident: $ty:ty, $ty_const:ident = $variant:ident($pattern:pat) => $value:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// ```
            /// use precast_loader::{Val, ValType};
            ///
            #[doc = concat!("let value = Val::default_of(ValType::", stringify!($ty_const), ");")]
            #[doc = concat!("assert!(value.", stringify!($name), "().is_some());")]
            /// ```
            pub fn $name(&self) -> Option<$ty> {
                match *self {
                    Self::$variant($pattern) => Some($value),
                    _ => None,
                }
            }
        )*
    };
}

impl Val {
    /// The value's type; for references, one of all that they have.
    ///
    /// ```
    /// # use precast_loader::{FuncType, Val};
    /// fn fit(ty: &FuncType, params: &[Val]) -> bool {
    ///     params.iter().map(Val::ty).eq(ty.params.iter().copied())
    /// }
    /// ```
    pub fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FUNCREF,
            Self::ExternRef(_) => ValType::EXTERNREF,
            Self::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Zero, or the null reference.
    ///
    /// ```
    /// # use precast_loader::{Val, ValType};
    /// assert_eq!(Val::default_of(ValType::F64), Val::from(0.0));
    /// assert_eq!(Val::default_of(ValType::FUNCREF), Val::FuncRef(None));
    /// ```
    pub fn default_of(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(0),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                Hierarchy::Func => Self::FuncRef(None),
                Hierarchy::Extern => Self::ExternRef(None),
                Hierarchy::Exn => Self::ExnRef(None),
            },
        }
    }

    /// Whether it is a value of type `ty`, whose numbers of types are those of the store's engine.
    ///
    /// # Panics
    ///
    /// If it refers to something in another store.
    pub(crate) fn is_of(&self, ty: ValType, core: &StoreCore) -> bool {
        let ValType::Ref(wanted) = ty else {
            return self.ty() == ty;
        };
        let hierarchy = wanted.heap.hierarchy();
        let heap = match *self {
            Self::FuncRef(None) => return wanted.nullable && hierarchy == Hierarchy::Func,
            Self::ExternRef(None) => return wanted.nullable && hierarchy == Hierarchy::Extern,
            Self::ExnRef(None) => return wanted.nullable && hierarchy == Hierarchy::Exn,
            Self::FuncRef(Some(func)) => {
                core.check_owner(func.store);
                HeapType::Concrete(core.func(func.index).type_id)
            }
            Self::ExternRef(Some(_)) => HeapType::Extern,
            Self::ExnRef(Some(_)) => HeapType::Exn,
            _ => return false,
        };
        heap.is_subtype(wanted.heap, |a, b| core.engine.is_subtype(a, b))
    }

    /// Whether `values` are as many as `types`, and each is of its type. Panics as for
    /// [`Val::is_of`].
    pub(crate) fn are_of(values: &[Self], types: &[ValType], core: &StoreCore) -> bool {
        let mut pairs = values.iter().zip(types);
        values.len() == types.len() && pairs.all(|(value, &ty)| value.is_of(ty, core))
    }

    accessors! {
        /// The 32-bit integer, if it is one.
        i32: i32, I32 = I32(value) => value;
        /// The 64-bit integer, if it is one.
        i64: i64, I64 = I64(value) => value;
        /// The 32-bit float, if it is one.
        f32: f32, F32 = F32(bits) => f32::from_bits(bits);
        /// The 64-bit float, if it is one.
        f64: f64, F64 = F64(bits) => f64::from_bits(bits);
        /// The 128-bit vector, if it is one.
        v128: u128, V128 = V128(bits) => bits;
        /// The function reference, if it is one.
        func_ref: Option<Func>, FUNCREF = FuncRef(func) => func;
        /// The host reference, if it is one.
        extern_ref: Option<ExternRef>, EXTERNREF = ExternRef(reference) => reference;
        /// The reference to an exception, if it is one.
        exn_ref: Option<ExnRef>, EXNREF = ExnRef(reference) => reference;
    }

    /// The value as it crosses the border.
    ///
    /// # Panics
    ///
    /// If it refers to something in another store.
    pub(crate) fn to_slot(self, core: &mut StoreCore) -> Slot {
        let number = match self {
            Self::I32(value) => u128::from(value.cast_unsigned()),
            Self::I64(value) => u128::from(value.cast_unsigned()),
            Self::F32(bits) => u128::from(bits),
            Self::F64(bits) => u128::from(bits),
            Self::V128(bits) => bits,
            Self::FuncRef(func) => u128::from(func.map_or(0, |func| core.funcref_of(func))),
            Self::ExternRef(reference) => {
                u128::from(reference.map_or(0, |reference| reference.handle(core)))
            }
            Self::ExnRef(reference) => {
                u128::from(reference.map_or(0, |reference| reference.handle(core)))
            }
        };
        Slot(number.to_le_bytes())
    }

    /// The value of type `ty` that has crossed the border.
    pub(crate) fn from_slot(ty: ValType, slot: &Slot, core: &mut StoreCore) -> Self {
        let number = u128::from_le_bytes(slot.0);
        match ty {
            ValType::I32 => Self::I32((number as u32).cast_signed()),
            ValType::I64 => Self::I64((number as u64).cast_signed()),
            ValType::F32 => Self::F32(number as u32),
            ValType::F64 => Self::F64(number as u64),
            ValType::V128 => Self::V128(number),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                Hierarchy::Func => Self::FuncRef(core.func_of_ref(number as u64)),
                Hierarchy::Extern => Self::ExternRef(ExternRef::from_handle(number as u32, core)),
                Hierarchy::Exn => Self::ExnRef(ExnRef::from_handle(number as u32, core)),
            },
        }
    }
}

macro_rules! from {
    ($($ty:ty => |$value:ident| $val:expr;)*) => {
        $(impl From<$ty> for Val {
            fn from($value: $ty) -> Self {
                $val
            }
        })*
    };
}

from! {
    i32 => |value| Self::I32(value);
    u32 => |value| Self::I32(value.cast_signed());
    i64 => |value| Self::I64(value);
    u64 => |value| Self::I64(value.cast_signed());
    f32 => |value| Self::F32(value.to_bits());
    f64 => |value| Self::F64(value.to_bits());
    u128 => |value| Self::V128(value);
    Option<Func> => |func| Self::FuncRef(func);
    Func => |func| Self::FuncRef(Some(func));
    Option<ExternRef> => |reference| Self::ExternRef(reference);
    ExternRef => |reference| Self::ExternRef(Some(reference));
    Option<ExnRef> => |reference| Self::ExnRef(reference);
    ExnRef => |reference| Self::ExnRef(Some(reference));
}
