//! Arithmetic on vectors of floats.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use wasmparser::Operator;

use super::Translator;

use types::{F32X4, F64X2};

impl Translator<'_, '_> {
    pub(super) fn vector_float_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::F32x4Eq => self.compare_floats_as(F32X4, FloatCC::Equal),
            Op::F32x4Ne => self.compare_floats_as(F32X4, FloatCC::NotEqual),
            Op::F32x4Lt => self.compare_floats_as(F32X4, FloatCC::LessThan),
            Op::F32x4Gt => self.compare_floats_as(F32X4, FloatCC::GreaterThan),
            Op::F32x4Le => self.compare_floats_as(F32X4, FloatCC::LessThanOrEqual),
            Op::F32x4Ge => self.compare_floats_as(F32X4, FloatCC::GreaterThanOrEqual),
            Op::F64x2Eq => self.compare_floats_as(F64X2, FloatCC::Equal),
            Op::F64x2Ne => self.compare_floats_as(F64X2, FloatCC::NotEqual),
            Op::F64x2Lt => self.compare_floats_as(F64X2, FloatCC::LessThan),
            Op::F64x2Gt => self.compare_floats_as(F64X2, FloatCC::GreaterThan),
            Op::F64x2Le => self.compare_floats_as(F64X2, FloatCC::LessThanOrEqual),
            Op::F64x2Ge => self.compare_floats_as(F64X2, FloatCC::GreaterThanOrEqual),

            Op::F32x4Ceil => self.float_unary_as(F32X4, |ins, a| ins.ceil(a)),
            Op::F32x4Floor => self.float_unary_as(F32X4, |ins, a| ins.floor(a)),
            Op::F32x4Trunc => self.float_unary_as(F32X4, |ins, a| ins.trunc(a)),
            Op::F32x4Nearest => self.float_unary_as(F32X4, |ins, a| ins.nearest(a)),
            Op::F32x4Abs => self.unary_as(F32X4, |ins, a| ins.fabs(a)),
            Op::F32x4Neg => self.unary_as(F32X4, |ins, a| ins.fneg(a)),
            Op::F32x4Sqrt => self.float_unary_as(F32X4, |ins, a| ins.sqrt(a)),
            Op::F32x4Add => self.float_binary_as(F32X4, |ins, a, b| ins.fadd(a, b)),
            Op::F32x4Sub => self.float_binary_as(F32X4, |ins, a, b| ins.fsub(a, b)),
            Op::F32x4Mul => self.float_binary_as(F32X4, |ins, a, b| ins.fmul(a, b)),
            Op::F32x4Div => self.float_binary_as(F32X4, |ins, a, b| ins.fdiv(a, b)),
            Op::F32x4Min => self.float_binary_as(F32X4, |ins, a, b| ins.fmin(a, b)),
            Op::F32x4Max => self.float_binary_as(F32X4, |ins, a, b| ins.fmax(a, b)),
            Op::F32x4PMin => self.pseudo_min(F32X4),
            Op::F32x4PMax => self.pseudo_max(F32X4),

            Op::F64x2Ceil => self.float_unary_as(F64X2, |ins, a| ins.ceil(a)),
            Op::F64x2Floor => self.float_unary_as(F64X2, |ins, a| ins.floor(a)),
            Op::F64x2Trunc => self.float_unary_as(F64X2, |ins, a| ins.trunc(a)),
            Op::F64x2Nearest => self.float_unary_as(F64X2, |ins, a| ins.nearest(a)),
            Op::F64x2Abs => self.unary_as(F64X2, |ins, a| ins.fabs(a)),
            Op::F64x2Neg => self.unary_as(F64X2, |ins, a| ins.fneg(a)),
            Op::F64x2Sqrt => self.float_unary_as(F64X2, |ins, a| ins.sqrt(a)),
            Op::F64x2Add => self.float_binary_as(F64X2, |ins, a, b| ins.fadd(a, b)),
            Op::F64x2Sub => self.float_binary_as(F64X2, |ins, a, b| ins.fsub(a, b)),
            Op::F64x2Mul => self.float_binary_as(F64X2, |ins, a, b| ins.fmul(a, b)),
            Op::F64x2Div => self.float_binary_as(F64X2, |ins, a, b| ins.fdiv(a, b)),
            Op::F64x2Min => self.float_binary_as(F64X2, |ins, a, b| ins.fmin(a, b)),
            Op::F64x2Max => self.float_binary_as(F64X2, |ins, a, b| ins.fmax(a, b)),
            Op::F64x2PMin => self.pseudo_min(F64X2),
            Op::F64x2PMax => self.pseudo_max(F64X2),
            _ => return false,
        }
        true
    }

    /// Compares lanes; those for which it holds become all ones, the others all zeros.
    fn compare_floats_as(&mut self, ty: Type, condition: FloatCC) {
        self.float_binary_as(ty, |ins, a, b| ins.fcmp(condition, a, b));
    }

    /// `second < first ? second : first`. Not symmetric: where a lane is NaN, or both are zeros, the
    /// first operand wins.
    pub(super) fn pseudo_min(&mut self, ty: Type) {
        let [first, second] = self.pop2_as(ty);
        self.select_if_less([second, first], second, first);
    }

    /// `first < second ? second : first`, with the same asymmetry.
    pub(super) fn pseudo_max(&mut self, ty: Type) {
        let [first, second] = self.pop2_as(ty);
        self.select_if_less([first, second], second, first);
    }

    fn select_if_less(&mut self, [low, high]: [Value; 2], then: Value, otherwise: Value) {
        let less = self.builder.ins().fcmp(FloatCC::LessThan, low, high);
        // As floats, which is the form in which the code generator finds its one instruction.
        let ty = self.builder.func.dfg.value_type(then);
        let mask = self.as_vector(less, ty);
        let value = self.builder.ins().bitselect(mask, then, otherwise);
        self.push(value);
    }
}
