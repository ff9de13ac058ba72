//! The progress bar of a compilation that takes a while.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use precast_compiler::Progress;

const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that appears after a second, if standard error is a terminal, and leaves no trace.
pub(crate) struct Bar {
    started: Instant,
    on_terminal: bool,
    bar: OnceCell<ProgressBar>,
}

impl Bar {
    /// A bar for what starts now.
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            on_terminal: io::stderr().is_terminal(),
            bar: OnceCell::new(),
        }
    }

    /// Shows how far it has come.
    pub(crate) fn update(&self, progress: Progress) {
        if !self.on_terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let style = ProgressStyle::with_template("compiling {bar:40} {pos}/{len} functions");
            ProgressBar::new(progress.total as u64)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_position(progress.done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
