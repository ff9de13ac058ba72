//! `precast run`.

use std::fs;
use std::path::Path;

use crate::support::{Call, Scratch, descriptor_offset, precast};

/// Writes the `n` bytes of its memory from 1024 on, where its arguments or variables are.
const PRINTER: &str = r#"
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get"
        (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get"
        (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get"
        (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $print (param $n i32)
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (local.get $n))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;

fn program(start: &str) -> String {
    format!("(module {PRINTER} (func (export \"_start\") {start}))")
}

/// Prints its arguments, each with a zero at the end.
fn print_args() -> String {
    program(
        "(drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
         (drop (call $args_get (i32.const 64) (i32.const 1024)))
         (call $print (i32.load (i32.const 20)))",
    )
}

fn run(file: &Path, before: &[&str], after: &[&str]) -> Call {
    let file = file.to_str().unwrap();
    precast([&["run"], before, &[file], after].concat())
}

#[test]
fn the_program_gets_its_name_and_arguments() {
    let scratch = Scratch::new();
    let file = scratch.file("args.wat", print_args());
    let check = |after: &[&str], expected: &str| {
        assert_eq!(
            run(&file, &[], after).succeeds(),
            format!("args.wat\0{expected}")
        );
    };
    check(&[], "");
    check(&["a", "b"], "a\0b\0");
    check(&["--", "--verify", "-O0"], "--verify\0-O0\0");
    check(&["a", "--verify", "--", "b"], "a\0--verify\0--\0b\0");
    check(&["--unknown", "-5"], "--unknown\0-5\0");
    check(&["--", "--", "a"], "--\0a\0");
}

#[test]
fn the_program_gets_the_variables_it_is_given() {
    let scratch = Scratch::new();
    let print_environment = program(
        "(drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
         (drop (call $environ_get (i32.const 64) (i32.const 1024)))
         (call $print (i32.load (i32.const 20)))",
    );
    let file = scratch.file("env.wat", print_environment);
    let check = |options: &[&str], expected: &str| {
        let call = run(&file, options, &[]).env("PRECAST_A", "inherited");
        assert_eq!(call.succeeds(), expected);
    };
    check(&[], "");
    check(&["--env", "X=1", "--env", "Y="], "X=1\0Y=\0");
    check(&["--env", "PRECAST_A"], "PRECAST_A=inherited\0");
    check(&["--env", "PRECAST_NOT_SET"], "");
}

#[test]
fn the_program_decides_the_exit_code() {
    let scratch = Scratch::new();
    for code in [0, 3, 255] {
        let exit = program(&format!("(call $proc_exit (i32.const {code}))"));
        let file = scratch.file("exit.wat", exit);
        let output = run(&file, &[], &[]).output();
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn what_a_file_is_shows_in_its_contents() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("args.wasm", &print_args(), &[]);
    assert_eq!(run(&artifact, &[], &[]).succeeds(), "args.wasm\0");
    assert_eq!(run(&artifact, &["--verify"], &[]).succeeds(), "args.wasm\0");
    let bytes = fs::read(&artifact).unwrap();
    assert_eq!(precast(["run", "-"]).stdin(bytes).succeeds(), "-\0");
}

#[test]
fn fuel_limits_what_is_executed() {
    let scratch = Scratch::new();
    let text = "(module (func (export \"times\") (param i32) (result i32)
        (loop $again
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 0)))";
    let module = scratch.file("a.wat", text);
    let counting = scratch.artifact("a.precast", text, &["--fuel"]);
    for file in [&module, &counting] {
        let call = |fuel| run(file, &["--invoke", "times", "--fuel", fuel], &["100"]);
        assert_eq!(call("501").succeeds(), "0\n");
        call("499").fails(134, &["precast: trap: all fuel consumed"]);
    }
    let not_counting = scratch.artifact("b.precast", text, &[]);
    let call = run(
        &not_counting,
        &["--invoke", "times", "--fuel", "501"],
        &["100"],
    );
    call.fails(1, &["b.precast: its code does not count fuel", "--fuel"]);
    run(&module, &["--fuel", "much"], &[]).fails(2, &["--fuel"]);
}

#[test]
fn a_trap_has_a_backtrace_and_a_code_of_its_own() {
    let parts = [
        "precast: trap: out of bounds memory access\nwasm backtrace:\n",
        "load_cell",
        "find_row",
        "read_table",
    ];
    precast(["run", "trap/trap.wat"]).fails(134, &parts);
    precast(["run", "trap/trap.wat", "--memory", "checked"]).fails(134, &parts);
    let args = ["run", "--invoke", "div_rem", "fib/fib.wat", "1", "0"];
    precast(args).fails(134, &["precast: trap: integer divide by zero"]);
}

#[test]
fn the_stack_is_as_large_as_it_is_made() {
    let scratch = Scratch::new();
    let deep = "(module (func $f (export \"f\") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0)))))";
    let file = scratch.file("deep.wat", deep);
    let call = |stack, depth| run(&file, &["--invoke", "f", "--max-stack", stack], &[depth]);
    assert_eq!(call("8M", "50000").succeeds(), "50000\n");
    assert_eq!(call("256M", "2000000").succeeds(), "2000000\n");
    call("64k", "50000").fails(134, &["precast: trap: call stack exhausted"]);
    call("8M", "100000000").fails(134, &["precast: trap: call stack exhausted"]);
    call("1", "1").fails(134, &["precast: trap: call stack exhausted"]);
}

#[test]
fn functions_are_called_with_values_of_their_types() {
    let scratch = Scratch::new();
    let text = r#"(module
        (func (export "all") (param i32 i64 f32 f64 v128 funcref externref)
            (result i32 i64 f32 f64 v128 funcref externref)
            (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6))
        (func (export "none"))
        (memory (export "memory") 1))"#;
    let file = scratch.file("all.wat", text);
    let args = ["0xffffffff", "-2", "0.1", "-inf", "0x1", "null", "null"];
    let expected = "-1\n-2\n0.1\n-inf\n0x00000000000000000000000000000001\nnull\nnull\n";
    assert_eq!(run(&file, &["--invoke", "all"], &args).succeeds(), expected);
    let dashed = [&["--"], &args[..]].concat();
    assert_eq!(
        run(&file, &["--invoke", "all"], &dashed).succeeds(),
        expected
    );
    assert_eq!(run(&file, &["--invoke", "none"], &[]).succeeds(), "");

    let call = |name, args: &[&str]| run(&file, &["--invoke", name], args);
    call("none", &["1"]).fails(1, &["takes 0 arguments, 1 were given"]);
    let wrong = ["x", "-2", "0.1", "1", "0x1", "null", "null"];
    call("all", &wrong).fails(1, &["argument 1, \"x\", is no i32"]);
    call("nine", &[]).fails(1, &["does not export \"nine\"", "\"none\": (func)"]);
    call("memory", &[]).fails(1, &["no function but (memory 1)", "\"all\": "]);
    run(&file, &[], &[]).fails(
        1,
        &["does not export \"_start\"", "--invoke", "\"none\": (func)"],
    );
}

#[test]
fn a_reactor_is_initialized_first() {
    let scratch = Scratch::new();
    let text = "(module (global $ready (mut i32) (i32.const 0))
        (func (export \"_initialize\") (global.set $ready (i32.const 7)))
        (func (export \"ready\") (result i32) (global.get $ready)))";
    let file = scratch.file("reactor.wat", text);
    assert_eq!(run(&file, &["--invoke", "ready"], &[]).succeeds(), "7\n");
}

#[test]
fn all_missing_imports_are_listed() {
    let scratch = Scratch::new();
    let text = "(module
        (import \"env\" \"log\" (func (param i32)))
        (import \"env\" \"memory\" (memory 1))
        (func (export \"_start\")))";
    let file = scratch.file("needy.wat", text);
    let parts = [
        "needy.wat",
        "\"env\" \"log\": (func (param i32))",
        "\"env\" \"memory\": (memory 1)",
    ];
    run(&file, &[], &[]).fails(1, &parts);
}

#[test]
fn what_cannot_be_run_is_named() {
    let scratch = Scratch::new();
    precast(["run", "nowhere.wasm"]).fails(1, &["precast: error: cannot open nowhere.wasm"]);
    precast(["run", "hello"]).fails(1, &["hello is a directory"]);
    precast(["run", "--dir", "nowhere", "hello/hello.wat"])
        .fails(1, &["cannot open the directory nowhere", "No such file"]);
    precast(["run", "--dir", "cases.txt::/x", "hello/hello.wat"]).fails(
        1,
        &["cannot open the directory cases.txt", "Not a directory"],
    );
    let text = scratch.file("broken.wat", "(module (func)");
    run(&text, &[], &[]).fails(1, &["broken.wat:1:"]);

    let other = match std::env::consts::ARCH {
        "aarch64" => "x86_64-unknown-linux-gnu",
        _ => "aarch64-unknown-linux-gnu",
    };
    let artifact = scratch.artifact("other.precast", &program(""), &["--target", other]);
    let mut bytes = fs::read(&artifact).unwrap();
    run(&artifact, &[], &[]).fails(1, &["other.precast", "target: the artifact is for"]);

    // With another version in the note, all that differs is listed.
    let descriptor = descriptor_offset(&bytes);
    bytes[descriptor] = 77;
    let artifact = scratch.file("later.precast", &bytes);
    let parts = [
        "format version: the artifact has 77",
        "target: the artifact is for",
    ];
    run(&artifact, &[], &[]).fails(1, &parts);

    let cut = scratch.file("cut.precast", &bytes[..1000]);
    run(&cut, &[], &[]).fails(1, &["cut.precast", "damaged artifact"]);
    let elf = scratch.file(
        "elf",
        &fs::read(env!("CARGO_BIN_EXE_precast")).unwrap()[..4096],
    );
    run(&elf, &[], &[]).fails(1, &["not a precast artifact"]);
}

#[test]
fn changed_code_is_found_with_verify() {
    let scratch = Scratch::new();
    let artifact = scratch.artifact("a.precast", &program(""), &[]);
    let mut bytes = fs::read(&artifact).unwrap();
    bytes[4096] ^= 1;
    let artifact = scratch.file("a.precast", bytes);
    run(&artifact, &["--verify"], &[]).fails(1, &["a.precast", "digest"]);
}

#[test]
fn relative_directories_are_those_of_the_shell() {
    let scratch = Scratch::new();
    scratch.file("note.txt", "one two\n");
    let wordcount = crate::support::examples().join("wordcount/wordcount.wasm");
    let args = ["run", "--dir", ".", wordcount.to_str().unwrap(), "note.txt"];
    let inside = |args: &[&str]| precast(args).current_dir(&scratch.path(""));
    assert!(inside(&args).succeeds().contains("2"));
}

#[test]
fn names_in_a_backtrace_cannot_control_the_terminal() {
    let scratch = Scratch::new();
    let text = "(module (func $\"a\\1b[31m\" (export \"_start\") unreachable))";
    let file = scratch.file("red.wat", text);
    run(&file, &[], &[]).fails(134, &["precast: trap: unreachable", "a\\u{1b}[31m"]);
}

#[test]
fn an_exception_that_nothing_catches_ends_the_program_as_a_trap_does() {
    let scratch = Scratch::new();
    let text = "(module (tag $e (param i32 f64))
        (func $thrower (throw $e (i32.const 7) (f64.const 0.5)))
        (func (export \"_start\") (call $thrower)))";
    let file = scratch.file("thrower.wat", text);
    let said = ["precast: uncaught exception: 7, 0.5", "!thrower"];
    run(&file, &[], &[]).fails(134, &said);
}

#[test]
fn calls_are_told_where_that_is_wanted() {
    let scratch = Scratch::new();
    let text = program(
        "(i32.store8 (i32.const 1024) (i32.const 104))
         (call $print (i32.const 1))
         (call $proc_exit (i32.const 3))",
    );
    let file = scratch.file("told.wat", text);
    let expected = "fd_write(1, [\"h\"]) = 1\nproc_exit(3)\n";
    let check = |option: &str, stderr: &str| {
        let output = run(&file, &["--trace", option], &[]).output();
        assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
        assert_eq!(output.stdout, b"h");
        assert_eq!(output.status.code(), Some(3));
    };
    check("wasi", expected);
    let told = scratch.file("told.txt", "what was there before");
    check(&format!("wasi={}", told.display()), "");
    assert_eq!(fs::read_to_string(&told).unwrap(), expected);

    // The guest goes on, and it is said once for all lines.
    check(
        "wasi=/dev/full",
        "precast: warning: cannot write the trace to /dev/full: No space left on device \
         (os error 28); lines of it are lost\n",
    );

    let nowhere = format!("wasi={}", scratch.path("no/such/file").display());
    run(&file, &["--trace", &nowhere], &[]).fails(1, &["cannot write ", "No such file"]);
    run(&file, &["--trace", "fuel"], &[]).fails(2, &["no \"fuel\" to trace; there is wasi"]);
}

#[test]
fn programs_of_other_compilers_find_what_they_import() {
    let scratch = Scratch::new();
    let assemblyscript = "(module
        (import \"env\" \"abort\" (func $abort (param i32 i32 i32 i32)))
        (import \"env\" \"trace\" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))
        (memory (export \"memory\") 1)
        ;; Strings are UTF-16, after their length in bytes.
        (data (i32.const 12) \"\\04\\00\\00\\00h\\00i\\00\")
        (func (export \"_start\")
            (call $trace (i32.const 16) (i32.const 1)
                (f64.const 2.5) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0))
            (call $abort (i32.const 16) (i32.const 16) (i32.const 3) (i32.const 4))))";
    let file = scratch.file("assemblyscript.wat", assemblyscript);
    run(&file, &[], &[]).fails(255, &["trace: hi 2.5\n", "hi at hi:3:4\n"]);

    let emscripten = "(module
        (import \"env\" \"emscripten_notify_memory_growth\" (func $grown (param i32)))
        (func (export \"_start\") (call $grown (i32.const 0))))";
    let file = scratch.file("emscripten.wat", emscripten);
    assert_eq!(run(&file, &[], &[]).succeeds(), "");

    // Of the same name, but something else.
    let other = "(module (import \"env\" \"abort\" (func)) (func (export \"_start\")))";
    let file = scratch.file("other.wat", other);
    run(&file, &[], &[]).fails(1, &["\"env\" \"abort\": (func)"]);
}

#[test]
fn programs_may_import_wasi_by_its_name_of_old_or_by_both() {
    let scratch = Scratch::new();
    let import = |from: &str, name: &str| {
        format!("(import {from:?} \"fd_write\" (func {name} (param i32 i32 i32 i32) (result i32)))")
    };
    let old = import("wasi_unstable", "$old");
    let new = import("wasi_snapshot_preview1", "$new");
    let write = |name: &str| {
        format!("(drop (call {name} (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))")
    };
    for (imports, calls, expected) in [
        (old.clone(), write("$old"), "a\n"),
        (new.clone(), write("$new"), "a\n"),
        (old + &new, write("$old") + &write("$new"), "a\na\n"),
    ] {
        let text = format!(
            "(module {imports} (memory (export \"memory\") 1)
                (data (i32.const 0) \"\\08\\00\\00\\00\\02\\00\\00\\00a\\n\")
                (func (export \"_start\") {calls}))"
        );
        let file = scratch.file("a.wat", text);
        let found = precast(["run", file.to_str().unwrap()]).succeeds();
        assert_eq!(found, expected);
    }
}
