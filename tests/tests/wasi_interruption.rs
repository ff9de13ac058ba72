//! Guests of WASI that block in the host are stopped from outside, whatever they block in.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use precast_loader::{Engine, Linker, Store, TrapCode, TypedFunc};
use precast_tests::{module, trap_code};
use precast_wasi::{WasiCtx, WasiCtxBuilder};

/// Each function blocks for ever. Buffers are listed at 0, results go to 16.
const GUEST: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_accept"
        (func $sock_accept (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_recv"
        (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_send"
        (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 2)
      (data (i32.const 0) "\00\01\00\00\00\00\01\00") ;; 65,536 bytes at 256

      ;; For an hour by the monotonic clock.
      (func (export "sleep")
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (i64.const 3600000000000))
        (call $check (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 16))))

      ;; Until something can be read, or for an hour.
      (func (export "poll") (param $fd i32)
        (i32.store8 (i32.const 120) (i32.const 1))
        (i32.store (i32.const 128) (local.get $fd))
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (i64.const 3600000000000))
        (call $check (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 16))))

      (func (export "read") (param $fd i32)
        (call $check (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16))))

      (func (export "write") (param $fd i32)
        (loop $again
          (call $check (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16)))
          (br $again)))

      (func $accept (export "accept")
        (call $check (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16))))

      (func (export "receive") (param $flags i32)
        (call $accept)
        (call $check (call $sock_recv (i32.load (i32.const 16)) (i32.const 0) (i32.const 1)
          (local.get $flags) (i32.const 20) (i32.const 24))))

      (func (export "send")
        (call $accept)
        (loop $again
          (call $check (call $sock_send (i32.load (i32.const 16)) (i32.const 0) (i32.const 1)
            (i32.const 0) (i32.const 20)))
          (br $again)))

      (func $check (param i32) (if (local.get 0) (then (unreachable)))))
"#;

/// A store with the guest, which has what `builder` gives.
fn guest(builder: &mut WasiCtxBuilder) -> (Store<WasiCtx>, precast_loader::Instance) {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |wasi| wasi).unwrap();
    let mut store = Store::new(&engine, builder.build().unwrap());
    let module = module(&engine, GUEST);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// Where the kernel says how this thread is.
fn own_status() -> String {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    format!("/proc/{}/stat", thread.display())
}

/// Whether the thread waits for something in the kernel.
fn is_blocked(status: &str) -> bool {
    let status = std::fs::read_to_string(status).unwrap();
    let (_, after_name) = status.rsplit_once(") ").unwrap();
    after_name.starts_with('S')
}

/// Calls the function, which blocks, and stops it in both ways. `prepare` is done before each call.
fn check(
    builder: &mut WasiCtxBuilder,
    name: &str,
    argument: Option<i32>,
    mut prepare: impl FnMut(),
) {
    let (mut store, instance) = guest(builder);
    let handle = store.interrupt_handle().unwrap();
    let call = |store: &mut Store<WasiCtx>| match argument {
        Some(argument) => {
            let function: TypedFunc<i32, ()> = instance.typed_func(&mut *store, name).unwrap();
            function.call(store, argument).unwrap_err()
        }
        None => {
            let function: TypedFunc<(), ()> = instance.typed_func(&mut *store, name).unwrap();
            function.call(store, ()).unwrap_err()
        }
    };
    for _ in 0..3 {
        prepare();
        let status = own_status();
        let handle = handle.clone();
        let other = std::thread::spawn(move || {
            while !is_blocked(&status) {
                std::thread::yield_now();
            }
            handle.interrupt();
        });
        let error = call(&mut store);
        assert_eq!(
            trap_code(&error),
            Some(TrapCode::Interrupted),
            "{name}: {error}"
        );
        other.join().unwrap();
    }
    for milliseconds in [0, 1, 10] {
        prepare();
        store
            .set_timeout(Duration::from_millis(milliseconds))
            .unwrap();
        let error = call(&mut store);
        let expected = Some(TrapCode::DeadlineExceeded);
        assert_eq!(trap_code(&error), expected, "{name}: {error}");
    }
}

fn reader(pipe: PipeReader) -> File {
    OwnedFd::from(pipe).into()
}

fn writer(pipe: PipeWriter) -> File {
    OwnedFd::from(pipe).into()
}

/// A context with a socket that listens, and what connects to it.
fn listening() -> (WasiCtxBuilder, impl Fn() -> TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut builder = WasiCtx::builder();
    builder.listener(listener);
    (builder, move || TcpStream::connect(address).unwrap())
}

#[test]
fn a_sleeping_guest_is_stopped() {
    check(&mut WasiCtx::builder(), "sleep", None, || ());
}

#[test]
fn a_guest_that_reads_an_empty_pipe_is_stopped() {
    let (read_end, _writer) = std::io::pipe().unwrap();
    let mut builder = WasiCtx::builder();
    check(builder.stdin_file(reader(read_end)), "read", Some(0), || ());
}

#[test]
fn a_guest_that_writes_to_a_full_pipe_is_stopped() {
    let (_reader, write_end) = std::io::pipe().unwrap();
    let mut builder = WasiCtx::builder();
    check(
        builder.stdout_file(writer(write_end)),
        "write",
        Some(1),
        || (),
    );
}

#[test]
fn a_guest_that_waits_for_several_things_is_stopped() {
    let (read_end, _writer) = std::io::pipe().unwrap();
    let mut builder = WasiCtx::builder();
    check(builder.stdin_file(reader(read_end)), "poll", Some(0), || ());
    let (mut builder, _connect) = listening();
    check(&mut builder, "poll", Some(3), || ());
}

#[test]
fn a_guest_that_accepts_where_nobody_connects_is_stopped() {
    let (mut builder, _connect) = listening();
    check(&mut builder, "accept", None, || ());
}

#[test]
fn a_guest_that_receives_from_a_silent_peer_is_stopped() {
    const PEEK: i32 = 1;
    const WAITALL: i32 = 2;
    for flags in [0, PEEK] {
        let (mut builder, connect) = listening();
        let mut peers = Vec::new();
        check(&mut builder, "receive", Some(flags), || {
            peers.push(connect())
        });
    }
    // With nothing and with less than all.
    for flags in [WAITALL, WAITALL | PEEK] {
        for sent in [&b""[..], b"abc"] {
            let (mut builder, connect) = listening();
            let mut peers = Vec::new();
            check(&mut builder, "receive", Some(flags), || {
                peers.push(connect());
                peers.last_mut().unwrap().write_all(sent).unwrap();
            });
        }
    }
}

#[test]
fn a_guest_that_sends_to_a_peer_that_does_not_read_is_stopped() {
    let (mut builder, connect) = listening();
    let mut peers = Vec::new();
    check(&mut builder, "send", None, || peers.push(connect()));
}
