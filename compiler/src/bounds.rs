//! The address of a memory access: the border of the sandbox.
//!
//! # The idea
//!
//! For an access of `size` bytes at `index + offset`, with `index` 32 or 64 bits wide and `offset`
//! a constant of up to as many:
//!
//! ```text
//! if zext(index) + offset + size > length { trap }      (without a limit to the sum)
//! access base + zext(index) + offset
//! ```
//!
//! # Departures from it
//!
//! 1. *Guarded memories* (the default for 32-bit addresses): the loader reserves 4 GiB plus a guard
//!    of `memory_guard_bytes` from `base` on, and everything beyond `length` in there is
//!    inaccessible. `zext(index)` is below 4 GiB. So where `offset + size ≤ guard`, the last byte
//!    touched lies below `base + 4 GiB + guard`: the access is either right or faults, the fault
//!    becomes the trap, and no check is needed.
//! 2. Larger offsets, and all accesses to [checked memories](MemoryType::is_checked), compare. With
//!    32-bit addresses as above: the sum is below 2^34 and cannot wrap in 64 bits.
//! 3. With 64-bit addresses the sum could wrap. So the constant part goes to the other side, where
//!    it cannot: `index > length - (offset + size)`, after `length < offset + size`. The latter
//!    needs no look where the memory's type says that it is never so short, since memories do not
//!    shrink. Where `offset + size` alone is more than 64 bits can say, every access traps.
//! 4. The address that is used is replaced by null where the check has failed, so that a processor
//!    that runs ahead of the check reads nothing it should not.
//!
//! What must hold: `index` is zero-extended *here*, and nowhere else, by an instruction of its own,
//! so that no stale upper half of a register can enter the sum; and the constant that goes into
//! the instruction is never negative.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder as _, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use precast_artifacts_format::{MemoryType, TrapCode, Tunables};

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
    let ty = env.env.module.memories[memory as usize];
    let flags = env.heap();
    let base = env.memory_base(builder, memory);
    let index_type = builder.func.dfg.value_type(index);
    let index = if ty.is_64 {
        debug_assert_eq!(index_type, types::I64);
        index
    } else {
        debug_assert_eq!(index_type, types::I32);
        debug_assert!(offset <= u64::from(u32::MAX), "validation sees to it");
        builder.ins().uextend(POINTER, index)
    };
    if let Some(offset) = unchecked_offset(&ty, &env.env.tunables, offset, size) {
        return Address {
            flags,
            base: builder.ins().iadd(base, index),
            offset,
        };
    }
    let outside = match offset.checked_add(u64::from(size)) {
        None => builder.ins().iconst(types::I8, 1),
        Some(reach) => {
            let length = env.memory_length(builder, memory);
            is_outside(builder, &ty, index, reach, length)
        }
    };
    builder
        .ins()
        .trapnz(outside, clif_trap(TrapCode::MemoryOutOfBounds));
    let address = builder.ins().iadd(base, index);
    let address = builder.ins().iadd_imm_u(address, offset.cast_signed());
    let null = builder.ins().iconst(POINTER, 0);
    Address {
        flags,
        base: builder.ins().select_spectre_guard(outside, null, address),
        offset: 0,
    }
}

/// Whether an access that ends `reach` bytes behind `index`, 64 bits wide, ends beyond `length`.
fn is_outside(
    builder: &mut FunctionBuilder<'_>,
    ty: &MemoryType,
    index: Value,
    reach: u64,
    length: Value,
) -> Value {
    use IntCC::{UnsignedGreaterThan, UnsignedLessThan};
    let reach_imm = reach.cast_signed();
    if !ty.is_64 {
        let end = builder.ins().iadd_imm_u(index, reach_imm);
        return builder.ins().icmp(UnsignedGreaterThan, end, length);
    }
    let reach_value = builder.ins().iconst(POINTER, reach_imm);
    let last = builder.ins().isub(length, reach_value);
    let beyond = builder.ins().icmp(UnsignedGreaterThan, index, last);
    if is_never_shorter(ty, reach) {
        return beyond;
    }
    let short = builder.ins().icmp(UnsignedLessThan, length, reach_value);
    builder.ins().bor(short, beyond)
}

/// Whether memories of this type always have so many bytes.
fn is_never_shorter(ty: &MemoryType, bytes: u64) -> bool {
    ty.minimum_bytes().is_some_and(|minimum| bytes <= minimum)
}

/// The offset, if an access with it needs no check.
fn unchecked_offset(ty: &MemoryType, tunables: &Tunables, offset: u64, size: u8) -> Option<i32> {
    let reach = offset.checked_add(u64::from(size))?;
    if ty.is_checked(tunables) || reach > tunables.memory_guard_bytes {
        return None;
    }
    i32::try_from(offset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: MemoryType = MemoryType::new(1, None);

    #[test]
    fn only_accesses_that_stay_within_the_guard_go_unchecked() {
        let guarded = Tunables {
            memory_guard_bytes: 65_536,
            ..Tunables::DEFAULT
        };
        let unchecked = |offset, size| unchecked_offset(&MEMORY, &guarded, offset, size);
        assert_eq!(unchecked(0, 1), Some(0));
        assert_eq!(unchecked(65_520, 16), Some(65_520));
        assert_eq!(unchecked(65_521, 16), None, "one byte too far");
        assert_eq!(unchecked(u64::from(u32::MAX), 16), None);
        assert_eq!(unchecked(u64::MAX, 16), None);
        let wide = Tunables {
            memory_guard_bytes: 8 << 30,
            ..Tunables::DEFAULT
        };
        assert_eq!(
            unchecked_offset(&MEMORY, &wide, 1 << 31, 1),
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
        assert_eq!(unchecked_offset(&MEMORY, &none, 0, 1), None);
        let checked = Tunables {
            memory_checked: true,
            ..Tunables::DEFAULT
        };
        assert_eq!(unchecked_offset(&MEMORY, &checked, 0, 1), None);
        for ty in [MEMORY.with_64_bits(), MEMORY.with_page_size_log2(0)] {
            assert_eq!(unchecked_offset(&ty, &Tunables::DEFAULT, 0, 1), None);
        }
    }

    #[test]
    fn only_lengths_that_the_type_promises_go_without_a_look() {
        let two_pages = MemoryType::new(2, None).with_64_bits();
        assert!(is_never_shorter(&two_pages, 131_072));
        assert!(!is_never_shorter(&two_pages, 131_073));
        let endless = MemoryType::new(u64::MAX, None).with_64_bits();
        assert!(!is_never_shorter(&endless, 1));
    }
}
