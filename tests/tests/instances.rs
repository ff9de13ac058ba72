//! Instances: what they share and what they do not, how they are linked, what the engine's limits
//! do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Config, Engine, Error, Instance, LimitError, LinkError, Linker, Memory, MemoryType, Module,
    Store, TrapCode, UsageError, Val,
};
use precast_tests::{call, instance, module, trap_code};

const COUNTER: &str = r#"
    (module
      (memory (export "memory") 1)
      (global $count (export "count") (mut i32) (i32.const 0))
      (table (export "table") 1 funcref)
      (func (export "add") (param i32) (result i32)
        (i32.store (i32.const 0) (local.get 0))
        (global.set $count (i32.add (global.get $count) (local.get 0)))
        (global.get $count)))
"#;

#[test]
fn two_instances_share_nothing() {
    let engine = Engine::default();
    let module = module(&engine, COUNTER);
    let mut store = Store::new(&engine, ());
    let [a, b] = [(); 2].map(|()| Instance::new(&mut store, &module, &[]).unwrap());
    let mut other_store = Store::new(&engine, ());
    let c = Instance::new(&mut other_store, &module, &[]).unwrap();
    assert_eq!(call(&mut store, a, "add", 5).unwrap(), 5);
    assert_eq!(call(&mut store, a, "add", 6).unwrap(), 11);
    assert_eq!(call(&mut store, b, "add", 1).unwrap(), 1);
    assert_eq!(call(&mut other_store, c, "add", 100).unwrap(), 100);
    let first_bytes = |store: &mut Store<()>, instance: Instance| {
        let memory = instance.memory(store, "memory").unwrap();
        memory.data(store)[..4].to_vec()
    };
    assert_eq!(first_bytes(&mut store, a), [6, 0, 0, 0]);
    assert_eq!(first_bytes(&mut store, b), [1, 0, 0, 0]);
    assert_eq!(first_bytes(&mut other_store, c), [100, 0, 0, 0]);
    let tables = [a, b].map(|instance| instance.table(&mut store, "table").unwrap());
    let func = a.func(&mut store, "add").unwrap();
    tables[0].set(&mut store, 0, func.into()).unwrap();
    assert_eq!(tables[1].get(&mut store, 0), Some(Val::FuncRef(None)));
}

#[test]
fn one_module_serves_several_threads() {
    let engine = Engine::default();
    let module = module(&engine, COUNTER);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                for round in 0..50 {
                    let mut store = Store::new(engine, ());
                    let instance = Instance::new(&mut store, module, &[]).unwrap();
                    for n in 1..=10 {
                        let sum = call(&mut store, instance, "add", thread).unwrap();
                        assert_eq!(sum, thread * n, "round {round}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_store_may_go_to_another_thread_between_calls() {
    let (mut store, instance) = instance(COUNTER);
    call(&mut store, instance, "add", 1).unwrap();
    let sum = std::thread::spawn(move || call(&mut store, instance, "add", 2).unwrap());
    assert_eq!(sum.join().unwrap(), 3);
}

#[test]
fn a_memory_goes_from_one_instance_to_another() {
    let engine = Engine::default();
    let owner = module(
        &engine,
        r#"(module
             (memory (export "memory") 1 3)
             (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    );
    let user = module(
        &engine,
        r#"(module
             (import "owner" "memory" (memory 1))
             (func (export "store") (param i32) (result i32)
               (i32.store8 (local.get 0) (i32.const 42)) (memory.size))
             (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let owner = linker.instantiate(&mut store, &owner).unwrap();
    linker.instance(&mut store, "owner", owner).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    let memory = owner.memory(&mut store, "memory").unwrap();

    assert_eq!(call(&mut store, user, "store", 1_000).unwrap(), 1);
    assert_eq!(call(&mut store, owner, "load", 1_000).unwrap(), 42);
    let beyond = call(&mut store, owner, "load", 65_536).unwrap_err();
    assert_eq!(trap_code(&beyond), Some(TrapCode::MemoryOutOfBounds));
    // Who grows it does not matter: all see the new size at once.
    assert_eq!(call(&mut store, user, "grow", 1).unwrap(), 1);
    assert_eq!(call(&mut store, owner, "load", 65_536).unwrap(), 0);
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 2);
    assert_eq!(call(&mut store, user, "store", 3 * 65_536 - 1).unwrap(), 3);
    assert_eq!(memory.data(&store).last(), Some(&42));
    let full = memory.grow(&mut store, 1).unwrap_err();
    assert!(matches!(full, Error::Usage(UsageError::CannotGrow)));
    assert_eq!(call(&mut store, user, "grow", 1).unwrap(), -1);
}

#[test]
fn functions_of_another_instance_run_in_their_own() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let counter = module(&engine, COUNTER);
    let counter = linker.instantiate(&mut store, &counter).unwrap();
    linker.instance(&mut store, "counter", counter).unwrap();
    let user = module(
        &engine,
        r#"(module
             (import "counter" "add" (func $add (param i32) (result i32)))
             (import "counter" "table" (table $theirs 1 funcref))
             (table $constant 1 funcref)
             (elem (table $constant) (i32.const 0) func $add)
             (elem (table $theirs) (i32.const 0) func $own)
             (global $base (mut i32) (i32.const 1000))
             (func $own (param i32) (result i32)
               (i32.add (global.get $base) (local.get 0)))
             (func (export "direct") (param i32) (result i32) (call $add (local.get 0)))
             (func (export "constant") (param i32) (result i32)
               (call_indirect $constant (param i32) (result i32)
                 (local.get 0) (i32.const 0)))
             (func (export "theirs") (param i32) (result i32)
               (call_indirect $theirs (param i32) (result i32)
                 (local.get 0) (i32.const 0))))"#,
    );
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(call(&mut store, user, "direct", 1).unwrap(), 1);
    assert_eq!(call(&mut store, user, "constant", 2).unwrap(), 3);
    assert_eq!(call(&mut store, user, "theirs", 5).unwrap(), 1_005);
    assert_eq!(call(&mut store, counter, "add", 4).unwrap(), 7);
    // By way of the table, the host calls the user's function.
    let table = counter.table(&mut store, "table").unwrap();
    let Some(Val::FuncRef(Some(func))) = table.get(&mut store, 0) else {
        panic!("the table's element is a function")
    };
    assert_eq!(
        func.call(&mut store, &[Val::I32(7)]).unwrap(),
        [Val::I32(1_007)]
    );
}

#[test]
fn a_reference_to_an_import_has_the_functions_own_type() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let types = r#"
        (type $super (sub (func (param i32) (result i32))))
        (type $sub (sub $super (func (param i32) (result i32))))"#;
    let exporter = module(
        &engine,
        &format!(
            r#"(module {types}
                (func (export "sub") (type $sub) (i32.add (local.get 0) (i32.const 1)))
                (func (export "super") (type $super) (local.get 0)))"#
        ),
    );
    let exporter = Instance::new(&mut store, &exporter, &[]).unwrap();
    let importer = module(
        &engine,
        &format!(
            r#"(module {types}
                (import "m" "f" (func $f (type $super)))
                (table 1 funcref)
                (elem declare func $f)
                (func (export "as_super") (param i32) (result i32)
                    (table.set (i32.const 0) (ref.func $f))
                    (call_indirect (type $super) (local.get 0) (i32.const 0)))
                (func (export "as_sub") (param i32) (result i32)
                    (table.set (i32.const 0) (ref.func $f))
                    (call_indirect (type $sub) (local.get 0) (i32.const 0))))"#
        ),
    );
    let [of_sub, of_super] = ["sub", "super"].map(|name| {
        let func = exporter.func(&mut store, name).unwrap();
        Instance::new(&mut store, &importer, &[func.into()]).unwrap()
    });
    assert_eq!(call(&mut store, of_sub, "as_super", 1).unwrap(), 2);
    assert_eq!(call(&mut store, of_sub, "as_sub", 1).unwrap(), 2);
    assert_eq!(call(&mut store, of_super, "as_super", 1).unwrap(), 1);
    let error = call(&mut store, of_super, "as_sub", 1).unwrap_err();
    let expected = TrapCode::IndirectCallTypeMismatch;
    assert_eq!(trap_code(&error), Some(expected));
}

#[test]
fn missing_imports_are_listed_all_at_once() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module
             (import "env" "f" (func (param i32) (result i64)))
             (import "env" "there" (func))
             (import "env" "memory" (memory 1 2))
             (import "other" "table" (table 3 funcref))
             (import "other" "global" (global (mut f32))))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.func("env", "there", || ()).unwrap();
    let error = linker
        .instantiate(&mut Store::new(&engine, ()), &module)
        .unwrap_err();
    let Error::Link(LinkError::Missing(missing)) = &error else {
        panic!("{error}")
    };
    let missing: Vec<_> = missing
        .iter()
        .map(|import| format!("{}.{}: {}", import.module, import.name, import.ty))
        .collect();
    let expected = [
        "env.f: (func (param i32) (result i64))",
        "env.memory: (memory 1 2)",
        "other.table: (table 3 funcref)",
        "other.global: (global (mut f32))",
    ];
    assert_eq!(missing, expected);
}

#[test]
fn imports_of_the_wrong_type_are_listed_all_at_once() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module
             (import "env" "f" (func (param i32)))
             (import "env" "same" (func (param i64)))
             (import "env" "memory" (memory 2))
             (import "env" "kind" (func)))"#,
    );
    let mut store = Store::new(&engine, ());
    let ty = MemoryType::new(1, None);
    let memory = Memory::new(&mut store, ty).unwrap();
    let mut linker = Linker::new(&engine);
    linker
        .func("env", "f", |_: i64| ())
        .and_then(|linker| linker.func("env", "same", |_: i64| ()))
        .and_then(|linker| linker.define("env", "memory", memory))
        .and_then(|linker| linker.define("env", "kind", memory))
        .unwrap();
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    let Error::Link(LinkError::Mismatched(wrong)) = &error else {
        panic!("{error}")
    };
    let names: Vec<_> = wrong.iter().map(|import| import.name.as_str()).collect();
    assert_eq!(names, ["f", "memory", "kind"]);
}

#[test]
fn segments_before_one_that_does_not_fit_stay_written() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = MemoryType::new(1, None);
    let memory = Memory::new(&mut store, ty).unwrap();
    let module = module(
        &engine,
        r#"(module
             (import "env" "memory" (memory 1))
             (data (i32.const 0) "first")
             (data (i32.const 65534) "too long")
             (data (i32.const 8) "never"))"#,
    );
    let error = Instance::new(&mut store, &module, &[memory.into()]).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
    let bytes = memory.data(&store);
    assert_eq!(&bytes[..16], b"first\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(bytes[65_534..], [0, 0], "nothing of the second is written");
}

#[test]
fn limits_of_the_engine_hold() {
    let engine = Engine::new(
        Config::new()
            .max_memory_bytes(3 << 16)
            .max_table_elements(10),
    );
    let mut store = Store::new(&engine, ());
    let text = r#"(module
        (memory (export "memory") 1)
        (table (export "table") 5 funcref)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "grow_table") (param i32) (result i32)
          (table.grow (ref.null func) (local.get 0))))"#;
    let within = module(&engine, text);
    let instance = Instance::new(&mut store, &within, &[]).unwrap();
    assert_eq!(call(&mut store, instance, "grow", 3).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow", 2).unwrap(), 1);
    assert_eq!(call(&mut store, instance, "grow_table", 6).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow_table", 5).unwrap(), 5);
    let memory = module(&engine, "(module (memory 4))");
    let error = Instance::new(&mut store, &memory, &[]).unwrap_err();
    let expected = LimitError::Memory {
        wanted_bytes: 4 << 16,
        allowed_bytes: 3 << 16,
    };
    assert!(
        matches!(&error, Error::Limit(limit) if *limit == expected),
        "{error}"
    );
    let table = module(&engine, "(module (table (export \"table\") 11 funcref))");
    let error = Instance::new(&mut store, &table, &[]).unwrap_err();
    assert!(
        matches!(error, Error::Limit(LimitError::Table { .. })),
        "{error}"
    );
}

#[test]
fn a_handle_of_another_store_is_refused() {
    let (mut store, instance) = instance(COUNTER);
    let add = instance.func(&mut store, "add").unwrap();
    let mut other = Store::new(store.engine(), ());
    let outcome = catch_unwind(AssertUnwindSafe(|| add.call(&mut other, &[Val::I32(1)])));
    assert!(outcome.is_err(), "a panic, not a call");
    let importer = module(
        store.engine(),
        r#"(module (import "env" "add" (func (param i32) (result i32))))"#,
    );
    let error = Instance::new(&mut other, &importer, &[add.into()]).unwrap_err();
    assert!(
        matches!(error, Error::Link(LinkError::OtherStore { .. })),
        "{error}"
    );
}

#[test]
fn a_module_of_another_engine_is_refused() {
    let module = module(&Engine::default(), COUNTER);
    let mut store = Store::new(&Engine::default(), ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(
        matches!(error, Error::Link(LinkError::OtherEngine)),
        "{error}"
    );
}

#[test]
fn imports_and_exports_are_listed_in_order() {
    let engine = Engine::default();
    let module: Module = module(
        &engine,
        r#"(module
             (import "env" "g" (global i64))
             (import "env" "f" (func (param i32) (result f32)))
             (memory (export "z") 1 2)
             (func (export "a") (result i32) (i32.const 1)))"#,
    );
    let imports: Vec<_> = module
        .imports()
        .map(|(module, name, ty)| format!("{module}.{name}: {ty}"))
        .collect();
    assert_eq!(
        imports,
        [
            "env.g: (global i64)",
            "env.f: (func (param i32) (result f32))"
        ]
    );
    let exports: Vec<_> = module
        .exports()
        .map(|(name, ty)| format!("{name}: {ty}"))
        .collect();
    assert_eq!(exports, ["z: (memory 1 2)", "a: (func (result i32))"]);
    let ty = module.export("a").map(|ty| ty.to_string());
    assert_eq!(ty.as_deref(), Some("(func (result i32))"));
    assert!(module.export("b").is_none());
}
