//! Finding imports by name.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use precast_artifacts_format::FuncType;

use crate::caller::Caller;
use crate::engine::Engine;
use crate::error::{Error, LinkError, MissingImport};
use crate::extern_type::ExternType;
use crate::func::Func;
use crate::host_func::{HostFuncDef, IntoHostFunc};
use crate::instance::{Extern, Instance};
use crate::module::Module;
use crate::store::AsStoreMut;
use crate::store::core::StoreCore;
use crate::val::Val;

/// What is offered to modules, by name; for stores with data `T`.
///
/// Host functions belong to no store: one linker serves any number of stores, on any thread.
///
/// ```no_run
/// use precast_loader::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func("env", "add", |a: i32, b: i32| a + b)?;
/// // SAFETY: app.precast was written by our own build.
/// let module = unsafe { Module::load(&engine, "app.precast")? };
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    definitions: HashMap<Box<str>, HashMap<Box<str>, Definition>>,
    shadowing: bool,
    _data: PhantomData<fn(T)>,
}

#[derive(Clone)]
enum Definition {
    /// To be made a function of the store that asks for it.
    Host(Arc<HostFuncDef>),
    /// Of a store already.
    Extern(Extern),
}

impl<T> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            definitions: HashMap::new(),
            shadowing: false,
            _data: PhantomData,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, which replaces what it meant before. At first it may
    /// not.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.shadowing = allow;
        self
    }

    /// Defines a host function from a closure. Its WebAssembly type follows from its Rust type:
    ///
    /// - It may take a [`Caller`] first.
    /// - Up to 16 parameters: `i32` or `u32`, `i64` or `u64`, `f32`, `f64`, `u128` for `v128`,
    ///   `Option<Func>`, `Option<ExternRef>`.
    /// - It returns nothing, one of these, a tuple of them, or a `Result` of that with any error
    ///   that becomes an [`Error`]. An error ends the guest and comes out of the call that the
    ///   host made, as it is; so does a panic.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`].
    ///
    /// ```
    /// use precast_loader::{Caller, Engine, Error, Linker};
    ///
    /// let mut linker = Linker::<Vec<u64>>::new(&Engine::default());
    /// linker
    ///     .func("env", "push", |mut caller: Caller<'_, Vec<u64>>, value: u64| {
    ///         caller.data_mut().push(value);
    ///     })?
    ///     .func("env", "root", |x: f64| -> Result<f64, Error> {
    ///         if x < 0.0 {
    ///             return Err(Error::host("no root of a negative number"));
    ///         }
    ///         Ok(x.sqrt())
    ///     })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn func<P, R>(
        &mut self,
        module: &str,
        name: &str,
        closure: impl IntoHostFunc<T, P, R>,
    ) -> Result<&mut Self, Error> {
        let definition = HostFuncDef::typed::<T, P, R, _>(&self.engine, closure)?;
        self.insert(module, name, Definition::Host(definition))
    }

    /// Defines a host function of type `ty` from a closure that gets its parameters as a slice and
    /// writes its results to another, which it finds filled with zeros and nulls.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`].
    ///
    /// ```
    /// use precast_loader::{Engine, FuncType, Linker, Val, ValType};
    ///
    /// let ty = FuncType::new([ValType::I32], [ValType::I32]);
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func_dynamic("env", "same", ty, |_caller, params, results| {
    ///     results.copy_from_slice(params);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn func_dynamic(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        closure: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<&mut Self, Error> {
        let definition = HostFuncDef::dynamic::<T, _>(&self.engine, ty, closure)?;
        self.insert(module, name, Definition::Host(definition))
    }

    /// Defines something that belongs to a store. Modules can then be instantiated in that store
    /// only.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`].
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Defines all exports of an instance, under the name `module`.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`].
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn instance(
        &mut self,
        store: &mut impl AsStoreMut,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self, Error> {
        for (name, item) in instance.exports(store) {
            self.define(module, &name, item)?;
        }
        Ok(self)
    }

    /// What is defined under that name, in that store. `None` too if the store belongs to another
    /// engine.
    pub fn get(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        if !Engine::same(&self.engine, &core.engine) {
            return None;
        }
        resolve(core, self.definitions.get(module)?.get(name)?).ok()
    }

    /// Instantiates `module` with what is defined here for its imports.
    ///
    /// # Errors
    ///
    /// [`LinkError::Missing`] with all imports for which nothing is defined, and otherwise as for
    /// [`Instance::new`].
    pub fn instantiate(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &Module,
    ) -> Result<Instance, Error> {
        self.prepare(module)?.instantiate(store)
    }

    /// Finds the imports of `module` once, to instantiate it many times.
    ///
    /// # Errors
    ///
    /// [`LinkError::Missing`] with all imports for which nothing is defined;
    /// [`LinkError::OtherEngine`].
    pub fn prepare(&self, module: &Module) -> Result<Prepared<T>, Error> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(LinkError::OtherEngine.into());
        }
        Ok(Prepared {
            module: module.clone(),
            definitions: self.find(module)?,
            _data: PhantomData,
        })
    }

    fn find(&self, module: &Module) -> Result<Vec<Definition>, LinkError> {
        let imports = &module.manifest().imports;
        let mut found = Vec::with_capacity(imports.len());
        let mut missing = Vec::new();
        for import in imports {
            let module_part = self.definitions.get(import.module.as_str());
            match module_part.and_then(|names| names.get(import.name.as_str())) {
                Some(definition) => found.push(definition.clone()),
                None => missing.extend(ExternType::of_import(module.manifest(), &import.ty).map(
                    |ty| MissingImport {
                        module: import.module.clone(),
                        name: import.name.clone(),
                        ty,
                    },
                )),
            }
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(LinkError::Missing(missing))
        }
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Self, Error> {
        let names = self.definitions.entry(module.into()).or_default();
        if !self.shadowing && names.contains_key(name) {
            return Err(LinkError::AlreadyDefined {
                module: module.into(),
                name: name.into(),
            }
            .into());
        }
        names.insert(name.into(), definition);
        Ok(self)
    }
}

fn resolve(core: &mut StoreCore, definition: &Definition) -> Result<Extern, LinkError> {
    match definition {
        Definition::Extern(item) => Ok(*item),
        Definition::Host(definition) => Ok(Extern::Func(Func::of_definition(core, definition)?)),
    }
}

/// A module whose imports have been found, ready to be instantiated in any store of the engine.
/// Made by [`Linker::prepare`].
///
/// ```no_run
/// # use precast_loader::{Engine, Linker, Module, Store};
/// # let engine = Engine::default();
/// # // SAFETY: an example that is not run.
/// # let module = unsafe { Module::load(&engine, "app.precast")? };
/// let prepared = Linker::new(&engine).prepare(&module)?;
/// for request in 0..1000 {
///     let mut store = Store::new(&engine, request);
///     let instance = prepared.instantiate(&mut store)?;
/// }
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct Prepared<T: 'static> {
    module: Module,
    definitions: Vec<Definition>,
    _data: PhantomData<fn(T)>,
}

impl<T> Prepared<T> {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module.
    ///
    /// # Errors
    ///
    /// As for [`Instance::new`].
    pub fn instantiate(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<Instance, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        if !Engine::same(self.module.engine(), &core.engine) {
            return Err(LinkError::OtherEngine.into());
        }
        let imports = self.definitions.iter();
        let imports = imports
            .map(|definition| resolve(core, definition))
            .collect::<Result<Vec<_>, _>>()?;
        Instance::new(&mut store, &self.module, &imports)
    }
}

impl<T> Clone for Prepared<T> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            definitions: self.definitions.clone(),
            _data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Prepared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.module).finish()
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            shadowing: self.shadowing,
            _data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.definitions.iter();
        let names = names.flat_map(|(module, names)| names.keys().map(move |name| (module, name)));
        f.debug_set().entries(names).finish()
    }
}
