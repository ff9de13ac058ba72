//! WebAssembly's types, as far as they cross the border of a module.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes in a page of linear memory (WebAssembly core specification, 4.2.8).
///
/// ```
/// # use precast_artifacts_format::WASM_PAGE_BYTES;
/// assert_eq!(WASM_PAGE_BYTES, 64 << 10);
/// ```
pub const WASM_PAGE_BYTES: u64 = 65_536;

/// The type of a value.
///
/// ```
/// # use precast_artifacts_format::ValType;
/// assert_eq!(ValType::ExternRef.to_string(), "externref");
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
    /// Nullable reference to a function.
    FuncRef,
    /// Nullable reference to something of the host's.
    ExternRef,
}

impl ValType {
    /// Whether values of this type are references.
    ///
    /// ```
    /// # use precast_artifacts_format::ValType;
    /// assert!(ValType::FuncRef.is_ref());
    /// assert!(!ValType::V128.is_ref());
    /// ```
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::FuncRef | Self::ExternRef)
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
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        })
    }
}

/// The type of a function: what it takes and what it gives.
///
/// ```
/// # use precast_artifacts_format::{FuncType, ValType};
/// let ty = FuncType::new([ValType::I32, ValType::I32], [ValType::I64]);
/// assert_eq!(ty.to_string(), "(func (param i32 i32) (result i64))");
/// assert_eq!(ty.results[..], [ValType::I64]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types, in order.
    pub params: Box<[ValType]>,
    /// Result types, in order.
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// A function type from its parameter and result types.
    ///
    /// ```
    /// # use precast_artifacts_format::{FuncType, ValType};
    /// let start = FuncType::new([], []);
    /// let main = FuncType::new([ValType::I32; 2], [ValType::I32]);
    /// assert_ne!(start, main);
    /// ```
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        Self {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// Whether functions of this type can be called with parameters and result in registers, as C
    /// passes them, beside the way through slots: there are no vectors, and no more than one
    /// result. See "Calling conventions" in [`abi`](crate::abi).
    ///
    /// ```
    /// # use precast_artifacts_format::{FuncType, ValType};
    /// assert!(FuncType::new([ValType::F64], [ValType::F64]).is_direct());
    /// assert!(!FuncType::new([ValType::V128], []).is_direct());
    /// ```
    pub fn is_direct(&self) -> bool {
        Self::are_direct(&self.params, &self.results)
    }

    /// The same, for lists of types that are known at compile time.
    ///
    /// ```
    /// # use precast_artifacts_format::{FuncType, ValType};
    /// const { assert!(FuncType::are_direct(&[ValType::F64], &[])) }
    /// ```
    pub const fn are_direct(params: &[ValType], results: &[ValType]) -> bool {
        results.len() <= 1 && !has_vector(params) && !has_vector(results)
    }
}

const fn has_vector(types: &[ValType]) -> bool {
    let mut left = types;
    while let [first, rest @ ..] = left {
        if matches!(first, ValType::V128) {
            return true;
        }
        left = rest;
    }
    false
}

impl fmt::Display for FuncType {
    /// Writes the type as the text format does: `(func (param i32 i32) (result i64))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (keyword, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                write!(f, " ({keyword}")?;
                for ty in types.iter() {
                    write!(f, " {ty}")?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

/// The type of a table: element type and limits, in elements.
///
/// ```
/// # use precast_artifacts_format::{TableType, ValType};
/// let ty = TableType { element: ValType::FuncRef, minimum: 1, maximum: Some(10) };
/// assert_eq!(ty.to_string(), "(table 1 10 funcref)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// The type of the elements, a reference type.
    pub element: ValType,
    /// Elements at the start.
    pub minimum: u64,
    /// The most elements it may grow to.
    pub maximum: Option<u64>,
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(table {}", self.minimum)?;
        if let Some(maximum) = self.maximum {
            write!(f, " {maximum}")?;
        }
        write!(f, " {})", self.element)
    }
}

/// The type of a linear memory: limits, in pages of [`WASM_PAGE_BYTES`].
///
/// ```
/// # use precast_artifacts_format::MemoryType;
/// let ty = MemoryType { minimum_pages: 16, maximum_pages: None };
/// assert_eq!(ty.to_string(), "(memory 16)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryType {
    /// Pages at the start.
    pub minimum_pages: u64,
    /// The most pages it may grow to.
    pub maximum_pages: Option<u64>,
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(memory {}", self.minimum_pages)?;
        if let Some(maximum) = self.maximum_pages {
            write!(f, " {maximum}")?;
        }
        f.write_str(")")
    }
}

/// The type of a global: what it holds and whether it changes.
///
/// ```
/// # use precast_artifacts_format::{GlobalType, ValType};
/// let ty = GlobalType { content: ValType::I64, mutable: true };
/// assert_eq!(ty.to_string(), "(global (mut i64))");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it can be written.
    pub mutable: bool,
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "(global (mut {}))", self.content)
        } else {
            write!(f, "(global {})", self.content)
        }
    }
}
