//! A C program that writes to what it believes to be a terminal.

use precast_loader::{Engine, Error, Linker, Module, Store, include_artifact};
use precast_wasi::{Exit, OutputBuffer, WasiCtx};

/// Runs the program as a command and gives its exit code and what it has printed.
fn run(module: &Module, args: &[&str]) -> Result<(i32, Vec<u8>), Box<dyn std::error::Error>> {
    // It has what it is given here, and nothing else: no directories, no environment, no input.
    let stdout = OutputBuffer::new(1 << 20);
    let wasi = WasiCtx::builder()
        .args(args.iter().copied())
        .stdout(stdout.clone())
        .build()?;
    let mut linker = Linker::new(module.engine());
    precast_wasi::add_to_linker(&mut linker, |wasi: &mut WasiCtx| wasi)?;
    let mut store = Store::new(module.engine(), wasi);
    let instance = linker.instantiate(&mut store, module)?;
    let start = instance.typed_func::<(), ()>(&mut store, "_start")?;
    let code = match start.call(&mut store, ()) {
        Ok(()) => 0,
        // A program that ends itself (`exit`) does so by an error.
        Err(error) => error.downcast::<Exit>()?.0,
    };
    Ok((code, stdout.contents()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("hello"))? };

    let (code, printed) = run(&module, &["hello", "Ada", "Emmy"])?;
    println!("exit code {code}, {} bytes:", printed.len());
    print!("{}", String::from_utf8_lossy(&printed));
    assert_eq!(code, 0);
    assert_eq!(printed, b"Hello, Ada\nHello, Emmy\n");

    // A module that wants more than it is offered is not run. The error names all that is missing.
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine).instantiate(&mut store, &module);
    assert!(matches!(error, Err(Error::Link(_))));
    Ok(())
}
