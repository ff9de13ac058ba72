//! Calls across the border, in both directions and nested, and everything that can end one: traps,
//! errors and panics of the host's, the end of the stack.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Caller, Config, Engine, Error, Exception, ExnRef, Extern, ExternRef, ExternType, Func,
    FuncType, Instance, Linker, Store, Tag, TrapCode, UsageError, Val, ValType, WasmTy,
};
use precast_tests::{call, instance, module, trap_code, wasm};

/// What the tests of nesting find in the store: what to do, at which depth.
#[derive(Clone, Copy)]
struct Plan {
    depth: u32,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Return,
    Trap,
    HostTrap,
    Fail,
    Panic,
}

#[derive(Debug, PartialEq)]
struct OwnError {
    at_depth: u32,
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed at depth {}", self.at_depth)
    }
}

impl std::error::Error for OwnError {}

const NESTING: &str = r#"
    (module
      (import "host" "down" (func $down (param i32) (result i32)))
      (func $trap (export "trap") (param i32) (result i32) (unreachable))
      (func $guest (export "guest") (param i32) (result i32)
        (i32.add (call $down (local.get 0)) (i32.const 1))))
"#;

/// Host and guest call each other until the plan's depth is reached.
fn nesting(plan: Plan) -> (Store<Plan>, Instance) {
    let engine = Engine::default();
    let module = module(&engine, NESTING);
    let mut linker = Linker::new(&engine);
    linker
        .func(
            "host",
            "down",
            |mut caller: Caller<'_, Plan>, depth: u32| {
                let plan = *caller.data();
                let mut call = |name: &str, depth: u32| -> Result<i32, Error> {
                    let guest = caller.get_export(name).and_then(Extern::func).unwrap();
                    let guest = guest.typed::<u32, i32>(&mut caller)?;
                    guest.call(&mut caller, depth)
                };
                if depth < plan.depth {
                    return call("guest", depth + 1).map(|result| result + 10);
                }
                match plan.then {
                    Then::Return => Ok(100),
                    Then::Trap => call("trap", depth),
                    Then::HostTrap => Err(TrapCode::Unreachable.into()),
                    Then::Fail => Err(Error::host(OwnError { at_depth: depth })),
                    Then::Panic => panic!("panicked at depth {depth}"),
                }
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, plan);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn nested(plan: Plan) -> Result<i32, Error> {
    let (mut store, instance) = nesting(plan);
    let guest = instance
        .typed_func::<u32, i32>(&mut store, "guest")
        .unwrap();
    guest.call(&mut store, 0)
}

#[test]
fn results_come_back_through_every_level() {
    for depth in 0..6 {
        let then = Then::Return;
        let expected = 101 + 11 * depth as i32;
        assert_eq!(nested(Plan { depth, then }).unwrap(), expected);
    }
}

#[test]
fn a_trap_ends_every_level() {
    for depth in 0..4 {
        for then in [Then::Trap, Then::HostTrap] {
            let error = nested(Plan { depth, then }).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::Unreachable), "{error}");
            let frames = error.backtrace().unwrap().frames();
            let own = usize::from(matches!(then, Then::Trap));
            let guests = depth as usize + 1;
            assert_eq!(frames.len(), guests + own, "{then:?}: {error}");
            let named = frames.iter().filter(|f| f.func_name() == Some("guest"));
            assert_eq!(named.count(), guests);
        }
    }
}

#[test]
fn a_host_error_is_recovered_at_the_outside() {
    for depth in 0..4 {
        let then = Then::Fail;
        let error = nested(Plan { depth, then }).unwrap_err();
        assert!(error.trap().is_none());
        let backtrace = error.backtrace().unwrap();
        assert_eq!(backtrace.frames().len(), depth as usize + 1);
        assert!(
            error
                .to_string()
                .starts_with(&format!("failed at depth {depth}\n"))
        );
        assert_eq!(error.downcast_ref(), Some(&OwnError { at_depth: depth }));
        assert_eq!(error.downcast::<OwnError>().unwrap().at_depth, depth);
    }
}

#[test]
fn a_host_panic_passes_through_all_guests() {
    for depth in 0..4 {
        let then = Then::Panic;
        let (mut store, instance) = nesting(Plan { depth, then });
        let guest = instance
            .typed_func::<u32, i32>(&mut store, "guest")
            .unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| guest.call(&mut store, 0)));
        let panic = outcome.unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(*message, format!("panicked at depth {depth}"));
        // The store is as good as before.
        store.data_mut().then = Then::Return;
        assert_eq!(guest.call(&mut store, 0).unwrap(), 101 + 11 * depth as i32);
    }
}

#[test]
fn a_host_function_may_handle_what_ended_an_inner_call() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module
             (import "host" "try" (func $try (result i32)))
             (func (export "inner") (unreachable))
             (func (export "outer") (result i32)
               (i32.add (call $try) (call $try))))"#,
    );
    let mut linker = Linker::new(&engine);
    linker
        .func("host", "try", |mut caller: Caller<'_, ()>| {
            let inner = caller.get_export("inner").and_then(Extern::func).unwrap();
            let error = inner.call(&mut caller, &[]).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
            21
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let outer = instance.typed_func::<(), i32>(&mut store, "outer").unwrap();
    assert_eq!(outer.call(&mut store, ()).unwrap(), 42);
}

#[test]
fn stores_may_nest_in_one_another() {
    let engine = Engine::default();
    let inner_module = module(
        &engine,
        r#"(module (func (export "run") (param i32) (result i32)
             (i32.div_u (i32.const 100) (local.get 0))))"#,
    );
    let outer_module = module(
        &engine,
        r#"(module
             (import "host" "run" (func $run (param i32) (result i32)))
             (func (export "run") (param i32) (result i32) (call $run (local.get 0))))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let inner_engine = engine.clone();
    linker
        .func("host", "run", move |param: i32| -> Result<i32, Error> {
            let mut store = Store::new(&inner_engine, ());
            let instance = Instance::new(&mut store, &inner_module, &[])?;
            call(&mut store, instance, "run", param)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let outer = linker.instantiate(&mut store, &outer_module).unwrap();
    assert_eq!(call(&mut store, outer, "run", 5).unwrap(), 20);
    let error = call(&mut store, outer, "run", 0).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::IntegerDivideByZero));
    assert_eq!(call(&mut store, outer, "run", 4).unwrap(), 25);
}

#[test]
fn the_stack_ends_in_a_trap_and_can_be_used_again() {
    let engine = Engine::new(Config::new().max_stack_bytes(128 << 10));
    let module = module(
        &engine,
        r#"(module
             (func $deep (export "deep") (param i32) (result i32)
               (if (result i32) (local.get 0)
                 (then (i32.add (i32.const 1)
                   (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                 (else (i32.const 0)))))"#,
    );
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    for _ in 0..3 {
        assert_eq!(call(&mut store, instance, "deep", 1_000).unwrap(), 1_000);
        let error = call(&mut store, instance, "deep", 100_000).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow));
        let backtrace = error.backtrace().unwrap();
        assert_eq!(backtrace.frames().len(), 64, "only the innermost are kept");
        assert!(backtrace.omitted() > 500, "{}", backtrace.omitted());
    }
}

#[test]
fn guests_that_call_each_other_through_the_host_share_one_stack_allowance() {
    let plan = Plan {
        depth: u32::MAX,
        then: Then::Return,
    };
    let error = nested(plan).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow));
}

#[test]
fn a_trap_says_what_where_and_in_which_function() {
    let text = r#"
        (module $app
          (memory 1)
          (func $unreachable (unreachable))
          (func $divide (drop (i32.div_s (i32.const 1) (i32.const 0))))
          (func $load (drop (i32.load (i32.const -1))))
          (func (drop (i64.load8_u (i32.const -1))))
          (func (export "run") (param i32)
            (if (i32.eq (local.get 0) (i32.const 0)) (then (call $unreachable)))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (call $divide)))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (call $load)))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (call 3)))))
    "#;
    let bytes = wasm(text);
    let (mut store, instance) = instance(text);
    let run = instance.typed_func::<i32, ()>(&mut store, "run").unwrap();
    let cases = [
        (TrapCode::Unreachable, 0, Some("unreachable"), 0x00),
        (TrapCode::IntegerDivideByZero, 1, Some("divide"), 0x6d),
        (TrapCode::MemoryOutOfBounds, 2, Some("load"), 0x28),
        (TrapCode::MemoryOutOfBounds, 3, Some("func[3]"), 0x31),
    ];
    for (number, (code, index, name, opcode)) in (0..).zip(cases) {
        let error = run.call(&mut store, number).unwrap_err();
        assert_eq!(trap_code(&error), Some(code));
        let [inner, outer] = error.backtrace().unwrap().frames() else {
            panic!("{error}")
        };
        assert_eq!(inner.func_index(), index);
        assert_eq!(inner.module_name(), "app");
        assert!(
            inner.func_name().is_none() || inner.func_name() == name,
            "{error}"
        );
        let at = |offset: Option<u32>| bytes[offset.unwrap() as usize];
        assert_eq!(at(inner.wasm_offset()), opcode, "{error}");
        assert_eq!((outer.func_index(), outer.func_name()), (4, Some("run")));
        // The call, or what follows it: the return address belongs to either.
        assert!([0x10, 0x0b].contains(&at(outer.wasm_offset())), "{error}");
    }
}

#[test]
fn faults_of_several_threads_do_not_mix() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module
             (memory 1)
             (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
             (func (export "divide") (param i32) (result i32)
               (i32.div_s (i32.const 0x80000000) (local.get 0)))
             (func $deep (export "deep") (param i32) (result i32)
               (i32.add (call $deep (local.get 0)) (i32.const 1))))"#,
    );
    let cases = [
        ("load", 65_536, TrapCode::MemoryOutOfBounds),
        ("divide", -1, TrapCode::IntegerOverflow),
        ("divide", 0, TrapCode::IntegerDivideByZero),
        ("deep", 0, TrapCode::StackOverflow),
    ];
    std::thread::scope(|scope| {
        for (name, param, expected) in cases {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                let mut store = Store::new(engine, ());
                let instance = Instance::new(&mut store, module, &[]).unwrap();
                for _ in 0..200 {
                    let error = call(&mut store, instance, name, param).unwrap_err();
                    assert_eq!(trap_code(&error), Some(expected), "{name}: {error}");
                }
            });
        }
    });
}

#[test]
fn calls_are_checked_against_the_type() {
    let (mut store, instance) = instance(
        r#"(module
             (memory (export "memory") 1)
             (func (export "add") (param i32) (result i32) (local.get 0)))"#,
    );
    let wrong_type = instance
        .typed_func::<i64, i32>(&mut store, "add")
        .unwrap_err();
    assert!(matches!(
        wrong_type,
        Error::Usage(UsageError::WrongSignature { .. })
    ));
    let add = instance.func(&mut store, "add").unwrap();
    for params in [&[][..], &[Val::I64(1)], &[Val::I32(1), Val::I32(1)]] {
        assert!(matches!(
            add.call(&mut store, params),
            Err(Error::Usage(UsageError::WrongSignature { .. }))
        ));
    }
    let missing = instance.func(&mut store, "subtract").unwrap_err();
    assert!(matches!(missing, Error::Usage(UsageError::NoExport { .. })));
    let other_kind = instance.func(&mut store, "memory").unwrap_err();
    assert!(matches!(
        other_kind,
        Error::Usage(UsageError::WrongKind { .. })
    ));
}

#[test]
fn a_dynamic_host_function_must_keep_its_type() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module
             (import "env" "f" (func $f (result i32)))
             (func (export "run") (param i32) (result i32) (call $f)))"#,
    );
    let mut store = Store::new(&engine, ());
    let ty = FuncType::new([], [ValType::I32]);
    let func = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I64(1);
        Ok(())
    });
    let func = func.unwrap();
    let instance = Instance::new(&mut store, &module, &[func.into()]).unwrap();
    let error = call(&mut store, instance, "run", 0).unwrap_err();
    assert!(
        matches!(error, Error::Usage(UsageError::WrongType { .. })),
        "{error}"
    );
}

/// Uses up the host's stack.
fn endless(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    endless(depth + 1).wrapping_add(here[7])
}

#[test]
fn a_fault_of_the_host_goes_to_the_handler_that_was_there_before() {
    const WHERE: &str = "PRECAST_TESTS_OVERFLOW";
    if let Ok(place) = std::env::var(WHERE) {
        // This is the process that is to end: Rust's own handler tells an overflow of the stack
        // from other faults and says so.
        let engine = Engine::default();
        let text = r#"(module
            (import "host" "f" (func $f (param i32)))
            (func (export "run") (param i32) (result i32)
              (call $f (local.get 0)) (i32.load (i32.const 0)))
            (memory 0))"#;
        let module = module(&engine, text);
        let mut linker = Linker::new(&engine);
        linker
            .func("host", "f", |inside: i32| {
                if inside == 1 {
                    std::hint::black_box(endless(0));
                }
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let error = call(&mut store, instance, "run", 0).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
        if place == "inside" {
            call(&mut store, instance, "run", 1).unwrap();
        }
        std::hint::black_box(endless(0));
        unreachable!("the stack has no end");
    }
    for place in ["inside", "outside"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("a_fault_of_the_host_goes_to_the_handler_that_was_there_before")
            .env(WHERE, place)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("has overflowed its stack"), "{place}: {said}");
    }
}

/// Values go through registers where C can pass them, and through slots else: neither may change
/// a bit, whatever the number and mix of parameters.
#[test]
fn values_cross_the_border_unchanged_in_registers_and_in_slots() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"
        (module
          (type $many (func (param i32 f64 i64 f32 i32 f32 i64 f64 i64 i32 f32 f64 f32 f64 f32 f64)
            (result f64)))
          (import "host" "i32" (func $i32 (param i32) (result i32)))
          (import "host" "i64" (func $i64 (param i64) (result i64)))
          (import "host" "f32" (func $f32 (param f32) (result f32)))
          (import "host" "f64" (func $f64 (param f64) (result f64)))
          (import "host" "v128" (func $v128 (param v128) (result v128)))
          (import "host" "func" (func $func (param funcref) (result funcref)))
          (import "host" "extern" (func $extern (param externref) (result externref)))
          (import "host" "exn" (func $exn (param exnref) (result exnref)))
          (import "host" "two" (func $two (param i32 f64) (result f64 i32)))
          (import "host" "many" (func $many (type $many)))
          (import "host" "none" (func $none))
          (func (export "i32") (param i32) (result i32) (call $i32 (local.get 0)))
          (func (export "i64") (param i64) (result i64) (call $i64 (local.get 0)))
          (func (export "f32") (param f32) (result f32) (call $f32 (local.get 0)))
          (func (export "f64") (param f64) (result f64) (call $f64 (local.get 0)))
          (func (export "v128") (param v128) (result v128) (call $v128 (local.get 0)))
          (func (export "func") (param funcref) (result funcref) (call $func (local.get 0)))
          (func (export "extern") (param externref) (result externref)
            (call $extern (local.get 0)))
          (func (export "exn") (param exnref) (result exnref)
            (call $exn (local.get 0)))
          (func (export "two") (param i32 f64) (result f64 i32)
            (call $two (local.get 0) (local.get 1)))
          (func (export "many") (type $many)
            (call $many (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
              (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9)
              (local.get 10) (local.get 11) (local.get 12) (local.get 13) (local.get 14)
              (local.get 15)))
          (func (export "none") (call $none)))
        "#,
    );
    let mut typed = Linker::<u32>::new(&engine);
    typed
        .func("host", "i32", |value: i32| value)
        .and_then(|linker| linker.func("host", "i64", |value: u64| value))
        .and_then(|linker| linker.func("host", "f32", |value: f32| value))
        .and_then(|linker| linker.func("host", "f64", |value: f64| value))
        .and_then(|linker| linker.func("host", "v128", |value: u128| value))
        .and_then(|linker| linker.func("host", "func", |value: Option<Func>| value))
        .and_then(|linker| linker.func("host", "extern", |value: Option<ExternRef>| value))
        .and_then(|linker| linker.func("host", "exn", |value: Option<ExnRef>| value))
        .and_then(|linker| linker.func("host", "two", |a: i32, b: f64| (b, a)))
        .and_then(|linker| linker.func("host", "many", many))
        .and_then(|linker| {
            linker.func("host", "none", |mut caller: Caller<'_, u32>| {
                *caller.data_mut() += 1;
            })
        })
        .unwrap();
    let mut dynamic = Linker::<u32>::new(&engine);
    for (module, name, ty) in module.imports() {
        let ExternType::Func(ty) = ty else {
            unreachable!()
        };
        let own_name = name.to_owned();
        dynamic
            .func_dynamic(module, name, ty, move |mut caller, params, results| {
                match own_name.as_str() {
                    "none" => *caller.data_mut() += 1,
                    "two" => results.copy_from_slice(&[params[1], params[0]]),
                    "many" => results[0] = params[15],
                    _ => results.copy_from_slice(params),
                }
                Ok(())
            })
            .unwrap();
    }
    for linker in [typed, dynamic] {
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let own = Func::wrap(&mut store, || 1i32).unwrap();
        let thing = ExternRef::new(&mut store, "thing").unwrap();
        let tag = Tag::new(&mut store, FuncType::new([ValType::I64], [])).unwrap();
        let exception = Exception::new(&mut store, tag, &[Val::I64(1)]).unwrap();
        let exception = ExnRef::new(&mut store, &exception).unwrap();
        let cases: Vec<(&str, Val)> = vec![
            ("i32", Val::I32(i32::MIN)),
            ("i32", Val::I32(-1)),
            ("i64", Val::I64(i64::MIN + 1)),
            ("f32", Val::F32(0x7fa0_0001)), // a signalling NaN with a payload
            ("f32", Val::F32(0x8000_0000)),
            ("f64", Val::F64(0xfff4_0000_0000_0003)),
            ("f64", Val::F64(1.5f64.to_bits())),
            ("v128", Val::V128(u128::MAX / 3)),
            ("func", Val::FuncRef(None)),
            ("func", Val::FuncRef(Some(own))),
            ("extern", Val::ExternRef(None)),
            ("extern", Val::ExternRef(Some(thing))),
            ("exn", Val::ExnRef(None)),
            ("exn", Val::ExnRef(Some(exception))),
        ];
        for (name, value) in cases {
            let func = instance.func(&mut store, name).unwrap();
            assert_eq!(func.call(&mut store, &[value]).unwrap(), [value], "{name}");
            // And with registers on the host's side.
            match value {
                Val::I32(value) => same(&mut store, func, value),
                Val::I64(value) => same(&mut store, func, value),
                Val::F32(bits) => same_bits(&mut store, func, f32::from_bits(bits), f32::to_bits),
                Val::F64(bits) => same_bits(&mut store, func, f64::from_bits(bits), f64::to_bits),
                Val::V128(value) => same(&mut store, func, value),
                Val::FuncRef(value) => same(&mut store, func, value),
                Val::ExternRef(value) => same(&mut store, func, value),
                Val::ExnRef(value) => same(&mut store, func, value),
            }
        }
        let two = instance
            .typed_func::<(i32, f64), (f64, i32)>(&mut store, "two")
            .unwrap();
        assert_eq!(two.call(&mut store, (-7, 2.5)).unwrap(), (2.5, -7));
        let parameters = (
            -1,
            1.5,
            i64::MIN,
            2.5f32,
            3,
            4.5f32,
            -5,
            6.5,
            7,
            i32::MIN,
            8.5f32,
            9.5,
        );
        let (a, b, c, d, e, f, g, h, i, j, k, l) = parameters;
        let all = (
            a, b, c, d, e, f, g, h, i, j, k, l, 10.5f32, 11.5, 12.5f32, 13.5,
        );
        type Many = (
            i32,
            f64,
            i64,
            f32,
            i32,
            f32,
            i64,
            f64,
            i64,
            i32,
            f32,
            f64,
            f32,
            f64,
            f32,
            f64,
        );
        let func = instance
            .typed_func::<Many, f64>(&mut store, "many")
            .unwrap();
        assert_eq!(func.call(&mut store, all).unwrap(), 13.5);
        let none = instance.typed_func::<(), ()>(&mut store, "none").unwrap();
        none.call(&mut store, ()).unwrap();
        assert_eq!(*store.data(), 1);
    }
}

#[expect(clippy::too_many_arguments, reason = "as many as there may be")]
fn many(
    a: i32,
    b: f64,
    c: i64,
    d: f32,
    e: u32,
    f: f32,
    g: u64,
    h: f64,
    i: i64,
    j: i32,
    k: f32,
    l: f64,
    m: f32,
    n: f64,
    o: f32,
    p: f64,
) -> f64 {
    assert_eq!((a, b, c, d), (-1, 1.5, i64::MIN, 2.5));
    assert_eq!((e, f, g, h), (3, 4.5, (-5i64).cast_unsigned(), 6.5));
    assert_eq!((i, j, k, l), (7, i32::MIN, 8.5, 9.5));
    assert_eq!((m, n, o), (10.5, 11.5, 12.5));
    p
}

fn same<A: WasmTy + Copy + PartialEq + std::fmt::Debug>(
    store: &mut Store<u32>,
    func: Func,
    value: A,
) {
    let func = func.typed::<A, A>(store).unwrap();
    assert_eq!(func.call(store, value).unwrap(), value);
}

fn same_bits<A: WasmTy + Copy, B: PartialEq + std::fmt::Debug>(
    store: &mut Store<u32>,
    func: Func,
    value: A,
    bits: fn(A) -> B,
) {
    let func = func.typed::<A, A>(store).unwrap();
    assert_eq!(bits(func.call(store, value).unwrap()), bits(value));
}

#[test]
fn a_value_of_another_store_panics_before_the_guest_is_entered() {
    const GUEST: &str = r#"
        (module
          (func (export "take") (param funcref))
          (func (export "take_two") (param funcref v128))
          (func (export "same") (param i32) (result i32) (local.get 0)))
    "#;
    let (mut other, _) = instance(GUEST);
    let foreign = Some(Func::wrap(&mut other, || ()).unwrap());
    let (mut store, guest) = instance(GUEST);
    // The one passes values in registers, the other in slots.
    let take = guest.typed_func::<Option<Func>, ()>(&mut store, "take");
    let take = take.unwrap();
    let take_two = guest.typed_func::<(Option<Func>, u128), ()>(&mut store, "take_two");
    let take_two = take_two.unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| take.call(&mut store, foreign)));
    assert!(refused.is_err());
    let refused = catch_unwind(AssertUnwindSafe(|| take_two.call(&mut store, (foreign, 1))));
    assert!(refused.is_err());
    drop(store);
    // Nothing is left of those calls, which this one would take for calls around it.
    let (mut store, guest) = instance(GUEST);
    assert_eq!(call(&mut store, guest, "same", 5).unwrap(), 5);
}

#[test]
fn a_frame_larger_than_what_is_left_of_the_threads_stack_does_not_pass_over_its_end() {
    const CHILD: &str = "PRECAST_TEST_OVERFLOWS_ITS_THREAD";
    /// Values that all live across a call: some 100 KiB of a frame.
    const VALUES: usize = 12_000;
    if std::env::var_os(CHILD).is_some() {
        let engine = Engine::default();
        let each = |text: &dyn Fn(usize) -> String| (0..VALUES).map(text).collect::<String>();
        let load = |i| format!("(local.set {} (i64.load offset={i} (i32.const 0)))", i + 1);
        let store = |i| format!("(i64.store offset={i} (i32.const 0) (local.get {}))", i + 1);
        let text = format!(
            r#"(module
                 (import "host" "f" (func $f))
                 (memory 1)
                 (func (export "run") (param i32) (result i32)
                   (local {}) {} (call $f) {} (local.get 0)))"#,
            "i64 ".repeat(VALUES),
            each(&load),
            each(&store)
        );
        let module = module(&engine, &text);
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let ended = small.spawn(move || {
            let mut linker = Linker::new(&engine);
            linker.func("host", "f", || ()).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module).unwrap();
            call(&mut store, instance, "run", 0).map(drop)
        });
        ended.unwrap().join().unwrap().unwrap();
        unreachable!("there is no room for the frame");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("a_frame_larger_than_what_is_left_of_the_threads_stack_does_not_pass_over_its_end")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("has overflowed its stack"), "{said}");
}
