//! The block of memory that an instance's code finds everything in.

use std::alloc::Layout;
use std::sync::Arc;

use precast_artifacts_format::abi::{
    INSTANCE_MAGIC, VMCTX_ALIGN, VmFunc, VmFuncRef, VmGlobal, VmMemory, VmTable, VmctxHeader,
    VmctxLayout,
};

use super::place::{Block, Place, Plain};
use crate::error::LimitError;
use crate::pool::Pool;

/// A vmctx. Its address does not change.
///
/// Offsets come from [`VmctxLayout`], whose methods panic for an index that the block does not
/// have.
#[derive(Debug)]
pub(crate) struct Vmctx {
    block: Arc<Block>,
    layout: VmctxLayout,
}

impl Vmctx {
    /// A vmctx of zeros, from the pool if there is one.
    pub(crate) fn new(pool: Option<&Pool>, layout: &VmctxLayout) -> Result<Self, LimitError> {
        let out_of_memory = || LimitError::OutOfMemory {
            what: "an instance",
        };
        let bytes = layout.size() as usize;
        let allocation =
            Layout::from_size_align(bytes, VMCTX_ALIGN).map_err(|_| out_of_memory())?;
        let block = match pool {
            Some(pool) => Block::pooled(pool.take_vmctx(bytes)?, allocation),
            None => Block::new(allocation).ok_or_else(out_of_memory)?,
        };
        Ok(Self {
            block,
            layout: *layout,
        })
    }

    /// Its address, for generated code.
    pub(crate) fn address(&self) -> u64 {
        self.block.address()
    }

    /// Writes the header. `instance` is the number of the instance in its store.
    pub(crate) fn set_header(&mut self, store_context: u64, instance: u32) {
        let header = VmctxHeader {
            magic: INSTANCE_MAGIC,
            reserved: 0,
            store_context,
            host: u64::from(instance),
        };
        self.set(0, header);
    }

    /// Writes the engine-wide ids of the module's types.
    pub(crate) fn set_type_ids(&mut self, ids: &[u32]) {
        for (index, &id) in (0..).zip(ids) {
            self.set(self.layout.type_id(index), id);
        }
    }

    /// The imported function at `index`.
    pub(crate) fn imported_func(&self, index: u32) -> VmFunc {
        self.place(self.layout.imported_func(index)).read()
    }

    /// Sets the imported function at `index`.
    pub(crate) fn set_imported_func(&mut self, index: u32, func: VmFunc) {
        self.set(self.layout.imported_func(index), func);
    }

    /// Sets the imported memory at `index` to the address of a definition.
    pub(crate) fn set_imported_memory(&mut self, index: u32, definition: u64) {
        self.set(self.layout.imported_memory(index), definition);
    }

    /// Sets the defined memory at `index`, which is shared.
    pub(crate) fn set_shared_memory(&mut self, index: u32, definition: u64) {
        self.set(self.layout.memory(index), definition);
    }

    /// Sets the imported table at `index`.
    pub(crate) fn set_imported_table(&mut self, index: u32, table: &Place<VmTable>) {
        self.set(self.layout.imported_table(index), table.address());
    }

    /// Sets the imported global at `index`.
    pub(crate) fn set_imported_global(&mut self, index: u32, global: &Place<VmGlobal>) {
        self.set(self.layout.imported_global(index), global.address());
    }

    /// Where the defined memory at `index` is, which is not shared.
    pub(crate) fn memory(&self, index: u32) -> Place<VmMemory> {
        self.place(self.layout.memory(index))
    }

    /// Where the defined table at `index` is, constant ones not counted.
    pub(crate) fn table(&self, index: u32) -> Place<VmTable> {
        self.place(self.layout.table(index))
    }

    /// Where the defined global at `index` is.
    pub(crate) fn global(&self, index: u32) -> Place<VmGlobal> {
        self.place(self.layout.global(index))
    }

    /// The address of the funcref at `index`.
    pub(crate) fn funcref_address(&self, index: u32) -> u64 {
        self.address() + u64::from(self.layout.funcref(index))
    }

    /// Sets the funcref at `index`.
    pub(crate) fn set_funcref(&mut self, index: u32, funcref: VmFuncRef) {
        self.set(self.layout.funcref(index), funcref);
    }

    fn set<T: Plain>(&mut self, offset: u32, value: T) {
        self.place(offset).write(value);
    }

    fn place<T: Plain>(&self, offset: u32) -> Place<T> {
        self.block.place(offset as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_artifacts_format::abi::VmctxCounts;

    #[test]
    fn what_is_set_is_read_back_and_the_rest_is_zero() {
        let counts = VmctxCounts {
            types: 2,
            imported_funcs: 2,
            imported_globals: 1,
            memories: 1,
            globals: 1,
            funcrefs: 1,
            ..VmctxCounts::default()
        };
        let layout = VmctxLayout::new(&counts).unwrap();
        let mut vmctx = Vmctx::new(None, &layout).unwrap();
        assert_eq!(vmctx.address() % VMCTX_ALIGN as u64, 0);
        let func = VmFunc { code: 1, vmctx: 2 };
        vmctx.set_header(3, 4);
        vmctx.set_type_ids(&[5, 6]);
        vmctx.set_imported_func(1, func);
        let global = vmctx.global(0);
        vmctx.set_imported_global(0, &global);
        assert_eq!(vmctx.imported_func(0), VmFunc::default());
        assert_eq!(vmctx.imported_func(1), func);
        let imported = vmctx.place::<u64>(layout.imported_global(0)).read();
        assert_eq!(imported, global.address());
        let memory = vmctx.memory(0).read();
        assert_eq!((memory.base, memory.length_bytes), (0, 0));
        assert_eq!(vmctx.place::<u32>(0).read(), INSTANCE_MAGIC);
        assert_eq!(vmctx.place::<u64>(8).read(), 3);
        assert_eq!(vmctx.place::<u64>(16).read(), 4);
        assert_eq!(vmctx.place::<u32>(28).read(), 6);
    }

    #[test]
    #[should_panic = "vmctx item out of range"]
    fn an_item_that_is_not_there_cannot_be_reached() {
        let layout = VmctxLayout::new(&VmctxCounts::default()).unwrap();
        Vmctx::new(None, &layout).unwrap().imported_func(0);
    }
}
