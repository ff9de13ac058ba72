//! What is known about a register.

/// The largest number of 32 bits.
pub(crate) const MAX_32: u64 = u32::MAX as u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing.
    Any,
    /// What the register of that number held when the function was entered.
    Entry(usize),
    /// A number in that range, both ends included.
    Number(u64, u64),
    /// An address so many bytes behind the start of the vmctx.
    Vmctx(i64),
    /// An address so many bytes above the return address of the function.
    Frame(i64),
    /// An address in that range from the base of a memory, both ends included; or null, where an
    /// explicit check has failed.
    Memory(i128, i128),
    /// The address of the definition of an imported memory.
    Definition,
    /// Any other address that the loader or the compiler has made: of tables, globals, code, constants.
    Other,
}

use Value::{Any, Frame, Memory, Number, Other, Vmctx};

impl Value {
    pub(crate) const fn constant(value: u64) -> Self {
        Number(value, value)
    }

    pub(crate) const fn bits(bits: u32) -> Self {
        Number(0, u64::MAX >> (64 - bits))
    }

    /// Both halves of a register after an instruction that writes the lower one.
    pub(crate) fn lower_half(self) -> Self {
        match self {
            Number(_, to) if to <= MAX_32 => self,
            _ => Number(0, MAX_32),
        }
    }

    pub(crate) fn add(self, other: Self) -> Self {
        match (self, other) {
            (Number(a, b), Number(c, d)) => {
                // Both ends wrap, or none: constants may stand for negative numbers.
                match (a.checked_add(c), b.checked_add(d)) {
                    (Some(from), Some(to)) => Number(from, to),
                    (None, None) => Number(a.wrapping_add(c), b.wrapping_add(d)),
                    _ => Any,
                }
            }
            (Memory(a, b), Number(c, d)) | (Number(c, d), Memory(a, b)) => {
                let (c, d) = signed(c, d);
                Memory(a + c, b + d)
            }
            (Vmctx(a), Number(c, d)) | (Number(c, d), Vmctx(a)) if c == d => {
                Vmctx(a.wrapping_add(c.cast_signed()))
            }
            (Frame(a), Number(c, d)) | (Number(c, d), Frame(a)) if c == d => {
                Frame(a.wrapping_add(c.cast_signed()))
            }
            (Other, Number(..) | Any) | (Number(..) | Any, Other) => Other,
            _ => Any,
        }
    }

    pub(crate) fn sub(self, other: Self) -> Self {
        match (self, other) {
            (_, Number(c, d)) if c == d => self.add(Self::constant(c.wrapping_neg())),
            (Number(a, b), Number(c, d)) if a >= d => Number(a - d, b - c),
            _ => Any,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Number(_, a), Number(_, b)) => Number(0, a.min(b)),
            (Number(_, to), _) | (_, Number(_, to)) => Number(0, to),
            _ => Any,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Number(_, a), Number(_, b)) => Self::bits(64 - (a | b).leading_zeros().min(63)),
            _ => Any,
        }
    }

    pub(crate) fn shl(self, by: Self) -> Self {
        match (self, by) {
            (Number(a, b), Number(c, d)) if c == d && u64::from(b.leading_zeros()) >= c => {
                Number(a << c, b << c)
            }
            _ => Any,
        }
    }

    pub(crate) fn shr(self, by: Self) -> Self {
        match (self, by) {
            (Number(a, b), Number(c, d)) if c == d && c < 64 => Number(a >> c, b >> c),
            (Any, Number(c, d)) if c == d && c < 64 => Number(0, u64::MAX >> c),
            _ => Any,
        }
    }

    pub(crate) fn mul(self, by: Self) -> Self {
        match (self, by) {
            (Number(a, b), Number(c, d)) => match b.checked_mul(d) {
                Some(to) => Number(a * c, to),
                None => Any,
            },
            _ => Any,
        }
    }

    /// What is known if it may be either. If `widen`, ranges that grow become as large as they can, so that loops end.
    pub(crate) fn join(self, other: Self, widen: bool) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Number(a, b), Number(c, d)) => {
                let to = b.max(d);
                match (widen, to <= MAX_32) {
                    (false, _) => Number(a.min(c), to),
                    (true, true) => Number(0, MAX_32),
                    (true, false) => Any,
                }
            }
            (Memory(a, b), Memory(c, d)) if !widen => Memory(a.min(c), b.max(d)),
            // A failed check.
            (Memory(a, b), Number(0, 0)) | (Number(0, 0), Memory(a, b)) => Memory(a, b),
            (Other, Number(0, 0)) | (Number(0, 0), Other) => Other,
            _ => Any,
        }
    }
}

/// A range of numbers of 64 bits, seen as signed if it is one number.
fn signed(from: u64, to: u64) -> (i128, i128) {
    match from == to {
        true => (from.cast_signed().into(), to.cast_signed().into()),
        false => (from.into(), to.into()),
    }
}
