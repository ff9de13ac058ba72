//! Relaxed operators: those that may do in corner cases what the machine does.
//!
//! For each the specification lists what it may do there (core specification 3.0, 4.3.6 "Relaxed
//! Operations"), and wants one choice for a whole program. The first of each list is what the
//! deterministic profile prescribes; it is taken where that is asked for, and where the machine has
//! nothing better:
//!
//! | operator | deterministic | otherwise | where |
//! |---|---|---|---|
//! | swizzle | other indices give 0 | those below 128 count modulo 16 | SSSE3 |
//! | trunc, signed | NaN gives 0, the rest saturates | all give the least integer | x86-64 |
//! | trunc, unsigned | NaN gives 0, the rest saturates | | |
//! | madd, nmadd | rounded twice | rounded once | FMA, aarch64 |
//! | min, max | as `min`, `max` | as `pmin`, `pmax` | x86-64 |
//! | laneselect | bit by bit | by each lane's highest bit | SSE4.1, not for 16 bits |
//! | q15mulr | −1 × −1 saturates | it wraps | SSSE3 |
//! | dot | both operands are signed | the second is unsigned | SSSE3 |

use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use target_lexicon::Architecture;
use wasmparser::Operator;

use super::{Extension, Translator};

use types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};

impl Translator<'_, '_> {
    pub(super) fn relaxed_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::I8x16RelaxedSwizzle => self.relaxed_swizzle(),
            Op::I32x4RelaxedTruncF32x4S => self.relaxed_trunc_single(),
            Op::I32x4RelaxedTruncF64x2SZero => self.relaxed_trunc_double(),
            Op::I32x4RelaxedTruncF32x4U => {
                self.float_unary_as(F32X4, |ins, a| ins.fcvt_to_uint_sat(I32X4, a));
            }
            Op::I32x4RelaxedTruncF64x2UZero => self.trunc_sat_unsigned_double(),
            Op::F32x4RelaxedMadd => self.relaxed_madd(F32X4, false),
            Op::F32x4RelaxedNmadd => self.relaxed_madd(F32X4, true),
            Op::F64x2RelaxedMadd => self.relaxed_madd(F64X2, false),
            Op::F64x2RelaxedNmadd => self.relaxed_madd(F64X2, true),
            Op::I8x16RelaxedLaneselect => self.relaxed_laneselect(I8X16),
            Op::I16x8RelaxedLaneselect => self.relaxed_laneselect(I16X8),
            Op::I32x4RelaxedLaneselect => self.relaxed_laneselect(I32X4),
            Op::I64x2RelaxedLaneselect => self.relaxed_laneselect(I64X2),
            Op::F32x4RelaxedMin => self.relaxed_min(F32X4),
            Op::F32x4RelaxedMax => self.relaxed_max(F32X4),
            Op::F64x2RelaxedMin => self.relaxed_min(F64X2),
            Op::F64x2RelaxedMax => self.relaxed_max(F64X2),
            Op::I16x8RelaxedQ15mulrS => self.relaxed_q15mulr(),
            Op::I16x8RelaxedDotI8x16I7x16S => self.relaxed_dot(),
            Op::I32x4RelaxedDotI8x16I7x16AddS => self.relaxed_dot_add(),
            _ => return false,
        }
        true
    }

    /// Whether the machine may have its way. Not on aarch64, whose instructions do what the
    /// deterministic profile says, but for `madd`.
    fn as_x86_likes(&self) -> bool {
        let env = self.env.env;
        !env.deterministic && env.isa.triple().architecture == Architecture::X86_64
    }

    fn relaxed_swizzle(&mut self) {
        if self.as_x86_likes() && self.env.env.isa.has_x86_pshufb_lowering() {
            self.binary_as(I8X16, |ins, a, b| ins.x86_pshufb(a, b));
        } else {
            self.binary_as(I8X16, |ins, a, b| ins.swizzle(a, b));
        }
    }

    fn relaxed_trunc_single(&mut self) {
        if self.as_x86_likes() {
            self.float_unary_as(F32X4, |ins, a| ins.x86_cvtt2dq(I32X4, a));
        } else {
            self.float_unary_as(F32X4, |ins, a| ins.fcvt_to_sint_sat(I32X4, a));
        }
    }

    fn relaxed_trunc_double(&mut self) {
        if !self.as_x86_likes() {
            return self.trunc_sat_signed_double();
        }
        // One instruction, whatever the types say, if it stands in just this form.
        let zero = self.zero_vector(I64X2);
        self.float_unary_as(F64X2, |ins, a| ins.x86_cvtt2dq(I64X2, a));
        self.unary(|ins, a| ins.snarrow(a, zero));
    }

    /// `first × second + third`, or `−(first × second) + third`.
    fn relaxed_madd(&mut self, ty: Type, negated: bool) {
        let third = self.pop_floats_as(ty);
        let second = self.pop_floats_as(ty);
        let mut first = self.pop_floats_as(ty);
        if negated {
            first = self.builder.ins().fneg(first);
        }
        let env = self.env.env;
        let value = if !env.deterministic && env.isa.has_native_fma() {
            self.builder.ins().fma(first, second, third)
        } else {
            let product = self.builder.ins().fmul(first, second);
            self.builder.ins().fadd(product, third)
        };
        self.push(value);
    }

    fn relaxed_laneselect(&mut self, ty: Type) {
        let [ones, zeros, mask] = self.pop3_as(ty);
        let value = if self.as_x86_likes() && self.env.env.isa.has_blendv_lowering(ty) {
            self.builder.ins().blendv(mask, ones, zeros)
        } else {
            self.builder.ins().bitselect(mask, ones, zeros)
        };
        self.push(value);
    }

    fn relaxed_min(&mut self, ty: Type) {
        if self.as_x86_likes() {
            self.pseudo_min(ty);
        } else {
            self.float_binary_as(ty, |ins, a, b| ins.fmin(a, b));
        }
    }

    fn relaxed_max(&mut self, ty: Type) {
        if self.as_x86_likes() {
            self.pseudo_max(ty);
        } else {
            self.float_binary_as(ty, |ins, a, b| ins.fmax(a, b));
        }
    }

    fn relaxed_q15mulr(&mut self) {
        if self.as_x86_likes() && self.env.env.isa.has_x86_pmulhrsw_lowering() {
            self.binary_as(I16X8, |ins, a, b| ins.x86_pmulhrsw(a, b));
        } else {
            self.binary_as(I16X8, |ins, a, b| ins.sqmul_round_sat(a, b));
        }
    }

    /// Multiplies bytes and adds each two neighbouring products, saturating. In the second operand
    /// programs use seven bits only, so that it makes no difference whether it is signed.
    fn relaxed_dot(&mut self) {
        if self.as_x86_likes() && self.env.env.isa.has_x86_pmaddubsw_lowering() {
            return self.binary_as(I8X16, |ins, a, b| ins.x86_pmaddubsw(a, b));
        }
        // Products fit into 16 bits; of the sums all do but that of four times −128.
        let [first, second] = self.pop2_as(I16X8);
        let [first_even, first_odd] = self.split_bytes(first);
        let [second_even, second_odd] = self.split_bytes(second);
        let even = self.builder.ins().imul(first_even, second_even);
        let odd = self.builder.ins().imul(first_odd, second_odd);
        let sums = self.builder.ins().sadd_sat(even, odd);
        self.push(sums);
    }

    /// As [`Self::relaxed_dot`], then adds each two neighbouring sums, and the third operand.
    fn relaxed_dot_add(&mut self) {
        let addend = self.pop_as(I32X4);
        self.relaxed_dot();
        self.extadd_pairwise(I16X8, Extension::Signed);
        self.unary(|ins, sums| ins.iadd(sums, addend));
    }

    /// The even and the odd bytes of 16-bit lanes, each with its sign in a lane of its own.
    fn split_bytes(&mut self, vector: Value) -> [Value; 2] {
        let byte = self.builder.ins().iconst(I32, 8);
        let upper = self.builder.ins().ishl(vector, byte);
        [upper, vector].map(|bytes| self.builder.ins().sshr(bytes, byte))
    }
}
