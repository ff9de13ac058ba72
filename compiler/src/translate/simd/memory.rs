//! Vector loads and stores.
//!
//! Every access is as wide as what it reads or writes, never 16 bytes of which some are dropped,
//! so that it faults exactly where the memory ends.

use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{InstBuilder as _, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::{MemArg, Operator};

use super::Translator;

use types::{I8X16, I16X8, I32X4, I64X2};

impl Translator<'_, '_> {
    pub(super) fn vector_memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::V128Load { memarg } => self.load(memarg, I8X16),
            Op::V128Load8x8S { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| ins.sload8x8(flags, base, at));
            }
            Op::V128Load8x8U { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| ins.uload8x8(flags, base, at));
            }
            Op::V128Load16x4S { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| {
                    ins.sload16x4(flags, base, at)
                });
            }
            Op::V128Load16x4U { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| {
                    ins.uload16x4(flags, base, at)
                });
            }
            Op::V128Load32x2S { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| {
                    ins.sload32x2(flags, base, at)
                });
            }
            Op::V128Load32x2U { memarg } => {
                self.load_extended(memarg, |ins, flags, base, at| {
                    ins.uload32x2(flags, base, at)
                });
            }
            Op::V128Load8Splat { memarg } => self.load_splat(memarg, I8X16),
            Op::V128Load16Splat { memarg } => self.load_splat(memarg, I16X8),
            Op::V128Load32Splat { memarg } => self.load_splat(memarg, I32X4),
            Op::V128Load64Splat { memarg } => self.load_splat(memarg, I64X2),
            Op::V128Load32Zero { memarg } => self.load_zero(memarg, I32X4),
            Op::V128Load64Zero { memarg } => self.load_zero(memarg, I64X2),
            Op::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane),
            Op::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane),
            Op::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane),
            Op::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane),
            Op::V128Store { memarg } => self.store(memarg, 16),
            Op::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            Op::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            Op::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            Op::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    /// Loads 8 bytes, of which each lane becomes one of twice the width.
    fn load_extended(
        &mut self,
        memarg: &MemArg,
        emit: impl FnOnce(FuncInstBuilder<'_, '_>, MemFlagsData, Value, Offset32) -> Value,
    ) {
        let at = self.pop_address(memarg, 8);
        let value = emit(self.builder.ins(), at.flags, at.base, at.offset.into());
        self.push(value);
    }

    /// Loads one lane for all lanes.
    fn load_splat(&mut self, memarg: &MemArg, ty: Type) {
        self.load(memarg, ty.lane_type());
        self.unary(|ins, lane| ins.splat(ty, lane));
    }

    /// Loads the first lane and clears the others.
    fn load_zero(&mut self, memarg: &MemArg, ty: Type) {
        self.load(memarg, ty.lane_type());
        self.unary(|ins, lane| ins.scalar_to_vector(ty, lane));
    }

    fn load_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_as(ty);
        self.load(memarg, ty.lane_type());
        self.unary(|ins, loaded| ins.insertlane(vector, loaded, lane));
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        self.extract_lane(ty, lane);
        self.store(memarg, ty.lane_type().bytes() as u8);
    }
}
