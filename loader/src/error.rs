//! Errors, sorted by who must act.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::{fmt, io};

use precast_artifacts_format::{ArtifactError, FuncType, ValType};

use crate::backtrace::Backtrace;
use crate::extern_type::ExternType;
use crate::trap::Trap;

/// Why something could not be done.
///
/// ```
/// use precast_loader::Error;
///
/// let error = Error::host(std::io::Error::other("disk full"));
/// assert!(error.downcast_ref::<std::io::Error>().is_some());
/// assert_eq!(error.to_string(), "disk full");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The artifact cannot be used: it is damaged, or made for something else.
    Artifact(ArtifactError),
    /// The module cannot be linked with what it was offered.
    Link(LinkError),
    /// The guest did what WebAssembly forbids.
    Trap(Trap),
    /// A host function failed.
    Host(HostError),
    /// The caller asked for something that is not there or does not fit.
    Usage(UsageError),
    /// A limit was reached, set by the configuration or the machine.
    Limit(LimitError),
    /// The operating system refused something.
    Io(IoError),
}

impl Error {
    /// An error of a host function's own, to be found again by
    /// [`downcast_ref`](Error::downcast_ref).
    pub fn host(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Host(HostError {
            source: source.into(),
            backtrace: None,
        })
    }

    /// The error that a host function failed with, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Self::Host(host) => host.source.downcast_ref(),
            _ => None,
        }
    }

    /// The same, taken out.
    ///
    /// # Errors
    ///
    /// The error itself, if it is no `E`.
    pub fn downcast<E: StdError + 'static>(self) -> Result<E, Self> {
        match self {
            Self::Host(HostError { source, backtrace }) => match source.downcast() {
                Ok(error) => Ok(*error),
                Err(source) => Err(Self::Host(HostError { source, backtrace })),
            },
            other => Err(other),
        }
    }

    /// The trap, if it is one.
    pub fn trap(&self) -> Option<&Trap> {
        match self {
            Self::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// The Wasm functions that were being executed, if any were.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        match self {
            Self::Trap(trap) => Some(trap.backtrace()),
            Self::Host(host) => host.backtrace.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn io(action: &'static str, source: io::Error) -> Self {
        Self::Io(IoError {
            action,
            path: None,
            source,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Trap(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
            Self::Limit(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // What it displays is its source's text, so that its source is the next one.
            Self::Host(error) => error.source.source(),
            // The same here: the system's words are in the text already.
            Self::Io(error) => error.source.source(),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident;)*) => {
        $(impl From<$ty> for Error {
            fn from(error: $ty) -> Self {
                Self::$variant(error.into())
            }
        })*
    };
}

from! {
    ArtifactError => Artifact;
    LinkError => Link;
    Trap => Trap;
    precast_artifacts_format::TrapCode => Trap;
    HostError => Host;
    UsageError => Usage;
    LimitError => Limit;
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self::host(error)
    }
}

/// A host function's error.
#[derive(Debug)]
pub struct HostError {
    source: Box<dyn StdError + Send + Sync>,
    pub(crate) backtrace: Option<Box<Backtrace>>,
}

impl HostError {
    /// The error itself.
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }

    /// The error itself, taken out.
    pub fn into_error(self) -> Box<dyn StdError + Send + Sync> {
        self.source
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        match &self.backtrace {
            Some(backtrace) => backtrace.fmt(f),
            None => Ok(()),
        }
    }
}

/// Why a module could not be linked.
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
}

/// An import for which nothing is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImport {
    /// The module it is wanted from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it must be.
    pub ty: ExternType,
}

/// An import that is defined as something else.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
    }
}

impl StdError for LinkError {}

/// What the caller asked for is not there or does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// The instance has no export of that name.
    NoExport {
        /// The name.
        name: String,
    },
    /// The export is something else.
    WrongKind {
        /// The export's name.
        name: String,
        /// What was asked for: "function", "memory", …
        expected: &'static str,
        /// What it is.
        found: ExternType,
    },
    /// The function has another type.
    WrongSignature {
        /// What was asked for, or given.
        expected: FuncType,
        /// The function's type.
        found: FuncType,
    },
    /// A value has another type.
    WrongType {
        /// What is wanted.
        expected: ValType,
        /// What was given.
        found: ValType,
    },
    /// Bytes or elements that were asked for do not lie in the memory or table.
    OutOfBounds,
    /// The global cannot be written.
    Immutable,
    /// No artifact in the store has an entry for functions of that type, so that the host cannot
    /// call them.
    NotCallable {
        /// The type.
        ty: FuncType,
    },
    /// The memory or table would become larger than its type or the configuration allows.
    CannotGrow,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExport { name } => write!(f, "there is no export {name:?}"),
            Self::WrongKind {
                name,
                expected,
                found,
            } => write!(f, "the export {name:?} is no {expected} but {found}"),
            Self::WrongSignature { expected, found } => {
                write!(f, "the function's type is {found}, not {expected}")
            }
            Self::WrongType { expected, found } => {
                write!(f, "expected a value of type {expected}, found {found}")
            }
            Self::OutOfBounds => f.write_str("out of bounds"),
            Self::Immutable => f.write_str("the global is immutable"),
            Self::NotCallable { ty } => write!(
                f,
                "no loaded artifact has an entry for functions of type {ty}"
            ),
            Self::CannotGrow => f.write_str("the limit of the memory or table is reached"),
        }
    }
}

impl StdError for UsageError {}

/// A limit was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// A memory is larger at the start than the configuration allows.
    Memory {
        /// What the module wants, in bytes.
        wanted_bytes: u64,
        /// What is allowed, in bytes.
        allowed_bytes: u64,
    },
    /// A table is larger at the start than the configuration allows.
    Table {
        /// What the module wants, in elements.
        wanted: u64,
        /// What is allowed, in elements.
        allowed: u64,
    },
    /// The machine has no memory left for this.
    OutOfMemory {
        /// For what.
        what: &'static str,
    },
    /// More things than can be counted.
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// All slots of the store's [`Pool`](crate::Pool) are in use.
    PoolExhausted {
        /// For what: "memories", "tables" or "instances".
        what: &'static str,
        /// How many the pool has.
        limit: usize,
    },
    /// A module does not fit into a slot of the store's [`Pool`](crate::Pool).
    PoolSlot {
        /// The setting of [`PoolConfig`](crate::PoolConfig) that says how large a slot is.
        limit: &'static str,
        /// What the module wants: bytes, or elements of a table.
        wanted: u64,
        /// What a slot has.
        allowed: u64,
    },
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory {
                wanted_bytes,
                allowed_bytes,
            } => write!(
                f,
                "a memory starts with {wanted_bytes} bytes, {allowed_bytes} are allowed"
            ),
            Self::Table { wanted, allowed } => write!(
                f,
                "a table starts with {wanted} elements, {allowed} are allowed"
            ),
            Self::OutOfMemory { what } => write!(f, "out of memory: {what}"),
            Self::TooMany { what } => write!(f, "too many {what}"),
            Self::PoolExhausted { what, limit } => {
                write!(f, "all {limit} {what} of the pool are in use")
            }
            Self::PoolSlot {
                limit,
                wanted,
                allowed,
            } => write!(
                f,
                "the module does not fit into the pool: {limit} is {allowed}, it wants {wanted}"
            ),
        }
    }
}

impl StdError for LimitError {}

/// The operating system refused something.
#[derive(Debug)]
pub struct IoError {
    pub(crate) action: &'static str,
    pub(crate) path: Option<PathBuf>,
    pub(crate) source: io::Error,
}

impl IoError {
    /// What the system said.
    pub fn error(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.action)?;
        if let Some(path) = &self.path {
            write!(f, " {}", path.display())?;
        }
        write!(f, ": {}", self.source)
    }
}

impl StdError for IoError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_error_is_recovered_by_its_type() {
        let error = Error::host(io::Error::other("disk full"));
        assert!(error.downcast_ref::<fmt::Error>().is_none());
        let error = error.downcast::<fmt::Error>().unwrap_err();
        assert_eq!(
            error.downcast::<io::Error>().unwrap().to_string(),
            "disk full"
        );
    }

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
