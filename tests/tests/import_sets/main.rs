//! What programs of other compilers import beside WASI: real ones (`tests/data`), and texts for what no compiler
//! writes.

mod assemblyscript;
mod emscripten;

use precast_loader::{Engine, Instance, Linker, Module, Store};
use precast_tests::{Compiled, load, options, repository};
use precast_wasi::{OutputBuffer, WasiCtx};

/// A program that is ready to be called, and what it says.
struct Program {
    store: Store<WasiCtx>,
    instance: Instance,
    stdout: OutputBuffer,
    stderr: OutputBuffer,
}

impl Program {
    /// An instance of the module, which finds WASI and what `add` gives it.
    fn new(module: &Module, add: impl FnOnce(&mut Linker<WasiCtx>)) -> Self {
        let (stdout, stderr) = (OutputBuffer::new(1 << 20), OutputBuffer::new(1 << 20));
        let mut context = WasiCtx::builder();
        context.stdout(stdout.clone()).stderr(stderr.clone());
        let mut store = Store::new(module.engine(), context.build().unwrap());
        let mut linker = Linker::new(module.engine());
        precast_wasi::add_to_linker(&mut linker, |wasi| wasi).unwrap();
        add(&mut linker);
        let instance = linker
            .instantiate(&mut store, module)
            .unwrap_or_else(|error| panic!("{error}"));
        if module.export("_initialize").is_some() {
            let initialize = instance.typed_func::<(), ()>(&mut store, "_initialize");
            initialize.unwrap().call(&mut store, ()).unwrap();
        }
        Self {
            store,
            instance,
            stdout,
            stderr,
        }
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.stdout.take()).expect("what is written is UTF-8")
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.stderr.take()).expect("what is written is UTF-8")
    }
}

/// A module of `tests/data`.
fn data(path: &str) -> Module {
    let path = repository().join("tests/data").join(path);
    let wasm = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let compiled = Compiled::new(&wasm, &options()).unwrap_or_else(|error| panic!("{error}"));
    load(&Engine::default(), &compiled).unwrap_or_else(|error| panic!("{error}"))
}

/// The module that a text stands for.
fn text(wat: &str) -> Module {
    precast_tests::module(&Engine::default(), wat)
}
