//! Any bytes, compiled.

use std::num::NonZeroUsize;

use arbitrary::{Result, Unstructured};
use precast_artifacts_format::Artifact;
use precast_compiler::{CompileError, Options, compile, validate};

use crate::bounded::bounded;
use crate::{modules, options};

/// What validation may hold of the host's memory, in bytes: as much as the most locals that a function may
/// have, and some for each byte of the module.
const MOST_HELD: usize = 2 << 20;
const MOST_HELD_PER_BYTE: usize = 256;

/// Compiling is total, whether the bytes are a module or nearly one; what it writes opens and
/// matches its digests; and the number of threads is of no account.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) {
    try_compile(
        bytes,
        &Options {
            features: precast_compiler::Features::ALL,
            ..Options::default()
        },
    );
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same for a module made of the bytes, and whether it compiled.
///
/// # Errors
///
/// If the bytes are not enough for a module.
///
/// # Panics
///
/// If a promise is broken.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let options = options::any(u)?;
    let is_damaged = u.ratio(1, 4)?;
    let mut wasm = modules::to_compile(u)?;
    if is_damaged {
        for _ in 0..u.int_in_range(1..=4)? {
            let at = u.choose_index(wasm.len())?;
            wasm[at] = u.arbitrary()?;
        }
    }
    Ok(try_compile(&wasm, &options))
}

/// Whether the bytes compile.
fn try_compile(wasm: &[u8], options: &Options) -> bool {
    let len = wasm.len();
    let what = || format!("validating {len} bytes");
    let at_most = MOST_HELD + len * MOST_HELD_PER_BYTE;
    let verdict = bounded(at_most, what, || validate(wasm, options));
    let artifact = match compile(wasm, options) {
        Ok(artifact) => artifact,
        Err(error) => {
            assert!(
                !matches!(
                    error,
                    CompileError::Internal { .. } | CompileError::Options(_)
                ),
                "{error}"
            );
            // Only what is supported and within limits is looked at to its end.
            let is_invalid = matches!(error, CompileError::Invalid { .. });
            assert!(
                !is_invalid || verdict.is_err(),
                "compiling finds fault with what is valid: {error}"
            );
            return false;
        }
    };
    verdict.unwrap_or_else(|error| panic!("what compiles is not valid: {error}"));
    let opened = Artifact::parse(&artifact).expect("what is written opens");
    opened
        .verify()
        .expect("what is written matches its digests");
    let options = Options {
        threads: NonZeroUsize::new(3),
        ..options.clone()
    };
    let again = compile(wasm, &options);
    assert!(
        again.is_ok_and(|again| again == artifact),
        "other threads, other bytes"
    );
    true
}
