//! WebAssembly's types, as far as they cross the border of a module.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::note::Tunables;

mod group;
mod val;

pub use group::{Interned, SubType, TypeInterner};
pub use val::{HeapType, Hierarchy, RefType, ValType};

/// Bytes in a page of linear memory (WebAssembly core specification, 4.2.8).
///
/// ```
/// # use precast_artifacts_format::WASM_PAGE_BYTES;
/// assert_eq!(WASM_PAGE_BYTES, 64 << 10);
/// ```
pub const WASM_PAGE_BYTES: u64 = 65_536;

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

    /// The same type with the numbers of concrete types in it replaced.
    #[doc(hidden)]
    #[must_use]
    pub fn map_types(&self, number: impl Fn(u32) -> u32 + Copy) -> Self {
        let map = |types: &[ValType]| types.iter().map(|ty| ty.map_types(number)).collect();
        Self {
            params: map(&self.params),
            results: map(&self.results),
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
/// let ty = TableType::new(ValType::FUNCREF, 1, Some(10));
/// assert_eq!(ty.to_string(), "(table 1 10 funcref)");
/// assert_eq!(ty.with_64_bits().to_string(), "(table i64 1 10 funcref)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// The type of the elements, a reference type.
    pub element: ValType,
    /// Whether indices are `i64`, not `i32`.
    pub is_64: bool,
    /// Elements at the start.
    pub minimum: u64,
    /// The most elements it may grow to.
    pub maximum: Option<u64>,
}

impl TableType {
    /// A table of `element`s with 32-bit indices.
    ///
    /// ```
    /// # use precast_artifacts_format::{TableType, ValType};
    /// assert!(!TableType::new(ValType::EXTERNREF, 0, None).is_64);
    /// ```
    pub const fn new(element: ValType, minimum: u64, maximum: Option<u64>) -> Self {
        Self {
            element,
            is_64: false,
            minimum,
            maximum,
        }
    }

    /// The same with 64-bit indices.
    ///
    /// ```
    /// # use precast_artifacts_format::{TableType, ValType};
    /// assert!(TableType::new(ValType::EXTERNREF, 0, None).with_64_bits().is_64);
    /// ```
    #[must_use]
    pub const fn with_64_bits(self) -> Self {
        Self {
            is_64: true,
            ..self
        }
    }

    /// The same type with the number of a concrete element type replaced.
    #[doc(hidden)]
    #[must_use]
    pub fn map_types(self, number: impl FnOnce(u32) -> u32) -> Self {
        let element = self.element.map_types(number);
        Self { element, ..self }
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = if self.is_64 { "i64 " } else { "" };
        write!(f, "(table {index}{}", self.minimum)?;
        if let Some(maximum) = self.maximum {
            write!(f, " {maximum}")?;
        }
        write!(f, " {})", self.element)
    }
}

/// The type of a linear memory: limits, in pages, and how it is addressed.
///
/// ```
/// # use precast_artifacts_format::MemoryType;
/// let ty = MemoryType::new(16, None);
/// assert_eq!(ty.to_string(), "(memory 16)");
/// assert_eq!(ty.with_64_bits().to_string(), "(memory i64 16)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryType {
    /// Whether addresses are `i64`, not `i32`.
    pub is_64: bool,
    /// Whether several threads may use it at the same time.
    pub is_shared: bool,
    /// How large its pages are: 2 to the power of this many bytes. 16 but for custom page sizes.
    pub page_bytes_log2: u8,
    /// Pages at the start.
    pub minimum_pages: u64,
    /// The most pages it may grow to.
    pub maximum_pages: Option<u64>,
}

impl MemoryType {
    /// A memory with 32-bit addresses and pages of [`WASM_PAGE_BYTES`].
    ///
    /// ```
    /// # use precast_artifacts_format::{MemoryType, WASM_PAGE_BYTES};
    /// assert_eq!(MemoryType::new(1, None).page_bytes(), WASM_PAGE_BYTES);
    /// ```
    pub const fn new(minimum_pages: u64, maximum_pages: Option<u64>) -> Self {
        Self {
            is_64: false,
            is_shared: false,
            page_bytes_log2: WASM_PAGE_BYTES.trailing_zeros() as u8,
            minimum_pages,
            maximum_pages,
        }
    }

    /// The same with 64-bit addresses.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// assert!(MemoryType::new(1, None).with_64_bits().is_64);
    /// ```
    #[must_use]
    pub const fn with_64_bits(self) -> Self {
        Self {
            is_64: true,
            ..self
        }
    }

    /// The same to be used by several threads at a time. It needs a maximum.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// let ty = MemoryType::new(1, Some(16)).shared();
    /// assert_eq!(ty.to_string(), "(memory 1 16 shared)");
    /// ```
    #[must_use]
    pub const fn shared(self) -> Self {
        Self {
            is_shared: true,
            ..self
        }
    }

    /// The same with pages of 2 to the power of so many bytes: 0 or 16.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// let ty = MemoryType::new(100, Some(200)).with_page_size_log2(0);
    /// assert_eq!(ty.minimum_bytes(), Some(100));
    /// assert_eq!(ty.to_string(), "(memory 100 200 (pagesize 1))");
    /// ```
    #[must_use]
    pub const fn with_page_size_log2(self, page_bytes_log2: u8) -> Self {
        Self {
            page_bytes_log2,
            ..self
        }
    }

    /// Whether there can be such a memory: the page size is one that WebAssembly has, the limits
    /// are within each other and within what addresses reach, and a shared memory has a maximum.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// assert!(MemoryType::new(1, None).is_valid());
    /// assert!(!MemoryType::new(65_537, None).is_valid());
    /// assert!(MemoryType::new(65_537, None).with_64_bits().is_valid());
    /// assert!(!MemoryType::new(1, None).shared().is_valid());
    /// ```
    pub const fn is_valid(&self) -> bool {
        let page_fits = self.page_bytes_log2 == 0 || self.has_usual_pages();
        if !page_fits || (self.is_shared && self.maximum_pages.is_none()) {
            return false;
        }
        let maximum = match self.maximum_pages {
            Some(maximum) => maximum,
            None => self.most_pages(),
        };
        self.minimum_pages <= maximum && maximum <= self.most_pages()
    }

    /// Whether code with these tunables compares each address with the memory's length. If not, it
    /// relies on the guard, and on the base to stay.
    ///
    /// The compiler and the loader both ask here, so that no access is left to a guard that is not
    /// there: 64-bit addresses reach beyond any guard, and where the length is not whole pages of
    /// [`WASM_PAGE_BYTES`], the system cannot see where it ends.
    ///
    /// ```
    /// # use precast_artifacts_format::{MemoryType, Tunables};
    /// let ty = MemoryType::new(1, None);
    /// assert!(!ty.is_checked(&Tunables::DEFAULT));
    /// assert!(ty.with_64_bits().is_checked(&Tunables::DEFAULT));
    /// ```
    pub const fn is_checked(&self, tunables: &Tunables) -> bool {
        let Tunables {
            memory_checked,
            memory_guard_bytes: _,
            fuel: _,
        } = *tunables;
        memory_checked || self.is_64 || !self.has_usual_pages()
    }

    const fn has_usual_pages(&self) -> bool {
        self.page_bytes_log2 as u32 == WASM_PAGE_BYTES.trailing_zeros()
    }

    /// Bytes in a page.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// assert_eq!(MemoryType::new(1, None).page_bytes(), 64 << 10);
    /// ```
    pub const fn page_bytes(&self) -> u64 {
        match 1u64.checked_shl(self.page_bytes_log2 as u32) {
            Some(bytes) => bytes,
            None => u64::MAX,
        }
    }

    /// Its length at the start in bytes; `None` if that is more than 64 bits can say.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// assert_eq!(MemoryType::new(2, None).minimum_bytes(), Some(128 << 10));
    /// ```
    pub const fn minimum_bytes(&self) -> Option<u64> {
        self.minimum_pages.checked_mul(self.page_bytes())
    }

    /// The most pages that addresses reach and that can be told by an address.
    ///
    /// ```
    /// # use precast_artifacts_format::MemoryType;
    /// assert_eq!(MemoryType::new(1, None).most_pages(), 65_536);
    /// ```
    pub const fn most_pages(&self) -> u64 {
        // One more byte could be reached, but is one more than can be told.
        let most_bytes = if self.is_64 {
            u64::MAX
        } else {
            u32::MAX as u64
        };
        match self.page_bytes_log2 {
            0 => most_bytes,
            1..=63 => (most_bytes >> self.page_bytes_log2) + 1,
            _ => 1,
        }
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = if self.is_64 { "i64 " } else { "" };
        write!(f, "(memory {index}{}", self.minimum_pages)?;
        if let Some(maximum) = self.maximum_pages {
            write!(f, " {maximum}")?;
        }
        if self.is_shared {
            f.write_str(" shared")?;
        }
        if self.page_bytes() != WASM_PAGE_BYTES {
            write!(f, " (pagesize {})", self.page_bytes())?;
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

impl GlobalType {
    /// The same type with the number of a concrete type replaced.
    #[doc(hidden)]
    #[must_use]
    pub fn map_types(self, number: impl FnOnce(u32) -> u32) -> Self {
        let content = self.content.map_types(number);
        Self { content, ..self }
    }
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
