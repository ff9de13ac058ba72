//! The body of a function: statements, each of which leaves something in what can be seen.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use wasm_encoder::Instruction::*;
use wasm_encoder::{BlockType, Function, Ieee32, Ieee64, Instruction, ValType};

use super::operators::{self, TYPES};
use super::{ACC, FUEL, Signature, World};
use crate::modules::Dialect;

mod exception;
mod expression;
mod memory;
mod table;

/// Locals of each type beside the parameters: some for values, and one for a moment.
const VALUES: u32 = 3;
const PER_TYPE: u32 = VALUES + 1;
/// How deep statements and expressions may nest.
const NESTING: u32 = 3;
const DEPTH: u32 = 3;
/// How often a loop may run, at most.
const TURNS: i32 = 6;

pub(super) struct Body<'w, 'u, 'b> {
    world: &'w World,
    u: &'u mut Unstructured<'b>,
    signature: &'w Signature,
    out: Function,
    /// How many operators the module may still have, about.
    left: &'w mut u32,
    /// Whether it may trap.
    reckless: bool,
    nesting: u32,
    /// In how many blocks that catch exceptions what comes next is.
    catching: u32,
    /// Locals that hold what was not seen yet.
    unseen: Vec<(ValType, u32)>,
}

impl<'w, 'u, 'b> Body<'w, 'u, 'b> {
    pub(super) fn new(
        world: &'w World,
        signature: &'w Signature,
        left: &'w mut u32,
        u: &'u mut Unstructured<'b>,
    ) -> Result<Self> {
        let mut locals: Vec<_> = TYPES.iter().map(|&ty| (PER_TYPE, ty)).collect();
        locals.extend([
            (1, ValType::I64),
            (NESTING + 1, ValType::I32),
            (1, ValType::FUNCREF),
        ]);
        Ok(Self {
            world,
            reckless: u.ratio(1, 3)?,
            u,
            signature,
            out: Function::new(locals),
            left,
            nesting: 0,
            catching: 0,
            unseen: Vec::new(),
        })
    }

    /// The whole body, with at most so many statements at its top.
    pub(super) fn write(mut self, statements: u32) -> Result<Function> {
        // Without fuel, nothing but zeros.
        self.use_fuel();
        self.put(&[I32Const(0), I32LtS, If(BlockType::Empty)]);
        for &ty in &self.signature.results {
            self.put(&[zero(ty)]);
        }
        self.put(&[Return, End]);
        for ty in TYPES {
            for local in self.of_type(ty)..self.of_type(ty) + VALUES {
                let constant = operators::constant(ty, self.u)?;
                self.put(&[constant, LocalSet(local)]);
            }
        }
        for _ in 0..statements {
            if *self.left == 0 || self.u.is_empty() {
                break;
            }
            self.statement()?;
        }
        self.finish()?;
        self.put(&[End]);
        Ok(self.out)
    }

    /// Takes one of the fuel, and leaves on the stack what is left.
    fn use_fuel(&mut self) {
        self.put(&[
            GlobalGet(FUEL),
            I32Const(1),
            I32Sub,
            GlobalSet(FUEL),
            GlobalGet(FUEL),
        ]);
    }

    /// Shows what was not seen, and leaves the results on the stack.
    fn finish(&mut self) -> Result<()> {
        self.see();
        self.put(&[GlobalGet(ACC), LocalGet(self.acc()), I64Add, GlobalSet(ACC)]);
        for &ty in &self.signature.results {
            self.expression(ty, 1)?;
        }
        Ok(())
    }

    fn put(&mut self, all: &[Instruction<'_>]) {
        for one in all {
            self.out.instruction(one);
        }
    }

    // Locals: parameters, those of each type, the hash, counters, a reference.

    fn base(&self) -> u32 {
        self.signature.params.len() as u32
    }

    fn of_type(&self, ty: ValType) -> u32 {
        let index = TYPES.iter().position(|&it| it == ty);
        self.base() + index.expect("a number or vector") as u32 * PER_TYPE
    }

    fn any_of_type(&mut self, ty: ValType) -> Result<u32> {
        Ok(self.of_type(ty) + self.u.int_in_range(0..=VALUES - 1)?)
    }

    fn moment(&self, ty: ValType) -> u32 {
        self.of_type(ty) + VALUES
    }

    fn acc(&self) -> u32 {
        self.base() + TYPES.len() as u32 * PER_TYPE
    }

    fn counter(&self) -> u32 {
        self.acc() + 1 + self.nesting
    }

    fn reference(&self) -> u32 {
        self.acc() + 2 + NESTING
    }

    // What is seen.

    /// Takes what is on the stack into a local, to be seen later.
    fn keep(&mut self, ty: ValType) -> Result<()> {
        let local = self.any_of_type(ty)?;
        self.put(&[LocalSet(local)]);
        self.unseen.push((ty, local));
        Ok(())
    }

    /// Folds all that was not seen into a hash, in a local or in a global.
    fn see(&mut self) {
        for (ty, local) in std::mem::take(&mut self.unseen) {
            let halves: &[&[Instruction<'_>]] = match ty {
                ValType::I32 => &[&[I64ExtendI32U]],
                ValType::I64 => &[&[]],
                ValType::F32 => &[&[I32ReinterpretF32, I64ExtendI32S]],
                ValType::F64 => &[&[I64ReinterpretF64]],
                _ => &[&[I64x2ExtractLane(0)], &[I64x2ExtractLane(1)]],
            };
            for half in halves {
                let acc = self.acc();
                self.put(&[LocalGet(acc), I64Const(5), I64Rotl, LocalGet(local)]);
                self.put(half);
                self.put(&[I64Xor, LocalSet(acc)]);
            }
        }
    }

    /// Has it seen which way the code went.
    fn mark(&mut self, way: u32) {
        let acc = self.acc();
        self.put(&[
            LocalGet(acc),
            I64Const(i64::from(way) + 77),
            I64Add,
            LocalSet(acc),
        ]);
    }

    /// Has the hash survive if the function traps.
    fn save(&mut self) {
        self.see();
        let acc = self.acc();
        self.put(&[GlobalGet(ACC), LocalGet(acc), I64Xor, GlobalSet(ACC)]);
    }

    // Statements.

    fn statement(&mut self) -> Result<()> {
        *self.left = self.left.saturating_sub(1);
        match self.u.int_in_range(0..=27)? {
            0 if self.nesting < NESTING => self.loops()?,
            1 if self.nesting < NESTING => self.branches()?,
            2 if self.nesting < NESTING => self.switch()?,
            3 => self.block_of_many()?,
            4 | 5 => self.call()?,
            6..=8 if !self.world.memories.is_empty() => self.store()?,
            9 if !self.world.memories.is_empty() => self.bulk()?,
            10 => self.table()?,
            11 | 12 => {
                let global = self.u.choose_index(self.world.globals.len())? as u32;
                let (ty, is_mutable) = self.world.globals[global as usize];
                self.expression(ty, DEPTH)?;
                if is_mutable && global != ACC && global != FUEL {
                    self.put(&[GlobalSet(global)]);
                } else {
                    self.keep(ty)?;
                }
            }
            13 if self.reckless => self.leave()?,
            14..=16 if !self.world.tags.is_empty() && self.nesting < NESTING => self.catch()?,
            17 if !self.world.tags.is_empty() && (self.catching > 0 || self.reckless) => {
                self.throw(7)?;
            }
            _ => {
                let ty = *self.u.choose(&TYPES)?;
                self.expression(ty, DEPTH)?;
                self.keep(ty)?;
            }
        }
        self.see();
        if self.u.ratio(1, 6)? {
            self.save();
        }
        Ok(())
    }

    fn statements(&mut self) -> Result<()> {
        self.nesting += 1;
        for _ in 0..self.u.int_in_range(1..=3)? {
            if *self.left > 0 {
                self.statement()?;
            }
        }
        self.nesting -= 1;
        Ok(())
    }

    fn loops(&mut self) -> Result<()> {
        let counter = self.counter();
        let turns = self.u.int_in_range(1..=TURNS)?;
        self.put(&[I32Const(turns), LocalSet(counter), Loop(BlockType::Empty)]);
        self.statements()?;
        self.put(&[LocalGet(counter), I32Const(1), I32Sub, LocalTee(counter)]);
        self.put(&[I32Const(0), I32GtS]);
        self.use_fuel();
        self.put(&[I32Const(0), I32GtS, I32And, BrIf(0), End]);
        Ok(())
    }

    fn branches(&mut self) -> Result<()> {
        self.expression(ValType::I32, 2)?;
        self.see();
        if self.u.arbitrary()? {
            self.put(&[If(BlockType::Empty)]);
            self.statements()?;
            self.put(&[Else]);
            self.statements()?;
        } else {
            self.put(&[I32Eqz, If(BlockType::Empty)]);
            self.statements()?;
            self.expression(ValType::I32, 1)?;
            self.put(&[BrIf(0)]);
            self.statements()?;
        }
        self.put(&[End]);
        Ok(())
    }

    fn switch(&mut self) -> Result<()> {
        let arms = self.u.int_in_range(1..=4)?;
        for _ in 0..=arms {
            self.put(&[Block(BlockType::Empty)]);
        }
        self.expression(ValType::I32, 2)?;
        if self.u.ratio(3, 4)? {
            self.put(&[I32Const(7), I32And]);
        }
        self.see();
        let targets = 0..self.u.int_in_range(0..=6)?;
        let targets = targets.map(|_| self.u.int_in_range(0..=arms));
        let targets: Vec<u32> = targets.collect::<Result<_>>()?;
        let default = self.u.int_in_range(0..=arms)?;
        self.put(&[BrTable(Cow::Owned(targets), default), End]);
        for arm in 0..arms {
            // Each arm is seen, whatever else it does.
            self.mark(arm);
            self.statements()?;
            if self.u.arbitrary()? {
                self.put(&[Br(arms - arm - 1)]);
            }
            self.put(&[End]);
        }
        Ok(())
    }

    /// A block with parameters and results.
    fn block_of_many(&mut self) -> Result<()> {
        let world = self.world;
        let index = self.u.choose_index(world.types.len())?;
        let ty = &world.types[index];
        for &param in &ty.params {
            self.expression(param, 2)?;
        }
        let is_twofold = self.u.arbitrary()?;
        if is_twofold {
            self.put(&[Block(BlockType::FunctionType(index as u32))]);
        }
        self.put(&[Block(BlockType::FunctionType(index as u32))]);
        for &param in ty.params.iter().rev() {
            self.keep(param)?;
        }
        for &result in &ty.results {
            self.expression(result, 2)?;
        }
        if is_twofold {
            self.expression(ValType::I32, 2)?;
            self.put(&[I32Const(3), I32And]);
            self.see();
            self.put(&[BrTable(Cow::Borrowed(&[0, 1, 0]), 1), End]);
            self.mark(1);
        } else if self.u.arbitrary()? {
            self.expression(ValType::I32, 2)?;
            self.put(&[BrIf(0)]);
        }
        self.put(&[End]);
        for &result in ty.results.iter().rev() {
            self.keep(result)?;
        }
        Ok(())
    }

    fn call(&mut self) -> Result<()> {
        let world = self.world;
        let func = self.u.choose_index(world.functions.len())?;
        let index = world.functions[func];
        let ty = &world.types[index as usize];
        for &param in &ty.params {
            self.expression(param, 2)?;
        }
        // In its place in a call there is less to be seen of this function.
        let is_tail = ty.results == self.signature.results && self.u.ratio(1, 3)?;
        if is_tail {
            self.expression(ValType::I32, 1)?;
            self.put(&[LocalSet(self.moment(ValType::I32))]);
            for &param in ty.params.iter().rev() {
                self.keep(param)?;
            }
            self.save();
            self.put(&[LocalGet(self.moment(ValType::I32)), If(BlockType::Empty)]);
            for &param in &ty.params {
                let local = self.any_of_type(param)?;
                self.put(&[LocalGet(local)]);
            }
        }
        if self.u.arbitrary()? {
            self.put(&[if is_tail {
                ReturnCall(func as u32)
            } else {
                Call(func as u32)
            }]);
        } else if world.dialect == Dialect::Wasmtime && self.u.ratio(1, 3)? {
            self.typed_ref(func as u32, index)?;
            self.put(&[if is_tail {
                ReturnCallRef(index)
            } else {
                CallRef(index)
            }]);
        } else {
            let may_trap = self.reckless && self.u.arbitrary()?;
            let table_index = u32::from(may_trap && self.u.arbitrary()?);
            if may_trap && self.u.arbitrary()? {
                self.expression(ValType::I32, 1)?;
                self.put(&[I32Const(7), I32And]);
            } else if may_trap {
                let place = self.u.int_in_range(0..=world.elements())?;
                self.put(&[I32Const(place as i32)]);
            } else {
                self.put(&[I32Const(func as i32)]);
            }
            self.put(&[if is_tail {
                ReturnCallIndirect {
                    type_index: index,
                    table_index,
                }
            } else {
                CallIndirect {
                    type_index: index,
                    table_index,
                }
            }]);
        }
        if is_tail {
            self.put(&[End]);
            return Ok(());
        }
        for &result in ty.results.iter().rev() {
            self.keep(result)?;
        }
        Ok(())
    }

    /// Returns or traps, if something is so.
    fn leave(&mut self) -> Result<()> {
        self.expression(ValType::I32, 2)?;
        self.put(&[I32Const(7), I32And, I32Eqz, If(BlockType::Empty)]);
        self.save();
        if self.u.arbitrary()? {
            self.put(&[Unreachable]);
        } else {
            self.finish()?;
            self.put(&[Return]);
        }
        self.put(&[End]);
        Ok(())
    }
}

fn zero(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => I32Const(0),
        ValType::I64 => I64Const(0),
        ValType::F32 => F32Const(Ieee32::from(0.0)),
        ValType::F64 => F64Const(Ieee64::from(0.0)),
        _ => V128Const(0),
    }
}
