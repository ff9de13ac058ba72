//! A guest inside of the program: nothing to install, nothing to find, nothing to compile at start.

use precast_loader::{Engine, Error, Linker, Module, Store, Target, include_artifact};

fn main() -> Result<(), Error> {
    // The build script has compiled `guests/collatz.wat` for the machine that cargo builds for.
    let artifact: &'static [u8] = include_artifact!("collatz");

    // To look at an artifact is safe, wherever it comes from.
    let opened = Module::open_bytes(artifact)?;
    opened.verify()?;
    opened.check_host()?;
    println!("module {}", opened.name().unwrap_or("without a name"));
    assert_eq!(Some(opened.note().target), Target::host());
    for (name, ty) in opened.exports() {
        println!("exports {name}: {ty}");
    }
    assert_eq!(opened.imports().count(), 0);

    // To run it is for the program to vouch for.
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { opened.load(&engine)? };
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let steps = instance.typed_func::<i64, i32>(&mut store, "steps")?;
    let count = steps.call(&mut store, 27)?;
    println!("from 27 it takes {count} steps to 1");
    assert_eq!(count, 111);

    // What is no artifact, or not one for this machine, is refused before anything is mapped.
    let error = Module::check(b"\0asm\x01\0\0\0").unwrap_err();
    println!("{error}");
    Ok(())
}
