//! Errors of linking.

use std::error::Error as StdError;
use std::fmt;

use crate::extern_type::ExternType;

/// Why a module could not be linked.
///
/// ```
/// use precast_loader::{Error, LinkError};
///
/// fn missing(error: &Error) -> Vec<&str> {
///     match error {
///         Error::Link(LinkError::Missing(imports)) => {
///             imports.iter().map(|import| import.name.as_str()).collect()
///         }
///         _ => Vec::new(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// Imports for which nothing is defined: all of them.
    Missing(Vec<MissingImport>),
    /// Imports that are defined as something else: all of them.
    Mismatched(Vec<MismatchedImport>),
    /// The name is taken, and shadowing is not allowed.
    AlreadyDefined {
        /// The module part of the name.
        module: String,
        /// The other part.
        name: String,
    },
    /// What an import is defined as belongs to another store.
    OtherStore {
        /// The module the import is wanted from.
        module: String,
        /// Its name there.
        name: String,
    },
    /// The module's code leaves checks to guard pages that an imported memory does not have.
    UnguardedMemory {
        /// The module the import is wanted from.
        module: String,
        /// Its name there.
        name: String,
        /// Guard that the code needs after 4 GiB, in bytes.
        guard_bytes: u64,
    },
    /// The list of imports is not as long as the module's.
    ImportCount {
        /// How many the module has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The code wants a runtime symbol that this version does not have.
    UnknownSymbol {
        /// The symbol's name.
        name: String,
    },
    /// The module and the store belong to different engines.
    OtherEngine,
    /// Nothing is defined under the name that another was to mean the same as.
    NotDefined {
        /// The module part of the name.
        module: String,
        /// The other part; `None` if the whole module was asked for.
        name: Option<String>,
    },
    /// The module is a program that runs once, from its export `_start`, so that nothing it
    /// exports can be linked to.
    Command {
        /// The name that its exports were to be defined under.
        module: String,
    },
}

/// An import for which nothing is defined. Found in [`LinkError::Missing`]; what a
/// [resolver](crate::Linker::resolver) is asked for; and the host error of functions that
/// [stand in](crate::Linker::define_unknown_imports_as_traps) for what is missing.
///
/// ```
/// use precast_loader::{Error, MissingImport};
///
/// /// Which function a guest has called that nobody has defined.
/// fn missing(error: &Error) -> Option<&MissingImport> {
///     error.downcast_ref()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingImport {
    /// The module it is wanted from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it must be.
    pub ty: ExternType,
}

impl fmt::Display for MissingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, name, ty } = self;
        write!(f, "the import {module:?} {name:?} is not defined: {ty}")
    }
}

impl StdError for MissingImport {}

/// An import that is defined as something else.
///
/// ```
/// use precast_loader::MismatchedImport;
///
/// fn print(import: &MismatchedImport) {
///     println!("{}: {} is not {}", import.name, import.found, import.expected);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MismatchedImport {
    /// The module it is wanted from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it must be.
    pub expected: ExternType,
    /// What it is.
    pub found: ExternType,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(imports) => {
                f.write_str("imports that are not defined:")?;
                imports.iter().try_for_each(|import| {
                    let MissingImport { module, name, ty } = import;
                    write!(f, "\n  {module:?} {name:?}: {ty}")
                })
            }
            Self::Mismatched(imports) => {
                f.write_str("imports that are defined as something else:")?;
                imports.iter().try_for_each(|import| {
                    let MismatchedImport {
                        module,
                        name,
                        expected,
                        found,
                    } = import;
                    write!(
                        f,
                        "\n  {module:?} {name:?}: expected {expected}, found {found}"
                    )
                })
            }
            Self::AlreadyDefined { module, name } => {
                write!(f, "{module:?} {name:?} is defined already")
            }
            Self::OtherStore { module, name } => {
                write!(
                    f,
                    "{module:?} {name:?} is defined by an item of another store"
                )
            }
            Self::UnguardedMemory {
                module,
                name,
                guard_bytes,
            } => write!(
                f,
                "{module:?} {name:?}: the code needs a memory with 4 GiB and a guard of \
                 {guard_bytes} bytes set aside; compile both modules with the same tunables"
            ),
            Self::ImportCount { expected, found } => {
                write!(f, "the module has {expected} imports, {found} were given")
            }
            Self::UnknownSymbol { name } => write!(
                f,
                "the code needs the runtime symbol `{name}`, which this precast does not have"
            ),
            Self::OtherEngine => f.write_str("the module was loaded for another engine"),
            Self::NotDefined { module, name: None } => {
                write!(f, "nothing is defined in the module {module:?}")
            }
            Self::NotDefined {
                module,
                name: Some(name),
            } => write!(f, "{module:?} {name:?} is not defined"),
            Self::Command { module } => write!(
                f,
                "{module:?} is a program that exports `_start`: instantiate it and call that, \
                 or define the exports of an instance of it"
            ),
        }
    }
}

impl StdError for LinkError {}

#[cfg(test)]
mod tests {
    use precast_artifacts_format::{FuncType, ValType};

    use super::*;

    #[test]
    fn all_missing_imports_are_listed_with_their_types() {
        let ty = ExternType::Func(FuncType::new([ValType::I32], []));
        let missing = ["a", "b"].map(|name| MissingImport {
            module: "env".into(),
            name: name.into(),
            ty: ty.clone(),
        });
        assert_eq!(
            LinkError::Missing(missing.into()).to_string(),
            "imports that are not defined:\n  \"env\" \"a\": (func (param i32))\n  \"env\" \"b\": (func (param i32))"
        );
    }
}
