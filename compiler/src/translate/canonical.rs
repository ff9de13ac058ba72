//! Canonical NaNs, in code that is to be deterministic: which NaN arithmetic makes is left open by
//! WebAssembly, and differs between machines and with the order of operands.
//!
//! # The idea
//!
//! ```text
//! after each operator of float arithmetic: if result != result { result = canonical NaN }
//! ```
//!
//! # Departure from it
//!
//! Arithmetic, comparisons and conversions to integers only ask whether an operand is a NaN, not
//! which. So results stay on the operand stack as they came, and are made canonical when anything
//! else takes them from there: a local, memory, a branch, an operator that looks at bits. Of a
//! whole expression that is once.
//!
//! The code generator has a pass of its own for this, which does it after each instruction.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder as _, Opcode, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;

use super::Translator;

use types::{F32, F32X4, F64X2};

impl Translator<'_, '_> {
    /// The value, with canonical NaNs if the code is to be deterministic.
    pub(super) fn settled(&mut self, value: Value) -> Value {
        if self.env.env.deterministic && self.is_arithmetic(value) {
            self.canonical(value)
        } else {
            value
        }
    }

    /// Whether the value comes straight from arithmetic on floats.
    fn is_arithmetic(&self, value: Value) -> bool {
        let dfg = &self.builder.func.dfg;
        let Some(inst) = dfg.value_def(value).inst() else {
            return false;
        };
        matches!(
            dfg.insts[inst].opcode(),
            Opcode::Fadd
                | Opcode::Fsub
                | Opcode::Fmul
                | Opcode::Fdiv
                | Opcode::Fma
                | Opcode::Fmin
                | Opcode::Fmax
                | Opcode::Sqrt
                | Opcode::Ceil
                | Opcode::Floor
                | Opcode::Trunc
                | Opcode::Nearest
                | Opcode::Fdemote
                | Opcode::Fpromote
                | Opcode::Fvdemote
                | Opcode::FvpromoteLow
        )
    }

    fn canonical(&mut self, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        let nan = match ty.lane_type() {
            F32 => self.builder.ins().f32const(Ieee32::NAN),
            _ => self.builder.ins().f64const(Ieee64::NAN),
        };
        let unordered = FloatCC::Unordered;
        let is_nan = self.builder.ins().fcmp(unordered, value, value);
        if !ty.is_vector() {
            return self.builder.ins().select(is_nan, nan, value);
        }
        let nan = self.builder.ins().splat(ty, nan);
        let is_nan = self.as_vector(is_nan, ty);
        self.builder.ins().bitselect(is_nan, nan, value)
    }

    /// Pops an operand of which it does not matter which NaN it is.
    pub(super) fn pop_float(&mut self) -> Value {
        self.stack.pop().expect("validated: an operand is there")
    }

    pub(super) fn pop2_floats(&mut self) -> [Value; 2] {
        let second = self.pop_float();
        [self.pop_float(), second]
    }

    /// As [`Self::unary`], for arithmetic and conversions.
    pub(super) fn float_unary(
        &mut self,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value) -> Value,
    ) {
        let operand = self.pop_float();
        let value = emit(self.builder.ins(), operand);
        self.push(value);
    }

    /// As [`Self::binary`], for arithmetic.
    pub(super) fn float_binary(
        &mut self,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let [first, second] = self.pop2_floats();
        let value = emit(self.builder.ins(), first, second);
        self.push(value);
    }

    /// As [`Self::pop_float`], for a vector of `ty`.
    pub(super) fn pop_floats_as(&mut self, ty: Type) -> Value {
        debug_assert!(ty == F32X4 || ty == F64X2, "lanes are floats");
        let value = self.pop_float();
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        // Lanes of another width look at its bits.
        let value = self.settled(value);
        self.as_vector(value, ty)
    }

    /// As [`Self::unary_as`], for arithmetic and conversions.
    pub(super) fn float_unary_as(
        &mut self,
        ty: Type,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value) -> Value,
    ) {
        let operand = self.pop_floats_as(ty);
        let value = emit(self.builder.ins(), operand);
        self.push(value);
    }

    /// As [`Self::binary_as`], for arithmetic.
    pub(super) fn float_binary_as(
        &mut self,
        ty: Type,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let second = self.pop_floats_as(ty);
        let first = self.pop_floats_as(ty);
        let value = emit(self.builder.ins(), first, second);
        self.push(value);
    }
}
