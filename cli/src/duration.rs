//! Durations as options have them: `500ms`, `1.5s`, `2m`, `1h`; a number alone is seconds.

use std::time::Duration;

/// Parses a duration that is more than nothing.
///
/// # Errors
///
/// What was expected, for clap to say.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let is_decimal = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let unit_seconds = match text.strip_prefix(number) {
        Some("ms") => 0.001,
        Some("" | "s") => 1.0,
        Some("m") => 60.0,
        Some("h") => 3600.0,
        _ => return Err("expected a number with ms, s, m or h".into()),
    };
    // The standard library would take signs and exponents as well.
    let number: f64 = Some(number)
        .filter(|number| number.as_bytes().iter().all(is_decimal))
        .and_then(|number| number.parse().ok())
        .ok_or("expected a number of seconds, or one with ms, s, m or h")?;
    match Duration::try_from_secs_f64(number * unit_seconds) {
        Ok(Duration::ZERO) => Err("it must be more than nothing".into()),
        Ok(duration) => Ok(duration),
        Err(_) => Err("it is too long to be told".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let check = |text, milliseconds| {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)));
        };
        check("500ms", 500);
        check("10s", 10_000);
        check("2m", 120_000);
        check("1h", 3_600_000);
        check("3", 3_000);
        check("0.25", 250);
        check(".5s", 500);
        check("1.1m", 66_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            "s",
            ".",
            "1.2.3",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "1 s",
            "1d",
            "1us",
            "1sec",
            "0",
            "0ms",
            "0.0000000001",
            "99999999999999999999",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
