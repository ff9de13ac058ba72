//! How the command ends: exit codes, and what goes to standard error.

use std::fmt;
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};

/// An error that is no one else's; a script that did not pass.
pub const FAILED: u8 = 1;
/// The files of `diff` are not the same: what diff(1) reports.
pub const DIFFERENT: u8 = 1;
/// What went wrong with `diff`, so that it is told from a difference.
pub const TROUBLE: u8 = 2;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// A bug of ours; also what Rust ends a process with whose main thread panicked.
pub const PANICKED: u8 = 101;
/// The guest took longer than it may: what coreutils' `timeout` reports.
pub const TIMED_OUT: u8 = 124;
/// The guest trapped, or threw what nothing caught: what a shell reports for a process that aborted.
pub const TRAPPED: u8 = 134;
/// Nobody reads the guest's output any more: what a shell reports for a process that SIGPIPE has
/// killed.
pub const BROKEN_PIPE: u8 = 141;

/// What all messages start with.
const START: &str = "precast: ";

/// clap has no warnings, and so no style for them.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Longer lines are cut.
const MAX_LINE_CHARS: usize = 1000;

/// What is wrong with a command line whose parts are right one by one.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Names the error on standard error and gives its exit code.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    failed_with(error).into()
}

/// As [`failed`]; the exit code as a number.
pub fn failed_with(error: &anyhow::Error) -> u8 {
    say(format_args!("precast: error: {error:#}"));
    let is_usage = error.downcast_ref::<Usage>().is_some();
    if is_usage { USAGE } else { FAILED }
}

/// Writes lines to standard error, as a terminal can take them. There is nothing to be done if that
/// fails.
///
/// What kind of message it is has a colour where clap's messages have, which asks the same crate:
/// on a terminal, unless `NO_COLOR` is set, or with `CLICOLOR_FORCE`.
pub fn say(lines: fmt::Arguments<'_>) {
    let stderr = io::stderr();
    let mut text = presentable(&lines.to_string());
    if AutoStream::choice(&stderr) != ColorChoice::Never {
        text = coloured(&text);
    }
    // All at once, so that lines of other processes do not come between.
    let _ = stderr.lock().write_all((text + "\n").as_bytes());
}

/// The message with its kind in the style that clap has for it.
fn coloured(text: &str) -> String {
    let styles = Styles::styled();
    let kinds: [(&str, &Style); 4] = [
        ("error:", styles.get_error()),
        ("internal error:", styles.get_error()),
        ("trap:", styles.get_error()),
        ("warning:", &WARNING),
    ];
    for (kind, style) in kinds {
        let rest = text
            .strip_prefix(START)
            .and_then(|it| it.strip_prefix(kind));
        if let Some(rest) = rest {
            return format!("{START}{style}{kind}{style:#}{rest}");
        }
    }
    text.to_owned()
}

/// The text as a terminal can take it: names from a module may hold control characters, and a
/// line that is quoted from one may be of any length.
pub fn presentable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let is_long = line.chars().nth(MAX_LINE_CHARS).is_some();
        let kept = line.chars().take(MAX_LINE_CHARS);
        let shown: String = kept
            .map(|kept| match kept {
                '\t' => " ".to_owned(),
                kept if kept.is_control() => kept.escape_default().to_string(),
                kept => kept.to_string(),
            })
            .collect();
        shown + if is_long { "…" } else { "" }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same, without ending the line.
pub fn say_start(text: &str) {
    let _ = write!(io::stderr(), "{text}");
}

/// From here on a panic is reported as what it is: a bug of ours. It still unwinds, so that
/// nothing is left behind.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| say(format_args!("{}", panic_report(info)))));
}

fn panic_report(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("unknown");
    let place = match info.location() {
        Some(place) => format!(" at {}:{}", place.file(), place.line()),
        None => String::new(),
    };
    // Empty as long as no package names one.
    let at = match env!("CARGO_PKG_REPOSITORY") {
        "" => String::new(),
        repository => format!(", at {repository}/issues"),
    };
    format!(
        "precast: internal error: {message}{place}\nThis is a bug in precast {}. Please report it, with the command and its input{at}",
        env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(presentable("a\x1b[31m\nb\tc"), "a\\u{1b}[31m\nb c");
        let long = presentable(&"x".repeat(5000));
        assert_eq!(long.chars().count(), MAX_LINE_CHARS + 1);
    }

    #[test]
    fn the_kind_of_a_message_has_a_colour_and_nothing_else() {
        let check = |text, expected| assert_eq!(coloured(text), expected);
        check(
            "precast: error: a",
            "precast: \x1b[1m\x1b[31merror:\x1b[0m a",
        );
        check(
            "precast: warning: a",
            "precast: \x1b[1m\x1b[33mwarning:\x1b[0m a",
        );
        check("precast: a: error: b", "precast: a: error: b");
        check("error: a", "error: a");
    }

    #[test]
    fn a_panic_is_reported_with_message_and_place() {
        let seen = Arc::new(Mutex::new(String::new()));
        let before = std::panic::take_hook();
        let sink = Arc::clone(&seen);
        std::panic::set_hook(Box::new(move |info| {
            *sink.lock().unwrap() = panic_report(info);
        }));
        let result = std::thread::spawn(|| panic!("seven is not {}", 8)).join();
        std::panic::set_hook(before);
        assert!(result.is_err());
        let report = seen.lock().unwrap();
        assert!(report.starts_with("precast: internal error: seven is not 8 at "));
        assert!(report.contains("exit.rs:"), "{report}");
        assert!(report.contains("Please report it"), "{report}");
        assert!(
            !report.contains(" /issues"),
            "an address of nothing: {report}"
        );
    }
}
