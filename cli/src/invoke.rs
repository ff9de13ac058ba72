//! `--invoke`: arguments from the command line to values, and results to lines.
//!
//! | type | written as |
//! |---|---|
//! | `i32`, `i64` | decimal or `0x` hexadecimal, with or without a sign, in the signed or unsigned range |
//! | `f32`, `f64` | decimal, also with an exponent; `inf`, `nan`, `nan:0x…` with these payload bits |
//! | `v128` | `0x` hexadecimal, lane 0 in the lowest bits |
//! | references | `null` |
//!
//! Results are printed so that they can be given as arguments again, integers as signed decimals.

use anyhow::{Result, anyhow, bail};
use precast_loader::{FuncType, Val, ValType};

/// The values that `args` stand for, as parameters of a function of type `ty`.
///
/// # Errors
///
/// If there are too few or too many, or one cannot be of its type.
pub(crate) fn parse_args(ty: &FuncType, args: &[String]) -> Result<Vec<Val>> {
    if args.len() != ty.params.len() {
        let (wanted, given) = (ty.params.len(), args.len());
        bail!("it takes {wanted} arguments, {given} were given; its type is {ty}");
    }
    let typed = ty.params.iter().zip(args).zip(1..);
    typed
        .map(|((&ty, text), number)| {
            parse(ty, text).map_err(|expected| {
                anyhow!("argument {number}, {text:?}, is no {ty}: expected {expected}")
            })
        })
        .collect()
}

/// The value as it is printed.
pub(crate) fn format(value: &Val) -> String {
    match *value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => F32.format(bits.into()),
        Val::F64(bits) => F64.format(bits),
        Val::V128(bits) => format!("{bits:#034x}"),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => "null".into(),
        Val::FuncRef(Some(_)) => "funcref".into(),
        Val::ExternRef(Some(_)) => "externref".into(),
        Val::ExnRef(Some(_)) => "exnref".into(),
    }
}

/// The value of type `ty` that `text` stands for, or else what was expected.
fn parse(ty: ValType, text: &str) -> Result<Val, &'static str> {
    match ty {
        ValType::I32 => {
            let bits = integer(text, 32).ok_or("an integer from -2147483648 to 4294967295")?;
            Ok(Val::I32((bits as u32).cast_signed()))
        }
        ValType::I64 => {
            let bits = integer(text, 64)
                .ok_or("an integer from -9223372036854775808 to 18446744073709551615")?;
            Ok(Val::I64((bits as u64).cast_signed()))
        }
        ValType::F32 => {
            let bits = F32.parse(text).ok_or("a decimal number, inf or nan")?;
            Ok(Val::F32(bits as u32))
        }
        ValType::F64 => {
            let bits = F64.parse(text).ok_or("a decimal number, inf or nan")?;
            Ok(Val::F64(bits))
        }
        ValType::V128 => text
            .strip_prefix("0x")
            .and_then(hexadecimal)
            .map(Val::V128)
            .ok_or("0x and up to 32 hexadecimal digits (lanes cannot be given one by one)"),
        ValType::Ref(_) => match text {
            "null" => Ok(Val::default_of(ty)),
            _ => Err("null, the only reference that can be written"),
        },
    }
}

/// The bits of an integer of so many bits, if it lies in the signed or the unsigned range.
fn integer(text: &str, width: u32) -> Option<i128> {
    let (is_negative, magnitude) = sign(text);
    let magnitude = match magnitude.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits)?,
        None if magnitude.starts_with(|first: char| first.is_ascii_digit()) => {
            magnitude.parse().ok()?
        }
        None => return None,
    };
    let magnitude = i128::try_from(magnitude).ok()?;
    let value = if is_negative { -magnitude } else { magnitude };
    (-(1 << (width - 1))..1 << width)
        .contains(&value)
        .then_some(value)
}

fn hexadecimal(digits: &str) -> Option<u128> {
    // The standard library would take a sign here.
    let first_is_digit = digits.starts_with(|first: char| first.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok();
    number.filter(|_| first_is_digit)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A floating-point format: reads and writes bits, since a NaN may not survive as a float.
struct Float {
    mantissa_bits: u32,
    sign_bit: u64,
    to_bits: fn(&str) -> Option<u64>,
    to_text: fn(u64) -> String,
}

const F32: Float = Float {
    mantissa_bits: 23,
    sign_bit: 1 << 31,
    to_bits: |text| Some(text.parse::<f32>().ok()?.to_bits().into()),
    to_text: |bits| format!("{:?}", f32::from_bits(bits as u32)),
};

const F64: Float = Float {
    mantissa_bits: 52,
    sign_bit: 1 << 63,
    to_bits: |text| Some(text.parse::<f64>().ok()?.to_bits()),
    to_text: |bits| format!("{:?}", f64::from_bits(bits)),
};

impl Float {
    const fn mantissa(&self) -> u64 {
        (1 << self.mantissa_bits) - 1
    }

    const fn infinity(&self) -> u64 {
        (self.sign_bit - 1) & !self.mantissa()
    }

    /// The payload of the NaN that instructions make.
    const fn canonical(&self) -> u64 {
        1 << (self.mantissa_bits - 1)
    }

    fn parse(&self, text: &str) -> Option<u64> {
        let (is_negative, magnitude) = sign(text);
        let bits = if magnitude == "nan" {
            self.infinity() | self.canonical()
        } else if let Some(digits) = magnitude.strip_prefix("nan:0x") {
            let payload = u64::try_from(hexadecimal(digits)?).ok()?;
            let is_payload = (1..=self.mantissa()).contains(&payload);
            self.infinity() | is_payload.then_some(payload)?
        } else if magnitude.starts_with(['+', '-']) {
            return None;
        } else {
            (self.to_bits)(magnitude)?
        };
        Some(if is_negative {
            bits | self.sign_bit
        } else {
            bits
        })
    }

    fn format(&self, bits: u64) -> String {
        let sign = if bits & self.sign_bit == 0 { "" } else { "-" };
        let payload = bits & self.mantissa();
        if bits & self.infinity() != self.infinity() || payload == 0 {
            let text = (self.to_text)(bits);
            // Whole numbers as in most languages: 3, not 3.0.
            return text.strip_suffix(".0").unwrap_or(&text).to_owned();
        }
        if payload == self.canonical() {
            format!("{sign}nan")
        } else {
            format!("{sign}nan:{payload:#x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_taken_in_both_ranges() {
        let check = |ty, text, expected: Option<Val>| {
            assert_eq!(parse(ty, text).ok(), expected, "{text:?} as {ty}");
        };
        check(ValType::I32, "-17", Some(Val::I32(-17)));
        check(ValType::I32, "+17", Some(Val::I32(17)));
        check(ValType::I32, "4294967295", Some(Val::I32(-1)));
        check(ValType::I32, "0xffffffff", Some(Val::I32(-1)));
        check(ValType::I32, "-0x80000000", Some(Val::I32(i32::MIN)));
        check(
            ValType::I64,
            "-9223372036854775808",
            Some(Val::I64(i64::MIN)),
        );
        check(ValType::I64, "18446744073709551615", Some(Val::I64(-1)));
        for wrong in [
            "",
            "-",
            "+",
            "4294967296",
            "-2147483649",
            "1.5",
            "0x",
            "0x+1",
            "--1",
            "-+1",
            " 1",
            "1 ",
            "ten",
            "0xg",
            "99999999999999999999999999999999999999999",
        ] {
            check(ValType::I32, wrong, None);
        }
        check(ValType::I64, "18446744073709551616", None);
    }

    #[test]
    fn values_are_printed_as_they_are_read() {
        let check = |ty, text| {
            let value = parse(ty, text).unwrap();
            assert_eq!(format(&value), text, "{value:?}");
        };
        for text in [
            "0",
            "-0",
            "3",
            "0.1",
            "-0.06999999999999999",
            "inf",
            "-inf",
            "nan",
            "-nan",
            "nan:0x1",
            "1e300",
            "5e-324",
        ] {
            check(ValType::F64, text);
        }
        for text in ["0.1", "3.4028235e38", "nan:0x200000", "-nan:0x1"] {
            check(ValType::F32, text);
        }
        check(ValType::V128, "0x000102030405060708090a0b0c0d0e0f");
        check(ValType::FUNCREF, "null");
        check(ValType::EXTERNREF, "null");
        check(ValType::I64, "-9223372036854775808");
    }

    #[test]
    fn what_is_no_number_is_no_float() {
        for wrong in [
            "",
            "-",
            "--1",
            "nan:0x0",
            "nan:0x800000",
            "nan:",
            "1,5",
            "0x1p3",
        ] {
            assert!(parse(ValType::F32, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let ty = FuncType::new([ValType::I32, ValType::F64], []);
        let check = |args: &[&str], expected: &str| {
            let args: Vec<String> = args.iter().map(|&arg| arg.into()).collect();
            let error = parse_args(&ty, &args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&["1"], "takes 2 arguments, 1 were given");
        check(&["1", "x"], "argument 2, \"x\", is no f64");
    }
}
