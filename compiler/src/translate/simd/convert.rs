//! Conversions between vectors of different lanes.

use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use wasmparser::Operator;

use super::Translator;

use types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};

impl Translator<'_, '_> {
    pub(super) fn vector_conversion_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::I16x8ExtendLowI8x16S => self.unary_as(I8X16, |ins, a| ins.swiden_low(a)),
            Op::I16x8ExtendHighI8x16S => self.unary_as(I8X16, |ins, a| ins.swiden_high(a)),
            Op::I16x8ExtendLowI8x16U => self.unary_as(I8X16, |ins, a| ins.uwiden_low(a)),
            Op::I16x8ExtendHighI8x16U => self.unary_as(I8X16, |ins, a| ins.uwiden_high(a)),
            Op::I32x4ExtendLowI16x8S => self.unary_as(I16X8, |ins, a| ins.swiden_low(a)),
            Op::I32x4ExtendHighI16x8S => self.unary_as(I16X8, |ins, a| ins.swiden_high(a)),
            Op::I32x4ExtendLowI16x8U => self.unary_as(I16X8, |ins, a| ins.uwiden_low(a)),
            Op::I32x4ExtendHighI16x8U => self.unary_as(I16X8, |ins, a| ins.uwiden_high(a)),
            Op::I64x2ExtendLowI32x4S => self.unary_as(I32X4, |ins, a| ins.swiden_low(a)),
            Op::I64x2ExtendHighI32x4S => self.unary_as(I32X4, |ins, a| ins.swiden_high(a)),
            Op::I64x2ExtendLowI32x4U => self.unary_as(I32X4, |ins, a| ins.uwiden_low(a)),
            Op::I64x2ExtendHighI32x4U => self.unary_as(I32X4, |ins, a| ins.uwiden_high(a)),
            Op::I8x16NarrowI16x8S => self.binary_as(I16X8, |ins, a, b| ins.snarrow(a, b)),
            Op::I8x16NarrowI16x8U => self.binary_as(I16X8, |ins, a, b| ins.unarrow(a, b)),
            Op::I16x8NarrowI32x4S => self.binary_as(I32X4, |ins, a, b| ins.snarrow(a, b)),
            Op::I16x8NarrowI32x4U => self.binary_as(I32X4, |ins, a, b| ins.unarrow(a, b)),

            Op::I32x4TruncSatF32x4S => {
                self.float_unary_as(F32X4, |ins, a| ins.fcvt_to_sint_sat(I32X4, a))
            }
            Op::I32x4TruncSatF32x4U => {
                self.float_unary_as(F32X4, |ins, a| ins.fcvt_to_uint_sat(I32X4, a))
            }
            Op::I32x4TruncSatF64x2SZero => self.trunc_sat_signed_double(),
            Op::I32x4TruncSatF64x2UZero => self.trunc_sat_unsigned_double(),
            Op::F32x4ConvertI32x4S => self.unary_as(I32X4, |ins, a| ins.fcvt_from_sint(F32X4, a)),
            Op::F32x4ConvertI32x4U => self.unary_as(I32X4, |ins, a| ins.fcvt_from_uint(F32X4, a)),
            Op::F64x2ConvertLowI32x4S => {
                self.unary_as(I32X4, |ins, a| ins.swiden_low(a));
                self.unary(|ins, a| ins.fcvt_from_sint(F64X2, a));
            }
            Op::F64x2ConvertLowI32x4U => {
                self.unary_as(I32X4, |ins, a| ins.uwiden_low(a));
                self.unary(|ins, a| ins.fcvt_from_uint(F64X2, a));
            }
            Op::F32x4DemoteF64x2Zero => self.float_unary_as(F64X2, |ins, a| ins.fvdemote(a)),
            Op::F64x2PromoteLowF32x4 => self.float_unary_as(F32X4, |ins, a| ins.fvpromote_low(a)),
            _ => return false,
        }
        true
    }

    // Both saturate at 64 bits, then at 32, next to a second half of zeros: the code generator knows
    // the conversions in just this form.

    pub(super) fn trunc_sat_signed_double(&mut self) {
        let zero = self.zero_vector(I64X2);
        self.float_unary_as(F64X2, |ins, a| ins.fcvt_to_sint_sat(I64X2, a));
        self.unary(|ins, a| ins.snarrow(a, zero));
    }

    pub(super) fn trunc_sat_unsigned_double(&mut self) {
        let zero = self.zero_vector(I64X2);
        self.float_unary_as(F64X2, |ins, a| ins.fcvt_to_uint_sat(I64X2, a));
        self.unary(|ins, a| ins.uunarrow(a, zero));
    }

    /// A vector of `ty` with all bits clear.
    pub(super) fn zero_vector(&mut self, ty: Type) -> Value {
        let zero = self.builder.func.dfg.constants.insert([0; 16][..].into());
        self.builder.ins().vconst(ty, zero)
    }
}
