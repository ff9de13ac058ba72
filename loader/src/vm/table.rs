//! Tables that may change.
#![allow(
    unsafe_code,
    reason = "elements are allocated where generated code finds them"
)]

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use precast_artifacts_format::TableType;
use precast_artifacts_format::abi::VmTable;

use crate::error::{Error, LimitError};
use crate::pool::Pool;
use crate::pool::blocks::Block;
use crate::vm::place::Place;

/// A table and its elements: addresses of funcrefs or handles of host references, 0 for null.
#[derive(Debug)]
pub(crate) struct TableElements {
    /// Where generated code finds base and length.
    definition: Place<VmTable>,
    elements: NonNull<u64>,
    /// How many are allocated; none, if they are a pool's.
    capacity: usize,
    /// What the elements are in, if it is a pool's.
    pooled: Option<Block>,
    ty: TableType,
    maximum: u64,
}

// SAFETY: the elements belong to the store that the table is kept in.
unsafe impl Send for TableElements {}
// SAFETY: `&TableElements` only reads.
unsafe impl Sync for TableElements {}

impl TableElements {
    /// Sets up a table of nulls and tells generated code about it.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if it is larger than `max_elements` or than memory is left for, or if the
    /// pool that it should come from has no room for it.
    pub(crate) fn new(
        pool: Option<&Pool>,
        definition: Place<VmTable>,
        ty: TableType,
        max_elements: u64,
    ) -> Result<Self, Error> {
        if ty.minimum > max_elements {
            return Err(LimitError::Table {
                wanted: ty.minimum,
                allowed: max_elements,
            }
            .into());
        }
        let mut table = Self {
            definition,
            elements: NonNull::dangling(),
            capacity: 0,
            pooled: None,
            ty,
            maximum: ty.maximum.unwrap_or(u64::MAX).min(max_elements),
        };
        if let Some(pool) = pool {
            let block = pool.take_table(ty.minimum)?;
            table.elements = block.start().cast();
            table.pooled = Some(block);
            table.maximum = table.maximum.min(pool.max_table_elements());
        } else {
            table
                .reallocate(ty.minimum)
                .ok_or(LimitError::OutOfMemory { what: "a table" })?;
        }
        table.publish(ty.minimum);
        Ok(table)
    }

    /// Where generated code finds base and length.
    pub(crate) fn definition(&self) -> &Place<VmTable> {
        &self.definition
    }

    /// Its length in elements.
    pub(crate) fn len(&self) -> u64 {
        self.definition.read().length
    }

    /// Its type as others see it: with the present length as minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType {
            minimum: self.len(),
            ..self.ty
        }
    }

    /// The elements.
    pub(crate) fn elements(&self) -> &[u64] {
        // SAFETY: so many elements are allocated and initialised. Nobody writes while `self` is
        // borrowed: no guest code runs meanwhile.
        unsafe { std::slice::from_raw_parts(self.elements.as_ptr(), self.len() as usize) }
    }

    /// The elements, to be changed.
    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        // SAFETY: as for `elements`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.elements.as_ptr(), self.len() as usize) }
    }

    /// Grows by `delta` elements that are all `element`. The length before, or `None` if that is
    /// more than allowed or there is no memory.
    pub(crate) fn grow(&mut self, delta: u64, element: u64) -> Option<u64> {
        let before = self.len();
        let after = before.checked_add(delta)?;
        if after > self.maximum {
            return None;
        }
        if let Some(block) = &mut self.pooled {
            let bytes = usize::try_from(after).ok()?.checked_mul(size_of::<u64>())?;
            if !block.widen(bytes) {
                return None;
            }
        } else if after > self.capacity as u64 {
            let wanted = (self.capacity as u64).saturating_mul(2).min(self.maximum);
            self.reallocate(after.max(wanted))?;
        }
        self.publish(after);
        if let Some(new) = self.elements_mut().get_mut(before as usize..) {
            new.fill(element);
        }
        Some(before)
    }

    /// Makes room for `capacity` elements, more than before; new ones are zero.
    fn reallocate(&mut self, capacity: u64) -> Option<()> {
        let capacity = usize::try_from(capacity).ok()?;
        if capacity == 0 {
            return Some(());
        }
        let layout = Layout::array::<u64>(capacity).ok()?;
        // SAFETY: the size is not zero.
        let new = NonNull::new(unsafe { alloc::alloc_zeroed(layout) })?.cast::<u64>();
        let kept = self.capacity.min(capacity);
        // SAFETY: both are allocated for at least so many elements, and are different.
        unsafe { new.copy_from_nonoverlapping(self.elements, kept) };
        self.free();
        self.elements = new;
        self.capacity = capacity;
        Some(())
    }

    /// Tells generated code.
    fn publish(&mut self, length: u64) {
        let table = VmTable {
            base: self.elements.as_ptr().expose_provenance() as u64,
            length,
        };
        self.definition.write(table);
    }

    fn free(&mut self) {
        if self.capacity > 0
            && let Ok(layout) = Layout::array::<u64>(self.capacity)
        {
            // SAFETY: allocated with just this layout.
            unsafe { alloc::dealloc(self.elements.as_ptr().cast(), layout) };
        }
    }
}

impl Drop for TableElements {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_artifacts_format::ValType;

    fn table(minimum: u64, maximum: Option<u64>) -> Result<TableElements, Error> {
        let definition = Place::new(VmTable::default());
        let ty = TableType::new(ValType::FUNCREF, minimum, maximum);
        TableElements::new(None, definition, ty, 1_000)
    }

    #[test]
    fn a_table_keeps_its_elements_when_it_grows() {
        let mut table = table(2, None).unwrap();
        table.elements_mut()[1] = 5;
        for before in 2..100 {
            assert_eq!(table.grow(1, before), Some(before));
        }
        let expected: Vec<u64> = [0, 5].into_iter().chain(2..100).collect();
        assert_eq!(table.elements(), expected);
        let definition = table.definition().read();
        assert_eq!(definition.length, 100);
        assert_eq!(definition.base, table.elements().as_ptr() as u64);
    }

    #[test]
    fn a_table_does_not_grow_beyond_its_maximum_or_the_limit() {
        let mut limited = table(1, Some(3)).unwrap();
        assert_eq!(limited.grow(3, 0), None);
        assert_eq!(limited.grow(2, 7), Some(1));
        assert_eq!(limited.elements(), [0, 7, 7]);
        assert_eq!(table(0, None).unwrap().grow(1_001, 0), None);
        assert_eq!(table(0, None).unwrap().grow(0, 0), Some(0));
        assert!(table(1_001, None).is_err());
    }
}
