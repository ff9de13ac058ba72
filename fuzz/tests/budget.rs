//! The bodies of the fuzz targets with bytes from fixed seeds: seconds of what fuzzing does for hours.
//!
//! `PRECAST_FUZZ_SEEDS=FIRST..END` asks for other seeds, and for more of them.

use std::collections::BTreeSet;

use arbitrary::Unstructured;
use precast_fuzz::recompilation::Field;
use precast_fuzz::*;

/// Runs a body with `len` bytes of each seed, and says which seed it was that failed.
fn run(seeds: u64, len: usize, mut body: impl FnMut(&[u8])) {
    for seed in seeds::budget(seeds) {
        let bytes = seeds::bytes(seed, len);
        let run = std::panic::AssertUnwindSafe(|| body(&bytes));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("with seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// As [`run`], for bodies that say whether they came to anything: in at least a third of all runs.
fn run_useful(
    seeds: u64,
    len: usize,
    mut body: impl FnMut(&mut Unstructured<'_>) -> arbitrary::Result<bool>,
) {
    let (mut useful, mut all) = (0, 0);
    run(seeds, len, |bytes| {
        all += 1;
        useful += u64::from(body(&mut Unstructured::new(bytes)).unwrap_or(false));
    });
    println!("{useful} of {all} seeds came to something");
    assert!(
        useful * 3 >= all,
        "only {useful} of {all} seeds came to something"
    );
}

#[test]
fn parse_artifact() {
    run(3_000, 256, artifact_mutation::check);
}

#[test]
fn inspect() {
    run_useful(1_000, 256, inspection::try_check);
}

#[test]
fn compile() {
    run_useful(60, 2_000, compilation::try_check);
}

#[test]
fn roundtrip() {
    run_useful(60, 2_000, roundtrip::try_check);
}

#[test]
fn differential() {
    run_useful(100, 6_000, differential::try_check);
}

/// Three of four modules above are of another generator.
#[test]
fn differential_of_wasm_smith() {
    run_useful(50, 6_000, |u| differential::compare(modules::to_run, u));
}

#[test]
fn recompile() {
    let mut damaged = BTreeSet::new();
    run_useful(60, 4_000, |u| {
        let outcome = recompilation::try_check(u)?;
        damaged.extend(outcome.damaged);
        Ok(outcome.reused)
    });
    let missed = Field::ALL.into_iter().filter(|it| !damaged.contains(it));
    let missed: Vec<Field> = missed.collect();
    // Few seeds are one that is looked at.
    if seeds::budget(60).count() >= 60 {
        assert!(missed.is_empty(), "{missed:?} were never damaged");
    }
}

#[test]
fn cache() {
    run(15, 200, cache_faults::check);
}

#[test]
fn wast_mutate() {
    run_useful(40, 200, scripts::try_check);
}

#[test]
fn wasi() {
    run(100, 600, wasi_model::check);
}

#[test]
fn instances() {
    run(20, 1_000, instances::check);
}
