//! Fuel: code that counts what it executes and stops when it has used up what it was given.
//!
//! # The idea
//!
//! ```text
//! before each operator: fuel -= cost(operator); if fuel < 0 { trap }
//! ```
//!
//! # Departures from it
//!
//! 1. A *segment*, a run of operators that control enters only at its first and leaves only after
//!    its last, pays for all of them where it starts. If a trap ends it early, the whole segment
//!    has been paid for, wherever in it the trap was. What it costs is known when it ends, and is
//!    written into the instruction at its start then.
//! 2. Only the first segment of a function and of a loop compares: whatever runs for long passes
//!    one of them again and again. So a guest may run past its limit, but by no more than a
//!    function's length.
//! 3. A call ends a segment, so that the callee, or a host function that looks, finds what has
//!    really been used.
//! 4. Bulk operators pay for their length too, before they do anything, and compare, since one of
//!    them could run for long. Those that grow something pay for what has been added, afterwards:
//!    a memory or table that cannot grow costs nothing, and how far one can is limited.
//!
//! All this happens on the operators as they stand in the module, so that neither optimisation nor
//! CPU nor the layout of memories changes what a program uses.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Imm64;
use cranelift_codegen::ir::{Inst, InstBuilder as _, InstructionData, Opcode, Value, types};
use precast_artifacts_format::TrapCode;
use precast_artifacts_format::abi::StoreContext;
use wasmparser::Operator;

use super::Translator;
use crate::trap::clif_trap;

/// Bytes of memory that cost as much as an operator, as a power of two: 64.
pub(super) const MEMORY_UNIT: u32 = 6;

/// Elements of a table that cost as much as an operator, as a power of two: 8.
pub(super) const TABLE_UNIT: u32 = 3;

/// What an operator costs. Those that stand for no work cost nothing; a bulk operator costs more
/// by its length, see [`MEMORY_UNIT`] and [`TABLE_UNIT`].
fn cost(operator: &Operator<'_>) -> u32 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::TryTable { .. }
        | Operator::Else
        | Operator::End => 0,
        _ => 1,
    }
}

/// Whether the operator starts a segment where it stands, rather than behind it: control may come
/// here from elsewhere.
fn is_joined(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. } | Operator::Else | Operator::End
    )
}

/// Whether control may go elsewhere after the operator, and come back behind it.
fn is_left(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::If { .. }
            | Operator::BrIf { .. }
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
    )
}

/// The segment that is being translated.
#[derive(Clone, Copy)]
pub(super) enum Segment {
    /// Nothing in it has cost anything yet.
    Free {
        /// Whether it compares.
        checks: bool,
    },
    /// It pays.
    Paid {
        /// The constant that is subtracted.
        amount: Inst,
        cost: i64,
    },
}

impl Segment {
    /// The first of a function.
    pub(super) const FIRST: Self = Self::Free { checks: true };
}

impl Translator<'_, '_> {
    /// Accounts for `operator`, which can be reached and is translated next.
    pub(super) fn fuel_before(&mut self, operator: &Operator<'_>) {
        let Some(mut segment) = self.fuel else {
            return;
        };
        if is_joined(operator) {
            segment = self.close(segment);
            if let (Segment::Free { checks }, Operator::Loop { .. }) = (&mut segment, operator) {
                *checks = true;
            }
        }
        let cost = i64::from(cost(operator));
        if cost > 0 {
            segment = match segment {
                Segment::Free { checks } => {
                    let amount = self.builder.ins().iconst(types::I64, 0);
                    self.charge(amount, checks);
                    let definition = self.builder.func.dfg.value_def(amount);
                    let amount = definition.unwrap_inst();
                    Segment::Paid { amount, cost }
                }
                Segment::Paid {
                    amount,
                    cost: before,
                } => Segment::Paid {
                    amount,
                    cost: before + cost,
                },
            };
        }
        self.fuel = Some(segment);
    }

    /// Ends the segment if it ends after `operator`, which has been translated.
    pub(super) fn fuel_after(&mut self, operator: &Operator<'_>) {
        if let Some(segment) = self.fuel
            && (!self.reachable || is_left(operator))
        {
            self.fuel = Some(self.close(segment));
        }
    }

    /// Pays for the length of a bulk operator, 64 bits wide, in units of `1 << unit`.
    pub(super) fn fuel_for_length(&mut self, length: Value, unit: u32) {
        if self.fuel.is_some() {
            let units = self.builder.ins().ushr_imm_u(length, i64::from(unit));
            self.charge(units, true);
        }
    }

    /// Pays for the pages, of `1 << page_bytes_log2` bytes, by which a memory has grown; `before`
    /// is what growing gave.
    pub(super) fn fuel_for_pages(&mut self, delta: Value, before: Value, page_bytes_log2: u32) {
        if self.fuel.is_some() {
            let units = match page_bytes_log2.checked_sub(MEMORY_UNIT) {
                Some(shift) => self.builder.ins().ishl_imm_u(delta, i64::from(shift)),
                None => {
                    let shift = MEMORY_UNIT - page_bytes_log2;
                    self.builder.ins().ushr_imm_u(delta, i64::from(shift))
                }
            };
            self.charge_if_grown(units, before);
        }
    }

    /// Pays for the elements by which a table has grown; `before` is what growing gave.
    pub(super) fn fuel_for_elements(&mut self, delta: Value, before: Value) {
        if self.fuel.is_some() {
            let units = self.builder.ins().ushr_imm_u(delta, i64::from(TABLE_UNIT));
            self.charge_if_grown(units, before);
        }
    }

    fn charge_if_grown(&mut self, units: Value, before: Value) {
        let failed = self.builder.ins().icmp_imm_s(IntCC::Equal, before, -1);
        let nothing = self.builder.ins().iconst(types::I64, 0);
        let units = self.builder.ins().select(failed, nothing, units);
        self.charge(units, true);
    }

    /// Subtracts `amount` from the fuel, and traps if that leaves less than nothing and `checks`.
    fn charge(&mut self, amount: Value, checks: bool) {
        let context = self.env.store_context(&mut self.builder);
        let offset = offset_of!(StoreContext, fuel) as i32;
        let flags = self.env.fuel();
        let before = self.builder.ins().load(types::I64, flags, context, offset);
        let left = self.builder.ins().isub(before, amount);
        self.builder.ins().store(flags, left, context, offset);
        if checks {
            let spent = self
                .builder
                .ins()
                .icmp_imm_s(IntCC::SignedLessThan, left, 0);
            self.builder
                .ins()
                .trapnz(spent, clif_trap(TrapCode::OutOfFuel));
        }
    }

    /// Ends a segment, whose cost is known now.
    fn close(&mut self, segment: Segment) -> Segment {
        match segment {
            // What comes next is passed by all that has passed the place for the comparison.
            Segment::Free { .. } => segment,
            Segment::Paid { amount, cost } => {
                self.builder.func.dfg.insts[amount] = InstructionData::UnaryImm {
                    opcode: Opcode::Iconst,
                    imm: Imm64::new(cost),
                };
                Segment::Free { checks: false }
            }
        }
    }
}
