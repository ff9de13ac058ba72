//! Constants, and lanes as values: splat, extract, replace and shuffle.

use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use wasmparser::Operator;

use super::{Extension, Translator};

use types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};

impl Translator<'_, '_> {
    pub(super) fn lane_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Extension::{Signed, Unsigned};
        use Operator as Op;
        match operator {
            Op::V128Const { value } => {
                let value = self.vector_constant(*value.bytes());
                self.push(value);
            }
            Op::I8x16Splat => self.splat(I8X16),
            Op::I16x8Splat => self.splat(I16X8),
            Op::I32x4Splat => self.splat(I32X4),
            Op::I64x2Splat => self.splat(I64X2),
            Op::F32x4Splat => self.splat(F32X4),
            Op::F64x2Splat => self.splat(F64X2),
            Op::I8x16ExtractLaneS { lane } => self.extract_narrow(I8X16, *lane, Signed),
            Op::I8x16ExtractLaneU { lane } => self.extract_narrow(I8X16, *lane, Unsigned),
            Op::I16x8ExtractLaneS { lane } => self.extract_narrow(I16X8, *lane, Signed),
            Op::I16x8ExtractLaneU { lane } => self.extract_narrow(I16X8, *lane, Unsigned),
            Op::I32x4ExtractLane { lane } => self.extract_lane(I32X4, *lane),
            Op::I64x2ExtractLane { lane } => self.extract_lane(I64X2, *lane),
            Op::F32x4ExtractLane { lane } => self.extract_lane(F32X4, *lane),
            Op::F64x2ExtractLane { lane } => self.extract_lane(F64X2, *lane),
            Op::I8x16ReplaceLane { lane } => self.replace_lane(I8X16, *lane),
            Op::I16x8ReplaceLane { lane } => self.replace_lane(I16X8, *lane),
            Op::I32x4ReplaceLane { lane } => self.replace_lane(I32X4, *lane),
            Op::I64x2ReplaceLane { lane } => self.replace_lane(I64X2, *lane),
            Op::F32x4ReplaceLane { lane } => self.replace_lane(F32X4, *lane),
            Op::F64x2ReplaceLane { lane } => self.replace_lane(F64X2, *lane),
            Op::I8x16Swizzle => self.binary_as(I8X16, |ins, a, b| ins.swizzle(a, b)),
            Op::I8x16Shuffle { lanes } => {
                let lanes = lanes.as_slice().into();
                let lanes = self.builder.func.dfg.immediates.push(lanes);
                self.binary_as(I8X16, |ins, a, b| ins.shuffle(a, b, lanes));
            }
            _ => return false,
        }
        true
    }

    fn splat(&mut self, ty: Type) {
        let lane = self.pop_lane(ty);
        let value = self.builder.ins().splat(ty, lane);
        self.push(value);
    }

    fn replace_lane(&mut self, ty: Type, lane: u8) {
        let replacement = self.pop_lane(ty);
        self.unary_as(ty, |ins, vector| ins.insertlane(vector, replacement, lane));
    }

    pub(super) fn extract_lane(&mut self, ty: Type, lane: u8) {
        self.unary_as(ty, |ins, vector| ins.extractlane(vector, lane));
    }

    /// Extracts a lane that is narrower than any scalar.
    fn extract_narrow(&mut self, ty: Type, lane: u8, extend: Extension) {
        self.extract_lane(ty, lane);
        self.unary(|ins, lane| match extend {
            Extension::Signed => ins.sextend(I32, lane),
            Extension::Unsigned => ins.uextend(I32, lane),
        });
    }

    /// Pops the scalar for a lane of `ty`, which takes the lowest bits of it if it is narrower.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let scalar = self.pop();
        let lane = ty.lane_type();
        if self.builder.func.dfg.value_type(scalar) == lane {
            scalar
        } else {
            self.builder.ins().ireduce(lane, scalar)
        }
    }
}
