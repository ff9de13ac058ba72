//! Operators by what they take and give, and the constants with which they do something special.

use arbitrary::{Result, Unstructured};
use wasm_encoder::Instruction::*;
use wasm_encoder::{Ieee32, Ieee64, Instruction, MemArg, ValType};

const I: ValType = ValType::I32;
const L: ValType = ValType::I64;
const F: ValType = ValType::F32;
const D: ValType = ValType::F64;
const V: ValType = ValType::V128;

/// Types of numbers and vectors.
pub(super) const TYPES: [ValType; 5] = [I, L, F, D, V];

type Op = Instruction<'static>;

/// What NaNs a result may hold that engines choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nans {
    None,
    F32,
    F64,
    F32x4,
    F64x2,
}

/// Operators that never trap, of the same parameters.
pub(super) struct Group {
    pub(super) params: &'static [ValType],
    pub(super) nans: Nans,
    ops: &'static [Op],
}

const fn of(params: &'static [ValType], ops: &'static [Op]) -> Group {
    with(params, Nans::None, ops)
}

const fn with(params: &'static [ValType], nans: Nans, ops: &'static [Op]) -> Group {
    Group { params, nans, ops }
}

/// One of the operators that give the type.
pub(super) fn any(ty: ValType, u: &mut Unstructured<'_>) -> Result<(&'static Group, &'static Op)> {
    let groups = match ty {
        ValType::I32 => GIVE_I32,
        ValType::I64 => GIVE_I64,
        ValType::F32 => GIVE_F32,
        ValType::F64 => GIVE_F64,
        _ => GIVE_V128,
    };
    let all = groups.iter().map(|group| group.ops.len()).sum();
    let mut index = u.choose_index(all)?;
    for group in groups {
        match group.ops.get(index) {
            Some(op) => return Ok((group, op)),
            None => index -= group.ops.len(),
        }
    }
    unreachable!("the index is below the number of all")
}

#[rustfmt::skip]
const GIVE_I32: &[Group] = &[
    of(&[I, I], &[
        I32Add, I32Sub, I32Mul, I32And, I32Or, I32Xor, I32Shl, I32ShrS, I32ShrU, I32Rotl, I32Rotr,
        I32Eq, I32Ne, I32LtS, I32LtU, I32GtS, I32GtU, I32LeS, I32LeU, I32GeS, I32GeU,
    ]),
    of(&[I], &[I32Eqz, I32Clz, I32Ctz, I32Popcnt, I32Extend8S, I32Extend16S]),
    of(&[L, L], &[I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU]),
    of(&[L], &[I64Eqz, I32WrapI64]),
    of(&[F, F], &[F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge]),
    of(&[D, D], &[F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge]),
    of(&[F], &[I32ReinterpretF32, I32TruncSatF32S, I32TruncSatF32U]),
    of(&[D], &[I32TruncSatF64S, I32TruncSatF64U]),
    of(&[V], &[
        V128AnyTrue, I8x16AllTrue, I16x8AllTrue, I32x4AllTrue, I64x2AllTrue, I8x16Bitmask, I16x8Bitmask,
        I32x4Bitmask, I64x2Bitmask, I8x16ExtractLaneS(0), I8x16ExtractLaneS(13), I8x16ExtractLaneU(1),
        I8x16ExtractLaneU(15), I16x8ExtractLaneS(1), I16x8ExtractLaneU(7), I32x4ExtractLane(0),
        I32x4ExtractLane(1), I32x4ExtractLane(2), I32x4ExtractLane(3),
    ]),
];

#[rustfmt::skip]
const GIVE_I64: &[Group] = &[
    of(&[L, L], &[
        I64Add, I64Sub, I64Mul, I64And, I64Or, I64Xor, I64Shl, I64ShrS, I64ShrU, I64Rotl, I64Rotr,
    ]),
    of(&[L], &[I64Clz, I64Ctz, I64Popcnt, I64Extend8S, I64Extend16S, I64Extend32S]),
    of(&[I], &[I64ExtendI32S, I64ExtendI32U]),
    of(&[F], &[I64TruncSatF32S, I64TruncSatF32U]),
    of(&[D], &[I64ReinterpretF64, I64TruncSatF64S, I64TruncSatF64U]),
    of(&[V], &[I64x2ExtractLane(0), I64x2ExtractLane(1)]),
];

#[rustfmt::skip]
const GIVE_F32: &[Group] = &[
    with(&[F, F], Nans::F32, &[F32Add, F32Sub, F32Mul, F32Div, F32Min, F32Max]),
    with(&[F], Nans::F32, &[F32Ceil, F32Floor, F32Trunc, F32Nearest, F32Sqrt]),
    of(&[F, F], &[F32Copysign]),
    of(&[F], &[F32Abs, F32Neg]),
    with(&[D], Nans::F32, &[F32DemoteF64]),
    of(&[I], &[F32ConvertI32S, F32ConvertI32U, F32ReinterpretI32]),
    of(&[L], &[F32ConvertI64S, F32ConvertI64U]),
    of(&[V], &[F32x4ExtractLane(0), F32x4ExtractLane(1), F32x4ExtractLane(3)]),
];

#[rustfmt::skip]
const GIVE_F64: &[Group] = &[
    with(&[D, D], Nans::F64, &[F64Add, F64Sub, F64Mul, F64Div, F64Min, F64Max]),
    with(&[D], Nans::F64, &[F64Ceil, F64Floor, F64Trunc, F64Nearest, F64Sqrt]),
    of(&[D, D], &[F64Copysign]),
    of(&[D], &[F64Abs, F64Neg]),
    with(&[F], Nans::F64, &[F64PromoteF32]),
    of(&[I], &[F64ConvertI32S, F64ConvertI32U]),
    of(&[L], &[F64ConvertI64S, F64ConvertI64U, F64ReinterpretI64]),
    of(&[V], &[F64x2ExtractLane(0), F64x2ExtractLane(1)]),
];

#[rustfmt::skip]
const GIVE_V128: &[Group] = &[
    of(&[V, V], &[
        I8x16Swizzle, V128And, V128AndNot, V128Or, V128Xor,
        I8x16Eq, I8x16Ne, I8x16LtS, I8x16LtU, I8x16GtS, I8x16GtU, I8x16LeS, I8x16LeU, I8x16GeS, I8x16GeU,
        I16x8Eq, I16x8Ne, I16x8LtS, I16x8LtU, I16x8GtS, I16x8GtU, I16x8LeS, I16x8LeU, I16x8GeS, I16x8GeU,
        I32x4Eq, I32x4Ne, I32x4LtS, I32x4LtU, I32x4GtS, I32x4GtU, I32x4LeS, I32x4LeU, I32x4GeS, I32x4GeU,
        I64x2Eq, I64x2Ne, I64x2LtS, I64x2GtS, I64x2LeS, I64x2GeS,
        F32x4Eq, F32x4Ne, F32x4Lt, F32x4Gt, F32x4Le, F32x4Ge,
        F64x2Eq, F64x2Ne, F64x2Lt, F64x2Gt, F64x2Le, F64x2Ge,
        I8x16NarrowI16x8S, I8x16NarrowI16x8U, I16x8NarrowI32x4S, I16x8NarrowI32x4U,
        I8x16Add, I8x16AddSatS, I8x16AddSatU, I8x16Sub, I8x16SubSatS, I8x16SubSatU,
        I8x16MinS, I8x16MinU, I8x16MaxS, I8x16MaxU, I8x16AvgrU,
        I16x8Add, I16x8AddSatS, I16x8AddSatU, I16x8Sub, I16x8SubSatS, I16x8SubSatU, I16x8Mul,
        I16x8MinS, I16x8MinU, I16x8MaxS, I16x8MaxU, I16x8AvgrU, I16x8Q15MulrSatS,
        I16x8ExtMulLowI8x16S, I16x8ExtMulHighI8x16S, I16x8ExtMulLowI8x16U, I16x8ExtMulHighI8x16U,
        I32x4Add, I32x4Sub, I32x4Mul, I32x4MinS, I32x4MinU, I32x4MaxS, I32x4MaxU, I32x4DotI16x8S,
        I32x4ExtMulLowI16x8S, I32x4ExtMulHighI16x8S, I32x4ExtMulLowI16x8U, I32x4ExtMulHighI16x8U,
        I64x2Add, I64x2Sub, I64x2Mul,
        I64x2ExtMulLowI32x4S, I64x2ExtMulHighI32x4S, I64x2ExtMulLowI32x4U, I64x2ExtMulHighI32x4U,
    ]),
    of(&[V], &[
        V128Not, I8x16Abs, I8x16Neg, I8x16Popcnt, I16x8Abs, I16x8Neg, I32x4Abs, I32x4Neg, I64x2Abs, I64x2Neg,
        I16x8ExtAddPairwiseI8x16S, I16x8ExtAddPairwiseI8x16U,
        I32x4ExtAddPairwiseI16x8S, I32x4ExtAddPairwiseI16x8U,
        I16x8ExtendLowI8x16S, I16x8ExtendHighI8x16S, I16x8ExtendLowI8x16U, I16x8ExtendHighI8x16U,
        I32x4ExtendLowI16x8S, I32x4ExtendHighI16x8S, I32x4ExtendLowI16x8U, I32x4ExtendHighI16x8U,
        I64x2ExtendLowI32x4S, I64x2ExtendHighI32x4S, I64x2ExtendLowI32x4U, I64x2ExtendHighI32x4U,
        F32x4Abs, F32x4Neg, F64x2Abs, F64x2Neg,
        I32x4TruncSatF32x4S, I32x4TruncSatF32x4U, I32x4TruncSatF64x2SZero, I32x4TruncSatF64x2UZero,
        F32x4ConvertI32x4S, F32x4ConvertI32x4U, F64x2ConvertLowI32x4S, F64x2ConvertLowI32x4U,
    ]),
    of(&[V, V, V], &[V128Bitselect]),
    of(&[V, I], &[
        I8x16Shl, I8x16ShrS, I8x16ShrU, I16x8Shl, I16x8ShrS, I16x8ShrU,
        I32x4Shl, I32x4ShrS, I32x4ShrU, I64x2Shl, I64x2ShrS, I64x2ShrU,
        I8x16ReplaceLane(0), I8x16ReplaceLane(15), I16x8ReplaceLane(3), I32x4ReplaceLane(0), I32x4ReplaceLane(2),
    ]),
    of(&[V, L], &[I64x2ReplaceLane(0), I64x2ReplaceLane(1)]),
    of(&[V, F], &[F32x4ReplaceLane(0), F32x4ReplaceLane(2)]),
    of(&[V, D], &[F64x2ReplaceLane(0), F64x2ReplaceLane(1)]),
    of(&[I], &[I8x16Splat, I16x8Splat, I32x4Splat]),
    of(&[L], &[I64x2Splat]),
    of(&[F], &[F32x4Splat]),
    of(&[D], &[F64x2Splat]),
    with(&[V, V], Nans::F32x4, &[F32x4Add, F32x4Sub, F32x4Mul, F32x4Div, F32x4Min, F32x4Max, F32x4PMin, F32x4PMax]),
    with(&[V, V], Nans::F64x2, &[F64x2Add, F64x2Sub, F64x2Mul, F64x2Div, F64x2Min, F64x2Max, F64x2PMin, F64x2PMax]),
    with(&[V], Nans::F32x4, &[F32x4Ceil, F32x4Floor, F32x4Trunc, F32x4Nearest, F32x4Sqrt, F32x4DemoteF64x2Zero]),
    with(&[V], Nans::F64x2, &[F64x2Ceil, F64x2Floor, F64x2Trunc, F64x2Nearest, F64x2Sqrt, F64x2PromoteLowF32x4]),
];

/// Operators that wasmi does not know, and with which NaNs and the rest are the same only where all
/// are told to be deterministic.
#[rustfmt::skip]
pub(super) const RELAXED: &[Group] = &[
    of(&[V, V], &[I8x16RelaxedSwizzle, I16x8RelaxedQ15mulrS]),
    of(&[V], &[
        I32x4RelaxedTruncF32x4S, I32x4RelaxedTruncF32x4U, I32x4RelaxedTruncF64x2SZero, I32x4RelaxedTruncF64x2UZero,
    ]),
    of(&[V, V, V], &[
        I8x16RelaxedLaneselect, I16x8RelaxedLaneselect, I32x4RelaxedLaneselect, I64x2RelaxedLaneselect,
    ]),
    of(&[V, V], &[F32x4RelaxedMin, F32x4RelaxedMax, F64x2RelaxedMin, F64x2RelaxedMax]),
];

/// Those of which [wasmtime has its own opinion](crate::modules::is_of_opinions).
#[rustfmt::skip]
pub(super) const OPINIONS: &[Group] = &[
    of(&[V, V], &[I16x8RelaxedDotI8x16I7x16S]),
    of(&[V, V, V], &[
        F32x4RelaxedMadd, F32x4RelaxedNmadd, F64x2RelaxedMadd, F64x2RelaxedNmadd,
        I32x4RelaxedDotI8x16I7x16AddS,
    ]),
];

impl Group {
    pub(super) fn any(&self, u: &mut Unstructured<'_>) -> Result<&'static Op> {
        u.choose(self.ops)
    }
}

/// Operators of two integers that trap if the second is zero, and some if the result is too large.
#[rustfmt::skip]
pub(super) const DIVISIONS: &[(ValType, Op)] = &[
    (I, I32DivS), (I, I32DivU), (I, I32RemS), (I, I32RemU),
    (L, I64DivS), (L, I64DivU), (L, I64RemS), (L, I64RemU),
];

/// Operators that trap unless the float is an integer that the result can hold: what they take and
/// give, and a bound below which nothing positive traps.
#[rustfmt::skip]
pub(super) const TRUNCATIONS: &[(ValType, ValType, Op, f32)] = &[
    (F, I, I32TruncF32S, 2147483648.0), (F, I, I32TruncF32U, 4294967296.0),
    (D, I, I32TruncF64S, 2147483648.0), (D, I, I32TruncF64U, 4294967296.0),
    (F, L, I64TruncF32S, 9223372036854775808.0), (F, L, I64TruncF32U, 18446744073709551616.0),
    (D, L, I64TruncF64S, 9223372036854775808.0), (D, L, I64TruncF64U, 18446744073709551616.0),
];

/// An access to a memory, and its natural alignment as a power of two.
pub(super) type Access = (fn(MemArg) -> Op, u32);

/// Loads of the type.
pub(super) fn loads(ty: ValType) -> &'static [Access] {
    match ty {
        ValType::I32 => &[
            (I32Load, 2),
            (I32Load8S, 0),
            (I32Load8U, 0),
            (I32Load16S, 1),
            (I32Load16U, 1),
        ],
        ValType::I64 => &[
            (I64Load, 3),
            (I64Load8S, 0),
            (I64Load8U, 0),
            (I64Load16S, 1),
            (I64Load16U, 1),
            (I64Load32S, 2),
            (I64Load32U, 2),
        ],
        ValType::F32 => &[(F32Load, 2)],
        ValType::F64 => &[(F64Load, 3)],
        _ => &[
            (V128Load, 4),
            (V128Load8x8S, 3),
            (V128Load8x8U, 3),
            (V128Load16x4S, 3),
            (V128Load16x4U, 3),
            (V128Load32x2S, 3),
            (V128Load32x2U, 3),
            (V128Load8Splat, 0),
            (V128Load16Splat, 1),
            (V128Load32Splat, 2),
            (V128Load64Splat, 3),
            (V128Load32Zero, 2),
            (V128Load64Zero, 3),
        ],
    }
}

/// Stores of the type.
pub(super) fn stores(ty: ValType) -> &'static [Access] {
    match ty {
        ValType::I32 => &[(I32Store, 2), (I32Store8, 0), (I32Store16, 1)],
        ValType::I64 => &[
            (I64Store, 3),
            (I64Store8, 0),
            (I64Store16, 1),
            (I64Store32, 2),
        ],
        ValType::F32 => &[(F32Store, 2)],
        ValType::F64 => &[(F64Store, 3)],
        _ => &[
            (V128Store, 4),
            (|memarg| V128Store8Lane { memarg, lane: 14 }, 0),
            (|memarg| V128Store16Lane { memarg, lane: 5 }, 1),
            (|memarg| V128Store32Lane { memarg, lane: 1 }, 2),
            (|memarg| V128Store64Lane { memarg, lane: 1 }, 3),
        ],
    }
}

/// Loads into a lane of a vector that is given.
pub(super) const LANE_LOADS: &[Access] = &[
    (|memarg| V128Load8Lane { memarg, lane: 9 }, 0),
    (|memarg| V128Load16Lane { memarg, lane: 6 }, 1),
    (|memarg| V128Load32Lane { memarg, lane: 3 }, 2),
    (|memarg| V128Load64Lane { memarg, lane: 0 }, 3),
];

/// Accesses to memory that are atomic, of the same parameters beside the address.
type Atomics = (&'static [ValType], &'static [Access]);

/// Those that give the type.
pub(super) fn atomics(ty: ValType) -> &'static [Atomics] {
    match ty {
        ValType::I32 => ATOMICS_I32,
        ValType::I64 => ATOMICS_I64,
        _ => &[],
    }
}

/// Atomic stores of the type.
pub(super) fn atomic_stores(ty: ValType) -> &'static [Access] {
    match ty {
        ValType::I32 => &[
            (I32AtomicStore, 2),
            (I32AtomicStore8, 0),
            (I32AtomicStore16, 1),
        ],
        ValType::I64 => &[
            (I64AtomicStore, 3),
            (I64AtomicStore8, 0),
            (I64AtomicStore16, 1),
            (I64AtomicStore32, 2),
        ],
        _ => &[],
    }
}

#[rustfmt::skip]
const ATOMICS_I32: &[Atomics] = &[
    (&[], &[(I32AtomicLoad, 2), (I32AtomicLoad8U, 0), (I32AtomicLoad16U, 1)]),
    (&[I], &[
        (I32AtomicRmwAdd, 2), (I32AtomicRmw8AddU, 0), (I32AtomicRmw16AddU, 1), (I32AtomicRmwSub, 2),
        (I32AtomicRmw8SubU, 0), (I32AtomicRmw16SubU, 1), (I32AtomicRmwAnd, 2), (I32AtomicRmw8AndU, 0),
        (I32AtomicRmw16AndU, 1), (I32AtomicRmwOr, 2), (I32AtomicRmw8OrU, 0), (I32AtomicRmw16OrU, 1),
        (I32AtomicRmwXor, 2), (I32AtomicRmw8XorU, 0), (I32AtomicRmw16XorU, 1), (I32AtomicRmwXchg, 2),
        (I32AtomicRmw8XchgU, 0), (I32AtomicRmw16XchgU, 1),
        (MemoryAtomicNotify, 2),
    ]),
    (&[I, I], &[(I32AtomicRmwCmpxchg, 2), (I32AtomicRmw8CmpxchgU, 0), (I32AtomicRmw16CmpxchgU, 1)]),
];

#[rustfmt::skip]
const ATOMICS_I64: &[Atomics] = &[
    (&[], &[(I64AtomicLoad, 3), (I64AtomicLoad8U, 0), (I64AtomicLoad16U, 1), (I64AtomicLoad32U, 2)]),
    (&[L], &[
        (I64AtomicRmwAdd, 3), (I64AtomicRmw8AddU, 0), (I64AtomicRmw16AddU, 1), (I64AtomicRmw32AddU, 2),
        (I64AtomicRmwSub, 3), (I64AtomicRmw8SubU, 0), (I64AtomicRmw16SubU, 1), (I64AtomicRmw32SubU, 2),
        (I64AtomicRmwAnd, 3), (I64AtomicRmw8AndU, 0), (I64AtomicRmw16AndU, 1), (I64AtomicRmw32AndU, 2),
        (I64AtomicRmwOr, 3), (I64AtomicRmw8OrU, 0), (I64AtomicRmw16OrU, 1), (I64AtomicRmw32OrU, 2),
        (I64AtomicRmwXor, 3), (I64AtomicRmw8XorU, 0), (I64AtomicRmw16XorU, 1), (I64AtomicRmw32XorU, 2),
        (I64AtomicRmwXchg, 3), (I64AtomicRmw8XchgU, 0), (I64AtomicRmw16XchgU, 1), (I64AtomicRmw32XchgU, 2),
    ]),
    (&[L, L], &[
        (I64AtomicRmwCmpxchg, 3), (I64AtomicRmw8CmpxchgU, 0), (I64AtomicRmw16CmpxchgU, 1), (I64AtomicRmw32CmpxchgU, 2),
    ]),
];

/// A constant of the type, as an operator.
pub(super) fn constant(ty: ValType, u: &mut Unstructured<'_>) -> Result<Op> {
    Ok(match ty {
        ValType::I32 => I32Const(integer(u)? as i32),
        ValType::I64 => I64Const(integer(u)? as i64),
        ValType::F32 => F32Const(Ieee32::new(single(u)?)),
        ValType::F64 => F64Const(Ieee64::new(double(u)?)),
        _ => {
            let (low, high) = match u.int_in_range(0..=3)? {
                0 => (integer(u)?, integer(u)?),
                1 => (double(u)?, double(u)?),
                2 => (pair(single(u)?, single(u)?), pair(single(u)?, single(u)?)),
                _ => (u.arbitrary()?, u.arbitrary()?),
            };
            V128Const((u128::from(high) << 64 | u128::from(low)).cast_signed())
        }
    })
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Small, a power of two or its neighbour, or any.
fn integer(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=3)? {
        0 if u.arbitrary()? => u64::from(u.arbitrary::<u8>()?).wrapping_sub(16),
        0 => *u.choose(&[0, 1, u64::MAX, 1 << 31, i64::MAX as u64, 1 << 63])?,
        1 | 2 => {
            let power = 1_u64 << u.int_in_range(0..=63)?;
            power
                .wrapping_add(u64::from(u.int_in_range(0_u8..=2)?))
                .wrapping_sub(1)
        }
        _ => u.arbitrary()?,
    })
}

/// A float's bits: an edge of the type or of an integer's, or any.
fn single(u: &mut Unstructured<'_>) -> Result<u32> {
    let edges = [
        0.0,
        1.0,
        0.5,
        1.5,
        2.5,
        0.1,
        3.7,
        255.0,
        65536.0,
        2147483648.0,
        2147483520.0,
        4294967296.0,
        4294967040.0,
        9223372036854775808.0,
        18446744073709551616.0,
        f32::MIN_POSITIVE,
        1e-45,
        f32::MAX,
        f32::INFINITY,
        16777217.0,
        8388607.5,
        1e10,
    ];
    let bits = match u.int_in_range(0..=7)? {
        0 => *u.choose(&[0x7fc0_0000, 0x7fa0_0000, 0x7fff_ffff])?,
        1 => u.arbitrary()?,
        _ => u.choose(&edges)?.to_bits(),
    };
    Ok(bits ^ u32::from(u.ratio(1, 3)?) << 31)
}

/// The same of an f64.
fn double(u: &mut Unstructured<'_>) -> Result<u64> {
    let edges = [
        0.0,
        1.0,
        0.5,
        1.5,
        2.5,
        0.1,
        3.7,
        255.0,
        65536.0,
        2147483648.0,
        2147483647.0,
        2147483647.9,
        4294967296.0,
        4294967295.5,
        9223372036854775808.0,
        9223372036854774784.0,
        18446744073709551616.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        f64::INFINITY,
        9007199254740993.0,
        4503599627370495.5,
        1e40,
    ];
    let bits = match u.int_in_range(0..=7)? {
        0 => *u.choose(&[0x7ff8 << 48, 0x7ff4 << 48, u64::MAX >> 1])?,
        1 => u.arbitrary()?,
        _ => u.choose(&edges)?.to_bits(),
    };
    Ok(bits ^ u64::from(u.ratio(1, 3)?) << 63)
}
