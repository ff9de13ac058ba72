//! Guests stopped from outside: wherever they are, as often as one likes, and usable afterwards.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use precast_loader::{
    AsStoreMut, Caller, Engine, Error, Extern, Instance, InterruptHandle, Linker, Store, TrapCode,
};
use precast_tests::{module, trap_code};

const GUEST: &str = r#"
    (module $guest
      (import "host" "call" (func $call (param i32)))
      (memory (export "memory") 1 65536)
      (func (export "answer") (result i32) (i32.const 42))
      (func $loop (export "loop") (loop (br 0)))
      (tag $e)
      (func $throw (throw $e))
      (func $throwing (export "throw_for_ever")
        (loop $again
          (block $caught (result exnref)
            (try_table (catch_ref $e $caught) (call $throw))
            (unreachable))
          (drop)
          (br $again)))
      (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
          (then (i32.const 1))
          (else (i32.add
            (call $fib (i32.sub (local.get 0) (i32.const 1)))
            (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
      (func $main (export "main") (loop (drop (call $fib (i32.const 20))) (br 0)))
      (func (export "call_host") (param i32)
        (call $call (local.get 0)))
      (func $calling (export "call_host_for_ever")
        (loop (call $call (i32.const 0)) (br 0)))
      (func (export "fill") (param $bytes i32)
        (loop (memory.fill (i32.const 0) (i32.const 7) (local.get $bytes)) (br 0)))
      (func (export "fill_all") (memory.fill (i32.const 0) (i32.const 7) (i32.const -1)))
      (func (export "copy_all")
        (memory.copy (i32.const 65536) (i32.const 0) (i32.const -131072)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
"#;

type Hook = Box<dyn Fn(&mut Caller<'_, Host>) -> Result<(), Error> + Send + Sync>;

/// What the guest's calls of the host do.
struct Host {
    hook: Option<Arc<Hook>>,
}

fn guest_with(hook: Option<Hook>) -> (Store<Host>, Instance) {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    linker
        .func(
            "host",
            "call",
            |mut caller: Caller<'_, Host>, _: i32| match caller.data().hook.clone() {
                Some(hook) => hook(&mut caller),
                None => Ok(()),
            },
        )
        .unwrap();
    let hook = hook.map(Arc::new);
    let mut store = Store::new(&engine, Host { hook });
    let module = module(&engine, GUEST);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn guest() -> (Store<Host>, Instance) {
    guest_with(None)
}

fn run(store: &mut impl AsStoreMut, instance: Instance, name: &str) -> Result<(), Error> {
    instance.typed_func::<(), ()>(store, name)?.call(store, ())
}

fn answers(store: &mut Store<Host>, instance: Instance) {
    let answer = instance.typed_func::<(), i32>(store, "answer").unwrap();
    assert_eq!(answer.call(store, ()).unwrap(), 42);
}

/// Interrupts from another thread, at a time that differs from case to case.
fn interrupt_soon(handle: InterruptHandle, microseconds: u64) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_micros(microseconds));
        handle.interrupt();
    })
}

#[test]
fn every_kind_of_endless_guest_is_interrupted_and_can_be_called_again() {
    let (mut store, instance) = guest();
    let handle = store.interrupt_handle().unwrap();
    for name in ["loop", "main", "call_host_for_ever", "throw_for_ever"] {
        for microseconds in [0, 1, 50, 1_000, 5_000] {
            let other = interrupt_soon(handle.clone(), microseconds);
            let error = run(&mut store, instance, name).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::Interrupted), "{name}");
            other.join().unwrap();
            answers(&mut store, instance);
        }
    }
}

#[test]
fn a_deadline_stands_until_it_is_replaced_or_cleared() {
    let (mut store, instance) = guest();
    for name in ["loop", "main", "call_host_for_ever", "throw_for_ever"] {
        store.set_timeout(Duration::from_millis(3)).unwrap();
        let error = run(&mut store, instance, name).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
        let answer = instance
            .typed_func::<(), i32>(&mut store, "answer")
            .unwrap();
        let error = answer.call(&mut store, ()).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
        store.set_timeout(Duration::from_secs(3600)).unwrap();
        answers(&mut store, instance);
        store.set_deadline(Instant::now()).unwrap();
        assert!(answer.call(&mut store, ()).is_err(), "the time is over");
        store.set_timeout(Duration::MAX).unwrap();
        answers(&mut store, instance);
        store.clear_deadline();
        answers(&mut store, instance);
    }
}

#[test]
fn operations_on_four_gibibytes_are_interrupted() {
    let (mut store, instance) = guest();
    let grow = instance.typed_func::<i32, i32>(&mut store, "grow").unwrap();
    assert_eq!(grow.call(&mut store, 65_535).unwrap(), 1);
    let handle = store.interrupt_handle().unwrap();
    for name in ["fill_all", "copy_all"] {
        for microseconds in [0, 100, 3_000] {
            let other = interrupt_soon(handle.clone(), microseconds);
            let error = run(&mut store, instance, name).unwrap_err();
            let trap = error.trap().expect("a trap");
            assert_eq!(trap.code(), TrapCode::Interrupted);
            other.join().unwrap();
            answers(&mut store, instance);
        }
    }
    let fill = instance.typed_func::<i32, ()>(&mut store, "fill").unwrap();
    let other = interrupt_soon(handle, 20_000);
    let error = fill.call(&mut store, 100 << 20).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
    other.join().unwrap();
}

#[test]
fn what_is_out_of_bounds_still_says_so_after_an_interruption() {
    let (mut store, instance) = guest();
    let handle = store.interrupt_handle().unwrap();
    let fill = instance.typed_func::<i32, ()>(&mut store, "fill").unwrap();
    let other = interrupt_soon(handle, 2_000);
    let error = fill.call(&mut store, 65_536).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
    other.join().unwrap();
    let error = fill.call(&mut store, 65_537).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
}

#[test]
fn an_interrupt_while_the_host_function_runs_ends_the_guest_when_it_returns() {
    let slot = Arc::new(Mutex::new(None::<InterruptHandle>));
    let hook: Hook = Box::new({
        let slot = Arc::clone(&slot);
        move |_| {
            slot.lock().unwrap().as_ref().unwrap().interrupt();
            Ok(())
        }
    });
    let (mut store, instance) = guest_with(Some(hook));
    *slot.lock().unwrap() = Some(store.interrupt_handle().unwrap());
    let call = instance
        .typed_func::<i32, ()>(&mut store, "call_host")
        .unwrap();
    let error = call.call(&mut store, 1).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
    let frames = error.backtrace().unwrap().frames();
    assert_eq!(frames.len(), 1, "{error}");
    answers(&mut store, instance);
}

#[test]
fn an_interrupt_before_a_call_stops_that_call_alone() {
    let (mut store, instance) = guest();
    let handle = store.interrupt_handle().unwrap();
    handle.interrupt();
    handle.interrupt();
    let error = run(&mut store, instance, "loop").unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
    assert!(error.backtrace().unwrap().is_empty());
    answers(&mut store, instance);
}

#[test]
fn guests_that_a_host_function_calls_are_stopped_too() {
    for same_store in [true, false] {
        let hook: Hook = Box::new(move |caller| {
            if same_store {
                let main = caller.get_export("main").and_then(Extern::func).unwrap();
                main.typed::<(), ()>(caller)?.call(caller, ())
            } else {
                let (mut inner, instance) = guest();
                run(&mut inner, instance, "loop")
            }
        });
        let (mut store, instance) = guest_with(Some(hook));
        let handle = store.interrupt_handle().unwrap();
        let call = instance
            .typed_func::<i32, ()>(&mut store, "call_host")
            .unwrap();
        for microseconds in [0, 300, 4_000] {
            let other = interrupt_soon(handle.clone(), microseconds);
            let error = call.call(&mut store, 1).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
            other.join().unwrap();
            answers(&mut store, instance);
        }
    }
}

#[test]
fn a_host_function_that_swallows_the_interruption_cannot_keep_the_guest_running() {
    let calls = Arc::new(AtomicU32::new(0));
    let hook: Hook = Box::new({
        let calls = Arc::clone(&calls);
        move |caller| {
            calls.fetch_add(1, Ordering::SeqCst);
            let endless = caller.get_export("loop").and_then(Extern::func).unwrap();
            let _swallowed = endless.typed::<(), ()>(caller)?.call(caller, ());
            Ok(())
        }
    });
    let (mut store, instance) = guest_with(Some(hook));
    store.set_timeout(Duration::from_millis(5)).unwrap();
    let error = run(&mut store, instance, "call_host_for_ever").unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// Wherever in a function the interrupt comes, frames are those that stand: `main`, then a chain
/// of `fib`.
#[test]
fn backtraces_are_whole_wherever_the_guest_is_interrupted() {
    let (mut store, instance) = guest();
    let handle = store.interrupt_handle().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let interrupter = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::SeqCst) {
                handle.interrupt();
                std::thread::sleep(Duration::from_micros(40));
            }
        }
    });
    for _ in 0..2_000 {
        let error = run(&mut store, instance, "main").unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
        let frames = error.backtrace().unwrap().frames();
        let names: Vec<_> = frames
            .iter()
            .filter_map(|frame| frame.func_name())
            .collect();
        assert_eq!(names.len(), frames.len());
        let Some((last, inner)) = names.split_last() else {
            continue; // stopped before it began
        };
        assert_eq!(*last, "main", "{error}");
        assert!(
            inner.len() <= 21 && inner.iter().all(|&name| name == "fib"),
            "{error}"
        );
        assert!(
            frames.iter().all(|frame| frame.wasm_offset().is_some()),
            "{error}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    interrupter.join().unwrap();
}

#[test]
fn many_stores_share_the_timer() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..10 {
                    let (mut store, instance) = guest();
                    let timeout = Duration::from_micros(100 * (thread + 1) * round);
                    store.set_timeout(timeout).unwrap();
                    let error = run(&mut store, instance, "main").unwrap_err();
                    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
                }
            });
        }
    });
}

#[test]
fn a_handle_outlives_its_store() {
    let (mut store, _) = guest();
    let handle = store.interrupt_handle().unwrap();
    store.set_timeout(Duration::from_millis(1)).unwrap();
    drop(store);
    handle.interrupt();
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(format!("{handle:?}"), "InterruptHandle { .. }");
}

#[test]
fn a_guest_that_sleeps_is_woken() {
    let sleeping = r#"
        (module
          (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "sleep") (result i32)
            ;; One subscription to the monotonic clock, for an hour.
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 3600000000000))
            (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
    "#;
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |wasi| wasi).unwrap();
    let mut store = Store::new(&engine, precast_wasi::WasiCtx::builder().build().unwrap());
    let module = module(&engine, sleeping);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    store.set_timeout(Duration::from_millis(2)).unwrap();
    let sleep = instance.typed_func::<(), i32>(&mut store, "sleep").unwrap();
    let error = sleep.call(&mut store, ()).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
}

#[test]
fn a_start_function_has_a_deadline_too() {
    let engine = Engine::default();
    let endless = module(&engine, "(module (func $f (loop (br 0))) (start $f))");
    let mut store = Store::new(&engine, ());
    store.set_timeout(Duration::from_millis(2)).unwrap();
    let error = Linker::new(&engine)
        .instantiate(&mut store, &endless)
        .unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
}
