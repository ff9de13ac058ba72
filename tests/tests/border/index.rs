//! Indices as programs compute them, and as compilers fold them into addresses: random expressions,
//! with their text and their value.

/// Numbers below a given one.
pub(crate) type Numbers = Box<dyn FnMut(usize) -> usize>;

/// The parameters that expressions are over: two of type i32, two of type i64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Params {
    pub(crate) narrow: [u32; 2],
    pub(crate) wide: [u64; 2],
}

/// An expression of type i32.
#[derive(Debug, Clone)]
pub(crate) enum Narrow {
    Param(usize),
    Const(u32),
    Binary(&'static str, Box<Self>, Box<Self>),
    Unary(&'static str, Box<Self>),
    /// The lower half of one of type i64.
    Wrap(Box<Wide>),
    /// The second if the first is not zero, or the third.
    Select(Box<Self>, Box<Self>, Box<Self>),
}

/// An expression of type i64.
#[derive(Debug, Clone)]
pub(crate) enum Wide {
    Param(usize),
    Const(u64),
    Binary(&'static str, Box<Self>, Box<Self>),
    Extend(&'static str, Box<Narrow>),
}

const NARROW_BINARY: [&str; 11] = [
    "add", "add", "sub", "mul", "and", "or", "xor", "shl", "shr_u", "shr_s", "rotl",
];
const WIDE_BINARY: [&str; 8] = ["add", "add", "sub", "mul", "shl", "shr_u", "shr_s", "or"];
const UNARY: [&str; 4] = ["extend8_s", "extend16_s", "clz", "eqz"];

/// A number near one at which sums wrap or signs change, or any.
pub(crate) fn extreme(number: &mut Numbers) -> u64 {
    const EDGES: [u64; 14] = [
        0,
        4,
        0xff,
        0x8000,
        0x1_0000,
        0x2_0000,
        32 << 20,
        1 << 31,
        1 << 32,
        3 << 31,
        1 << 33,
        1 << 47,
        1 << 63,
        u64::MAX,
    ];
    match number(8) {
        0 => number(usize::MAX) as u64,
        1 => 1 << number(64),
        _ => {
            let edge = EDGES[number(EDGES.len())];
            edge.wrapping_add(number(34) as u64).wrapping_sub(17)
        }
    }
}

impl Params {
    pub(crate) fn random(number: &mut Numbers) -> Self {
        Self {
            narrow: [extreme(number) as u32, extreme(number) as u32],
            wide: [extreme(number), extreme(number)],
        }
    }
}

impl Narrow {
    pub(crate) fn random(number: &mut Numbers, depth: usize) -> Self {
        if depth == 0 {
            return match number(4) {
                0 => Self::Const(extreme(number) as u32),
                _ => Self::Param(number(2)),
            };
        }
        let sub = |number: &mut Numbers| Box::new(Self::random(number, depth - 1));
        match number(10) {
            0 => Self::Unary(UNARY[number(UNARY.len())], sub(number)),
            1 | 2 => Self::Wrap(Box::new(Wide::random(number, depth - 1))),
            3 => Self::Select(sub(number), sub(number), sub(number)),
            4 => Self::random(number, 0),
            5 => {
                let add = ["add", "sub"][number(2)];
                let constant = Box::new(Self::Const(extreme(number) as u32));
                Self::Binary(add, sub(number), constant)
            }
            _ => {
                let name = NARROW_BINARY[number(NARROW_BINARY.len())];
                let first = sub(number);
                let second = match name {
                    // What machines fold: a few bits.
                    "shl" if number(2) == 0 => Box::new(Self::Const(number(5) as u32)),
                    _ => sub(number),
                };
                Self::Binary(name, first, second)
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Param(which) => format!("(local.get {which})"),
            Self::Const(value) => format!("(i32.const {value})"),
            Self::Binary(name, a, b) => format!("(i32.{name} {} {})", a.text(), b.text()),
            Self::Unary(name, a) => format!("(i32.{name} {})", a.text()),
            Self::Wrap(a) => format!("(i32.wrap_i64 {})", a.text()),
            Self::Select(condition, a, b) => {
                format!("(select {} {} {})", a.text(), b.text(), condition.text())
            }
        }
    }

    pub(crate) fn value(&self, params: &Params) -> u32 {
        match self {
            Self::Param(which) => params.narrow[*which],
            Self::Const(value) => *value,
            Self::Binary(name, a, b) => {
                let (a, b) = (a.value(params), b.value(params));
                match *name {
                    "add" => a.wrapping_add(b),
                    "sub" => a.wrapping_sub(b),
                    "mul" => a.wrapping_mul(b),
                    "and" => a & b,
                    "or" => a | b,
                    "xor" => a ^ b,
                    "shl" => a.wrapping_shl(b),
                    "shr_u" => a.wrapping_shr(b),
                    "shr_s" => a.cast_signed().wrapping_shr(b).cast_unsigned(),
                    "rotl" => a.rotate_left(b % 32),
                    other => panic!("{other}"),
                }
            }
            Self::Unary(name, a) => {
                let a = a.value(params);
                match *name {
                    "extend8_s" => (a as i8) as u32,
                    "extend16_s" => (a as i16) as u32,
                    "clz" => a.leading_zeros(),
                    "eqz" => u32::from(a == 0),
                    other => panic!("{other}"),
                }
            }
            Self::Wrap(a) => a.value(params) as u32,
            Self::Select(condition, a, b) => match condition.value(params) {
                0 => b.value(params),
                _ => a.value(params),
            },
        }
    }
}

impl Wide {
    fn random(number: &mut Numbers, depth: usize) -> Self {
        if depth == 0 {
            return match number(3) {
                0 => Self::Const(extreme(number)),
                _ => Self::Param(number(2)),
            };
        }
        match number(4) {
            0 | 1 => {
                let name = ["extend_i32_u", "extend_i32_s"][number(2)];
                Self::Extend(name, Box::new(Narrow::random(number, depth - 1)))
            }
            2 => Self::random(number, 0),
            _ => {
                let name = WIDE_BINARY[number(WIDE_BINARY.len())];
                let first = Box::new(Self::random(number, depth - 1));
                let second = Box::new(Self::random(number, depth - 1));
                Self::Binary(name, first, second)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Param(which) => format!("(local.get {})", 2 + which),
            Self::Const(value) => format!("(i64.const {value})"),
            Self::Binary(name, a, b) => format!("(i64.{name} {} {})", a.text(), b.text()),
            Self::Extend(name, a) => format!("(i64.{name} {})", a.text()),
        }
    }

    fn value(&self, params: &Params) -> u64 {
        match self {
            Self::Param(which) => params.wide[*which],
            Self::Const(value) => *value,
            Self::Binary(name, a, b) => {
                let (a, b) = (a.value(params), b.value(params));
                match *name {
                    "add" => a.wrapping_add(b),
                    "sub" => a.wrapping_sub(b),
                    "mul" => a.wrapping_mul(b),
                    "or" => a | b,
                    "shl" => a.wrapping_shl(b as u32),
                    "shr_u" => a.wrapping_shr(b as u32),
                    "shr_s" => a.cast_signed().wrapping_shr(b as u32).cast_unsigned(),
                    other => panic!("{other}"),
                }
            }
            Self::Extend(name, a) => match *name {
                "extend_i32_u" => a.value(params).into(),
                _ => i64::from(a.value(params).cast_signed()).cast_unsigned(),
            },
        }
    }
}
