//! Scalar numeric operators.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder as _, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

use types::{F32, F64, I8, I16, I32, I64};

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn numeric_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::I32Eqz | Op::I64Eqz => {
                let value = self.pop();
                let is_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, value, 0);
                self.push_bool(is_zero);
            }
            Op::I32Eq | Op::I64Eq => self.compare(IntCC::Equal),
            Op::I32Ne | Op::I64Ne => self.compare(IntCC::NotEqual),
            Op::I32LtS | Op::I64LtS => self.compare(IntCC::SignedLessThan),
            Op::I32LtU | Op::I64LtU => self.compare(IntCC::UnsignedLessThan),
            Op::I32GtS | Op::I64GtS => self.compare(IntCC::SignedGreaterThan),
            Op::I32GtU | Op::I64GtU => self.compare(IntCC::UnsignedGreaterThan),
            Op::I32LeS | Op::I64LeS => self.compare(IntCC::SignedLessThanOrEqual),
            Op::I32LeU | Op::I64LeU => self.compare(IntCC::UnsignedLessThanOrEqual),
            Op::I32GeS | Op::I64GeS => self.compare(IntCC::SignedGreaterThanOrEqual),
            Op::I32GeU | Op::I64GeU => self.compare(IntCC::UnsignedGreaterThanOrEqual),
            Op::F32Eq | Op::F64Eq => self.compare_floats(FloatCC::Equal),
            Op::F32Ne | Op::F64Ne => self.compare_floats(FloatCC::NotEqual),
            Op::F32Lt | Op::F64Lt => self.compare_floats(FloatCC::LessThan),
            Op::F32Gt | Op::F64Gt => self.compare_floats(FloatCC::GreaterThan),
            Op::F32Le | Op::F64Le => self.compare_floats(FloatCC::LessThanOrEqual),
            Op::F32Ge | Op::F64Ge => self.compare_floats(FloatCC::GreaterThanOrEqual),

            Op::I32Clz | Op::I64Clz => self.unary(|ins, a| ins.clz(a)),
            Op::I32Ctz | Op::I64Ctz => self.unary(|ins, a| ins.ctz(a)),
            Op::I32Popcnt | Op::I64Popcnt => self.unary(|ins, a| ins.popcnt(a)),
            Op::I32Add | Op::I64Add => self.binary(|ins, a, b| ins.iadd(a, b)),
            Op::I32Sub | Op::I64Sub => self.binary(|ins, a, b| ins.isub(a, b)),
            Op::I32Mul | Op::I64Mul => self.binary(|ins, a, b| ins.imul(a, b)),
            // Division traps by itself: by zero, and where the quotient does not fit.
            Op::I32DivS | Op::I64DivS => self.binary(|ins, a, b| ins.sdiv(a, b)),
            Op::I32DivU | Op::I64DivU => self.binary(|ins, a, b| ins.udiv(a, b)),
            Op::I32RemS | Op::I64RemS => self.binary(|ins, a, b| ins.srem(a, b)),
            Op::I32RemU | Op::I64RemU => self.binary(|ins, a, b| ins.urem(a, b)),
            Op::I32And | Op::I64And => self.binary(|ins, a, b| ins.band(a, b)),
            Op::I32Or | Op::I64Or => self.binary(|ins, a, b| ins.bor(a, b)),
            Op::I32Xor | Op::I64Xor => self.binary(|ins, a, b| ins.bxor(a, b)),
            // Shifts and rotations take their count modulo the width, as WebAssembly's do.
            Op::I32Shl | Op::I64Shl => self.binary(|ins, a, b| ins.ishl(a, b)),
            Op::I32ShrS | Op::I64ShrS => self.binary(|ins, a, b| ins.sshr(a, b)),
            Op::I32ShrU | Op::I64ShrU => self.binary(|ins, a, b| ins.ushr(a, b)),
            Op::I32Rotl | Op::I64Rotl => self.binary(|ins, a, b| ins.rotl(a, b)),
            Op::I32Rotr | Op::I64Rotr => self.binary(|ins, a, b| ins.rotr(a, b)),

            Op::F32Abs | Op::F64Abs => self.unary(|ins, a| ins.fabs(a)),
            Op::F32Neg | Op::F64Neg => self.unary(|ins, a| ins.fneg(a)),
            Op::F32Ceil | Op::F64Ceil => self.float_unary(|ins, a| ins.ceil(a)),
            Op::F32Floor | Op::F64Floor => self.float_unary(|ins, a| ins.floor(a)),
            Op::F32Trunc | Op::F64Trunc => self.float_unary(|ins, a| ins.trunc(a)),
            Op::F32Nearest | Op::F64Nearest => self.float_unary(|ins, a| ins.nearest(a)),
            Op::F32Sqrt | Op::F64Sqrt => self.float_unary(|ins, a| ins.sqrt(a)),
            Op::F32Add | Op::F64Add => self.float_binary(|ins, a, b| ins.fadd(a, b)),
            Op::F32Sub | Op::F64Sub => self.float_binary(|ins, a, b| ins.fsub(a, b)),
            Op::F32Mul | Op::F64Mul => self.float_binary(|ins, a, b| ins.fmul(a, b)),
            Op::F32Div | Op::F64Div => self.float_binary(|ins, a, b| ins.fdiv(a, b)),
            Op::F32Min | Op::F64Min => self.float_binary(|ins, a, b| ins.fmin(a, b)),
            Op::F32Max | Op::F64Max => self.float_binary(|ins, a, b| ins.fmax(a, b)),
            Op::F32Copysign | Op::F64Copysign => self.binary(|ins, a, b| ins.fcopysign(a, b)),

            Op::I32WrapI64 => self.unary(|ins, a| ins.ireduce(I32, a)),
            Op::I64ExtendI32S => self.unary(|ins, a| ins.sextend(I64, a)),
            Op::I64ExtendI32U => self.unary(|ins, a| ins.uextend(I64, a)),
            Op::I32Extend8S => self.extend_low(I8, I32),
            Op::I32Extend16S => self.extend_low(I16, I32),
            Op::I64Extend8S => self.extend_low(I8, I64),
            Op::I64Extend16S => self.extend_low(I16, I64),
            Op::I64Extend32S => self.extend_low(I32, I64),

            Op::I32TruncF32S | Op::I32TruncF64S => {
                self.float_unary(|ins, a| ins.fcvt_to_sint(I32, a))
            }
            Op::I32TruncF32U | Op::I32TruncF64U => {
                self.float_unary(|ins, a| ins.fcvt_to_uint(I32, a))
            }
            Op::I64TruncF32S | Op::I64TruncF64S => {
                self.float_unary(|ins, a| ins.fcvt_to_sint(I64, a))
            }
            Op::I64TruncF32U | Op::I64TruncF64U => {
                self.float_unary(|ins, a| ins.fcvt_to_uint(I64, a))
            }
            Op::I32TruncSatF32S | Op::I32TruncSatF64S => {
                self.float_unary(|ins, a| ins.fcvt_to_sint_sat(I32, a));
            }
            Op::I32TruncSatF32U | Op::I32TruncSatF64U => {
                self.float_unary(|ins, a| ins.fcvt_to_uint_sat(I32, a));
            }
            Op::I64TruncSatF32S | Op::I64TruncSatF64S => {
                self.float_unary(|ins, a| ins.fcvt_to_sint_sat(I64, a));
            }
            Op::I64TruncSatF32U | Op::I64TruncSatF64U => {
                self.float_unary(|ins, a| ins.fcvt_to_uint_sat(I64, a));
            }
            Op::F32ConvertI32S | Op::F32ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F32, a));
            }
            Op::F32ConvertI32U | Op::F32ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F32, a));
            }
            Op::F64ConvertI32S | Op::F64ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F64, a));
            }
            Op::F64ConvertI32U | Op::F64ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F64, a));
            }
            Op::F32DemoteF64 => self.float_unary(|ins, a| ins.fdemote(F32, a)),
            Op::F64PromoteF32 => self.float_unary(|ins, a| ins.fpromote(F64, a)),
            Op::I32ReinterpretF32 => self.reinterpret(I32),
            Op::I64ReinterpretF64 => self.reinterpret(I64),
            Op::F32ReinterpretI32 => self.reinterpret(F32),
            Op::F64ReinterpretI64 => self.reinterpret(F64),
            _ => return false,
        }
        true
    }

    pub(super) fn unary(&mut self, emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value) -> Value) {
        let operand = self.pop();
        let value = emit(self.builder.ins(), operand);
        self.push(value);
    }

    pub(super) fn binary(
        &mut self,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let [first, second] = self.pop2();
        let value = emit(self.builder.ins(), first, second);
        self.push(value);
    }

    /// Pushes a comparison's result, a byte, as the `i32` it is in WebAssembly.
    pub(super) fn push_bool(&mut self, value: Value) {
        let value = self.builder.ins().uextend(I32, value);
        self.push(value);
    }

    fn compare(&mut self, condition: IntCC) {
        let [first, second] = self.pop2();
        let holds = self.builder.ins().icmp(condition, first, second);
        self.push_bool(holds);
    }

    fn compare_floats(&mut self, condition: FloatCC) {
        let [first, second] = self.pop2_floats();
        let holds = self.builder.ins().fcmp(condition, first, second);
        self.push_bool(holds);
    }

    /// Extends the sign of the lowest bits, as many as `narrow` has, to the width of `wide`.
    fn extend_low(&mut self, narrow: Type, wide: Type) {
        let operand = self.pop();
        let low = self.builder.ins().ireduce(narrow, operand);
        let value = self.builder.ins().sextend(wide, low);
        self.push(value);
    }

    fn reinterpret(&mut self, ty: Type) {
        self.unary(|ins, a| ins.bitcast(ty, MemFlagsData::new(), a));
    }
}
