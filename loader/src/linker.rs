//! Finding imports by name.

use std::collections::BTreeMap;
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
use crate::memory::Memory;
use crate::module::Module;
use crate::shared_memory::SharedMemory;
use crate::store::core::StoreCore;
use crate::store::{AsStoreMut, JustThis, StoreMut};
use crate::val::Val;

mod prepared;
mod shared;
mod unknown;

use prepared::{PreparedImport, Resolver};

pub use prepared::Prepared;

/// What a program exports that runs once, from here.
const START: &str = "_start";
/// What a library exports that is to be called before anything else.
const INITIALIZE: &str = "_initialize";

/// What is offered to modules, by name; for stores with data `T`.
///
/// Host functions belong to no store: one linker serves any number of stores, on any thread. What
/// belongs to a store (instances, memories, tables, globals) can be defined too, and then ties the
/// modules that import it to that store.
///
/// ```
/// # example::enter_folder();
/// use precast_loader::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func("env", "add", |a: i32, b: i32| a + b)?;
/// // SAFETY: app.precast was written by our own build.
/// let module = unsafe { Module::load(&engine, "app.precast")? };
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.typed_func::<(i32, i32), i32>(&mut store, "run")?;
/// assert_eq!(run.call(&mut store, (40, 2))?, 42);
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    /// By module and name; sorted, so that lists of them are the same every time.
    definitions: BTreeMap<Box<str>, Names>,
    resolver: Option<Arc<Resolver<T>>>,
    shadowing: bool,
    _just: JustThis<T>,
}

type Names = BTreeMap<Box<str>, Definition>;

#[derive(Clone)]
enum Definition {
    /// To be made a function of the store that asks for it.
    Host(Arc<HostFuncDef>),
    /// Of a store already.
    Extern(Extern),
    /// To be made a memory of the store that asks for it.
    Shared(SharedMemory),
}

impl<T> Linker<T> {
    /// A linker without definitions.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker};
    /// let linker = Linker::<()>::new(&Engine::default());
    /// assert_eq!(linker.names().count(), 0);
    /// ```
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            definitions: BTreeMap::new(),
            resolver: None,
            shadowing: false,
            _just: PhantomData,
        }
    }

    /// The engine.
    ///
    /// ```
    /// # use precast_loader::{Linker, Store};
    /// fn store<T: Default>(linker: &Linker<T>) -> Store<T> {
    ///     Store::new(linker.engine(), T::default())
    /// }
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, which replaces what it meant before. At first it may
    /// not.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker};
    /// # fn add_to_linker(linker: &mut Linker<()>) -> Result<(), precast_loader::Error> {
    /// #     linker.func("env", "now", || 0i64)?;
    /// #     Ok(())
    /// # }
    /// let mut linker = Linker::new(&Engine::default());
    /// add_to_linker(&mut linker)?;
    /// // One function of many is to be another.
    /// linker.allow_shadowing(true).func("env", "now", || 1i64)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.shadowing = allow;
        self
    }

    /// Defines a host function from a closure. Its WebAssembly type follows from its Rust type:
    ///
    /// - It may take a [`Caller`] first.
    /// - Up to 16 parameters: `i32` or `u32`, `i64` or `u64`, `f32`, `f64`, `u128` for `v128`,
    ///   `Option<Func>`, `Option<ExternRef>`, `Option<ExnRef>`.
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

    /// Defines something that belongs to a store: a memory, table, global or tag of the host's, or
    /// what an instance exports. Modules that import it can then be instantiated in that store only.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`].
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Memory, MemoryType, Store};
    /// # let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let ty = MemoryType::new(16, None);
    /// let memory = Memory::new(&mut store, ty)?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.define("env", "memory", memory)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
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
    /// [`LinkError::AlreadyDefined`]; nothing is defined then.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// # let engine = Engine::default();
    /// # let (library, app) = (example::module(&engine), example::module(&engine));
    /// # let mut linker = example::linker(&engine);
    /// let mut store = Store::new(&engine, ());
    /// let library = linker.instantiate(&mut store, &library)?;
    /// linker.instance(&mut store, "library", library)?;
    /// let app = linker.instantiate(&mut store, &app)?;
    /// # assert!(linker.get(&mut store, "library", "twice").is_some());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn instance(
        &mut self,
        store: &mut impl AsStoreMut,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self, Error> {
        let exports = instance.exports(store);
        self.check_free(module, exports.iter().map(|(name, _)| name.as_str()))?;
        for (name, item) in exports {
            self.insert(module, &name, Definition::Extern(item))?;
        }
        Ok(self)
    }

    /// Instantiates a library and defines its exports, under the name `name`. If it exports a
    /// function `_initialize`, that is called first, once.
    ///
    /// A module that exports `_start` is no library but a program (a *command*, as WASI calls it):
    /// what it exports may be used only while `_start` runs, and that can run once. It is refused.
    /// To link to one nevertheless, [instantiate](Linker::instantiate) it, call `_start`, and
    /// define the [instance](Linker::instance).
    ///
    /// # Errors
    ///
    /// [`LinkError::Command`]; [`LinkError::AlreadyDefined`]; as for [`Linker::instantiate`];
    /// [`Error::Usage`] if `_initialize` is something else than a function without parameters and
    /// results, and whatever ends it. Nothing is defined then, but the instance stays in the store
    /// if it came to be.
    ///
    /// # Panics
    ///
    /// If `_initialize` or the start function calls a host function that panics.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// # let engine = Engine::default();
    /// # let (library, app) = (example::module(&engine), example::module(&engine));
    /// # let mut linker = example::linker(&engine);
    /// let mut store = Store::new(&engine, ());
    /// linker.module(&mut store, "library", &library)?;
    /// let app = linker.instantiate(&mut store, &app)?;
    /// # assert!(linker.get(&mut store, "library", "twice").is_some());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn module(
        &mut self,
        store: &mut impl AsStoreMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Self, Error> {
        if matches!(module.export(START), Some(ExternType::Func(_))) {
            return Err(LinkError::Command {
                module: name.into(),
            }
            .into());
        }
        self.check_free(name, module.exports().map(|(export, _)| export))?;
        let instance = self.instantiate(store, module)?;
        if module.export(INITIALIZE).is_some() {
            let initialize = instance.typed_func::<(), ()>(store, INITIALIZE)?;
            initialize.call(store, ())?;
        }
        self.instance(store, name, instance)
    }

    /// Makes a second name mean the same as a first does now. What becomes of the first later is
    /// of no account to the second.
    ///
    /// # Errors
    ///
    /// [`LinkError::NotDefined`] if the first is not defined, [`LinkError::AlreadyDefined`] if the
    /// second is.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker};
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func("env", "abort", || ())?;
    /// linker.alias("env", "abort", "env", "__abort")?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self, Error> {
        let definition = self.find(module, name).cloned();
        let definition = definition.ok_or_else(|| LinkError::NotDefined {
            module: module.into(),
            name: Some(name.into()),
        })?;
        self.insert(as_module, as_name, definition)
    }

    /// Makes all names of a second module mean the same as those of a first do now, beside those
    /// that the second has already.
    ///
    /// # Errors
    ///
    /// [`LinkError::NotDefined`] if nothing is defined in the first;
    /// [`LinkError::AlreadyDefined`] if a name is in both. Nothing is defined then.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker};
    /// # let mut linker = Linker::<()>::new(&Engine::default());
    /// # linker.func("env", "now", || 0)?;
    /// // Plugins of long ago call it otherwise.
    /// linker.alias_module("env", "host")?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<&mut Self, Error> {
        let names = self.definitions.get(module).cloned();
        let names = names.ok_or_else(|| LinkError::NotDefined {
            module: module.into(),
            name: None,
        })?;
        self.check_free(as_module, names.keys().map(|name| &**name))?;
        for (name, definition) in names {
            self.insert(as_module, &name, definition)?;
        }
        Ok(self)
    }

    /// Has `resolver` asked for each import for which nothing is defined, whenever a module is
    /// instantiated; [prepared](Linker::prepare) ones too. It gets the store, in which it may make
    /// what is wanted, and says `None` to what it does not know. There is one resolver at most; a
    /// new one takes the place of the one before.
    ///
    /// What is defined is never asked for: that has been found before there is a store.
    ///
    /// ```
    /// use precast_loader::{Engine, ExternType, Func, Linker, Store};
    ///
    /// let mut linker = Linker::<u32>::new(&Engine::default());
    /// linker.resolver(|store, import| {
    ///     let (ExternType::Func(ty), "log") = (&import.ty, import.module.as_str()) else {
    ///         return Ok(None);
    ///     };
    ///     let name = import.name.clone();
    ///     let log = Func::new(store, ty.clone(), move |_caller, params, _results| {
    ///         println!("{name}: {params:?}");
    ///         Ok(())
    ///     })?;
    ///     Ok(Some(log.into()))
    /// });
    /// ```
    pub fn resolver(
        &mut self,
        resolver: impl Fn(&mut StoreMut<'_, T>, &MissingImport) -> Result<Option<Extern>, Error>
        + Send
        + Sync
        + 'static,
    ) -> &mut Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// What is defined under that name, in that store. `None` too if the store belongs to another
    /// engine. A [resolver](Linker::resolver) is not asked: it would have to know a type.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Store, Val};
    /// # let engine = Engine::default();
    /// let mut linker = Linker::new(&engine);
    /// linker.func("math", "twice", |x: i32| 2 * x)?;
    /// let mut store = Store::new(&engine, ());
    /// let twice = linker.get(&mut store, "math", "twice").and_then(|item| item.func());
    /// assert_eq!(twice.unwrap().call(&mut store, &[Val::I32(21)])?, [Val::I32(42)]);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
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
        self.find(module, name)?.resolve(core).ok()
    }

    /// All names that are defined, as module and name, sorted. [`Linker::get`] gives what they
    /// mean.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker};
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func("env", "b", || ())?.func("env", "a", || ())?;
    /// assert!(linker.names().eq([("env", "a"), ("env", "b")]));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let modules = self.definitions.iter();
        modules.flat_map(|(module, names)| names.keys().map(|name| (&**module, &**name)))
    }

    /// Instantiates `module` with what is defined here for its imports, and with what the
    /// [resolver](Linker::resolver) gives for others.
    ///
    /// # Errors
    ///
    /// [`LinkError::Missing`] with all imports for which there is nothing; whatever the resolver
    /// fails with; and otherwise as for [`Instance::new`].
    ///
    /// # Panics
    ///
    /// If the start function calls a host function that panics, or if the resolver does.
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Store};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// let mut linker = Linker::new(&engine);
    /// linker.func("env", "add", |a: i32, b: i32| a + b)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn instantiate(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &Module,
    ) -> Result<Instance, Error> {
        self.prepare(module)?.instantiate(store)
    }

    /// Finds the imports of `module` once, to instantiate it many times. What is defined later
    /// makes no difference to that.
    ///
    /// # Errors
    ///
    /// [`LinkError::Missing`] with all imports for which nothing is defined, unless there is a
    /// [resolver](Linker::resolver), which may know them in time; [`LinkError::OtherEngine`].
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// # let linker = example::linker(&engine);
    /// let prepared = linker.prepare(&module)?;
    /// let mut stores = [0, 1, 2].map(|request| Store::new(&engine, request));
    /// for store in &mut stores {
    ///     prepared.instantiate(store)?;
    /// }
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn prepare(&self, module: &Module) -> Result<Prepared<T>, Error> {
        let (imports, missing) = self.find_imports(module)?;
        if !missing.is_empty() && self.resolver.is_none() {
            return Err(LinkError::Missing(missing).into());
        }
        Ok(Prepared {
            module: module.clone(),
            imports,
            resolver: self.resolver.clone(),
        })
    }

    /// What is known of each import of `module`, and those of which nothing is.
    fn find_imports(
        &self,
        module: &Module,
    ) -> Result<(Vec<PreparedImport>, Vec<MissingImport>), LinkError> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(LinkError::OtherEngine);
        }
        let mut missing = Vec::new();
        let imports = module.manifest().imports.iter().map(|import| {
            if let Some(definition) = self.find(&import.module, &import.name) {
                return PreparedImport::Defined(definition.clone());
            }
            let ty = ExternType::of_import(module.manifest(), &import.ty);
            let import = MissingImport {
                module: import.module.clone(),
                name: import.name.clone(),
                ty: ty.expect("checked with the manifest"),
            };
            missing.push(import.clone());
            PreparedImport::Unknown(import)
        });
        Ok((imports.collect(), missing))
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.definitions.get(module)?.get(name)
    }

    /// Checks that these names can be defined.
    fn check_free<'a>(
        &self,
        module: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), LinkError> {
        if self.shadowing {
            return Ok(());
        }
        let taken = |name: &&str| self.find(module, name).is_some();
        match names.into_iter().find(taken) {
            Some(name) => Err(LinkError::AlreadyDefined {
                module: module.into(),
                name: name.into(),
            }),
            None => Ok(()),
        }
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Self, Error> {
        self.check_free(module, [name])?;
        let names = self.definitions.entry(module.into()).or_default();
        names.insert(name.into(), definition);
        Ok(self)
    }
}

impl Definition {
    /// What it means in that store, whose engine is the definition's.
    fn resolve(&self, core: &mut StoreCore) -> Result<Extern, Error> {
        match self {
            Self::Extern(item) => Ok(*item),
            Self::Shared(memory) => {
                let index = core.add_shared_memory(memory)?;
                let store = core.id;
                Ok(Extern::Memory(Memory { store, index }))
            }
            Self::Host(definition) => Ok(Extern::Func(Func::of_definition(core, definition)?)),
        }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            resolver: self.resolver.clone(),
            shadowing: self.shadowing,
            _just: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
