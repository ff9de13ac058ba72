//! Calls of WASI by modules: under their names of today and of old, and told of in a trace.

use std::fs;
use std::path::PathBuf;

use precast_loader::{Engine, Error, LinkError, Linker, Store};
use precast_tests::module;
use precast_wasi::{Exit, OutputBuffer, WasiCtx};

/// What a program wrote, what was told of it, and how it ended.
struct Outcome {
    stdout: Vec<u8>,
    trace: String,
    ended: Result<(), Error>,
}

/// Runs `_start` with a directory that holds the file `file`, of ten bytes.
fn run(name: &str, wat: &str) -> Outcome {
    let folder = std::env::temp_dir().join(format!("precast-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let folder = Folder(folder);
    fs::write(folder.0.join("file"), "0123456789").unwrap();
    let [stdout, trace] = [(); 2].map(|()| OutputBuffer::new(1 << 16));
    let context = WasiCtx::builder()
        .stdout(stdout.clone())
        .trace(trace.clone())
        .preopened_dir(&folder.0, "/")
        .build()
        .unwrap();
    let engine = Engine::default();
    let module = module(&engine, wat);
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let mut store = Store::new(&engine, context);
    let ended = linker
        .instantiate(&mut store, &module)
        .and_then(|instance| instance.typed_func::<(), ()>(&mut store, "_start"))
        .and_then(|start| start.call(&mut store, ()));
    Outcome {
        stdout: stdout.take(),
        trace: String::from_utf8(trace.take()).unwrap(),
        ended,
    }
}

/// A directory that is gone when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // One that is left over does not fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Calls each function that was different once, the way it was. Results come out as 16 bytes each:
/// positions after seeking from the start, from there, and from the end, and nothing; file type and
/// number of links, and size, by descriptor and by path; user data, error and type of the event of
/// a clock, and of a stream.
///
/// wasmtime 48 (`wasmtime run --dir FOLDER`) writes the same.
const UNSTABLE: &str = r#"
(module
  (import "wasi_unstable" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_filestat_get" (func $fd_stat (param i32 i32) (result i32)))
  (import "wasi_unstable" "path_filestat_get"
    (func $path_stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "file")
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))
  (func $copy (param $to i32) (param $from i32)
    (memory.copy (local.get $to) (local.get $from) (i32.const 16)))
  (func (export "_start")
    (local $fd i32)
    ;; fd_read, fd_seek, fd_tell, fd_filestat_get
    (call $check (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 4) (i32.const 0)
      (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 0)))
    (local.set $fd (i32.load (i32.const 0)))

    (call $check (call $seek (local.get $fd) (i64.const 4) (i32.const 2) (i32.const 1000)))
    (call $check (call $seek (local.get $fd) (i64.const 3) (i32.const 0) (i32.const 1008)))
    (call $check (call $seek (local.get $fd) (i64.const -1) (i32.const 1) (i32.const 1016)))

    ;; At the very end of memory, where 56 bytes have room and no more.
    (call $check (call $fd_stat (local.get $fd) (i32.const 65480)))
    (call $copy (i32.const 1032) (i32.const 65496))
    (memory.fill (i32.const 65480) (i32.const 0) (i32.const 56))
    (call $check (call $path_stat (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 4)
      (i32.const 65480)))
    (call $copy (i32.const 1048) (i32.const 65496))

    ;; A clock: user data, type, identifier, id, timeout, precision, flags.
    (i64.store (i32.const 65480) (i64.const 17))
    (i64.store (i32.const 65488) (i64.const 0))
    (i64.store (i32.const 65496) (i64.const 99))
    (i64.store (i32.const 65504) (i64.const 1))
    (i64.store (i32.const 65512) (i64.const 1000000))
    (i64.store (i32.const 65520) (i64.const 0))
    (i64.store (i32.const 65528) (i64.const 0))
    (call $check (call $poll (i32.const 65480) (i32.const 2000) (i32.const 1) (i32.const 0)))
    (call $copy (i32.const 1064) (i32.const 2000))
    ;; A stream: user data, type, descriptor.
    (i64.store (i32.const 65480) (i64.const 18))
    (i64.store (i32.const 65488) (i64.const 2))
    (i64.store (i32.const 65496) (i64.const 1))
    (call $check (call $poll (i32.const 65480) (i32.const 2000) (i32.const 1) (i32.const 0)))
    (call $copy (i32.const 1080) (i32.const 2000))

    (i32.store (i32.const 8) (i32.const 1000))
    (i32.store (i32.const 12) (i32.const 96))
    (call $check (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))
    (call $exit (i32.const 7))))
"#;

#[test]
fn programs_of_old_get_what_they_expect() {
    let outcome = run("unstable", UNSTABLE);
    let exit = outcome.ended.unwrap_err();
    assert_eq!(exit.downcast_ref::<Exit>(), Some(&Exit(7)));
    let regular_file_with_one_link = 4 | 1 << 32;
    let expected: [u64; 12] = [
        4,
        7,
        9,
        0,
        regular_file_with_one_link,
        10,
        regular_file_with_one_link,
        10,
        17,
        0,
        18,
        2 << 16,
    ];
    assert_eq!(
        outcome.stdout,
        expected.map(u64::to_le_bytes).as_flattened()
    );
}

#[test]
fn calls_are_told_of_in_order() {
    let trace = run("trace", UNSTABLE).trace;
    // What differs from machine to machine.
    let lines = trace.lines().map(|line| match line.split_once(" = {dev=") {
        Some((call, _)) => format!("{call} = {{…}}"),
        None => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    let bytes = r#"\x04\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\t"#.to_owned()
        + &r"\x00".repeat(15);
    let expected = [
        "path_open(3, SYMLINK_FOLLOW, \"file\", 0, FD_READ|FD_SEEK|FD_TELL|FD_FILESTAT_GET, 0, 0) = 4",
        "fd_seek(4, 4, SEEK_SET) = 4",
        "fd_seek(4, 3, SEEK_CUR) = 7",
        "fd_seek(4, -1, SEEK_END) = 9",
        "fd_filestat_get(4) = {…}",
        "path_filestat_get(3, SYMLINK_FOLLOW, \"file\") = {…}",
        "poll_oneoff([clock MONOTONIC +1000000ns userdata=0x11]) = 1 [clock userdata=0x11]",
        "poll_oneoff([write 1 userdata=0x12]) = 1 [write userdata=0x12]",
        &format!("fd_write(1, [\"{bytes}\"…]) = 96"),
        "proc_exit(7)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_trace_changes_nothing_for_programs_without_memory() {
    let outcome = run(
        "no-memory",
        r#"
        (module
          (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
          (import "wasi_snapshot_preview1" "sock_shutdown"
            (func $shutdown (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
          (func (export "_start")
            (drop (call $yield))
            (drop (call $shutdown (i32.const 9) (i32.const 2)))
            (drop (call $random (i32.const 0) (i32.const 0)))))
        "#,
    );
    let error = outcome.ended.unwrap_err().to_string();
    assert!(error.contains("must export its memory"), "{error}");
    assert_eq!(
        outcome.trace,
        "sched_yield() = 0\n\
         sock_shutdown(9, WR) = EBADF (Bad file descriptor.)\n"
    );
}

#[test]
fn both_names_have_what_was_there_when_they_were_given() {
    let mut linker = Linker::<WasiCtx>::new(&Engine::default());
    precast_wasi::add_to_linker(&mut linker, |context| context).unwrap();
    let names_of = |wanted: &str| -> Vec<&str> {
        let names = linker.names().filter(|(module, _)| *module == wanted);
        names.map(|(_, name)| name).collect()
    };
    let mut of_today = names_of("wasi_snapshot_preview1");
    assert_eq!(of_today.len(), 46);
    of_today.retain(|name| *name != "sock_accept");
    assert_eq!(names_of("wasi_unstable"), of_today);
}

#[test]
fn functions_have_the_types_of_the_specification() {
    let outcome = run("types", include_str!("../data/wasi/imports.wat"));
    outcome.ended.unwrap();
    assert_eq!(outcome.trace, "");
}

#[test]
fn functions_are_defined_once() {
    let mut linker = Linker::<WasiCtx>::new(&Engine::default());
    precast_wasi::add_to_linker(&mut linker, |context| context).unwrap();
    let again = precast_wasi::add_to_linker(&mut linker, |context| context);
    assert!(matches!(
        again,
        Err(Error::Link(LinkError::AlreadyDefined { .. }))
    ));
    linker.allow_shadowing(true);
    precast_wasi::add_to_linker(&mut linker, |context| context).unwrap();
}
