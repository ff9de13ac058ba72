//! What the steps between host and guest cost: `cargo bench -p precast-tests --bench calls`.
//!
//! Prints the median of several rounds for each step. Figures are for comparing two states of the
//! code on one quiet machine, one after the other.

use std::hint::black_box;
use std::time::Instant;

use precast_compiler::Options;
use precast_loader::{Engine, Linker, Module, Store};

const ROUNDS: usize = 15;

const GUEST: &str = r#"
    (module
      (import "host" "add" (func $add (param i32 i32) (result i32)))
      (memory 1)
      (data (i32.const 0) "some contents")
      (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
      (func (export "call_host") (param $times i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (call $add (local.get $sum) (i32.const 3)))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum)))
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wasm = wat::parse_str(GUEST)?;
    let artifact = precast_compiler::compile(&wasm, &Options::default())?;
    let engine = Engine::default();
    // SAFETY: the compiler has just made it.
    let load = || unsafe { Module::load_bytes(&engine, &artifact) };
    let module = load()?;
    let mut linker = Linker::new(&engine);
    linker.func("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;

    measure("load and unload a module", 200, |times| {
        for _ in 0..times {
            black_box(load().expect("loads"));
        }
    });
    measure("make and drop a store with one instance", 200, |times| {
        for _ in 0..times {
            let mut store = Store::new(&engine, ());
            black_box(linker.instantiate(&mut store, &module).expect("fits"));
        }
    });

    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let add = instance.typed_func::<(i32, i32), i32>(&mut store, "add")?;
    let call_host = instance.typed_func::<i32, i32>(&mut store, "call_host")?;
    measure("call from host to guest and back", 200_000, |times| {
        for i in 0..times as i32 {
            black_box(add.call(&mut store, (black_box(i), 1)).expect("returns"));
        }
    });
    measure("call from guest to host and back", 200_000, |times| {
        let sum = call_host.call(&mut store, times as i32).expect("returns");
        black_box(sum);
    });
    Ok(())
}

/// Runs `step` some times over and prints the median per single step.
fn measure(what: &str, times: usize, mut step: impl FnMut(usize)) {
    let mut nanoseconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            step(times);
            start.elapsed().as_nanos() as f64 / times as f64
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    println!("{:>12.1} ns  {what}", nanoseconds[ROUNDS / 2]);
}
