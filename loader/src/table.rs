//! Tables, as the host sees them.

use precast_artifacts_format::abi::{Slot, VmTable};
use precast_artifacts_format::{TableType, ValType};

use crate::bounds;
use crate::error::{Error, UsageError};
use crate::func::Func;
use crate::store::core::StoreCore;
use crate::store::{AsStore, AsStoreMut, StoreId};
use crate::val::Val;
use crate::vm::place::Place;
use crate::vm::table::TableElements;

/// A table of a store.
///
/// ```
/// use precast_loader::{Engine, Func, Store, Table, TableType, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = TableType::new(ValType::FUNCREF, 1, None);
/// let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
/// let func = Func::wrap(&mut store, || 1i32)?;
/// table.set(&mut store, 0, func.into())?;
/// assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(Some(func))));
/// assert_eq!(table.get(&mut store, 1), None);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// All methods panic if the table, or a value for it, belongs to another store than the one they
/// are given.
impl Table {
    /// A new table of the host's whose elements are all `init`, to be imported by modules.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than allowed, [`UsageError::WrongType`] if `init` does not
    /// fit.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store, Table, TableType, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = TableType::new(ValType::EXTERNREF, 8, Some(8));
    /// let table = Table::new(&mut store, ty, Val::ExternRef(None))?;
    /// assert!(Table::new(&mut store, ty, Val::FuncRef(None)).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(store: &mut impl AsStoreMut, ty: TableType, init: Val) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let element = to_element(core, ty.element, init)?;
        let index = core.add_table(|core| {
            let definition = Place::new(VmTable::default());
            let (pool, most) = (core.memory_source.pool(), core.limits.table_elements);
            let mut table = TableElements::new(pool, definition, ty, most)?;
            if element != 0 {
                table.elements_mut().fill(element);
            }
            Ok(table)
        })?;
        Ok(Self {
            store: core.id,
            index,
        })
    }

    /// Its type, with the present size as minimum.
    ///
    /// ```
    /// # use precast_loader::{AsStore, Table, ValType};
    /// fn holds_functions(store: &impl AsStore, table: Table) -> bool {
    ///     table.ty(store).element == ValType::FUNCREF
    /// }
    /// ```
    pub fn ty(&self, store: &impl AsStore) -> TableType {
        self.of(store.as_store().core()).ty()
    }

    /// Its size in elements.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Table, Val};
    /// fn elements(store: &mut impl AsStoreMut, table: Table) -> Vec<Val> {
    ///     let indices = 0..table.size(store);
    ///     indices.filter_map(|index| table.get(store, index)).collect()
    /// }
    /// ```
    pub fn size(&self, store: &impl AsStore) -> u64 {
        self.of(store.as_store().core()).len()
    }

    /// The element at `index`; `None` beyond the end.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Table, Val};
    /// fn is_null(store: &mut impl AsStoreMut, table: Table, index: u64) -> bool {
    ///     matches!(table.get(store, index), Some(Val::FuncRef(None) | Val::ExternRef(None)))
    /// }
    /// ```
    pub fn get(&self, store: &mut impl AsStoreMut, index: u64) -> Option<Val> {
        let (core, _) = store.as_store_mut().parts();
        let table = self.of(core);
        let element = *table.elements().get(usize::try_from(index).ok()?)?;
        let slot = Slot(u128::from(element).to_le_bytes());
        Some(Val::from_slot(table.ty().element, &slot, core))
    }

    /// The function at `index`, as `call_indirect` finds it. With [`Func::typed`] its type is
    /// compared, too.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::NullElement`], and [`UsageError::WrongType`] if
    /// the table does not hold functions.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Table};
    /// /// Calls back a C program that has passed the address of a function.
    /// fn call_back(store: &mut impl AsStoreMut, table: Table, pointer: u32) -> Result<i32, Error> {
    ///     let func = table.func(store, pointer.into())?;
    ///     func.typed::<i32, i32>(store)?.call(store, 7)
    /// }
    /// ```
    pub fn func(&self, store: &mut impl AsStoreMut, index: u64) -> Result<Func, Error> {
        let size = self.size(store);
        match self.get(store, index) {
            Some(Val::FuncRef(Some(func))) => Ok(func),
            Some(Val::FuncRef(None)) => Err(UsageError::NullElement { index }.into()),
            Some(other) => Err(UsageError::WrongType {
                expected: ValType::FUNCREF,
                found: other.ty(),
            }
            .into()),
            None => Err(UsageError::OutOfBounds {
                offset: index,
                len: 1,
                size,
            }
            .into()),
        }
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::WrongType`].
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Table, Val};
    /// fn forget(store: &mut impl AsStoreMut, table: Table, index: u64) -> Result<(), Error> {
    ///     table.set(store, index, Val::default_of(table.ty(store).element))
    /// }
    /// ```
    pub fn set(&self, store: &mut impl AsStoreMut, index: u64, value: Val) -> Result<(), Error> {
        self.fill(store, index, 1, value)
    }

    /// Sets `len` elements from `index` on to `value`, as the instruction `table.fill` does.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::WrongType`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{Engine, Func, Store, Table, TableType, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let ty = TableType::new(ValType::FUNCREF, 8, None);
    /// # let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
    /// let nothing = Func::wrap(&mut store, || ())?;
    /// table.fill(&mut store, 0, 8, nothing.into())?;
    /// assert_eq!(table.func(&mut store, 7)?, nothing);
    /// assert!(table.fill(&mut store, 7, 2, nothing.into()).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn fill(
        &self,
        store: &mut impl AsStoreMut,
        index: u64,
        len: u64,
        value: Val,
    ) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        let element = to_element(core, self.of(core).ty().element, value)?;
        let elements = self.of_mut(core).elements_mut();
        let range = bounds::range(index, len, elements.len())?;
        elements[range].fill(element);
        Ok(())
    }

    /// Copies `len` elements from `from` on to `to`. The two may overlap.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Table};
    /// /// Makes the element at `index` the last one to move up.
    /// fn remove(store: &mut impl AsStoreMut, table: Table, index: u64) -> Result<(), Error> {
    ///     let behind = table.size(store).saturating_sub(index + 1);
    ///     table.copy_within(store, index + 1, index, behind)
    /// }
    /// ```
    pub fn copy_within(
        &self,
        store: &mut impl AsStoreMut,
        from: u64,
        to: u64,
        len: u64,
    ) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        let elements = self.of_mut(core).elements_mut();
        bounds::copy_within(elements, from, to, len).map_err(Error::from)
    }

    /// Copies `len` elements from `from` on of another table, or of this one, to `to`, as the
    /// instruction `table.copy` does.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`]; [`UsageError::WrongType`] if the two hold elements of
    /// different types. Nothing is written then.
    ///
    /// # Panics
    ///
    /// If either table belongs to another store.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Table};
    /// fn append(store: &mut impl AsStoreMut, place: Table, source: Table) -> Result<(), Error> {
    ///     let len = source.size(store);
    ///     let null = precast_loader::Val::default_of(place.ty(store).element);
    ///     let before = place.grow(store, len, null)?;
    ///     place.copy_from(store, before, source, 0, len)
    /// }
    /// ```
    pub fn copy_from(
        &self,
        store: &mut impl AsStoreMut,
        to: u64,
        source: Self,
        from: u64,
        len: u64,
    ) -> Result<(), Error> {
        if source == *self {
            return self.copy_within(store, from, to, len);
        }
        let (core, _) = store.as_store_mut().parts();
        let expected = self.of(core).ty().element;
        let found = source.of(core).ty().element;
        if found != expected {
            return Err(UsageError::WrongType { expected, found }.into());
        }
        let numbers = [self.index as usize, source.index as usize];
        let [place, source] = core
            .tables
            .get_disjoint_mut(numbers)
            .expect("two tables of this store");
        bounds::copy_between(place.elements_mut(), to, source.elements(), from, len)?;
        Ok(())
    }

    /// Grows by `delta` elements that are all `init`; gives the size before.
    ///
    /// # Errors
    ///
    /// [`UsageError::CannotGrow`] if that is more than the table's type or the configuration
    /// allows, [`UsageError::WrongType`] if `init` does not fit.
    ///
    /// ```
    /// # use precast_loader::{AsStoreMut, Error, Func, Table};
    /// /// Gives a C program the address of a function.
    /// fn address(store: &mut impl AsStoreMut, table: Table, func: Func) -> Result<u64, Error> {
    ///     table.grow(store, 1, func.into())
    /// }
    /// ```
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64, init: Val) -> Result<u64, Error> {
        let (core, _) = store.as_store_mut().parts();
        let element = to_element(core, self.of(core).ty().element, init)?;
        let before = core.grow_table(self.index as usize, delta, element);
        before.ok_or_else(|| UsageError::CannotGrow.into())
    }

    fn of(self, core: &StoreCore) -> &TableElements {
        core.check_owner(self.store);
        &core.tables[self.index as usize]
    }

    fn of_mut(self, core: &mut StoreCore) -> &mut TableElements {
        core.check_owner(self.store);
        &mut core.tables[self.index as usize]
    }
}

/// The value as an element.
fn to_element(core: &mut StoreCore, expected: ValType, value: Val) -> Result<u64, UsageError> {
    let found = value.ty();
    if !expected.is_ref() || !value.is_of(expected, core) {
        return Err(UsageError::WrongType { expected, found });
    }
    Ok(u128::from_le_bytes(value.to_slot(core).0) as u64)
}
