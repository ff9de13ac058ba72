//! Functions.

use std::sync::Arc;

use precast_artifacts_format::FuncType;

use crate::call;
use crate::caller::Caller;
use crate::error::{Error, LinkError};
use crate::host_func::{HostFuncDef, IntoHostFunc};
use crate::instance::Instance;
use crate::module::Module;
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::typed_func::TypedFunc;
use crate::val::Val;
use crate::wasm_ty::{WasmParams, WasmResults};

/// A function of a store: an instance's or the host's.
///
/// ```
/// use precast_loader::{Engine, Func, Store, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b)?;
/// let sum = add.call(&mut store, &[Val::I32(40), Val::I32(2)])?;
/// assert_eq!(sum, [Val::I32(42)]);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the function belongs to another store than the one they are given.
impl Func {
    /// Makes a closure a function of the store. See [`Linker::func`](crate::Linker::func) for
    /// what closures can be used.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the engine knows too many function types.
    ///
    /// ```
    /// # use precast_loader::{Caller, Engine, Func, Store};
    /// let mut store = Store::new(&Engine::default(), 0u64);
    /// let count = Func::wrap(&mut store, |mut caller: Caller<'_, u64>| *caller.data_mut() += 1)?;
    /// count.call(&mut store, &[])?;
    /// assert_eq!(*store.data(), 1);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn wrap<S: AsStoreMut, P, R>(
        store: &mut S,
        closure: impl IntoHostFunc<S::Data, P, R>,
    ) -> Result<Self, Error> {
        let engine = store.as_store().core().engine.clone();
        Self::define(
            store,
            HostFuncDef::typed::<S::Data, P, R, _>(&engine, closure)?,
        )
    }

    /// Makes a closure that takes and gives values of any type a function of the store. `ty` says
    /// which types they have. See [`Linker::func_dynamic`](crate::Linker::func_dynamic).
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the engine knows too many function types.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, FuncType, Store, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new([ValType::I32; 3], [ValType::I32]);
    /// let sum = Func::new(&mut store, ty, |_caller, params, results| {
    ///     results[0] = params.iter().filter_map(Val::i32).sum::<i32>().into();
    ///     Ok(())
    /// })?;
    /// let params = [1i32, 2, 3].map(Val::from);
    /// assert_eq!(sum.call(&mut store, &params)?, [Val::I32(6)]);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new<S: AsStoreMut>(
        store: &mut S,
        ty: FuncType,
        closure: impl Fn(Caller<'_, S::Data>, &[Val], &mut [Val]) -> Result<(), Error>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self, Error> {
        let engine = store.as_store().core().engine.clone();
        Self::define(
            store,
            HostFuncDef::dynamic::<S::Data, _>(&engine, ty, closure)?,
        )
    }

    fn define(store: &mut impl AsStoreMut, definition: Arc<HostFuncDef>) -> Result<Self, Error> {
        Self::of_definition(store.as_store_mut().core_mut(), &definition).map_err(Error::from)
    }

    /// The host function as one of this store, whose engine is the definition's.
    pub(crate) fn of_definition(
        core: &mut StoreCore,
        definition: &Arc<HostFuncDef>,
    ) -> Result<Self, LinkError> {
        Ok(Self {
            store: core.id,
            index: core
                .add_host_func(definition)
                .ok_or(LinkError::OtherEngine)?,
        })
    }

    /// The function's type.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Func};
    /// fn print(store: &impl AsStore, func: Func) {
    ///     println!("{}", func.ty(store)); // (func (param i32 i32) (result i32))
    /// }
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> FuncType {
        let core = store.as_store().core();
        core.check_owner(self.store);
        FuncType::clone(&core.func(self.index).ty)
    }

    /// Whether it is a function of the host's.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let func = Func::wrap(&mut store, || ())?;
    /// assert!(func.is_host(&store));
    /// assert!(func.instance(&store).is_none());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn is_host(&self, store: &impl AsStore) -> bool {
        let core = store.as_store().core();
        core.check_owner(self.store);
        core.func(self.index).is_host
    }

    /// The instance whose module defines it, which need not be the one it was found in: instances
    /// can export what they import. `None` for a function of the host's.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Func};
    /// fn are_neighbours(store: &impl AsStore, a: Func, b: Func) -> bool {
    ///     a.instance(store).is_some() && a.instance(store) == b.instance(store)
    /// }
    /// ```
    pub fn instance(&self, store: &impl AsStore) -> Option<Instance> {
        let core = store.as_store().core();
        core.check_owner(self.store);
        Some(Instance {
            store: self.store,
            index: core.instance_of_func(self.index)?,
        })
    }

    /// The module that defines it. `None` for a function of the host's.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Func};
    /// fn full_name(store: &impl AsStore, func: Func) -> Option<String> {
    ///     let module = func.module(store)?.name().unwrap_or("?");
    ///     let name = func.name(store).unwrap_or_default();
    ///     Some(format!("{module}.{name}"))
    /// }
    /// ```
    pub fn module<'a, S: AsStore>(&self, store: &'a S) -> Option<&'a Module> {
        let instance = self.instance(store)?;
        Some(instance.module(store))
    }

    /// Its index among the functions of the module that defines it, imported ones first. `None`
    /// for a function of the host's.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Func};
    /// fn print(store: &impl AsStore, func: Func) {
    ///     match func.index(store) {
    ///         Some(index) => println!("func[{index}]"),
    ///         None => println!("the host's"),
    ///     }
    /// }
    /// ```
    pub fn index(&self, store: &impl AsStore) -> Option<u32> {
        let (module, defined) = self.place_in_module(store)?;
        module.imported().funcs.checked_add(defined)
    }

    /// Its name, as backtraces show it, if the artifact has it. `None` for a function of the
    /// host's.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Instance};
    /// fn what_is_at(
    ///     store: &mut impl AsStoreMut,
    ///     instance: Instance,
    ///     pointer: u32,
    /// ) -> Result<Option<String>, Error> {
    ///     let table = instance.table(store, "__indirect_function_table")?;
    ///     Ok(table.func(store, pointer.into())?.name(store))
    /// }
    /// ```
    pub fn name(&self, store: &impl AsStore) -> Option<String> {
        let (module, defined) = self.place_in_module(store)?;
        module.function_name(defined).map(str::to_owned)
    }

    /// The module that defines it, and its index there, imported ones left out.
    fn place_in_module<'a, S: AsStore>(&self, store: &'a S) -> Option<(&'a Module, u32)> {
        let module = self.module(store)?;
        let code = store.as_store().core().func(self.index).func.code;
        let text_offset = code.checked_sub(module.image().text().start)?;
        let defined = module.funcs().find(u32::try_from(text_offset).ok()?)?;
        Some((module, defined))
    }

    /// Calls the function with `params` and gives its results.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the values do not fit the function's type; whatever ends the function:
    /// [`Error::Trap`], or the error of a host function that it has called.
    ///
    /// # Panics
    ///
    /// If a host function that it has called panics.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Instance, Val};
    /// fn run(store: &mut impl AsStoreMut, instance: Instance, x: f64) -> Result<Option<f64>, Error> {
    ///     let results = instance.func(store, "run")?.call(store, &[Val::from(x)])?;
    ///     Ok(results.first().and_then(Val::f64))
    /// }
    /// ```
    pub fn call(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Vec<Val>, Error> {
        call::with_values(&mut store.as_store_mut(), *self, params, None)
    }

    /// The function with Rust types for its parameters and results: faster to call.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if these are not its types, or if no artifact has an entry for it.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let twice = Func::wrap(&mut store, |x: i64| 2 * x)?;
    /// assert_eq!(twice.typed::<i64, i64>(&mut store)?.call(&mut store, 21)?, 42);
    /// assert!(twice.typed::<i32, i64>(&mut store).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: &mut impl AsStoreMut,
    ) -> Result<TypedFunc<P, R>, Error> {
        TypedFunc::new(*self, store.as_store_mut().core_mut())
    }
}
