//! The body of a function: statements, each of which leaves something in what can be seen.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use wasm_encoder::{BlockType, Function, HeapType, Ieee32, Ieee64, Instruction, MemArg, MemArgTarget, RefType, ValType};
use wasm_encoder::Instruction::*;

use super::operators::{self, Access, Nans, TYPES};
use super::{ACC, FUEL, Signature, World};
use crate::modules::Dialect;

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
        locals.extend([(1, ValType::I64), (NESTING + 1, ValType::I32), (1, ValType::FUNCREF)]);
        Ok(Self {
            world,
            reckless: u.ratio(1, 5)?,
            u,
            signature,
            out: Function::new(locals),
            left,
            nesting: 0,
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
        self.put(&[GlobalGet(FUEL), I32Const(1), I32Sub, GlobalSet(FUEL), GlobalGet(FUEL)]);
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
            let acc = self.acc();
            self.put(&[LocalGet(acc), I64Const(i64::from(arm) + 77), I64Add, LocalSet(acc)]);
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
        self.put(&[Block(BlockType::FunctionType(index as u32))]);
        for &param in ty.params.iter().rev() {
            self.keep(param)?;
        }
        for &result in &ty.results {
            self.expression(result, 2)?;
        }
        if self.u.arbitrary()? {
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
                ReturnCallIndirect { type_index: index, table_index }
            } else {
                CallIndirect { type_index: index, table_index }
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

    // Memory.

    fn memory(&mut self) -> Result<(u32, bool)> {
        let index = self.u.choose_index(self.world.memories.len())?;
        Ok((index as u32, self.world.memories[index]))
    }

    /// An address, most often one where others are too.
    fn address(&mut self, is_64: bool, mask: u32) -> Result<()> {
        let is_wild = self.reckless && self.u.ratio(1, 6)?;
        let ty = if is_64 { ValType::I64 } else { ValType::I32 };
        self.expression(ty, 1)?;
        if is_wild {
            // Only around the end of what there may be.
            self.number(is_64, 0x3_ffff);
        } else {
            self.number(is_64, mask);
        }
        self.put(&[if is_64 { I64And } else { I32And }]);
        Ok(())
    }

    fn number(&mut self, is_64: bool, number: u32) {
        self.put(&[if is_64 {
            I64Const(number.into())
        } else {
            I32Const(number as i32)
        }]);
    }

    /// What an access takes beside its address, which is on the stack afterwards.
    fn access(&mut self, align: u32, is_atomic: bool) -> Result<MemArg> {
        let (memory_index, is_64) = self.memory()?;
        let mask = *self.u.choose(&[0x1f, 0x3f, 0x7fff])?;
        self.address(is_64, if is_atomic { mask & !7 } else { mask })?;
        let offsets: &[u64] = if is_atomic {
            &[0, 8, 0x100, 0x7fe0]
        } else {
            &[0, 0, 1, 3, 8, 0x10, 0x100, 0x7fe0]
        };
        Ok(MemArg {
            offset: *self.u.choose(offsets)?,
            align: if is_atomic { align } else { self.u.int_in_range(0..=align)? },
            target: MemArgTarget::Memory(memory_index),
            ordering: None,
        })
    }

    fn load(&mut self, ty: ValType) -> Result<()> {
        if self.world.dialect == Dialect::Wasmtime && self.u.ratio(1, 4)? {
            let (params, result, (op, align)) = *self.u.choose(operators::ATOMICS)?;
            if result == ty {
                let memarg = self.access(align, true)?;
                for &param in params {
                    self.expression(param, 1)?;
                }
                self.put(&[op(memarg)]);
                return Ok(());
            }
        }
        let is_lane = ty == ValType::V128 && self.u.ratio(1, 3)?;
        let all: &[Access] = if is_lane { operators::LANE_LOADS } else { operators::loads(ty) };
        let (op, align) = *self.u.choose(all)?;
        let memarg = self.access(align, false)?;
        if is_lane {
            self.expression(ty, 1)?;
        }
        self.put(&[op(memarg)]);
        Ok(())
    }

    fn store(&mut self) -> Result<()> {
        let ty = *self.u.choose(&TYPES)?;
        let (op, align) = *self.u.choose(operators::stores(ty))?;
        let memarg = self.access(align, false)?;
        self.expression(ty, DEPTH)?;
        self.put(&[op(memarg)]);
        Ok(())
    }

    /// What works on many bytes at once.
    fn bulk(&mut self) -> Result<()> {
        let (mem, is_64) = self.memory()?;
        match self.u.int_in_range(0..=4)? {
            0 | 1 => {
                let (src_mem, src_is_64) = if self.u.arbitrary()? { self.memory()? } else { (mem, is_64) };
                self.address(is_64, 0x7f)?;
                self.address(src_is_64, 0x7f)?;
                self.address(is_64 && src_is_64, 0x3f)?;
                self.put(&[MemoryCopy { src_mem, dst_mem: mem }]);
            }
            2 => {
                self.address(is_64, 0xff)?;
                self.expression(ValType::I32, 1)?;
                self.address(is_64, 0x3f)?;
                self.put(&[MemoryFill(mem)]);
            }
            3 => {
                self.address(is_64, 0xff)?;
                self.address(false, 7)?;
                self.address(false, 7)?;
                self.put(&[MemoryInit { mem, data_index: 0 }]);
                if self.reckless {
                    self.put(&[DataDrop(0)]);
                }
            }
            _ => {
                self.address(is_64, 1)?;
                self.put(&[MemoryGrow(mem)]);
                self.keep(if is_64 { ValType::I64 } else { ValType::I32 })?;
                self.put(&[MemorySize(mem)]);
                self.keep(if is_64 { ValType::I64 } else { ValType::I32 })?;
            }
        }
        Ok(())
    }

    // Tables and references.

    fn place(&mut self) -> Result<()> {
        self.expression(ValType::I32, 1)?;
        let mask = if self.reckless && self.u.ratio(1, 4)? { 31 } else { 3 };
        self.put(&[I32Const(mask), I32And]);
        Ok(())
    }

    /// Something with the table that may change.
    fn table(&mut self) -> Result<()> {
        match self.u.int_in_range(0..=6)? {
            0 | 1 => {
                self.place()?;
                self.funcref()?;
                self.put(&[TableSet(1)]);
            }
            2 => {
                self.funcref()?;
                self.put(&[LocalSet(self.reference())]);
            }
            3 => {
                self.place()?;
                self.place()?;
                self.place()?;
                let src_table = u32::from(self.u.arbitrary::<bool>()?);
                self.put(&[I32Const(1), I32And, TableCopy { src_table, dst_table: 1 }]);
            }
            4 => {
                self.place()?;
                self.funcref()?;
                self.put(&[I32Const(2), TableFill(1)]);
            }
            5 => {
                self.place()?;
                self.put(&[I32Const(0), I32Const(1), TableInit { elem_index: 1, table: 1 }]);
                if self.reckless {
                    self.put(&[ElemDrop(1)]);
                }
            }
            _ => {
                self.funcref()?;
                self.place()?;
                self.put(&[I32Const(1), I32And, TableGrow(1)]);
                self.keep(ValType::I32)?;
                self.put(&[TableSize(1)]);
                self.keep(ValType::I32)?;
            }
        }
        Ok(())
    }

    fn funcref(&mut self) -> Result<()> {
        match self.u.int_in_range(0..=4)? {
            0 => self.put(&[RefNull(HeapType::FUNC)]),
            1 => {
                let func = self.u.choose_index(self.world.functions.len())?;
                self.put(&[RefFunc(func as u32)]);
            }
            2 => {
                self.place()?;
                self.put(&[TableGet(1)]);
            }
            3 => {
                self.put(&[LocalGet(self.reference()), RefNull(HeapType::FUNC)]);
                self.expression(ValType::I32, 1)?;
                self.put(&[TypedSelect(RefType::FUNCREF.into())]);
            }
            _ => self.put(&[LocalGet(self.reference())]),
        }
        Ok(())
    }

    // Expressions.

    /// Leaves a value of the type on the stack.
    fn expression(&mut self, ty: ValType, depth: u32) -> Result<()> {
        if depth == 0 || *self.left == 0 || self.u.is_empty() {
            return self.atom(ty);
        }
        *self.left -= 1;
        match self.u.int_in_range(0..=23)? {
            0..=3 => return self.atom(ty),
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
            9..=11 if matches!(ty, ValType::I32 | ValType::I64) => self.risky(ty, depth - 1)?,
            12 if self.world.dialect == Dialect::Wasmtime => self.newer(ty, depth - 1)?,
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
        let is_careful = !self.reckless || self.u.ratio(3, 4)?;
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
        let ops = operators::TRUNCATIONS.iter().filter(|(_, it, ..)| *it == ty);
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
                let group = self.u.choose(operators::RELAXED)?;
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
            Nans::F64x2 => (ValType::V128, V128Const((0x7ff8 << 112) | (0x7ff8 << 48)), F64x2Eq),
        };
        let local = self.moment(ty);
        let choose = if ty == ValType::V128 { V128Bitselect } else { Select };
        self.put(&[LocalTee(local), nan, LocalGet(local), LocalGet(local), equal, choose]);
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
