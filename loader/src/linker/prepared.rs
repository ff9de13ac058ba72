//! Modules whose imports have been found.

use std::fmt;
use std::sync::Arc;

use super::Definition;
use crate::engine::Engine;
use crate::error::{Error, LinkError, MissingImport};
use crate::instance::{Extern, Instance};
use crate::module::Module;
use crate::store::{AsStoreMut, StoreMut};

/// See [`Linker::resolver`](super::Linker::resolver).
pub(super) type Resolver<T> =
    dyn Fn(&mut StoreMut<'_, T>, &MissingImport) -> Result<Option<Extern>, Error> + Send + Sync;

/// A module whose imports have been found, ready to be instantiated in any store of the engine.
/// Made by [`Linker::prepare`](crate::Linker::prepare).
///
/// ```
/// # use precast_loader::{Engine, Store};
/// # let engine = Engine::default();
/// # let module = example::module(&engine);
/// # let linker = example::linker(&engine);
/// let prepared = linker.prepare(&module)?;
/// for request in 0..100 {
///     let mut store = Store::new(&engine, request);
///     let instance = prepared.instantiate(&mut store)?;
/// }
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct Prepared<T: 'static> {
    pub(super) module: Module,
    /// One for each import, in order.
    pub(super) imports: Vec<PreparedImport>,
    pub(super) resolver: Option<Arc<Resolver<T>>>,
}

/// What is known of an import before there is a store.
#[derive(Clone)]
pub(super) enum PreparedImport {
    Defined(Definition),
    /// The resolver will be asked.
    Unknown(MissingImport),
}

impl<T> Prepared<T> {
    /// The module.
    ///
    /// ```
    /// # let engine = precast_loader::Engine::default();
    /// # let prepared = example::linker::<()>(&engine).prepare(&example::module(&engine))?;
    /// assert_eq!(prepared.module().name(), Some("app"));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module. A [resolver](crate::Linker::resolver) is asked now for what was
    /// not defined.
    ///
    /// # Errors
    ///
    /// As for [`Instance::new`]; whatever the resolver fails with; [`LinkError::Missing`] with all
    /// imports that it does not know.
    ///
    /// # Panics
    ///
    /// If the start function calls a host function that panics, or if the resolver does.
    ///
    /// ```
    /// # use precast_loader::{Engine, Error, Prepared, Store};
    /// fn serve(prepared: &Prepared<()>, request: i32) -> Result<i32, Error> {
    ///     let mut store = Store::new(prepared.module().engine(), ());
    ///     let instance = prepared.instantiate(&mut store)?;
    ///     instance.typed_func(&mut store, "twice")?.call(&mut store, request)
    /// }
    /// # let engine = Engine::default();
    /// # let prepared = example::linker(&engine).prepare(&example::module(&engine))?;
    /// assert_eq!(serve(&prepared, 21)?, 42);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn instantiate(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<Instance, Error> {
        let mut store = store.as_store_mut();
        if !Engine::same(self.module.engine(), &store.core().engine) {
            return Err(LinkError::OtherEngine.into());
        }
        store.core_mut().expect_host_funcs(self.imports.len());
        let mut items = Vec::with_capacity(self.imports.len());
        let mut missing = Vec::new();
        for import in &self.imports {
            match import {
                PreparedImport::Defined(definition) => {
                    items.push(definition.resolve(store.core_mut())?);
                }
                PreparedImport::Unknown(import) => match self.ask(&mut store, import)? {
                    Some(item) => items.push(item),
                    None => missing.push(import.clone()),
                },
            }
        }
        if !missing.is_empty() {
            return Err(LinkError::Missing(missing).into());
        }
        Instance::new(&mut store, &self.module, &items)
    }

    fn ask(
        &self,
        store: &mut StoreMut<'_, T>,
        import: &MissingImport,
    ) -> Result<Option<Extern>, Error> {
        match &self.resolver {
            Some(resolver) => resolver(store, import),
            None => Ok(None),
        }
    }
}

impl<T> Clone for Prepared<T> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            imports: self.imports.clone(),
            resolver: self.resolver.clone(),
        }
    }
}

impl<T> fmt::Debug for Prepared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.module).finish()
    }
}
