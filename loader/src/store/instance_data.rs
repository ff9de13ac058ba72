//! What a store keeps for an instance.

use precast_artifacts_format::abi::VmFunc;
use precast_artifacts_format::{DataMode, ElementMode, ExternIndex};

use super::core::StoreCore;
use crate::func::Func;
use crate::global::Global;
use crate::instance::Extern;
use crate::memory::Memory;
use crate::module::Module;
use crate::table::Table;
use crate::tag::Tag;
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
    /// Number in the store of each imported global.
    pub(crate) imported_globals: Box<[u32]>,
    /// Number in the store of each tag of the module's index space.
    pub(crate) tags: Box<[u32]>,
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

    /// A global that the module defines.
    pub(crate) fn defined_global(&self, index: u32) -> Option<GlobalCell> {
        let plan = self.module.manifest().globals.get(index as usize)?;
        Some(GlobalCell::new(self.vmctx.global(index), plan.ty))
    }
}

impl StoreCore {
    /// A global of the index space of an instance's module.
    pub(crate) fn global_of(&self, instance: u32, index: u32) -> Option<GlobalCell> {
        let data = self.instances.get(instance as usize)?;
        match index.checked_sub(data.module.imported().globals) {
            None => {
                let number = *data.imported_globals.get(index as usize)?;
                self.globals.get(number as usize).cloned()
            }
            Some(defined) => data.defined_global(defined),
        }
    }

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
                let cell = self.global_of(instance, index)?;
                Extern::Global(Global {
                    store,
                    index: self.add_global(cell),
                })
            }
            ExternIndex::Tag(index) => Extern::Tag(Tag {
                store,
                index: *data.tags.get(index as usize)?,
            }),
        })
    }
}
