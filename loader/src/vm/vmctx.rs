//! The block of memory that an instance's code finds everything in.
#![allow(unsafe_code, reason = "a block that is laid out by hand")]

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use precast_artifacts_format::abi::{
    INSTANCE_MAGIC, VMCTX_ALIGN, VmFunc, VmFuncRef, VmGlobal, VmMemory, VmTable, VmctxHeader,
    VmctxLayout,
};

/// A vmctx. Its address does not change.
///
/// Offsets come from [`VmctxLayout`], whose methods panic for an index that the block does not
/// have; every access below relies on that.
#[derive(Debug)]
pub(crate) struct Vmctx {
    start: NonNull<u8>,
    layout: VmctxLayout,
}

// SAFETY: the block is owned; see `Pinned`.
unsafe impl Send for Vmctx {}
// SAFETY: `&Vmctx` gives copies and addresses only.
unsafe impl Sync for Vmctx {}

impl Vmctx {
    /// A block of zeros, or `None` if there is no memory for it.
    pub(crate) fn new(layout: &VmctxLayout) -> Option<Self> {
        // SAFETY: the size is not zero, since every block has a header.
        let start = unsafe { alloc::alloc_zeroed(allocation(layout)?) };
        Some(Self {
            start: NonNull::new(start)?,
            layout: *layout,
        })
    }

    /// Its address, for generated code.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// Writes the header. `instance` is the number of the instance in its store.
    pub(crate) fn set_header(&mut self, store_context: u64, instance: u32) {
        let header = VmctxHeader {
            magic: INSTANCE_MAGIC,
            reserved: 0,
            store_context,
            host: u64::from(instance),
        };
        // SAFETY: the block starts with its header.
        unsafe { self.at::<VmctxHeader>(0).write(header) };
    }

    /// Writes the engine-wide ids of the module's types.
    pub(crate) fn set_type_ids(&mut self, ids: &[u32]) {
        if ids.is_empty() {
            return;
        }
        assert_eq!(ids.len(), self.layout.counts().types as usize);
        // SAFETY: the block has room for just so many ids from there on.
        unsafe {
            let start = self.at::<u32>(self.layout.type_id(0));
            start.copy_from_nonoverlapping(NonNull::from(ids).cast(), ids.len());
        }
    }

    /// The imported function at `index`.
    pub(crate) fn imported_func(&self, index: u32) -> VmFunc {
        // SAFETY: the offset is that of such an item.
        unsafe { self.at::<VmFunc>(self.layout.imported_func(index)).read() }
    }

    /// Sets the imported function at `index`.
    pub(crate) fn set_imported_func(&mut self, index: u32, func: VmFunc) {
        let at = self.at::<VmFunc>(self.layout.imported_func(index));
        // SAFETY: the offset is that of such an item.
        unsafe { at.write(func) }
    }

    /// Sets the imported memory at `index`.
    pub(crate) fn set_imported_memory(&mut self, index: u32, memory: NonNull<VmMemory>) {
        let at = self.at::<u64>(self.layout.imported_memory(index));
        // SAFETY: the offset is that of such an item.
        unsafe { at.write(memory.as_ptr().expose_provenance() as u64) }
    }

    /// Sets the imported table at `index`.
    pub(crate) fn set_imported_table(&mut self, index: u32, table: NonNull<VmTable>) {
        let at = self.at::<u64>(self.layout.imported_table(index));
        // SAFETY: the offset is that of such an item.
        unsafe { at.write(table.as_ptr().expose_provenance() as u64) }
    }

    /// Sets the imported global at `index`.
    pub(crate) fn set_imported_global(&mut self, index: u32, global: NonNull<VmGlobal>) {
        let at = self.at::<u64>(self.layout.imported_global(index));
        // SAFETY: the offset is that of such an item.
        unsafe { at.write(global.as_ptr().expose_provenance() as u64) }
    }

    /// Where the imported global at `index` is. It has been set before.
    pub(crate) fn imported_global(&self, index: u32) -> NonNull<VmGlobal> {
        let at = self.at::<u64>(self.layout.imported_global(index));
        // SAFETY: the offset is that of such an item.
        let address = unsafe { at.read() };
        let global = std::ptr::with_exposed_provenance_mut(address as usize);
        NonNull::new(global).expect("imports are set before they are read")
    }

    /// Where the defined memory at `index` is.
    pub(crate) fn memory(&self, index: u32) -> NonNull<VmMemory> {
        self.at(self.layout.memory(index))
    }

    /// Where the defined table at `index` is, constant ones not counted.
    pub(crate) fn table(&self, index: u32) -> NonNull<VmTable> {
        self.at(self.layout.table(index))
    }

    /// Where the defined global at `index` is.
    pub(crate) fn global(&self, index: u32) -> NonNull<VmGlobal> {
        self.at(self.layout.global(index))
    }

    /// The address of the funcref at `index`.
    pub(crate) fn funcref_address(&self, index: u32) -> u64 {
        let at = self.at::<VmFuncRef>(self.layout.funcref(index));
        at.as_ptr().expose_provenance() as u64
    }

    /// Sets the funcref at `index`.
    pub(crate) fn set_funcref(&mut self, index: u32, funcref: VmFuncRef) {
        let at = self.at::<VmFuncRef>(self.layout.funcref(index));
        // SAFETY: the offset is that of such an item.
        unsafe { at.write(funcref) }
    }

    /// A pointer into the block. `offset` comes from the layout and is that of a `T`.
    fn at<T>(&self, offset: u32) -> NonNull<T> {
        debug_assert!(offset as usize + size_of::<T>() <= self.layout.size() as usize);
        // SAFETY: the layout's offsets lie within the block.
        unsafe { self.start.add(offset as usize) }.cast()
    }
}

impl Drop for Vmctx {
    fn drop(&mut self) {
        if let Some(layout) = allocation(&self.layout) {
            // SAFETY: allocated with just this layout.
            unsafe { alloc::dealloc(self.start.as_ptr(), layout) };
        }
    }
}

fn allocation(layout: &VmctxLayout) -> Option<Layout> {
    Layout::from_size_align(layout.size() as usize, VMCTX_ALIGN).ok()
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
        let mut vmctx = Vmctx::new(&VmctxLayout::new(&counts).unwrap()).unwrap();
        assert_eq!(vmctx.address() % VMCTX_ALIGN as u64, 0);
        let func = VmFunc { code: 1, vmctx: 2 };
        vmctx.set_header(3, 4);
        vmctx.set_type_ids(&[5, 6]);
        vmctx.set_imported_func(1, func);
        vmctx.set_imported_global(0, vmctx.global(0));
        assert_eq!(vmctx.imported_func(0), VmFunc::default());
        assert_eq!(vmctx.imported_func(1), func);
        assert_eq!(vmctx.imported_global(0), vmctx.global(0));
        // SAFETY: the block holds a memory there, all zeros.
        let memory = unsafe { vmctx.memory(0).read() };
        assert_eq!((memory.base, memory.length_bytes), (0, 0));
    }

    #[test]
    #[should_panic = "vmctx item out of range"]
    fn an_item_that_is_not_there_cannot_be_reached() {
        let layout = VmctxLayout::new(&VmctxCounts::default()).unwrap();
        Vmctx::new(&layout).unwrap().imported_func(0);
    }
}
