//! Atomic accesses, fences, waiting and notifying (the threads proposal).
//!
//! All are sequentially consistent. They work on any memory, shared or not.
//!
//! An access must be aligned. Where it is not, the processor may still do it, or may not, and not
//! atomically; so the code looks, and traps, before it looks at bounds.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder as _, MemFlagsData, Type, Value, types};
use precast_artifacts_format::{RuntimeSymbol, TrapCode};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::Translator;
use crate::bounds::Address;
use crate::env::POINTER;
use crate::trap::clif_trap;

use types::{I8, I16, I32, I64};

impl Translator<'_, '_> {
    /// Translates `operator` if it is one of this group; says whether it was.
    pub(super) fn atomic_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as Op;
        match operator {
            Op::I32AtomicLoad { memarg } => self.atomic_load(memarg, I32, I32),
            Op::I64AtomicLoad { memarg } => self.atomic_load(memarg, I64, I64),
            Op::I32AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I32),
            Op::I32AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I32),
            Op::I64AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I64),
            Op::I64AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I64),
            Op::I64AtomicLoad32U { memarg } => self.atomic_load(memarg, I32, I64),

            Op::I32AtomicStore { memarg } | Op::I64AtomicStore32 { memarg } => {
                self.atomic_store(memarg, I32);
            }
            Op::I64AtomicStore { memarg } => self.atomic_store(memarg, I64),
            Op::I32AtomicStore8 { memarg } | Op::I64AtomicStore8 { memarg } => {
                self.atomic_store(memarg, I8);
            }
            Op::I32AtomicStore16 { memarg } | Op::I64AtomicStore16 { memarg } => {
                self.atomic_store(memarg, I16);
            }

            Op::I32AtomicRmwCmpxchg { memarg } => self.atomic_cas(memarg, I32, I32),
            Op::I64AtomicRmwCmpxchg { memarg } => self.atomic_cas(memarg, I64, I64),
            Op::I32AtomicRmw8CmpxchgU { memarg } => self.atomic_cas(memarg, I8, I32),
            Op::I32AtomicRmw16CmpxchgU { memarg } => self.atomic_cas(memarg, I16, I32),
            Op::I64AtomicRmw8CmpxchgU { memarg } => self.atomic_cas(memarg, I8, I64),
            Op::I64AtomicRmw16CmpxchgU { memarg } => self.atomic_cas(memarg, I16, I64),
            Op::I64AtomicRmw32CmpxchgU { memarg } => self.atomic_cas(memarg, I32, I64),

            Op::AtomicFence { .. } => {
                self.builder.ins().fence();
            }
            Op::MemoryAtomicNotify { memarg } => {
                self.atomic_call(memarg, RuntimeSymbol::AtomicNotify, 1);
            }
            Op::MemoryAtomicWait32 { memarg } => {
                self.atomic_call(memarg, RuntimeSymbol::AtomicWait32, 2);
            }
            Op::MemoryAtomicWait64 { memarg } => {
                self.atomic_call(memarg, RuntimeSymbol::AtomicWait64, 2);
            }
            other => match read_modify_write(other) {
                Some((memarg, op, access, result)) => self.atomic_rmw(memarg, op, access, result),
                None => return false,
            },
        }
        true
    }

    /// Pops the index of an access to an `access` and gives its address, which is aligned.
    fn pop_atomic_address(&mut self, memarg: &MemArg, access: Type) -> (MemFlagsData, Value) {
        let size = access.bytes() as u8;
        self.check_aligned(memarg.offset, size);
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, size);
        let address = match offset {
            0 => base,
            _ => self.builder.ins().iadd_imm_u(base, i64::from(offset)),
        };
        (flags, address)
    }

    /// Traps unless the index that comes next and the offset are together a multiple of `size`, a
    /// power of two. Memories start at a page of the system.
    fn check_aligned(&mut self, offset: u64, size: u8) {
        let mask = i64::from(size) - 1;
        if mask == 0 {
            return;
        }
        let index = self.peek();
        // Nothing above the lowest bits matters, nor whether the sum wraps.
        let offset = offset.cast_signed() & mask;
        let sum = self.builder.ins().iadd_imm_u(index, offset);
        let low_bits = self.builder.ins().band_imm_u(sum, mask);
        self.builder
            .ins()
            .trapnz(low_bits, clif_trap(TrapCode::UnalignedAtomic));
    }

    fn atomic_load(&mut self, memarg: &MemArg, access: Type, result: Type) {
        let (flags, address) = self.pop_atomic_address(memarg, access);
        let value = self.builder.ins().atomic_load(access, flags, address);
        self.push_extended(value, access, result);
    }

    fn atomic_store(&mut self, memarg: &MemArg, access: Type) {
        let value = self.pop_reduced(access);
        let (flags, address) = self.pop_atomic_address(memarg, access);
        self.builder.ins().atomic_store(flags, value, address);
    }

    fn atomic_rmw(&mut self, memarg: &MemArg, op: AtomicRmwOp, access: Type, result: Type) {
        let operand = self.pop_reduced(access);
        let (flags, address) = self.pop_atomic_address(memarg, access);
        let before = self
            .builder
            .ins()
            .atomic_rmw(access, flags, op, address, operand);
        self.push_extended(before, access, result);
    }

    fn atomic_cas(&mut self, memarg: &MemArg, access: Type, result: Type) {
        let replacement = self.pop_reduced(access);
        let expected = self.pop_reduced(access);
        let (flags, address) = self.pop_atomic_address(memarg, access);
        let before = self
            .builder
            .ins()
            .atomic_cas(flags, address, expected, replacement);
        self.push_extended(before, access, result);
    }

    /// Calls a routine with memory, index, offset and the `count` operands above the index; traps
    /// if it gives -1.
    fn atomic_call(&mut self, memarg: &MemArg, symbol: RuntimeSymbol, count: usize) {
        let MemArgTarget::Memory(memory) = memarg.target else {
            unreachable!("the parser does not know that proposal");
        };
        let operands = self.pop_many(count);
        let index = self.pop();
        let index = self.widen(index);
        let memory = self.index_constant(memory);
        let offset = self
            .builder
            .ins()
            .iconst(POINTER, memarg.offset.cast_signed());
        let args = [&[memory, index, offset][..], &operands].concat();
        let status = self.call_runtime(symbol, &args);
        let status = status.expect("it gives a status");
        let failed = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedLessThan, status, 0);
        // The loader puts the reason in this one's place, if it is another.
        self.builder
            .ins()
            .trapnz(failed, clif_trap(TrapCode::MemoryOutOfBounds));
        let result = self.builder.ins().ireduce(I32, status);
        self.push(result);
    }

    fn pop_reduced(&mut self, access: Type) -> Value {
        let value = self.pop();
        if self.builder.func.dfg.value_type(value) == access {
            value
        } else {
            self.builder.ins().ireduce(access, value)
        }
    }

    fn push_extended(&mut self, value: Value, access: Type, result: Type) {
        let value = if access == result {
            value
        } else {
            self.builder.ins().uextend(result, value)
        };
        self.push(value);
    }
}

/// What an operator that reads, computes and writes does: how, to which bits, for which result.
fn read_modify_write<'a>(
    operator: &'a Operator<'_>,
) -> Option<(&'a MemArg, AtomicRmwOp, Type, Type)> {
    macro_rules! table {
        ($($op:ident: $($name:ident $access:ident $result:ident),*;)*) => {
            match operator {
                $($(Operator::$name { memarg } => (memarg, AtomicRmwOp::$op, $access, $result),)*)*
                _ => return None,
            }
        };
    }
    Some(table! {
        Add: I32AtomicRmwAdd I32 I32, I64AtomicRmwAdd I64 I64, I32AtomicRmw8AddU I8 I32,
            I32AtomicRmw16AddU I16 I32, I64AtomicRmw8AddU I8 I64, I64AtomicRmw16AddU I16 I64,
            I64AtomicRmw32AddU I32 I64;
        Sub: I32AtomicRmwSub I32 I32, I64AtomicRmwSub I64 I64, I32AtomicRmw8SubU I8 I32,
            I32AtomicRmw16SubU I16 I32, I64AtomicRmw8SubU I8 I64, I64AtomicRmw16SubU I16 I64,
            I64AtomicRmw32SubU I32 I64;
        And: I32AtomicRmwAnd I32 I32, I64AtomicRmwAnd I64 I64, I32AtomicRmw8AndU I8 I32,
            I32AtomicRmw16AndU I16 I32, I64AtomicRmw8AndU I8 I64, I64AtomicRmw16AndU I16 I64,
            I64AtomicRmw32AndU I32 I64;
        Or: I32AtomicRmwOr I32 I32, I64AtomicRmwOr I64 I64, I32AtomicRmw8OrU I8 I32,
            I32AtomicRmw16OrU I16 I32, I64AtomicRmw8OrU I8 I64, I64AtomicRmw16OrU I16 I64,
            I64AtomicRmw32OrU I32 I64;
        Xor: I32AtomicRmwXor I32 I32, I64AtomicRmwXor I64 I64, I32AtomicRmw8XorU I8 I32,
            I32AtomicRmw16XorU I16 I32, I64AtomicRmw8XorU I8 I64, I64AtomicRmw16XorU I16 I64,
            I64AtomicRmw32XorU I32 I64;
        Xchg: I32AtomicRmwXchg I32 I32, I64AtomicRmwXchg I64 I64, I32AtomicRmw8XchgU I8 I32,
            I32AtomicRmw16XchgU I16 I32, I64AtomicRmw8XchgU I8 I64, I64AtomicRmw16XchgU I16 I64,
            I64AtomicRmw32XchgU I32 I64;
    })
}
