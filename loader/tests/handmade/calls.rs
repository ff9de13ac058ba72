//! Calls in both directions, and leaving guest code by errors and panics.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Caller, Config, Engine, Error, Extern, Func, FuncType, Instance, Linker, Store, Table,
    TableType, TrapCode, UsageError, Val, ValType,
};

use crate::artifact::{call, func_type, instantiate, parts, plain, wasm_offsets};

#[test]
fn a_function_is_called_with_values_and_with_types() {
    let (mut store, instance) = plain();
    assert_eq!(call(&mut store, instance, "add", (40, 2)).unwrap(), 42);
    let add = instance.func(&mut store, "add").unwrap();
    assert_eq!(add.ty(&store), func_type());
    let sum = add.call(&mut store, &[Val::I64(-1), Val::I64(3)]);
    assert_eq!(sum.unwrap(), [Val::I64(2)]);
}

#[test]
fn values_of_other_types_are_refused() {
    let (mut store, instance) = plain();
    let add = instance.func(&mut store, "add").unwrap();
    for params in [&[Val::I64(1)][..], &[Val::I64(1), Val::I32(1)]] {
        let error = add.call(&mut store, params).unwrap_err();
        assert!(
            matches!(error, Error::Usage(UsageError::WrongSignature { .. })),
            "{error}"
        );
    }
    let error = add.typed::<(i64, i64), ()>(&mut store).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the function's type is (func (param i64 i64) (result i64)), not (func (param i64 i64))"
    );
}

#[test]
fn a_host_function_sees_data_memory_and_instance_of_its_caller() {
    let (mut store, instance) = instantiate(5i64, |linker| {
        linker
            .func(
                "env",
                "host",
                |mut caller: Caller<'_, i64>, a: i64, b: i64| {
                    *caller.data_mut() += a;
                    let memory = caller.memory().unwrap();
                    memory.write(&mut caller, 0, &b.to_le_bytes()).unwrap();
                    let (bytes, data) = memory.data_and_store_mut(&mut caller);
                    *data += i64::from(bytes[0]);
                    assert!(caller.instance().is_some());
                    *caller.data()
                },
            )
            .unwrap();
    });
    let result = call(&mut store, instance, "call_host", (10, 3)).unwrap();
    assert_eq!(result, 18);
    assert_eq!(*store.data(), 18);
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[0], 3);
}

#[test]
fn a_host_function_gets_and_gives_values_of_any_type() {
    let (mut store, instance) = instantiate((), |linker| {
        let closure = |_: Caller<'_, ()>, params: &[Val], results: &mut [Val]| {
            let sum = params.iter().filter_map(Val::i64).sum::<i64>();
            results[0] = match sum {
                0 => Val::I32(0),
                sum => Val::I64(sum),
            };
            Ok(())
        };
        linker
            .func_dynamic("env", "host", func_type(), closure)
            .unwrap();
    });
    assert_eq!(call(&mut store, instance, "call_host", (3, 4)).unwrap(), 7);
    let error = call(&mut store, instance, "call_host", (0, 0)).unwrap_err();
    assert_eq!(error.to_string(), "expected a value of type i64, found i32");
}

#[derive(Debug)]
struct Exit(i64);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}

#[test]
fn an_error_of_a_host_function_comes_out_with_a_backtrace() {
    let (mut store, instance) = instantiate((), |linker| {
        linker
            .func("env", "host", |a: i64, _: i64| -> Result<i64, Error> {
                Err(Error::host(Exit(a)))
            })
            .unwrap();
    });
    let error = call(&mut store, instance, "call_host", (3, 0)).unwrap_err();
    let [_, at, _] = wasm_offsets();
    assert_eq!(
        error.to_string(),
        format!("exit 3\nwasm backtrace:\n  0: {at:#x} - handmade!call_host")
    );
    assert_eq!(error.downcast::<Exit>().unwrap().0, 3);
    // The store is still of use.
    assert_eq!(call(&mut store, instance, "add", (1, 2)).unwrap(), 3);
}

#[test]
fn a_host_function_can_trap() {
    let (mut store, instance) = instantiate((), |linker| {
        linker
            .func("env", "host", |_: i64, _: i64| -> Result<i64, TrapCode> {
                Err(TrapCode::Interrupted)
            })
            .unwrap();
    });
    let error = call(&mut store, instance, "call_host", (0, 0)).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::Interrupted);
    assert_eq!(trap.backtrace().frames().len(), 1);
}

#[test]
fn a_panic_of_a_host_function_goes_on_at_the_call() {
    let (mut store, instance) = instantiate((), |linker| {
        linker
            .func("env", "host", |a: i64, _: i64| -> i64 {
                std::panic::panic_any(a)
            })
            .unwrap();
    });
    let panic = catch_unwind(AssertUnwindSafe(|| {
        call(&mut store, instance, "call_host", (9, 0))
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<i64>(), Some(&9));
    assert_eq!(call(&mut store, instance, "add", (1, 2)).unwrap(), 3);
}

#[test]
fn calls_nest_and_a_backtrace_goes_through_all_of_them() {
    let (mut store, instance) = instantiate((), |linker| {
        linker
            .func(
                "env",
                "host",
                |mut caller: Caller<'_, ()>, a: i64, b: i64| {
                    if a == 1 {
                        // What the guest in here does wrong, the guest out there may get over.
                        let divide = caller.get_export("divide").and_then(Extern::func).unwrap();
                        let divide = divide.typed::<(i64, i64), i64>(&mut caller)?;
                        let error = divide.call(&mut caller, (1, 0)).unwrap_err();
                        assert_eq!(error.trap().unwrap().backtrace().frames().len(), 2);
                        return Ok(-1);
                    }
                    let next = if a == 0 { "outer_divide" } else { "call_host" };
                    let next = caller.get_export(next).and_then(Extern::func).unwrap();
                    let next = next.typed::<(i64, i64), i64>(&mut caller)?;
                    next.call(&mut caller, (a - 1, b))
                },
            )
            .unwrap();
    });
    let result = call(&mut store, instance, "call_host", (1, 0)).unwrap();
    assert_eq!(result, -1);

    let error = call(&mut store, instance, "call_host", (0, 0)).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::IntegerDivideByZero);
    let [divide, call_host, outer_divide] = wasm_offsets();
    assert_eq!(
        trap.to_string(),
        format!(
            "trap: integer divide by zero\nwasm backtrace:\n  \
             0: {divide:#x} - handmade!divide\n  \
             1: {outer_divide:#x} - handmade!outer_divide\n  \
             2: {call_host:#x} - handmade!call_host"
        )
    );
}

#[test]
fn the_host_calls_its_own_function_through_a_handle() {
    let (mut store, instance) = instantiate(0, |linker| {
        linker
            .func(
                "env",
                "host",
                |caller: Caller<'_, i32>, a: i64, _: i64| -> Result<i64, Error> {
                    assert!(caller.instance().is_none());
                    match a {
                        0 => Err(Error::host(Exit(0))),
                        _ => Ok(*caller.data() as i64 + a),
                    }
                },
            )
            .unwrap();
    });
    *store.data_mut() = 30;
    assert_eq!(call(&mut store, instance, "host", (4, 0)).unwrap(), 34);
    let error = call(&mut store, instance, "host", (0, 0)).unwrap_err();
    assert!(error.downcast_ref::<Exit>().is_some());
    assert!(error.backtrace().is_none());
}

#[test]
fn functions_are_called_through_tables() {
    let (mut store, instance) = plain();
    let indirect = |store: &mut Store<()>, index| call(store, instance, "indirect", (index, 5));
    assert_eq!(indirect(&mut store, 0).unwrap(), 0);
    assert_eq!(indirect(&mut store, 1).unwrap(), 6);
    let code = |result: Result<i64, Error>| result.unwrap_err().trap().unwrap().code();
    assert_eq!(
        code(indirect(&mut store, 2)),
        TrapCode::UninitializedElement
    );
    assert_eq!(code(indirect(&mut store, 4)), TrapCode::UndefinedElement);

    let table = instance.table(&mut store, "table").unwrap();
    let host = Func::wrap(&mut store, |a: i64, b: i64| a * 100 + b).unwrap();
    let other = Func::wrap(&mut store, || ()).unwrap();
    table.set(&mut store, 2, host.into()).unwrap();
    table.set(&mut store, 3, other.into()).unwrap();
    assert_eq!(indirect(&mut store, 2).unwrap(), 502);
    assert_eq!(
        code(indirect(&mut store, 3)),
        TrapCode::IndirectCallTypeMismatch
    );
    assert_eq!(table.get(&mut store, 2), Some(host.into()));
    let add = instance.func(&mut store, "add").unwrap();
    assert_eq!(table.get(&mut store, 1), Some(add.into()));
    let import = instance.func(&mut store, "host").unwrap();
    assert_eq!(table.get(&mut store, 0), Some(import.into()));
}

#[test]
fn a_host_function_becomes_callable_when_a_module_with_a_trampoline_comes() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let early = Func::wrap(&mut store, |a: i64, b: i64| a * 100 + b).unwrap();
    let table = Table::new(&mut store, ty, early.into()).unwrap();

    let module = parts().load(&engine);
    let host = Func::wrap(&mut store, |a: i64, _: i64| a).unwrap();
    let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
    let element = table.get(&mut store, 0).unwrap();
    assert_eq!(element, early.into());
    let own = instance.table(&mut store, "table").unwrap();
    own.set(&mut store, 3, element).unwrap();
    let result = call(&mut store, instance, "indirect", (3, 7));
    assert_eq!(result.unwrap(), 703);
}

#[test]
fn the_stack_is_limited_for_all_nested_calls_together() {
    let mut config = Config::new();
    config.max_stack_bytes(64 << 10);
    let engine = Engine::new(&config);
    let module = parts().load(&engine);
    let mut linker = Linker::<u64>::new(&engine);
    linker
        .func(
            "env",
            "host",
            |mut caller: Caller<'_, u64>, a: i64, b: i64| {
                *caller.data_mut() += 1;
                let next = caller.get_export("call_host").and_then(Extern::func);
                let next = next.unwrap().typed::<(i64, i64), i64>(&mut caller)?;
                if a == 0 {
                    let recurse = caller.get_export("recurse").and_then(Extern::func);
                    let recurse = recurse.unwrap().typed::<(i64, i64), i64>(&mut caller)?;
                    return recurse.call(&mut caller, (0, 0));
                }
                next.call(&mut caller, (a - 1, b))
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let error = call(&mut store, instance, "recurse", (0, 0)).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::StackOverflow);
    assert_eq!(trap.backtrace().frames().len(), 64);
    // 64 KiB in frames of 32 bytes.
    let all = trap.backtrace().omitted() + 64;
    assert!((1_900..2_100).contains(&all), "{all}");

    let error = call(&mut store, instance, "call_host", (20, 0)).unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::StackOverflow);
    assert_eq!(*store.data(), 21);
}

#[test]
fn a_module_runs_in_many_stores_on_many_threads() {
    let engine = Engine::default();
    let module = parts().load(&engine);
    let mut linker = Linker::<i64>::new(&engine);
    linker
        .func("env", "host", |caller: Caller<'_, i64>, a: i64, b: i64| {
            a * b + *caller.data()
        })
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, module, linker) = (&engine, &module, &linker);
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut store = Store::new(engine, thread);
                    let instance = linker.instantiate(&mut store, module).unwrap();
                    let result = call(&mut store, instance, "call_host", (3, 4));
                    assert_eq!(result.unwrap(), 12 + thread);
                    let error = call(&mut store, instance, "divide", (1, 0)).unwrap_err();
                    assert_eq!(error.trap().unwrap().code(), TrapCode::IntegerDivideByZero);
                }
            });
        }
    });
}

#[test]
#[should_panic = "another store"]
fn a_handle_is_of_no_use_in_another_store() {
    let (mut store, instance) = plain();
    let add = instance.func(&mut store, "add").unwrap();
    let (mut other, _) = plain();
    let _ = add.call(&mut other, &[Val::I64(1), Val::I64(2)]);
}

#[test]
fn a_function_type_that_no_artifact_has_an_entry_for_still_has_a_type() {
    let (mut store, _) = plain();
    let ty = FuncType::new([ValType::V128], [ValType::F32, ValType::EXTERNREF]);
    let func = Func::new(&mut store, ty.clone(), |_, params, results| {
        results[0] = Val::from(1.5f32);
        assert_eq!(params[0].v128(), Some(7));
        Ok(())
    })
    .unwrap();
    assert_eq!(func.ty(&store), ty);
    let results = func.call(&mut store, &[Val::V128(7)]).unwrap();
    assert_eq!(results, [Val::from(1.5f32), Val::ExternRef(None)]);
}
