//! Stand-ins for imports that nobody defines.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use precast_artifacts_format::FuncType;

use super::{Definition, Linker};
use crate::error::{Error, MissingImport};
use crate::extern_type::ExternType;
use crate::global::Global;
use crate::host_func::HostFuncDef;
use crate::instance::Extern;
use crate::memory::Memory;
use crate::module::Module;
use crate::store::AsStoreMut;
use crate::table::Table;
use crate::tag::Tag;
use crate::val::Val;

impl<T> Linker<T> {
    /// Defines each function that `module` imports and that is not defined yet as one that ends
    /// the guest with the host error [`MissingImport`] when it is called. So a module can be run
    /// that imports more than it uses. Other imports are left as they are: they are missing when
    /// the module is instantiated.
    ///
    /// The definitions stay, and count like any other: a [resolver](Linker::resolver) is not asked
    /// for them, and other modules find them.
    ///
    /// # Errors
    ///
    /// [`LinkError::OtherEngine`]; [`Error::Limit`] if the engine knows too many function types.
    /// Nothing is defined then.
    ///
    /// [`LinkError::OtherEngine`]: crate::LinkError::OtherEngine
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, MissingImport, Store};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_traps(&module)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let run = instance.typed_func::<(i32, i32), i32>(&mut store, "run")?;
    /// let error = run.call(&mut store, (40, 2)).unwrap_err();
    /// let missing = error.downcast_ref::<MissingImport>();
    /// assert_eq!(missing.map(|import| import.name.as_str()), Some("add"));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<&mut Self, Error> {
        self.define_unknown_imports(module, |linker, import| {
            let ExternType::Func(ty) = &import.ty else {
                return Ok(None);
            };
            let missing = import.clone();
            let end = move || Err(Error::host(missing.clone()));
            linker.stub(ty, end).map(Some)
        })
    }

    /// Defines everything that `module` imports and that is not defined yet as something empty: a
    /// function that does nothing and gives zeros and nulls; a global that is zero or null; a
    /// memory of zeros or a table of nulls, as small as it may be; a tag that nobody else has.
    ///
    /// Globals, memories, tables and tags are made in `store`; if there are any, modules can then be
    /// instantiated in that store only. The definitions stay, and count like any other: a
    /// [resolver](Linker::resolver) is not asked for them, and other modules find them.
    ///
    /// # Errors
    ///
    /// [`LinkError::OtherEngine`]; [`Error::Limit`], [`Error::Io`] if there is no room. Nothing is
    /// defined then.
    ///
    /// [`LinkError::OtherEngine`]: crate::LinkError::OtherEngine
    ///
    /// ```
    /// # use precast_loader::{Engine, Linker, Store};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// let mut store = Store::new(&engine, ());
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_default_values(&mut store, &module)?;
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let run = instance.typed_func::<(i32, i32), i32>(&mut store, "run")?;
    /// assert_eq!(run.call(&mut store, (40, 2))?, 0);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &Module,
    ) -> Result<&mut Self, Error> {
        self.define_unknown_imports(module, |linker, import| {
            let item: Extern = match &import.ty {
                ExternType::Func(ty) => return linker.stub(ty, || Ok(())).map(Some),
                &ExternType::Table(ty) => {
                    Table::new(store, ty, Val::default_of(ty.element))?.into()
                }
                &ExternType::Memory(ty) => Memory::new(store, ty)?.into(),
                &ExternType::Global(ty) => {
                    Global::new(store, ty, Val::default_of(ty.content))?.into()
                }
                ExternType::Tag(ty) => Tag::new(store, ty.clone())?.into(),
            };
            Ok(Some(Definition::Extern(item)))
        })
    }

    /// Defines what `stand_in` makes for each import of `module` that is not defined; nothing if
    /// it fails for one.
    fn define_unknown_imports(
        &mut self,
        module: &Module,
        mut stand_in: impl FnMut(&Self, &MissingImport) -> Result<Option<Definition>, Error>,
    ) -> Result<&mut Self, Error> {
        let (_, missing) = self.find_imports(module)?;
        let mut made = BTreeMap::new();
        for import in missing {
            // A name that is wanted twice is defined once.
            if let Entry::Vacant(place) = made.entry((import.module.clone(), import.name.clone()))
                && let Some(definition) = stand_in(self, &import)?
            {
                place.insert(definition);
            }
        }
        for ((module, name), definition) in made {
            self.insert(&module, &name, definition)?;
        }
        Ok(self)
    }

    /// A function whose results are zeros and nulls unless `end` fails.
    fn stub(
        &self,
        ty: &FuncType,
        end: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<Definition, Error> {
        let stub = HostFuncDef::dynamic::<T, _>(&self.engine, ty.clone(), move |_, _, _| end())?;
        Ok(Definition::Host(stub))
    }
}
