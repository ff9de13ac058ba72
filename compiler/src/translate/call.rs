//! Calls: direct, to imports, through tables and through references; and all of these as tail
//! calls.
//!
//! A call is made in two steps: find the callee (code, vmctx, type), and go there. Only the second
//! differs between a call and a tail call.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, InstBuilder as _, Value, types};
use precast_artifacts_format::abi::{VmFunc, VmFuncRef};
use precast_artifacts_format::{
    CONST_TABLE_ENTRY_BYTES, HeapType, NULL_TYPE_ID, RuntimeSymbol, TrapCode, ValType,
};
use wasmparser::Operator;

use super::{Translator, Values};
use crate::env::POINTER;
use crate::plan::TablePlace;
use crate::trap::clif_trap;

/// Whether the caller's frame stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    /// The callee returns to whoever called the caller.
    TailCall,
}

/// Who is called.
#[derive(Clone, Copy)]
struct Callee {
    /// Its unique type.
    ty: u32,
    code: Code,
    vmctx: Value,
}

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Code {
    /// A function of the module's.
    Defined(FuncRef),
    /// At this address.
    At(Value),
}

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Kind::{Call, TailCall};
        match *operator {
            Operator::Call { function_index } => self.call(function_index, Call),
            Operator::ReturnCall { function_index } => self.call(function_index, TailCall),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index, Call),
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index, TailCall),
            Operator::CallRef { type_index } => self.call_ref(type_index, Call),
            Operator::ReturnCallRef { type_index } => self.call_ref(type_index, TailCall),
            _ => return false,
        }
        true
    }

    fn call(&mut self, func_index: u32, kind: Kind) {
        let module = self.env.env.module;
        let ty = module.funcs[func_index as usize];
        let callee = match module.defined_func(func_index) {
            Some(defined) => Callee {
                ty,
                code: Code::Defined(self.env.defined(self.builder.func, defined)),
                vmctx: self.env.vmctx,
            },
            None => {
                let place = self.env.env.plan.layout.imported_func(func_index);
                let vmctx = self.env.vmctx;
                let [code, callee_vmctx] = [offset_of!(VmFunc, code), offset_of!(VmFunc, vmctx)]
                    .map(|field| {
                        let offset = place + field as u32;
                        self.env
                            .load_constant_pointer(&mut self.builder, vmctx, offset)
                    });
                self.env.leave_instance(&mut self.builder);
                Callee {
                    ty,
                    code: Code::At(code),
                    vmctx: callee_vmctx,
                }
            }
        };
        self.go_to(callee, kind);
    }

    /// Calls with the operands on the stack.
    fn go_to(&mut self, callee: Callee, kind: Kind) {
        let params = self.env.env.module.type_at(callee.ty).params.len();
        let mut args: Values = self.pop_many(params);
        args.insert(0, callee.vmctx);
        if kind == Kind::TailCall {
            self.tell_tail_call();
            match callee.code {
                Code::Defined(func) => self.builder.ins().return_call(func, &args),
                Code::At(code) => {
                    let signature = self.env.signature(self.builder.func, callee.ty);
                    self.builder
                        .ins()
                        .return_call_indirect(signature, code, &args)
                }
            };
            self.reachable = false;
            return;
        }
        let results = self.emit_call(callee, &args);
        self.extent.passed_values += results.len();
        let types = &self.env.env.module.type_at(callee.ty).results;
        for (&result, &ty) in results.iter().zip(types) {
            self.keep_findable(result, ty);
        }
        self.stack.extend(results);
    }

    /// Makes a call that comes back here; gives its results.
    fn emit_call(&mut self, callee: Callee, args: &[Value]) -> Values {
        let signature = self.env.signature(self.builder.func, callee.ty);
        if self.exceptions.are_handled() {
            return self.try_call(callee.code, signature, args);
        }
        let call = match callee.code {
            Code::Defined(func) => self.builder.ins().call(func, args),
            Code::At(code) => self.builder.ins().call_indirect(signature, code, args),
        };
        self.builder.inst_results(call).into()
    }

    fn call_indirect(&mut self, type_index: u32, table: u32, kind: Kind) {
        let ty = self.env.env.module.unique_type(type_index);
        let index = self.pop();
        let callee = match self.env.env.plan.tables[table as usize] {
            TablePlace::Constant { offset, length } => {
                self.callee_of_constant(ty, index, offset, length)
            }
            TablePlace::Imported(_) | TablePlace::Vmctx(_) => {
                self.callee_of_table(ty, index, table)
            }
        };
        self.go_to(callee, kind);
    }

    fn call_ref(&mut self, type_index: u32, kind: Kind) {
        let ty = self.env.env.module.unique_type(type_index);
        let funcref = self.pop();
        let callee = self.callee_of_ref(ty, funcref, Some(TrapCode::NullReference));
        self.go_to(callee, kind);
    }

    /// The callee in a constant table: whatever is in it belongs to this instance, and its type is
    /// a number known now.
    fn callee_of_constant(
        &mut self,
        ty: u32,
        index: Value,
        table_offset: u32,
        length: u32,
    ) -> Callee {
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
        Callee {
            ty,
            code: Code::At(self.builder.ins().iadd(table, code_offset)),
            vmctx: self.env.vmctx,
        }
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

    /// The callee in a table of references: it may belong to another instance.
    fn callee_of_table(&mut self, ty: u32, index: Value, table: u32) -> Callee {
        let element = self.element_address(table, index, TrapCode::UndefinedElement);
        let flags = self.env.table();
        let funcref = self.builder.ins().load(POINTER, flags, element, 0);
        let element_type = self.env.env.module.tables[table as usize].element;
        let type_is_known = matches!(
            element_type,
            ValType::Ref(element) if element.heap == HeapType::Concrete(ty)
        );
        let on_null = TrapCode::UninitializedElement;
        if type_is_known {
            return self.callee_of_ref(ty, funcref, Some(on_null));
        }
        self.check_type_of_ref(ty, funcref, on_null);
        self.callee_of_ref(ty, funcref, None)
    }

    /// What a reference to a function of the unique type `ty` refers to. Traps if it is null, or
    /// else it is known not to be.
    fn callee_of_ref(&mut self, ty: u32, funcref: Value, on_null: Option<TrapCode>) -> Callee {
        let func = offset_of!(VmFuncRef, func);
        let code = func + offset_of!(VmFunc, code);
        let code = self.load_of_ref(POINTER, funcref, code, on_null);
        let vmctx = func + offset_of!(VmFunc, vmctx);
        let vmctx = self.load_of_ref(POINTER, funcref, vmctx, None);
        self.env.leave_instance(&mut self.builder);
        Callee {
            ty,
            code: Code::At(code),
            vmctx,
        }
    }

    /// Loads a part of what a reference points to. The first such load traps if that is null: the
    /// fault at such a low address is taken for the trap. What is loaded never changes, but the
    /// others must stay below the first.
    fn load_of_ref(
        &mut self,
        ty: types::Type,
        funcref: Value,
        offset: usize,
        on_null: Option<TrapCode>,
    ) -> Value {
        let mut flags = self.env.context();
        if let Some(code) = on_null {
            flags = flags.with_trap_code(Some(clif_trap(code)));
        }
        self.builder.ins().load(ty, flags, funcref, offset as i32)
    }

    /// Traps unless the function that a reference refers to is of the unique type `ty`, or if it
    /// is null.
    fn check_type_of_ref(&mut self, ty: u32, funcref: Value, on_null: TrapCode) {
        let offset = offset_of!(VmFuncRef, type_id);
        let type_id = self.load_of_ref(types::I32, funcref, offset, Some(on_null));
        let expected = {
            let offset = self.env.env.plan.layout.type_id(ty) as i32;
            let flags = self.env.context_constant();
            self.builder
                .ins()
                .load(types::I32, flags, self.env.vmctx, offset)
        };
        let differs = self.builder.ins().icmp(IntCC::NotEqual, type_id, expected);
        let mismatch = clif_trap(TrapCode::IndirectCallTypeMismatch);
        if self.env.env.module.types[ty as usize].is_final {
            self.builder.ins().trapnz(differs, mismatch);
            return;
        }
        // It may be of a subtype, which only the engine knows.
        let ask = self.builder.create_block();
        let right = self.builder.create_block();
        self.builder.set_cold_block(ask);
        self.builder.ins().brif(differs, ask, &[], right, &[]);
        self.builder.seal_block(ask);
        self.builder.switch_to_block(ask);
        let status = self.call_runtime(RuntimeSymbol::CheckSubtype, &[type_id, expected]);
        let status = status.expect("a check gives a status");
        self.builder.ins().trapnz(status, mismatch);
        self.builder.ins().jump(right, &[]);
        self.builder.seal_block(right);
        self.builder.switch_to_block(right);
    }
}
