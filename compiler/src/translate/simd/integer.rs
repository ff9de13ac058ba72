//! Arithmetic on vectors of integers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::{Extension, Translator};

use types::{I8X16, I16X8, I32, I32X4, I64X2};

impl Translator<'_, '_> {
    pub(super) fn vector_integer_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Extension::{Signed, Unsigned};
        use Operator as Op;
        match operator {
            Op::I8x16Eq => self.compare_as(I8X16, IntCC::Equal),
            Op::I8x16Ne => self.compare_as(I8X16, IntCC::NotEqual),
            Op::I8x16LtS => self.compare_as(I8X16, IntCC::SignedLessThan),
            Op::I8x16LtU => self.compare_as(I8X16, IntCC::UnsignedLessThan),
            Op::I8x16GtS => self.compare_as(I8X16, IntCC::SignedGreaterThan),
            Op::I8x16GtU => self.compare_as(I8X16, IntCC::UnsignedGreaterThan),
            Op::I8x16LeS => self.compare_as(I8X16, IntCC::SignedLessThanOrEqual),
            Op::I8x16LeU => self.compare_as(I8X16, IntCC::UnsignedLessThanOrEqual),
            Op::I8x16GeS => self.compare_as(I8X16, IntCC::SignedGreaterThanOrEqual),
            Op::I8x16GeU => self.compare_as(I8X16, IntCC::UnsignedGreaterThanOrEqual),
            Op::I16x8Eq => self.compare_as(I16X8, IntCC::Equal),
            Op::I16x8Ne => self.compare_as(I16X8, IntCC::NotEqual),
            Op::I16x8LtS => self.compare_as(I16X8, IntCC::SignedLessThan),
            Op::I16x8LtU => self.compare_as(I16X8, IntCC::UnsignedLessThan),
            Op::I16x8GtS => self.compare_as(I16X8, IntCC::SignedGreaterThan),
            Op::I16x8GtU => self.compare_as(I16X8, IntCC::UnsignedGreaterThan),
            Op::I16x8LeS => self.compare_as(I16X8, IntCC::SignedLessThanOrEqual),
            Op::I16x8LeU => self.compare_as(I16X8, IntCC::UnsignedLessThanOrEqual),
            Op::I16x8GeS => self.compare_as(I16X8, IntCC::SignedGreaterThanOrEqual),
            Op::I16x8GeU => self.compare_as(I16X8, IntCC::UnsignedGreaterThanOrEqual),
            Op::I32x4Eq => self.compare_as(I32X4, IntCC::Equal),
            Op::I32x4Ne => self.compare_as(I32X4, IntCC::NotEqual),
            Op::I32x4LtS => self.compare_as(I32X4, IntCC::SignedLessThan),
            Op::I32x4LtU => self.compare_as(I32X4, IntCC::UnsignedLessThan),
            Op::I32x4GtS => self.compare_as(I32X4, IntCC::SignedGreaterThan),
            Op::I32x4GtU => self.compare_as(I32X4, IntCC::UnsignedGreaterThan),
            Op::I32x4LeS => self.compare_as(I32X4, IntCC::SignedLessThanOrEqual),
            Op::I32x4LeU => self.compare_as(I32X4, IntCC::UnsignedLessThanOrEqual),
            Op::I32x4GeS => self.compare_as(I32X4, IntCC::SignedGreaterThanOrEqual),
            Op::I32x4GeU => self.compare_as(I32X4, IntCC::UnsignedGreaterThanOrEqual),
            Op::I64x2Eq => self.compare_as(I64X2, IntCC::Equal),
            Op::I64x2Ne => self.compare_as(I64X2, IntCC::NotEqual),
            Op::I64x2LtS => self.compare_as(I64X2, IntCC::SignedLessThan),
            Op::I64x2GtS => self.compare_as(I64X2, IntCC::SignedGreaterThan),
            Op::I64x2LeS => self.compare_as(I64X2, IntCC::SignedLessThanOrEqual),
            Op::I64x2GeS => self.compare_as(I64X2, IntCC::SignedGreaterThanOrEqual),

            Op::I8x16Abs => self.unary_as(I8X16, |ins, a| ins.iabs(a)),
            Op::I8x16Neg => self.unary_as(I8X16, |ins, a| ins.ineg(a)),
            Op::I8x16Popcnt => self.unary_as(I8X16, |ins, a| ins.popcnt(a)),
            Op::I8x16AllTrue => self.all_true(I8X16),
            Op::I8x16Bitmask => self.bitmask(I8X16),
            Op::I8x16Shl => self.shift_as(I8X16, |ins, a, count| ins.ishl(a, count)),
            Op::I8x16ShrS => self.shift_as(I8X16, |ins, a, count| ins.sshr(a, count)),
            Op::I8x16ShrU => self.shift_as(I8X16, |ins, a, count| ins.ushr(a, count)),
            Op::I8x16Add => self.binary_as(I8X16, |ins, a, b| ins.iadd(a, b)),
            Op::I8x16AddSatS => self.binary_as(I8X16, |ins, a, b| ins.sadd_sat(a, b)),
            Op::I8x16AddSatU => self.binary_as(I8X16, |ins, a, b| ins.uadd_sat(a, b)),
            Op::I8x16Sub => self.binary_as(I8X16, |ins, a, b| ins.isub(a, b)),
            Op::I8x16SubSatS => self.binary_as(I8X16, |ins, a, b| ins.ssub_sat(a, b)),
            Op::I8x16SubSatU => self.binary_as(I8X16, |ins, a, b| ins.usub_sat(a, b)),
            Op::I8x16MinS => self.binary_as(I8X16, |ins, a, b| ins.smin(a, b)),
            Op::I8x16MinU => self.binary_as(I8X16, |ins, a, b| ins.umin(a, b)),
            Op::I8x16MaxS => self.binary_as(I8X16, |ins, a, b| ins.smax(a, b)),
            Op::I8x16MaxU => self.binary_as(I8X16, |ins, a, b| ins.umax(a, b)),
            Op::I8x16AvgrU => self.binary_as(I8X16, |ins, a, b| ins.avg_round(a, b)),

            Op::I16x8Abs => self.unary_as(I16X8, |ins, a| ins.iabs(a)),
            Op::I16x8Neg => self.unary_as(I16X8, |ins, a| ins.ineg(a)),
            Op::I16x8AllTrue => self.all_true(I16X8),
            Op::I16x8Bitmask => self.bitmask(I16X8),
            Op::I16x8Shl => self.shift_as(I16X8, |ins, a, count| ins.ishl(a, count)),
            Op::I16x8ShrS => self.shift_as(I16X8, |ins, a, count| ins.sshr(a, count)),
            Op::I16x8ShrU => self.shift_as(I16X8, |ins, a, count| ins.ushr(a, count)),
            Op::I16x8Add => self.binary_as(I16X8, |ins, a, b| ins.iadd(a, b)),
            Op::I16x8AddSatS => self.binary_as(I16X8, |ins, a, b| ins.sadd_sat(a, b)),
            Op::I16x8AddSatU => self.binary_as(I16X8, |ins, a, b| ins.uadd_sat(a, b)),
            Op::I16x8Sub => self.binary_as(I16X8, |ins, a, b| ins.isub(a, b)),
            Op::I16x8SubSatS => self.binary_as(I16X8, |ins, a, b| ins.ssub_sat(a, b)),
            Op::I16x8SubSatU => self.binary_as(I16X8, |ins, a, b| ins.usub_sat(a, b)),
            Op::I16x8Mul => self.binary_as(I16X8, |ins, a, b| ins.imul(a, b)),
            Op::I16x8MinS => self.binary_as(I16X8, |ins, a, b| ins.smin(a, b)),
            Op::I16x8MinU => self.binary_as(I16X8, |ins, a, b| ins.umin(a, b)),
            Op::I16x8MaxS => self.binary_as(I16X8, |ins, a, b| ins.smax(a, b)),
            Op::I16x8MaxU => self.binary_as(I16X8, |ins, a, b| ins.umax(a, b)),
            Op::I16x8AvgrU => self.binary_as(I16X8, |ins, a, b| ins.avg_round(a, b)),
            Op::I16x8Q15MulrSatS => self.binary_as(I16X8, |ins, a, b| ins.sqmul_round_sat(a, b)),

            Op::I32x4Abs => self.unary_as(I32X4, |ins, a| ins.iabs(a)),
            Op::I32x4Neg => self.unary_as(I32X4, |ins, a| ins.ineg(a)),
            Op::I32x4AllTrue => self.all_true(I32X4),
            Op::I32x4Bitmask => self.bitmask(I32X4),
            Op::I32x4Shl => self.shift_as(I32X4, |ins, a, count| ins.ishl(a, count)),
            Op::I32x4ShrS => self.shift_as(I32X4, |ins, a, count| ins.sshr(a, count)),
            Op::I32x4ShrU => self.shift_as(I32X4, |ins, a, count| ins.ushr(a, count)),
            Op::I32x4Add => self.binary_as(I32X4, |ins, a, b| ins.iadd(a, b)),
            Op::I32x4Sub => self.binary_as(I32X4, |ins, a, b| ins.isub(a, b)),
            Op::I32x4Mul => self.binary_as(I32X4, |ins, a, b| ins.imul(a, b)),
            Op::I32x4MinS => self.binary_as(I32X4, |ins, a, b| ins.smin(a, b)),
            Op::I32x4MinU => self.binary_as(I32X4, |ins, a, b| ins.umin(a, b)),
            Op::I32x4MaxS => self.binary_as(I32X4, |ins, a, b| ins.smax(a, b)),
            Op::I32x4MaxU => self.binary_as(I32X4, |ins, a, b| ins.umax(a, b)),
            Op::I32x4DotI16x8S => self.dot(),

            Op::I64x2Abs => self.unary_as(I64X2, |ins, a| ins.iabs(a)),
            Op::I64x2Neg => self.unary_as(I64X2, |ins, a| ins.ineg(a)),
            Op::I64x2AllTrue => self.all_true(I64X2),
            Op::I64x2Bitmask => self.bitmask(I64X2),
            Op::I64x2Shl => self.shift_as(I64X2, |ins, a, count| ins.ishl(a, count)),
            Op::I64x2ShrS => self.shift_as(I64X2, |ins, a, count| ins.sshr(a, count)),
            Op::I64x2ShrU => self.shift_as(I64X2, |ins, a, count| ins.ushr(a, count)),
            Op::I64x2Add => self.binary_as(I64X2, |ins, a, b| ins.iadd(a, b)),
            Op::I64x2Sub => self.binary_as(I64X2, |ins, a, b| ins.isub(a, b)),
            Op::I64x2Mul => self.binary_as(I64X2, |ins, a, b| ins.imul(a, b)),

            Op::I16x8ExtMulLowI8x16S => self.extmul(I8X16, |ins, a| ins.swiden_low(a)),
            Op::I16x8ExtMulHighI8x16S => self.extmul(I8X16, |ins, a| ins.swiden_high(a)),
            Op::I16x8ExtMulLowI8x16U => self.extmul(I8X16, |ins, a| ins.uwiden_low(a)),
            Op::I16x8ExtMulHighI8x16U => self.extmul(I8X16, |ins, a| ins.uwiden_high(a)),
            Op::I16x8ExtAddPairwiseI8x16S => self.extadd_pairwise(I8X16, Signed),
            Op::I16x8ExtAddPairwiseI8x16U => self.extadd_pairwise(I8X16, Unsigned),
            Op::I32x4ExtMulLowI16x8S => self.extmul(I16X8, |ins, a| ins.swiden_low(a)),
            Op::I32x4ExtMulHighI16x8S => self.extmul(I16X8, |ins, a| ins.swiden_high(a)),
            Op::I32x4ExtMulLowI16x8U => self.extmul(I16X8, |ins, a| ins.uwiden_low(a)),
            Op::I32x4ExtMulHighI16x8U => self.extmul(I16X8, |ins, a| ins.uwiden_high(a)),
            Op::I32x4ExtAddPairwiseI16x8S => self.extadd_pairwise(I16X8, Signed),
            Op::I32x4ExtAddPairwiseI16x8U => self.extadd_pairwise(I16X8, Unsigned),
            Op::I64x2ExtMulLowI32x4S => self.extmul(I32X4, |ins, a| ins.swiden_low(a)),
            Op::I64x2ExtMulHighI32x4S => self.extmul(I32X4, |ins, a| ins.swiden_high(a)),
            Op::I64x2ExtMulLowI32x4U => self.extmul(I32X4, |ins, a| ins.uwiden_low(a)),
            Op::I64x2ExtMulHighI32x4U => self.extmul(I32X4, |ins, a| ins.uwiden_high(a)),
            _ => return false,
        }
        true
    }

    /// Compares lanes; those for which it holds become all ones, the others all zeros.
    fn compare_as(&mut self, ty: Type, condition: IntCC) {
        self.binary_as(ty, |ins, a, b| ins.icmp(condition, a, b));
    }

    /// Shifts all lanes. The code generator's shifts take their count modulo the width of a lane, as
    /// WebAssembly's do.
    fn shift_as(
        &mut self,
        ty: Type,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let count = self.pop();
        self.unary_as(ty, |ins, vector| emit(ins, vector, count));
    }

    fn all_true(&mut self, ty: Type) {
        let vector = self.pop_as(ty);
        let all = self.builder.ins().vall_true(vector);
        self.push_bool(all);
    }

    fn bitmask(&mut self, ty: Type) {
        self.unary_as(ty, |ins, vector| ins.vhigh_bits(I32, vector));
    }

    /// Multiplies the lanes that `widen` takes from the operands, which are vectors of `ty`.
    fn extmul(&mut self, ty: Type, widen: impl Fn(FuncInstBuilder<'_, '_>, Value) -> Value) {
        let wide = self
            .pop2_as(ty)
            .map(|vector| widen(self.builder.ins(), vector));
        let product = self.builder.ins().imul(wide[0], wide[1]);
        self.push(product);
    }

    /// Adds each two neighbouring lanes of `ty` into one of twice the width.
    pub(super) fn extadd_pairwise(&mut self, ty: Type, extend: Extension) {
        let vector = self.pop_as(ty);
        let [low, high] = self.widen_halves(vector, extend);
        let sums = self.builder.ins().iadd_pairwise(low, high);
        self.push(sums);
    }

    /// Multiplies lanes of 16 bits and adds each two neighbouring products.
    fn dot(&mut self) {
        let [first, second] = self.pop2_as(I16X8);
        let first = self.widen_halves(first, Extension::Signed);
        let second = self.widen_halves(second, Extension::Signed);
        let low = self.builder.ins().imul(first[0], second[0]);
        let high = self.builder.ins().imul(first[1], second[1]);
        let sums = self.builder.ins().iadd_pairwise(low, high);
        self.push(sums);
    }

    fn widen_halves(&mut self, vector: Value, extend: Extension) -> [Value; 2] {
        match extend {
            Extension::Signed => [
                self.builder.ins().swiden_low(vector),
                self.builder.ins().swiden_high(vector),
            ],
            Extension::Unsigned => [
                self.builder.ins().uwiden_low(vector),
                self.builder.ins().uwiden_high(vector),
            ],
        }
    }
}
