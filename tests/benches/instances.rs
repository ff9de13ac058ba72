//! What instances cost, in a pool and without: `cargo bench -p precast-tests --bench instances`.
//!
//! Prints medians of several rounds, in nanoseconds: for making a store with one instance, for
//! dropping it, and for both by how many pages were written meanwhile. Figures are for comparing
//! two states of the code on one quiet machine, one after the other.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use precast_compiler::Options;
use precast_loader::{Engine, Linker, Module, Pool, PoolConfig, Prepared, Store};

const ROUNDS: usize = 21;
const PAGE: usize = 4096;

/// Four imports, a page of memory, little data.
const SMALL: &str = r#"
    (module
      (import "host" "a" (func (param i32 i32) (result i32)))
      (import "host" "b" (func (param i32)))
      (import "host" "c" (func (param i64) (result i64)))
      (import "host" "d" (func))
      (memory (export "memory") 1)
      (data (i32.const 0) "some contents")
      (global (mut i32) (i32.const 65536))
      (func (export "run") (param i32) (result i32) (local.get 0)))
"#;

/// Like what compilers make of a program: a stack of 1 MiB first, then data, and a table.
const USUAL: &str = r#"
    (module
      (import "host" "a" (func $a (param i32 i32) (result i32)))
      (import "host" "b" (func $b (param i32)))
      (import "host" "c" (func (param i64) (result i64)))
      (import "host" "d" (func))
      (memory (export "memory") 20)
      (data (i32.const 0x100000) "some contents")
      (data (i32.const 0x103000) "more of it")
      (table (export "table") 100 funcref)
      (elem (i32.const 1) $a $b $run)
      (global (mut i32) (i32.const 0x100000))
      (func $run (export "run") (param i32) (result i32) (local.get 0)))
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let mut config = PoolConfig::new();
    config.max_memories(100).max_tables(100).max_instances(100);
    let pool = Pool::new(&config)?;
    let mut by_pages = config.clone();
    let by_pages = Pool::new(by_pages.keep_resident_bytes(0))?;
    let mut linker = Linker::new(&engine);
    linker
        .func("host", "a", |a: i32, b: i32| a.wrapping_add(b))?
        .func("host", "b", |_: i32| ())?
        .func("host", "c", |a: i64| a)?
        .func("host", "d", || ())?;

    measure("store without instance", || Store::new(&engine, ()));
    let bare = linker.prepare(&load(&engine, "(module)")?)?;
    measure("module without anything", || {
        started(&bare, Store::new(&engine, ()), 0)
    });
    for (what, text) in [("small", SMALL), ("usual", USUAL)] {
        let module = load(&engine, text)?;
        let prepared = linker.prepare(&module)?;
        measure(&format!("{what} module, not prepared"), || {
            let mut store = Store::new(&engine, ());
            black_box(linker.instantiate(&mut store, &module)).expect("fits");
            store
        });
        for written in [0, 1, 4, 16, 64, 256] {
            if written * PAGE > 65_536 && what == "small" {
                break;
            }
            let what = format!("{what} module, {written} pages written");
            measure(&what, || {
                started(&prepared, Store::new(&engine, ()), written)
            });
            measure(&format!("{what}, in a pool"), || {
                started(&prepared, Store::new_in(&engine, &pool, ()), written)
            });
            measure(&format!("{what}, in a pool that keeps nothing"), || {
                started(&prepared, Store::new_in(&engine, &by_pages, ()), written)
            });
        }
    }
    Ok(())
}

fn load(engine: &Engine, text: &str) -> Result<Module, Box<dyn Error>> {
    let artifact = precast_compiler::compile(&wat::parse_str(text)?, &Options::default())?;
    // SAFETY: the compiler has just made it.
    Ok(unsafe { Module::load_bytes(engine, &artifact) }?)
}

/// A store with an instance that has written so many pages, downwards from the end of its memory.
fn started(prepared: &Prepared<()>, mut store: Store<()>, pages_written: usize) -> Store<()> {
    let instance = prepared.instantiate(&mut store).expect("fits");
    if pages_written > 0 {
        let memory = instance.memory(&mut store, "memory").expect("exported");
        let pages = memory.data_mut(&mut store).rchunks_exact_mut(PAGE);
        pages.take(pages_written).for_each(|page| page[0] = 1);
    }
    store
}

/// Makes and drops something, and prints the medians for both.
fn measure<S>(what: &str, mut make: impl FnMut() -> S) {
    const TIMES: u32 = 500;
    let mut round = || {
        let (mut making, mut dropping) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..TIMES {
            let start = Instant::now();
            let made = black_box(make());
            let end = Instant::now();
            drop(made);
            making += end - start;
            dropping += end.elapsed();
        }
        [making, dropping].map(|time| (time / TIMES).as_nanos())
    };
    let rounds: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    let median = |part: usize| {
        let mut times: Vec<_> = rounds.iter().map(|round| round[part]).collect();
        times.sort_unstable();
        times[ROUNDS / 2]
    };
    println!("{:>8} + {:>8} ns  {what}", median(0), median(1));
}
