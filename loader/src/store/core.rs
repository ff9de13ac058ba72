//! The part of a store that does not depend on the host's data.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use precast_artifacts_format::TrapCode;
use precast_artifacts_format::abi::{HostFuncContext, StoreContext};

use super::StoreId;
use super::address_map::AddressMap;
use super::funcs::{FuncData, HostFunc};
use super::instance_data::InstanceData;
use super::memory::StoreMemory;
use crate::backtrace::{self, RawFrames};
use crate::engine::Engine;
use crate::error::Error;
use crate::exception::Exceptions;
use crate::extern_ref::ExternData;
use crate::interrupt::{Deadline, Interrupts};
use crate::limits::Limits;
use crate::listener::{AnyListener, Entered};
use crate::module::Module;
use crate::tag::TagData;
use crate::trap::Trap;
use crate::vm::global::GlobalCell;
use crate::vm::place::Places;
use crate::vm::source::Source;
use crate::vm::table::TableElements;

/// Everything in a store but the host's data.
///
/// Fields are dropped in order. Nothing here looks at anything else when it is dropped: guest code
/// does not run then, and addresses are only numbers to the others.
pub(crate) struct StoreCore {
    /// What generated code sees.
    pub(crate) context: StoreContext,
    /// From the configuration; here, because every call needs it.
    pub(crate) max_stack_bytes: u64,
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    /// What all memories have together.
    pub(crate) memory_bytes: u64,
    pub(crate) memory_source: Source,

    /// By which guest code can be stopped, once somebody has asked for a way to.
    pub(crate) interrupts: Option<Arc<Interrupts>>,
    pub(crate) deadline: Option<Deadline>,
    /// Why an operation on memory has stopped early: the trap that follows is to be this one.
    pub(crate) stopped: Option<TrapCode>,

    /// Whether the context's fuel was set by the host.
    pub(crate) fuel_is_limited: bool,
    /// How the host function ended by which guest code is being left.
    pub(crate) outcome: Option<Outcome>,
    /// The trap by which guest code is being left. Written by the signal handler.
    pub(crate) fault: Option<TrapCode>,
    /// The frames that stood then.
    pub(crate) frames: RawFrames,

    /// What is told of functions that begin and end.
    pub(crate) listener: Option<Arc<dyn AnyListener>>,
    /// The functions that it has been told of and that have not ended.
    pub(crate) entered: Vec<Entered>,

    pub(crate) instances: Vec<InstanceData>,
    pub(crate) memories: Vec<StoreMemory>,
    pub(crate) tables: Vec<TableElements>,
    pub(crate) globals: Vec<GlobalCell>,
    pub(crate) funcs: Vec<FuncData>,
    pub(crate) host_funcs: Vec<HostFunc>,
    /// What guest code knows of the host functions.
    pub(crate) host_contexts: Places<HostFuncContext>,
    pub(crate) extern_refs: Vec<ExternData>,
    pub(crate) tags: Vec<TagData>,
    pub(crate) exceptions: Exceptions,
    /// The modules of the instances, by the address of their code.
    pub(crate) modules: BTreeMap<u64, Module>,

    /// Which global stands at an address.
    pub(crate) globals_by_address: AddressMap<u64, u32>,
    /// Which of the guests' functions has this code and vmctx.
    pub(crate) funcs_by_address: AddressMap<(u64, u64), u32>,
    /// Which function a host function's definition has become in this store.
    pub(crate) funcs_by_definition: AddressMap<usize, u32>,
    /// Host functions that a guest may hold a reference to, but that cannot be called from guest
    /// code before a module comes that has a trampoline for their type.
    pub(crate) waiting_funcs: Vec<u32>,
}

/// How a host function ended that did not return.
pub(crate) enum Outcome {
    /// With an error.
    Error(Error),
    /// With a panic.
    Panic(Box<dyn Any + Send>),
}

impl StoreCore {
    pub(crate) fn new(engine: &Engine) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            context: StoreContext {
                fuel: i64::MAX,
                ..StoreContext::default()
            },
            max_stack_bytes: engine.max_stack_bytes(),
            id: StoreId(NEXT.fetch_add(1, Ordering::Relaxed)),
            engine: engine.clone(),
            limits: engine.limits(),
            memory_bytes: 0,
            memory_source: engine.memory_source().clone(),
            interrupts: None,
            deadline: None,
            stopped: None,
            fuel_is_limited: false,
            outcome: None,
            fault: None,
            frames: RawFrames::EMPTY,
            listener: None,
            entered: Vec::new(),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            funcs: Vec::new(),
            host_funcs: Vec::new(),
            host_contexts: Places::new(),
            extern_refs: Vec::new(),
            tags: Vec::new(),
            exceptions: Exceptions::new(),
            modules: BTreeMap::new(),
            globals_by_address: AddressMap::default(),
            funcs_by_address: AddressMap::default(),
            funcs_by_definition: AddressMap::default(),
            waiting_funcs: Vec::new(),
        }
    }

    /// Makes sure that a handle belongs here.
    ///
    /// # Panics
    ///
    /// If it does not: its number would mean something else.
    #[inline]
    #[track_caller]
    pub(crate) fn check_owner(&self, store: StoreId) {
        assert!(
            self.id == store,
            "a handle was used with another store than the one it belongs to"
        );
    }

    /// The address of the store context, for generated code.
    pub(crate) fn context_address(&self) -> u64 {
        // The context comes first, and `host` holds the address of the whole.
        self.context.host + std::mem::offset_of!(Self, context) as u64
    }

    /// The number of the global `cell`, which is added if it is new.
    pub(crate) fn add_global(&mut self, cell: GlobalCell) -> u32 {
        let address = cell.place().address();
        *self
            .globals_by_address
            .entry(address)
            .or_insert_with(|| push(&mut self.globals, cell))
    }

    /// Keeps a module as long as the store, and finds it by its code.
    pub(crate) fn add_module(&mut self, module: &Module) {
        let start = module.image().text().start;
        if self.modules.insert(start, module.clone()).is_none() {
            self.trampolines_have_come(module);
        }
    }

    /// The module whose code is around `address`, and the offset in it.
    pub(crate) fn module_around(&self, address: u64) -> Option<(&Module, u32)> {
        let (start, module) = self.modules.range(..=address).next_back()?;
        if !module.image().text().contains(&address) {
            return None;
        }
        Some((module, u32::try_from(address - start).ok()?))
    }

    /// Why guest code has been left early.
    pub(crate) fn take_outcome(&mut self) -> Outcome {
        // The signal may have come just before the trap that this was meant for.
        self.stopped = None;
        if let Some(code) = self.fault.take() {
            let backtrace = backtrace::resolve(self);
            return Outcome::Error(Error::Trap(Trap::new(code, backtrace)));
        }
        let nothing = || Outcome::Panic(Box::new("guest code was left without a reason"));
        self.outcome.take().unwrap_or_else(nothing)
    }
}

/// Adds an item and gives its number.
pub(crate) fn push<T>(items: &mut Vec<T>, item: T) -> u32 {
    let number = u32::try_from(items.len());
    items.push(item);
    number.expect("memory ends before the numbers do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_to_stop_ends_with_the_call_even_if_its_trap_was_forestalled() {
        let mut core = StoreCore::new(&Engine::default());
        core.stopped = Some(TrapCode::Interrupted);
        core.fault = Some(TrapCode::Interrupted);
        assert!(matches!(
            core.take_outcome(),
            Outcome::Error(Error::Trap(_))
        ));
        assert_eq!(core.stopped, None, "the next trap would be taken for it");
    }

    #[test]
    fn a_store_can_be_sent_and_shared() {
        fn is_send_and_sync<T: Send + Sync>() {}
        is_send_and_sync::<InstanceData>();
        is_send_and_sync::<StoreMemory>();
        is_send_and_sync::<TableElements>();
        is_send_and_sync::<GlobalCell>();
        is_send_and_sync::<FuncData>();
        is_send_and_sync::<HostFunc>();
        is_send_and_sync::<ExternData>();
        is_send_and_sync::<Module>();
        // Nothing gives shared access to the rest.
        fn is_send<T: Send>() {}
        is_send::<StoreCore>();
    }
}
