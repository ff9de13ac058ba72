//! The memory that generated code and loader share.
//!
//! Everything here is `#[repr(C)]` with addresses as `u64`, so that the layout is the same on
//! every host that compiles; the compiler takes `offset_of!`, the loader uses the types. A change
//! of anything in this file is a change of [`ABI_VERSION`]; a test pins the layout.
//!
//! ```text
//!  vmctx of an instance                      store context, one per store
//!  ┌──────────────────────────────┐          ┌─────────────────────────────┐
//!  │ VmctxHeader                  │─────────▶│ StoreContext                │
//!  ├──────────────────────────────┤          └─────────────────────────────┘
//!  │ type ids          u32 × n    │  engine-wide ids of the module's types
//!  │ imported funcs    VmFunc × n │  (code, vmctx) each
//!  │ imported memories *VmMemory  │
//!  │ imported tables   *VmTable   │
//!  │ imported globals  *VmGlobal  │
//!  │ memories          VmMemory   │  defined by the module; of a shared one, its address
//!  │ tables            VmTable    │  defined and not constant
//!  │ globals           VmGlobal   │  defined, inline
//!  │ funcrefs          VmFuncRef  │  of functions that escape
//!  └──────────────────────────────┘
//! ```
//!
//! ## Calling conventions
//!
//! - *Wasm functions*: Cranelift's `tail` convention, `(callee's vmctx, parameters…) → results…`.
//!   References to functions are addresses of [`VmFuncRef`] (0 is null), references to host values
//!   and exceptions 32-bit handles (0 is null).
//! - *Entry trampolines*, one per type, C convention: `(code, vmctx, slots, store_context) → u8`.
//!   They load the parameters from `slots`, call `code`, store the results to `slots` and return
//!   one for success. Before the call they leave in the store context where to resume after a
//!   trap; resumed there they return zero.
//! - *Import trampolines*, one per type, Wasm convention, called with a [`HostFuncContext`] as
//!   vmctx. They store the parameters to slots, leave their frame pointer in `exit_fp`, and call
//!   `func(context, slots) → u8` in the C convention; if that returns 0 they call
//!   `precast_raise`, which does not return.
//! - *Direct trampolines*: for types without vectors and with no more than one result there is one
//!   more of each kind, which passes values as C does, instead of in slots. The entry trampoline is
//!   `(code, vmctx, store_context, parameters…) → (value u64, status u64)`; the import trampoline
//!   calls `direct(context, parameters…) → (value u64, status u64)`. The two results are a
//!   [`DirectResult`]: in registers; value is the result's bits, with anything above them.
//! - *Throwing trampolines*, two in a module that throws, Wasm convention, `(vmctx, tag u32, slots)`
//!   and `(vmctx, exception u32, 0)`: they leave their frame pointer in `exit_fp` and call
//!   `precast_throw` or `precast_throw_ref`, which do not return. A handler that
//!   [`UnwindTable`](crate::UnwindTable) lists is entered with the stack pointer, the frame pointer
//!   and the vmctx in the frame as they were at the call, nothing else in registers but
//!   Cranelift's two payload values: the address of slots with the exception's arguments, valid
//!   until anything is called, and the reference to it.
//! - *Runtime symbols*: C convention, reached through `.got`; see
//!   [`RuntimeSymbol`](crate::RuntimeSymbol).
//! - A [`Slot`] has 16 bytes; a value takes its lowest bytes, little-endian.

use std::mem::{align_of, size_of};

/// Changes whenever the layout or a convention in this module changes.
pub const ABI_VERSION: u32 = 2;

/// What [`VmctxHeader::magic`] holds for an instance.
pub const INSTANCE_MAGIC: u32 = u32::from_le_bytes(*b"inst");

/// What [`VmctxHeader::magic`] holds for a [`HostFuncContext`].
pub const HOST_FUNC_MAGIC: u32 = u32::from_le_bytes(*b"host");

/// State of a store that generated code reads and writes.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct StoreContext {
    /// The lowest stack address that guest code may use.
    pub stack_limit: u64,
    /// Where to resume after a trap: program counter.
    pub entry_handler_pc: u64,
    /// Where to resume after a trap: stack pointer.
    pub entry_sp: u64,
    /// Where to resume after a trap: frame pointer. Also where a walk over Wasm frames ends.
    pub entry_fp: u64,
    /// The frame pointer of the import trampoline by which guest code last left.
    pub exit_fp: u64,
    /// The vmctx of the instance that last called out of itself.
    pub caller_vmctx: u64,
    /// What code that counts may still use up; less than zero when it has used up more. Signed.
    pub fuel: i64,
    /// The loader's own; generated code never touches it.
    pub host: u64,
}

/// What every vmctx begins with, an instance's and a host function's alike.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct VmctxHeader {
    /// [`INSTANCE_MAGIC`] or [`HOST_FUNC_MAGIC`].
    pub magic: u32,
    /// Zero.
    pub reserved: u32,
    /// Address of the [`StoreContext`].
    pub store_context: u64,
    /// The loader's own; generated code never touches it.
    pub host: u64,
}

/// A function to call: code in the Wasm convention and the vmctx it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VmFunc {
    /// Address of the code.
    pub code: u64,
    /// Address of the callee's vmctx.
    pub vmctx: u64,
}

/// What a reference to a function points to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VmFuncRef {
    /// What to call.
    pub func: VmFunc,
    /// Engine-wide id of the function's type.
    pub type_id: u32,
    /// Zero.
    pub reserved: u32,
}

/// A linear memory.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct VmMemory {
    /// Address of byte 0.
    pub base: u64,
    /// Length in bytes, a multiple of the page of its type.
    pub length_bytes: u64,
}

/// A table that may change. Elements are 8 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct VmTable {
    /// Address of element 0.
    pub base: u64,
    /// Length in elements.
    pub length: u64,
}

/// Bytes of an element of a [`VmTable`].
pub const TABLE_ELEMENT_BYTES: u32 = 8;

/// A global's value, in its lowest bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(16))]
pub struct VmGlobal(pub [u8; 16]);

/// An argument or a result on its way between host and guest.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(16))]
pub struct Slot(pub [u8; 16]);

/// The vmctx of a host function.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct HostFuncContext {
    /// With [`HOST_FUNC_MAGIC`].
    pub header: VmctxHeader,
    /// `extern "C" fn(context: *mut HostFuncContext, slots: *mut Slot) -> u8`; 1 is success.
    pub func: u64,
    /// The same with values in registers: `extern "C" fn(context: *mut HostFuncContext,
    /// parameters…) -> DirectResult`; or 0.
    pub direct: u64,
    /// The loader's own.
    pub data: u64,
}

/// What calls in registers give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct DirectResult {
    /// The result's bits, if there is one and the call has succeeded.
    pub value: u64,
    /// 1 for success, else 0.
    pub status: u64,
}

/// How many of each thing a vmctx holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VmctxCounts {
    /// Function types of the module.
    pub types: u32,
    /// Imported functions.
    pub imported_funcs: u32,
    /// Imported memories.
    pub imported_memories: u32,
    /// Imported tables.
    pub imported_tables: u32,
    /// Imported globals.
    pub imported_globals: u32,
    /// Memories that the module defines.
    pub memories: u32,
    /// Tables that the module defines and that are not constant.
    pub tables: u32,
    /// Globals that the module defines.
    pub globals: u32,
    /// Functions that escape.
    pub funcrefs: u32,
}

/// Where each part of a vmctx starts, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmctxLayout {
    counts: VmctxCounts,
    types: u32,
    imported_funcs: u32,
    imported_memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    memories: u32,
    tables: u32,
    globals: u32,
    funcrefs: u32,
    size: u32,
}

/// Alignment of a vmctx in bytes.
pub const VMCTX_ALIGN: usize = 16;

macro_rules! offset_of_item {
    ($($(#[$doc:meta])* $name:ident: $start:ident[$ty:ty];)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            ///
            /// If there is no such item, which is a bug of the caller.
            pub fn $name(&self, index: u32) -> u32 {
                assert!(index < self.counts.$start, "vmctx item out of range");
                self.$start + index * size_of::<$ty>() as u32
            }
        )*
    };
}

impl VmctxLayout {
    /// Lays out a vmctx; `None` if it would be larger than an instruction's offset can reach
    /// (2 GiB).
    pub fn new(counts: &VmctxCounts) -> Option<Self> {
        let mut end = size_of::<VmctxHeader>() as u64;
        let mut place = |count: u32, size: usize, align: usize| {
            let start = end.next_multiple_of(align as u64);
            end = start + u64::from(count) * size as u64;
            u32::try_from(start).ok()
        };
        macro_rules! place {
            ($count:ident, $ty:ty) => {
                place(counts.$count, size_of::<$ty>(), align_of::<$ty>())?
            };
        }
        let layout = Self {
            counts: *counts,
            types: place!(types, u32),
            imported_funcs: place!(imported_funcs, VmFunc),
            imported_memories: place!(imported_memories, u64),
            imported_tables: place!(imported_tables, u64),
            imported_globals: place!(imported_globals, u64),
            memories: place!(memories, VmMemory),
            tables: place!(tables, VmTable),
            globals: place!(globals, VmGlobal),
            funcrefs: place!(funcrefs, VmFuncRef),
            size: 0,
        };
        let size = i32::try_from(end.next_multiple_of(VMCTX_ALIGN as u64)).ok()?;
        Some(Self {
            size: size.unsigned_abs(),
            ..layout
        })
    }

    /// Size in bytes of the whole vmctx, a multiple of [`VMCTX_ALIGN`].
    pub fn size(&self) -> u32 {
        self.size
    }

    /// What the layout was made for.
    pub fn counts(&self) -> &VmctxCounts {
        &self.counts
    }

    offset_of_item! {
        /// Offset of the engine-wide id (`u32`) of a type.
        type_id: types[u32];
        /// Offset of the [`VmFunc`] of an imported function.
        imported_func: imported_funcs[VmFunc];
        /// Offset of the address of an imported memory's [`VmMemory`].
        imported_memory: imported_memories[u64];
        /// Offset of the address of an imported table's [`VmTable`].
        imported_table: imported_tables[u64];
        /// Offset of the address of an imported global's [`VmGlobal`].
        imported_global: imported_globals[u64];
        /// Offset of the [`VmMemory`] of a defined memory; or of its address, if it is shared.
        memory: memories[VmMemory];
        /// Offset of the [`VmTable`] of a defined table that is not constant.
        table: tables[VmTable];
        /// Offset of the [`VmGlobal`] of a defined global.
        global: globals[VmGlobal];
        /// Offset of the [`VmFuncRef`] of a function that escapes.
        funcref: funcrefs[VmFuncRef];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// If this fails, either undo the change or raise [`ABI_VERSION`] and adapt the numbers.
    #[test]
    fn the_layout_is_that_of_the_abi_version() {
        assert_eq!(ABI_VERSION, 2);
        assert_eq!(size_of::<StoreContext>(), 64);
        assert_eq!(offset_of!(StoreContext, stack_limit), 0);
        assert_eq!(offset_of!(StoreContext, entry_handler_pc), 8);
        assert_eq!(offset_of!(StoreContext, entry_sp), 16);
        assert_eq!(offset_of!(StoreContext, entry_fp), 24);
        assert_eq!(offset_of!(StoreContext, exit_fp), 32);
        assert_eq!(offset_of!(StoreContext, caller_vmctx), 40);
        assert_eq!(offset_of!(StoreContext, fuel), 48);
        assert_eq!(offset_of!(StoreContext, host), 56);
        assert_eq!(size_of::<VmctxHeader>(), 24);
        assert_eq!(offset_of!(VmctxHeader, store_context), 8);
        assert_eq!(offset_of!(VmctxHeader, host), 16);
        assert_eq!(size_of::<VmFunc>(), 16);
        assert_eq!(size_of::<VmFuncRef>(), 24);
        assert_eq!(offset_of!(VmFuncRef, type_id), 16);
        assert_eq!(size_of::<VmMemory>(), 16);
        assert_eq!(size_of::<VmTable>(), 16);
        assert_eq!(size_of::<VmGlobal>(), 16);
        assert_eq!(size_of::<Slot>(), 16);
        assert_eq!(size_of::<HostFuncContext>(), 48);
        assert_eq!(offset_of!(HostFuncContext, func), 24);
        assert_eq!(offset_of!(HostFuncContext, direct), 32);
        assert_eq!(size_of::<DirectResult>(), 16);
    }

    fn counts() -> VmctxCounts {
        VmctxCounts {
            types: 3,
            imported_funcs: 2,
            imported_memories: 1,
            imported_tables: 1,
            imported_globals: 1,
            memories: 1,
            tables: 2,
            globals: 3,
            funcrefs: 5,
        }
    }

    #[test]
    fn parts_follow_one_another_without_overlap() {
        let layout = VmctxLayout::new(&counts()).unwrap();
        assert_eq!(layout.type_id(0), 24);
        assert_eq!(layout.imported_func(0), 40);
        assert_eq!(layout.imported_func(1), 56);
        assert_eq!(layout.imported_memory(0), 72);
        assert_eq!(layout.imported_table(0), 80);
        assert_eq!(layout.imported_global(0), 88);
        assert_eq!(layout.memory(0), 96);
        assert_eq!(layout.table(1), 128);
        assert_eq!(layout.global(0), 144);
        assert_eq!(layout.funcref(4), 192 + 96);
        assert_eq!(layout.size(), 320);
    }

    #[test]
    fn a_vmctx_beyond_two_gibibytes_is_refused() {
        let huge = VmctxCounts {
            funcrefs: u32::MAX / 24,
            ..counts()
        };
        assert_eq!(VmctxLayout::new(&huge), None);
    }
}
