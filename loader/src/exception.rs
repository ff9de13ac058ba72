//! Exceptions: what guests throw and catch, and what of that the host sees.
//!
//! An exception that is thrown goes to the innermost call that has a handler for it:
//!
//! ```text
//! for each frame of the innermost activation, from the one that throws on:
//!     if its call is in the module's unwind table: for each handler there:
//!         if the handler is for everything, or for the tag of the exception: go on there
//! else leave the activation, with Error::Exception
//! ```
//!
//! The host function that has made the call of guest code gets that error. If it returns it to
//! its own caller, a guest, the search goes on in that one's frames: so exceptions pass through the
//! host as errors do. Frames hold nothing that must be dropped, so that going on elsewhere is a
//! matter of three registers.
//!
//! [`kept`] is where a store keeps exceptions that guests refer to, [`collection`] finds those that
//! they no longer do, [`search`] is the walk over the frames, [`throwing`] the whole.

use std::fmt;

use precast_artifacts_format::FuncType;

use crate::backtrace::Backtrace;
use crate::error::{Error, UsageError};
use crate::store::AsStoreMut;
use crate::store::core::StoreCore;
use crate::tag::Tag;
use crate::val::Val;

mod collection;
mod exn_ref;
mod kept;
mod search;
mod throwing;

pub use exn_ref::ExnRef;
pub(crate) use kept::Exceptions;
pub(crate) use throwing::{Landing, rethrow, throw_new, throw_ref};

/// An exception on its way through the host.
///
/// A guest's exception that nothing in its activation catches comes out of the host's call as
/// [`Error::Exception`]. A host function throws by returning one as its error; so a host function
/// that calls a guest and passes its errors on lets exceptions through.
///
/// ```
/// use precast_loader::{Engine, Exception, FuncType, Linker, Store, Tag, Val, ValType};
///
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
/// let mut linker = Linker::<()>::new(&engine);
/// linker.define("env", "failure", tag)?;
/// linker.func("env", "fail", move |mut caller: precast_loader::Caller<'_, ()>, code: i32| {
///     let exception = Exception::new(&mut caller, tag, &[Val::I32(code)])?;
///     Err::<(), _>(precast_loader::Error::from(exception))
/// })?;
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    tag: Tag,
    args: Vec<Val>,
    pub(crate) backtrace: Option<Box<Backtrace>>,
}

impl Exception {
    /// An exception of the host's.
    ///
    /// # Errors
    ///
    /// [`UsageError::WrongArguments`] if the values are not of the types that the tag says.
    ///
    /// # Panics
    ///
    /// If the tag or a value belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Exception, Tag};
    /// fn give_up(store: &mut impl AsStoreMut, tag: Tag, code: i32) -> Result<(), Error> {
    ///     Err(Exception::new(store, tag, &[code.into()])?.into())
    /// }
    /// ```
    pub fn new(store: &mut impl AsStoreMut, tag: Tag, args: &[Val]) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let ty = &tag.of(core).ty;
        if !Val::are_of(args, &ty.params, core) {
            return Err(UsageError::WrongArguments {
                expected: FuncType::clone(ty),
                found: FuncType::new(args.iter().map(Val::ty), []),
            }
            .into());
        }
        Ok(Self {
            tag,
            args: args.into(),
            backtrace: None,
        })
    }

    /// What kind of exception it is.
    ///
    /// ```
    /// # use precast_loader::{Error, Exception, Tag};
    /// fn is_one(error: &Error, tag: Tag) -> bool {
    ///     error.exception().is_some_and(|exception| exception.tag() == tag)
    /// }
    /// ```
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// What it carries.
    ///
    /// ```
    /// # use precast_loader::{Error, Exception, Val};
    /// /// Where the object is that a C++ program has thrown.
    /// fn object(exception: &Exception) -> Option<i32> {
    ///     exception.args().first().and_then(Val::i32)
    /// }
    /// ```
    pub fn args(&self) -> &[Val] {
        &self.args
    }

    /// The Wasm functions that were being executed when it was thrown. Empty for one of the host's
    /// that no guest has let through.
    ///
    /// ```
    /// # use precast_loader::Exception;
    /// fn thrower(exception: &Exception) -> Option<&str> {
    ///     exception.backtrace()?.frames().first()?.func_name()
    /// }
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_deref()
    }

    /// Of the exception that the store keeps under `handle`; `None` for a number that is none.
    fn of_handle(core: &mut StoreCore, handle: u32) -> Option<Self> {
        let kept = core.exceptions.get(handle)?;
        let (index, args) = (kept.tag, kept.args.clone());
        let ty = std::sync::Arc::clone(&core.tags.get(index as usize)?.ty);
        let values = ty.params.iter().zip(&args);
        let args = values.map(|(&ty, slot)| Val::from_slot(ty, slot, core));
        Some(Self {
            args: args.collect(),
            tag: Tag {
                store: core.id,
                index,
            },
            backtrace: None,
        })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("uncaught exception")?;
        for (number, arg) in self.args.iter().enumerate() {
            f.write_str(if number == 0 { ": " } else { ", " })?;
            match arg {
                Val::I32(value) => write!(f, "{value}"),
                Val::I64(value) => write!(f, "{value}"),
                Val::F32(bits) => write!(f, "{}", f32::from_bits(*bits)),
                Val::F64(bits) => write!(f, "{}", f64::from_bits(*bits)),
                Val::V128(bits) => write!(f, "{bits:#034x}"),
                Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_) => arg.ty().fmt(f),
            }?;
        }
        match &self.backtrace {
            Some(backtrace) => backtrace.fmt(f),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Exception {}
