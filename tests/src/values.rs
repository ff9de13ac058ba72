//! Values as one-word texts, for the lines of filetests.
//!
//! ```text
//! i32, i64   7  -7  0xffffffff
//! f32, f64   1.5  -0.0  inf  nan (the canonical one)  -nan:0x200000 (its payload)  bits:0x7f800001
//! v128       i32x4:1,2,3,4  i8x16:…  i16x8:…  i64x2:…  f32x4:…  f64x2:…   lane 0 first
//! funcref    null  func
//! externref  null  extern:7
//! exnref     null  exn
//! ```

use std::fmt::Display;
use std::str::FromStr;

use precast_loader::{AsStoreMut, ExternRef, HeapType, Val, ValType};

/// The value of type `ty` that `word` stands for.
///
/// # Errors
///
/// If it stands for none.
pub fn parse(store: &mut impl AsStoreMut, ty: ValType, word: &str) -> Result<Val, String> {
    let value = match ty {
        ValType::I32 => integer(word, 32).map(|bits| Val::from(bits as u32)),
        ValType::I64 => integer(word, 64).map(Val::from),
        ValType::F32 => float(word, 32).map(|bits| Val::F32(bits as u32)),
        ValType::F64 => float(word, 64).map(Val::F64),
        ValType::V128 => vector(word).map(Val::V128),
        ValType::Ref(_) if word == "null" => Some(Val::default_of(ty)),
        ValType::Ref(ty) if ty.heap == HeapType::Extern => {
            let number = word
                .strip_prefix("extern:")
                .and_then(|n| n.parse::<u32>().ok());
            let reference = number.map(|number| ExternRef::new(store, number));
            let reference = reference.transpose().map_err(|error| error.to_string())?;
            reference.map(|reference| Val::ExternRef(Some(reference)))
        }
        ValType::Ref(_) => None,
    };
    value.ok_or_else(|| format!("`{word}` is no value of type {ty}"))
}

/// The word for `value`. Only the store knows what a reference refers to.
pub fn print(store: &impl precast_loader::AsStore, value: &Val) -> String {
    match *value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => print_float(u64::from(bits), 32),
        Val::F64(bits) => print_float(bits, 64),
        Val::V128(bits) => {
            let lanes = [0, 32, 64, 96].map(|shift| format!("{:#x}", (bits >> shift) as u32));
            format!("i32x4:{}", lanes.join(","))
        }
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => "null".to_owned(),
        Val::ExnRef(Some(_)) => "exn".to_owned(),
        Val::FuncRef(Some(_)) => "func".to_owned(),
        Val::ExternRef(Some(reference)) => match reference.data(store).downcast_ref::<u32>() {
            Some(number) => format!("extern:{number}"),
            None => "extern".to_owned(),
        },
    }
}

/// The words for all of `values`.
pub fn print_all(store: &impl precast_loader::AsStore, values: &[Val]) -> String {
    let words: Vec<_> = values.iter().map(|value| print(store, value)).collect();
    words.join(" ")
}

/// A number of `bits` bits, signed or not, decimal or hexadecimal.
fn integer(word: &str, bits: u32) -> Option<u64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse::<u64>().ok()?.into(),
    };
    let number = if negative { -number } else { number };
    let fits = (-(1i128 << (bits - 1))..1i128 << bits).contains(&number);
    fits.then_some(number as u64 & (u64::MAX >> (64 - bits)))
}

/// Bits of fraction in a float.
fn fraction_bits(bits: u32) -> u32 {
    if bits == 32 { 23 } else { 52 }
}

fn float(word: &str, bits: u32) -> Option<u64> {
    if let Some(pattern) = word.strip_prefix("bits:") {
        return integer(pattern, bits);
    }
    let (sign, rest) = match word.strip_prefix('-') {
        Some(rest) => (1u64 << (bits - 1), rest),
        None => (0, word),
    };
    let Some(nan) = rest.strip_prefix("nan") else {
        return if bits == 32 {
            number::<f32>(word).map(|value| u64::from(value.to_bits()))
        } else {
            number::<f64>(word).map(f64::to_bits)
        };
    };
    let fraction = fraction_bits(bits);
    let payload = match nan.strip_prefix(':') {
        Some(payload) => integer(payload, fraction)?,
        None => 1 << (fraction - 1),
    };
    let exponent = ((1 << (bits - 1 - fraction)) - 1) << fraction;
    Some(sign | exponent | payload)
}

fn number<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

fn print_float(pattern: u64, bits: u32) -> String {
    fn number(value: impl Display + std::fmt::Debug) -> String {
        format!("{value:?}")
    }
    let text = if bits == 32 {
        number(f32::from_bits(pattern as u32))
    } else {
        number(f64::from_bits(pattern))
    };
    if text != "NaN" {
        return text;
    }
    let sign = if pattern >> (bits - 1) == 1 { "-" } else { "" };
    let payload = pattern & ((1 << fraction_bits(bits)) - 1);
    format!("{sign}nan:{payload:#x}")
}

fn vector(word: &str) -> Option<u128> {
    let (shape, lanes) = word.split_once(':')?;
    let (kind, count) = shape.split_once('x')?;
    let bits: u32 = kind.get(1..)?.parse().ok()?;
    let count: u32 = count.parse().ok()?;
    let lane: fn(&str, u32) -> Option<u64> = match kind.get(..1)? {
        "i" => integer,
        "f" if bits >= 32 => float,
        _ => return None,
    };
    let lanes: Vec<u64> = lanes
        .split(',')
        .map(|word| lane(word, bits))
        .collect::<Option<_>>()?;
    let whole = bits * count == 128 && lanes.len() == count as usize;
    whole.then(|| {
        let above = lanes.iter().rev();
        above.fold(0, |vector, &lane| vector << bits | u128::from(lane))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use precast_loader::{Engine, Store};

    fn there_and_back(ty: ValType, word: &str) -> Option<String> {
        let mut store = Store::new(&Engine::default(), ());
        let value = parse(&mut store, ty, word).ok()?;
        Some(print(&store, &value))
    }

    #[test]
    fn words_are_values_and_values_are_words() {
        let check = |ty, word, expected: &str| {
            assert_eq!(
                there_and_back(ty, word).as_deref(),
                Some(expected),
                "{word}"
            );
        };
        check(ValType::I32, "0xffffffff", "-1");
        check(ValType::I64, "-0x8000000000000000", "-9223372036854775808");
        check(ValType::F32, "-0.0", "-0.0");
        check(ValType::F32, "nan", "nan:0x400000");
        check(ValType::F32, "bits:0xff800001", "-nan:0x1");
        check(ValType::F64, "-nan:0x4000000000000", "-nan:0x4000000000000");
        check(ValType::F64, "1e300", "1e300");
        check(
            ValType::V128,
            "i8x16:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,-1",
            "i32x4:0x4030201,0x8070605,0xc0b0a09,0xff0f0e0d",
        );
        check(
            ValType::V128,
            "f64x2:1,-2",
            "i32x4:0x0,0x3ff00000,0x0,0xc0000000",
        );
        check(ValType::FUNCREF, "null", "null");
        check(ValType::EXTERNREF, "extern:7", "extern:7");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (ty, word) in [
            (ValType::I32, "4294967296"),
            (ValType::I32, "-2147483649"),
            (ValType::I64, "1.5"),
            (ValType::F32, "one"),
            (ValType::F32, "nan:0x800000"),
            (ValType::V128, "i32x4:1,2,3"),
            (ValType::V128, "i32x8:1,2,3,4,5,6,7,8"),
            (ValType::FUNCREF, "func"),
        ] {
            assert_eq!(there_and_back(ty, word), None, "{word}");
        }
    }
}
