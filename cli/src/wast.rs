//! `precast wast`: test scripts of WebAssembly's specification, run.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use precast_compiler::Features;
use precast_wast::{Failure, ScriptError, Settings};
use serde::Serialize;

use crate::codegen::{CodegenArgs, Cpu};
use crate::input::is_standard_stream;
use crate::shown::shown;
use crate::{duration, exit, output};

/// How many failures of a file are printed.
const LISTED_FAILURES: usize = 10;

/// The most bytes of a script; devices have no end.
const MAX_BYTES: u64 = 64 << 20;

/// What the names of scripts end in.
const EXTENSION: &str = "wast";

const EXAMPLES: &str = "\
A directive that cannot be run has not passed: it failed, or was skipped because what it names is
not there. The exit code is 0 only if all directives of all scripts passed.

Examples:
  precast wast i32.wast
  precast wast -O0 --memory checked testsuite/     all scripts below the directory
  precast wast --json testsuite/ | jq '.files[] | select(.failed > 0) | .file'";

/// Run test scripts of WebAssembly's specification
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WastArgs {
    /// The scripts; of a directory all *.wast below it; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Print all failures, not just the first ones of each file
    #[arg(long)]
    all_failures: bool,

    /// Print JSON, with all failures
    #[arg(long)]
    json: bool,

    /// Write each artifact to a temporary file and map it from there
    #[arg(long)]
    through_files: bool,

    /// How long one directive may run
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    timeout: Duration,

    #[command(flatten, next_help_heading = "Options for the modules of scripts")]
    codegen: CodegenArgs,
}

/// Runs the command.
///
/// # Errors
///
/// If a script cannot be read, or there is no room to run it. That directives fail is no error but
/// the exit code.
pub(crate) fn wast(args: &WastArgs) -> Result<ExitCode> {
    let mut options = args.codegen.options(None, Cpu::Native, Features::ALL)?;
    // Their modules are small.
    options.threads = options.threads.or(Some(NonZeroUsize::MIN));
    let mut settings = Settings::new(options);
    settings.through_files = args.through_files;
    settings.timeout = Some(args.timeout);

    let mut total = Total::default();
    for path in scripts(&args.files)? {
        let report = FileReport::new(&path, &settings)?;
        if !args.json {
            let listed = match args.all_failures {
                true => usize::MAX,
                false => LISTED_FAILURES,
            };
            output::print(&report.text(listed))?;
        }
        total.add(report);
    }
    if args.json {
        output::print_json(&total)?;
    } else {
        output::print(&format!("total: {}\n", total.counts))?;
    }
    Ok(match total.counts.is_success() {
        true => ExitCode::SUCCESS,
        false => exit::FAILED.into(),
    })
}

/// The scripts that are meant: directories are replaced by what is below them, sorted.
fn scripts(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for path in named {
        if is_standard_stream(path) {
            scripts.push(path.clone());
            continue;
        }
        let cannot = || format!("cannot open {}", shown(path));
        if !fs::metadata(path).with_context(cannot)?.is_dir() {
            scripts.push(path.clone());
            continue;
        }
        let before = scripts.len();
        scripts_below(path, &mut scripts)?;
        if scripts.len() == before {
            bail!("there is no *.{EXTENSION} below {}", shown(path));
        }
        scripts[before..].sort();
    }
    Ok(scripts)
}

/// Symbolic links to directories are not followed, so that there are no circles.
fn scripts_below(directory: &Path, scripts: &mut Vec<PathBuf>) -> Result<()> {
    let cannot = || format!("cannot read the directory {}", shown(directory));
    for entry in fs::read_dir(directory).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        if entry.file_type().with_context(cannot)?.is_dir() {
            scripts_below(&path, scripts)?;
        } else if path.extension().is_some_and(|found| found == EXTENSION) {
            scripts.push(path);
        }
    }
    Ok(())
}

/// What became of all scripts.
#[derive(Debug, Default, Serialize)]
struct Total {
    files: Vec<FileReport>,
    #[serde(flatten)]
    counts: Counts,
}

impl Total {
    fn add(&mut self, report: FileReport) {
        self.counts.passed += report.counts.passed;
        self.counts.failed += report.counts.failed;
        self.counts.skipped += report.counts.skipped;
        self.files.push(report);
    }
}

/// How many directives ended in which way.
#[derive(Debug, Default, Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn is_success(&self) -> bool {
        self.failed == 0 && self.skipped == 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// What became of a script.
#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    #[serde(flatten)]
    counts: Counts,
    failures: Vec<FailureReport>,
}

/// A directive that did not pass.
#[derive(Debug, Serialize)]
struct FailureReport {
    line: usize,
    column: usize,
    skipped: bool,
    reason: String,
}

impl FileReport {
    /// Runs the script. One that is none has one failure: where it stops being one.
    fn new(path: &Path, settings: &Settings) -> Result<Self> {
        let (file, bytes) = read(path)?;
        let outcome = match str::from_utf8(&bytes) {
            Ok(text) => precast_wast::run(text, settings),
            Err(error) => Err(not_utf8(&bytes[..error.valid_up_to()])),
        };
        let (passed, failures) = match outcome {
            Ok(report) => (report.passed, report.failures),
            Err(ScriptError::Syntax {
                line,
                column,
                message,
            }) => {
                let failure = Failure {
                    line,
                    column,
                    reason: format!("not a script: {message}"),
                    is_skipped: false,
                };
                (0, vec![failure])
            }
            Err(other) => return Err(other).context(file),
        };
        let skipped = failures.iter().filter(|failure| failure.is_skipped).count();
        let counts = Counts {
            passed,
            failed: failures.len() - skipped,
            skipped,
        };
        let failures = failures.into_iter().map(FailureReport::from).collect();
        Ok(Self {
            file,
            counts,
            failures,
        })
    }

    /// The report as people read it, with so many of the failures: those first that may be the
    /// cause of others.
    fn text(&self, listed: usize) -> String {
        let (file, counts) = (one_line(&self.file), &self.counts);
        let mut text = format!("{file}: {counts}\n");
        let tried = self.failures.iter().filter(|failure| !failure.skipped);
        let skipped = self.failures.iter().filter(|failure| failure.skipped);
        for failure in tried.chain(skipped).take(listed) {
            let FailureReport { line, column, .. } = failure;
            let reason = one_line(&failure.reason);
            text += &format!("  {file}:{line}:{column}: {reason}\n");
        }
        let left = self.failures.len().saturating_sub(listed);
        if left > 0 {
            text += &format!("  and {left} more, which --all-failures prints\n");
        }
        text
    }
}

impl From<Failure> for FailureReport {
    fn from(failure: Failure) -> Self {
        let Failure {
            line,
            column,
            reason,
            is_skipped: skipped,
        } = failure;
        Self {
            line,
            column,
            skipped,
            reason,
        }
    }
}

/// How messages call the script, and what is in it.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    let (name, source): (_, Box<dyn Read>) = match is_standard_stream(path) {
        true => ("standard input".to_owned(), Box::new(io::stdin())),
        false => {
            let name = shown(path);
            let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
            (name, Box::new(file))
        }
    };
    let mut bytes = Vec::new();
    let read = source.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{name} is no script: it is larger than {MAX_BYTES} bytes");
    }
    Ok((name, bytes))
}

/// The text that stops being UTF-8 after `start`.
fn not_utf8(start: &[u8]) -> ScriptError {
    let line = start.split(|&byte| byte == b'\n');
    let column = line.clone().next_back().map_or(0, <[u8]>::len) + 1;
    ScriptError::Syntax {
        line: line.count(),
        column,
        message: "text that is not UTF-8".to_owned(),
    }
}

/// Scripts decide what reasons and names hold.
fn one_line(text: &str) -> String {
    exit::presentable(&text.lines().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_text_stops_being_one_is_counted_from_one() {
        let check = |start: &[u8], expected| {
            let ScriptError::Syntax { line, column, .. } = not_utf8(start) else {
                panic!("it is one of syntax");
            };
            assert_eq!((line, column), expected, "{start:?}");
        };
        check(b"", (1, 1));
        check(b"(module", (1, 8));
        check(b"(module)\n", (2, 1));
        check(b"(module)\n\n (", (3, 3));
    }
}
