//! The functions of a store that have a handle, and the host's functions.
#![allow(
    unsafe_code,
    reason = "funcrefs and vmctx headers are read where generated code keeps them"
)]

use std::ptr::with_exposed_provenance;
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{
    HOST_FUNC_MAGIC, HostFuncContext, INSTANCE_MAGIC, VmFunc, VmFuncRef, VmctxHeader,
};

use super::core::{StoreCore, push};
use crate::engine::NO_TYPE;
use crate::func::Func;
use crate::host_func::HostFuncDef;
use crate::module::{Addresses, Module};
use crate::vm::place::Place;

/// A function that has a handle.
pub(crate) struct FuncData {
    /// Code and vmctx. The code of a host function is 0: which trampoline leads to it depends on
    /// the module that calls.
    pub(crate) func: VmFunc,
    pub(crate) type_id: u32,
    pub(crate) ty: Arc<FuncType>,
    pub(crate) is_host: bool,
    /// Whether it is a host function that takes values in registers.
    is_direct: bool,
    /// Entry trampolines; `None` as long as none has been needed.
    entry: Option<Addresses>,
    /// Address of a funcref; 0 as long as none has been needed.
    funcref: u64,
    /// The funcref, where it is not in a vmctx.
    own_funcref: Option<Place<VmFuncRef>>,
}

impl FuncData {
    /// The trampoline by which code of `module` calls this host function, if it has one.
    fn import_trampoline_in(&self, module: &Module) -> Option<u64> {
        let index = module.index_of_type(self.type_id)?;
        self.import_trampoline(module, index)
    }

    /// The same, where it is known that the type is the one at `type_index`.
    pub(crate) fn import_trampoline(&self, module: &Module, type_index: usize) -> Option<u64> {
        let Addresses { slots, direct } = module.import_trampolines(type_index)?;
        let direct = direct.filter(|_| self.is_direct);
        Some(direct.unwrap_or(slots).get())
    }
}

/// A host function.
pub(crate) struct HostFunc {
    _context: Place<HostFuncContext>,
    /// Keeps the closure that the context points to.
    _definition: Arc<HostFuncDef>,
}

impl StoreCore {
    /// The number of a function. `funcref` is the address of a funcref for it, where there is one.
    /// `None` if the type is not the engine's.
    pub(crate) fn add_func(
        &mut self,
        func: VmFunc,
        type_id: u32,
        funcref: Option<u64>,
    ) -> Option<u32> {
        if let Some(index) = host_func_index(func.vmctx) {
            return Some(index);
        }
        if let Some(&index) = self.funcs_by_address.get(&(func.code, func.vmctx)) {
            return Some(index);
        }
        let data = FuncData {
            func,
            type_id,
            ty: self.engine.func_type(type_id)?,
            is_host: false,
            is_direct: false,
            entry: None,
            funcref: funcref.unwrap_or(0),
            own_funcref: None,
        };
        let index = push(&mut self.funcs, data);
        self.funcs_by_address.insert((func.code, func.vmctx), index);
        Some(index)
    }

    /// Makes room for that many host functions, where there are none yet.
    pub(crate) fn expect_host_funcs(&mut self, count: usize) {
        if self.host_funcs.is_empty() {
            self.funcs.reserve(count);
            self.host_funcs.reserve(count);
            self.funcs_by_definition.reserve(count);
        }
    }

    /// The number of a host function of the engine's, which is set up if it is new here. `None` if
    /// there are too many.
    pub(crate) fn add_host_func(&mut self, definition: &Arc<HostFuncDef>) -> Option<u32> {
        let key = Arc::as_ptr(definition).addr();
        if let Some(&index) = self.funcs_by_definition.get(&key) {
            return Some(index);
        }
        let index = u32::try_from(self.funcs.len()).ok()?;
        let context = definition.context(self.context_address(), index);
        let context = self.host_contexts.add(context);
        self.funcs.push(FuncData {
            func: VmFunc {
                code: 0,
                vmctx: context.address(),
            },
            type_id: definition.type_id(),
            ty: Arc::clone(definition.ty()),
            is_host: true,
            is_direct: definition.is_direct(),
            entry: None,
            funcref: 0,
            own_funcref: None,
        });
        self.host_funcs.push(HostFunc {
            _context: context,
            _definition: Arc::clone(definition),
        });
        self.funcs_by_definition.insert(key, index);
        Some(index)
    }

    /// The function at `index`, which a handle of this store holds.
    pub(crate) fn func(&self, index: u32) -> &FuncData {
        &self.funcs[index as usize]
    }

    /// The number of the instance that the function at `index` belongs to; `None` for the host's.
    pub(crate) fn instance_of_func(&self, index: u32) -> Option<u32> {
        numbered(self.func(index).func.vmctx, INSTANCE_MAGIC)
    }

    /// The trampolines by which the host calls the function at `index`, in a module that the store
    /// keeps. `None` if no module has any.
    pub(crate) fn entry_of(&mut self, index: u32) -> Option<Addresses> {
        let data = self.funcs.get_mut(index as usize)?;
        if data.entry.is_none() {
            let trampolines = |module: &Module| {
                let index = module.index_of_type(data.type_id)?;
                module.entry_trampolines(index)
            };
            data.entry = self.modules.values().find_map(trampolines);
        }
        data.entry
    }

    /// The address of a funcref for `func`, as guest code knows references to functions.
    ///
    /// # Panics
    ///
    /// If the function belongs to another store.
    pub(crate) fn funcref_of(&mut self, func: Func) -> u64 {
        self.check_owner(func.store);
        let data = self.func(func.index);
        if data.funcref != 0 {
            return data.funcref;
        }
        let code = if data.is_host {
            self.import_trampoline_of(data)
        } else {
            Some(data.func.code)
        };
        let funcref = Place::new(VmFuncRef {
            func: VmFunc {
                code: code.unwrap_or(0),
                vmctx: data.func.vmctx,
            },
            // As long as there is no code, no call may find the type it looks for.
            type_id: if code.is_some() {
                data.type_id
            } else {
                NO_TYPE
            },
            reserved: 0,
        });
        if code.is_none() {
            self.waiting_funcs.push(func.index);
        }
        let address = funcref.address();
        let data = &mut self.funcs[func.index as usize];
        data.funcref = address;
        data.own_funcref = Some(funcref);
        address
    }

    /// The function that guest code has a reference to; `None` for null.
    pub(crate) fn func_of_ref(&mut self, address: u64) -> Option<Func> {
        let funcref = with_exposed_provenance::<VmFuncRef>(address as usize);
        if funcref.is_null() {
            return None;
        }
        // SAFETY: guest code and loader keep only addresses of funcrefs of this store as
        // references, and funcrefs live as long as the store.
        let VmFuncRef { func, type_id, .. } = unsafe { funcref.read() };
        Some(Func {
            store: self.id,
            index: self.add_func(func, type_id, Some(address))?,
        })
    }

    /// Makes host functions callable that have been waiting for a module like this.
    pub(crate) fn trampolines_have_come(&mut self, module: &Module) {
        let funcs = &mut self.funcs;
        self.waiting_funcs.retain(|&index| {
            let data = &mut funcs[index as usize];
            let code = data.import_trampoline_in(module);
            if let (Some(code), Some(funcref)) = (code, &mut data.own_funcref) {
                funcref.write(VmFuncRef {
                    func: VmFunc {
                        code,
                        vmctx: data.func.vmctx,
                    },
                    type_id: data.type_id,
                    reserved: 0,
                });
            }
            code.is_none()
        });
    }

    fn import_trampoline_of(&self, data: &FuncData) -> Option<u64> {
        let mut modules = self.modules.values();
        modules.find_map(|module| data.import_trampoline_in(module))
    }
}

/// The number of the host function with that vmctx; `None` if it is an instance's.
fn host_func_index(vmctx: u64) -> Option<u32> {
    numbered(vmctx, HOST_FUNC_MAGIC)
}

/// The number that the header of that vmctx holds, if it is of that kind.
fn numbered(vmctx: u64, magic: u32) -> Option<u32> {
    let header = with_exposed_provenance::<VmctxHeader>(vmctx as usize);
    // SAFETY: every vmctx that the loader or guest code holds belongs to something that lives as
    // long as the store, and begins with a header.
    let header = unsafe { &*header };
    (header.magic == magic)
        .then(|| u32::try_from(header.host).ok())
        .flatten()
}
