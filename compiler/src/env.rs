//! What every function's translation needs to know, and what one function has built up so far.

use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, ArgumentPurpose, ExtFuncData, ExternalName,
    FuncRef, Function, GlobalValueData, InstBuilder as _, MemFlagsData, SigRef, Signature, Type,
    UserExternalName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::FunctionBuilder;
use precast_artifacts_format::abi::{StoreContext, VmctxHeader};
use precast_artifacts_format::{AbiType, FuncType, Hierarchy, RuntimeSymbol, Tunables, ValType};
use rustc_hash::FxHashMap;
use std::mem::offset_of;

use crate::limits::{Budget, Limits};
use crate::module::Module;
use crate::options::Options;
use crate::plan::Plan;

/// The type of addresses.
pub(crate) const POINTER: Type = types::I64;

/// What all functions of a module share while they are translated.
pub(crate) struct ModuleEnv<'a> {
    pub(crate) module: &'a Module<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) isa: &'a dyn TargetIsa,
    pub(crate) tunables: Tunables,
    /// Whether functions tell a listener where they begin and end.
    pub(crate) listeners: bool,
    /// Whether results are the same on all machines.
    pub(crate) deterministic: bool,
    pub(crate) limits: Limits,
    pub(crate) budget: &'a Budget,
    /// The signature of each of the module's types, in the Wasm convention.
    pub(crate) signatures: Vec<Signature>,
}

impl<'a> ModuleEnv<'a> {
    pub(crate) fn new(
        module: &'a Module<'a>,
        plan: &'a Plan,
        isa: &'a dyn TargetIsa,
        options: &Options,
        budget: &'a Budget,
    ) -> Self {
        Self {
            module,
            plan,
            isa,
            tunables: options.tunables,
            listeners: options.listeners,
            deterministic: options.deterministic,
            limits: options.limits,
            budget,
            signatures: module
                .types
                .iter()
                .map(|ty| wasm_signature(&ty.func))
                .collect(),
        }
    }

    pub(crate) fn signature(&self, ty: u32) -> &Signature {
        &self.signatures[ty as usize]
    }

    /// The signature of throwing trampolines.
    pub(crate) fn throwing_signature(&self) -> Signature {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.extend([
            AbiParam::special(POINTER, ArgumentPurpose::VMContext),
            AbiParam::new(types::I32),
            AbiParam::new(POINTER),
        ]);
        signature
    }

    /// The convention of the host's own functions.
    pub(crate) fn host_convention(&self) -> CallConv {
        CallConv::triple_default(self.isa.triple())
    }

    pub(crate) fn runtime_signature(&self, symbol: RuntimeSymbol) -> Signature {
        let clif_type = |ty: &AbiType| {
            AbiParam::new(match ty {
                AbiType::I32 => types::I32,
                AbiType::I64 => types::I64,
                AbiType::F32 => types::F32,
                AbiType::F64 => types::F64,
                AbiType::V128 => types::I8X16,
            })
        };
        let mut signature = Signature::new(self.host_convention());
        signature
            .params
            .extend(symbol.params().iter().map(clif_type));
        signature
            .returns
            .extend(symbol.result().iter().map(clif_type));
        signature
    }
}

/// The type that values of type `ty` have between instructions. Vectors are passed around as
/// bytes, whatever the instructions at both ends make of them.
pub(crate) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(ty) => match ty.heap.hierarchy() {
            Hierarchy::Func => POINTER,
            Hierarchy::Extern | Hierarchy::Exn => types::I32,
        },
    }
}

fn wasm_signature(ty: &FuncType) -> Signature {
    let param = |ty: &ValType| AbiParam::new(clif_type(*ty));
    let mut signature = Signature::new(CallConv::Tail);
    signature
        .params
        .push(AbiParam::special(POINTER, ArgumentPurpose::VMContext));
    signature.params.extend(ty.params.iter().map(param));
    signature.returns.extend(ty.results.iter().map(param));
    signature
}

/// How an exception is thrown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Throwing {
    /// By `throw`, which makes a new one.
    New,
    /// By `throw_ref`, again.
    Again,
}

impl Throwing {
    pub(crate) const ALL: [Self; 2] = [Self::New, Self::Again];
}

/// What a function can refer to outside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reference {
    /// A function the module defines, by its index among those.
    Defined(u32),
    /// A runtime symbol, reached through its slot.
    Runtime(RuntimeSymbol),
    /// The constant table that starts so many bytes into their section.
    ConstTable(u32),
    /// The throwing trampoline.
    Throwing(Throwing),
}

impl Reference {
    fn into_name(self) -> UserExternalName {
        match self {
            Self::Defined(index) => UserExternalName::new(0, index),
            Self::Runtime(symbol) => UserExternalName::new(1, symbol as u32),
            Self::ConstTable(offset) => UserExternalName::new(2, offset),
            Self::Throwing(throwing) => UserExternalName::new(3, throwing as u32),
        }
    }

    /// What a name made by [`Reference::into_name`] stands for.
    pub(crate) fn from_name(name: &UserExternalName) -> Option<Self> {
        match name.namespace {
            0 => Some(Self::Defined(name.index)),
            1 => Some(Self::Runtime(*RuntimeSymbol::ALL.get(name.index as usize)?)),
            2 => Some(Self::ConstTable(name.index)),
            3 => Some(Self::Throwing(*Throwing::ALL.get(name.index as usize)?)),
            _ => None,
        }
    }
}

/// Kinds of memory that never overlap.
///
/// The code generator merges and drops loads and stores on the strength of this, so two kinds that
/// did overlap would be a miscompilation. Imported things share the kind of defined ones, because
/// an import may be another name for the same thing.
#[derive(Clone, Copy)]
enum Region {
    /// Linear memories.
    Heap,
    /// Elements of tables in the vmctx.
    Tables,
    /// Values of globals.
    Globals,
    /// Everything else of vmctx and store context.
    Context,
    /// The fuel in the store context.
    Fuel,
}

/// What one function's translation has built up so far.
pub(crate) struct FuncEnv<'a> {
    pub(crate) env: &'a ModuleEnv<'a>,
    /// The function's vmctx.
    pub(crate) vmctx: Value,
    regions: [AliasRegion; 4],
    /// In code that counts it.
    fuel_region: Option<AliasRegion>,
    signatures: FxHashMap<u32, SigRef>,
    functions: FxHashMap<Reference, FuncRef>,
    const_tables: FxHashMap<u32, ir::GlobalValue>,
    /// Per memory its base, loaded where the function starts, if it never moves.
    memory_bases: Vec<Option<Value>>,
}

impl<'a> FuncEnv<'a> {
    /// Prepares a function whose parameters are the current block's.
    pub(crate) fn new(env: &'a ModuleEnv<'a>, builder: &mut FunctionBuilder<'_>) -> Self {
        let block = builder.current_block().expect("the entry block is current");
        let vmctx = builder.block_params(block)[0];
        let mut insert = |(region, description): (Region, &'static str)| {
            builder.func.dfg.alias_regions.insert(AliasRegionData {
                user_id: region as u32,
                description: description.into(),
            })
        };
        let regions = [
            (Region::Heap, "heap"),
            (Region::Tables, "tables"),
            (Region::Globals, "globals"),
            (Region::Context, "context"),
        ]
        .map(&mut insert);
        let counts_fuel = env.tunables.fuel;
        let fuel_region = counts_fuel.then(|| insert((Region::Fuel, "fuel")));
        let this = Self {
            env,
            vmctx,
            regions,
            fuel_region,
            signatures: FxHashMap::default(),
            functions: FxHashMap::default(),
            const_tables: FxHashMap::default(),
            memory_bases: Vec::new(),
        };
        this.limit_stack(builder.func);
        this
    }

    /// Loads the bases of memories that never move. Loaded once, where the function starts, they
    /// take no register until they are used, and vanish if they never are.
    pub(crate) fn load_memory_bases(&mut self, builder: &mut FunctionBuilder<'_>) {
        self.memory_bases = (0..self.env.module.memories.len() as u32)
            .map(|memory| {
                let stays = !self.may_move(memory);
                stays.then(|| self.load_memory_base(builder, memory))
            })
            .collect();
    }

    /// Whether the memory may move when it grows.
    fn may_move(&self, memory: u32) -> bool {
        let ty = self.env.module.memories[memory as usize];
        ty.is_checked(&self.env.tunables) && !ty.is_shared
    }

    /// Has the prologue compare the stack pointer with the store context's limit.
    fn limit_stack(&self, func: &mut Function) {
        let readonly = func.dfg.mem_flags.insert_unchecked(self.context_constant());
        let changing = func.dfg.mem_flags.insert_unchecked(self.context());
        let vmctx = func.create_global_value(GlobalValueData::VMContext);
        let store_context = func.create_global_value(GlobalValueData::Load {
            base: vmctx,
            offset: (offset_of!(VmctxHeader, store_context) as i32).into(),
            global_type: POINTER,
            flags: readonly,
        });
        let limit = func.create_global_value(GlobalValueData::Load {
            base: store_context,
            offset: (offset_of!(StoreContext, stack_limit) as i32).into(),
            global_type: POINTER,
            flags: changing,
        });
        func.stack_limit = Some(limit);
    }

    fn region(&self, region: Region) -> Option<AliasRegion> {
        Some(self.regions[region as usize])
    }

    /// Access to linear memory: may trap, may be unaligned.
    pub(crate) fn heap(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_endianness(ir::Endianness::Little)
            .with_alias_region(self.region(Region::Heap))
    }

    /// Access to elements of a table in the vmctx.
    pub(crate) fn table(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(self.region(Region::Tables))
    }

    /// Access to the value of a global.
    pub(crate) fn global(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(self.region(Region::Globals))
    }

    /// Access to a part of vmctx or store context that changes.
    pub(crate) fn context(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(self.region(Region::Context))
    }

    /// Access to a part of the vmctx that is never written while the instance lives.
    pub(crate) fn context_constant(&self) -> MemFlagsData {
        self.context().with_readonly().with_can_move()
    }

    /// Access to the fuel in the store context.
    pub(crate) fn fuel(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(self.fuel_region)
    }

    /// Loads an address that the vmctx holds and that never changes.
    pub(crate) fn load_constant_pointer(
        &self,
        builder: &mut FunctionBuilder<'_>,
        base: Value,
        offset: u32,
    ) -> Value {
        let flags = self.context_constant();
        builder.ins().load(POINTER, flags, base, offset as i32)
    }

    /// The address of the store context.
    pub(crate) fn store_context(&self, builder: &mut FunctionBuilder<'_>) -> Value {
        let offset = offset_of!(VmctxHeader, store_context) as u32;
        self.load_constant_pointer(builder, self.vmctx, offset)
    }

    /// Leaves this instance's vmctx where a host function looks for its caller.
    pub(crate) fn leave_instance(&self, builder: &mut FunctionBuilder<'_>) {
        let store_context = self.store_context(builder);
        let offset = offset_of!(StoreContext, caller_vmctx) as i32;
        builder
            .ins()
            .store(self.context(), self.vmctx, store_context, offset);
    }

    /// Where the memory's definition is: a base address and an offset to it. That of a shared one
    /// is never in the vmctx.
    pub(crate) fn memory_definition(
        &self,
        builder: &mut FunctionBuilder<'_>,
        memory: u32,
    ) -> (Value, u32) {
        let layout = &self.env.plan.layout;
        let offset = match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => layout.memory(defined),
            None => layout.imported_memory(memory),
        };
        let is_here = memory >= self.env.module.imported_memories
            && !self.env.module.memories[memory as usize].is_shared;
        if is_here {
            (self.vmctx, offset)
        } else {
            (self.load_constant_pointer(builder, self.vmctx, offset), 0)
        }
    }

    /// The address of the memory's first byte.
    pub(crate) fn memory_base(&self, builder: &mut FunctionBuilder<'_>, memory: u32) -> Value {
        match self.memory_bases.get(memory as usize) {
            Some(&Some(base)) => base,
            _ => self.load_memory_base(builder, memory),
        }
    }

    fn load_memory_base(&self, builder: &mut FunctionBuilder<'_>, memory: u32) -> Value {
        let flags = if self.may_move(memory) {
            self.context()
        } else {
            self.context_constant()
        };
        let (definition, offset) = self.memory_definition(builder, memory);
        let offset = offset as usize + offset_of!(precast_artifacts_format::abi::VmMemory, base);
        builder
            .ins()
            .load(POINTER, flags, definition, offset as i32)
    }

    /// The memory's length in bytes, as it is now.
    pub(crate) fn memory_length(&self, builder: &mut FunctionBuilder<'_>, memory: u32) -> Value {
        let (definition, offset) = self.memory_definition(builder, memory);
        let offset =
            offset as usize + offset_of!(precast_artifacts_format::abi::VmMemory, length_bytes);
        let flags = self.context();
        builder
            .ins()
            .load(POINTER, flags, definition, offset as i32)
    }

    /// The length in bytes of a memory that other threads may make longer, in the order in which
    /// they and this one access it.
    pub(crate) fn shared_memory_length(
        &self,
        builder: &mut FunctionBuilder<'_>,
        memory: u32,
    ) -> Value {
        let (definition, offset) = self.memory_definition(builder, memory);
        let offset =
            offset as usize + offset_of!(precast_artifacts_format::abi::VmMemory, length_bytes);
        let address = builder.ins().iadd_imm_u(definition, offset as i64);
        let flags = self.context();
        builder.ins().atomic_load(POINTER, flags, address)
    }

    /// The signature of one of the module's types.
    pub(crate) fn signature(&mut self, func: &mut Function, ty: u32) -> SigRef {
        let env = self.env;
        *self
            .signatures
            .entry(ty)
            .or_insert_with(|| func.import_signature(env.signature(ty).clone()))
    }

    /// A function the module defines, by its index among those.
    pub(crate) fn defined(&mut self, func: &mut Function, defined: u32) -> FuncRef {
        let reference = Reference::Defined(defined);
        if let Some(&known) = self.functions.get(&reference) {
            return known;
        }
        let index = self.env.module.imported_funcs + defined;
        let signature = self.signature(func, self.env.module.funcs[index as usize]);
        self.import(func, reference, signature, true)
    }

    /// A runtime symbol.
    pub(crate) fn runtime(&mut self, func: &mut Function, symbol: RuntimeSymbol) -> FuncRef {
        let reference = Reference::Runtime(symbol);
        if let Some(&known) = self.functions.get(&reference) {
            return known;
        }
        let signature = func.import_signature(self.env.runtime_signature(symbol));
        self.import(func, reference, signature, false)
    }

    /// The throwing trampoline.
    pub(crate) fn throwing(&mut self, func: &mut Function, throwing: Throwing) -> FuncRef {
        let reference = Reference::Throwing(throwing);
        if let Some(&known) = self.functions.get(&reference) {
            return known;
        }
        let signature = func.import_signature(self.env.throwing_signature());
        self.import(func, reference, signature, true)
    }

    fn import(
        &mut self,
        func: &mut Function,
        reference: Reference,
        signature: SigRef,
        colocated: bool,
    ) -> FuncRef {
        let name = func.declare_imported_user_function(reference.into_name());
        let imported = func.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated,
            patchable: false,
        });
        self.functions.insert(reference, imported);
        imported
    }

    /// The address of the constant table at `offset` in their section.
    pub(crate) fn const_table(&mut self, builder: &mut FunctionBuilder<'_>, offset: u32) -> Value {
        let symbol = *self.const_tables.entry(offset).or_insert_with(|| {
            let name = Reference::ConstTable(offset).into_name();
            let name = builder.func.declare_imported_user_function(name);
            builder.func.create_global_value(GlobalValueData::Symbol {
                name: ExternalName::user(name),
                offset: 0.into(),
                colocated: true,
                tls: false,
            })
        });
        builder.ins().symbol_value(POINTER, symbol)
    }
}
