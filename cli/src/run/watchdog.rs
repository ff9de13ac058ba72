//! `--timeout` where the engine's deadline does not reach: in system calls that no signal ends.
//!
//! The deadline ends guest code, and waiting too. What a disk or a server of files keeps waiting, however,
//! goes on after a signal, so some time later the whole process is ended.

use std::convert::Infallible;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::exit;

/// How long the deadline is given to have its effect.
const GRACE: Duration = Duration::from_secs(1);

/// Ends the process when the time is up, unless it is dropped before.
pub(super) struct Watchdog {
    _guest: mpsc::Sender<Infallible>,
}

impl Watchdog {
    /// Starts the time of the guest that messages call `name`.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub(super) fn start(name: &str, timeout: Duration) -> Result<Self> {
        let (guest, end) = mpsc::channel();
        let name = name.to_owned();
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                let ended = end.recv_timeout(timeout.saturating_add(GRACE));
                if ended == Err(RecvTimeoutError::Timeout) {
                    say_stopped(&name, timeout, "");
                    process::exit(exit::TIMED_OUT.into());
                }
            })
            .context("cannot start a thread that watches the time")?;
        Ok(Self { _guest: guest })
    }
}

/// Says that a guest was stopped, and where if that is known.
pub(super) fn say_stopped(name: &str, timeout: Duration, place: impl std::fmt::Display) {
    exit::say(format_args!(
        "precast: {name}: stopped after {timeout:?}{place}"
    ));
}
