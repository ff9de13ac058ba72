//! The types of imports and exports.

use std::fmt;

use crate::engine::Engine;
use precast_artifacts_format::{FuncType, GlobalType, ImportType, Manifest, MemoryType, TableType};

/// The type of something that a module imports or exports.
///
/// ```
/// use precast_loader::{ExternType, FuncType, ValType};
///
/// let ty = ExternType::Func(FuncType::new([ValType::I32], [ValType::I64]));
/// assert_eq!(ty.to_string(), "(func (param i32) (result i64))");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of exceptions; the type has no results.
    Tag(FuncType),
}

impl ExternType {
    /// The type that an import of `manifest` must have.
    pub(crate) fn of_import(manifest: &Manifest, import: &ImportType) -> Option<Self> {
        Some(match *import {
            ImportType::Func(index) => Self::Func(manifest.func_type(index)?.clone()),
            ImportType::Table(ty) => Self::Table(ty),
            ImportType::Memory(ty) => Self::Memory(ty),
            ImportType::Global(ty) => Self::Global(ty),
            ImportType::Tag(index) => Self::Tag(manifest.func_type(index)?.clone()),
        })
    }

    /// Whether something of type `self`, which is no function and no tag, can be imported as `wanted`
    /// (WebAssembly core specification, 3.3, matching of external types). Numbers of types are
    /// those of `engine`.
    pub(crate) fn matches(&self, wanted: &Self, engine: &Engine) -> bool {
        match (self, wanted) {
            (Self::Global(found), Self::Global(wanted)) => {
                let fits = if wanted.mutable {
                    found.content == wanted.content
                } else {
                    let declared = |a, b| engine.is_subtype(a, b);
                    found.content.is_subtype(wanted.content, declared)
                };
                found.mutable == wanted.mutable && fits
            }
            (Self::Table(found), Self::Table(wanted)) => {
                found.element == wanted.element
                    && found.is_64 == wanted.is_64
                    && limits_match(
                        (found.minimum, found.maximum),
                        (wanted.minimum, wanted.maximum),
                    )
            }
            (Self::Memory(found), Self::Memory(wanted)) => {
                let kind = |ty: &MemoryType| (ty.is_64, ty.is_shared, ty.page_bytes_log2);
                kind(found) == kind(wanted)
                    && limits_match(
                        (found.minimum_pages, found.maximum_pages),
                        (wanted.minimum_pages, wanted.maximum_pages),
                    )
            }
            _ => false,
        }
    }
}

fn limits_match(found: (u64, Option<u64>), wanted: (u64, Option<u64>)) -> bool {
    let maximum_fits = match (found.1, wanted.1) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(found), Some(wanted)) => found <= wanted,
    };
    found.0 >= wanted.0 && maximum_fits
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Func(ty) => ty.fmt(f),
            Self::Table(ty) => ty.fmt(f),
            Self::Memory(ty) => ty.fmt(f),
            Self::Global(ty) => ty.fmt(f),
            Self::Tag(ty) => {
                f.write_str("(tag")?;
                if !ty.params.is_empty() {
                    f.write_str(" (param")?;
                    for ty in ty.params.iter() {
                        write!(f, " {ty}")?;
                    }
                    f.write_str(")")?;
                }
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_match_if_the_smallest_is_large_and_the_largest_small_enough() {
        let memory = |minimum_pages, maximum_pages| {
            ExternType::Memory(MemoryType::new(minimum_pages, maximum_pages))
        };
        let check = |found, wanted, expected| {
            let (found, wanted): (ExternType, ExternType) = (found, wanted);
            assert_eq!(
                found.matches(&wanted, &Engine::default()),
                expected,
                "{found} as {wanted}"
            );
        };
        check(memory(2, Some(3)), memory(1, Some(4)), true);
        check(memory(2, None), memory(2, None), true);
        check(memory(2, Some(5)), memory(2, Some(4)), false);
        check(memory(2, None), memory(2, Some(4)), false);
        check(memory(1, Some(4)), memory(2, None), false);
    }
}
