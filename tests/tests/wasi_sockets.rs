//! Servers as guests: connections of the host's are accepted, read and written by compiled code.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use precast_loader::{Engine, Linker, Store};
use precast_tests::module;
use precast_wasi::WasiCtx;

/// Sends back what each connection sends, to any number of them at once, until `$connections` have ended.
///
/// ```text
/// 0      16         32      64                     0x4000       0x8000
/// | iovec | results  |       | subscriptions        | events     | bytes
/// ```
///
/// Subscription 0 is for the socket that listens, descriptor 3. The user data is the index.
const ECHO: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_accept"
        (func $sock_accept (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_recv"
        (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_close"
        (func $fd_close (param i32) (result i32)))
      (memory (export "memory") 1)
      (global $subscriptions (mut i32) (i32.const 0))

      (func $serve (export "serve") (param $connections i32)
        (local $events i32) (local $event i32)
        (call $subscribe (i32.const 3))
        (loop $wait
          (call $check (call $poll_oneoff
            (i32.const 64) (i32.const 0x4000) (global.get $subscriptions) (i32.const 16)))
          (local.set $events (i32.load (i32.const 16)))
          ;; From the last on, so that those that end can be replaced by the last.
          (loop $next
            (local.set $events (i32.sub (local.get $events) (i32.const 1)))
            (local.set $event
              (i32.add (i32.const 0x4000) (i32.shl (local.get $events) (i32.const 5))))
            (call $check (i32.load16_u offset=8 (local.get $event)))
            (if (i32.load (local.get $event))
              (then (local.set $connections (i32.sub (local.get $connections)
                (call $answer (i32.load (local.get $event))))))
              (else
                (call $check (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 24)))
                (call $subscribe (i32.load (i32.const 24)))))
            (br_if $next (local.get $events)))
          (br_if $wait (local.get $connections))))

      ;; Whether the connection has ended.
      (func $answer (param $index i32) (result i32)
        (local $subscription i32) (local $fd i32) (local $count i32)
        (local.set $subscription (call $subscription (local.get $index)))
        (local.set $fd (i32.load offset=16 (local.get $subscription)))
        (i64.store (i32.const 0) (i64.const 0x4000_0000_8000)) ;; 0x4000 bytes at 0x8000
        (call $check (call $sock_recv (local.get $fd)
          (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 24) (i32.const 28)))
        (local.set $count (i32.load (i32.const 24)))
        (if (local.get $count)
          (then
            (i32.store (i32.const 4) (local.get $count))
            (call $check (call $fd_write (local.get $fd)
              (i32.const 0) (i32.const 1) (i32.const 24)))
            (return (i32.const 0))))
        (call $check (call $fd_close (local.get $fd)))
        (global.set $subscriptions (i32.sub (global.get $subscriptions) (i32.const 1)))
        (i32.store offset=16 (local.get $subscription)
          (i32.load offset=16 (call $subscription (global.get $subscriptions))))
        (i32.const 1))

      ;; Adds a subscription to what the descriptor can be read for.
      (func $subscribe (param $fd i32)
        (local $at i32)
        (local.set $at (call $subscription (global.get $subscriptions)))
        (i64.store (local.get $at) (i64.extend_i32_u (global.get $subscriptions)))
        (i32.store offset=8 (local.get $at) (i32.const 1))
        (i32.store offset=16 (local.get $at) (local.get $fd))
        (global.set $subscriptions (i32.add (global.get $subscriptions) (i32.const 1))))

      (func $subscription (param $index i32) (result i32)
        (i32.add (i32.const 64) (i32.mul (local.get $index) (i32.const 48))))

      (func $check (param i32) (if (local.get 0) (then (unreachable)))))
"#;

/// Accepts a connection and writes to it, as a file or as a socket, until nobody takes it (`pipe`, 64).
const WRITES: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "sock_accept"
        (func $sock_accept (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_send"
        (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\00\01\00\00\00\01\00\00") ;; 256 bytes at 256
      (func (export "serve") (param $as_file i32)
        (drop (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)))
        (loop $again
          (br_if $again (i32.ne (i32.const 64)
            (if (result i32) (local.get $as_file)
              (then (call $fd_write (i32.load (i32.const 16))
                (i32.const 0) (i32.const 1) (i32.const 20)))
              (else (call $sock_send (i32.load (i32.const 16))
                (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 20)))))))))
"#;

/// A server whose `serve` is called with `argument`, and where to reach it.
fn serve(guest: &'static str, argument: i32) -> (std::thread::JoinHandle<()>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        precast_wasi::add_to_linker(&mut linker, |wasi| wasi).unwrap();
        let ctx = WasiCtx::builder().listener(listener).build().unwrap();
        let mut store = Store::new(&engine, ctx);
        let instance = linker
            .instantiate(&mut store, &module(&engine, guest))
            .unwrap();
        let serve = instance.typed_func::<i32, ()>(&mut store, "serve").unwrap();
        serve.call(&mut store, argument).unwrap();
    });
    (server, address)
}

#[test]
fn a_server_answers_several_clients_at_once() {
    const CLIENTS: u8 = 30;
    let (server, address) = serve(ECHO, CLIENTS.into());
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push((number, TcpStream::connect(address).unwrap()));
    }
    for round in 0..3u8 {
        for (number, client) in &mut clients {
            let sent = [*number, round].repeat(100);
            client.write_all(&sent).unwrap();
            let mut answer = vec![0; sent.len()];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, sent);
        }
    }
    // In an order that is not theirs.
    clients.sort_by_key(|(number, _)| number % 7);
    for (_, mut client) in clients {
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    server.join().unwrap();
}

#[test]
fn megabytes_pass_through_a_server() {
    let (server, address) = serve(ECHO, 1);
    let client = TcpStream::connect(address).unwrap();
    let sent: Vec<u8> = (0..4_000_000u32)
        .map(|at| (at * 7 + at / 251) as u8)
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut answer = Vec::new();
        (&client).read_to_end(&mut answer).unwrap();
        assert!(answer == sent);
    });
    server.join().unwrap();
}

#[test]
fn writing_to_a_peer_that_is_gone_sends_the_host_no_signal() {
    // Programs in Rust ignore it from the start; others embed the loader too.
    // SAFETY: The default action is no handler. Nothing else in this process writes where nobody reads.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    for as_file in [0, 1] {
        let (server, address) = serve(WRITES, as_file);
        drop(TcpStream::connect(address).unwrap());
        server.join().unwrap();
    }
}
