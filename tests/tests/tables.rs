//! Tables as the host uses them, and what it learns of the functions that it finds there.

use precast_loader::{
    Engine, Error, ExternRef, Func, Instance, Linker, Store, Table, TableType, TrapCode,
    UsageError, Val, ValType,
};
use precast_tests::{call, instance, module, trap_code};

const GUEST: &str = r#"
    (module $guest
      (table $table (export "table") 4 8 funcref)
      (table (export "things") 3 externref)
      (elem (table $table) (i32.const 0) func $zero $one)
      (func $zero (export "zero") (param i32) (result i32) (i32.const 0))
      (func $one (param i32) (result i32) (i32.const 1))
      (func (export "call") (param i32) (result i32)
        (call_indirect $table (param i32) (result i32) (i32.const 7) (local.get 0))))
"#;

fn refused<T>(result: Result<T, Error>) -> UsageError {
    match result {
        Err(Error::Usage(error)) => error,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was done"),
    }
}

fn guest() -> (Store<()>, Instance, Table) {
    let (mut store, instance) = instance(GUEST);
    let table = instance.table(&mut store, "table").unwrap();
    (store, instance, table)
}

/// What calls through each element give; `None` where there is nothing to call.
fn calls(store: &mut Store<()>, instance: Instance, len: i32) -> Vec<Option<i32>> {
    (0..len)
        .map(|index| match call(store, instance, "call", index) {
            Ok(result) => Some(result),
            Err(error) => {
                assert_eq!(trap_code(&error), Some(TrapCode::UninitializedElement));
                None
            }
        })
        .collect()
}

#[test]
fn the_guest_calls_what_the_host_has_put_into_its_table() {
    let (mut store, instance, table) = guest();
    assert_eq!(
        calls(&mut store, instance, 4),
        [Some(0), Some(1), None, None]
    );
    let host = Func::wrap(&mut store, |x: i32| 10 * x).unwrap();
    table.fill(&mut store, 1, 3, host.into()).unwrap();
    let after = [Some(0), Some(70), Some(70), Some(70)];
    assert_eq!(calls(&mut store, instance, 4), after);
    table.copy_within(&mut store, 0, 2, 2).unwrap();
    let after = [Some(0), Some(70), Some(0), Some(70)];
    assert_eq!(calls(&mut store, instance, 4), after);
    table.set(&mut store, 0, Val::FuncRef(None)).unwrap();
    assert_eq!(call(&mut store, instance, "call", 1).unwrap(), 70);
    assert_eq!(table.grow(&mut store, 1, host.into()).unwrap(), 4);
    assert_eq!(call(&mut store, instance, "call", 4).unwrap(), 70);
}

#[test]
fn elements_go_from_one_table_to_another() {
    let (mut store, instance, table) = guest();
    let ty = TableType::new(ValType::FUNCREF, 5, None);
    let own = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    own.copy_from(&mut store, 3, table, 0, 2).unwrap();
    assert_eq!(own.get(&mut store, 2), Some(Val::FuncRef(None)));
    let one = own.func(&mut store, 4).unwrap();
    assert_eq!(one, table.func(&mut store, 1).unwrap());
    table.copy_from(&mut store, 0, own, 4, 1).unwrap();
    table.copy_from(&mut store, 2, table, 0, 2).unwrap();
    assert_eq!(calls(&mut store, instance, 4), [Some(1); 4]);
}

#[test]
fn a_table_is_not_written_beyond_its_end_or_with_something_else() {
    let (mut store, instance, table) = guest();
    let things = instance.table(&mut store, "things").unwrap();
    let thing = ExternRef::new(&mut store, 5).unwrap();
    let out_of_bounds = |offset, len, size| UsageError::OutOfBounds { offset, len, size };
    let null = Val::FuncRef(None);
    for (offset, len) in [(3, 2), (4, 1), (5, 0), (u64::MAX, 2), (1, u64::MAX)] {
        let expected = out_of_bounds(offset, len, 4);
        let error = refused(table.fill(&mut store, offset, len, null));
        assert_eq!(error, expected);
        let error = refused(table.copy_within(&mut store, offset, 0, len));
        assert_eq!(error, expected);
        let error = refused(table.copy_within(&mut store, 0, offset, len));
        assert!(matches!(error, UsageError::OutOfBounds { .. }));
    }
    let error = refused(table.set(&mut store, 4, null));
    assert_eq!(error, out_of_bounds(4, 1, 4));
    let wrong = |expected, found| UsageError::WrongType { expected, found };
    let error = refused(table.fill(&mut store, 0, 1, thing.into()));
    assert_eq!(error, wrong(ValType::FUNCREF, ValType::EXTERNREF));
    let error = refused(table.fill(&mut store, 0, 1, Val::I32(0)));
    assert_eq!(error, wrong(ValType::FUNCREF, ValType::I32));
    let error = refused(table.copy_from(&mut store, 0, things, 0, 1));
    assert_eq!(error, wrong(ValType::FUNCREF, ValType::EXTERNREF));
    assert_eq!(
        calls(&mut store, instance, 4),
        [Some(0), Some(1), None, None]
    );
}

#[test]
fn a_function_is_looked_up_as_an_indirect_call_would() {
    let (mut store, instance, table) = guest();
    let one = table.func(&mut store, 1).unwrap();
    let one = one.typed::<i32, i32>(&mut store).unwrap();
    assert_eq!(one.call(&mut store, 0).unwrap(), 1);
    let other_type = table.func(&mut store, 1).unwrap();
    let error = other_type.typed::<i64, i32>(&mut store).unwrap_err();
    assert!(matches!(
        error,
        Error::Usage(UsageError::WrongSignature { .. })
    ));
    let error = refused(table.func(&mut store, 2));
    assert_eq!(error, UsageError::NullElement { index: 2 });
    let error = refused(table.func(&mut store, u64::MAX));
    let expected = UsageError::OutOfBounds {
        offset: u64::MAX,
        len: 1,
        size: 4,
    };
    assert_eq!(error, expected);
    let things = instance.table(&mut store, "things").unwrap();
    let thing = ExternRef::new(&mut store, 5).unwrap();
    things.set(&mut store, 0, thing.into()).unwrap();
    for index in 0..2 {
        assert!(matches!(
            refused(things.func(&mut store, index)),
            UsageError::WrongType { .. }
        ));
    }
}

#[test]
fn a_function_says_where_it_comes_from() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func("host", "f", || ()).unwrap();
    let guest = module(&engine, GUEST);
    let guest = linker.instantiate(&mut store, &guest).unwrap();
    linker.instance(&mut store, "guest", guest).unwrap();
    let text = r#"(module $user
        (import "host" "f" (func $f))
        (import "guest" "zero" (func $imported (param i32) (result i32)))
        (export "f" (func $f))
        (export "theirs" (func $imported))
        (func $first)
        (func $own (export "own") (export "also") (result i64) (i64.const 1)))"#;
    let user = module(&engine, text);
    let [user, twin] = [(); 2].map(|()| linker.instantiate(&mut store, &user).unwrap());
    let mut get = |instance: Instance, name| instance.func(&mut store, name).unwrap();
    let (host, theirs, own, also) = (
        get(user, "f"),
        get(user, "theirs"),
        get(user, "own"),
        get(user, "also"),
    );
    let (zero, twins) = (get(guest, "zero"), get(twin, "own"));
    assert_eq!(
        (own, theirs),
        (also, zero),
        "handles are equal if functions are"
    );
    assert_ne!(own, twins);

    assert!(host.is_host(&store));
    assert_eq!(host.instance(&store), None);
    assert_eq!(host.index(&store), None);
    assert_eq!(host.name(&store), None);
    assert!(host.module(&store).is_none());

    let check = |func: Func, instance: Instance, index, name: &str, module: &str| {
        assert!(!func.is_host(&store));
        assert_eq!(func.instance(&store), Some(instance));
        assert_eq!(func.index(&store), Some(index));
        assert_eq!(func.name(&store).as_deref(), Some(name));
        assert_eq!(func.module(&store).and_then(|it| it.name()), Some(module));
    };
    check(own, user, 3, "own", "user");
    check(twins, twin, 3, "own", "user");
    check(theirs, guest, 0, "zero", "guest");
    let table = guest.table(&mut store, "table").unwrap();
    let one = table.func(&mut store, 1).unwrap();
    assert_eq!(one.index(&store), Some(1));
    assert_eq!(one.instance(&store), Some(guest));
}
