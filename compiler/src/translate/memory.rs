//! Linear memories: scalar loads and stores, size, growth and bulk operations.

use cranelift_codegen::ir::{InstBuilder as _, Type, Value, types};
use precast_artifacts_format::{MemoryType, RuntimeSymbol, TrapCode};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::Translator;
use super::fuel::MEMORY_UNIT;
use crate::bounds::{self, Address};
use crate::env::POINTER;
use crate::trap::clif_trap;

use types::{F32, F64, I32, I64};

/// How the bytes of a narrow load become a value.
#[derive(Clone, Copy)]
enum Extension {
    Signed,
    Unsigned,
}

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Extension::{Signed, Unsigned};
        use Operator as Op;
        match operator {
            Op::I32Load { memarg } => self.load(memarg, I32),
            Op::I64Load { memarg } => self.load(memarg, I64),
            Op::F32Load { memarg } => self.load(memarg, F32),
            Op::F64Load { memarg } => self.load(memarg, F64),
            Op::I32Load8S { memarg } => self.load_narrow(memarg, I32, 1, Signed),
            Op::I32Load8U { memarg } => self.load_narrow(memarg, I32, 1, Unsigned),
            Op::I32Load16S { memarg } => self.load_narrow(memarg, I32, 2, Signed),
            Op::I32Load16U { memarg } => self.load_narrow(memarg, I32, 2, Unsigned),
            Op::I64Load8S { memarg } => self.load_narrow(memarg, I64, 1, Signed),
            Op::I64Load8U { memarg } => self.load_narrow(memarg, I64, 1, Unsigned),
            Op::I64Load16S { memarg } => self.load_narrow(memarg, I64, 2, Signed),
            Op::I64Load16U { memarg } => self.load_narrow(memarg, I64, 2, Unsigned),
            Op::I64Load32S { memarg } => self.load_narrow(memarg, I64, 4, Signed),
            Op::I64Load32U { memarg } => self.load_narrow(memarg, I64, 4, Unsigned),
            Op::I32Store { memarg } => self.store(memarg, 4),
            Op::I64Store { memarg } => self.store(memarg, 8),
            Op::F32Store { memarg } => self.store(memarg, 4),
            Op::F64Store { memarg } => self.store(memarg, 8),
            Op::I32Store8 { memarg } | Op::I64Store8 { memarg } => self.store_narrow(memarg, 1),
            Op::I32Store16 { memarg } | Op::I64Store16 { memarg } => self.store_narrow(memarg, 2),
            Op::I64Store32 { memarg } => self.store_narrow(memarg, 4),

            Op::MemorySize { mem } => self.memory_size(*mem),
            Op::MemoryGrow { mem } => self.memory_grow(*mem),
            Op::MemoryFill { mem } => {
                let [destination, byte, length] = self.pop3();
                let [destination, length] = [destination, length].map(|v| self.widen(v));
                self.fuel_for_length(length, MEMORY_UNIT);
                let memory = self.index_constant(*mem);
                self.call_checked(
                    RuntimeSymbol::MemoryFill,
                    &[memory, destination, byte, length],
                    TrapCode::MemoryOutOfBounds,
                );
            }
            Op::MemoryCopy { dst_mem, src_mem } => {
                let operands = self.pop3().map(|value| self.widen(value));
                self.fuel_for_length(operands[2], MEMORY_UNIT);
                let memories = [*dst_mem, *src_mem].map(|memory| self.index_constant(memory));
                self.call_checked(
                    RuntimeSymbol::MemoryCopy,
                    &[&memories[..], &operands].concat(),
                    TrapCode::MemoryOutOfBounds,
                );
            }
            Op::MemoryInit { data_index, mem } => {
                let operands = self.pop3().map(|value| self.widen(value));
                self.fuel_for_length(operands[2], MEMORY_UNIT);
                let indices = [*mem, *data_index].map(|index| self.index_constant(index));
                self.call_checked(
                    RuntimeSymbol::MemoryInit,
                    &[&indices[..], &operands].concat(),
                    TrapCode::MemoryOutOfBounds,
                );
            }
            Op::DataDrop { data_index } => {
                let segment = self.index_constant(*data_index);
                self.call_runtime(RuntimeSymbol::DataDrop, &[segment]);
            }
            _ => return false,
        }
        true
    }

    /// Pops the index of an access of `size` bytes and gives its address.
    pub(super) fn pop_address(&mut self, memarg: &MemArg, size: u8) -> Address {
        let MemArgTarget::Memory(memory) = memarg.target else {
            unreachable!("the parser does not know that proposal");
        };
        let index = self.pop();
        bounds::address(
            &self.env,
            &mut self.builder,
            memory,
            index,
            memarg.offset,
            size,
        )
    }

    pub(super) fn load(&mut self, memarg: &MemArg, ty: Type) {
        let at = self.pop_address(memarg, ty.bytes() as u8);
        let value = self.builder.ins().load(ty, at.flags, at.base, at.offset);
        self.push(value);
    }

    fn load_narrow(&mut self, memarg: &MemArg, ty: Type, size: u8, extend: Extension) {
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, size);
        let ins = self.builder.ins();
        let value = match (size, extend) {
            (1, Extension::Signed) => ins.sload8(ty, flags, base, offset),
            (1, Extension::Unsigned) => ins.uload8(ty, flags, base, offset),
            (2, Extension::Signed) => ins.sload16(ty, flags, base, offset),
            (2, Extension::Unsigned) => ins.uload16(ty, flags, base, offset),
            (_, Extension::Signed) => ins.sload32(flags, base, offset),
            (_, Extension::Unsigned) => ins.uload32(flags, base, offset),
        };
        self.push(value);
    }

    pub(super) fn store(&mut self, memarg: &MemArg, size: u8) {
        let value = self.pop();
        let at = self.pop_address(memarg, size);
        self.builder
            .ins()
            .store(at.flags, value, at.base, at.offset);
    }

    fn store_narrow(&mut self, memarg: &MemArg, size: u8) {
        let value = self.pop();
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, size);
        let ins = self.builder.ins();
        match size {
            1 => ins.istore8(flags, value, base, offset),
            2 => ins.istore16(flags, value, base, offset),
            _ => ins.istore32(flags, value, base, offset),
        };
    }

    fn memory_size(&mut self, memory: u32) {
        let ty = self.memory_type(memory);
        let bytes = if ty.is_shared {
            self.env.shared_memory_length(&mut self.builder, memory)
        } else {
            self.env.memory_length(&mut self.builder, memory)
        };
        let shift = i64::from(ty.page_bytes_log2);
        let pages = self.builder.ins().ushr_imm_u(bytes, shift);
        let pages = self.narrow(pages, ty.is_64);
        self.push(pages);
    }

    fn memory_grow(&mut self, memory: u32) {
        let ty = self.memory_type(memory);
        let delta = self.pop();
        let delta = self.widen(delta);
        let memory = self.index_constant(memory);
        let before = self.call_runtime(RuntimeSymbol::MemoryGrow, &[memory, delta]);
        let before = before.expect("growing gives a value");
        self.fuel_for_pages(delta, before, u32::from(ty.page_bytes_log2));
        let before = self.narrow(before, ty.is_64);
        self.push(before);
    }

    fn memory_type(&self, memory: u32) -> MemoryType {
        self.env.env.module.memories[memory as usize]
    }

    /// An `i32` or `i64` operand, unsigned, as the 64 bits that runtime symbols take.
    pub(super) fn widen(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == POINTER {
            value
        } else {
            self.builder.ins().uextend(POINTER, value)
        }
    }

    /// The reverse: a number from the runtime as an index of a memory or table.
    pub(super) fn narrow(&mut self, value: Value, is_64: bool) -> Value {
        if is_64 {
            value
        } else {
            self.builder.ins().ireduce(I32, value)
        }
    }

    pub(super) fn index_constant(&mut self, index: u32) -> Value {
        self.builder.ins().iconst(I32, i64::from(index))
    }

    /// Calls a runtime symbol with the vmctx and `args`.
    pub(super) fn call_runtime(&mut self, symbol: RuntimeSymbol, args: &[Value]) -> Option<Value> {
        let callee = self.env.runtime(self.builder.func, symbol);
        let args = [&[self.env.vmctx], args].concat();
        let call = self.builder.ins().call(callee, &args);
        self.builder.inst_results(call).first().copied()
    }

    /// Calls a runtime symbol that says whether it stayed in bounds; traps if it did not.
    pub(super) fn call_checked(&mut self, symbol: RuntimeSymbol, args: &[Value], trap: TrapCode) {
        let status = self.call_runtime(symbol, args);
        let status = status.expect("checked symbols give a status");
        self.builder.ins().trapnz(status, clif_trap(trap));
    }
}
