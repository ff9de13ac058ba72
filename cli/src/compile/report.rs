//! What is said about each module: to people on standard error, to programs on standard output.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use precast_compiler::{FunctionTime, Timings};
use serde::{Serialize, Serializer};

use super::Emit;
use super::incremental::Reused;
use crate::problem::Problem;
use crate::shown::shown;
use crate::{exit, output};

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    pub(super) json: bool,
    pub(super) verbose: bool,
    pub(super) timings: bool,
}

/// What became of a module.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) bytes: usize,
    /// If it was compiled incrementally.
    pub(super) reused: Option<Reused>,
    pub(super) times: Times,
    /// How long each function took, if it was asked.
    pub(super) function_times: Vec<FunctionTime>,
}

/// How long what took, in the order in which it was done.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<(&'static str, Duration)>);

impl Times {
    /// Does something, and remembers how long it took.
    pub(super) fn of<T>(&mut self, name: &'static str, what: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = what();
        self.0.push((name, start.elapsed()));
        result
    }

    /// Remembers what the compiler says.
    pub(super) fn add(&mut self, timings: &Timings) {
        self.0
            .extend(timings.iter().map(|(phase, time)| (phase.name(), time)));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.0.iter().copied()
    }

    /// Remembers what is left of the time that the compiler was given.
    pub(super) fn add_rest(&mut self, name: &'static str, time: Duration) {
        self.0.push((name, time));
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(_, time)| time).sum()
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = [("total", self.total())];
        let all = self.0.iter().chain(&total);
        serializer.collect_map(all.map(|(name, time)| (name, time.as_secs_f64())))
    }
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    input: String,
    emit: Emit,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Made {
        output: Option<String>,
        bytes: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        functions: Option<Reused>,
        /// Each phase, and `total`.
        seconds: &'a Times,
    },
    Failed {
        error: Problem,
    },
}

impl Talk {
    /// Says that a module has become `output`.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub(super) fn made(
        self,
        input: &Path,
        emit: Emit,
        output: Option<&Path>,
        made: &Made,
    ) -> Result<()> {
        let Made {
            bytes,
            reused,
            ref times,
            ..
        } = *made;
        if self.verbose {
            let place = output.map_or("standard output".to_owned(), shown);
            let total = milliseconds(times.total());
            let reused = reused.map_or(String::new(), |reused| format!(", {reused}"));
            exit::say(format_args!(
                "{}: {bytes} bytes to {place} in {total} ms{reused}",
                shown(input)
            ));
        }
        if self.timings {
            exit::say(format_args!("{}:", shown(input)));
            let total = [("total", times.total())];
            for (name, time) in times.0.iter().chain(&total) {
                exit::say(format_args!("  {name:<8} {:>10} ms", milliseconds(*time)));
            }
        }
        if self.json {
            let made = Outcome::Made {
                output: output.map(|path| path.display().to_string()),
                bytes,
                functions: reused,
                seconds: times,
            };
            print_line(input, emit, made)?;
        }
        Ok(())
    }

    /// Says what is wrong with a module.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub(super) fn failed(self, input: &Path, emit: Emit, error: &Error) -> Result<()> {
        if self.json {
            let error = Problem::new(error);
            print_line(input, emit, Outcome::Failed { error })
        } else {
            exit::failed(error);
            Ok(())
        }
    }
}

fn print_line(input: &Path, emit: Emit, outcome: Outcome<'_>) -> Result<()> {
    let line = Line {
        input: input.display().to_string(),
        emit,
        outcome,
    };
    output::print_json_line(&line)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
