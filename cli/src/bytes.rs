//! Sizes as options have them: `65536`, `64k`, `8M`, `2G`.

const MAX_BYTES: u64 = 1 << 40;

/// Parses a number of bytes that is more than nothing.
///
/// # Errors
///
/// What was expected, for clap to say.
pub fn parse(text: &str) -> Result<usize, String> {
    let expected = "expected a number of bytes, or one with k, M or G";
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit: u64 = match text.strip_prefix(digits) {
        Some("") => 1,
        Some("k" | "K") => 1 << 10,
        Some("m" | "M") => 1 << 20,
        Some("g" | "G") => 1 << 30,
        _ => return Err(expected.into()),
    };
    let count: u64 = digits.parse().map_err(|_| expected)?;
    let bytes = count
        .checked_mul(unit)
        .filter(|bytes| (1..=MAX_BYTES).contains(bytes))
        .ok_or(format!("it must be from 1 to {MAX_BYTES} bytes"))?;
    usize::try_from(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        for (text, bytes) in [("1", 1), ("64k", 65_536), ("8M", 8 << 20), ("2G", 2 << 30)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "k", "0", "-1", "1.5M", "8MB", "99999999G", "8 M"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
