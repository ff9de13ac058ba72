//! Runs test scripts of WebAssembly's specification (`.wast`) the way that guests are run: each
//! module is compiled to an artifact, which is loaded and instantiated.
//!
//! A script is a list of directives: modules, calls of what they export, and assertions about both
//! (see "Scripts" in the README of the specification's reference interpreter). Each directive
//! passes or fails by itself; one that cannot be run has failed. [`run`] runs a script and gives a
//! [`Report`]. Nothing is printed, and nothing is read from files.
//!
//! What assertions compare:
//!
//! - `assert_return`: values bit by bit, NaNs by the pattern that is given.
//! - `assert_trap`, `assert_exhaustion`: the kind of trap, by its message, which may say more at
//!   the end, or be part of ours; the words of a few other engines are known too.
//! - `assert_unlinkable`: that linking failed, and whether an import was missing or did not fit. A
//!   segment that does not fit will do if the message is about that.
//! - `assert_invalid`: that validation refused the module, all of it being looked at, and that it
//!   was not compiled. That it needs something which is not supported does not count. Messages
//!   are not compared: they are the validator's own.
//! - `assert_malformed`: that the text format's parser or validation refused it. Messages are not
//!   compared.
//!
//! Scripts of other engines are run too. So the instance that a script calls `$m` can be imported
//! from as `m` where nothing is registered under that name, and memories may have 8 GiB.
//!
//! Start reading at `runner.rs`, which has the directives; `value.rs` says what values are
//! alike, `spectest.rs` what scripts may import, and `code.rs` is the way from text to code.

#![deny(unsafe_code)]

mod code;
mod expect;
mod runner;
mod spectest;
mod value;

use std::error::Error as StdError;
use std::panic::resume_unwind;
use std::time::Duration;
use std::{fmt, io, thread};

use precast_compiler::Options;
use wast::Wast;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Span;

use runner::Runner;

/// Stack of a thread that runs a script, in bytes: the guest's, as much as an engine gives by default,
/// and plenty for parser, compiler and host functions.
const STACK_BYTES: usize = 16 << 20;

/// How scripts are run.
///
/// ```
/// use precast_compiler::{OptLevel, Options};
/// use precast_wast::Settings;
///
/// let mut settings = Settings::new(Options::default());
/// settings.options.opt_level = OptLevel::None;
/// settings.through_files = true;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What modules are compiled with.
    pub options: Options,
    /// Whether artifacts are written to temporary files and mapped from there, as those of users
    /// are. Default: no, they stay in memory.
    pub through_files: bool,
    /// How long a directive may run the guest. Default: a minute.
    pub timeout: Option<Duration>,
}

impl Settings {
    /// The defaults, with these options.
    ///
    /// ```
    /// let settings = precast_wast::Settings::new(Default::default());
    /// assert!(settings.timeout.is_some() && !settings.through_files);
    /// ```
    pub fn new(options: Options) -> Self {
        Self {
            options,
            through_files: false,
            timeout: Some(Duration::from_secs(60)),
        }
    }
}

/// What became of a script's directives.
///
/// ```
/// # use precast_wast::{ScriptError, Settings, run};
/// let script = r#"
///     (module (func (export "one") (result i32) (i32.const 1)))
///     (assert_return (invoke "one") (i32.const 1))
///     (assert_return (invoke "one") (i32.const 2))"#;
/// let report = run(script, &Settings::new(Default::default()))?;
/// assert_eq!(report.passed, 2);
/// let failure = &report.failures[0];
/// assert_eq!((failure.line, failure.column), (4, 6));
/// assert_eq!(failure.reason, "expected (i32.const 2), found (i32.const 1)");
/// # Ok::<(), ScriptError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many directives passed.
    pub passed: usize,
    /// The others, in the order of the text.
    pub failures: Vec<Failure>,
}

impl Report {
    /// How many of the failures are directives that were not even tried.
    ///
    /// ```
    /// # use precast_wast::{ScriptError, Settings, run};
    /// let script = r#"(module (import "no" "such" (func))) (invoke "f")"#;
    /// let report = run(script, &Settings::new(Default::default()))?;
    /// assert_eq!((report.failures.len(), report.skipped()), (2, 1));
    /// # Ok::<(), ScriptError>(())
    /// ```
    pub fn skipped(&self) -> usize {
        let skipped = self.failures.iter().filter(|failure| failure.is_skipped);
        skipped.count()
    }
}

/// A directive that did not pass. See [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its line, counted from 1.
    pub line: usize,
    /// Where it begins in the line, in bytes counted from 1.
    pub column: usize,
    /// Why, for people.
    pub reason: String,
    /// Whether it was not even tried, because what it names is not there: the directive that
    /// should have made it has failed.
    pub is_skipped: bool,
}

/// Why a script was not run at all.
///
/// ```
/// use precast_wast::{ScriptError, Settings, run};
///
/// let error = run("(module)\n(modul)", &Settings::new(Default::default())).unwrap_err();
/// assert!(matches!(error, ScriptError::Syntax { line: 2, column: 2, .. }), "{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ScriptError {
    /// The text is no script.
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// Where in the line, in bytes counted from 1.
        column: usize,
        /// What is wrong there, in the parser's words.
        message: String,
    },
    /// There is no thread to be had.
    Thread(io::Error),
    /// The host module that scripts import from cannot be made.
    Spectest(precast_loader::Error),
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax {
                line,
                column,
                message,
            } => write!(f, "{line}:{column}: not a script: {message}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::Spectest(error) => write!(f, "cannot make the module `spectest`: {error}"),
        }
    }
}

impl StdError for ScriptError {}

impl From<precast_loader::Error> for ScriptError {
    fn from(error: precast_loader::Error) -> Self {
        Self::Spectest(error)
    }
}

/// Runs a script, on a thread of its own with enough stack.
///
/// # Errors
///
/// See [`ScriptError`]. What single directives do wrong is in the report.
///
/// # Panics
///
/// If the compiler or the loader does, which is a bug of theirs.
///
/// # Examples
///
/// ```
/// use precast_wast::{ScriptError, Settings, run};
///
/// let report = run(
///     r#"(assert_invalid (module (func (result i32))) "type mismatch")"#,
///     &Settings::new(Default::default()),
/// )?;
/// assert_eq!(report.passed, 1);
/// # Ok::<(), ScriptError>(())
/// ```
pub fn run(text: &str, settings: &Settings) -> Result<Report, ScriptError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("script".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || run_here(text, settings))
            .map_err(ScriptError::Thread)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn run_here(text: &str, settings: &Settings) -> Result<Report, ScriptError> {
    let buffer = buffer(text).map_err(|error| syntax_error(text, &error))?;
    let script: Wast<'_> = parser::parse(&buffer).map_err(|error| syntax_error(text, &error))?;
    thread::scope(|scope| {
        let mut runner = Runner::new(text, settings, scope)?;
        runner.run(script.directives);
        Ok(runner.finish())
    })
}

/// The tokens of a text. Scripts check that names may have any characters.
fn buffer(text: &str) -> Result<ParseBuffer<'_>, wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer)
}

fn syntax_error(text: &str, error: &wast::Error) -> ScriptError {
    let (line, column) = place(text, error.span());
    ScriptError::Syntax {
        line,
        column,
        message: error.message(),
    }
}

/// Line and column, counted from 1.
fn place(text: &str, span: Span) -> (usize, usize) {
    let (line, column) = span.linecol_in(text);
    (line + 1, column + 1)
}
