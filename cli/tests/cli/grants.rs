//! What a guest of `precast run` is given, and that it is given nothing else.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Call, Scratch, precast};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "args_sizes_get"
        (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get"
        (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get"
        (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get"
        (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get"
        (func $fd_prestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
        (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get"
        (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_create_directory"
        (func $path_create_directory (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $print (param $at i32) (param $n i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $n))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;

const AGAIN: i32 = 6;
const BADF: i32 = 8;
const ROFS: i32 = 69;

fn program(start: &str) -> String {
    format!("(module {IMPORTS} (data (i32.const 512) \"made\") (func (export \"_start\") {start}))")
}

/// Prints its environment, each variable with a zero at the end.
fn print_environment() -> String {
    program(
        "(drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
         (drop (call $environ_get (i32.const 64) (i32.const 1024)))
         (call $print (i32.const 1024) (i32.load (i32.const 20)))",
    )
}

fn run(file: &Path, options: &[&str]) -> Call {
    precast([&["run"], options, &[file.to_str().unwrap()]].concat())
}

#[test]
fn nothing_is_given_unasked() {
    let scratch = Scratch::new();
    // The exit code counts: one argument, no variable, three descriptors.
    let text = program(
        "(drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
         (drop (call $environ_sizes_get (i32.const 24) (i32.const 28)))
         (loop $next
            (if (i32.eqz (call $fd_fdstat_get (i32.load (i32.const 32)) (i32.const 64)))
                (then (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
                    (br $next))))
         (call $proc_exit (i32.add
            (i32.load (i32.const 32))
            (i32.add
                (i32.mul (i32.load (i32.const 24)) (i32.const 10))
                (i32.mul (i32.load (i32.const 16)) (i32.const 100)))))",
    );
    let file = scratch.file("counts.wat", text);
    let check = |options: &[&str], expected| {
        let output = run(&file, options).env("PRECAST_A", "1").output();
        assert_eq!(output.status.code(), Some(expected), "{options:?}");
        assert!(output.stderr.is_empty());
    };
    check(&[], 103);
    check(&["--env", "X=1", "--dir", "."], 114);
}

#[test]
fn a_directory_has_the_name_and_the_access_that_it_was_given() {
    let scratch = Scratch::new();
    // Prints the directory's name and exits with what making another in it gives.
    let text = program(
        "(drop (call $fd_prestat_get (i32.const 3) (i32.const 16)))
         (drop (call $fd_prestat_dir_name
            (i32.const 3) (i32.const 1024) (i32.load (i32.const 20))))
         (call $print (i32.const 1024) (i32.load (i32.const 20)))
         (call $proc_exit
            (call $path_create_directory (i32.const 3) (i32.const 512) (i32.const 4)))",
    );
    let file = scratch.file("makes.wat", text);
    let check = |given: &str, host: &str, guest: &str, code: i32| {
        let host = scratch.path(host);
        fs::create_dir(&host).unwrap();
        let output = run(&file, &["--dir", given])
            .current_dir(&scratch.path(""))
            .output();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{given}");
        assert_eq!(output.status.code(), Some(code), "{given}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), guest, "{given}");
        assert_eq!(host.join("made").exists(), code == 0, "{given}");
        fs::remove_dir_all(host).unwrap();
    };
    check("a", "a", "a", 0);
    check("a:rw", "a", "a", 0);
    check("a:ro", "a", "a", ROFS);
    check("a::/b:ro", "a", "/b", ROFS);
    check("a::/b:rw", "a", "/b", 0);
    check("a::ro", "a", "ro", 0);
    check("x:ro::x", "x:ro", "x", 0);
    check("x:ro:rw", "x:ro", "x:ro", 0);
    check("./x:ro:ro", "x:ro", "./x:ro", ROFS);
    check("a::b::c", "a::b", "c", 0);
}

#[test]
fn the_environment_is_inherited_if_that_is_wanted() {
    let scratch = Scratch::new();
    let file = scratch.file("env.wat", print_environment());
    let check = |options: &[&str], expected: &str| {
        let call = run(&file, options).env_clear().env("A", "1").env("B", "2");
        assert_eq!(call.succeeds(), expected);
    };
    check(&["--env-inherit"], "A=1\0B=2\0");
    check(&["--env", "A=3", "--env-inherit"], "A=3\0B=2\0");
    check(
        &["--env-inherit", "--env", "C=3", "--env", "C"],
        "A=1\0B=2\0C=3\0",
    );
}

#[test]
fn a_variable_that_is_not_utf8_is_an_error_if_it_was_named() {
    let scratch = Scratch::new();
    let file = scratch.file("env.wat", print_environment());
    let call = |options: &[&str]| {
        let call = run(&file, options).env_clear().env("A", "1");
        call.env("ODD", OsStr::from_bytes(b"secret\xff"))
    };
    let output = call(&["--env-inherit"]).output();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(output.stdout, b"A=1\0");
    let warning = "precast: warning: the guest does not get the variable ODD: it is not UTF-8\n";
    assert_eq!(stderr, warning);
    call(&["--env", "ODD"]).fails(1, &["the value of the variable ODD is not UTF-8"]);
    assert_eq!(
        call(&["--env", "ODD=x"]).succeeds(),
        "ODD=x\0",
        "its own value does not matter"
    );
}

#[test]
fn a_fixed_clock_and_a_seed_make_runs_repeatable() {
    let scratch = Scratch::new();
    // Prints the time twice, then random bytes.
    let text = program(
        "(drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 1024)))
         (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 1032)))
         (drop (call $random_get (i32.const 1040) (i32.const 16)))
         (call $print (i32.const 1024) (i32.const 32))",
    );
    let file = scratch.file("chance.wat", text);
    let printed = |options: &[&str]| run(&file, options).succeeds_with_bytes();
    let time = |bytes: &[u8]| u64::from_le_bytes(bytes[..8].try_into().unwrap());

    let options = ["--fixed-clock", "946684800", "--random-seed", "7"];
    let first = printed(&options);
    assert_eq!(first, printed(&options));
    assert_eq!(time(&first), 946_684_800_000_000_000);
    assert_eq!(time(&first[8..]), 946_684_800_000_001_000);
    let other_seed = printed(&["--fixed-clock", "946684800", "--random-seed", "8"]);
    assert_eq!(first[..16], other_seed[..16]);
    assert_ne!(first[16..], other_seed[16..]);
    let last = printed(&["--fixed-clock", "18446744073"]);
    assert_eq!(time(&last), 18_446_744_073_000_000_000);
    assert_ne!(
        printed(&[]),
        printed(&[]),
        "time and chance of the system's"
    );
}

#[test]
fn a_guest_takes_connections_where_it_may_listen() {
    let scratch = Scratch::new();
    // Writes to the first connection, and exits with the error of taking it.
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sock_accept"
            (func $sock_accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\06\00\00\00")
        (data (i32.const 64) "hello\n")
        (func (export "_start") (local $error i32)
            (local.set $error
                (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)))
            (drop (call $fd_write
                (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $proc_exit (local.get $error))))"#;
    let file = scratch.file("server.wat", text);
    for address in ["127.0.0.1:0", "localhost:0"] {
        let mut command = run(&file, &["--timeout", "1m", "--listen", address]).into_command();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let bound = line.trim_end().strip_prefix("precast: listening at ");
        let mut connection = TcpStream::connect(bound.expect(&line)).unwrap();
        let mut received = String::new();
        connection.read_to_string(&mut received).unwrap();
        assert_eq!(received, "hello\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let refused = |options: &[&str], errno, said: &[&str]| run(&file, options).fails(errno, said);
    refused(&["--listen", "127.0.0.1:0,nonblock"], AGAIN, &["listening"]);
    refused(&[], BADF, &[]);
    let elsewhere = "192.0.2.1:8080";
    refused(
        &["--listen", elsewhere],
        1,
        &["cannot listen at 192.0.2.1:8080"],
    );
}
