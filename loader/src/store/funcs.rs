//! The functions of a store that have a handle, and the host's functions.
#![allow(
    unsafe_code,
    reason = "funcrefs and vmctx headers are read where generated code keeps them"
)]

use std::ptr::with_exposed_provenance;
use std::sync::Arc;

use precast_artifacts_format::FuncType;
use precast_artifacts_format::abi::{
    HOST_FUNC_MAGIC, HostFuncContext, VmFunc, VmFuncRef, VmctxHeader,
};

use super::core::{StoreCore, push};
use crate::activation::EntryTrampoline;
use crate::engine::NO_TYPE;
use crate::func::Func;
use crate::host_func::HostFuncDef;
use crate::module::Module;
use crate::vm::place::Place;

/// A function that has a handle.
pub(crate) struct FuncData {
    /// Code and vmctx. The code of a host function is 0: which trampoline leads to it depends on
    /// the module that calls.
    pub(crate) func: VmFunc,
    pub(crate) type_id: u32,
    pub(crate) ty: Arc<FuncType>,
    pub(crate) is_host: bool,
    /// Address of an entry trampoline; 0 as long as none has been needed.
    entry: u64,
    /// Address of a funcref; 0 as long as none has been needed.
    funcref: u64,
    /// The funcref, where it is not in a vmctx.
    own_funcref: Option<Place<VmFuncRef>>,
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
            entry: 0,
            funcref: funcref.unwrap_or(0),
            own_funcref: None,
        };
        let index = push(&mut self.funcs, data);
        self.funcs_by_address.insert((func.code, func.vmctx), index);
        Some(index)
    }

    /// The number of a host function, which is set up if it is new here. `None` if its type is not
    /// the engine's.
    pub(crate) fn add_host_func(&mut self, definition: &Arc<HostFuncDef>) -> Option<u32> {
        let key = Arc::as_ptr(definition).addr();
        if let Some(&index) = self.funcs_by_definition.get(&key) {
            return Some(index);
        }
        if self.host_funcs.is_empty() {
            // A module rarely imports a single one.
            self.funcs_by_definition.reserve(8);
        }
        let type_id = definition.type_id();
        let ty = self.engine.func_type(type_id)?;
        let index = u32::try_from(self.funcs.len()).ok()?;
        let context = definition.context(self.context_address(), index);
        let context = self.host_contexts.add(context);
        self.funcs.push(FuncData {
            func: VmFunc {
                code: 0,
                vmctx: context.address(),
            },
            type_id,
            ty,
            is_host: true,
            entry: 0,
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

    /// The trampoline by which the host calls functions of that type. `None` if no module has one.
    pub(crate) fn entry_of(&mut self, index: u32) -> Option<EntryTrampoline> {
        let data = self.funcs.get_mut(index as usize)?;
        if data.entry == 0 {
            let trampoline = |module: &Module| {
                let index = module.index_of_type(data.type_id)?;
                module.entry_trampoline(index)
            };
            data.entry = self.modules.values().find_map(trampoline)?;
        }
        let code = with_exposed_provenance::<()>(data.entry as usize);
        // SAFETY: the address is that of an entry trampoline in a module that the store keeps.
        Some(unsafe { std::mem::transmute::<*const (), EntryTrampoline>(code) })
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
            self.import_trampoline_of(data.type_id)
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
            let code = module
                .index_of_type(data.type_id)
                .and_then(|index| module.import_trampoline(index));
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

    fn import_trampoline_of(&self, type_id: u32) -> Option<u64> {
        self.modules.values().find_map(|module| {
            let index = module.index_of_type(type_id)?;
            module.import_trampoline(index)
        })
    }
}

/// The number of the host function with that vmctx; `None` if it is an instance's.
fn host_func_index(vmctx: u64) -> Option<u32> {
    let header = with_exposed_provenance::<VmctxHeader>(vmctx as usize);
    // SAFETY: every vmctx that the loader or guest code holds belongs to something that lives as
    // long as the store, and begins with a header.
    let header = unsafe { &*header };
    (header.magic == HOST_FUNC_MAGIC)
        .then(|| u32::try_from(header.host).ok())
        .flatten()
}
