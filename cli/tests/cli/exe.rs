//! `precast compile --emit exe`: programs that are one file.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Call, Scratch, precast, spawn};

/// Writes its arguments, each ended by a zero byte, then its environment, then what it reads; ends
/// with 7.
const ECHO: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get"
        (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get"
        (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get"
        (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get"
        (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 2)
    (func $print (param $at i32) (param $n i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $n))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start")
        (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $args_get (i32.const 64) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20)))
        (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $environ_get (i32.const 64) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20)))
        (i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 60000))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $print (i32.const 4096) (i32.load (i32.const 8)))
        (call $proc_exit (i32.const 7))))"#;

const TRAP: &str = r#"(module (func $deep (unreachable)) (func (export "_start") (call $deep)))"#;

/// Makes the program `name` of a module in text form.
fn program(scratch: &Scratch, name: &str, text: &str, options: &[&str]) -> PathBuf {
    let path = scratch.path(name);
    let args = [
        "compile",
        "--emit",
        "exe",
        "-",
        "-o",
        path.to_str().unwrap(),
    ];
    precast([&args, options].concat()).stdin(text).succeeds();
    path
}

/// The program must end with 7, having printed that.
#[track_caller]
fn echoes(program: &Path, call: Call, expected: &str) {
    let output = call.output();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(7));
    let expected = format!("{}\0{expected}", program.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_program_needs_no_other_file_and_all_arguments_are_its_own() {
    let scratch = Scratch::new();
    let made = program(&scratch, "made", ECHO, &[]);
    let alone = Scratch::new();
    let path = alone.path("alone");
    fs::rename(made, &path).unwrap();
    let call = Call::of(&path).env("PATH", "").current_dir(&alone.path(""));
    let args = ["--version", "--", "-x", ""];
    echoes(
        &path,
        call.args(args).stdin("read"),
        "--version\0--\0-x\0\0read",
    );
    assert_eq!(alone.names(), ["alone"]);
}

#[test]
fn a_program_gets_what_was_granted_when_it_was_made() {
    let scratch = Scratch::new();
    let options = ["--env", "A=1", "--env", "B", "--env", "NOT_SET"];
    let path = program(&scratch, "app", ECHO, &options);
    let call = || Call::of(&path).env("B", "2").env("C", "3");
    echoes(&path, call(), "A=1\0B=2\0");
    let path = program(&scratch, "all", ECHO, &["--env-inherit", "--env", "C=4"]);
    let output = Call::of(&path).env("B", "2").env("C", "3").output();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.ends_with("\0B=2\0C=4\0"), "{stdout:?}");

    // Directories are looked for when the program runs.
    let path = program(&scratch, "files", ECHO, &["--dir", "data"]);
    Call::of(&path)
        .current_dir(&scratch.path(""))
        .fails(1, &["cannot open the directory data"]);
    fs::create_dir(scratch.path("data")).unwrap();
    let call = Call::of(&path).current_dir(&scratch.path(""));
    echoes(&path, call, "");
}

#[test]
fn a_program_can_have_other_names() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", ECHO, &[]);
    let (linked, symbolic) = (scratch.path("linked"), scratch.path("symbolic"));
    fs::hard_link(&path, &linked).unwrap();
    symlink(&path, &symbolic).unwrap();
    for path in [linked, symbolic] {
        echoes(&path, Call::of(&path), "");
    }
    // Found by the shell, which hands on the name only.
    let call = Call::of(Path::new("/bin/sh")).env("PATH", scratch.path(""));
    let output = call.args(["-c", "app; exit $?"]).output();
    assert_eq!(output.stdout, b"app\0");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_program_that_traps_says_what_run_says() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", TRAP, &[]);
    let artifact = scratch.artifact("app.precast", TRAP, &[]);
    let output = Call::of(&path).output();
    let expected = precast(["run", artifact.to_str().unwrap()]).output();
    assert_eq!(output.status.code(), Some(134));
    let (found, expected) = (output.stderr, expected.stderr);
    assert_eq!(
        String::from_utf8_lossy(&found),
        String::from_utf8_lossy(&expected)
    );
    assert!(String::from_utf8_lossy(&found).contains("deep"));
}

#[test]
fn a_program_uses_the_stack_that_it_was_given() {
    let scratch = Scratch::new();
    let text = r#"(module
        (func $deep (param i32)
            (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (call $deep (i32.const 400000))))"#;
    let path = program(&scratch, "small", text, &["--max-stack", "64k"]);
    Call::of(&path).fails(134, &["call stack exhausted"]);
    let path = program(&scratch, "large", text, &["--max-stack", "64M"]);
    Call::of(&path).succeeds();
}

#[test]
fn a_program_whose_output_nobody_reads_ends_as_others_do() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", ECHO, &[]);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = Call::of(&path).into_command();
    let command = command.stdin(Stdio::null()).stdout(writer);
    let child = spawn(command.stderr(Stdio::piped()));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_program_without_standard_streams_gets_none_of_its_own_files_for_them() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", ECHO, &[]);
    let call = Call::of(Path::new("/bin/sh")).args(["-c", "\"$0\" <&-"]);
    let output = call.args([&path]).output();
    // It reads nothing, least of all the artifact.
    let expected = format!("{}\0", path.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_program_survives_being_stripped() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", ECHO, &[]);
    for tool in ["strip", "llvm-strip", "eu-strip"] {
        let stripped = scratch.path(tool);
        fs::copy(&path, &stripped).unwrap();
        match Command::new(tool).arg(&stripped).output() {
            // Not everybody has all of them.
            Err(_) => continue,
            Ok(output) => assert!(output.status.success(), "{tool}: {output:?}"),
        }
        echoes(&stripped, Call::of(&stripped), "");
    }
}

#[test]
fn a_program_that_is_damaged_or_cut_says_so() {
    let scratch = Scratch::new();
    let path = program(&scratch, "app", TRAP, &[]);
    let whole = fs::read(&path).unwrap();
    // What ends so last is the trailer, but for the name of the section.
    let magic = whole
        .windows(9)
        .rposition(|part| part[0] != b'.' && part.ends_with(b"precast\0"));
    let trailer_end = magic.unwrap() + 9;
    let check = |name: &str, change: &dyn Fn(&mut Vec<u8>), part: &str| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        let path = scratch.file(name, bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Call::of(&path).fails(1, &["precast: error: ", name, part]);
    };
    check(
        "magic",
        &|it| it[trailer_end - 1] ^= 1,
        "the trailer of a program",
    );
    check(
        "options",
        &|it| it[trailer_end - 33] ^= 1,
        "not what they were",
    );
    check("lengths", &|it| it[trailer_end - 32] ^= 1, "do not fill it");
    check(
        "cut",
        &|it| it.truncate(trailer_end - 1),
        "shorter than it was",
    );
    check(
        "short",
        &|it| it.truncate(trailer_end - 2000),
        "shorter than it was",
    );
    let note_head = b"\x01\0\0\0precast\0";
    let note = whole.windows(12).rposition(|part| part == note_head);
    let note = note.unwrap() + 20;
    check("note", &|it| it[note] ^= 1, "damaged artifact");
}

#[test]
fn programs_are_written_as_other_outputs_are() {
    let scratch = Scratch::new();
    scratch.file("app.wat", ECHO);
    let compile = |args: &[&str]| {
        let args = [&["compile", "--emit", "exe", "app.wat"], args].concat();
        precast(args).current_dir(&scratch.path(""))
    };
    compile(&[]).succeeds();
    assert_eq!(scratch.names(), ["app", "app.wat"]);
    let mode = |name| {
        fs::metadata(scratch.path(name))
            .unwrap()
            .permissions()
            .mode()
    };
    // The user's umask takes the same from both.
    assert_eq!(mode("app") & 0o666, mode("app.wat") & 0o666);
    assert_eq!(mode("app") & 0o100, 0o100);
    let bytes = compile(&["-o", "-"]).succeeds_with_bytes();
    assert_eq!(bytes, fs::read(scratch.path("app")).unwrap());
    // While it runs, too: another file takes its place.
    compile(&[]).succeeds();
    fs::copy(scratch.path("app.wat"), scratch.path("bare")).unwrap();
    let args = ["compile", "--emit", "exe", "bare"];
    let call = precast(args).current_dir(&scratch.path(""));
    call.fails(1, &["would replace the module"]);
}

#[test]
fn what_cannot_become_a_program_is_refused() {
    let scratch = Scratch::new();
    let fails = |args: &[&str], text: &str, code, parts: &[&str]| {
        let args = [&["compile", "-", "-o", "out"], args].concat();
        let call = precast(args).current_dir(&scratch.path(""));
        call.stdin(text).fails(code, parts);
    };
    let exe = ["--emit", "exe"];
    fails(
        &exe,
        "(module)",
        1,
        &["standard input", "does not export \"_start\""],
    );
    fails(&["--dir", "."], "(module)", 2, &["for --emit exe"]);
    let arm = [&exe[..], &["--target", "aarch64-unknown-linux-gnu"]].concat();
    fails(&arm, TRAP, 2, &["aarch64", "--runner"]);
    let own_runner = env!("CARGO_BIN_EXE_precast-runner");
    let wrong = [&arm[..], &["--runner", own_runner]].concat();
    fails(
        &wrong,
        TRAP,
        1,
        &["precast-runner", "another kind of machine"],
    );

    let none = [&exe[..], &["--runner", "none"]].concat();
    fails(&none, TRAP, 1, &["cannot read the runner none"]);
    let precast = env!("CARGO_BIN_EXE_precast");
    let other = [&exe[..], &["--runner", precast]].concat();
    fails(&other, TRAP, 1, &["not a runner", "no note"]);
    let made = program(&scratch, "made", TRAP, &[]);
    let again = [&exe[..], &["--runner", made.to_str().unwrap()]].concat();
    fails(&again, TRAP, 1, &["not a runner", "a program already"]);
    let text = scratch.file("text", "#!/bin/sh");
    let script = [&exe[..], &["--runner", text.to_str().unwrap()]].concat();
    fails(&script, TRAP, 1, &["not a runner", "ELF"]);

    let mut old = fs::read(own_runner).unwrap();
    let note = b"precast\0\x03\0\0\0";
    let at = old.windows(note.len()).position(|part| part == note);
    old[at.unwrap() + 8] = 2;
    let old = scratch.file("old", old);
    let older = [&exe[..], &["--runner", old.to_str().unwrap()]].concat();
    fails(&older, TRAP, 1, &["a runner of another version"]);
    assert!(!scratch.path("out").exists());
}

#[test]
fn a_runner_without_a_program_says_what_it_is() {
    let runner = Path::new(env!("CARGO_BIN_EXE_precast-runner"));
    Call::of(runner).fails(1, &["precast: error: ", "--emit exe"]);
}

#[test]
fn a_command_without_a_runner_says_where_to_get_one() {
    let scratch = Scratch::new();
    let alone = scratch.path("precast");
    // Not a link, behind which the runner is.
    fs::copy(env!("CARGO_BIN_EXE_precast"), &alone).unwrap();
    let call = Call::of(&alone).args(["compile", "--emit", "exe", "-", "-o", "out"]);
    call.current_dir(&scratch.path(""))
        .stdin(TRAP)
        .fails(1, &["precast-runner", "cargo build", "--runner"]);
}

#[test]
fn what_is_in_a_program_can_be_inspected_and_compared() {
    let scratch = Scratch::new();
    let program = program(&scratch, "app", TRAP, &[]);
    let program = program.to_str().unwrap();
    let described = precast(["inspect", program]).succeeds();
    assert!(
        described.contains("app (the artifact in it)"),
        "{described}"
    );
    assert!(described.contains("_start"), "{described}");
    scratch.file("app.wat", TRAP);
    let module = scratch.path("app.wat");
    precast(["compile", "-q", module.to_str().unwrap()]).succeeds();
    let artifact = scratch.path("app.precast");
    precast(["diff", program, artifact.to_str().unwrap()]).succeeds();
    for (command, other) in [("run", "an artifact"), ("compile", "a WebAssembly module")] {
        let expected = format!("app is a program, which runs by itself, not {other}");
        precast([command, program]).fails(1, &[&expected]);
    }
}
