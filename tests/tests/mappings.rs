//! What is mapped is unmapped: loading, instantiating, and failing at each step of it leave no
//! mapping and no file behind. One test runs after the other, so that only its own mappings are
//! counted.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use precast_loader::{Engine, Error, Instance, Linker, Module, Store};
use precast_tests::module;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut trials = vec![
        test("instantiating_leaves_nothing_behind", || {
            let engine = Engine::default();
            let module = module(&engine, FULL);
            check(1_000, || instantiate(&engine, &module).is_ok())
        }),
        test(
            "instantiating_checked_memories_leaves_nothing_behind",
            || {
                let mut options = precast_tests::options();
                options.tunables.memory_checked = true;
                let compiled = precast_tests::Compiled::new(&precast_tests::wasm(FULL), &options);
                let engine = Engine::default();
                let module = precast_tests::load(&engine, &compiled.map_err(|e| e.to_string())?);
                let module = module.map_err(|error| error.to_string())?;
                check(1_000, || instantiate(&engine, &module).is_ok())
            },
        ),
        test("loading_leaves_nothing_behind", || {
            let compiled = compiled(FULL);
            let engine = Engine::default();
            check(300, || precast_tests::load(&engine, &compiled).is_ok())
        }),
        test("a_store_outlives_the_module", || {
            let compiled = compiled(FULL);
            let engine = Engine::default();
            check(100, || {
                let mut store = Store::new(&engine, ());
                let module = precast_tests::load(&engine, &compiled).expect("it loads");
                let instance = Instance::new(&mut store, &module, &[]).expect("it fits");
                drop(module);
                let run = instance.typed_func::<(), i32>(&mut store, "run");
                run.and_then(|run| run.call(&mut store, ()))
                    .is_ok_and(|sum| sum == 3)
            })
        }),
        test("damaged_artifacts_leave_nothing_behind", || {
            let mut bytes = compiled(FULL).bytes().to_vec();
            bytes.truncate(bytes.len() / 2);
            check(300, || Module::check(&bytes).is_err())
        }),
    ];
    let failing = FAILING.iter().map(|&(name, wat)| {
        test(name, move || {
            let engine = Engine::default();
            let module = module(&engine, wat);
            check(200, || instantiate(&engine, &module).is_err())
        })
    });
    trials.extend(failing);
    let early = FAILING.iter().take(EARLY_FAILURES).map(|&(name, wat)| {
        test(&format!("{name}_even_in_a_living_store"), move || {
            let engine = Engine::default();
            let module = module(&engine, wat);
            let mut store = Store::new(&engine, ());
            let linker = linker(&engine).map_err(|error| error.to_string())?;
            check(200, || linker.instantiate(&mut store, &module).is_err())
        })
    });
    trials.extend(early);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Memory, tables of both kinds, segments of all kinds, globals.
const FULL: &str = r#"
    (module
      (memory (export "memory") 2 10)
      (memory 1)
      (table (export "table") 10 funcref)
      (table $constant 2 funcref)
      (global (mut i32) (i32.const 1))
      (elem (i32.const 0) $one)
      (elem (table $constant) (i32.const 0) func $one $two)
      (elem $passive func $two)
      (data (i32.const 100) "image")
      (data $bytes "passive")
      (func $one (result i32) (i32.const 1))
      (func $two (result i32) (i32.const 2))
      (func (export "run") (result i32)
        (drop (memory.grow (i32.const 1)))
        (drop (table.grow (ref.null func) (i32.const 5)))
        (i32.add (call_indirect $constant (result i32) (i32.const 0))
                 (call_indirect $constant (result i32) (i32.const 1)))))
"#;

/// Modules that fail to instantiate, at one step after the other. The first ones fail before the
/// instance has joined the store.
const FAILING: [(&str, &str); 7] = [
    (
        "a_missing_import_leaves_nothing_behind",
        r#"(module (import "env" "missing" (func)) (memory 1))"#,
    ),
    (
        "a_wrong_import_leaves_nothing_behind",
        r#"(module (import "env" "f" (func (param i32))) (memory 1))"#,
    ),
    (
        "a_table_that_is_too_large_leaves_nothing_behind",
        r#"(module (memory 1) (table (export "t") 0xffffffff funcref))"#,
    ),
    (
        "an_element_segment_out_of_bounds_leaves_nothing_behind",
        r#"(module
             (memory 1) (table (export "t") 2 funcref)
             (elem (i32.const 1) $f $f) (func $f))"#,
    ),
    (
        "a_data_segment_out_of_bounds_leaves_nothing_behind",
        r#"(module (memory 1) (data (i32.const 65535) "ab"))"#,
    ),
    (
        "a_trap_in_the_start_function_leaves_nothing_behind",
        r#"(module (memory 1) (func $start (unreachable)) (start $start))"#,
    ),
    (
        "an_error_in_the_start_function_leaves_nothing_behind",
        r#"(module (import "env" "fail" (func $fail)) (memory 1) (start $fail))"#,
    ),
];

const EARLY_FAILURES: usize = 3;

fn test(name: &str, check: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(Failed::from))
}

fn compiled(wat: &str) -> precast_tests::Compiled {
    let compiled =
        precast_tests::Compiled::new(&precast_tests::wasm(wat), &precast_tests::options());
    compiled.expect("the module is valid")
}

fn linker(engine: &Engine) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker
        .func("env", "f", || ())?
        .func("env", "fail", || -> Result<(), Error> {
            Err(Error::host("on purpose"))
        })?;
    Ok(linker)
}

fn instantiate(engine: &Engine, module: &Module) -> Result<(), Error> {
    let mut store = Store::new(engine, ());
    let instance = linker(engine)?.instantiate(&mut store, module)?;
    if let Ok(run) = instance.typed_func::<(), i32>(&mut store, "run") {
        run.call(&mut store, ())?;
    }
    Ok(())
}

/// Does it `rounds` times. What is left after a few must be all that is ever left.
fn check(rounds: usize, mut succeeds: impl FnMut() -> bool) -> Result<(), String> {
    let mut before = (0, 0);
    for round in 0..rounds {
        if !succeeds() {
            return Err(format!("round {round} did not go as it should"));
        }
        if round == 4 {
            before = in_use();
        }
    }
    let after = in_use();
    // The allocator may have taken or given back a piece of its own.
    if after.0 <= before.0 + 2 && after.1 <= before.1 {
        return Ok(());
    }
    Err(format!(
        "mappings and open files: {before:?}, {rounds} rounds later {after:?}"
    ))
}

/// How many mappings and open files this process has.
fn in_use() -> (usize, usize) {
    let mappings = std::fs::read_to_string("/proc/self/maps").expect("the system says");
    let files = std::fs::read_dir("/proc/self/fd").expect("the system says");
    (mappings.lines().count(), files.count())
}
