//! Locals, globals, constants and the plain stack operators.

use cranelift_codegen::ir::{InstBuilder as _, Value, types};
use precast_artifacts_format::{ConstExpr, HeapType, RefType, ValType};
use wasmparser::Operator;

use super::Translator;
use crate::env::{POINTER, clif_type};

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn variable_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::LocalGet { local_index } => {
                let value = self.locals.get(&mut self.builder, local_index);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                let value = self.as_bytes(value);
                self.locals.set(&mut self.builder, local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                let value = self.as_bytes(value);
                self.locals.set(&mut self.builder, local_index, value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => {
                let value = self.global_get(global_index);
                self.push(value);
            }
            Operator::GlobalSet { global_index } => self.global_set(global_index),
            Operator::I32Const { value } => {
                // The code generator wants the upper bits of a narrow constant clear.
                let bits = i64::from(value as u32);
                let value = self.builder.ins().iconst(types::I32, bits);
                self.push(value);
            }
            Operator::I64Const { value } => {
                let value = self.builder.ins().iconst(types::I64, value);
                self.push(value);
            }
            Operator::F32Const { value } => {
                let value = self.f32_constant(value.bits());
                self.push(value);
            }
            Operator::F64Const { value } => {
                let value = self.f64_constant(value.bits());
                self.push(value);
            }
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let [first, second, condition] = self.pop3();
                let (first, second) = (self.as_bytes(first), self.as_bytes(second));
                let value = self.builder.ins().select(condition, first, second);
                // References to exceptions have a type of ours.
                if let Operator::TypedSelect { ty } = *operator
                    && let Ok(ty) = self.env.env.module.val_type(ty, 0)
                {
                    self.keep_findable(value, ty);
                }
                self.push(value);
            }
            _ => return false,
        }
        true
    }

    fn f32_constant(&mut self, bits: u32) -> Value {
        let value = cranelift_codegen::ir::immediates::Ieee32::with_bits(bits);
        self.builder.ins().f32const(value)
    }

    fn f64_constant(&mut self, bits: u64) -> Value {
        let value = cranelift_codegen::ir::immediates::Ieee64::with_bits(bits);
        self.builder.ins().f64const(value)
    }

    fn global_get(&mut self, global: u32) -> Value {
        let known = &self.env.env.plan.const_globals[global as usize];
        match *known {
            Some(ConstExpr::I32(value)) => {
                let bits = i64::from(value as u32);
                self.builder.ins().iconst(types::I32, bits)
            }
            Some(ConstExpr::I64(value)) => self.builder.ins().iconst(types::I64, value),
            Some(ConstExpr::F32(bits)) => self.f32_constant(bits),
            Some(ConstExpr::F64(bits)) => self.f64_constant(bits),
            Some(ConstExpr::V128(bytes)) => self.vector_constant(bytes),
            Some(ConstExpr::RefNull(heap)) => self.null(heap),
            Some(ConstExpr::GlobalGet(_) | ConstExpr::RefFunc(_) | ConstExpr::Ops(_)) | None => {
                let (base, offset) = self.global_place(global);
                let ty = self.env.env.module.global_content(global);
                let flags = self.env.global();
                let value = self.builder.ins().load(clif_type(ty), flags, base, offset);
                self.keep_findable(value, ty);
                value
            }
        }
    }

    fn global_set(&mut self, global: u32) {
        let value = self.pop();
        let value = self.as_bytes(value);
        let (base, offset) = self.global_place(global);
        let flags = self.env.global();
        self.builder.ins().store(flags, value, base, offset);
    }

    fn global_place(&mut self, global: u32) -> (Value, i32) {
        let layout = &self.env.env.plan.layout;
        match global.checked_sub(self.env.env.module.imported_globals) {
            Some(defined) => (self.env.vmctx, layout.global(defined) as i32),
            None => {
                let offset = layout.imported_global(global);
                let vmctx = self.env.vmctx;
                let base = self
                    .env
                    .load_constant_pointer(&mut self.builder, vmctx, offset);
                (base, 0)
            }
        }
    }

    /// The null reference of that type.
    pub(super) fn null(&mut self, heap: HeapType) -> Value {
        self.zero(ValType::Ref(RefType::nullable(heap)))
    }

    /// A reference as an element of a table.
    pub(super) fn as_element(&mut self, reference: Value) -> Value {
        if self.builder.func.dfg.value_type(reference) == POINTER {
            reference
        } else {
            self.builder.ins().uextend(POINTER, reference)
        }
    }
}
