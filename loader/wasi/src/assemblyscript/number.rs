//! Numbers as JavaScript writes them.

use std::fmt;

/// From here up, and below the other, JavaScript writes an exponent.
const LARGE: f64 = 1e21;
const SMALL: f64 = 1e-6;

/// Displays a number as JavaScript's `String(number)` does (ECMA-262, `Number::toString` with radix 10).
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number(number) = *self;
        let size = number.abs();
        if number.is_nan() {
            f.write_str("NaN")
        } else if size == 0.0 {
            // Without the sign.
            f.write_str("0")
        } else if size.is_infinite() {
            let sign = if number < 0.0 { "-" } else { "" };
            write!(f, "{sign}Infinity")
        } else if (SMALL..LARGE).contains(&size) {
            // Rust, too, writes the fewest digits that stand for the number, and never an exponent.
            write!(f, "{number}")
        } else {
            let text = format!("{number:e}");
            let signed = if size >= LARGE { "e+" } else { "e" };
            f.write_str(&text.replace('e', signed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected is what node's `String` says.
    #[test]
    fn numbers_are_written_as_in_javascript() {
        let check = |number: f64, expected: &str| assert_eq!(Number(number).to_string(), expected);
        check(0.0, "0");
        check(-0.0, "0");
        check(1.0, "1");
        check(-2.5, "-2.5");
        check(0.1 + 0.2, "0.30000000000000004");
        check(123_456_789.125, "123456789.125");
        check(1e20, "100000000000000000000");
        check(123_456_789_012_345_680_000.0, "123456789012345680000");
        check(1e21, "1e+21");
        check(-1.5e300, "-1.5e+300");
        check(f64::MAX, "1.7976931348623157e+308");
        check(1e-6, "0.000001");
        check(1.5e-6, "0.0000015");
        check(1e-7, "1e-7");
        check(-1.25e-9, "-1.25e-9");
        check(5e-324, "5e-324");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f64::NEG_INFINITY, "-Infinity");
    }
}
