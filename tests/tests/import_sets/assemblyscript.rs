//! `precast_wasi::assemblyscript`. What is expected is what node writes with the bindings that `asc` makes, but for
//! the words around a message of `abort` and `trace`, and for `console.log` of no string.

use precast_loader::Error;
use precast_wasi::assemblyscript::{self, Options, Trace};
use precast_wasi::{Exit, WasiCtx};

use super::{Program, data, text};

fn program(options: &Options) -> Program {
    Program::new(&data("assemblyscript/program.wasm"), |linker| {
        assemblyscript::add_to_linker(linker, |wasi| wasi, options).unwrap();
    })
}

fn exit_code(error: &Error) -> Option<i32> {
    error.downcast_ref().map(|Exit(code)| *code)
}

#[test]
fn an_abort_says_why_and_where_and_ends_the_program() {
    let check = |how: i32, expected: &str| {
        let mut program = program(&Options::new());
        let fail = program
            .instance
            .typed_func::<i32, i32>(&mut program.store, "fail")
            .unwrap();
        let error = fail.call(&mut program.store, how).unwrap_err();
        assert_eq!(exit_code(&error), Some(255));
        assert_eq!(program.store.data().exit_code(), Some(255));
        assert_eq!(program.stderr(), expected);
        assert_eq!(program.stdout(), "");
    };
    check(1, "too large: Ünïcödé 😀 at program.ts:6:17\n");
    check(2, "not two at program.ts:7:3\n");
    check(3, "abort at program.ts:8:3\n");
}

#[test]
fn an_abort_is_silent_if_so_wanted() {
    let mut program = program(Options::new().abort_message(false));
    let fail = program
        .instance
        .typed_func::<i32, i32>(&mut program.store, "fail")
        .unwrap();
    assert_eq!(fail.call(&mut program.store, 4).unwrap(), 4);
    let error = fail.call(&mut program.store, 1).unwrap_err();
    assert_eq!(exit_code(&error), Some(255));
    assert_eq!(program.stderr(), "");
}

#[test]
fn traces_go_where_they_are_wanted() {
    let said = "trace: five 1, -2.5, 0.1, 1e+21, 1e-7\n\
                trace: three NaN, -Infinity, 123456789.125\n\
                trace: none\n";
    let check = |options: &Options, stdout: &str, stderr: &str| {
        let mut program = program(options);
        let tell = program
            .instance
            .typed_func::<(), ()>(&mut program.store, "tell")
            .unwrap();
        tell.call(&mut program.store, ()).unwrap();
        assert_eq!((&*program.stdout(), &*program.stderr()), (stdout, stderr));
    };
    check(&Options::new(), "", "");
    check(Options::new().trace(Trace::Stdout), said, "");
    check(Options::new().trace(Trace::Stderr), "", said);
}

#[test]
fn the_console_is_the_standard_streams() {
    let mut program = program(&Options::new());
    let talk = program
        .instance
        .typed_func::<(), ()>(&mut program.store, "talk")
        .unwrap();
    talk.call(&mut program.store, ()).unwrap();
    let long = "x".repeat(10_000);
    assert_eq!(program.stdout(), format!("log äöü\ndebug\ninfo\n{long}\n"));
    assert_eq!(program.stderr(), "warn\nerror\nAssertion failed: wrong\n");
}

#[test]
fn process_exit_ends_the_program() {
    let mut program = program(&Options::new());
    let leave = program
        .instance
        .typed_func::<i32, ()>(&mut program.store, "leave")
        .unwrap();
    let error = leave.call(&mut program.store, -7).unwrap_err();
    assert_eq!(exit_code(&error), Some(-7));
}

#[test]
fn numbers_come_from_the_context() {
    let mut program = program(&Options::new());
    let Program {
        store, instance, ..
    } = &mut program;
    for name in ["random", "hostRandom"] {
        let random = instance.typed_func::<(), f64>(store, name).unwrap();
        let numbers = [(); 4].map(|()| random.call(store, ()).unwrap());
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(
            numbers.windows(2).all(|pair| pair[0] != pair[1]),
            "{name}: {numbers:?}"
        );
    }
    let now = instance.typed_func::<(), i64>(store, "now").unwrap();
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let difference = i128::from(now.call(store, ()).unwrap()) - since_1970 as i128;
    assert!(difference.abs() < 3_600_000, "{difference} ms");
    let ticks = instance.typed_func::<(), f64>(store, "ticks").unwrap();
    let first = ticks.call(store, ()).unwrap();
    assert!(ticks.call(store, ()).unwrap() >= first);
}

/// Two programs in one process are not to have the same numbers.
#[test]
fn seeds_differ() {
    let first_of = || {
        let mut program = program(&Options::new());
        let random = program
            .instance
            .typed_func::<(), f64>(&mut program.store, "random");
        random.unwrap().call(&mut program.store, ()).unwrap()
    };
    assert_ne!(first_of().to_bits(), first_of().to_bits());
}

/// Calls each function that takes a string with pointers that are wrong in some way.
const HOSTILE: &str = r#"
    (module
      (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
      (import "env" "trace" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))
      (import "env" "console.log" (func $log (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 12) "\ff\ff\ff\ff")
      (data (i32.const 28) "\04\00\00\00h\00i\00")
      (func (export "abort") (param i32)
        (call $abort (local.get 0) (local.get 0) (i32.const -1) (i32.const 0)))
      (func (export "trace") (param i32)
        (call $trace (local.get 0) (i32.const -1)
          (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5))
        (call $trace (local.get 0) (i32.const 100)
          (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5)))
      (func (export "log") (param i32) (call $log (local.get 0))))
"#;

#[test]
fn what_is_no_string_is_shown_as_that() {
    let check = |pointer: u32, expected: [&str; 3]| {
        let mut program = Program::new(&text(HOSTILE), |linker| {
            let options = *Options::new().trace(Trace::Stderr);
            assemblyscript::add_to_linker(linker, |wasi| wasi, &options).unwrap();
        });
        let mut call = |name| {
            let Program {
                store, instance, ..
            } = &mut program;
            let func = instance.typed_func::<u32, ()>(store, name).unwrap();
            let ended = func.call(store, pointer);
            assert_eq!(ended.is_err(), name == "abort", "{ended:?}");
            program.stderr() + &program.stdout()
        };
        let said = ["abort", "trace", "log"].map(&mut call);
        let [message, file, line] = expected;
        let aborted = format!("{message} at {file}:4294967295:0\n");
        let traced = format!("trace: {line}\ntrace: {line} 1, 2, 3, 4, 5\n");
        assert_eq!(said, [aborted, traced, format!("{line}\n")], "{pointer:#x}");
    };
    check(32, ["hi"; 3]);
    check(0, ["abort", "?", "null"]);
    check(0xfffe, [""; 3]);
    check(0x1_0000, [""; 3]);
    for pointer in [1, 3, 16, 0x1_0004, 0x8000_0000, u32::MAX] {
        check(pointer, ["(not a string)"; 3]);
    }
}

#[test]
fn a_program_without_memory_aborts_too() {
    let wat = r#"
        (module
          (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
          (func (export "run")
            (call $abort (i32.const 8) (i32.const 8) (i32.const 1) (i32.const 2))))
    "#;
    let mut program = Program::new(&text(wat), |linker| {
        assemblyscript::add_to_linker(linker, |wasi| wasi, &Options::new()).unwrap();
    });
    let run = program
        .instance
        .typed_func::<(), ()>(&mut program.store, "run")
        .unwrap();
    let error = run.call(&mut program.store, ()).unwrap_err();
    assert_eq!(exit_code(&error), Some(255));
    assert_eq!(program.stderr(), "abort at ?:1:2\n");
}

/// Threads of `asc` share their memory, which is then only copied from.
#[test]
fn strings_in_shared_memories_are_found() {
    let wat = r#"
        (module
          (import "env" "console.log" (func $log (param i32)))
          (memory (export "memory") 1 1 shared)
          (data (i32.const 28) "\04\00\00\00h\00i\00")
          (func (export "run") (call $log (i32.const 32)) (call $log (i32.const 65537))))
    "#;
    let mut program = Program::new(&text(wat), |linker| {
        assemblyscript::add_to_linker(linker, |wasi| wasi, &Options::new()).unwrap();
    });
    let run = program
        .instance
        .typed_func::<(), ()>(&mut program.store, "run")
        .unwrap();
    run.call(&mut program.store, ()).unwrap();
    assert_eq!(program.stdout(), "hi\n(not a string)\n");
}

/// A guest that closes its standard error has nowhere to say it.
#[test]
fn an_abort_ends_a_program_that_has_no_standard_error() {
    let wat = r#"
        (module
          (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
          (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
          (memory (export "memory") 1)
          (func (export "run")
            (drop (call $close (i32.const 2)))
            (call $abort (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2))))
    "#;
    let mut program = Program::new(&text(wat), |linker| {
        assemblyscript::add_to_linker(linker, |wasi| wasi, &Options::new()).unwrap();
    });
    let run = program
        .instance
        .typed_func::<(), ()>(&mut program.store, "run")
        .unwrap();
    let error = run.call(&mut program.store, ()).unwrap_err();
    assert_eq!(exit_code(&error), Some(255));
    assert_eq!(program.stderr(), "");
}

#[test]
fn a_module_that_wants_these_is_known_by_names_and_types() {
    let check = |imports: &str, expected: bool| {
        let module = text(&format!("(module {imports})"));
        assert_eq!(assemblyscript::is_wanted(&module), expected, "{imports}");
    };
    check("", false);
    check(
        r#"(import "env" "abort" (func (param i32 i32 i32 i32)))"#,
        true,
    );
    check(
        r#"(import "env" "seed" (func (result f64))) (import "env" "more" (func))"#,
        true,
    );
    check(r#"(import "Date" "now" (func (result f64)))"#, true);
    check(r#"(import "env" "abort" (func))"#, false);
    check(
        r#"(import "env" "seed" (func (result f64))) (import "env" "abort" (func))"#,
        false,
    );
    check(r#"(import "env" "seed" (global f64))"#, false);
    check(
        r#"(import "index" "abort" (func (param i32 i32 i32 i32)))"#,
        false,
    );
    assert!(assemblyscript::is_wanted(&data(
        "assemblyscript/program.wasm"
    )));
    assert!(!assemblyscript::is_wanted(&data(
        "emscripten/clang-22.wasm"
    )));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut linker = precast_loader::Linker::<WasiCtx>::new(&precast_loader::Engine::default());
    linker.func("env", "trace", || ()).unwrap();
    let refused = assemblyscript::add_to_linker(&mut linker, |wasi| wasi, &Options::new());
    assert!(refused.unwrap_err().to_string().contains("trace"));
    linker.allow_shadowing(true);
    assemblyscript::add_to_linker(&mut linker, |wasi| wasi, &Options::new()).unwrap();
}
