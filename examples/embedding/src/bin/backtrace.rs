//! Where in its source a guest was when it trapped.

use precast_loader::{Engine, Error, Linker, Module, Store, TrapCode, include_artifact};

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // A C library, compiled with `-g`. Its debug information is a part of the artifact, and read
    // when somebody asks for it.
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("ratio"))? };
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let walk = instance.typed_func::<i32, i32>(&mut store, "walk")?;
    let error = walk.call(&mut store, 0).unwrap_err();

    // The error says it all.
    println!("{error}");

    // Or piece by piece, for a log that machines read.
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::IntegerDivideByZero);
    let innermost = &trap.backtrace().frames()[0];
    for symbol in innermost.symbols() {
        let name = symbol.name().unwrap_or("?");
        let (file, line) = (symbol.file().unwrap_or("?"), symbol.line().unwrap_or(0));
        println!(
            "{name} in {file}, line {line}, inlined: {}",
            symbol.is_inlined()
        );
    }
    assert_eq!(innermost.func_name(), Some("go"));
    assert_eq!(innermost.symbols()[0].name(), Some("checked"));
    Ok(())
}
