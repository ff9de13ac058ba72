//! Pools: what a slot's next tenant finds, what a pool refuses, and that whatever goes wrong gives
//! the slots back clean.

use precast_compiler::Options;
use precast_loader::{
    Engine, Error, Instance, LimitError, Linker, Memory, MemoryType, Module, Pool, PoolConfig,
    Store, Table, TableType, TrapCode, Val, ValType,
};
use precast_tests::{Compiled, call, module, numbers, trap_code};

const PAGE: usize = 65_536;

/// A configuration with room for so many of each thing.
fn room_for(count: usize) -> PoolConfig {
    let mut config = PoolConfig::new();
    config
        .max_memories(count)
        .max_tables(count)
        .max_instances(count);
    config
}

fn pool(config: &PoolConfig) -> Pool {
    Pool::new(config).unwrap()
}

fn checked_module(engine: &Engine, wat: &str) -> Module {
    let mut options: Options = precast_tests::options();
    options.tunables.memory_checked = true;
    let compiled = Compiled::new(&precast_tests::wasm(wat), &options).unwrap();
    precast_tests::load(engine, &compiled).unwrap()
}

/// A module whose memory starts with `pages`, can grow to `most`, and holds `image` in its first
/// and last bytes.
fn tenant(pages: usize, most: usize, image: &str) -> String {
    let end = pages * PAGE - image.len();
    format!(
        r#"(module
             (memory (export "memory") {pages} {most})
             (data (i32.const 0) "{image}")
             (data (i32.const {end}) "{image}")
             (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
             (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#
    )
}

/// Looks at every byte of a tenant's memory, then dirties all of it, grown to the full.
fn check_and_dirty(store: &mut Store<()>, module: &Module, pages: usize, most: usize, image: &str) {
    let instance = Instance::new(store, module, &[]).unwrap();
    let memory = instance.memory(store, "memory").unwrap();
    let mut expected = vec![0; pages * PAGE];
    expected[..image.len()].copy_from_slice(image.as_bytes());
    expected[pages * PAGE - image.len()..].copy_from_slice(image.as_bytes());
    assert!(memory.data(store) == expected, "{image} of {pages} pages");
    let beyond = call(store, instance, "load", (pages * PAGE) as i32).unwrap_err();
    assert_eq!(trap_code(&beyond), Some(TrapCode::MemoryOutOfBounds));
    memory.data_mut(store).fill(0xee);
    let grown = call(store, instance, "grow", (most - pages) as i32).unwrap();
    assert_eq!(grown, pages as i32);
    assert!(memory.data(store)[pages * PAGE..].iter().all(|&b| b == 0));
    memory.data_mut(store).fill(0xdd);
    let beyond = call(store, instance, "load", (most * PAGE) as i32).unwrap_err();
    assert_eq!(trap_code(&beyond), Some(TrapCode::MemoryOutOfBounds));
}

/// One slot, many tenants: with other images, other sizes, and code that relies on guards or not.
fn no_tenant_sees_another(keep_resident_bytes: usize) {
    let engine = Engine::default();
    let pool = pool(room_for(1).keep_resident_bytes(keep_resident_bytes));
    let tenants = [(1, 1, "a"), (1, 3, "bb"), (3, 4, "ccc"), (2, 40, "dddd")];
    let modules: Vec<_> = tenants
        .iter()
        .flat_map(|&(pages, most, image)| {
            let text = tenant(pages, most, image);
            [module(&engine, &text), checked_module(&engine, &text)]
                .map(|module| (module, pages, most, image))
        })
        .collect();
    let mut number = numbers(11);
    for _ in 0..60 {
        let (module, pages, most, image) = &modules[number(modules.len())];
        for _ in 0..=number(3) {
            let mut store = Store::new_in(&engine, &pool, ());
            check_and_dirty(&mut store, module, *pages, *most, image);
        }
    }
}

#[test]
fn no_tenant_sees_another_where_pages_are_given_back() {
    no_tenant_sees_another(0);
}

#[test]
fn no_tenant_sees_another_where_small_memories_are_zeroed() {
    no_tenant_sees_another(PAGE);
}

#[test]
fn no_tenant_sees_another_where_large_memories_are_zeroed() {
    no_tenant_sees_another(30 * PAGE);
}

#[test]
fn checked_memories_need_no_reservation() {
    let engine = Engine::default();
    let mut config = room_for(2);
    config
        .checked_memories_only()
        .max_memory_bytes(4 * PAGE as u64);
    let pool = pool(&config);
    let text = tenant(2, 4, "image");
    let checked = checked_module(&engine, &text);
    for _ in 0..3 {
        let [mut a, mut b] = [(); 2].map(|()| Store::new_in(&engine, &pool, ()));
        check_and_dirty(&mut a, &checked, 2, 4, "image");
        check_and_dirty(&mut b, &checked, 2, 4, "image");
    }
    let guarded = module(&engine, &text);
    let mut store = Store::new_in(&engine, &pool, ());
    let error = Instance::new(&mut store, &guarded, &[]).unwrap_err();
    assert_refused(&error, "memory_guard_bytes", 32 << 20, 0);
}

#[test]
fn a_host_memory_in_a_pool_is_zero_too() {
    let engine = Engine::default();
    let pool = pool(&room_for(1));
    let ty = MemoryType::new(2, None);
    let module = module(&engine, &tenant(1, 3, "image"));
    for round in 0..6 {
        let mut store = Store::new_in(&engine, &pool, ());
        if round % 2 == 0 {
            check_and_dirty(&mut store, &module, 1, 3, "image");
        } else {
            let memory = Memory::new(&mut store, ty).unwrap();
            assert!(memory.data(&store).iter().all(|&byte| byte == 0));
            memory.data_mut(&mut store).fill(0xee);
        }
    }
}

#[test]
fn tables_and_globals_start_as_the_module_says_whatever_was_there() {
    const FULL: &str = r#"
        (module
          (table (export "table") 600 9000 funcref)
          (table $refs (export "refs") 3 externref)
          (elem (i32.const 599) $f)
          (global (export "number") (mut i64) (i64.const 7))
          (global (export "null") (mut funcref) (ref.null func))
          (func $f (export "f"))
          (func (export "grow") (param i32) (result i32)
            (table.grow (ref.func $f) (local.get 0))))"#;
    const OTHER: &str = r#"
        (module
          (table (export "table") 2 9000 funcref)
          (table $filled 9000 funcref)
          (elem $elem func)
          (func (export "is_null") (param i32) (result i32)
            ;; No table that changes is constant.
            (table.init $filled $elem (i32.const 0) (i32.const 0) (i32.const 0))
            (ref.is_null (table.get $filled (local.get 0))))
          (func (export "grow") (param i32) (result i32)
            (table.grow (ref.null func) (local.get 0))))"#;
    let engine = Engine::default();
    let pool = pool(room_for(1).max_tables(2));
    let [full, other] = [FULL, OTHER].map(|text| module(&engine, text));
    for _ in 0..5 {
        let mut store = Store::new_in(&engine, &pool, ());
        let instance = Instance::new(&mut store, &full, &[]).unwrap();
        let f = instance.func(&mut store, "f").unwrap();
        let number = instance.global(&mut store, "number").unwrap();
        let null = instance.global(&mut store, "null").unwrap();
        let table = instance.table(&mut store, "table").unwrap();
        let refs = instance.table(&mut store, "refs").unwrap();
        assert_eq!(number.get(&mut store), Val::I64(7));
        assert_eq!(null.get(&mut store), Val::FuncRef(None));
        for index in 0..599 {
            assert_eq!(table.get(&mut store, index), Some(Val::FuncRef(None)));
        }
        assert_eq!(table.get(&mut store, 599), Some(Val::FuncRef(Some(f))));
        number.set(&mut store, Val::I64(-1)).unwrap();
        null.set(&mut store, f.into()).unwrap();
        assert_eq!(call(&mut store, instance, "grow", 8_400).unwrap(), 600);
        for index in 0..9_000 {
            table.set(&mut store, index, f.into()).unwrap();
        }
        let mine = precast_loader::ExternRef::new(&mut store, 5).unwrap();
        refs.set(&mut store, 2, Val::ExternRef(Some(mine))).unwrap();
        drop(store);

        let mut store = Store::new_in(&engine, &pool, ());
        let instance = Instance::new(&mut store, &other, &[]).unwrap();
        let table = instance.table(&mut store, "table").unwrap();
        assert_eq!(call(&mut store, instance, "grow", 8_998).unwrap(), 2);
        for index in 0..9_000 {
            assert_eq!(table.get(&mut store, index), Some(Val::FuncRef(None)));
            let is_null = call(&mut store, instance, "is_null", index as i32);
            assert_eq!(is_null.unwrap(), 1, "{index}");
        }
    }
}

/// Fails if the error is not a refusal for that reason.
fn assert_refused(error: &Error, limit: &str, wanted: u64, allowed: u64) {
    let Error::Limit(LimitError::PoolSlot {
        limit: found_limit,
        wanted: found_wanted,
        allowed: found_allowed,
    }) = error
    else {
        panic!("{error}")
    };
    let found = (*found_limit, *found_wanted, *found_allowed);
    assert_eq!(found, (limit, wanted, allowed));
}

#[test]
fn what_does_not_fit_into_a_slot_is_refused_by_name() {
    let engine = Engine::default();
    let mut config = room_for(1);
    config
        .max_memory_bytes(2 * PAGE as u64)
        .memory_guard_bytes(1 << 20)
        .max_table_elements(10)
        .max_vmctx_bytes(200);
    let small = pool(&config);
    let refusal = |pool: &Pool, text: &str| {
        let mut store = Store::new_in(&engine, pool, ());
        Instance::new(&mut store, &module(&engine, text), &[]).unwrap_err()
    };
    let error = refusal(&small, "(module (memory 1))");
    assert_refused(&error, "memory_guard_bytes", 32 << 20, 1 << 20);
    let small = pool(config.memory_guard_bytes(64 << 20));
    let error = refusal(&small, "(module (memory 3))");
    assert_refused(&error, "max_memory_bytes", 3 << 16, 2 << 16);
    let error = refusal(&small, r#"(module (table (export "t") 11 funcref))"#);
    assert_refused(&error, "max_table_elements", 11, 10);
    let globals = "(global (mut i32) (i32.const 0))".repeat(20);
    let error = refusal(&small, &format!("(module {globals})"));
    assert_refused(&error, "max_vmctx_bytes", 352, 200);
    // None of that has kept a slot.
    let mut store = Store::new_in(&engine, &small, ());
    let fits = module(
        &engine,
        r#"(module
             (memory (export "memory") 1) (table (export "t") 10 funcref)
             (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
             (func (export "grow_table") (param i32) (result i32)
               (table.grow (ref.null func) (local.get 0))))"#,
    );
    let instance = Instance::new(&mut store, &fits, &[]).unwrap();
    assert_eq!(call(&mut store, instance, "grow", 2).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow", 1).unwrap(), 1);
    assert_eq!(call(&mut store, instance, "grow_table", 1).unwrap(), -1);
}

#[test]
fn an_exhausted_pool_refuses_until_something_comes_back() {
    let engine = Engine::default();
    let full = module(
        &engine,
        r#"(module (memory 1) (table (export "t") 1 funcref))"#,
    );
    for (what, config) in [
        ("memories", room_for(9).max_memories(2).clone()),
        ("tables", room_for(9).max_tables(2).clone()),
        ("instances", room_for(9).max_instances(2).clone()),
    ] {
        let pool = pool(&config);
        let store_with_instance = || {
            let mut store = Store::new_in(&engine, &pool, ());
            Instance::new(&mut store, &full, &[]).map(|_| store)
        };
        let [first, _second] = [(); 2].map(|()| store_with_instance().unwrap());
        for _ in 0..20 {
            let error = store_with_instance().map(drop).unwrap_err();
            let expected = LimitError::PoolExhausted { what, limit: 2 };
            assert!(
                matches!(&error, Error::Limit(limit) if *limit == expected),
                "{error}"
            );
        }
        drop(first);
        let _third = store_with_instance().unwrap();
    }
}

#[test]
fn what_fails_half_way_gives_clean_slots_back() {
    const FAILING: [&str; 4] = [
        r#"(module (memory 1) (func $start (i32.store8 (i32.const 77) (i32.const 1)) (unreachable))
             (start $start))"#,
        r#"(module (memory 1) (data (i32.const 77) "a") (data (i32.const 65535) "ab"))"#,
        r#"(module (memory 1) (table (export "t") 2 funcref) (func $f)
             (elem (i32.const 1) $f $f))"#,
        r#"(module (memory 1) (table (export "t") 0x7fffffff funcref))"#,
    ];
    let engine = Engine::default();
    let pool = pool(&room_for(1));
    let good = module(&engine, &tenant(1, 2, "image"));
    let failing = FAILING.map(|text| module(&engine, text));
    for _ in 0..5 {
        for module in &failing {
            let mut store = Store::new_in(&engine, &pool, ());
            Instance::new(&mut store, module, &[]).unwrap_err();
            drop(store);
            let mut store = Store::new_in(&engine, &pool, ());
            check_and_dirty(&mut store, &good, 1, 2, "image");
        }
    }
}

#[test]
fn a_guest_that_traps_gives_clean_slots_back() {
    let engine = Engine::default();
    let pool = pool(&room_for(1));
    let trapping = module(
        &engine,
        r#"(module (memory 1)
             (func (export "run") (param i32) (result i32)
               (memory.fill (i32.const 0) (i32.const 0xee) (i32.const 65536))
               (i32.load (local.get 0))))"#,
    );
    let good = module(&engine, &tenant(1, 2, "image"));
    for _ in 0..5 {
        let mut store = Store::new_in(&engine, &pool, ());
        let instance = Instance::new(&mut store, &trapping, &[]).unwrap();
        // In the guard, and in what the memory does not have of its 4 GiB.
        for address in [-1, 65_533, 1 << 30] {
            let error = call(&mut store, instance, "run", address).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
        }
        drop(store);
        let mut store = Store::new_in(&engine, &pool, ());
        check_and_dirty(&mut store, &good, 1, 2, "image");
    }
}

#[test]
fn neighbours_in_a_pool_stay_apart() {
    let engine = Engine::default();
    let pool = pool(&room_for(3));
    let module = module(
        &engine,
        r#"(module (memory (export "memory") 1)
             (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
             (func (export "load_far") (param i32) (result i32)
               (i32.load8_u offset=0x1ffffff (local.get 0)))
             (func (export "load_farther") (param i32) (result i32)
               (i32.load8_u offset=0xffffffff (local.get 0))))"#,
    );
    let mut stores: Vec<_> = (0..3)
        .map(|_| {
            let mut store = Store::new_in(&engine, &pool, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let memory = instance.memory(&mut store, "memory").unwrap();
            memory.data_mut(&mut store).fill(0xee);
            (store, instance)
        })
        .collect();
    for (store, instance) in &mut stores {
        for name in ["load", "load_far", "load_farther"] {
            for address in [65_536, 0x7fff_ffff, i32::MIN, -65_536, -2, -1] {
                let error = call(store, *instance, name, address).unwrap_err();
                assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
            }
        }
    }
}

#[test]
fn a_pool_serves_several_threads() {
    let engine = Engine::default();
    let pool = pool(&room_for(4));
    let modules = [(1, 2, "a"), (2, 3, "bb")]
        .map(|(pages, most, image)| (module(&engine, &tenant(pages, most, image)), image));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, pool, modules) = (&engine, &pool, &modules);
            scope.spawn(move || {
                for round in 0..50 {
                    let which = (thread + round) % 2;
                    let (module, image) = &modules[which];
                    let mut store = Store::new_in(engine, pool, ());
                    check_and_dirty(&mut store, module, which + 1, which + 2, image);
                }
            });
        }
    });
}

#[test]
fn a_store_outlives_the_pool_it_was_made_in() {
    let engine = Engine::default();
    let pool = pool(&room_for(1));
    let module = module(&engine, &tenant(1, 2, "image"));
    let mut store = Store::new_in(&engine, &pool, ());
    drop(pool);
    check_and_dirty(&mut store, &module, 1, 2, "image");
}

#[test]
fn the_hosts_own_memories_and_tables_count() {
    let engine = Engine::default();
    let pool = pool(&room_for(1));
    let mut store = Store::new_in(&engine, &pool, ());
    let memory = MemoryType::new(1, None);
    let table = TableType::new(ValType::FUNCREF, 1, None);
    Memory::new(&mut store, memory).unwrap();
    Table::new(&mut store, table, Val::FuncRef(None)).unwrap();
    let errors = [
        Memory::new(&mut store, memory).map(drop).unwrap_err(),
        Table::new(&mut store, table, Val::FuncRef(None))
            .map(drop)
            .unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Error::Limit(LimitError::PoolExhausted { .. })),
            "{error}"
        );
    }
    drop(store);
    let linker = Linker::new(&engine);
    let module = module(&engine, &tenant(1, 2, "image"));
    let mut store = Store::new_in(&engine, &pool, ());
    linker.instantiate(&mut store, &module).unwrap();
}
