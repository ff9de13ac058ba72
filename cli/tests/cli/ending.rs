//! How a guest of `precast run` is ended from outside, and terminals.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{Scratch, precast};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get"
        (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 64)
    (data (i32.const 64) "ready\n")
    (func $write (param $fd i32) (param $n i32)
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (local.get $n))
        (drop (call $fd_write
            (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func $read
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))"#;

fn program(start: &str) -> String {
    format!("(module {IMPORTS} (func $start (export \"_start\") {start}))")
}

/// Starts the guest; its input stays open and empty, and nobody reads its output by itself.
fn start(file: &Path, options: &[&str]) -> Child {
    let args = [&["run"], options, &[file.to_str().unwrap()]].concat();
    let mut command = precast(args).into_command();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for the guest's first line.
fn line(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line
}

/// The exit code, and what stands on standard error.
fn end(mut child: Child) -> (Option<i32>, String) {
    // Both pipes stay open meanwhile.
    let (_stdin, _stdout) = (child.stdin.take(), child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

#[test]
fn a_guest_is_stopped_when_its_time_is_up() {
    let scratch = Scratch::new();
    let check = |name: &str, text: &str| {
        let file = scratch.file(name, program(text));
        let (code, stderr) = end(start(&file, &["--timeout", "50ms"]));
        assert_eq!(code, Some(124), "{name}: {stderr}");
        let said = format!("precast: {}: stopped after 50ms", file.display());
        assert_eq!(stderr.lines().next(), Some(&*said), "{name}");
        stderr
    };
    let stderr = check("spins.wat", "(loop $again (br $again))");
    assert!(stderr.contains("\nwasm backtrace:\n"), "{stderr}");
    assert!(stderr.contains("spins!start"), "{stderr}");
    let stderr = check("reads.wat", "(call $read)");
    assert!(stderr.contains("reads!start"), "{stderr}");
    check(
        "writes.wat",
        "(loop $again (call $write (i32.const 1) (i32.const 6)) (br $again))",
    );
    // More than a pipe holds.
    check(
        "writes_much.wat",
        "(call $write (i32.const 1) (i32.const 4000000))",
    );
}

#[test]
fn a_guest_that_ends_in_time_decides_how() {
    let scratch = Scratch::new();
    let file = scratch.file("exits.wat", program("(call $proc_exit (i32.const 7))"));
    assert_eq!(
        end(start(&file, &["--timeout", "1h"])),
        (Some(7), String::new())
    );
    let file = scratch.file("traps.wat", program("unreachable"));
    let (code, stderr) = end(start(&file, &["--timeout", "99999999999999h"]));
    assert_eq!(code, Some(134), "{stderr}");
    assert!(stderr.starts_with("precast: trap: unreachable"), "{stderr}");
}

#[test]
fn a_guest_whose_output_nobody_reads_ends_without_a_word() {
    let scratch = Scratch::new();
    let text = program("(loop $again (call $write (i32.const 1) (i32.const 6)) (br $again))");
    let file = scratch.file("yes.wat", text);
    let mut child = start(&file, &["--timeout", "1m"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "ready\n");
    drop(stdout);
    assert_eq!(end(child), (Some(141), String::new()));
}

#[test]
fn a_guest_of_another_compiler_whose_output_nobody_reads_ends_too() {
    let scratch = Scratch::new();
    let text = "(module
        (import \"env\" \"console.log\" (func $log (param i32)))
        (memory (export \"memory\") 1)
        (data (i32.const 12) \"\\04\\00\\00\\00h\\00i\\00\")
        (func (export \"_start\") (loop $again (call $log (i32.const 16)) (br $again))))";
    let file = scratch.file("logs.wat", text);
    let mut child = start(&file, &["--timeout", "1m"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "hi\n");
    drop(stdout);
    assert_eq!(end(child), (Some(141), String::new()));
}

#[test]
fn a_guest_whose_messages_nobody_reads_ends_too() {
    let scratch = Scratch::new();
    let text = program(
        "(call $write (i32.const 1) (i32.const 6))
         (loop $again (call $write (i32.const 2) (i32.const 6)) (br $again))",
    );
    let file = scratch.file("complains.wat", text);
    let mut child = start(&file, &["--timeout", "1m"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "ready\n");
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn what_the_command_says_and_nobody_reads_is_no_error() {
    let scratch = Scratch::new();
    let text = "(module (func (export \"f\") (result i32) (i32.const 42)))";
    let module = scratch.file("result.wat", text);
    let artifact = scratch.artifact("result.precast", text, &[]);
    let check = |args: &[&str], file: &Path| {
        let mut command = precast(args).into_command();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = command.arg(file).stdout(writer).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    };
    check(&["run", "--invoke", "f"], &module);
    check(&["inspect"], &artifact);
    check(&["--help"], Path::new("run"));
}

#[test]
fn signals_end_the_process_as_they_end_any_other() {
    use std::os::unix::process::ExitStatusExt as _;

    let scratch = Scratch::new();
    let check = |name: &str, then: &str| {
        let text = program(&format!("(call $write (i32.const 1) (i32.const 6)) {then}"));
        let file = scratch.file(name, text);
        let mut child = start(&file, &["--timeout", "1m"]);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(line(&mut stdout), "ready\n");
        let process = child.id().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &process]).status().unwrap().success());
        // Not by the way: it would close the guest's input, which might end it.
        let _stdin = child.stdin.take();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(15), "{name}: {status}");
        let mut stderr = String::new();
        child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "", "{name}");
    };
    check("spins.wat", "(loop $again (br $again))");
    check("reads.wat", "(call $read)");
}
