//! Code that no function of the module asks for: the ways in, the ways out, and thunks.
//!
//! See "Calling conventions" in [`precast_artifacts_format::abi`].

use std::mem::offset_of;

use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, Function,
    InstBuilder as _, MemFlagsData, Signature, StackSlotData, StackSlotKind, UserFuncName, Value,
    types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use precast_artifacts_format::abi::{HostFuncContext, Slot, StoreContext, VmFunc, VmctxHeader};
use precast_artifacts_format::{FuncType, RuntimeSymbol, TrapCode, ValType};

use crate::env::{FuncEnv, ModuleEnv, POINTER, Throwing, clif_type};
use crate::trap::clif_trap;

pub(crate) const SLOT_BYTES: i32 = size_of::<Slot>() as i32;

/// How a trampoline passes values between host and guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// In an array of slots.
    Slots,
    /// As C does, for direct types.
    Direct,
}

/// The way from the host into a function of the unique type `ty`.
pub(crate) fn entry(
    env: &ModuleEnv<'_>,
    ty: u32,
    passing: Passing,
    context: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let func_type = env.module.type_at(ty);
    let mut signature = Signature::new(env.host_convention());
    match passing {
        Passing::Slots => {
            signature.params.extend([AbiParam::new(POINTER); 4]);
            signature.returns.push(AbiParam::new(types::I8));
        }
        Passing::Direct => {
            signature.params.extend([AbiParam::new(POINTER); 3]);
            signature.params.extend(direct_params(func_type));
            signature.returns.extend(direct_result());
        }
    }
    let (mut builder, block) = start(func, signature, 1, ty, context);
    let params = builder.block_params(block).to_vec();
    let (code, vmctx) = (params[0], params[1]);

    // The call ends a block of its own, whose handler's address is what a trap resumes at.
    let call = builder.create_block();
    builder.ins().jump(call, &[]);
    builder.seal_block(call);
    builder.switch_to_block(call);
    let mut args = vec![vmctx];
    let store_context = match passing {
        Passing::Slots => {
            args.extend(load_slots(&mut builder, params[2], &func_type.params));
            params[3]
        }
        Passing::Direct => {
            args.extend(&params[3..]);
            params[2]
        }
    };
    let frame_pointer = builder.ins().get_frame_pointer(POINTER);
    let stack_pointer = builder.ins().get_stack_pointer(POINTER);
    let handler = builder
        .ins()
        .get_exception_handler_address(POINTER, call, 0);
    for (value, field) in [
        (frame_pointer, offset_of!(StoreContext, entry_fp)),
        (stack_pointer, offset_of!(StoreContext, entry_sp)),
        (handler, offset_of!(StoreContext, entry_handler_pc)),
    ] {
        let flags = MemFlagsData::trusted();
        builder
            .ins()
            .store(flags, value, store_context, field as i32);
    }

    let returned = builder.create_block();
    let results: Vec<_> = func_type
        .results
        .iter()
        .map(|ty| builder.append_block_param(returned, clif_type(*ty)))
        .collect();
    let trapped = builder.create_block();
    builder.set_cold_block(trapped);
    let signature = builder.import_signature(env.signature(ty).clone());
    let pool = &mut builder.func.dfg.value_lists;
    let all_results = (0..results.len() as u32).map(BlockArg::TryCallRet);
    let on_return = BlockCall::new(returned, all_results, pool);
    let on_trap = ExceptionTableItem::Default(BlockCall::new(trapped, [], pool));
    let table = ExceptionTableData::new(signature, on_return, [on_trap]);
    let table = builder.func.dfg.exception_tables.push(table);
    builder.ins().try_call_indirect(code, &args, table);

    builder.seal_block(returned);
    builder.switch_to_block(returned);
    match passing {
        Passing::Slots => {
            store_slots(&mut builder, params[2], &results);
            let success = builder.ins().iconst(types::I8, 1);
            builder.ins().return_(&[success]);
        }
        Passing::Direct => {
            let value = to_bits(&mut builder, results.first().copied());
            let success = builder.ins().iconst(types::I64, 1);
            builder.ins().return_(&[value, success]);
        }
    }

    builder.seal_block(trapped);
    builder.switch_to_block(trapped);
    match passing {
        Passing::Slots => {
            let failure = builder.ins().iconst(types::I8, 0);
            builder.ins().return_(&[failure]);
        }
        Passing::Direct => {
            let failure = builder.ins().iconst(types::I64, 0);
            builder.ins().return_(&[failure, failure]);
        }
    }
    builder.finalize(env.isa.frontend_config());
}

/// The way out to a host function of the unique type `ty`.
pub(crate) fn import(
    env: &ModuleEnv<'_>,
    ty: u32,
    passing: Passing,
    context: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let (mut builder, block) = start(func, env.signature(ty).clone(), 2, ty, context);
    let params = builder.block_params(block).to_vec();
    let host_func = params[0];
    let func_type = env.module.type_at(ty);
    let mut func_env = FuncEnv::new(env, &mut builder);

    leave_frame_pointer(&mut builder, &func_env);

    let mut signature = Signature::new(env.host_convention());
    let (args, field, slots) = match passing {
        Passing::Slots => {
            let slots = slots_on_stack(&mut builder, func_type);
            store_slots(&mut builder, slots, &params[1..]);
            signature.params.extend([AbiParam::new(POINTER); 2]);
            signature.returns.push(AbiParam::new(types::I8));
            let field = offset_of!(HostFuncContext, func);
            (vec![host_func, slots], field, Some(slots))
        }
        Passing::Direct => {
            // Its frame is small, and what host functions need is not the guest's to count.
            builder.func.stack_limit = None;
            signature.params.push(AbiParam::new(POINTER));
            signature.params.extend(direct_params(func_type));
            signature.returns.extend(direct_result());
            let field = offset_of!(HostFuncContext, direct);
            (params.clone(), field, None)
        }
    };
    let code = func_env.load_constant_pointer(&mut builder, host_func, field as u32);
    let signature = builder.import_signature(signature);
    let call = builder.ins().call_indirect(signature, code, &args);
    let given = builder.inst_results(call).to_vec();

    let returned = builder.create_block();
    let failed = builder.create_block();
    builder.set_cold_block(failed);
    // The status comes last.
    let status = given[given.len() - 1];
    builder.ins().brif(status, returned, &[], failed, &[]);
    builder.seal_block(returned);
    builder.seal_block(failed);
    builder.switch_to_block(failed);
    let raise = func_env.runtime(builder.func, RuntimeSymbol::Raise);
    builder.ins().call(raise, &[]);
    builder.ins().trap(clif_trap(TrapCode::Unreachable));

    builder.switch_to_block(returned);
    let results = match slots {
        Some(slots) => load_slots(&mut builder, slots, &func_type.results),
        None => {
            let results = func_type.results.iter();
            results
                .map(|&ty| of_bits(&mut builder, given[0], ty))
                .collect()
        }
    };
    builder.ins().return_(&results);
    builder.finalize(env.isa.frontend_config());
}

/// The way by which code throws: with a frame of its own, so that the loader finds the call that
/// throws like any other.
pub(crate) fn throwing(
    env: &ModuleEnv<'_>,
    throwing: Throwing,
    context: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let signature = env.throwing_signature();
    let (mut builder, block) = start(func, signature, 4, throwing as u32, context);
    let params = builder.block_params(block).to_vec();
    let mut func_env = FuncEnv::new(env, &mut builder);
    // Its frame is small, and what the loader needs is not the guest's to count.
    builder.func.stack_limit = None;
    leave_frame_pointer(&mut builder, &func_env);
    let (symbol, args) = match throwing {
        Throwing::New => (RuntimeSymbol::Throw, &params[..]),
        Throwing::Again => (RuntimeSymbol::ThrowRef, &params[..2]),
    };
    let callee = func_env.runtime(builder.func, symbol);
    builder.ins().call(callee, args);
    builder.ins().trap(clif_trap(TrapCode::Unreachable));
    builder.finalize(env.isa.frontend_config());
}

/// Leaves the frame pointer where the loader begins to look for callers.
fn leave_frame_pointer(builder: &mut FunctionBuilder<'_>, func_env: &FuncEnv<'_>) {
    let store_context = func_env.store_context(builder);
    let frame_pointer = builder.ins().get_frame_pointer(POINTER);
    let field = offset_of!(StoreContext, exit_fp) as i32;
    let flags = func_env.context();
    builder
        .ins()
        .store(flags, frame_pointer, store_context, field);
}

/// A function of this instance that does nothing but call the imported one: what a constant
/// table holds in its place.
pub(crate) fn thunk(
    env: &ModuleEnv<'_>,
    func_index: u32,
    context: &mut FunctionBuilderContext,
    func: &mut Function,
) {
    let ty = env.module.funcs[func_index as usize];
    let (mut builder, block) = start(func, env.signature(ty).clone(), 3, func_index, context);
    let mut args = builder.block_params(block).to_vec();
    let mut func_env = FuncEnv::new(env, &mut builder);
    let vmctx = func_env.vmctx;
    let place = env.plan.layout.imported_func(func_index);
    let [code, callee_vmctx] = [offset_of!(VmFunc, code), offset_of!(VmFunc, vmctx)]
        .map(|field| func_env.load_constant_pointer(&mut builder, vmctx, place + field as u32));
    func_env.leave_instance(&mut builder);
    args[0] = callee_vmctx;
    let signature = func_env.signature(builder.func, ty);
    builder.ins().return_call_indirect(signature, code, &args);
    builder.finalize(env.isa.frontend_config());
}

fn start<'f>(
    func: &'f mut Function,
    signature: Signature,
    namespace: u32,
    index: u32,
    context: &'f mut FunctionBuilderContext,
) -> (FunctionBuilder<'f>, Block) {
    debug_assert_eq!(offset_of!(HostFuncContext, header), 0);
    debug_assert_eq!(offset_of!(VmctxHeader, magic), 0);
    func.name = UserFuncName::user(namespace, index);
    func.signature = signature;
    let mut builder = FunctionBuilder::new(func, context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    (builder, block)
}

/// Room for parameters and results in the trampoline's frame.
fn slots_on_stack(builder: &mut FunctionBuilder<'_>, func_type: &FuncType) -> Value {
    let count = func_type.params.len().max(func_type.results.len());
    let slots = builder.create_sized_stack_slot(StackSlotData::new(
        StackSlotKind::ExplicitSlot,
        count as u32 * SLOT_BYTES as u32,
        SLOT_BYTES.trailing_zeros() as u8,
    ));
    builder.ins().stack_addr(POINTER, slots, 0)
}

/// What [`DirectResult`](precast_artifacts_format::abi::DirectResult) is to the code generator.
fn direct_result() -> [AbiParam; 2] {
    [AbiParam::new(types::I64); 2]
}

fn direct_params(func_type: &FuncType) -> impl Iterator<Item = AbiParam> {
    let params = func_type.params.iter();
    params.map(|&ty| AbiParam::new(clif_type(ty)))
}

/// A result as 64 bits.
fn to_bits(builder: &mut FunctionBuilder<'_>, result: Option<Value>) -> Value {
    let Some(result) = result else {
        return builder.ins().iconst(types::I64, 0);
    };
    match builder.func.dfg.value_type(result) {
        types::F32 => {
            let bits = builder
                .ins()
                .bitcast(types::I32, MemFlagsData::new(), result);
            builder.ins().uextend(types::I64, bits)
        }
        types::F64 => builder
            .ins()
            .bitcast(types::I64, MemFlagsData::new(), result),
        types::I32 => builder.ins().uextend(types::I64, result),
        _ => result,
    }
}

/// A result of type `ty` from 64 bits.
fn of_bits(builder: &mut FunctionBuilder<'_>, bits: Value, ty: ValType) -> Value {
    match clif_type(ty) {
        types::F32 => {
            let bits = builder.ins().ireduce(types::I32, bits);
            builder.ins().bitcast(types::F32, MemFlagsData::new(), bits)
        }
        types::F64 => builder.ins().bitcast(types::F64, MemFlagsData::new(), bits),
        types::I32 => builder.ins().ireduce(types::I32, bits),
        _ => bits,
    }
}

/// Loads values from slots, one each.
pub(crate) fn load_slots(
    builder: &mut FunctionBuilder<'_>,
    slots: Value,
    types: &[ValType],
) -> Vec<Value> {
    (0..)
        .zip(types)
        .map(|(slot, ty)| {
            let offset: i32 = slot * SLOT_BYTES;
            let flags = MemFlagsData::trusted();
            builder.ins().load(clif_type(*ty), flags, slots, offset)
        })
        .collect()
}

/// Stores values to slots, one each.
pub(crate) fn store_slots(builder: &mut FunctionBuilder<'_>, slots: Value, values: &[Value]) {
    for (slot, &value) in (0..).zip(values) {
        let offset: i32 = slot * SLOT_BYTES;
        let flags = MemFlagsData::trusted();
        builder.ins().store(flags, value, slots, offset);
    }
}
