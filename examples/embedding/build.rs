//! Compiles the guests: each becomes an artifact that programs have by `include_artifact!`.

use std::error::Error;

use precast_compiler::Options;
use precast_compiler::build::{artifact, artifact_from_bytes};

fn main() -> Result<(), Box<dyn Error>> {
    text("order", |_| ())?;
    text("greeter", |_| ())?;
    text("tickets", |_| ())?;
    text("collatz", |_| ())?;
    text("greedy", |options| options.tunables.fuel = true)?;
    text("bank", |_| ())?;
    text("fib", |options| options.listeners = true)?;
    // C programs for WASI, and a C library with debug information.
    artifact("../hello/hello.wasm").compile()?;
    artifact("../wordcount/wordcount.wasm").compile()?;
    artifact("../../tests/data/dwarf/c.dwarf5.wasm")
        .name("ratio")
        .compile()?;
    Ok(())
}

/// A guest that is written in the text format, which has to be parsed first.
fn text(name: &str, adjust: impl FnOnce(&mut Options)) -> Result<(), Box<dyn Error>> {
    let path = format!("guests/{name}.wat");
    println!("cargo::rerun-if-changed={path}");
    let wasm = wat::parse_file(path)?;
    artifact_from_bytes(name, &wasm).options(adjust).compile()?;
    Ok(())
}
