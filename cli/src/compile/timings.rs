//! `precast compile --timings=FILE`: a page that shows where the time went.
//!
//! For each module a picture of its phases along the time, below it a lane for each thread with the
//! functions it made, and a table of the slowest.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::report::Made;
use crate::output::Destination;
use crate::page;

const PAGE: &str = include_str!("timings.html");

/// The page in the making.
pub(super) struct TimingsPage {
    destination: Destination,
    modules: Vec<Module>,
}

#[derive(Debug, Serialize)]
struct Module {
    name: String,
    /// Of what was written.
    bytes: usize,
    /// Names and microseconds, one after the other in time.
    phases: Vec<(&'static str, f64)>,
    functions: Vec<Function>,
}

/// Name, index in the module, bytes of its body, bytes of its machine code, thread, and start and
/// time in microseconds; the start counts from that of the compiler's first phase.
#[derive(Debug, Serialize)]
struct Function(String, Option<u32>, u32, u32, usize, f64, f64);

impl TimingsPage {
    /// A page of no modules, to be written to `destination`.
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            modules: Vec::new(),
        }
    }

    /// Adds what became of a module.
    pub(super) fn add(&mut self, input: &Path, made: &Made) {
        let microseconds = |time: std::time::Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
        let functions = made.function_times.iter().map(|it| {
            Function(
                it.name.clone(),
                it.func_index,
                it.wasm_bytes,
                it.code_bytes,
                it.thread,
                microseconds(it.start),
                microseconds(it.time),
            )
        });
        let phases = made.times.iter();
        self.modules.push(Module {
            name: input.display().to_string(),
            bytes: made.bytes,
            phases: phases
                .map(|(name, time)| (name, microseconds(time)))
                .collect(),
            functions: functions.collect(),
        });
    }

    /// Writes the page.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn write(self) -> Result<()> {
        self.destination
            .write_text(&page::fill(PAGE, &self.modules)?)
    }
}
