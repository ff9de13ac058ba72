//! Tail calls between instances, under a listener, and stopped in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use precast_compiler::Options;
use precast_loader::{
    Call, Config, Engine, Error, Instance, Linker, Listener, Store, TrapCode, Val,
};
use precast_tests::{Compiled, load, module, options, trap_code, wasm};

/// Calls itself by way of another instance, with parameters on the stack one time and few the
/// next.
const PING: &str = r#"
    (module
      (type $many (func (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
      (import "pong" "pong" (func $pong (type $many)))
      (import "pong" "table" (table $table 1 funcref))
      (elem (table $table) (i32.const 0) func $ping)
      (func $ping (export "ping") (param $left i32) (param $sum i64) (result i64)
        (if (i32.eqz (local.get $left)) (then (return (local.get $sum))))
        (return_call $pong (local.get $left) (local.get $sum)
          (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
          (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10))))
"#;

const PONG: &str = r#"
    (module
      (type $few (func (param i32 i64) (result i64)))
      (table $table (export "table") 1 funcref)
      (global $calls (export "calls") (mut i64) (i64.const 0))
      (func (export "pong")
          (param $left i32) (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
        (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
        (return_call_indirect $table (type $few)
          (i32.sub (local.get $left) (i32.const 1))
          (i64.add (local.get 1) (i64.add (local.get 2) (local.get 11)))
          (i32.const 0))))
"#;

fn ping_pong(max_stack_bytes: usize) -> (Store<()>, Instance, Instance) {
    let engine = Engine::new(Config::new().max_stack_bytes(max_stack_bytes));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let pong = linker
        .instantiate(&mut store, &module(&engine, PONG))
        .unwrap();
    linker.instance(&mut store, "pong", pong).unwrap();
    let ping = linker
        .instantiate(&mut store, &module(&engine, PING))
        .unwrap();
    (store, ping, pong)
}

#[test]
fn instances_call_one_another_in_constant_stack() {
    let (mut store, ping, pong) = ping_pong(8 << 10);
    let func = ping
        .typed_func::<(i32, i64), i64>(&mut store, "ping")
        .unwrap();
    assert_eq!(func.call(&mut store, (1_000_000, 5)).unwrap(), 11_000_005);
    let calls = pong.global(&mut store, "calls").unwrap();
    assert_eq!(calls.get(&mut store).i64(), Some(1_000_000));
}

#[test]
fn endless_tail_calls_can_be_stopped_anywhere() {
    let (mut store, ping, _) = ping_pong(64 << 10);
    let func = ping
        .typed_func::<(i32, i64), i64>(&mut store, "ping")
        .unwrap();
    let handle = store.interrupt_handle().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let stopping = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                handle.interrupt();
                std::thread::yield_now();
            }
        })
    };
    for _ in 0..300 {
        let error = func.call(&mut store, (-1, 0)).unwrap_err();
        let Error::Trap(trap) = error else {
            panic!("{error}");
        };
        assert_eq!(trap.code(), TrapCode::Interrupted);
        // No more than the function that was running, and what it may have been between.
        assert!(trap.backtrace().frames().len() <= 2);
    }
    done.store(true, Ordering::Relaxed);
    stopping.join().unwrap();
}

/// Writes down what it is told.
struct Log;

impl Listener<Vec<String>> for Log {
    fn before(&self, call: &mut Call<'_, Vec<String>>, _: &[Val]) {
        let line = format!("{} > {call}", call.depth());
        call.data_mut().push(line);
    }

    fn after(&self, call: &mut Call<'_, Vec<String>>, _: &[Val]) {
        let line = format!("{} < {call}", call.depth());
        call.data_mut().push(line);
    }

    fn tail_call(&self, call: &mut Call<'_, Vec<String>>) {
        let line = format!("{} . {call}", call.depth());
        call.data_mut().push(line);
    }

    fn abort(&self, call: &mut Call<'_, Vec<String>>) {
        let line = format!("{} ! {call}", call.depth());
        call.data_mut().push(line);
    }
}

#[test]
fn a_listener_is_told_of_functions_that_end_with_tail_calls() {
    let wat = r#"
        (module
          (import "host" "log" (func $log))
          (func $a (export "a") (call $b) (return_call $b))
          (func $b (return_call $log))
          (func $trap (export "trap") (return_call $c))
          (func $c unreachable))
    "#;
    let options = Options {
        listeners: true,
        ..options()
    };
    let engine = Engine::default();
    let module = load(&engine, &Compiled::new(&wasm(wat), &options).unwrap()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func("host", "log", || ()).unwrap();
    let mut store = Store::new(&engine, Vec::new());
    store.set_listener(Log);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let mut told = |name| {
        let func = instance.typed_func::<(), ()>(&mut store, name).unwrap();
        let outcome = func.call(&mut store, ());
        (outcome, std::mem::take(store.data_mut()).join("\n"))
    };
    let (outcome, lines) = told("a");
    outcome.unwrap();
    let expected = [
        "0 > module!a",
        "1 > module!b",
        "1 . module!b",
        "1 > host!log",
        "1 < host!log",
        "0 . module!a",
        "0 > module!b",
        "0 . module!b",
        "0 > host!log",
        "0 < host!log",
    ];
    assert_eq!(lines, expected.join("\n"));
    let (outcome, lines) = told("trap");
    assert_eq!(
        trap_code(&outcome.unwrap_err()),
        Some(TrapCode::Unreachable)
    );
    assert_eq!(
        lines,
        "0 > module!trap\n0 . module!trap\n0 > module!c\n0 ! module!c"
    );
}
