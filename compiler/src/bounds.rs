//! The address of a memory access: the border of the sandbox.
//!
//! # The idea
//!
//! For an access of `size` bytes at `index + offset`, with `index` 32 bits wide and `offset` a
//! constant of up to 32 bits:
//!
//! ```text
//! if zext64(index) + offset + size > length { trap }
//! access base + zext64(index) + offset
//! ```
//!
//! # Departures from it
//!
//! 1. *Guarded memories* (the default): the loader reserves 4 GiB plus a guard of
//!    `memory_guard_bytes` from `base` on, and everything beyond `length` in there is
//!    inaccessible. `zext64(index)` is below 4 GiB. So where `offset + size ≤ guard`, the last byte
//!    touched lies below `base + 4 GiB + guard`: the access is either right or faults, the fault
//!    becomes the trap, and no check is needed.
//! 2. Larger offsets, and all accesses under `memory_checked`, compare as above. `index + offset +
//!    size` is below 2^34 and cannot wrap in 64 bits. The address that is used is replaced by null
//!    where the check has failed, so that a processor that runs ahead of the check reads nothing
//!    it should not.
//!
//! What must hold: `index` is zero-extended *here*, and nowhere else, by an instruction of its own,
//! so that no stale upper half of a register can enter the sum; and the constant that goes into
//! the instruction is never negative.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder as _, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use precast_artifacts_format::{TrapCode, Tunables};

use crate::env::{FuncEnv, POINTER};
use crate::trap::clif_trap;

/// An address that may be accessed, or faults.
pub(crate) struct Address {
    pub(crate) flags: MemFlagsData,
    pub(crate) base: Value,
    /// To be added by the accessing instruction; never negative.
    pub(crate) offset: i32,
}

/// The address of an access of `size` bytes at `index + offset` in `memory`.
pub(crate) fn address(
    env: &FuncEnv<'_>,
    builder: &mut FunctionBuilder<'_>,
    memory: u32,
    index: Value,
    offset: u64,
    size: u8,
) -> Address {
    debug_assert_eq!(builder.func.dfg.value_type(index), types::I32);
    debug_assert!(offset <= u64::from(u32::MAX), "validation sees to it");
    let flags = env.heap();
    let base = env.memory_base(builder, memory);
    let index = builder.ins().uextend(POINTER, index);
    if let Some(offset) = unchecked_offset(&env.env.tunables, offset, size) {
        return Address {
            flags,
            base: builder.ins().iadd(base, index),
            offset,
        };
    }
    let length = env.memory_length(builder, memory);
    let end = builder
        .ins()
        .iadd_imm_u(index, offset as i64 + i64::from(size));
    let outside = builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
    builder
        .ins()
        .trapnz(outside, clif_trap(TrapCode::MemoryOutOfBounds));
    let address = builder.ins().iadd(base, index);
    let address = builder.ins().iadd_imm_u(address, offset as i64);
    let null = builder.ins().iconst(POINTER, 0);
    Address {
        flags,
        base: builder.ins().select_spectre_guard(outside, null, address),
        offset: 0,
    }
}

/// The offset, if an access with it needs no check.
fn unchecked_offset(tunables: &Tunables, offset: u64, size: u8) -> Option<i32> {
    let Tunables {
        memory_guard_bytes,
        memory_checked,
        fuel: _,
    } = *tunables;
    if memory_checked || offset + u64::from(size) > memory_guard_bytes {
        return None;
    }
    i32::try_from(offset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accesses_that_stay_within_the_guard_go_unchecked() {
        let guarded = Tunables {
            memory_guard_bytes: 65_536,
            ..Tunables::DEFAULT
        };
        let unchecked = |offset, size| unchecked_offset(&guarded, offset, size);
        assert_eq!(unchecked(0, 1), Some(0));
        assert_eq!(unchecked(65_520, 16), Some(65_520));
        assert_eq!(unchecked(65_521, 16), None, "one byte too far");
        assert_eq!(unchecked(u64::from(u32::MAX), 16), None);
        let wide = Tunables {
            memory_guard_bytes: 8 << 30,
            ..Tunables::DEFAULT
        };
        assert_eq!(
            unchecked_offset(&wide, 1 << 31, 1),
            None,
            "the instruction's constant would be negative"
        );
    }

    #[test]
    fn nothing_goes_unchecked_without_a_guard() {
        let none = Tunables {
            memory_guard_bytes: 0,
            ..Tunables::DEFAULT
        };
        assert_eq!(unchecked_offset(&none, 0, 1), None);
        let checked = Tunables {
            memory_checked: true,
            ..Tunables::DEFAULT
        };
        assert_eq!(unchecked_offset(&checked, 0, 1), None);
    }
}
