//! Guests and hosts that call each other, through several stores: how results, errors, traps and
//! panics find their way back.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use precast_loader::{
    Caller, Engine, Error, Extern, Frame, HostReturn, Instance, Linker, Module, Store, TrapCode,
    Val,
};
use precast_tests::{call, module, trap_code};

type BoxError = Box<dyn StdError + Send + Sync>;

/// How a guest's frames show who it is, its module is named for.
fn guest(name: &str) -> String {
    format!(
        r#"(module ${name}
             (import "host" "next" (func $next (param i32) (result i32)))
             (import "host" "last" (func $last (param i32) (result i32)))
             (func $run (export "run") (param i32) (result i32)
               (i32.add (i32.const 1) (call $next (local.get 0))))
             (func $again (export "again") (param i32) (result i32)
               (i32.add (i32.const 10) (call $last (local.get 0)))))"#
    )
}

/// Runs in a store of its own: `run` calls `next`, by which the host calls `again` of the same
/// instance, which calls `last`, which is the closure.
fn in_own_store<R>(
    engine: &Engine,
    module: &Module,
    param: i32,
    last: impl Fn(i32) -> R + Send + Sync + 'static,
) -> Result<i32, Error>
where
    R: HostReturn<Results = i32> + 'static,
{
    let mut linker = Linker::<()>::new(engine);
    let next = |mut caller: Caller<'_, ()>, param: i32| -> Result<i32, Error> {
        let again = caller.get_export("again").and_then(Extern::func).unwrap();
        again
            .typed::<i32, i32>(&mut caller)?
            .call(&mut caller, param)
    };
    linker.func("host", "next", next)?;
    linker.func("host", "last", last)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, module)?;
    let result = call(&mut store, instance, "run", param);
    // However that ended, the store is as good as before.
    let mut quiet = Linker::new(engine);
    quiet.func("host", "next", |x: i32| x)?;
    quiet.func("host", "last", |x: i32| x)?;
    let instance: Instance = quiet.instantiate(&mut store, module)?;
    assert_eq!(call(&mut store, instance, "run", 5)?, 6);
    assert_eq!(call(&mut store, instance, "again", 5)?, 15);
    result
}

/// The same in two stores: the last of the first one's host functions goes on in the second.
fn in_two_stores<R>(
    param: i32,
    last: impl Fn(i32) -> R + Send + Sync + Clone + 'static,
) -> Result<i32, Error>
where
    R: HostReturn<Results = i32> + 'static,
{
    let engine = Engine::default();
    let [outer, inner] = ["outer", "inner"].map(|name| module(&engine, &guest(name)));
    let inner_engine = engine.clone();
    in_own_store(&engine, &outer, param, move |param: i32| {
        in_own_store(&inner_engine, &inner, param + 1_000, last.clone())
    })
}

fn frames(error: &Error) -> Vec<String> {
    let frames = error.backtrace().expect("it has one").frames().iter();
    let name = |frame: &Frame| {
        let func = frame.func_name().unwrap_or("?");
        format!("{}!{func}", frame.module_name())
    };
    frames.map(name).collect()
}

#[derive(Debug, PartialEq)]
struct OwnError(i32);

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "own error {}", self.0)
    }
}

impl StdError for OwnError {}

#[test]
fn results_come_back_through_both_stores() {
    assert_eq!(in_two_stores(5, |x: i32| 2 * x).unwrap(), 2 * 1_005 + 22);
}

#[test]
fn a_host_error_comes_back_as_it_is_with_the_frames_of_its_store() {
    let error = in_two_stores(5, |x: i32| -> Result<i32, BoxError> {
        Err(OwnError(x).into())
    });
    let error = error.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&OwnError(1_005)));
    // The store of the guest that the host function failed for; not that around it.
    assert_eq!(frames(&error), ["inner!again", "inner!run"]);
    assert_eq!(error.downcast::<OwnError>().unwrap(), OwnError(1_005));
}

#[test]
fn a_trap_stays_a_trap_through_host_functions_that_know_boxes_only() {
    let engine = Engine::default();
    let outer = module(&engine, &guest("outer"));
    let trap = r#"(module $trap (func $deep unreachable)
        (func $run (export "run") (param i32) (result i32) (call $deep) (local.get 0)))"#;
    let trap = module(&engine, trap);
    let inner_engine = engine.clone();
    let last = move |param: i32| -> Result<i32, BoxError> {
        let mut store = Store::new(&inner_engine, ());
        let instance = Instance::new(&mut store, &trap, &[])?;
        Ok(call(&mut store, instance, "run", param)?)
    };
    let error = in_own_store(&engine, &outer, 1, last).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Unreachable), "{error:?}");
    assert_eq!(frames(&error), ["trap!deep", "trap!run"]);
}

#[test]
fn errors_of_anyhow_are_host_errors_and_keep_what_is_in_them() {
    fn fails(x: i32) -> anyhow::Result<i32> {
        anyhow::Context::context(Err(OwnError(x)), "while doing it")
    }
    let last = |x: i32| -> Result<i32, BoxError> { Ok(fails(x)?) };
    let error = in_two_stores(7, last).unwrap_err();
    assert!(error.to_string().starts_with("while doing it\n"), "{error}");
    assert_eq!(error.downcast_ref(), Some(&OwnError(1_007)));
    // And the other way round: ours goes into theirs.
    let theirs = anyhow::Error::from(error);
    assert_eq!(theirs.root_cause().to_string(), "own error 1007");
    assert!(theirs.downcast_ref::<Error>().is_some());
}

/// By `Caller::call` it is the instance that calls, by `Func::call` it is nobody.
#[test]
fn a_host_function_may_be_called_for_the_instance() {
    let wat = r#"
        (module
          (import "host" "call" (func $call (param i32) (result i32)))
          (import "host" "asks" (func $asks (param i32) (result i32)))
          (memory (export "memory") 1)
          (func $run (param i32) (result i32) (call $asks (local.get 0)))
          (export "asks" (func $asks))
          (export "asks_through" (func $run))
          (func (export "run") (param i32) (result i32) (call $call (local.get 0))))
    "#;
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let asks = |mut caller: Caller<'_, ()>, _: i32| i32::from(caller.memory().is_some());
    let calls = |mut caller: Caller<'_, ()>, how: i32| -> Result<i32, Error> {
        let name = if how < 2 { "asks" } else { "asks_through" };
        let func = caller.get_export(name).and_then(Extern::func).unwrap();
        let params = [Val::I32(0)];
        let results = match how {
            0 => func.call(&mut caller, &params),
            _ => caller.call(func, &params),
        };
        let said = results?[0].i32().unwrap();
        // Who has called this one is not changed by that.
        Ok(said + 2 * i32::from(caller.memory().is_some()))
    };
    linker.func("host", "asks", asks).unwrap();
    linker.func("host", "call", calls).unwrap();
    let mut store = Store::new(&engine, ());
    let module = module(&engine, wat);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, instance, "run", 0).unwrap(), 2);
    assert_eq!(call(&mut store, instance, "run", 1).unwrap(), 3);
    assert_eq!(call(&mut store, instance, "run", 2).unwrap(), 3);
    assert_eq!(call(&mut store, instance, "run", 0).unwrap(), 2);
}

#[test]
fn a_panic_passes_through_the_guests_of_both_stores() {
    let last = |x: i32| -> i32 { resume_unwind(Box::new(OwnError(x))) };
    let outcome = catch_unwind(AssertUnwindSafe(|| in_two_stores(3, last)));
    let panic = outcome.expect_err("a panic");
    assert_eq!(panic.downcast_ref(), Some(&OwnError(1_003)));
}

#[test]
fn a_panic_that_is_caught_in_between_ends_the_inner_guests_only() {
    let engine = Engine::default();
    let [outer, inner] = ["outer", "inner"].map(|name| module(&engine, &guest(name)));
    let inner_engine = engine.clone();
    let last = move |param: i32| -> i32 {
        let panics = |x: i32| -> i32 { resume_unwind(Box::new(OwnError(x))) };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            in_own_store(&inner_engine, &inner, param, panics)
        }));
        let panic = outcome.expect_err("a panic");
        panic.downcast_ref::<OwnError>().expect("the same").0
    };
    assert_eq!(in_own_store(&engine, &outer, 42, last).unwrap(), 53);
}

#[test]
fn two_stores_may_call_each_other_many_times_over() {
    /// Stores on the way in, innermost last.
    fn descend(engine: &Engine, module: &Module, depth: i32) -> Result<i32, Error> {
        let (inner_engine, inner_module) = (engine.clone(), module.clone());
        in_own_store(engine, module, depth, move |depth: i32| match depth {
            0 => Ok(0),
            depth => descend(&inner_engine, &inner_module, depth - 1),
        })
    }
    let engine = Engine::default();
    let module = module(&engine, &guest("guest"));
    assert_eq!(descend(&engine, &module, 20).unwrap(), 21 * 11);
    // Whatever the stores, they share the thread's stack and find its end without harm.
    let error = descend(&engine, &module, i32::MAX).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow), "{error}");
}
