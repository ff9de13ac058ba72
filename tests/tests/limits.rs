//! What the guests of a store may have: growth beyond it is refused with −1, instantiation with an
//! error that leaves nothing behind.

use precast_loader::{
    Config, Engine, Error, Instance, LimitError, Limits, Linker, Memory, MemoryType, Pool,
    PoolConfig, Store, Table, TableType, Val, ValType,
};
use precast_tests::module;

const PAGE: u64 = 65_536;

const GUEST: &str = r#"
    (module
      (memory $first (export "memory") 1)
      (table $table (export "table") 2 funcref)
      (func (export "grow_memory") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "grow_table") (param i32) (result i32)
        (table.grow (ref.null func) (local.get 0))))
"#;

fn instantiate(store: &mut Store<()>) -> Result<Instance, Error> {
    let engine = store.engine().clone();
    Linker::new(&engine).instantiate(store, &module(&engine, GUEST))
}

fn grow(store: &mut Store<()>, instance: Instance, what: &str, delta: i32) -> i32 {
    let name = format!("grow_{what}");
    let grow = instance.typed_func::<i32, i32>(store, &name).unwrap();
    grow.call(store, delta).unwrap()
}

fn stores() -> Vec<Store<()>> {
    let pool = Pool::new(
        PoolConfig::new()
            .max_memories(8)
            .max_instances(8)
            .max_tables(8),
    )
    .unwrap();
    let engine = Engine::default();
    vec![Store::new(&engine, ()), Store::new_in(&engine, &pool, ())]
}

fn refused(error: Error) -> (&'static str, u64) {
    match error {
        Error::Limit(LimitError::Store { what, limit }) => (what, limit),
        other => panic!("{other}"),
    }
}

#[test]
fn a_memory_grows_up_to_the_limit_and_no_further() {
    for mut store in stores() {
        store.set_limits(Limits::new().memory_bytes(3 * PAGE + 1));
        let instance = instantiate(&mut store).unwrap();
        assert_eq!(grow(&mut store, instance, "memory", 3), -1);
        assert_eq!(grow(&mut store, instance, "memory", 2), 1);
        assert_eq!(grow(&mut store, instance, "memory", 1), -1);
        assert_eq!(grow(&mut store, instance, "memory", 0), 3);
        let memory = instance.memory(&mut store, "memory").unwrap();
        assert!(memory.grow(&mut store, 1).is_err());
        assert_eq!(memory.grow(&mut store, 0).unwrap(), 3);
        // Another limit counts from now on.
        store.set_limits(Limits::new().memory_bytes(2 * PAGE));
        assert_eq!(grow(&mut store, instance, "memory", 0), 3);
        assert_eq!(grow(&mut store, instance, "memory", 1), -1);
    }
}

#[test]
fn all_memories_share_what_they_may_have_together() {
    for mut store in stores() {
        store.set_limits(Limits::new().total_memory_bytes(4 * PAGE));
        let one = instantiate(&mut store).unwrap();
        assert_eq!(grow(&mut store, one, "memory", 2), 1);
        assert_eq!(grow(&mut store, one, "memory", 2), -1);
        let other = instantiate(&mut store).unwrap();
        assert_eq!(grow(&mut store, one, "memory", 1), -1);
        assert_eq!(grow(&mut store, other, "memory", 1), -1);
        let error = instantiate(&mut store).unwrap_err();
        assert_eq!(refused(error), ("bytes of memory", 4 * PAGE));
        let none = MemoryType::new(0, None);
        let empty = Memory::new(&mut store, none).unwrap();
        assert!(empty.grow(&mut store, 1).is_err());
        let one_page = MemoryType {
            minimum_pages: 1,
            ..none
        };
        let error = Memory::new(&mut store, one_page).unwrap_err();
        assert_eq!(refused(error), ("bytes of memory", 4 * PAGE));
    }
}

#[test]
fn a_table_grows_up_to_the_limit_and_no_further() {
    for mut store in stores() {
        store.set_limits(Limits::new().table_elements(5));
        let instance = instantiate(&mut store).unwrap();
        assert_eq!(grow(&mut store, instance, "table", 4), -1);
        assert_eq!(grow(&mut store, instance, "table", 3), 2);
        assert_eq!(grow(&mut store, instance, "table", 1), -1);
        let table = instance.table(&mut store, "table").unwrap();
        assert!(table.grow(&mut store, 1, Val::FuncRef(None)).is_err());
        let large = TableType::new(ValType::FUNCREF, 6, None);
        let error = Table::new(&mut store, large, Val::FuncRef(None)).unwrap_err();
        let Error::Limit(LimitError::Table { wanted, allowed }) = error else {
            panic!("{error}");
        };
        assert_eq!((wanted, allowed), (6, 5));
    }
}

#[test]
fn what_is_counted_is_refused_before_anything_is_made() {
    let limits: [(Limits, &str); 3] = [
        (*Limits::new().instances(1), "instances"),
        (*Limits::new().memories(1), "memories"),
        (*Limits::new().tables(1), "tables"),
    ];
    for (limits, what) in limits {
        for mut store in stores() {
            store.set_limits(&limits);
            instantiate(&mut store).unwrap();
            for _ in 0..100 {
                // More often than the pool has slots.
                assert_eq!(refused(instantiate(&mut store).unwrap_err()), (what, 1));
            }
            store.set_limits(&Limits::new());
            instantiate(&mut store).unwrap();
        }
    }
}

#[test]
fn a_store_cannot_be_allowed_more_than_its_engine() {
    let engine = Engine::new(
        Config::new()
            .max_memory_bytes(2 * PAGE)
            .max_table_elements(3),
    );
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits::new().memory_bytes(100 * PAGE).table_elements(100));
    let instance = instantiate(&mut store).unwrap();
    assert_eq!(grow(&mut store, instance, "memory", 2), -1);
    assert_eq!(grow(&mut store, instance, "memory", 1), 1);
    assert_eq!(grow(&mut store, instance, "table", 2), -1);
    assert_eq!(grow(&mut store, instance, "table", 1), 2);
}

#[test]
fn a_failed_instance_counts_with_what_it_has() {
    let engine = Engine::default();
    let failing = module(
        &engine,
        "(module (memory 2) (func $f unreachable) (start $f))",
    );
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits::new().instances(2).total_memory_bytes(3 * PAGE));
    assert!(
        Linker::new(&engine)
            .instantiate(&mut store, &failing)
            .is_err()
    );
    let error = Linker::new(&engine).instantiate(&mut store, &failing);
    assert_eq!(refused(error.unwrap_err()), ("bytes of memory", 3 * PAGE));
    instantiate(&mut store).unwrap();
    assert_eq!(
        refused(instantiate(&mut store).unwrap_err()),
        ("instances", 2)
    );
}
