//! What a store keeps for an instance.

use precast_artifacts_format::abi::VmFunc;
use precast_artifacts_format::{DataMode, ElementMode, ExternIndex, GlobalType, ImportType};

use super::core::StoreCore;
use crate::func::Func;
use crate::global::Global;
use crate::instance::Extern;
use crate::memory::Memory;
use crate::module::Module;
use crate::table::Table;
use crate::vm::global::GlobalCell;
use crate::vm::vmctx::Vmctx;

/// An instance.
pub(crate) struct InstanceData {
    pub(crate) vmctx: Vmctx,
    pub(crate) module: Module,
    /// Number in the store of each memory of the module's index space.
    pub(crate) memories: Box<[u32]>,
    /// Number in the store of each table of the module's index space; `None` for constant ones.
    pub(crate) tables: Box<[Option<u32>]>,
    /// Which data segments have been dropped, by `data.drop` or because they are active.
    pub(crate) dropped_data: Box<[bool]>,
    /// Which element segments have been dropped, likewise.
    pub(crate) dropped_elements: Box<[bool]>,
}

impl InstanceData {
    /// For each data segment whether `memory.init` sees it as empty from the start.
    pub(crate) fn dropped_data_at_start(module: &Module) -> Box<[bool]> {
        let segments = module.manifest().data_segments.iter();
        segments
            .map(|segment| !matches!(segment.mode, DataMode::Passive))
            .collect()
    }

    /// For each element segment whether `table.init` sees it as empty from the start.
    pub(crate) fn dropped_elements_at_start(module: &Module) -> Box<[bool]> {
        let segments = module.manifest().element_segments.iter();
        segments
            .map(|segment| !matches!(segment.mode, ElementMode::Passive))
            .collect()
    }

    /// Code and vmctx of a function of the module's index space.
    pub(crate) fn func(&self, index: u32) -> Option<VmFunc> {
        let imported = self.module.imported().funcs;
        match index.checked_sub(imported) {
            None => Some(self.vmctx.imported_func(index)),
            Some(defined) => {
                let offset = self.module.funcs().get(defined)?.text_offset;
                Some(VmFunc {
                    code: self.module.image().code_address(offset)?,
                    vmctx: self.vmctx.address(),
                })
            }
        }
    }

    /// A global of the module's index space.
    #[allow(unsafe_code, reason = "says that a vmctx keeps its globals")]
    pub(crate) fn global(&self, index: u32) -> Option<GlobalCell> {
        let imported = self.module.imported().globals;
        let (at, ty) = match index.checked_sub(imported) {
            None => (
                self.vmctx.imported_global(index),
                imported_global_type(&self.module, index)?,
            ),
            Some(defined) => {
                let plan = self.module.manifest().globals.get(defined as usize)?;
                (self.vmctx.global(defined), plan.ty)
            }
        };
        // SAFETY: a global lives in a vmctx or pinned in the same store, as long as the store
        // does; guest code runs only while the store is not in use.
        Some(unsafe { GlobalCell::new(at, ty) })
    }
}

fn imported_global_type(module: &Module, index: u32) -> Option<GlobalType> {
    let imports = module.manifest().imports.iter();
    let mut types = imports.filter_map(|import| match import.ty {
        ImportType::Global(ty) => Some(ty),
        _ => None,
    });
    types.nth(index as usize)
}

impl StoreCore {
    /// A handle for something of an instance's. `None` if it is out of range.
    pub(crate) fn extern_of(&mut self, instance: u32, index: ExternIndex) -> Option<Extern> {
        let data = self.instances.get(instance as usize)?;
        let store = self.id;
        Some(match index {
            ExternIndex::Func(index) => {
                let func = data.func(index)?;
                let type_id = data.module.type_id(index)?;
                let funcref = data
                    .module
                    .funcref_index(index)
                    .map(|place| data.vmctx.funcref_address(place));
                Extern::Func(Func {
                    store,
                    index: self.add_func(func, type_id, funcref)?,
                })
            }
            ExternIndex::Table(index) => Extern::Table(Table {
                store,
                index: (*data.tables.get(index as usize)?)?,
            }),
            ExternIndex::Memory(index) => Extern::Memory(Memory {
                store,
                index: *data.memories.get(index as usize)?,
            }),
            ExternIndex::Global(index) => {
                let cell = data.global(index)?;
                Extern::Global(Global {
                    store,
                    index: self.add_global(cell),
                })
            }
        })
    }
}
