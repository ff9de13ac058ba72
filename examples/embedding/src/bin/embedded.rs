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

    // To run it is for the program to vouch for. Nothing is copied: the code is mapped from the
    // program's own file, and only what runs is ever read.
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, artifact)? };
    assert_eq!(executable_parts_of_the_program(), 2);
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

/// How often the program's file is mapped to be executed: for its own code, and for the guest's.
fn executable_parts_of_the_program() -> usize {
    let program = std::env::current_exe().expect("the program has a file");
    let program = program.display().to_string();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells what is mapped");
    let parts = maps.lines().filter(|line| line.ends_with(&program));
    parts.filter(|line| line.contains(" r-xp ")).count()
}
