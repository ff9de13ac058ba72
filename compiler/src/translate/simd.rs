//! Vector operators.
//!
//! A vector on the operand stack has whatever lanes the operator before left it with. Each operator
//! here looks at its operands as the lanes it wants and pushes its result as it comes; between
//! blocks and functions all vectors are bytes.

mod convert;
mod float;
mod integer;
mod lanes;
mod memory;
mod relaxed;
#[cfg(test)]
mod tests;

use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

use types::I8X16;

/// How narrow lanes become wider ones.
#[derive(Clone, Copy)]
enum Extension {
    Signed,
    Unsigned,
}

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn simd_operator(&mut self, operator: &Operator<'_>) -> bool {
        self.vector_memory_operator(operator)
            || self.lane_operator(operator)
            || self.bitwise_operator(operator)
            || self.vector_integer_operator(operator)
            || self.vector_float_operator(operator)
            || self.vector_conversion_operator(operator)
            || self.relaxed_operator(operator)
    }

    fn bitwise_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::V128Not => self.unary_as(I8X16, |ins, a| ins.bnot(a)),
            Op::V128And => self.binary_as(I8X16, |ins, a, b| ins.band(a, b)),
            Op::V128AndNot => self.binary_as(I8X16, |ins, a, b| ins.band_not(a, b)),
            Op::V128Or => self.binary_as(I8X16, |ins, a, b| ins.bor(a, b)),
            Op::V128Xor => self.binary_as(I8X16, |ins, a, b| ins.bxor(a, b)),
            Op::V128Bitselect => self.bitselect(),
            Op::V128AnyTrue => {
                let vector = self.pop_as(I8X16);
                let any = self.builder.ins().vany_true(vector);
                self.push_bool(any);
            }
            _ => return false,
        }
        true
    }

    fn bitselect(&mut self) {
        let [ones, zeros, mask] = self.pop3();
        // In the mask's own type, so that a comparison can be told from any other mask: its lanes
        // are all ones or all zeros, for which there are better instructions.
        let ty = self.builder.func.dfg.value_type(mask);
        let [ones, zeros] = [ones, zeros].map(|vector| self.as_vector(vector, ty));
        let value = self.builder.ins().bitselect(mask, ones, zeros);
        self.push(value);
    }

    fn pop_as(&mut self, ty: Type) -> Value {
        let vector = self.pop();
        self.as_vector(vector, ty)
    }

    fn pop2_as(&mut self, ty: Type) -> [Value; 2] {
        self.pop2().map(|vector| self.as_vector(vector, ty))
    }

    fn pop3_as(&mut self, ty: Type) -> [Value; 3] {
        self.pop3().map(|vector| self.as_vector(vector, ty))
    }

    fn unary_as(&mut self, ty: Type, emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value) -> Value) {
        let operand = self.pop_as(ty);
        let value = emit(self.builder.ins(), operand);
        self.push(value);
    }

    fn binary_as(
        &mut self,
        ty: Type,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let [first, second] = self.pop2_as(ty);
        let value = emit(self.builder.ins(), first, second);
        self.push(value);
    }
}
