//! Calls: direct, to imports, and through tables.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, InstBuilder as _, Value, types};
use precast_artifacts_format::abi::{VmFunc, VmFuncRef};
use precast_artifacts_format::{CONST_TABLE_ENTRY_BYTES, NULL_TYPE_ID, TrapCode};
use wasmparser::Operator;

use super::{Translator, Values};
use crate::env::POINTER;
use crate::plan::TablePlace;
use crate::trap::clif_trap;

/// What is called.
pub(super) enum Callee {
    /// A function of the module's.
    Direct(FuncRef),
    /// The code at this address.
    Indirect(Value),
}

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::Call { function_index } => self.call(function_index),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            _ => return false,
        }
        true
    }

    fn call(&mut self, func_index: u32) {
        let module = self.env.env.module;
        let params = module.func_type(func_index).params.len();
        match module.defined_func(func_index) {
            Some(defined) => {
                let callee = self.env.defined(self.builder.func, defined);
                let args = self.pop_args(self.env.vmctx, params);
                let ty = module.funcs[func_index as usize];
                self.emit_call(Callee::Direct(callee), ty, &args);
            }
            None => {
                let place = self.env.env.plan.layout.imported_func(func_index);
                let field = |offset: usize| place + offset as u32;
                let vmctx = self.env.vmctx;
                let [code, callee_vmctx] = [
                    field(offset_of!(VmFunc, code)),
                    field(offset_of!(VmFunc, vmctx)),
                ]
                .map(|offset| {
                    self.env
                        .load_constant_pointer(&mut self.builder, vmctx, offset)
                });
                let ty = module.funcs[func_index as usize];
                self.env.leave_instance(&mut self.builder);
                self.call_code(ty, code, callee_vmctx);
            }
        }
    }

    /// Calls the function of the unique type `ty` at `code`.
    fn call_code(&mut self, ty: u32, code: Value, vmctx: Value) {
        let params = self.env.env.module.type_at(ty).params.len();
        let args = self.pop_args(vmctx, params);
        self.emit_call(Callee::Indirect(code), ty, &args);
    }

    /// Calls a function of the unique type `ty` and pushes its results. Every call that comes back
    /// here is made by this.
    fn emit_call(&mut self, callee: Callee, ty: u32, args: &[Value]) {
        let module = self.env.env.module;
        let results: Values = if self.exceptions.are_handled() {
            let signature = self.env.signature(self.builder.func, ty);
            self.try_call(callee, signature, args)
        } else {
            let call = match callee {
                Callee::Direct(func) => self.builder.ins().call(func, args),
                Callee::Indirect(code) => {
                    let signature = self.env.signature(self.builder.func, ty);
                    self.builder.ins().call_indirect(signature, code, args)
                }
            };
            self.builder.inst_results(call).into()
        };
        for (&result, &ty) in results.iter().zip(&module.type_at(ty).results) {
            self.keep_findable(result, ty);
        }
        self.stack.extend(results);
    }

    fn pop_args(&mut self, vmctx: Value, count: usize) -> Values {
        let mut args = self.pop_many(count);
        args.insert(0, vmctx);
        args
    }

    fn call_indirect(&mut self, type_index: u32, table: u32) {
        let ty = self.env.env.module.unique_type(type_index);
        let index = self.pop();
        match self.env.env.plan.tables[table as usize] {
            TablePlace::Constant { offset, length } => {
                self.call_constant(ty, index, offset, length);
            }
            TablePlace::Imported(_) | TablePlace::Vmctx(_) => {
                self.call_funcref(ty, index, table);
            }
        }
    }

    /// Calls through a constant table: whatever is in it belongs to this instance, and its type is
    /// a number known now.
    fn call_constant(&mut self, ty: u32, index: Value, table_offset: u32, length: u32) {
        let outside = self.builder.ins().icmp_imm_u(
            IntCC::UnsignedGreaterThanOrEqual,
            index,
            i64::from(length),
        );
        self.builder
            .ins()
            .trapnz(outside, clif_trap(TrapCode::UndefinedElement));
        let index = self.widen(index);
        let shift = i64::from(CONST_TABLE_ENTRY_BYTES.trailing_zeros());
        let distance = self.builder.ins().ishl_imm_u(index, shift);
        let table = self.env.const_table(&mut self.builder, table_offset);
        let entry = self.builder.ins().iadd(table, distance);
        // A processor that runs ahead of the check stays within the table.
        let entry = self
            .builder
            .ins()
            .select_spectre_guard(outside, table, entry);
        let flags = self.env.context_constant();
        let type_id = self.builder.ins().load(types::I32, flags, entry, 0);
        self.check_type(type_id, ty);
        let code_offset = self.builder.ins().sload32(flags, entry, 4);
        let code = self.builder.ins().iadd(table, code_offset);
        self.call_code(ty, code, self.env.vmctx);
    }

    /// Traps unless `type_id`, from a constant table, is that of the unique type `ty`.
    fn check_type(&mut self, type_id: Value, ty: u32) {
        let right = self.builder.create_block();
        let wrong = self.builder.create_block();
        self.builder.set_cold_block(wrong);
        let same = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::Equal, type_id, i64::from(ty));
        self.builder.ins().brif(same, right, &[], wrong, &[]);
        self.builder.seal_block(right);
        self.builder.seal_block(wrong);
        self.builder.switch_to_block(wrong);
        let null = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::Equal, type_id, i64::from(NULL_TYPE_ID));
        self.builder
            .ins()
            .trapnz(null, clif_trap(TrapCode::UninitializedElement));
        self.builder
            .ins()
            .trap(clif_trap(TrapCode::IndirectCallTypeMismatch));
        self.builder.switch_to_block(right);
    }

    /// Calls through a table of references: the callee may belong to another instance.
    fn call_funcref(&mut self, ty: u32, index: Value, table: u32) {
        let element = self.element_address(table, index, TrapCode::UndefinedElement);
        let flags = self.env.table();
        let funcref = self.builder.ins().load(POINTER, flags, element, 0);
        self.builder
            .ins()
            .trapz(funcref, clif_trap(TrapCode::UninitializedElement));
        // What a reference points to does not change, but may be gone where the check above has
        // not been passed: these loads must stay below it.
        let flags = self.env.context();
        let load = |this: &mut Self, ty, offset: usize| {
            this.builder.ins().load(ty, flags, funcref, offset as i32)
        };
        let type_id = load(self, types::I32, offset_of!(VmFuncRef, type_id));
        let expected = {
            let offset = self.env.env.plan.layout.type_id(ty) as i32;
            let flags = self.env.context_constant();
            self.builder
                .ins()
                .load(types::I32, flags, self.env.vmctx, offset)
        };
        let differs = self.builder.ins().icmp(IntCC::NotEqual, type_id, expected);
        self.builder
            .ins()
            .trapnz(differs, clif_trap(TrapCode::IndirectCallTypeMismatch));
        let func = offset_of!(VmFuncRef, func);
        let code = load(self, POINTER, func + offset_of!(VmFunc, code));
        let vmctx = load(self, POINTER, func + offset_of!(VmFunc, vmctx));
        self.env.leave_instance(&mut self.builder);
        self.call_code(ty, code, vmctx);
    }
}
