//! All instructions that access memory, and what they mean.

use std::sync::LazyLock;

use precast_loader::TrapCode;

/// A kind of access.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    /// The instruction, with `%` where memory and offset go.
    pub(crate) text: &'static str,
    /// What it takes or gives.
    pub(crate) value: Value,
    pub(crate) size: u64,
    pub(crate) effect: Effect,
}

#[derive(Clone, Copy)]
pub(crate) enum Value {
    I32,
    I64,
    F32,
    F64,
    V128,
}

#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// The value that the bytes stand for.
    Load(fn(&[u8]) -> u128),
    /// Writes the lowest bytes of the value.
    Store,
    /// Reads a number atomically, and writes what this makes of it and the value.
    Modify(Modification),
}

/// From the number that is there and the value to what is written.
pub(crate) type Modification = fn(u64, u64) -> u64;

/// What atomic instructions write: load, store, and those that have both numbers.
pub(crate) const MODIFICATIONS: [(&str, Modification); 9] = [
    ("load", |old, _| old),
    ("store", |_, new| new),
    ("rmw.add", |old, value| old.wrapping_add(value)),
    ("rmw.sub", |old, value| old.wrapping_sub(value)),
    ("rmw.and", |old, value| old & value),
    ("rmw.or", |old, value| old | value),
    ("rmw.xor", |old, value| old ^ value),
    ("rmw.xchg", |_, new| new),
    // Compares with the value, and writes its reverse.
    (
        "rmw.cmpxchg",
        |old, value| if old == value { !value } else { old },
    ),
];

/// The atomic instructions: all that there are, for all types and widths.
pub(crate) fn atomics() -> impl Iterator<Item = Access> {
    let types = [("i32", I32, 4), ("i64", I64, 8)];
    let widths = [1, 2, 4, 8];
    types.into_iter().flat_map(move |(ty, value, full)| {
        let sizes = widths.into_iter().filter(move |&size| size <= full);
        sizes.flat_map(move |size| {
            MODIFICATIONS.into_iter().map(move |(name, modify)| {
                let text = if size == full {
                    format!("{ty}.atomic.{name} %")
                } else {
                    let bits = 8 * size;
                    match name.split_once('.') {
                        Some((_, op)) => format!("{ty}.atomic.rmw{bits}.{op}_u %"),
                        None if name == "load" => format!("{ty}.atomic.load{bits}_u %"),
                        None => format!("{ty}.atomic.store{bits} %"),
                    }
                };
                Access {
                    text: text.leak(),
                    value,
                    size,
                    effect: Effect::Modify(modify),
                }
            })
        })
    })
}

/// All accesses: those of [`PLAIN`], then the atomic ones.
pub(crate) static ACCESSES: LazyLock<Vec<Access>> = LazyLock::new(|| {
    let plain = PLAIN.iter().copied();
    plain.chain(atomics()).collect()
});

use Effect::{Load, Modify, Store as Write};
use Value::{F32, F64, I32, I64, V128};

pub(crate) fn unsigned(bytes: &[u8]) -> u128 {
    let mut all = [0; 16];
    all[..bytes.len()].copy_from_slice(bytes);
    u128::from_le_bytes(all)
}

pub(crate) fn signed(bytes: &[u8]) -> i128 {
    let unused = 128 - 8 * bytes.len() as u32;
    (unsigned(bytes) << unused).cast_signed() >> unused
}

pub(crate) fn signed_32(bytes: &[u8]) -> u128 {
    (signed(bytes) as u32).into()
}

pub(crate) fn signed_64(bytes: &[u8]) -> u128 {
    (signed(bytes) as u64).into()
}

/// The bytes, again and again.
pub(crate) fn splat(bytes: &[u8]) -> u128 {
    let all: Vec<u8> = bytes.iter().copied().cycle().take(16).collect();
    unsigned(&all)
}

/// 8 bytes as lanes of `N` bytes, each widened to twice its width.
pub(crate) fn extend<const N: usize>(bytes: &[u8], widen: impl Fn(&[u8]) -> u128) -> u128 {
    let lanes = bytes.chunks(N).zip(0..);
    lanes.fold(0, |all, (lane, place)| {
        let mask = u128::MAX >> (128 - 16 * N);
        all | (widen(lane) & mask) << (place * 16 * N)
    })
}

pub(crate) fn sign(bytes: &[u8]) -> u128 {
    signed(bytes).cast_unsigned()
}

#[rustfmt::skip]
pub(crate) const PLAIN: &[Access] = &[
    Access { text: "i32.load8_u %", value: I32, size: 1, effect: Load(unsigned) },
    Access { text: "i64.store %", value: I64, size: 8, effect: Write },
    Access { text: "v128.load %", value: V128, size: 16, effect: Load(unsigned) },
    Access { text: "i32.store16 %", value: I32, size: 2, effect: Write },
    // The first ones are for everywhere, the others for some places.
    Access { text: "i32.load %", value: I32, size: 4, effect: Load(unsigned) },
    Access { text: "i64.load %", value: I64, size: 8, effect: Load(unsigned) },
    Access { text: "f32.load %", value: F32, size: 4, effect: Load(unsigned) },
    Access { text: "f64.load %", value: F64, size: 8, effect: Load(unsigned) },
    Access { text: "i32.load8_s %", value: I32, size: 1, effect: Load(signed_32) },
    Access { text: "i32.load16_s %", value: I32, size: 2, effect: Load(signed_32) },
    Access { text: "i32.load16_u %", value: I32, size: 2, effect: Load(unsigned) },
    Access { text: "i64.load8_s %", value: I64, size: 1, effect: Load(signed_64) },
    Access { text: "i64.load8_u %", value: I64, size: 1, effect: Load(unsigned) },
    Access { text: "i64.load16_s %", value: I64, size: 2, effect: Load(signed_64) },
    Access { text: "i64.load16_u %", value: I64, size: 2, effect: Load(unsigned) },
    Access { text: "i64.load32_s %", value: I64, size: 4, effect: Load(signed_64) },
    Access { text: "i64.load32_u %", value: I64, size: 4, effect: Load(unsigned) },
    Access { text: "i32.store %", value: I32, size: 4, effect: Write },
    Access { text: "f32.store %", value: F32, size: 4, effect: Write },
    Access { text: "f64.store %", value: F64, size: 8, effect: Write },
    Access { text: "i32.store8 %", value: I32, size: 1, effect: Write },
    Access { text: "i64.store8 %", value: I64, size: 1, effect: Write },
    Access { text: "i64.store16 %", value: I64, size: 2, effect: Write },
    Access { text: "i64.store32 %", value: I64, size: 4, effect: Write },
    Access { text: "v128.load8_splat %", value: V128, size: 1, effect: Load(splat) },
    Access { text: "v128.load16_splat %", value: V128, size: 2, effect: Load(splat) },
    Access { text: "v128.load32_splat %", value: V128, size: 4, effect: Load(splat) },
    Access { text: "v128.load64_splat %", value: V128, size: 8, effect: Load(splat) },
    Access { text: "v128.load32_zero %", value: V128, size: 4, effect: Load(unsigned) },
    Access { text: "v128.load64_zero %", value: V128, size: 8, effect: Load(unsigned) },
    Access { text: "v128.load8_lane % 3", value: V128, size: 1, effect: Load(|b| unsigned(b) << 24) },
    Access { text: "v128.load16_lane % 7", value: V128, size: 2, effect: Load(|b| unsigned(b) << 112) },
    Access { text: "v128.load32_lane % 1", value: V128, size: 4, effect: Load(|b| unsigned(b) << 32) },
    Access { text: "v128.load64_lane % 1", value: V128, size: 8, effect: Load(|b| unsigned(b) << 64) },
    Access { text: "v128.load8x8_s %", value: V128, size: 8, effect: Load(|b| extend::<1>(b, sign)) },
    Access { text: "v128.load8x8_u %", value: V128, size: 8, effect: Load(|b| extend::<1>(b, unsigned)) },
    Access { text: "v128.load16x4_s %", value: V128, size: 8, effect: Load(|b| extend::<2>(b, sign)) },
    Access { text: "v128.load16x4_u %", value: V128, size: 8, effect: Load(|b| extend::<2>(b, unsigned)) },
    Access { text: "v128.load32x2_s %", value: V128, size: 8, effect: Load(|b| extend::<4>(b, sign)) },
    Access { text: "v128.load32x2_u %", value: V128, size: 8, effect: Load(|b| extend::<4>(b, unsigned)) },
    Access { text: "v128.store %", value: V128, size: 16, effect: Write },
    Access { text: "v128.store8_lane % 8", value: V128, size: 1, effect: Write },
    Access { text: "v128.store16_lane % 4", value: V128, size: 2, effect: Write },
    Access { text: "v128.store32_lane % 2", value: V128, size: 4, effect: Write },
    Access { text: "v128.store64_lane % 1", value: V128, size: 8, effect: Write },
];

/// How many of them are tried everywhere.
pub(crate) const FEW: usize = 4;

impl Access {
    /// A number of 64 bits as the instruction takes it.
    pub(crate) fn operand(&self, number: &str) -> String {
        match self.value {
            I32 => format!("(i32.wrap_i64 {number})"),
            I64 => number.to_owned(),
            F32 => format!("(f32.reinterpret_i32 (i32.wrap_i64 {number}))"),
            F64 => format!("(f64.reinterpret_i64 {number})"),
            V128 => format!("(i64x2.splat {number})"),
        }
    }

    pub(crate) fn is_atomic(&self) -> bool {
        matches!(self.effect, Modify(_))
    }

    /// A function of index and value: `(param i64 i64) (result i64 i64)`.
    pub(crate) fn body(&self, memory: u32, offset: u64, index: &str) -> String {
        let text = self.instructions(memory, offset, index, "(local.get 1)");
        format!("(param i64 i64) (result i64 i64) (local $v v128) {text}")
    }

    /// The access, of a value of type i64, as what leaves two numbers of 64 bits: what it gives, or
    /// zeros. Uses a local `$v` of type v128.
    pub(crate) fn instructions(
        &self,
        memory: u32,
        offset: u64,
        index: &str,
        value: &str,
    ) -> String {
        let place = format!("{memory} offset={offset}");
        let instruction = self.text.replace('%', &place);
        match self.effect {
            Load(_) => {
                let lane = if self.text.contains("_lane") {
                    "(v128.const i64x2 0 0)"
                } else {
                    ""
                };
                let loaded = format!("({instruction} {index} {lane})");
                match self.value {
                    I32 => format!("(i64.extend_i32_u {loaded}) (i64.const 0)"),
                    I64 => format!("{loaded} (i64.const 0)"),
                    F32 => {
                        format!("(i64.extend_i32_u (i32.reinterpret_f32 {loaded})) (i64.const 0)")
                    }
                    F64 => format!("(i64.reinterpret_f64 {loaded}) (i64.const 0)"),
                    V128 => format!(
                        "(local.set $v {loaded})
                         (i64x2.extract_lane 0 (local.get $v))
                         (i64x2.extract_lane 1 (local.get $v))"
                    ),
                }
            }
            Write => {
                let value = self.operand(value);
                format!("({instruction} {index} {value}) (i64.const 0) (i64.const 0)")
            }
            Modify(_) => {
                let reverse = self.operand(&format!("(i64.xor {value} (i64.const -1))"));
                let value = self.operand(value);
                let operands = if self.text.contains("cmpxchg") {
                    format!("{value} {reverse}")
                } else if self.text.contains("load") {
                    String::new()
                } else {
                    value
                };
                let instruction = format!("({instruction} {index} {operands})");
                match self.value {
                    _ if self.text.contains("store") => {
                        format!("{instruction} (i64.const 0) (i64.const 0)")
                    }
                    I32 => format!("(i64.extend_i32_u {instruction}) (i64.const 0)"),
                    _ => format!("{instruction} (i64.const 0)"),
                }
            }
        }
    }

    /// What happens at `start` in a memory with these bytes: what is given, or why it traps.
    pub(crate) fn run(&self, bytes: &mut [u8], start: u128, value: u64) -> Result<u128, TrapCode> {
        if self.is_atomic() && !start.is_multiple_of(self.size.into()) {
            return Err(TrapCode::UnalignedAtomic);
        }
        let end = start + u128::from(self.size);
        if end > bytes.len() as u128 {
            return Err(TrapCode::MemoryOutOfBounds);
        }
        let place = &mut bytes[start as usize..end as usize];
        let size = place.len();
        let before = unsigned(place);
        let mask = u128::MAX >> (128 - 8 * size);
        let (result, written) = match self.effect {
            Load(meaning) => return Ok(meaning(place)),
            Write => (0, u128::from(value) | u128::from(value) << 64),
            Modify(modify) => {
                let is_store = self.text.contains("store");
                let after = modify(before as u64, value & mask as u64);
                (if is_store { 0 } else { before }, after.into())
            }
        };
        place.copy_from_slice(&written.to_le_bytes()[..size]);
        Ok(result)
    }
}
