//! Tables, as the host sees them.

use precast_artifacts_format::abi::{Slot, VmTable};
use precast_artifacts_format::{TableType, ValType};

use crate::error::{Error, UsageError};
use crate::store::core::{StoreCore, push};
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
/// let ty = TableType { element: ValType::FuncRef, minimum: 1, maximum: None };
/// let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
/// let func = Func::wrap(&mut store, || 1i32)?;
/// table.set(&mut store, 0, func.into())?;
/// assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(Some(func))));
/// assert_eq!(table.get(&mut store, 1), None);
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub fn new(store: &mut impl AsStoreMut, ty: TableType, init: Val) -> Result<Self, Error> {
        let mut store = store.as_store_mut();
        let core = store.core_mut();
        let element = to_element(core, ty.element, init)?;
        let definition = Place::new(VmTable::default());
        let mut table = TableElements::new(
            core.memory_source.pool(),
            definition,
            ty,
            core.limits.table_elements,
        )?;
        if element != 0 {
            table.elements_mut().fill(element);
        }
        Ok(Self {
            store: core.id,
            index: push(&mut core.tables, table),
        })
    }

    /// Its type, with the present size as minimum.
    pub fn ty(&self, store: &impl AsStore) -> TableType {
        self.of(store.as_store().core()).ty()
    }

    /// Its size in elements.
    pub fn size(&self, store: &impl AsStore) -> u64 {
        self.of(store.as_store().core()).len()
    }

    /// The element at `index`; `None` beyond the end.
    pub fn get(&self, store: &mut impl AsStoreMut, index: u64) -> Option<Val> {
        let (core, _) = store.as_store_mut().parts();
        let table = self.of(core);
        let element = *table.elements().get(usize::try_from(index).ok()?)?;
        let slot = Slot(u128::from(element).to_le_bytes());
        Some(Val::from_slot(table.ty().element, &slot, core))
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// [`UsageError::OutOfBounds`], [`UsageError::WrongType`].
    pub fn set(&self, store: &mut impl AsStoreMut, index: u64, value: Val) -> Result<(), Error> {
        let (core, _) = store.as_store_mut().parts();
        let element = to_element(core, self.of(core).ty().element, value)?;
        let place = usize::try_from(index)
            .ok()
            .and_then(|index| self.of_mut(core).elements_mut().get_mut(index));
        *place.ok_or(UsageError::OutOfBounds)? = element;
        Ok(())
    }

    /// Grows by `delta` elements that are all `init`; gives the size before.
    ///
    /// # Errors
    ///
    /// [`UsageError::CannotGrow`] if that is more than the table's type or the configuration
    /// allows, [`UsageError::WrongType`] if `init` does not fit.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64, init: Val) -> Result<u64, Error> {
        let (core, _) = store.as_store_mut().parts();
        let element = to_element(core, self.of(core).ty().element, init)?;
        let before = self.of_mut(core).grow(delta, element);
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
    if found != expected || !found.is_ref() {
        return Err(UsageError::WrongType { expected, found });
    }
    Ok(u128::from_le_bytes(value.to_slot(core).0) as u64)
}
