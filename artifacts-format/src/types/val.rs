//! Types of values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a value.
///
/// ```
/// # use precast_artifacts_format::ValType;
/// assert_eq!(ValType::EXTERNREF.to_string(), "externref");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

impl ValType {
    /// Nullable reference to any function.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNC);
    /// Nullable reference to something of the host's.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERN);
    /// Nullable reference to an exception.
    pub const EXNREF: Self = Self::Ref(RefType::EXN);

    /// Whether values of this type are references.
    ///
    /// ```
    /// # use precast_artifacts_format::ValType;
    /// assert!(ValType::FUNCREF.is_ref());
    /// assert!(!ValType::V128.is_ref());
    /// ```
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::Ref(_))
    }

    /// The type of the reference, if it is one.
    ///
    /// ```
    /// # use precast_artifacts_format::{RefType, ValType};
    /// assert_eq!(ValType::FUNCREF.as_ref(), Some(RefType::FUNC));
    /// assert_eq!(ValType::I32.as_ref(), None);
    /// ```
    pub const fn as_ref(self) -> Option<RefType> {
        match self {
            Self::Ref(ty) => Some(ty),
            _ => None,
        }
    }

    /// Whether values of this type are references of that kind.
    ///
    /// ```
    /// # use precast_artifacts_format::{Hierarchy, ValType};
    /// assert!(ValType::EXNREF.refers_to(Hierarchy::Exn));
    /// assert!(!ValType::FUNCREF.refers_to(Hierarchy::Exn));
    /// assert!(!ValType::I32.refers_to(Hierarchy::Func));
    /// ```
    pub const fn refers_to(self, hierarchy: Hierarchy) -> bool {
        match self {
            Self::Ref(ty) => ty.heap.hierarchy() as u8 == hierarchy as u8,
            _ => false,
        }
    }

    /// Whether there is a value to start with: zero, or null.
    ///
    /// ```
    /// # use precast_artifacts_format::{RefType, ValType};
    /// assert!(ValType::I64.has_default());
    /// assert!(!ValType::Ref(RefType::FUNC.non_null()).has_default());
    /// ```
    pub const fn has_default(self) -> bool {
        match self {
            Self::Ref(ty) => ty.nullable,
            _ => true,
        }
    }

    /// The same type with the numbers of concrete types replaced.
    #[doc(hidden)]
    #[must_use]
    pub fn map_types(self, number: impl FnOnce(u32) -> u32) -> Self {
        match self {
            Self::Ref(ty) => Self::Ref(ty.map_types(number)),
            other => other,
        }
    }

    /// Whether every value of this type is one of `other` (core specification, 3.3).
    /// `declared(a, b)` says whether the concrete type `a` is declared to be a subtype of `b`.
    ///
    /// ```
    /// # use precast_artifacts_format::{HeapType, RefType, ValType};
    /// let exact = ValType::Ref(RefType::nullable(HeapType::Concrete(2)));
    /// assert!(exact.is_subtype(ValType::FUNCREF, |_, _| false));
    /// ```
    pub fn is_subtype(self, other: Self, declared: impl FnOnce(u32, u32) -> bool) -> bool {
        match (self, other) {
            (Self::Ref(found), Self::Ref(wanted)) => found.is_subtype(wanted, declared),
            _ => self == other,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Ref(ty) => return ty.fmt(f),
        })
    }
}

/// The type of a reference.
///
/// ```
/// # use precast_artifacts_format::RefType;
/// assert_eq!(RefType::FUNC.to_string(), "funcref");
/// assert_eq!(RefType::FUNC.non_null().to_string(), "(ref func)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefType {
    /// Whether null is among its values.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// Nullable reference to any function.
    pub const FUNC: Self = Self::nullable(HeapType::Func);
    /// Nullable reference to something of the host's.
    pub const EXTERN: Self = Self::nullable(HeapType::Extern);
    /// Nullable reference to an exception.
    pub const EXN: Self = Self::nullable(HeapType::Exn);

    /// The type of references to `heap`, null included.
    ///
    /// ```
    /// # use precast_artifacts_format::{HeapType, RefType};
    /// assert_eq!(RefType::nullable(HeapType::NoFunc).to_string(), "nullfuncref");
    /// ```
    pub const fn nullable(heap: HeapType) -> Self {
        Self {
            nullable: true,
            heap,
        }
    }

    /// The same without null.
    ///
    /// ```
    /// # use precast_artifacts_format::RefType;
    /// assert!(!RefType::EXTERN.non_null().nullable);
    /// ```
    #[must_use]
    pub const fn non_null(self) -> Self {
        Self {
            nullable: false,
            heap: self.heap,
        }
    }

    /// The same type with the number of a concrete type replaced.
    #[doc(hidden)]
    #[must_use]
    pub fn map_types(self, number: impl FnOnce(u32) -> u32) -> Self {
        let heap = match self.heap {
            HeapType::Concrete(index) => HeapType::Concrete(number(index)),
            other => other,
        };
        Self { heap, ..self }
    }

    /// Whether every reference of this type is one of `other`. See [`ValType::is_subtype`].
    ///
    /// ```
    /// # use precast_artifacts_format::RefType;
    /// assert!(!RefType::FUNC.is_subtype(RefType::FUNC.non_null(), |_, _| false));
    /// ```
    pub fn is_subtype(self, other: Self, declared: impl FnOnce(u32, u32) -> bool) -> bool {
        (other.nullable || !self.nullable) && self.heap.is_subtype(other.heap, declared)
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = match self.heap {
            HeapType::Func => "funcref",
            HeapType::NoFunc => "nullfuncref",
            HeapType::Extern => "externref",
            HeapType::NoExtern => "nullexternref",
            HeapType::Exn => "exnref",
            HeapType::NoExn => "nullexnref",
            HeapType::Concrete(_) => "",
        };
        match (self.nullable, short) {
            (true, "") => write!(f, "(ref null {})", self.heap),
            (true, short) => f.write_str(short),
            (false, _) => write!(f, "(ref {})", self.heap),
        }
    }
}

/// What references refer to.
///
/// ```
/// # use precast_artifacts_format::{HeapType, Hierarchy};
/// assert_eq!(HeapType::NoExtern.hierarchy(), Hierarchy::Extern);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: only null is such a reference.
    NoFunc,
    /// Something of the host's.
    Extern,
    /// Nothing of the host's: only null is such a reference.
    NoExtern,
    /// An exception.
    Exn,
    /// No exception: only null is such a reference.
    NoExn,
    /// A function of one type. In what an artifact says, that is the index of the module's type;
    /// in what a store says, the engine's number for the type.
    Concrete(u32),
}

/// Kinds of references that have nothing in common.
///
/// ```
/// # use precast_artifacts_format::{HeapType, Hierarchy};
/// assert_eq!(HeapType::Concrete(3).hierarchy(), Hierarchy::Func);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hierarchy {
    /// References to functions.
    Func,
    /// References to things of the host's.
    Extern,
    /// References to exceptions.
    Exn,
}

impl HeapType {
    /// Which kind of references this is.
    ///
    /// ```
    /// # use precast_artifacts_format::{HeapType, Hierarchy};
    /// assert_eq!(HeapType::Func.hierarchy(), Hierarchy::Func);
    /// ```
    pub const fn hierarchy(self) -> Hierarchy {
        match self {
            Self::Func | Self::NoFunc | Self::Concrete(_) => Hierarchy::Func,
            Self::Extern | Self::NoExtern => Hierarchy::Extern,
            Self::Exn | Self::NoExn => Hierarchy::Exn,
        }
    }

    /// The number of the type, if it is a concrete one.
    ///
    /// ```
    /// # use precast_artifacts_format::HeapType;
    /// assert_eq!(HeapType::Concrete(3).concrete(), Some(3));
    /// assert_eq!(HeapType::Func.concrete(), None);
    /// ```
    pub const fn concrete(self) -> Option<u32> {
        match self {
            Self::Concrete(number) => Some(number),
            _ => None,
        }
    }

    /// The type without values in the same hierarchy.
    const fn bottom(self) -> Self {
        match self.hierarchy() {
            Hierarchy::Func => Self::NoFunc,
            Hierarchy::Extern => Self::NoExtern,
            Hierarchy::Exn => Self::NoExn,
        }
    }

    /// The type of everything in the same hierarchy.
    const fn top(self) -> Self {
        match self.hierarchy() {
            Hierarchy::Func => Self::Func,
            Hierarchy::Extern => Self::Extern,
            Hierarchy::Exn => Self::Exn,
        }
    }

    /// Whether everything of this type is of type `other`. See [`ValType::is_subtype`].
    ///
    /// ```
    /// # use precast_artifacts_format::HeapType;
    /// let (circle, shape) = (HeapType::Concrete(2), HeapType::Concrete(1));
    /// assert!(circle.is_subtype(shape, |a, b| (a, b) == (2, 1)));
    /// ```
    pub fn is_subtype(self, other: Self, declared: impl FnOnce(u32, u32) -> bool) -> bool {
        if self == other || self == other.bottom() || self.top() == other {
            return true;
        }
        match (self, other) {
            (Self::Concrete(found), Self::Concrete(wanted)) => declared(found, wanted),
            _ => false,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Func => "func",
            Self::NoFunc => "nofunc",
            Self::Extern => "extern",
            Self::NoExtern => "noextern",
            Self::Exn => "exn",
            Self::NoExn => "noexn",
            Self::Concrete(index) => return index.fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_subtypes_within_their_hierarchy() {
        use HeapType::{Concrete, Exn, Extern, Func, NoExn, NoExtern, NoFunc};
        // Type 2 is declared to be a subtype of type 1.
        let fits = |found: HeapType, wanted| found.is_subtype(wanted, |a, b| (a, b) == (2, 1));
        for (found, wanted) in [
            (Func, Func),
            (NoFunc, Func),
            (NoFunc, Concrete(1)),
            (Concrete(1), Func),
            (Concrete(2), Concrete(1)),
            (NoExtern, Extern),
            (NoExn, Exn),
        ] {
            assert!(fits(found, wanted), "{found} as {wanted}");
        }
        for (found, wanted) in [
            (Func, NoFunc),
            (Func, Concrete(1)),
            (Concrete(1), Concrete(2)),
            (Concrete(1), NoFunc),
            (Extern, Func),
            (NoExtern, Exn),
        ] {
            assert!(!fits(found, wanted), "{found} as {wanted}");
        }
    }

    #[test]
    fn null_fits_where_it_is_allowed() {
        let check = |found: ValType, wanted, expected| {
            assert_eq!(found.is_subtype(wanted, |_, _| false), expected);
        };
        let function = ValType::Ref(RefType::FUNC.non_null());
        check(function, ValType::FUNCREF, true);
        check(ValType::FUNCREF, function, false);
        check(ValType::I32, ValType::I32, true);
        check(ValType::I32, ValType::I64, false);
        check(ValType::I32, ValType::FUNCREF, false);
    }

    #[test]
    fn types_are_written_as_in_the_text_format() {
        let check = |nullable, heap, expected| {
            assert_eq!(RefType { nullable, heap }.to_string(), expected);
        };
        check(true, HeapType::Exn, "exnref");
        check(false, HeapType::NoExn, "(ref noexn)");
        check(true, HeapType::Concrete(7), "(ref null 7)");
        check(false, HeapType::Concrete(7), "(ref 7)");
    }
}
