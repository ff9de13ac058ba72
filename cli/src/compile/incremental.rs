//! Modules that are compiled again and again.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use precast_compiler::cache::{Cache, CacheLimits, Recompiled};
use precast_compiler::{Compilation, CompileError, Compiled, Incremental};
use serde::Serialize;

use super::Emit;
use super::place::Place;
use crate::cache::{directory, origin};
use crate::exit::{self, Usage};
use crate::input::is_standard_stream;

/// How much of a module was compiled before.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Reused {
    reused: usize,
    total: usize,
}

impl std::fmt::Display for Reused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reused, total } = self;
        write!(f, "{reused} of {total} functions reused")
    }
}

impl Reused {
    pub(super) fn of(made: &Incremental) -> Self {
        Self {
            reused: made.reused,
            total: made.total,
        }
    }
}

/// Refuses what cannot be known again the next time.
///
/// # Errors
///
/// [`Usage`].
pub(super) fn check(emit: Emit, inputs: &[PathBuf], places: &[Place]) -> Result<()> {
    if matches!(emit, Emit::Clif | Emit::Asm) {
        bail!(Usage("--incremental is not for listings".to_owned()));
    }
    let mut pairs = inputs.iter().zip(places);
    if pairs.any(|(input, place)| is_standard_stream(input) && place.path().is_none()) {
        bail!(Usage(
            "--incremental knows a module by its file or the artifact's; name one with -o"
                .to_owned()
        ));
    }
    Ok(())
}

/// Compiles the module, which comes from or goes to `file`, with what is kept in the directory that was
/// `named`, or else in the user's cache. What is wrong with that is said on standard error.
///
/// # Errors
///
/// The compiler's.
pub(super) fn compile(
    named: Option<&Path>,
    file: Option<&Path>,
    compilation: Compilation<'_>,
) -> Result<Compiled, CompileError> {
    let opened = directory(named).map(|directory| Cache::open(directory, CacheLimits::default()));
    let (Some(file), Some(opened)) = (file, opened) else {
        warn("there is no place for a cache: set PRECAST_CACHE_DIR or HOME");
        return compilation.run();
    };
    let cache = match opened {
        Ok(cache) => cache,
        Err(error) => {
            warn(error);
            return compilation.run();
        }
    };
    let recompiled = cache.compile_incrementally(origin(file), compilation);
    let Recompiled {
        compiled, warning, ..
    } = recompiled?;
    if let Some(warning) = warning {
        warn(warning);
    }
    Ok(compiled)
}

fn warn(why: impl std::fmt::Display) {
    exit::say(format_args!(
        "precast: warning: functions could not be found or kept: {why}"
    ));
}
