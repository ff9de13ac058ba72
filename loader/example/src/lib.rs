//! The artifact that the examples in the documentation of `precast-loader` run, so that they are
//! tested by being run.
//!
//! `app.wat` is its source. The loader must do without the compiler, in its tests too; so what the
//! compiler makes of it is checked in, once for each machine, and the suite `documentation` of
//! `precast-tests` keeps it up to date. The functions here are for hidden lines of examples: they
//! panic where something is wrong.

use std::path::{Path, PathBuf};

use precast_loader::{Engine, Error, Instance, Linker, Module, Store};

/// The artifact for the machine that this is compiled for.
#[cfg(target_arch = "x86_64")]
pub static ARTIFACT: &[u8] = include_bytes!("../x86_64/app.precast");
/// The artifact for the machine that this is compiled for.
#[cfg(target_arch = "aarch64")]
pub static ARTIFACT: &[u8] = include_bytes!("../aarch64/app.precast");

/// Makes the folder that `app.precast` is in the one that relative paths start from.
pub fn enter_folder() {
    let folder = folder(std::env::consts::ARCH);
    std::env::set_current_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}

/// The folder of the artifact for that architecture, as Rust calls it.
pub fn folder(arch: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(arch)
}

/// The module, loaded for an engine.
pub fn module(engine: &Engine) -> Module {
    // SAFETY: it was written by our own compiler and is a part of this program.
    let module = unsafe { Module::load_bytes(engine, ARTIFACT) };
    module.unwrap_or_else(|error| panic!("{error}"))
}

/// What the module imports.
pub fn linker<T>(engine: &Engine) -> Linker<T> {
    let mut linker = Linker::new(engine);
    let add = linker.func("env", "add", |a: i32, b: i32| a.wrapping_add(b));
    add.unwrap_or_else(|error| panic!("{error}"));
    linker
}

/// An instance of the module, in a store of its own.
pub fn instance() -> (Store<()>, Instance) {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = linker(&engine).instantiate(&mut store, &module(&engine));
    let instance = instance.unwrap_or_else(|error| panic!("{error}"));
    (store, instance)
}

/// What the module's function `fail` ends with.
pub fn trap() -> Error {
    let (mut store, instance) = instance();
    let fail = instance.typed_func::<(), ()>(&mut store, "fail");
    match fail.and_then(|fail| fail.call(&mut store, ())) {
        Ok(()) => panic!("it does not fail"),
        Err(error) => error,
    }
}
