//! A module after another one, compiled with what was kept of that.
//!
//! What comes out is what a whole compilation gives, so that a key under which too much is kept is seen;
//! and what did not change is not compiled again, so that one under which too little is kept is, too.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use precast_compiler::{Compilation, CompileError, Functions, Options, compile};

use crate::modules::{self, Dialect};
use crate::{expressions, options};

mod changes;
mod damage;
mod soundness;

pub use damage::Field;

/// The bytes that damage is made of.
const DAMAGE_BYTES: usize = 160;
/// How often something is damaged.
const DAMAGES: usize = 6;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether any function was used again.
    pub reused: bool,
    /// What was damaged of records.
    pub damaged: BTreeSet<Field>,
}

/// Whatever was kept, of whatever module, the artifact is the one of a whole compilation, and so is
/// what is kept of that; functions that mean what they did are used again. If what was kept has been
/// damaged, with a digest that is right again, it is refused, or compiled with to something that refers
/// to nothing it does not have; the code is not run.
///
/// # Panics
///
/// If a promise is broken.
pub fn check(bytes: &[u8]) {
    let _ = Functions::from_bytes(bytes.to_vec());
    // Bytes that are not enough for a module are no failure.
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and what it came to.
///
/// # Errors
///
/// If the bytes are not enough for a module.
///
/// # Panics
///
/// If a promise is broken.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let options = options::any(u)?;
    let damage: [u8; DAMAGE_BYTES] = u.arbitrary()?;
    let mut after_options = options.clone();
    if u.ratio(1, 16)? {
        after_options = options::any(u)?;
    }
    let dialect = Dialect::Wasmtime;
    let before = match u.int_in_range(0..=7)? {
        0 => modules::to_compile(u)?,
        1 => modules::to_run(u, dialect, options.deterministic)?,
        _ => expressions::to_run(u, dialect, options.deterministic)?,
    };
    let after = changes::changed(&before, options.listeners, u)?;
    let mut outcome = Outcome::default();
    let Some(kept) = kept(&before, &options) else {
        return Ok(outcome);
    };
    // All of itself.
    compare(&before, &options, &kept, Some(usize::MAX));
    let expected = after.kept.filter(|_| options == after_options);
    let both = expected.map(|kept| (kept.before, kept.after)).unzip();
    outcome.reused = compare(&after.wasm, &after_options, &kept, both.1) > 0;
    // And back.
    if let Some(next) = self::kept(&after.wasm, &after_options) {
        compare(&before, &options, &next, both.0);
    }
    let mut u = Unstructured::new(&damage);
    outcome.damaged = if u.ratio(1, 3)? {
        let kept = self::kept(world(), &options).expect("it compiles");
        damaged(world(), &options, &kept, &mut u)?
    } else {
        damaged(&before, &options, &kept, &mut u)?
    };
    Ok(outcome)
}

/// A module in which what is kept of functions has all that there can be.
fn world() -> &'static [u8] {
    static WORLD: OnceLock<Vec<u8>> = OnceLock::new();
    WORLD.get_or_init(|| {
        wat::parse_str(include_str!("recompilation/world.wat")).expect("the module's text")
    })
}

/// Compiles with what was kept and without; gives how many functions were used again: as many as
/// `expected`, or all there are.
fn compare(wasm: &[u8], options: &Options, kept: &Functions, expected: Option<usize>) -> usize {
    let whole = Compilation::new(wasm, options).incremental(None).run();
    let again = Compilation::new(wasm, options)
        .incremental(Some(kept))
        .run();
    match (whole, again) {
        (Ok(whole), Ok(again)) => {
            assert_eq!(Ok(&whole.bytes), compile(wasm, options).as_ref());
            assert!(
                whole.bytes == again.bytes,
                "another artifact than without what was kept"
            );
            let (whole, again) = (whole.incremental, again.incremental);
            let (whole, again) = whole.zip(again).expect("what was asked for");
            assert!(
                whole.functions == again.functions,
                "other functions than are kept without"
            );
            assert_eq!(whole.reused, 0, "nothing was kept");
            let expected = expected.unwrap_or(0).min(again.total);
            assert!(
                again.reused >= expected,
                "{} functions used again of {} that were kept and are what they were",
                again.reused,
                expected,
            );
            again.reused
        }
        (Err(whole), Err(again)) => {
            assert_eq!(whole, again, "another error than without what was kept");
            0
        }
        (whole, again) => panic!(
            "without what was kept {:?}, with it {:?}",
            whole.map(|made| made.bytes.len()),
            again.map(|made| made.bytes.len()),
        ),
    }
}

/// What is kept of a module; `None` if it does not compile.
fn kept(wasm: &[u8], options: &Options) -> Option<Functions> {
    let compiled = Compilation::new(wasm, options).incremental(None).run();
    match compiled {
        Ok(compiled) => compiled.incremental.map(|made| made.functions),
        Err(CompileError::Internal { .. }) => panic!("{:?}", compiled.err()),
        Err(_) => None,
    }
}

/// Compiles with functions that are not what was kept of anything, and gives which fields are others.
fn damaged(
    wasm: &[u8],
    options: &Options,
    kept: &Functions,
    u: &mut Unstructured<'_>,
) -> Result<BTreeSet<Field>> {
    let records = damage::Kept::new(kept);
    let mut fields = BTreeSet::new();
    for _ in 0..DAMAGES {
        let Some((functions, field, record)) = records.damaged(u)? else {
            break;
        };
        let compiled = Compilation::new(wasm, options)
            .incremental(Some(&functions))
            .run();
        // What cannot be used is compiled.
        let compiled = compiled.unwrap_or_else(|error| panic!("{field:?}: {error}"));
        let made = compiled.incremental.expect("what was asked for");
        let used = (made.reused == made.total).then_some(&record);
        soundness::check(wasm, options, &compiled.bytes, used);
        fields.extend(field);
    }
    Ok(fields)
}
