//! What the suites of this crate share.
//!
//! The suites are in `tests/`, their data in `filetests/`. This library only helps them: it reads
//! and blesses [filetests](filetest), [runs](run) modules in every configuration, and [writes
//! down](summary) what an artifact holds. It decides nothing about what is right; expectations
//! stand in the suites and their data.
//!
//! Start reading at [`filetest`].

use std::path::{Path, PathBuf};

use precast_compiler::Options;
use precast_loader::{Engine, Error, Instance, Module, Store, Trap, TrapCode};

pub mod filetest;
pub mod isolation;
pub mod run;
pub mod shapes;
pub mod summary;
pub mod values;

/// The root of the repository.
pub fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The files below `folder` whose names end in `.extension`, sorted.
///
/// # Panics
///
/// If the folder cannot be read.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
        for path in entries.map(|entry| entry.expect("an entry of a folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether expectations are to be rewritten instead of compared.
pub fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// The module that a text stands for.
///
/// # Panics
///
/// If the text does not parse.
pub fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

/// Options for modules of a test's size: one thread, and all features; everything else as for users.
pub fn options() -> Options {
    Options {
        threads: Some(std::num::NonZeroUsize::MIN),
        features: precast_compiler::Features::ALL,
        ..Options::default()
    }
}

/// The artifact of a text, with the [usual options](options).
///
/// # Panics
///
/// If it does not compile.
pub fn artifact(wat: &str) -> Vec<u8> {
    precast_compiler::compile(&wasm(wat), &options()).unwrap_or_else(|error| panic!("{error}"))
}

/// Loads an artifact that this process has compiled.
///
/// # Errors
///
/// As [`Module::load_bytes`].
pub fn load(engine: &Engine, artifact: &Compiled) -> Result<Module, Error> {
    // SAFETY: only the compiler makes a `Compiled`, and nobody can change one.
    unsafe { Module::load_bytes(engine, &artifact.0) }
}

/// Loads the artifact of a text.
///
/// # Panics
///
/// If it does not compile or cannot be loaded.
pub fn module(engine: &Engine, wat: &str) -> Module {
    let compiled = Compiled::new(&wasm(wat), &options()).unwrap_or_else(|error| panic!("{error}"));
    load(engine, &compiled).unwrap_or_else(|error| panic!("{error}"))
}

/// An instance of a module that imports nothing, in a store of its own.
///
/// # Panics
///
/// If it does not come to be.
pub fn instance(wat: &str) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let module = module(&engine, wat);
    let mut store = Store::new(&engine, ());
    match Instance::new(&mut store, &module, &[]) {
        Ok(instance) => (store, instance),
        Err(error) => panic!("{error}"),
    }
}

/// Calls the export of that name, from i32 to i32.
///
/// # Errors
///
/// If there is no such export; whatever ends the call.
pub fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    param: i32,
) -> Result<i32, Error> {
    let func = instance.typed_func::<i32, i32>(store, name)?;
    func.call(store, param)
}

/// The code of the trap, if the error is one.
pub fn trap_code(error: &Error) -> Option<TrapCode> {
    error.trap().map(Trap::code)
}

/// Numbers below what is asked for, by which tests choose what to do: the same in every run with the
/// same seed (xorshift; Marsaglia, "Xorshift RNGs", 2003).
pub fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d ^ seed;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}

/// An artifact as it came from the compiler, and therefore one that may be run.
#[derive(Debug, Clone)]
pub struct Compiled(Vec<u8>);

impl Compiled {
    /// Compiles a module.
    ///
    /// # Errors
    ///
    /// As [`precast_compiler::compile`].
    pub fn new(wasm: &[u8], options: &Options) -> Result<Self, precast_compiler::CompileError> {
        precast_compiler::compile(wasm, options).map(Self)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
