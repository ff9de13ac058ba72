//! Memories as large as 32-bit addresses reach, and larger.

use precast_loader::{Config, Engine, Error, Instance, Store, TrapCode};
use precast_tests::{Compiled, load, trap_code, wasm};

use super::setup::{CHECKED, GUARDED, Setup, USUAL, guard};

/// Functions to look at single places of a large memory, with `ix` as the type of addresses.
const PLACES: &str = r#"
    (func (export "load8") (param ix) (result i64) (i64.load8_u (local.get 0)))
    (func (export "load") (param ix) (result i64) (i64.load (local.get 0)))
    (func (export "load_behind") (param ix) (result i64) (i64.load offset=8 (local.get 0)))
    (func (export "load_far") (param ix) (result i64) (i64.load offset=0xffff_fff8 (local.get 0)))
    (func (export "store") (param ix) (i64.store (local.get 0) (i64.const -1)))
    (func (export "grow") (param ix) (result ix) (memory.grow (local.get 0))))"#;

#[test]
fn a_memory_of_4_gib_ends_with_the_last_address() {
    let wat = format!("(module (memory (export \"memory\") 65536) {PLACES}").replace("ix", "i32");
    for tunables in [GUARDED, CHECKED, guard(0)] {
        let setup = Setup::new(USUAL, tunables);
        let engine = Engine::default();
        let compiled = Compiled::new(&wasm(&wat), &setup.options()).unwrap();
        let module = load(&engine, &compiled).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.memory(&mut store, "memory").unwrap();
        memory
            .store(&mut store, 0xffff_fff8, 0x0807_0605_0403_0201u64)
            .unwrap();
        let mut check = |name: &str, index: u32, expected: Option<u64>| {
            let func = instance.typed_func::<u32, u64>(&mut store, name).unwrap();
            let found = func.call(&mut store, index);
            let found = match found {
                Ok(value) => Some(value),
                Err(error) => {
                    assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
                    None
                }
            };
            assert_eq!(found, expected, "{name} {index:#x}, {tunables:?}");
        };
        check("load8", u32::MAX, Some(8));
        check("load", 0xffff_fff8, Some(0x0807_0605_0403_0201));
        check("load", 0xffff_fff9, None);
        check("load", u32::MAX, None);
        check("load_behind", 0xffff_fff0, Some(0x0807_0605_0403_0201));
        check("load_behind", 0xffff_fff1, None);
        check("load_behind", 0xffff_fff8, None);
        check("load_far", 0, Some(0x0807_0605_0403_0201));
        check("load_far", 1, None);
        check("load_far", u32::MAX, None);
        let grow = instance.typed_func::<u32, u32>(&mut store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 0).unwrap(), 65_536);
        assert_eq!(grow.call(&mut store, 1).unwrap(), u32::MAX);
    }
}

#[test]
fn a_memory_may_have_more_than_4_gib_where_the_host_allows_it() {
    let engine = Engine::new(Config::new().max_memory_bytes(9 << 30));
    // No machine has what this declares as its maximum.
    let wat = format!("(module (memory (export \"memory\") i64 1 0x1000000000000) {PLACES}");
    let module = precast_tests::module(&engine, &wat.replace("ix", "i64"));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let memory = instance.memory(&mut store, "memory").unwrap();
    let grow = instance.typed_func::<u64, u64>(&mut store, "grow").unwrap();
    let touch = instance.typed_func::<u64, ()>(&mut store, "store").unwrap();
    let load = instance.typed_func::<u64, u64>(&mut store, "load").unwrap();
    let gib = |count: u64| count << 30;
    let pages = |bytes: u64| bytes / 65_536;
    memory.store(&mut store, 0, 1u64).unwrap();

    // It stays where it is up to 4 GiB, then moves, and leaves what was never touched untouched.
    let before = memory.data(&store).as_ptr();
    assert_eq!(grow.call(&mut store, pages(gib(4)) - 1).unwrap(), 1);
    assert_eq!(memory.data(&store).as_ptr(), before);
    memory.store(&mut store, gib(4) - 8, 2u64).unwrap();
    assert_eq!(grow.call(&mut store, pages(gib(1))).unwrap(), pages(gib(4)));
    touch.call(&mut store, gib(5) - 8).unwrap();
    assert_eq!(memory.load::<u64>(&store, gib(5) - 8).unwrap(), u64::MAX);
    for (index, expected) in [(0, 1), (gib(4) - 8, 2), (gib(4), 0), (gib(3), 0)] {
        assert_eq!(load.call(&mut store, index).unwrap(), expected);
    }
    for index in [gib(5) - 7, gib(5), gib(9), 1 << 63, u64::MAX] {
        let error = load.call(&mut store, index).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
    }
    assert_eq!(grow.call(&mut store, pages(gib(4)) + 1).unwrap(), u64::MAX);
    assert_eq!(grow.call(&mut store, u64::MAX).unwrap(), u64::MAX);
    assert_eq!(grow.call(&mut store, 0).unwrap(), pages(gib(5)));
}

#[test]
fn a_memory_beyond_the_limit_is_refused_however_wide_its_addresses() {
    for pages in [65_537u64, 1 << 32, 1 << 47, 1 << 48] {
        let engine = Engine::default();
        let module = precast_tests::module(&engine, &format!("(module (memory i64 {pages}))"));
        let mut store = Store::new(&engine, ());
        let refused = Instance::new(&mut store, &module, &[]);
        assert!(matches!(refused, Err(Error::Limit(_))), "{pages}");
    }
}
