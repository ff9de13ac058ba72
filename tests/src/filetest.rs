//! A filetest: one `.wat` file with its instructions on top and its expectation at the end.
//!
//! ```text
//! ;;! invoke: div 7 2          directives: `;;! key: value`, before anything else
//! ;;! invoke: div 1 0
//!
//! (module …)                   the module, comments and all
//!
//! ;;= div 7 2 -> 3             expectation: the last lines, each after `;;= `
//! ;;= div 1 0 -> trap: integer divide by zero
//! ```
//!
//! Which directives there are depends on the folder the file is in; one that the folder does not
//! know is an error, since it would otherwise be a test that tests less than it says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use precast_artifacts_format::{CpuLevel, Target};
use precast_compiler::{OptLevel, Options};

const DIRECTIVE: &str = ";;!";
const EXPECTED: &str = ";;=";

/// A filetest that has been read.
#[derive(Debug)]
pub struct FileTest {
    path: PathBuf,
    text: String,
    directives: Vec<(String, String)>,
}

impl FileTest {
    /// Reads a filetest. `known` are the keys that its directives may have.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or if a directive is unknown or out of place.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(path, text, known)
    }

    fn parse(path: &Path, text: String, known: &[&str]) -> Result<Self, String> {
        let mut directives = Vec::new();
        let mut on_top = true;
        for (number, line) in (1..).zip(text.lines()) {
            let Some(directive) = line.strip_prefix(DIRECTIVE) else {
                on_top &= line.trim().is_empty();
                continue;
            };
            if !on_top {
                return Err(format!(
                    "line {number}: directives stand on top of the file"
                ));
            }
            let (key, value) = directive
                .split_once(':')
                .ok_or_else(|| format!("line {number}: a directive is `{DIRECTIVE} key: value`"))?;
            let key = key.trim();
            if !known.contains(&key) {
                let known = known.join(", ");
                return Err(format!(
                    "line {number}: unknown directive `{key}`; here are: {known}"
                ));
            }
            directives.push((key.to_owned(), value.trim().to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            text,
            directives,
        })
    }

    /// The values of all directives with that key, in order.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let matching = self
            .directives
            .iter()
            .filter(move |(found, _)| found == key);
        matching.map(|(_, value)| value.as_str())
    }

    /// The value of the directive with that key.
    ///
    /// # Errors
    ///
    /// If there is more than one.
    pub fn one<'a>(&'a self, key: &str) -> Result<Option<&'a str>, String> {
        let mut values = self.all(key);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(format!("more than one directive `{key}`")),
        }
    }

    /// The bytes of the module.
    ///
    /// # Errors
    ///
    /// If the text does not parse.
    pub fn wasm(&self) -> Result<Vec<u8>, String> {
        wat::parse_str(&self.text).map_err(|error| error.to_string())
    }

    /// What is expected.
    pub fn expected(&self) -> String {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix(EXPECTED));
        lines.fold(String::new(), |mut text, line| {
            text.push_str(line.strip_prefix(' ').unwrap_or(line));
            text.push('\n');
            text
        })
    }

    /// Compares what came out with the expectation, or makes it the expectation.
    ///
    /// # Errors
    ///
    /// Where they differ.
    pub fn expect(&self, found: &str) -> Result<(), String> {
        if crate::blessing() {
            return std::fs::write(&self.path, self.blessed(found))
                .map_err(|error| error.to_string());
        }
        compare(&self.expected(), found)
    }

    /// The file with another expectation.
    fn blessed(&self, found: &str) -> String {
        let kept = self.text.lines().filter(|line| !line.starts_with(EXPECTED));
        let mut text = kept.collect::<Vec<_>>().join("\n").trim_end().to_owned();
        text.push('\n');
        for (number, line) in found.lines().enumerate() {
            let gap = if number == 0 { "\n" } else { "" };
            let space = if line.is_empty() { "" } else { " " };
            text.push_str(&format!("{gap}{EXPECTED}{space}{}\n", line.trim_end()));
        }
        text
    }

    /// The options that the directives `target`, `cpu`, `opt`, `memory` and `options` ask for. What they do
    /// not say is the same on every machine, so that listings are.
    ///
    /// # Errors
    ///
    /// If a value means nothing.
    pub fn options(&self) -> Result<Options, String> {
        let triple = self.one("target")?.unwrap_or("x86_64-unknown-linux-gnu");
        let target: Target =
            precast_compiler::parse_target(triple).map_err(|error| error.to_string())?;
        let mut options = Options {
            threads: crate::options().threads,
            features: crate::options().features,
            ..Options::for_target(target)
        };
        if let Some(name) = self.one("cpu")? {
            let level =
                CpuLevel::from_name(name).ok_or_else(|| format!("no CPU level `{name}`"))?;
            options
                .cpu_level(level)
                .map_err(|error| error.to_string())?;
        }
        if let Some(name) = self.one("opt")? {
            options.opt_level = opt_level(name)?;
        }
        match self.one("memory")? {
            None | Some("guarded") => {}
            Some("checked") => options.tunables.memory_checked = true,
            Some(other) => return Err(format!("memory is guarded or checked, not `{other}`")),
        }
        for name in self.all("options").flat_map(str::split_whitespace) {
            match name {
                "fuel" => options.tunables.fuel = true,
                "listeners" => options.listeners = true,
                other => return Err(format!("options are fuel and listeners, not `{other}`")),
            }
        }
        Ok(options)
    }

    /// Whether the flag with that key is set; not if there is no such directive.
    ///
    /// # Errors
    ///
    /// If its value is neither `true` nor `false`.
    pub fn flag(&self, key: &str) -> Result<bool, String> {
        let value = self.one(key)?.unwrap_or("false");
        bool::from_str(value).map_err(|_| format!("`{key}` is true or false, not `{value}`"))
    }
}

fn opt_level(name: &str) -> Result<OptLevel, String> {
    Ok(match name {
        "none" => OptLevel::None,
        "basic" => OptLevel::Basic,
        "speed" => OptLevel::Speed,
        "size" => OptLevel::SpeedAndSize,
        _ => return Err(format!("no optimisation level `{name}`")),
    })
}

/// Says where two texts differ first.
///
/// # Errors
///
/// If they do.
pub fn compare(expected: &str, found: &str) -> Result<(), String> {
    let trimmed = |text: &str| {
        text.lines()
            .map(|l| l.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    let (expected, found) = (trimmed(expected), trimmed(found));
    if expected == found {
        return Ok(());
    }
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b);
    let first = same.count();
    let mut report = format!(
        "line {} of the expectation differs (BLESS=1 rewrites it)\n",
        first + 1
    );
    for (sign, lines) in [('-', &expected), ('+', &found)] {
        for line in lines.iter().skip(first.saturating_sub(1)).take(8) {
            let _infallible = writeln!(report, "  {sign} {line}");
        }
    }
    Err(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FileTest, String> {
        FileTest::parse(Path::new("x.wat"), text.to_owned(), &["invoke", "opt"])
    }

    #[test]
    fn a_directive_that_is_not_known_is_an_error() {
        let error = parse(";;! invoke: f\n;;! invok: g\n(module)").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("`invok`"),
            "{error}"
        );
        assert!(parse(";;! invoke").is_err(), "without a colon");
        assert!(
            parse("(module)\n;;! invoke: f").is_err(),
            "below the module"
        );
    }

    #[test]
    fn an_expectation_is_read_as_it_was_written() {
        let test = parse(";;! invoke: f\n\n(module)\n\n;;= old\n").unwrap();
        let output = "first\n\n  indented\n";
        let blessed = test.blessed(output);
        let expected = ";;! invoke: f\n\n(module)\n\n;;= first\n;;=\n;;=   indented\n";
        assert_eq!(blessed, expected);
        assert_eq!(parse(&blessed).unwrap().expected(), output);
        assert_eq!(parse(&blessed).unwrap().blessed(output), blessed);
    }

    #[test]
    fn a_difference_is_shown_from_the_line_before_it() {
        assert!(
            compare("a\nb \n", "a\nb\n").is_ok(),
            "spaces at ends do not count"
        );
        let report = compare("a\nb\nc", "a\nb\nd").unwrap_err();
        assert!(report.starts_with("line 3 "), "{report}");
        assert!(report.contains("- c") && report.contains("+ d") && !report.contains("- a"));
    }

    #[test]
    fn options_default_to_the_same_on_every_machine() {
        let options = parse("(module)").unwrap().options().unwrap();
        assert_eq!(options.target.to_string(), "x86_64-unknown-linux");
        let none = parse(";;! opt: none\n(module)").unwrap().options().unwrap();
        assert_eq!(none.opt_level, OptLevel::None);
        assert!(parse(";;! opt: fast\n(module)").unwrap().options().is_err());
    }
}
