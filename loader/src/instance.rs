//! Instances, and what they export.

use precast_artifacts_format::Export;

use crate::error::{Error, LinkError, UsageError};
use crate::extern_type::ExternType;
use crate::func::Func;
use crate::global::Global;
use crate::instantiate;
use crate::memory::Memory;
use crate::module::Module;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::table::Table;
use crate::tag::Tag;
use crate::typed_func::TypedFunc;
use crate::wasm_ty::{WasmParams, WasmResults};

/// An instance of a module, in a store.
///
/// ```
/// # use precast_loader::{Engine, Store};
/// # let engine = Engine::default();
/// # let module = example::module(&engine);
/// # let linker = example::linker(&engine);
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let memory = instance.memory(&mut store, "memory")?;
/// assert_eq!(memory.size_pages(&store), 1);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// Something that can be imported and exported.
///
/// ```
/// use precast_loader::{Engine, Extern, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let item = Extern::from(Func::wrap(&mut store, |a: i32| -a)?);
/// assert_eq!(item.ty(&store).to_string(), "(func (param i32) (result i32))");
/// assert!(item.memory().is_none());
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag of exceptions.
    Tag(Tag),
}

/// All methods panic if the instance belongs to another store than the one they are given.
impl Instance {
    /// Instantiates `module` with just these imports, in the module's order.
    /// [`Linker::instantiate`](crate::Linker::instantiate) finds them by name.
    ///
    /// # Errors
    ///
    /// - [`Error::Link`] if the imports do not fit.
    /// - [`Error::Limit`], [`Error::Io`] if there is no room for memories and tables.
    /// - [`Error::Trap`] if a segment does not fit into its memory or table; and whatever ends the
    ///   start function. What has been written to imported memories and tables by then stays
    ///   written.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, Instance, Store};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// let mut store = Store::new(&engine, ());
    /// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b)?;
    /// let instance = Instance::new(&mut store, &module, &[add.into()])?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(
        store: &mut impl AsStoreMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        if imports.len() != module.manifest().imports.len() {
            return Err(LinkError::ImportCount {
                expected: module.manifest().imports.len(),
                found: imports.len(),
            }
            .into());
        }
        let instance = Self {
            store: core.id,
            index: instantiate::instantiate(core, module, imports)?,
        };
        if let Some(start) = module.manifest().start {
            instantiate::run_start(&mut store, instance.index, start)?;
        }
        Ok(instance)
    }

    /// The instance's module.
    ///
    /// ```
    /// # let (store, instance) = example::instance();
    /// assert_eq!(instance.module(&store).name(), Some("app"));
    /// ```
    pub fn module<'a, S: AsStore>(&self, store: &'a S) -> &'a Module {
        let core = store.as_store().core();
        core.check_owner(self.store);
        &core.instances[self.index as usize].module
    }

    /// The export of that name.
    ///
    /// ```
    /// # use precast_loader::Extern;
    /// # let (mut store, instance) = example::instance();
    /// assert!(matches!(instance.get_export(&mut store, "memory"), Some(Extern::Memory(_))));
    /// assert_eq!(instance.get_export(&mut store, "nothing"), None);
    /// ```
    pub fn get_export(&self, store: &mut impl AsStoreMut, name: &str) -> Option<Extern> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(self.store);
        let index = core.instances[self.index as usize]
            .module
            .find_export(name)?;
        core.extern_of(self.index, index)
    }

    /// All exports, with their names, in order.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// for (name, item) in instance.exports(&mut store) {
    ///     if let Some(global) = item.global() {
    ///         println!("{name} is {:?}", global.get(&mut store));
    ///     }
    /// }
    /// ```
    pub fn exports(&self, store: &mut impl AsStoreMut) -> Vec<(String, Extern)> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        core.check_owner(self.store);
        let module = core.instances[self.index as usize].module.clone();
        let exports = module.manifest().exports.iter();
        exports
            .filter_map(|Export { name, index }| {
                Some((name.clone(), core.extern_of(self.index, *index)?))
            })
            .collect()
    }

    /// The exported function of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none.
    ///
    /// ```
    /// # use precast_loader::Val;
    /// # let (mut store, instance) = example::instance();
    /// let twice = instance.func(&mut store, "twice")?;
    /// assert_eq!(twice.call(&mut store, &[Val::I32(21)])?, [Val::I32(42)]);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn func(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Func, Error> {
        match self.export_or_error(store, name)? {
            Extern::Func(func) => Ok(func),
            other => Err(wrong_kind(store, name, "function", other)),
        }
    }

    /// The exported function of that name, with Rust types for its parameters and results.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none, or if these are not its types.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let malloc = instance.typed_func::<u32, u32>(&mut store, "malloc")?;
    /// let place = malloc.call(&mut store, 16)?;
    /// # assert_eq!(place, 1024);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn typed_func<P: WasmParams, R: WasmResults>(
        &self,
        store: &mut impl AsStoreMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>, Error> {
        self.func(store, name)?.typed(store)
    }

    /// The exported memory of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let memory = instance.memory(&mut store, "memory")?;
    /// assert_eq!(memory.read_string(&store, 16, 5)?, "hello");
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn memory(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Memory, Error> {
        match self.export_or_error(store, name)? {
            Extern::Memory(memory) => Ok(memory),
            other => Err(wrong_kind(store, name, "memory", other)),
        }
    }

    /// The exported table of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// // Where LLVM's programs keep their function pointers.
    /// let table = instance.table(&mut store, "__indirect_function_table")?;
    /// let twice = table.func(&mut store, 1)?.typed::<i32, i32>(&mut store)?;
    /// assert_eq!(twice.call(&mut store, 21)?, 42);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn table(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Table, Error> {
        match self.export_or_error(store, name)? {
            Extern::Table(table) => Ok(table),
            other => Err(wrong_kind(store, name, "table", other)),
        }
    }

    /// The exported global of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let heap_base = instance.global(&mut store, "__heap_base")?;
    /// assert_eq!(heap_base.get(&mut store).i32(), Some(1024));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn global(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Global, Error> {
        match self.export_or_error(store, name)? {
            Extern::Global(global) => Ok(global),
            other => Err(wrong_kind(store, name, "global", other)),
        }
    }

    /// The exported tag of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is none.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Instance};
    /// /// Whether a C++ program has thrown something.
    /// fn is_cpp(
    ///     store: &mut impl AsStoreMut,
    ///     instance: Instance,
    ///     error: &Error,
    /// ) -> Result<bool, Error> {
    ///     let tag = instance.tag(store, "__cpp_exception")?;
    ///     Ok(error.exception().is_some_and(|exception| exception.tag() == tag))
    /// }
    /// # let (mut store, instance) = example::instance();
    /// # assert!(is_cpp(&mut store, instance, &Error::host("other")).is_err());
    /// ```
    pub fn tag(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Tag, Error> {
        match self.export_or_error(store, name)? {
            Extern::Tag(tag) => Ok(tag),
            other => Err(wrong_kind(store, name, "tag", other)),
        }
    }

    fn export_or_error(&self, store: &mut impl AsStoreMut, name: &str) -> Result<Extern, Error> {
        let export = self.get_export(store, name);
        export.ok_or_else(|| UsageError::NoExport { name: name.into() }.into())
    }
}

fn wrong_kind(store: &impl AsStore, name: &str, expected: &'static str, found: Extern) -> Error {
    UsageError::WrongKind {
        name: name.into(),
        expected,
        found: found.ty(store),
    }
    .into()
}

impl Extern {
    /// Its type; that of a memory or table has the present size as minimum.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let item = instance.get_export(&mut store, "counter").unwrap();
    /// assert_eq!(item.ty(&store).to_string(), "(global (mut i64))");
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> ExternType {
        match self {
            Self::Func(func) => ExternType::Func(func.ty(store)),
            Self::Table(table) => ExternType::Table(table.ty(store)),
            Self::Memory(memory) => ExternType::Memory(memory.ty(store)),
            Self::Global(global) => ExternType::Global(global.ty(store)),
            Self::Tag(tag) => ExternType::Tag(tag.ty(store)),
        }
    }

    /// The function, if it is one.
    ///
    /// ```
    /// # use precast_loader::Extern;
    /// # let (mut store, instance) = example::instance();
    /// let func = instance.get_export(&mut store, "twice").and_then(Extern::func);
    /// assert!(func.is_some());
    /// ```
    pub fn func(self) -> Option<Func> {
        match self {
            Self::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The table, if it is one.
    ///
    /// ```
    /// # use precast_loader::Extern;
    /// # let (mut store, instance) = example::instance();
    /// let table = instance.get_export(&mut store, "__indirect_function_table").and_then(Extern::table);
    /// assert!(table.is_some());
    /// ```
    pub fn table(self) -> Option<Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The memory, if it is one.
    ///
    /// ```
    /// # use precast_loader::Extern;
    /// # let (mut store, instance) = example::instance();
    /// let memory = instance.get_export(&mut store, "memory").and_then(Extern::memory);
    /// assert!(memory.is_some());
    /// ```
    pub fn memory(self) -> Option<Memory> {
        match self {
            Self::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The global, if it is one.
    ///
    /// ```
    /// # use precast_loader::Extern;
    /// # let (mut store, instance) = example::instance();
    /// let global = instance.get_export(&mut store, "counter").and_then(Extern::global);
    /// assert!(global.is_some());
    /// ```
    pub fn global(self) -> Option<Global> {
        match self {
            Self::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The tag, if it is one.
    ///
    /// ```
    /// # use precast_loader::{Extern, FuncType, Tag};
    /// # let (mut store, _) = example::instance();
    /// let tag = Tag::new(&mut store, FuncType::new([], []))?;
    /// assert_eq!(Extern::from(tag).tag(), Some(tag));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn tag(self) -> Option<Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    pub(crate) fn store(self) -> StoreId {
        match self {
            Self::Func(Func { store, .. })
            | Self::Table(Table { store, .. })
            | Self::Memory(Memory { store, .. })
            | Self::Global(Global { store, .. })
            | Self::Tag(Tag { store, .. }) => store,
        }
    }
}

macro_rules! from {
    ($($variant:ident)*) => {
        $(impl From<$variant> for Extern {
            fn from(item: $variant) -> Self {
                Self::$variant(item)
            }
        })*
    };
}

from!(Func Table Memory Global Tag);
