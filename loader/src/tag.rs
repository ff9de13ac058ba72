//! Tags: what tells one kind of exception from another.

use std::sync::Arc;

use precast_artifacts_format::FuncType;

use crate::error::{Error, UsageError};
use crate::store::core::{StoreCore, push};
use crate::store::{AsStore, AsStoreMut, StoreId};

/// A kind of exceptions in a store. A handler catches an exception if it names the very tag that
/// the exception was thrown with: another tag of the same type is another kind.
///
/// ```
/// use precast_loader::{Engine, FuncType, Store, Tag, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = FuncType::new([ValType::I32], []);
/// let tag = Tag::new(&mut store, ty.clone())?;
/// assert_eq!(tag.ty(&store), ty);
/// assert_ne!(tag, Tag::new(&mut store, ty)?);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// What a store keeps for a tag.
pub(crate) struct TagData {
    /// Engine-wide id of its type.
    pub(crate) type_id: u32,
    pub(crate) ty: Arc<FuncType>,
}

impl Tag {
    /// A new tag of the host's, to be imported by modules. The parameters of `ty` are the types of
    /// what an exception carries.
    ///
    /// # Errors
    ///
    /// [`UsageError::TagType`] if `ty` has results; [`Error::Limit`] if the engine knows too many
    /// types.
    ///
    /// ```
    /// # use precast_loader::{Engine, FuncType, Linker, Store, Tag, ValType};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// // What C++ throws: the address of an object.
    /// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.define("env", "__cpp_exception", tag)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(store: &mut impl AsStoreMut, ty: FuncType) -> Result<Self, Error> {
        if !ty.results.is_empty() {
            return Err(UsageError::TagType { ty }.into());
        }
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let type_id = core.engine.type_id(&ty)?;
        let ty = Arc::new(ty);
        Ok(Self {
            store: core.id,
            index: push(&mut core.tags, TagData { type_id, ty }),
        })
    }

    /// Its type, which has no results.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Tag};
    /// fn carries_nothing(store: &impl AsStore, tag: Tag) -> bool {
    ///     tag.ty(store).params.is_empty()
    /// }
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> FuncType {
        FuncType::clone(&self.of(store.as_store().core()).ty)
    }

    pub(crate) fn of(self, core: &StoreCore) -> &TagData {
        core.check_owner(self.store);
        &core.tags[self.index as usize]
    }
}
