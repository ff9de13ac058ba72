//! Locals: values, or slots of the frame.
//!
//! Usually a local is one of the frontend's variables, and becomes as many SSA values as it takes.
//! That takes a table of all blocks for each local, and a block parameter wherever its definitions
//! meet, so its cost is the product of locals and blocks. Where that would be out of proportion to
//! the size of the function, locals lie in the frame instead: slower code, made in time that grows
//! with the function's size. The same goes for loops inside of loops inside of loops, since each
//! adds to a chain of names for a local that none of them changes.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, InstBuilder as _, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::{FunctionBuilder, Variable};
use precast_artifacts_format::{Hierarchy, ValType};
use wasmparser::{FunctionBody, Operator};

use super::Result;
use crate::env::{POINTER, clif_type};
use crate::module::Module;

/// The largest product of locals and blocks with which locals are values: four bytes each.
const MAX_LOCALS_TIMES_BLOCKS: u64 = 1 << 25;

/// The deepest nesting of loops with which locals are values.
const MAX_LOOP_DEPTH: u32 = 1 << 10;

/// Bodies of fewer bytes than this are too short for loops that deep.
const SHORT_BODY_BYTES: u64 = 3 * MAX_LOOP_DEPTH as u64;

/// The frame's locals are cleared in steps of so many bytes, and aligned to as many.
const UNIT_BYTES: u32 = 16;

/// The locals of a function, its parameters among them.
#[derive(Default)]
pub(super) struct Locals {
    types: Vec<ValType>,
    /// Where those that have been used are. A local that has never been set is zero, as the
    /// frontend's variables are.
    variables: Vec<Option<Variable>>,
    /// The slot and each local's place in it, in bytes, if locals lie in the frame.
    frame: Option<(StackSlot, Vec<u32>)>,
}

impl Locals {
    /// Prepares for a body of `module`'s. `params` are its parameters with their values, in the current block.
    pub(super) fn start(
        &mut self,
        module: &Module<'_>,
        builder: &mut FunctionBuilder<'_>,
        params: impl Iterator<Item = (ValType, Value)>,
        body: &FunctionBody<'_>,
    ) -> Result<()> {
        self.types.clear();
        self.variables.clear();
        self.frame = None;
        let mut values = Vec::new();
        for (ty, value) in params {
            self.types.push(ty);
            values.push(value);
        }
        let mut declarations = body.get_locals_reader()?;
        for _ in 0..declarations.get_count() {
            let offset = declarations.original_position();
            let (count, ty) = declarations.read()?;
            // Validation has bounded their number.
            let len = self.types.len() + count as usize;
            self.types.resize(len, module.val_type(ty, offset)?);
        }
        self.variables.resize(self.types.len(), None);
        if are_many(self.types.len(), body)? {
            self.frame = Some(self.zeroed_frame(builder));
        }
        for (local, value) in (0..).zip(values) {
            self.set(builder, local, value);
        }
        Ok(())
    }

    /// The local's value.
    pub(super) fn get(&mut self, builder: &mut FunctionBuilder<'_>, local: u32) -> Value {
        let ty = clif_type(self.types[local as usize]);
        match &self.frame {
            Some((slot, offsets)) => {
                let offset = offsets[local as usize] as i32;
                let address = builder.ins().stack_addr(POINTER, *slot, offset);
                builder.ins().load(ty, MemFlagsData::trusted(), address, 0)
            }
            None => {
                let variable = self.variable(builder, local);
                builder.use_var(variable)
            }
        }
    }

    /// Sets the local.
    pub(super) fn set(&mut self, builder: &mut FunctionBuilder<'_>, local: u32, value: Value) {
        match &self.frame {
            Some((slot, offsets)) => {
                let offset = offsets[local as usize] as i32;
                let address = builder.ins().stack_addr(POINTER, *slot, offset);
                builder
                    .ins()
                    .store(MemFlagsData::trusted(), value, address, 0);
            }
            None => {
                let variable = self.variable(builder, local);
                builder.def_var(variable, value);
            }
        }
    }

    fn variable(&mut self, builder: &mut FunctionBuilder<'_>, local: u32) -> Variable {
        let ty = self.types[local as usize];
        *self.variables[local as usize].get_or_insert_with(|| {
            let variable = builder.declare_var(clif_type(ty));
            if ty.refers_to(Hierarchy::Exn) {
                // In the function's frame during calls, where the loader finds it.
                builder.declare_var_needs_stack_map(variable);
            }
            variable
        })
    }

    /// A slot with a place for each local, all of it zero.
    fn zeroed_frame(&self, builder: &mut FunctionBuilder<'_>) -> (StackSlot, Vec<u32>) {
        let mut size_bytes: u32 = 0;
        let places = self.types.iter().map(|ty| {
            let bytes = clif_type(*ty).bytes();
            let offset = size_bytes.next_multiple_of(bytes);
            size_bytes = offset + bytes;
            offset
        });
        let places = places.collect();
        let size_bytes = size_bytes.next_multiple_of(UNIT_BYTES);
        let slot = builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size_bytes,
            UNIT_BYTES.trailing_zeros() as u8,
        ));
        zero(builder, slot, size_bytes);
        (slot, places)
    }
}

/// Clears a slot, whose size is a multiple of [`UNIT_BYTES`] and not zero, from its end to its
/// start.
fn zero(builder: &mut FunctionBuilder<'_>, slot: StackSlot, size_bytes: u32) {
    let start = builder.ins().stack_addr(POINTER, slot, 0);
    let end = builder.ins().iadd_imm_s(start, i64::from(size_bytes));
    let clear = builder.create_block();
    let next = builder.create_block();
    let address = builder.append_block_param(clear, POINTER);
    builder.ins().jump(clear, &[end.into()]);
    builder.switch_to_block(clear);
    let zero = builder.ins().iconst(types::I64, 0);
    let address = builder.ins().iadd_imm_s(address, -i64::from(UNIT_BYTES));
    for half in [0, 8] {
        let flags = MemFlagsData::trusted();
        builder.ins().store(flags, zero, address, half);
    }
    let more = builder
        .ins()
        .icmp(IntCC::UnsignedGreaterThan, address, start);
    let again = [BlockArg::Value(address)];
    builder.ins().brif(more, clear, &again, next, &[]);
    builder.seal_block(clear);
    builder.seal_block(next);
    builder.switch_to_block(next);
}

/// Whether a body has so many locals for its blocks, or so many loops inside of one another, that
/// they had better lie in the frame.
fn are_many(locals: usize, body: &FunctionBody<'_>) -> Result<bool> {
    let (locals, bytes) = (locals as u64, body.range().end - body.range().start);
    // Most functions are told by their size alone: each byte opens a block at most.
    if locals == 0 || bytes < SHORT_BODY_BYTES && locals * bytes <= MAX_LOCALS_TIMES_BLOCKS {
        return Ok(false);
    }
    let mut operators = body.get_operators_reader()?;
    let (mut blocks, mut loops) = (0, 0);
    let mut open: Vec<bool> = Vec::new();
    while !operators.eof() {
        match operators.read()? {
            Operator::Loop { .. } => {
                open.push(true);
                loops += 1;
                blocks += 2;
            }
            Operator::Block { .. } => {
                open.push(false);
                blocks += 1;
            }
            Operator::If { .. } => {
                open.push(false);
                blocks += 3;
            }
            Operator::BrIf { .. } => blocks += 1,
            Operator::BrTable { targets } => blocks += u64::from(targets.len()),
            Operator::End => loops -= u32::from(open.pop() == Some(true)),
            _ => {}
        }
        if loops > MAX_LOOP_DEPTH || locals * blocks > MAX_LOCALS_TIMES_BLOCKS {
            return Ok(true);
        }
    }
    Ok(false)
}
