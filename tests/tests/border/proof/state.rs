//! What is known of a machine at a place of its code.

use std::collections::BTreeMap;

use iced_x86::{Instruction, Register};
use precast_artifacts_format::abi::{VmMemory, VmctxLayout};

use super::value::Value;
use super::value::Value::{Any, Definition, Frame, Memory, Other, Vmctx};
use super::{PRESERVED, RSP};

/// What is known at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) registers: [Value; 16],
    /// By their distance above the return address, in bytes: values of 64 bits.
    pub(super) slots: BTreeMap<i64, Value>,
    /// The lowest place in the frame whose address has been given away.
    pub(super) given_away: Option<i64>,
    /// How much of the stack the last call has taken away, if nothing has happened since.
    pub(super) after_call: bool,
}

impl State {
    pub(super) fn join(&self, other: &Self, widen: bool) -> Self {
        let mut registers = self.registers;
        for (value, other) in registers.iter_mut().zip(other.registers) {
            *value = value.join(other, widen);
        }
        let slots = self.slots.iter().filter_map(|(&at, value)| {
            let joined = value.join(*other.slots.get(&at)?, widen);
            (joined != Any).then_some((at, joined))
        });
        Self {
            registers,
            slots: slots.collect(),
            given_away: [self.given_away, other.given_away]
                .into_iter()
                .flatten()
                .min(),
            after_call: self.after_call && other.after_call,
        }
    }

    pub(super) fn register(&self, register: Register) -> Value {
        match register {
            Register::None => Value::constant(0),
            _ if register.is_gpr64() => self.registers[register.number()],
            _ if register.is_gpr32() => self.registers[register.number()].lower_half(),
            _ => Any,
        }
    }

    pub(super) fn set(&mut self, register: Register, value: Value) {
        if register.is_gpr64() {
            self.registers[register.number()] = value;
        } else if register.is_gpr32() {
            self.registers[register.number()] = value.lower_half();
        } else if register.is_gpr() {
            self.registers[register.full_register().number()] = Any;
        }
    }

    /// The address of the operand in memory.
    pub(super) fn address(&self, instruction: &Instruction) -> Value {
        if instruction.is_ip_rel_memory_operand() {
            return Other;
        }
        let scale = Value::constant(instruction.memory_index_scale().into());
        let index = match instruction.memory_index() {
            Register::None => Value::constant(0),
            index if instruction.memory_index_scale() == 1 => self.register(index),
            index => self.register(index).mul(scale),
        };
        let displacement = Value::constant(instruction.memory_displacement64());
        let base = self.register(instruction.memory_base());
        // Constants first: they may be negative, and sums of ranges must not wrap.
        base.add(displacement).add(index)
    }

    /// What is read there.
    pub(super) fn load(&self, address: Value, bytes: usize, layout: &VmctxLayout) -> Value {
        let wide = bytes == 8;
        match address {
            Frame(at) if wide => self.slots.get(&at).copied().unwrap_or(Any),
            Vmctx(at) if wide => in_vmctx(at, layout),
            Definition if wide => Memory(0, 0),
            Other if wide => Other,
            _ if bytes < 8 => Value::bits(8 * bytes as u32),
            _ => Any,
        }
    }

    pub(super) fn store(&mut self, address: Value, bytes: usize, value: Value) {
        let Frame(at) = address else { return };
        let bytes = bytes as i64;
        self.slots
            .retain(|&slot, _| slot + 8 <= at || at + bytes <= slot);
        if bytes == 8 && value != Any {
            self.slots.insert(at, value);
        }
    }

    pub(super) fn call(&mut self) {
        for (number, value) in self.registers.iter_mut().enumerate() {
            if number != RSP && !PRESERVED.contains(&number) {
                *value = Any;
            }
        }
        if let Some(lowest) = self.given_away {
            self.slots.retain(|&slot, _| slot + 8 <= lowest);
        }
        self.after_call = true;
    }
}

/// What the vmctx has there, in 64 bits.
fn in_vmctx(at: i64, layout: &VmctxLayout) -> Value {
    let counts = layout.counts();
    let is_at = |offset: u32| i64::from(offset) == at;
    let base = std::mem::offset_of!(VmMemory, base) as u32;
    if (0..counts.memories).any(|memory| is_at(layout.memory(memory) + base)) {
        return Memory(0, 0);
    }
    if (0..counts.imported_memories).any(|memory| is_at(layout.imported_memory(memory))) {
        return Definition;
    }
    // A global's value may be a guest's number.
    if (0..counts.globals).any(|global| is_at(layout.global(global))) {
        return Any;
    }
    Other
}
