//! The same module, the same calls, several engines: everything that can be seen must be the same.
//!
//! A module is run by each engine into a [`Transcript`]: how instantiating it ended, and for each
//! call how it ended, what the module asked [the host](host) for, and what globals, memories and tables hold
//! afterwards. Modules come from a [`Generator`]: they export all they have, end after a
//! bounded number of calls and loops, and have no results that engines may choose. What engines
//! may choose is how deep calls can go: a transcript ends where somebody runs out of stack.
//!
//! Engines are precast in two configurations, wasmi, which shares no code with it, and wasmtime,
//! which shares the code generator.

use arbitrary::{Result, Unstructured};
use precast_compiler::Options;

use crate::modules::{self, Dialect};
use crate::{expressions, options};

mod host;
mod precast;
mod script;
mod transcript;
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

use script::Script;
use transcript::{Ending, Step, Transcript};

/// Makes a module of the bytes, and compares engines on it.
///
/// # Panics
///
/// If they differ.
pub fn check(bytes: &[u8]) {
    // Bytes that are not enough for a module are no failure.
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and whether the bytes were enough for a module that ran.
///
/// # Errors
///
/// If they were not.
///
/// # Panics
///
/// If engines differ.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let generator = if u.ratio(3, 4)? {
        expressions::to_run
    } else {
        modules::to_run
    };
    compare(generator, u)
}

/// Makes a module that ends of bytes, such that engines of the dialect do the same; NaNs included,
/// unless (the flag) they make those canonical themselves.
pub type Generator = fn(&mut Unstructured<'_>, Dialect, bool) -> Result<Vec<u8>>;

/// As [`try_check`], with modules of this generator alone.
///
/// # Errors
///
/// If the bytes were not enough.
///
/// # Panics
///
/// If engines differ.
pub fn compare(generator: Generator, u: &mut Unstructured<'_>) -> Result<bool> {
    let mut first = options::any(u)?;
    let mut second = options::any(u)?;
    // Without wasmtime, what it alone knows is compared with nothing but precast.
    let dialect = if u.ratio(if cfg!(feature = "wasmtime") { 1 } else { 3 }, 4)? {
        Dialect::Wasmi
    } else {
        Dialect::Wasmtime
    };
    // Only if all of them are told so, NaNs are the same without the module's doing.
    let own_nans = dialect == Dialect::Wasmtime && u.arbitrary()?;
    // The module leaves those that come of promoting and demoting as they are.
    first.deterministic = own_nans;
    second.deterministic = own_nans;
    // What is out of fuel at the same place everywhere is out of it in precast alone.
    let little_fuel = u.ratio(1, 8)?;
    first.tunables.fuel |= little_fuel;
    second.tunables.fuel |= little_fuel;
    let fuel = if little_fuel {
        u.int_in_range(0..=20_000)?
    } else {
        u64::MAX
    };
    let wasm = generator(u, dialect, own_nans)?;
    let script = Script::new(wasm, fuel, u)?;
    let expected = precast::run(&script, &first);
    let found = precast::run(&script, &second);
    agree("precast", &script, &(&first, &expected), &(&second, &found));
    if dialect == Dialect::Wasmi && !little_fuel {
        let found = wasmi::run(&script);
        agree("wasmi", &script, &(&first, &expected), &(&first, &found));
    }
    #[cfg(feature = "wasmtime")]
    if !little_fuel && !modules::is_of_opinions(&script.wasm) {
        let found = wasmtime::run(&script, own_nans);
        agree("wasmtime", &script, &(&first, &expected), &(&first, &found));
    }
    Ok(expected.is_some_and(|steps| steps.len() > 1))
}

/// Panics if two engines that took the module saw different things.
fn agree(
    name: &str,
    script: &Script,
    (options, expected): &(&Options, &Transcript),
    (others, found): &(&Options, &Transcript),
) {
    let (Some(expected), Some(found)) = (expected, found) else {
        return;
    };
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        let exhausted = |step: &Step| step.ending == Ending::Exhausted;
        if exhausted(expected) || exhausted(found) {
            return;
        }
        let (expected, found) = if name == "precast" {
            (expected.clone(), found.clone())
        } else {
            (expected.as_others_say(), found.as_others_say())
        };
        if expected != found {
            let call = index.checked_sub(1).map(|index| &script.calls[index]);
            if let Ok(path) = std::env::var("PRECAST_FUZZ_MODULE") {
                std::fs::write(path, &script.wasm).expect("the module can be written");
            }
            panic!(
                "{name} differs in step {index}, {call:x?}\nprecast {expected:#?}\n{name} {found:#?}\n\
                 precast's options: {options:?}\n{name}'s, if it is precast: {others:?}"
            );
        }
    }
}
