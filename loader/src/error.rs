//! Errors, sorted by who must act.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::{fmt, io};

use precast_artifacts_format::{ArtifactError, FuncType, MemoryType, ValType};

use crate::backtrace::Backtrace;
use crate::exception::Exception;
use crate::extern_type::ExternType;
use crate::trap::Trap;

mod link;

pub use link::{LinkError, MismatchedImport, MissingImport};

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
    /// An exception was not caught.
    Exception(Exception),
    /// The caller asked for something that is not there or does not fit.
    Usage(UsageError),
    /// A limit was reached, set by the configuration or the machine.
    Limit(LimitError),
    /// The operating system refused something.
    Io(IoError),
}

impl Error {
    /// An error of a host function's own, to be found again by
    /// [`downcast_ref`](Error::downcast_ref). An [`Error`] in a box becomes itself again, so that
    /// a guest's trap stays one on its way through host functions that know of boxes only; so
    /// does an [`Exception`].
    ///
    /// ```
    /// use precast_loader::{Error, Trap, TrapCode};
    ///
    /// let error = Error::host("a text is an error, too");
    /// assert!(error.trap().is_none());
    /// let boxed: Box<dyn std::error::Error + Send + Sync> =
    ///     Error::from(TrapCode::Unreachable).into();
    /// assert_eq!(Error::host(boxed).trap().map(Trap::code), Some(TrapCode::Unreachable));
    /// ```
    pub fn host(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = match source.into().downcast::<Self>() {
            Ok(error) => return *error,
            Err(source) => source,
        };
        match source.downcast::<Exception>() {
            Ok(exception) => Self::Exception(*exception),
            Err(source) => Self::Host(HostError {
                source,
                backtrace: None,
            }),
        }
    }

    /// The error that a host function failed with, if it is an `E`, or the first `E` among its
    /// sources: what has been put around an error on its way does not hide it.
    ///
    /// ```
    /// use precast_loader::Error;
    ///
    /// fn is_full_disk(error: &Error) -> bool {
    ///     let error = error.downcast_ref::<std::io::Error>();
    ///     error.is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
    /// }
    /// ```
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let Self::Host(host) = self else { return None };
        let outermost: &(dyn StdError + 'static) = &*host.source;
        let mut sources = std::iter::successors(Some(outermost), |&error| error.source());
        // An error of this type among them has one inside that is none of its sources.
        sources.find_map(|error| {
            let found = error.downcast_ref();
            found.or_else(|| error.downcast_ref::<Self>()?.downcast_ref())
        })
    }

    /// The error that a host function failed with, taken out. Unlike
    /// [`downcast_ref`](Error::downcast_ref) it does not look at sources, which cannot be taken
    /// out.
    ///
    /// # Errors
    ///
    /// The error itself, if it is no `E`.
    ///
    /// ```
    /// use precast_loader::Error;
    ///
    /// let error = Error::host(std::io::Error::other("disk full"));
    /// let error = error.downcast::<std::fmt::Error>().unwrap_err();
    /// let error = error.downcast::<std::io::Error>().unwrap();
    /// assert_eq!(error.to_string(), "disk full");
    /// ```
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
    ///
    /// ```
    /// use precast_loader::{Error, Trap, TrapCode};
    ///
    /// let error = Error::from(TrapCode::Unreachable);
    /// assert_eq!(error.trap().map(Trap::code), Some(TrapCode::Unreachable));
    /// ```
    pub fn trap(&self) -> Option<&Trap> {
        match self {
            Self::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// The exception, if it is one that was not caught.
    ///
    /// ```
    /// use precast_loader::Error;
    ///
    /// fn code(error: &Error) -> Option<i32> {
    ///     error.exception()?.args().first()?.i32()
    /// }
    /// assert_eq!(code(&Error::host("something else")), None);
    /// ```
    pub fn exception(&self) -> Option<&Exception> {
        match self {
            Self::Exception(exception) => Some(exception),
            _ => None,
        }
    }

    /// The Wasm functions that were being executed, if any were.
    ///
    /// ```
    /// # use precast_loader::Error;
    /// fn print(error: &Error) {
    ///     for frame in error.backtrace().into_iter().flat_map(|it| it.frames()) {
    ///         println!("{frame}");
    ///     }
    /// }
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        match self {
            Self::Trap(trap) => Some(trap.backtrace()),
            Self::Host(host) => host.backtrace.as_deref(),
            Self::Exception(exception) => exception.backtrace(),
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
            Self::Exception(error) => error.fmt(f),
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
    Exception => Exception;
    UsageError => Usage;
    LimitError => Limit;
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self::host(error)
    }
}

/// A host function's error.
///
/// ```
/// use precast_loader::Error;
///
/// let error = Error::host(std::io::Error::other("disk full"));
/// let Error::Host(host) = &error else { panic!("it is the host's") };
/// assert_eq!(host.error().to_string(), "disk full");
/// ```
#[derive(Debug)]
pub struct HostError {
    source: Box<dyn StdError + Send + Sync>,
    pub(crate) backtrace: Option<Box<Backtrace>>,
}

impl HostError {
    /// The error itself.
    ///
    /// ```
    /// # use precast_loader::Error;
    /// if let Error::Host(error) = Error::host("disk full") {
    ///     assert_eq!(error.error().to_string(), "disk full");
    /// }
    /// ```
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }

    /// The error itself, taken out.
    ///
    /// ```
    /// # use precast_loader::Error;
    /// # type AnyError = Box<dyn std::error::Error + Send + Sync>;
    /// fn without_backtrace(error: Error) -> AnyError {
    ///     match error {
    ///         Error::Host(error) => error.into_error(),
    ///         other => other.into(),
    ///     }
    /// }
    /// ```
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

/// What the caller asked for is not there or does not fit.
///
/// ```
/// use precast_loader::{Error, UsageError};
///
/// fn is_not_there(error: &Error) -> bool {
///     matches!(error, Error::Usage(UsageError::NoExport { .. }))
/// }
/// ```
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
    /// Bytes or elements that were asked for do not all lie in the memory or table.
    OutOfBounds {
        /// The first that was asked for.
        offset: u64,
        /// How many were asked for.
        len: u64,
        /// How many there are.
        size: u64,
    },
    /// Bytes that were asked for as text are not UTF-8.
    NotUtf8 {
        /// Where in the memory the first wrong byte is.
        offset: u64,
    },
    /// The element of a table that was asked for as a function is null.
    NullElement {
        /// Its place in the table.
        index: u64,
    },
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
    /// A number that was to be accessed at once does not stand at a multiple of its size.
    Unaligned {
        /// Where it stands.
        offset: u64,
        /// Its size in bytes.
        align: u64,
    },
    /// Bytes were asked for in place, of a memory that others may change meanwhile. Copies can be
    /// had.
    Shared,
    /// There are no memories of that type: see [`MemoryType::is_valid`]; or none of that kind.
    InvalidMemoryType {
        /// The type.
        ty: MemoryType,
    },
    /// A tag's type has no results.
    TagType {
        /// The type.
        ty: FuncType,
    },
    /// An exception's arguments are not of the types that its tag says.
    WrongArguments {
        /// The tag's type.
        expected: FuncType,
        /// The types of what was given, as parameters.
        found: FuncType,
    },
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
            Self::OutOfBounds { offset, len, size } => {
                write!(f, "out of bounds: {len} from {offset} on, of {size}")
            }
            Self::NotUtf8 { offset } => write!(f, "not UTF-8 at offset {offset}"),
            Self::NullElement { index } => write!(f, "the table's element {index} is null"),
            Self::Immutable => f.write_str("the global is immutable"),
            Self::NotCallable { ty } => write!(
                f,
                "no loaded artifact has an entry for functions of type {ty}"
            ),
            Self::TagType { ty } => write!(f, "a tag's type has no results: {ty}"),
            Self::WrongArguments { expected, found } => {
                write!(f, "the tag's type is {expected}, not {found}")
            }
            Self::CannotGrow => f.write_str("the limit of the memory or table is reached"),
            Self::Unaligned { offset, align } => {
                write!(f, "the offset {offset} is no multiple of {align}")
            }
            Self::Shared => f.write_str("the memory is shared: its bytes can only be copied"),
            Self::InvalidMemoryType { ty } => write!(f, "there are no memories of type {ty}"),
        }
    }
}

impl StdError for UsageError {}

/// A limit was reached.
///
/// ```
/// use precast_loader::{Error, LimitError};
///
/// fn wanted_bytes(error: &Error) -> Option<u64> {
///     match error {
///         Error::Limit(LimitError::Memory { wanted_bytes, .. }) => Some(*wanted_bytes),
///         _ => None,
///     }
/// }
/// ```
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
    /// The store has what its [`Limits`](crate::Limits) allow.
    Store {
        /// Of what: "instances", "memories", "tables", "bytes of memory", "bytes of exceptions".
        what: &'static str,
        /// How many may be there.
        limit: u64,
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
            Self::Store { what, limit } => {
                write!(f, "the store's limit is reached: {limit} {what}")
            }
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
///
/// ```
/// use precast_loader::{Error, Module};
///
/// let error = Module::open("/nowhere/app.precast").unwrap_err();
/// assert!(matches!(&error, Error::Io(_)));
/// assert!(error.to_string().starts_with("cannot read /nowhere/app.precast: "));
/// ```
#[derive(Debug)]
pub struct IoError {
    pub(crate) action: &'static str,
    pub(crate) path: Option<PathBuf>,
    pub(crate) source: io::Error,
}

impl IoError {
    /// What the system said.
    ///
    /// ```
    /// # use precast_loader::Error;
    /// fn is_missing(error: &Error) -> bool {
    ///     matches!(error, Error::Io(io) if io.error().kind() == std::io::ErrorKind::NotFound)
    /// }
    /// ```
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

    #[derive(Debug)]
    struct Context<E>(E);

    impl<E> fmt::Display for Context<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("while saving")
        }
    }

    impl<E: StdError + 'static> StdError for Context<E> {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn what_is_around_a_host_error_does_not_hide_it() {
        let error = Error::host(Context(io::Error::other("disk full")));
        assert!(error.downcast_ref::<Context<io::Error>>().is_some());
        let inner = error.downcast_ref::<io::Error>().unwrap();
        assert_eq!(inner.to_string(), "disk full");
        assert_eq!(error.source().unwrap().to_string(), "disk full");
        assert!(error.downcast::<io::Error>().is_err(), "it stays inside");
    }

    #[test]
    fn what_is_around_an_error_of_a_call_does_not_hide_what_is_in_it() {
        let inner = Error::host(Context(io::Error::other("disk full")));
        let error = Error::host(Context(Error::host(Context(inner))));
        assert!(error.downcast_ref::<Error>().is_some());
        assert!(error.downcast_ref::<Context<io::Error>>().is_some());
        assert!(error.downcast_ref::<io::Error>().is_some());
        assert!(error.downcast_ref::<fmt::Error>().is_none());
    }

    #[test]
    fn an_error_in_a_box_becomes_itself_again() {
        let boxed = || -> Box<dyn StdError + Send + Sync> {
            Error::from(precast_artifacts_format::TrapCode::Unreachable).into()
        };
        assert!(Error::from(boxed()).trap().is_some());
        assert!(Error::host(boxed()).trap().is_some());
    }

    #[test]
    fn errors_can_go_anywhere() {
        fn check<E: StdError + Send + Sync + 'static>() {}
        check::<Error>();
        check::<LinkError>();
        check::<MissingImport>();
        check::<UsageError>();
        check::<LimitError>();
        check::<IoError>();
        check::<ArtifactError>();
        check::<Trap>();
    }
}
