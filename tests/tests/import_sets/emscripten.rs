//! `precast_wasi::emscripten`. What the programs give is what they give when compiled for the machine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Caller, Config, Engine, Error, Extern, Instance, Linker, Store, TrapCode, TypedFunc,
    WasmParams, WasmResults,
};
use precast_tests::trap_code;
use precast_wasi::emscripten::{self, Unsuitable};
use precast_wasi::{Exit, WasiCtx};

use super::{Program, data, text};

/// The same source: by an old Emscripten, and with a new LLVM and the names of today.
const PROGRAMS: [&str; 2] = [
    "emscripten/emscripten-3.1.6.wasm",
    "emscripten/clang-22.wasm",
];

/// Has `check` do its worst to each of the programs.
#[track_caller]
fn with_each(check: impl Fn(&mut Store<WasiCtx>, Instance)) {
    for path in PROGRAMS {
        let module = data(path);
        let mut program = Program::new(&module, |linker| {
            linker.func("host", "call", host_call).unwrap();
            emscripten::for_module(linker, &module).unwrap();
        });
        check(&mut program.store, program.instance);
    }
}

fn func<P: WasmParams, R: WasmResults>(
    store: &mut Store<WasiCtx>,
    instance: Instance,
    name: &str,
) -> TypedFunc<P, R> {
    instance.typed_func(store, name).unwrap()
}

/// What the host does when the programs' `asks` asks it.
fn host_call(mut caller: Caller<'_, WasiCtx>, number: i32) -> Result<i32, Error> {
    let mut export = |name| caller.get_export(name).and_then(Extern::func);
    let (jump, through) = (export("jump").unwrap(), export("through").unwrap());
    match number {
        1 => {
            let memory = caller.memory().unwrap();
            Ok(i32::from(memory.size_bytes(&caller) > 0))
        }
        2 => Err(Error::host(Refused(None))),
        3 => panic!("the host panics"),
        4 => {
            let jump = jump.typed::<i32, ()>(&mut caller)?;
            jump.call(&mut caller, 7)?;
            Ok(0)
        }
        5 => {
            let jump = jump.typed::<i32, ()>(&mut caller)?;
            let ended = jump.call(&mut caller, 8);
            ended.map_err(|error| Error::host(Refused(Some(error))))?;
            Ok(0)
        }
        6 => {
            let through = through.typed::<(i32, i32), i32>(&mut caller)?;
            through.call(&mut caller, (5, 11))
        }
        other => Ok(other),
    }
}

/// The host's own error, maybe around one that it got.
#[derive(Debug)]
struct Refused(Option<Error>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

#[test]
fn a_longjmp_goes_where_setjmp_was() {
    with_each(|store, instance| {
        let through = func::<(i32, i32), i32>(store, instance, "through");
        assert_eq!(through.call(store, (20, 42)).unwrap(), 42);
        assert_eq!(through.call(store, (0, 1)).unwrap(), 1);
        assert_eq!(through.call(store, (3, -5)).unwrap(), -5);
        let again = func::<i32, i32>(store, instance, "again");
        assert_eq!(again.call(store, 0).unwrap(), 1000);
        assert_eq!(again.call(store, 10).unwrap(), 11_010);
        let zero = func::<(), i32>(store, instance, "zero");
        // C wants 1, but the old one gives something else than 0 in any host.
        assert_ne!(zero.call(store, ()).unwrap(), 0);
    });
}

#[test]
fn numbers_of_all_types_pass() {
    with_each(|store, instance| {
        let wide = func::<(f64, i64, f32), f64>(store, instance, "wide");
        let sum = wide.call(store, (5.0, 1 << 40, 0.25)).unwrap();
        assert_eq!(sum, 1_099_511_627_778.75);
        assert_eq!(wide.call(store, (101.0, 1, 1.0)).unwrap(), -1.0);
    });
}

/// 12 MB would not fit in either program.
#[test]
fn a_longjmp_gives_back_the_stack() {
    with_each(|store, instance| {
        let stack = func::<(i32, i32), i32>(store, instance, "stack");
        assert_eq!(stack.call(store, (3000, 4096)).unwrap(), 0);
    });
}

#[test]
fn an_exit_passes_through() {
    with_each(|store, instance| {
        let ends = func::<i32, i32>(store, instance, "ends");
        let error = ends.call(store, 5).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Exit(5)));
        assert_eq!(store.data().exit_code(), Some(5));
    });
}

#[test]
fn a_trap_passes_through() {
    with_each(|store, instance| {
        let ends = func::<i32, i32>(store, instance, "ends");
        let error = ends.call(store, -1).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
    });
}

#[test]
fn errors_and_panics_of_the_host_pass_through() {
    with_each(|store, instance| {
        let asks = func::<i32, i32>(store, instance, "asks");
        let error = asks.call(store, 2).unwrap_err();
        assert!(error.downcast_ref::<Refused>().is_some());
        let ended = catch_unwind(AssertUnwindSafe(|| asks.call(store, 3)));
        let panic = ended.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the host panics"));
        // Nothing is left of it.
        assert_eq!(asks.call(store, 100).unwrap(), 100);
    });
}

#[test]
fn a_function_of_the_host_knows_who_calls_it_by_a_pointer() {
    with_each(|store, instance| {
        let asks = func::<i32, i32>(store, instance, "asks");
        assert_eq!(asks.call(store, 1).unwrap(), 1);
    });
}

#[test]
fn a_longjmp_passes_through_the_host() {
    with_each(|store, instance| {
        let asks = func::<i32, i32>(store, instance, "asks");
        assert_eq!(asks.call(store, 4).unwrap(), -7);
        assert_eq!(asks.call(store, 5).unwrap(), -8, "with an error around it");
        assert_eq!(asks.call(store, 6).unwrap(), 11, "caught further in");
    });
}

#[test]
fn a_longjmp_to_nowhere_is_an_error() {
    with_each(|store, instance| {
        let stray = func::<(), ()>(store, instance, "stray");
        let error = stray.call(store, ()).unwrap_err();
        assert!(matches!(error, Error::Host(_)), "{error}");
        assert!(
            error.to_string().starts_with("longjmp to a place"),
            "{error}"
        );
    });
}

#[test]
fn functions_with_setjmp_use_up_the_stack() {
    with_each(|store, instance| {
        let bottom = func::<(), i32>(store, instance, "bottom");
        let error = bottom.call(store, ()).unwrap_err();
        let code = trap_code(&error);
        // The one in memory or the machine's: that depends on how much of each a call needs.
        let expected = [TrapCode::StackOverflow, TrapCode::MemoryOutOfBounds].map(Some);
        assert!(expected.contains(&code), "{error}");
    });
}

#[test]
fn a_pointer_to_no_function_traps_as_in_an_indirect_call() {
    let check = |index: i32, expected: TrapCode| {
        with_each(|store, instance| {
            let calls = func::<i32, i32>(store, instance, "calls");
            let error = calls.call(store, index).unwrap_err();
            assert_eq!(trap_code(&error), Some(expected), "{index}: {error}");
        });
    };
    check(0, TrapCode::UninitializedElement);
    check(1, TrapCode::IndirectCallTypeMismatch);
    check(100, TrapCode::UndefinedElement);
    check(-1, TrapCode::UndefinedElement);
}

#[test]
fn memory_may_grow() {
    with_each(|store, instance| {
        let memory = instance.memory(store, "memory").unwrap();
        let before = memory.size_bytes(store);
        let grow = func::<i32, i32>(store, instance, "grow");
        assert_eq!(grow.call(store, 20 << 20).unwrap(), 1);
        assert!(memory.size_bytes(store) >= before + (4 << 20));
    });
}

/// What programs export for the helpers; `run` calls element 0 of the table with an i32, by way of `invoke_ii`. It
/// gives the result, and 10 and 100 times what `setThrew` was told first.
const EXPORTS: &str = r#"
    (table (export "__indirect_function_table") 1 funcref)
    (global $threw (mut i32) (i32.const 0))
    (global $value (mut i32) (i32.const 0))
    (func (export "setThrew") (param i32 i32)
      (if (i32.eqz (global.get $threw)) (then
        (global.set $threw (local.get 0))
        (global.set $value (local.get 1)))))
    (func (export "emscripten_stack_get_current") (result i32) (i32.const 64))
    (func (export "_emscripten_stack_restore") (param i32)
      (if (i32.ne (local.get 0) (i32.const 64)) (then (unreachable))))
    (func (export "run") (param i32) (result i32)
      (global.set $threw (i32.const 0))
      (global.set $value (i32.const 0))
      (call $invoke (i32.const 0) (local.get 0))
      (i32.mul (global.get $threw) (i32.const 100))
      (i32.mul (global.get $value) (i32.const 10))
      (i32.add)
      (i32.add))
"#;

/// A function that longjmps if it gets 0, else gives what it gets.
const THROW: &str = r#"
    (func $throw (export "throw") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (call $longjmp)))
      (local.get 0))
    (elem (i32.const 0) $throw)
"#;

const IMPORT_INVOKE: &str =
    r#"(import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))"#;
const IMPORT_LONGJMP: &str = r#"(import "env" "_emscripten_throw_longjmp" (func $longjmp))"#;

fn call_run(store: &mut Store<()>, instance: Instance, param: i32) -> Result<i32, Error> {
    precast_tests::call(store, instance, "run", param)
}

/// A linker and a store of one engine.
fn linker() -> (Linker<()>, Store<()>) {
    let engine = Engine::default();
    (Linker::new(&engine), Store::new(&engine, ()))
}

/// An instance of the module of that text, with what it wants of these.
fn instantiate(
    linker: &mut Linker<()>,
    store: &mut Store<()>,
    parts: &[&str],
) -> Result<Instance, Error> {
    let wat = format!("(module {})", parts.concat());
    let module = precast_tests::module(linker.engine(), &wat);
    emscripten::for_module(linker, &module)?;
    linker.instantiate(store, &module)
}

#[test]
fn a_longjmp_gives_zero_and_says_so_to_the_program() {
    let (mut linker, mut store) = linker();
    let parts = [IMPORT_INVOKE, IMPORT_LONGJMP, EXPORTS, THROW];
    let instance = instantiate(&mut linker, &mut store, &parts).unwrap();
    assert_eq!(call_run(&mut store, instance, 7).unwrap(), 7);
    assert_eq!(call_run(&mut store, instance, 0).unwrap(), 100);
}

/// One linker serves many modules. A longjmp is for the instance that throws it: another's `invoke_…` would look for
/// its place in the wrong memory.
#[test]
fn a_longjmp_is_no_business_of_other_instances() {
    let (mut linker, mut store) = linker();
    let parts = [IMPORT_INVOKE, IMPORT_LONGJMP, EXPORTS, THROW];
    let library = instantiate(&mut linker, &mut store, &parts).unwrap();
    linker.instance(&mut store, "library", library).unwrap();
    let parts = [
        IMPORT_INVOKE,
        r#"(import "library" "throw" (func $throw (param i32) (result i32)))"#,
        EXPORTS,
        "(elem (i32.const 0) $throw)",
    ];
    let user = instantiate(&mut linker, &mut store, &parts).unwrap();
    assert_eq!(call_run(&mut store, user, 7).unwrap(), 7);
    let error = call_run(&mut store, user, 0).unwrap_err();
    assert!(
        error.to_string().starts_with("longjmp to a place"),
        "{error}"
    );
    assert_eq!(call_run(&mut store, library, 0).unwrap(), 100);
}

/// As versions of long ago have it: setThrew is told the place and the number.
#[test]
fn longjmp_may_be_an_import() {
    let wat = r#"
        (import "env" "emscripten_longjmp" (func $to (param i32 i32)))
        (func $longjmp (call $to (i32.const 3) (i32.const 0)))
    "#;
    let (mut linker, mut store) = linker();
    let parts = [IMPORT_INVOKE, wat, EXPORTS, THROW];
    let instance = instantiate(&mut linker, &mut store, &parts).unwrap();
    assert_eq!(call_run(&mut store, instance, 0).unwrap(), 310);
}

#[test]
fn what_one_instance_has_put_aside_no_other_sees() {
    let wat = r#"
        (import "env" "setTempRet0" (func $set (param i32)))
        (import "env" "getTempRet0" (func $get (result i32)))
        (func (export "set") (param i32) (result i32) (call $set (local.get 0)) (call $get))
        (func (export "get") (param i32) (result i32) (call $get))
    "#;
    let (mut linker, mut store) = linker();
    let mut instance = || instantiate(&mut linker, &mut store, &[wat]).unwrap();
    let (first, second) = (instance(), instance());
    let mut call = |instance, name| precast_tests::call(&mut store, instance, name, 5).unwrap();
    assert_eq!(call(first, "set"), 5);
    assert_eq!(call(second, "get"), 0);
    assert_eq!(call(first, "get"), 5);
}

/// Guests of a thread share one allowance of stack, whatever lies between them.
#[test]
fn calls_by_pointers_without_end_use_up_the_stack() {
    let wat = r#"
        (func $deeper (param i32) (result i32)
          (i32.add (call $invoke (i32.const 0) (local.get 0)) (i32.const 1)))
        (elem (i32.const 0) $deeper)
    "#;
    let engine = Engine::new(Config::new().max_stack_bytes(256 << 10));
    let (mut linker, mut store) = (Linker::new(&engine), Store::new(&engine, ()));
    let parts = [IMPORT_INVOKE, EXPORTS, wat];
    let instance = instantiate(&mut linker, &mut store, &parts).unwrap();
    let error = call_run(&mut store, instance, 0).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow), "{error}");
}

#[test]
fn what_a_program_does_not_export_is_named() {
    let check = |parts: &[&str], expected: &[&str]| {
        let (mut linker, mut store) = linker();
        let error = instantiate(&mut linker, &mut store, parts).unwrap_err();
        let Some(Unsuitable::MissingExports { names }) = error.downcast_ref() else {
            panic!("{error}");
        };
        assert_eq!(names, expected);
        assert!(expected.iter().all(|name| error.to_string().contains(name)));
        assert_eq!(linker.names().count(), 0);
    };
    let functions = [
        "emscripten_stack_get_current",
        "_emscripten_stack_restore",
        "setThrew",
    ];
    let all = [&functions[..], &["__indirect_function_table"]].concat();
    check(&[IMPORT_INVOKE], &all);
    check(&[IMPORT_LONGJMP], &all);
    let table = r#"(table (export "__indirect_function_table") 1 funcref)"#;
    check(&[IMPORT_INVOKE, table], &functions);
    // Not of these types.
    let wrong = r#"
        (table (export "__indirect_function_table") 1 externref)
        (func (export "setThrew") (param i32))
        (func (export "stackSave") (param i32) (result i32) (local.get 0))
        (memory (export "stackRestore") 1)
    "#;
    check(&[IMPORT_INVOKE, wrong], &all);
}

/// As Emscripten 3.1.6 has it without `-sWASM_BIGINT`.
#[test]
fn integers_in_halves_are_refused_with_the_flag_that_is_missing() {
    let (mut linker, mut store) = linker();
    let halves = r#"(import "env" "invoke_vj" (func (param i32 i32 i32)))"#;
    let parts = [IMPORT_INVOKE, halves, EXPORTS];
    let error = instantiate(&mut linker, &mut store, &parts).unwrap_err();
    let found = error.downcast_ref::<Unsuitable>();
    assert!(matches!(found, Some(Unsuitable::SplitIntegers { import }) if import == "invoke_vj"));
    assert!(error.to_string().contains("-sWASM_BIGINT"), "{error}");
}

#[test]
fn what_is_defined_already_is_left_alone() {
    let (mut linker, mut store) = linker();
    linker
        .func("env", "invoke_ii", |_index: i32, number: i32| -number)
        .unwrap();
    let parts = [IMPORT_INVOKE, IMPORT_LONGJMP, EXPORTS, THROW];
    let instance = instantiate(&mut linker, &mut store, &parts).unwrap();
    assert_eq!(call_run(&mut store, instance, 7).unwrap(), -7);
}

#[test]
fn a_module_that_wants_these_is_known_by_names_and_types() {
    let check = |imports: &str, expected: bool| {
        let module = text(&format!("(module {imports})"));
        assert_eq!(emscripten::is_wanted(&module), expected, "{imports}");
    };
    check("", false);
    check(IMPORT_INVOKE, true);
    check(IMPORT_LONGJMP, true);
    check(
        r#"(import "env" "emscripten_notify_memory_growth" (func (param i32)))"#,
        true,
    );
    check(
        r#"(import "env" "emscripten_notify_memory_growth" (func))"#,
        false,
    );
    check(r#"(import "env" "invoke_v" (func))"#, false);
    check(r#"(import "env" "invoke_v" (func (param i64)))"#, false);
    check(r#"(import "env" "invoke_v" (global i32))"#, false);
    check(r#"(import "a" "invoke_v" (func (param i32)))"#, false);
    check(
        r#"(import "env" "abort" (func (param i32 i32 i32 i32)))"#,
        false,
    );
    assert!(
        PROGRAMS
            .iter()
            .all(|path| emscripten::is_wanted(&data(path)))
    );
}
