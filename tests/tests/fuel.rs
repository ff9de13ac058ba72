//! Fuel: what guests use is counted by hand here, and the same however they are compiled.

use precast_compiler::Options;
use precast_loader::{Caller, Engine, Error, Extern, Instance, Linker, Module, Store, TrapCode};
use precast_tests::{Compiled, load, options, run, trap_code, wasm};

/// A store has more than any of these tests uses.
const PLENTY: u64 = 1 << 40;

/// The module, compiled to count.
fn counting(engine: &Engine, wat: &str, options: &Options) -> Module {
    let mut options = options.clone();
    options.tunables.fuel = true;
    let compiled = Compiled::new(&wasm(wat), &options).unwrap();
    let module = load(engine, &compiled).unwrap();
    assert!(module.counts_fuel());
    module
}

fn instance(wat: &str) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let module = counting(&engine, wat, &options());
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// Calls an export from i32 to nothing with so much fuel, and gives what is left with the outcome.
fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    param: i32,
    fuel: u64,
) -> (Result<(), Error>, u64) {
    let func = instance.typed_func::<i32, ()>(store, name).unwrap();
    store.set_fuel(fuel);
    let outcome = func.call(store, param);
    (outcome, store.fuel())
}

const COUNTED: &str = r#"
    (module
      (memory 1 3)
      (table $t 64 100 funcref)
      (elem declare func $helper)
      (global $g (mut i32) (i32.const 0))
      (func $helper (param i32) (global.set $g (local.get 0)))

      (func (export "empty") (param i32))

      (func (export "structure") (param i32)
        nop (block (loop nop)) (block $out))

      (func (export "straight") (param i32)
        (global.set $g (i32.add (local.get 0) (i32.const 1))))

      (func (export "arms") (param i32)
        (if (local.get 0)
          (then (global.set $g (i32.const 1)))
          (else nop)))

      (func (export "joined") (param i32)
        (if (local.get 0)
          (then (global.set $g (i32.const 1)) (global.set $g (i32.const 2)))
          (else (global.set $g (i32.const 3))))
        (block $out (br_if $out (local.get 0)) (global.set $g (i32.const 4)))
        (global.set $g (i32.const 5)))

      (func (export "late") (param i32)
        (global.set $g (i32.const 1))
        (loop $again
          (br_if $again
            (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))

      (func (export "times") (param i32)
        (loop $again
          (br_if $again
            (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))

      (func (export "switch") (param i32)
        (block $b (block $a
          (br_table $a $b (local.get 0)))
          (global.set $g (i32.const 5))
          (return))
        (global.set $g (i32.const 6))
        (global.set $g (i32.const 7)))

      (func $down (export "down") (param i32)
        (if (local.get 0)
          (then (call $down (i32.sub (local.get 0) (i32.const 1))))))

      (func (export "traps") (param i32)
        (global.set $g (i32.div_u (i32.const 1) (local.get 0)))
        (global.set $g (i32.const 1))
        (call $helper (i32.const 1))
        (global.set $g (i32.const 1)))

      (tag $e (param i32))
      (func $throw (param i32) (throw $e (local.get 0)))
      (func (export "catches") (param i32)
        (block $caught (result i32)
          (try_table (catch $e $caught)
            (call $throw (local.get 0))
            (global.set $g (i32.const 1)))
          (unreachable))
        (global.set $g))

      (func (export "fill") (param i32)
        (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))
      (func (export "copy") (param i32)
        (memory.copy (i32.const 0) (i32.const 1) (local.get 0)))
      (func (export "fill_table") (param i32)
        (table.fill $t (i32.const 0) (ref.null func) (local.get 0)))
      (func (export "grow") (param i32)
        (drop (memory.grow (local.get 0))))
      (func (export "grow_table") (param i32)
        (drop (table.grow $t (ref.func $helper) (local.get 0)))))
"#;

/// Function, parameter, what it uses, counted by hand, and whether it traps.
const COUNTS: &[(&str, i32, u64, Option<TrapCode>)] = &[
    ("empty", 0, 0, None),
    ("structure", 0, 0, None),
    ("straight", 0, 4, None),
    // Two here, two in the other, and one for what is caught.
    ("catches", 0, 5, None),
    // The condition and the `if`; then two more, or none.
    ("arms", 1, 4, None),
    ("arms", 0, 2, None),
    // Two, four, two, two; or two, two, two, two, two.
    ("joined", 1, 10, None),
    ("joined", 0, 10, None),
    ("late", 1, 2 + 5, None),
    ("late", 100, 2 + 500, None),
    ("times", 1, 5, None),
    ("times", 1000, 5000, None),
    // Two; then two and the `return`; or four.
    ("switch", 0, 5, None),
    ("switch", 1, 6, None),
    // Six with the call, and two where it ends.
    ("down", 0, 2, None),
    ("down", 10, 62, None),
    // Four, two, two with the call; two in the callee; two behind the call.
    ("traps", 1, 12, None),
    ("traps", 0, 8, Some(TrapCode::IntegerDivideByZero)),
    ("fill", 63, 4, None),
    ("fill", 64, 5, None),
    ("fill", 65536, 4 + 1024, None),
    ("fill", 65537, 4 + 1024, Some(TrapCode::MemoryOutOfBounds)),
    ("copy", 6400, 4 + 100, None),
    ("fill_table", 7, 4, None),
    ("fill_table", 64, 4 + 8, None),
    ("fill_table", 72, 4 + 9, Some(TrapCode::TableOutOfBounds)),
    ("grow", 0, 2, None),
    ("grow", 2, 2 + 2048, None),
    ("grow", 1, 2, None),
    ("grow", -1, 2, None),
    ("grow_table", 36, 3 + 4, None),
    ("grow_table", 1, 3, None),
    ("grow_table", -1, 3, None),
];

#[test]
fn what_is_used_is_what_was_counted_by_hand_in_every_configuration() {
    for configuration in run::configurations() {
        let engine = Engine::default();
        let module = counting(&engine, COUNTED, &configuration.options);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for &(name, param, expected, trap) in COUNTS {
            let (outcome, left) = call(&mut store, instance, name, param, PLENTY);
            let what = format!("{name} {param}, {}", configuration.name);
            assert_eq!(outcome.err().and_then(|e| trap_code(&e)), trap, "{what}");
            assert_eq!(PLENTY - left, expected, "{what}");
        }
    }
}

#[test]
fn exactly_enough_is_enough() {
    let (mut store, instance) = instance(COUNTED);
    for (name, param, needed) in [("times", 10, 50), ("down", 10, 62), ("fill", 640, 14)] {
        let (outcome, left) = call(&mut store, instance, name, param, needed);
        outcome.unwrap();
        assert_eq!(left, 0, "{name}");
        let (outcome, left) = call(&mut store, instance, name, param, needed - 1);
        let code = trap_code(&outcome.unwrap_err());
        assert_eq!(code, Some(TrapCode::OutOfFuel), "{name}");
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn what_never_ends_is_ended_and_can_go_on_later() {
    let (mut store, instance) = instance(
        r#"(module
          (global $g (mut i32) (i32.const 0))
          (func $work (global.set $g (i32.add (global.get $g) (i32.const 1))))
          (func (export "spin") (param i32) (loop $l (br $l)))
          (func (export "late") (param i32) (global.set $g (i32.const 1)) (loop $l (br $l)))
          (func (export "nested") (param i32) (loop $a (loop $b (loop $c (br $a)))))
          (func (export "calls") (param i32) (loop $l (call $work) (br $l)))
          (func $recurse (export "recurse") (param i32) (call $recurse (local.get 0)))
          (func $one (export "one") (param i32) (call $other (local.get 0)))
          (func $other (param i32) (block (br_if 0 (i32.eqz (local.get 0)))) (call $one (i32.const 1)))
          (func (export "done") (param i32) (call $work)))"#,
    );
    for name in ["spin", "late", "nested", "calls", "recurse", "one"] {
        let (outcome, left) = call(&mut store, instance, name, 1, 10_000);
        let code = trap_code(&outcome.unwrap_err());
        assert_eq!(code, Some(TrapCode::OutOfFuel), "{name}");
        assert_eq!(left, 0, "{name}");
        let (outcome, left) = call(&mut store, instance, "done", 0, 10_000);
        outcome.unwrap();
        assert_eq!(left, 10_000 - 5);
    }
}

#[test]
fn a_bulk_operator_beyond_the_limit_does_nothing() {
    let (mut store, instance) = instance(
        r#"(module
          (memory (export "memory") 16)
          (func (export "fill") (param i32)
            (memory.fill (i32.const 0) (i32.const 7) (local.get 0))))"#,
    );
    let memory = instance.memory(&mut store, "memory").unwrap();
    let (outcome, _) = call(&mut store, instance, "fill", 1 << 20, 1 << 13);
    assert_eq!(trap_code(&outcome.unwrap_err()), Some(TrapCode::OutOfFuel));
    let mut byte = [1];
    memory.read(&store, 0, &mut byte).unwrap();
    assert_eq!(byte, [0]);
}

#[test]
fn a_store_without_a_limit_and_a_module_that_does_not_count_run_on() {
    let (mut store, instance) = instance(COUNTED);
    let times = instance.typed_func::<i32, ()>(&mut store, "times").unwrap();
    times.call(&mut store, 1000).unwrap();
    assert_eq!(store.fuel(), u64::MAX);

    let (mut store, instance) = precast_tests::instance(COUNTED);
    let (outcome, left) = call(&mut store, instance, "times", 1000, 10);
    outcome.unwrap();
    assert_eq!(left, 10);
}

/// Two instances of one store, and the host between them.
const NESTED: &str = r#"
    (module
      (import "host" "down" (func $down (param i32)))
      (func (export "guest") (param i32)
        (if (local.get 0)
          (then (call $down (i32.sub (local.get 0) (i32.const 1)))))))
"#;

/// Per level: condition and `if`, three and the call.
const PER_LEVEL: u64 = 6;

fn nested(fuel: u64, depth: i32) -> (Result<(), Error>, Vec<u64>, u64) {
    let engine = Engine::default();
    let module = counting(&engine, NESTED, &options());
    let mut linker = Linker::new(&engine);
    linker
        .func(
            "host",
            "down",
            |mut caller: Caller<'_, (Vec<u64>, Vec<Instance>)>, depth: i32| {
                let left = caller.fuel();
                let (seen, instances) = caller.data_mut();
                seen.push(left);
                // The other instance, by turns.
                let instance = instances[depth as usize % 2];
                let guest = instance
                    .get_export(&mut caller, "guest")
                    .and_then(Extern::func);
                let guest = guest.unwrap().typed::<i32, ()>(&mut caller)?;
                guest.call(&mut caller, depth)
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, (Vec::new(), Vec::new()));
    let instances = [(); 2].map(|()| linker.instantiate(&mut store, &module).unwrap());
    store.data_mut().1 = instances.to_vec();
    let guest = instances[depth as usize % 2];
    let guest = guest.typed_func::<i32, ()>(&mut store, "guest").unwrap();
    store.set_fuel(fuel);
    let outcome = guest.call(&mut store, depth);
    let left = store.fuel();
    (outcome, store.into_data().0, left)
}

#[test]
fn instances_share_fuel_and_the_host_sees_what_has_been_used() {
    let (outcome, seen, left) = nested(1000, 4);
    outcome.unwrap();
    let expected: Vec<u64> = (1..=4).map(|level| 1000 - PER_LEVEL * level).collect();
    assert_eq!(seen, expected);
    assert_eq!(left, 1000 - 4 * PER_LEVEL - 2);
}

#[test]
fn running_out_ends_every_level() {
    let (outcome, seen, left) = nested(2 * PER_LEVEL + 1, 50);
    let error = outcome.unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::OutOfFuel));
    assert_eq!(seen.len(), 2);
    assert_eq!(left, 0);
    assert_eq!(error.backtrace().unwrap().frames().len(), 3);
}

#[test]
fn a_host_function_can_use_up_and_refill() {
    let engine = Engine::default();
    let wat = r#"(module
        (import "host" "work" (func $work (param i32)))
        (func (export "f") (param i32) (call $work (local.get 0)) (loop (nop))
          (drop (i32.const 0))))"#;
    let module = counting(&engine, wat, &options());
    let mut linker = Linker::new(&engine);
    linker
        .func("host", "work", |mut caller: Caller<'_, ()>, units: i32| {
            if units < 0 {
                caller.set_fuel(100);
                return Ok(());
            }
            caller.use_fuel(units as u64)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let (outcome, left) = call(&mut store, instance, "f", 50, 100);
    outcome.unwrap();
    assert_eq!(left, 100 - 2 - 50 - 1);
    let (outcome, left) = call(&mut store, instance, "f", 99, 100);
    assert_eq!(trap_code(&outcome.unwrap_err()), Some(TrapCode::OutOfFuel));
    assert_eq!(left, 0);
    let (outcome, left) = call(&mut store, instance, "f", -1, 2);
    outcome.unwrap();
    assert_eq!(left, 99);
}

#[test]
fn a_guest_gains_nothing_from_a_host_that_uses_up_more_than_there_is() {
    let (mut store, instance) = instance(COUNTED);
    let times = instance.typed_func::<i32, ()>(&mut store, "times").unwrap();
    for fuel in [0, 1, 1_000] {
        store.set_fuel(fuel);
        for _ in 0..3 {
            store.use_fuel(u64::MAX).unwrap_err();
            let error = times.call(&mut store, 1_000).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::OutOfFuel));
            assert_eq!(store.fuel(), 0);
        }
    }
}
