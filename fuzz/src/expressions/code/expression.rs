//! Expressions: trees of operators over constants, locals, globals and memory.

use arbitrary::Result;
use wasm_encoder::Instruction::*;
use wasm_encoder::{BlockType, Ieee32, Ieee64, Instruction, ValType};

use super::{Body, DEPTH, VALUES};
use crate::expressions::FUEL;
use crate::expressions::operators::{self, Nans};
use crate::modules::Dialect;

impl Body<'_, '_, '_> {
    /// Leaves a value of the type on the stack.
    pub(super) fn expression(&mut self, ty: ValType, depth: u32) -> Result<()> {
        if depth == 0 || *self.left == 0 || self.u.is_empty() {
            return self.atom(ty);
        }
        *self.left -= 1;
        match self.u.int_in_range(0..=31)? {
            0..=3 if depth < DEPTH => return self.atom(ty),
            4 | 5 => {
                self.expression(ty, depth - 1)?;
                self.expression(ty, depth - 1)?;
                self.expression(ValType::I32, depth - 1)?;
                // wasmi takes some results of lanes for vectors, and asserts that a type given is that.
                let is_plain = self.world.dialect == Dialect::Wasmi || self.u.arbitrary()?;
                self.put(&[if is_plain { Select } else { TypedSelect(ty) }]);
            }
            6 => {
                self.expression(ValType::I32, depth - 1)?;
                self.see();
                self.put(&[If(BlockType::Result(ty))]);
                self.expression(ty, depth - 1)?;
                self.put(&[Else]);
                self.expression(ty, depth - 1)?;
                self.put(&[End]);
            }
            7 | 8 if !self.world.memories.is_empty() => self.load(ty)?,
            9 if ty == ValType::I32 => {
                self.funcref()?;
                self.put(&[RefIsNull]);
            }
            9 | 10 if ty == ValType::V128 => {
                self.expression(ty, depth - 1)?;
                self.expression(ty, depth - 1)?;
                let mut lanes = [0; 16];
                for lane in &mut lanes {
                    *lane = self.u.int_in_range(0..=31)?;
                }
                self.put(&[I8x16Shuffle(lanes)]);
            }
            9..=12 if matches!(ty, ValType::I32 | ValType::I64) => self.risky(ty, depth - 1)?,
            13 if self.world.dialect == Dialect::Wasmtime => self.newer(ty, depth - 1)?,
            _ => {
                let (group, op) = operators::any(ty, self.u)?;
                for &param in group.params {
                    self.expression(param, depth - 1)?;
                }
                self.put(std::slice::from_ref(op));
                self.settle(group.nans, op);
            }
        }
        // What an operator above forgets is seen nonetheless.
        if self.u.arbitrary()? {
            let local = self.any_of_type(ty)?;
            self.put(&[LocalTee(local)]);
            self.unseen.push((ty, local));
        }
        Ok(())
    }

    fn atom(&mut self, ty: ValType) -> Result<()> {
        let world = self.world;
        match self.u.int_in_range(0..=7)? {
            0..=2 => {
                let constant = operators::constant(ty, self.u)?;
                self.put(&[constant]);
            }
            3 | 4 => {
                let globals = world.globals.iter().zip(0..);
                let of_type: Vec<u32> = globals
                    .filter(|((global, _), index)| *global == ty && *index != FUEL)
                    .map(|(_, index)| index)
                    .collect();
                let global = *self.u.choose(&of_type)?;
                self.put(&[GlobalGet(global)]);
            }
            _ => {
                let params = self.signature.params.iter().zip(0..);
                let mut locals: Vec<u32> = params
                    .filter(|(param, _)| **param == ty)
                    .map(|(_, index)| index)
                    .collect();
                locals.extend(self.of_type(ty)..self.of_type(ty) + VALUES);
                let local = *self.u.choose(&locals)?;
                self.put(&[LocalGet(local)]);
            }
        }
        Ok(())
    }

    /// A division or a truncation, most often of what does not trap.
    fn risky(&mut self, ty: ValType, depth: u32) -> Result<()> {
        let is_careful = !self.reckless || self.u.arbitrary()?;
        if self.u.arbitrary()? {
            let ops = operators::DIVISIONS.iter().filter(|(it, _)| *it == ty);
            let ops: Vec<_> = ops.collect();
            let (_, op) = *self.u.choose(&ops)?;
            match ty {
                ValType::I32 if self.u.ratio(1, 4)? => self.put(&[I32Const(i32::MIN)]),
                ValType::I64 if self.u.ratio(1, 4)? => self.put(&[I64Const(i64::MIN)]),
                _ => self.expression(ty, depth)?,
            }
            self.expression(ty, depth)?;
            if is_careful {
                // Odd and not -1; or, where that is allowed, -1 or 1.
                let is_unit = matches!(op, I32RemS | I64RemS) && self.u.arbitrary()?;
                self.put(&match (ty, is_unit) {
                    (ValType::I32, false) => [I32Const(1), I32Or, I32Const(!2), I32And],
                    (ValType::I32, true) => [I32Const(2), I32And, I32Const(1), I32Sub],
                    (_, false) => [I64Const(1), I64Or, I64Const(!2), I64And],
                    (_, true) => [I64Const(2), I64And, I64Const(1), I64Sub],
                });
            } else {
                // -1 or 0.
                if self.u.arbitrary()? {
                    self.put(&if ty == ValType::I32 {
                        [I32Const(1), I32And, I32Const(1), I32Sub]
                    } else {
                        [I64Const(1), I64And, I64Const(1), I64Sub]
                    });
                }
                self.save();
            }
            self.put(std::slice::from_ref(op));
            return Ok(());
        }
        let ops = operators::TRUNCATIONS
            .iter()
            .filter(|(_, it, ..)| *it == ty);
        let ops: Vec<_> = ops.collect();
        let (from, _, op, bound) = *self.u.choose(&ops)?;
        let is_signed = matches!(*bound, 2147483648.0 | 9223372036854775808.0);
        self.expression(*from, depth)?;
        if is_careful {
            let local = self.moment(*from);
            self.put(&[LocalTee(local)]);
            self.put(&if *from == ValType::F32 {
                [
                    F32Const(Ieee32::from(7.5)),
                    LocalGet(local),
                    F32Abs,
                    F32Const(Ieee32::from(*bound)),
                    F32Lt,
                    Select,
                    if is_signed { Nop } else { F32Abs },
                ]
            } else {
                [
                    F64Const(Ieee64::from(7.5)),
                    LocalGet(local),
                    F64Abs,
                    F64Const(Ieee64::from(f64::from(*bound))),
                    F64Lt,
                    Select,
                    if is_signed { Nop } else { F64Abs },
                ]
            });
        } else {
            self.save();
        }
        self.put(std::slice::from_ref(op));
        Ok(())
    }

    /// Operators that wasmi has none of.
    fn newer(&mut self, ty: ValType, depth: u32) -> Result<()> {
        match ty {
            ValType::I64 if self.u.arbitrary()? => {
                for _ in 0..2 {
                    self.expression(ty, depth)?;
                }
                let op = self.u.choose(&[I64MulWideS, I64MulWideU])?.clone();
                self.put(&[op]);
                self.keep(ty)?;
            }
            ValType::I64 => {
                for _ in 0..4 {
                    self.expression(ty, depth)?;
                }
                let op = self.u.choose(&[I64Add128, I64Sub128])?.clone();
                self.put(&[op]);
                self.keep(ty)?;
            }
            ValType::V128 if self.world.own_nans => {
                let groups = if self.world.opinions && self.u.arbitrary()? {
                    operators::OPINIONS
                } else {
                    operators::RELAXED
                };
                let group = self.u.choose(groups)?;
                let op = group.any(self.u)?;
                for &param in group.params {
                    self.expression(param, depth)?;
                }
                self.put(std::slice::from_ref(op));
            }
            _ => self.atom(ty)?,
        }
        Ok(())
    }

    /// Makes NaNs canonical where engines may choose them.
    fn settle(&mut self, nans: Nans, op: &Instruction<'_>) {
        let is_by_engine = !matches!(
            op,
            F32DemoteF64 | F64PromoteF32 | F32x4DemoteF64x2Zero | F64x2PromoteLowF32x4
        );
        if self.world.own_nans && is_by_engine {
            return;
        }
        let (ty, nan, equal) = match nans {
            Nans::None => return,
            Nans::F32 => (ValType::F32, F32Const(Ieee32::new(0x7fc0_0000)), F32Eq),
            Nans::F64 => (ValType::F64, F64Const(Ieee64::new(0x7ff8 << 48)), F64Eq),
            Nans::F32x4 => {
                let nans = V128Const(0x7fc0_0000_7fc0_0000_7fc0_0000_7fc0_0000);
                (ValType::V128, nans, F32x4Eq)
            }
            Nans::F64x2 => (
                ValType::V128,
                V128Const((0x7ff8 << 112) | (0x7ff8 << 48)),
                F64x2Eq,
            ),
        };
        let local = self.moment(ty);
        let choose = if ty == ValType::V128 {
            V128Bitselect
        } else {
            Select
        };
        self.put(&[
            LocalTee(local),
            nan,
            LocalGet(local),
            LocalGet(local),
            equal,
            choose,
        ]);
    }
}
