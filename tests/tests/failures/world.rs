//! The modules that scenarios are about, compiled once.

use std::path::PathBuf;
use std::sync::LazyLock;

use precast_loader::{Engine, Error, Instance, Module, Pool, PoolConfig, Store, TrapCode};
use precast_tests::{Compiled, trap_code};

use crate::in_use;

pub(crate) const PAGE: u32 = 65_536;

/// More than is copied: it is mapped from the file.
const LARGE_IMAGE: usize = 5 * 4096;

/// Two memories, one with a large image; a table and globals that make table and vmctx
/// [large](crate::faults::LARGE_BYTES).
pub(crate) static FULL: LazyLock<Compiled> = LazyLock::new(|| compiled(&full("large"), false));

/// The same, with another image.
pub(crate) static OTHER: LazyLock<Compiled> = LazyLock::new(|| compiled(&full("other"), false));

/// The same, in memories that move when they grow.
pub(crate) static CHECKED: LazyLock<Compiled> = LazyLock::new(|| compiled(&full("large"), true));

/// [`FULL`] in a file.
pub(crate) static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("failures.precast");
    std::fs::write(&path, FULL.bytes()).expect("the file can be written");
    path
});

fn full(image: &str) -> String {
    let globals = "(global (mut i32) (i32.const 7))".repeat(80);
    let image = image.repeat(LARGE_IMAGE / image.len());
    format!(
        r#"(module
             (memory (export "memory") 2 90)
             (memory (export "small") 1 2)
             (data (i32.const 65536) "{image}")
             (data (memory 1) (i32.const 9) "small")
             (table (export "table") 200 1000 funcref)
             (elem (i32.const 0) $check)
             (elem $passive func $check)
             {globals}
             (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
             (func (export "grow_table") (param i32) (result i32)
               (table.grow (ref.null func) (local.get 0)))
             (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
             (func $check (export "check") (param $at i32) (result i32)
               ;; Looks at the images, then writes over all.
               (if (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u (i32.const 65536)))
                 (then (return (i32.const 1))))
               (if (i32.ne (i32.load8_u 1 (i32.const 9)) (i32.const 115))
                 (then (return (i32.const 2))))
               (if (i64.ne (i64.load 1 (i32.const 65528)) (i64.const 0))
                 (then (return (i32.const 4))))
               (if (global.get 79) (then) (else (return (i32.const 3))))
               (memory.fill (i32.const 0) (i32.const 0xee) (i32.const 131072))
               (memory.fill 1 (i32.const 0) (i32.const 0xee) (i32.const 65536))
               (global.set 79 (i32.const 0))
               (i32.const 0)))"#
    )
}

pub(crate) fn compiled(wat: &str, memory_checked: bool) -> Compiled {
    let mut options = precast_tests::options();
    options.tunables.memory_checked = memory_checked;
    let before = in_use::threads();
    let compiled = Compiled::new(&precast_tests::wasm(wat), &options);
    // The compiler's thread may still be about to end, and has a stack.
    while in_use::threads() > before {
        std::thread::yield_now();
    }
    compiled.expect("the module is valid")
}

/// A pool in which there is room for as many instances of [`FULL`].
pub(crate) fn pool_for(instances: usize) -> Result<Pool, Error> {
    let mut config = PoolConfig::new();
    config
        .max_instances(instances)
        .max_memories(2 * instances)
        .max_tables(instances);
    Pool::new(&config)
}

pub(crate) fn store(engine: &Engine, pool: Option<&Pool>) -> Store<()> {
    match pool {
        Some(pool) => Store::new_in(engine, pool, ()),
        None => Store::new(engine, ()),
    }
}

/// Loads what only [`compiled`] makes.
pub(crate) fn load(engine: &Engine, artifact: &Compiled) -> Result<Module, Error> {
    precast_tests::load(engine, artifact)
}

/// Makes an instance of one of the modules and uses it: contents, growth, traps.
///
/// # Errors
///
/// If it cannot be made or cannot grow. It has been used as far as it can be then.
pub(crate) fn use_instance(store: &mut Store<()>, module: &Module) -> Result<Instance, Error> {
    let instance = Instance::new(store, module, &[])?;
    let check = instance.typed_func::<u32, u32>(store, "check")?;
    assert_eq!(check.call(store, PAGE).unwrap(), 0);
    let grown = grow(store, instance, "grow", 80, 2);
    let pages = if grown.is_ok() { 82 } else { 2 };
    for (address, expected) in [(0, 0xee), (2 * PAGE - 1, 0xee), (pages * PAGE - 1, 0)] {
        let expected = if address < 2 * PAGE { 0xee } else { expected };
        assert_eq!(peek(store, instance, address).unwrap(), expected);
    }
    let beyond = peek(store, instance, pages * PAGE).unwrap_err();
    assert_eq!(trap_code(&beyond), Some(TrapCode::MemoryOutOfBounds));
    let grown_table = grow(store, instance, "grow_table", 300, 200);
    let table = instance.table(store, "table")?;
    assert_eq!(
        table.size(store),
        if grown_table.is_ok() { 500 } else { 200 }
    );
    assert!(table.func(store, 0).is_ok());
    grown.and(grown_table).map(|()| instance)
}

fn peek(store: &mut Store<()>, instance: Instance, address: u32) -> Result<u32, Error> {
    let load = instance.typed_func::<u32, u32>(store, "load")?;
    load.call(store, address)
}

fn grow(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    by: i32,
    from: i32,
) -> Result<(), Error> {
    let grow = instance.typed_func::<i32, i32>(store, name)?;
    match grow.call(store, by)? {
        -1 => Err(Error::host(format!("{name} gave -1"))),
        before => {
            assert_eq!(before, from);
            Ok(())
        }
    }
}
