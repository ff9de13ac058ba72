//! Wide arithmetic: 128-bit integers as pairs of 64-bit ones, the lower half first.
//!
//! The code generator knows 128-bit integers, and finds in these forms the machine's instructions:
//! additions and subtractions with carry, and multiplications with two results.

use cranelift_codegen::ir::{InstBuilder as _, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

use types::I128;

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn wide_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I64Add128 => self.wide_binary(|ins, a, b| ins.iadd(a, b)),
            Operator::I64Sub128 => self.wide_binary(|ins, a, b| ins.isub(a, b)),
            Operator::I64MulWideS => self.mul_wide(|ins, a| ins.sextend(I128, a)),
            Operator::I64MulWideU => self.mul_wide(|ins, a| ins.uextend(I128, a)),
            _ => return false,
        }
        true
    }

    fn wide_binary(&mut self, emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value) {
        let second = self.pop_wide();
        let first = self.pop_wide();
        let value = emit(self.builder.ins(), first, second);
        self.push_wide(value);
    }

    fn mul_wide(&mut self, extend: impl Fn(FuncInstBuilder<'_, '_>, Value) -> Value) {
        let [first, second] = self.pop2().map(|half| extend(self.builder.ins(), half));
        let product = self.builder.ins().imul(first, second);
        self.push_wide(product);
    }

    fn pop_wide(&mut self) -> Value {
        let [low, high] = self.pop2();
        self.builder.ins().iconcat(low, high)
    }

    fn push_wide(&mut self, value: Value) {
        let (low, high) = self.builder.ins().isplit(value);
        self.push(low);
        self.push(high);
    }
}
