//! Listeners: each function that begins is told of, and that it ends, however it does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_compiler::Options;
use precast_loader::{
    Call, Caller, Config, Engine, Error, Extern, Func, Instance, Linker, Listener, Module, Store,
    TrapCode, Val,
};
use precast_tests::{Compiled, load, options, run, trap_code, values, wasm};

type Lines = Vec<String>;

/// Writes down all that it is told, indented.
struct Log;

fn line(call: &mut Call<'_, Lines>, text: &str) {
    let line = format!("{:indent$}{text}", "", indent = 2 * call.depth());
    call.data_mut().push(line);
}

impl Listener<Lines> for Log {
    fn before(&self, call: &mut Call<'_, Lines>, params: &[Val]) {
        let text = format!("> {call} {}", values::print_all(call, params));
        line(call, text.trim_end());
    }

    fn after(&self, call: &mut Call<'_, Lines>, results: &[Val]) {
        let text = format!("< {call} {}", values::print_all(call, results));
        line(call, text.trim_end());
    }

    fn abort(&self, call: &mut Call<'_, Lines>) {
        let text = format!("! {call}");
        line(call, &text);
    }
}

/// The module, compiled to tell.
fn telling(engine: &Engine, wat: &str, options: &Options) -> Module {
    let options = Options {
        listeners: true,
        ..options.clone()
    };
    let module = load(engine, &Compiled::new(&wasm(wat), &options).unwrap()).unwrap();
    assert!(module.tells_listeners());
    module
}

/// What tests import from `host`.
///
/// - `add`, `fail`, `panic`;
/// - `call`, `attempt` (i32): call the export `NAME` of the guest, where the number is the last
///   letter's place among `abc…`; the second gives 1 if that fails, instead of failing too.
fn linker(engine: &Engine) -> Linker<Lines> {
    fn guest(caller: &mut Caller<'_, Lines>, number: i32) -> Result<(), Error> {
        let name = char::from(b'a' + number as u8).to_string();
        let func = caller.get_export(&name).and_then(Extern::func).unwrap();
        func.call(caller, &[]).map(drop)
    }
    let mut linker = Linker::new(engine);
    linker
        .func("host", "add", |a: i32, b: i32| a + b)
        .unwrap()
        .func("host", "fail", || -> Result<(), Error> {
            Err(Error::host("failed"))
        })
        .unwrap()
        .func("host", "panic", || -> () { panic!("of the host") })
        .unwrap()
        .func(
            "host",
            "call",
            |mut caller: Caller<'_, Lines>, number: i32| guest(&mut caller, number),
        )
        .unwrap()
        .func(
            "host",
            "attempt",
            |mut caller: Caller<'_, Lines>, number: i32| {
                i32::from(guest(&mut caller, number).is_err())
            },
        )
        .unwrap();
    linker
}

fn store_with(
    wat: &str,
    options: &Options,
    listener: impl Listener<Lines>,
) -> (Store<Lines>, Instance) {
    let engine = Engine::default();
    let module = telling(&engine, wat, options);
    let mut store = Store::new(&engine, Lines::new());
    store.set_listener(listener);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// Calls the export of that name and gives what has been told meanwhile.
fn told(
    store: &mut Store<Lines>,
    instance: Instance,
    name: &str,
    params: &[Val],
) -> (Result<Vec<Val>, Error>, Lines) {
    store.data_mut().clear();
    let func = instance.func(store, name).unwrap();
    let outcome = func.call(store, params);
    (outcome, std::mem::take(store.data_mut()))
}

/// What calling the export `a` of such a module tells.
fn check(wat: &str, expected: &[&str]) -> Result<Vec<Val>, Error> {
    let (mut store, instance) = store_with(wat, &options(), Log);
    let (outcome, lines) = told(&mut store, instance, "a", &[]);
    assert_eq!(lines, expected);
    outcome
}

#[test]
fn calls_are_told_with_what_they_take_and_give_in_every_configuration() {
    let wat = r#"(module $app
        (import "host" "add" (func $add (param i32 i32) (result i32)))
        (func $fac (export "fac") (param i64) (result i64)
          (if (i64.eqz (local.get 0)) (then (return (i64.const 1))))
          (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))
        (func $early (export "early") (param i32) (result i32)
          (block $out (result i32)
            (drop (br_if $out (i32.const 7) (local.get 0)))
            (call $add (i32.const 1) (local.get 0))))
        (func (export "many") (param i32 f32) (result f64 i32 i64)
          (f64.promote_f32 (local.get 1)) (local.get 0) (i64.const -1)))"#;
    for configuration in run::configurations() {
        let (mut store, instance) = store_with(wat, &configuration.options, Log);
        let mut check = |name: &str, params: &[Val], expected: &[&str]| {
            let (outcome, lines) = told(&mut store, instance, name, params);
            outcome.unwrap();
            assert_eq!(lines, expected, "{}", configuration.name);
        };
        check(
            "fac",
            &[Val::I64(2)],
            &[
                "> app!fac 2",
                "  > app!fac 1",
                "    > app!fac 0",
                "    < app!fac 1",
                "  < app!fac 1",
                "< app!fac 2",
            ],
        );
        check("early", &[Val::I32(1)], &["> app!early 1", "< app!early 7"]);
        check(
            "early",
            &[Val::I32(0)],
            &[
                "> app!early 0",
                "  > host!add 1 0",
                "  < host!add 1",
                "< app!early 1",
            ],
        );
        check(
            "many",
            &[Val::I32(-5), Val::from(1.5f32)],
            &["> app!many -5 1.5", "< app!many 1.5 -5 -1"],
        );
    }
}

#[test]
fn values_of_every_type_come_through() {
    /// Keeps all values.
    struct Keep;

    impl Listener<Vec<Val>> for Keep {
        fn before(&self, call: &mut Call<'_, Vec<Val>>, params: &[Val]) {
            assert!(
                params
                    .iter()
                    .map(Val::ty)
                    .eq(call.ty().params.iter().copied())
            );
            call.data_mut().extend(params);
        }
        fn after(&self, call: &mut Call<'_, Vec<Val>>, results: &[Val]) {
            call.data_mut().extend(results);
        }
    }

    let engine = Engine::default();
    let module = telling(
        &engine,
        r#"(module (func (export "f") (param i32 i64 f32 f64 v128 funcref externref)
            (result externref funcref v128 f64 f32 i64 i32)
            (local.get 6) (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1)
            (local.get 0)))"#,
        &options(),
    );
    let mut store = Store::new(&engine, Vec::new());
    store.set_listener(Keep);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.func(&mut store, "f").unwrap();
    let reference = precast_loader::ExternRef::new(&mut store, "something").unwrap();
    let values = [
        Val::I32(-1),
        Val::I64(i64::MIN),
        Val::from(0.5f32),
        Val::from(-0.25f64),
        Val::V128(u128::MAX - 7),
        Val::from(func),
        Val::from(reference),
    ];
    func.call(&mut store, &values).unwrap();
    let there_and_back = values.into_iter().chain(values.into_iter().rev());
    assert!(store.data().iter().copied().eq(there_and_back));
}

#[test]
fn a_trap_ends_all_functions_from_the_innermost_out() {
    let outcome = check(
        r#"(module $app
            (func $a (export "a") (call $b) (call $b))
            (func $b (call $c))
            (func $c unreachable))"#,
        &[
            "> app!a",
            "  > app!b",
            "    > app!c",
            "    ! app!c",
            "  ! app!b",
            "! app!a",
        ],
    );
    assert_eq!(
        trap_code(&outcome.unwrap_err()),
        Some(TrapCode::Unreachable)
    );
}

#[test]
fn the_end_of_the_stack_and_of_fuel_are_ends_like_others() {
    let mut config = Config::new();
    config.max_stack_bytes(16 << 10);
    let engine = Engine::new(&config);
    let mut options = options();
    options.tunables.fuel = true;
    let module = telling(
        &engine,
        r#"(module (func $a (export "a") (call $a)))"#,
        &options,
    );
    let check = |fuel, code| {
        let mut store = Store::new(&engine, Lines::new());
        store.set_listener(Log);
        store.set_fuel(fuel);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let (outcome, lines) = told(&mut store, instance, "a", &[]);
        assert_eq!(trap_code(&outcome.unwrap_err()), Some(code));
        let (begun, aborted) = lines.split_at(lines.len() / 2);
        let reversed = aborted.iter().rev();
        assert!(begun.len() > 10);
        assert!(begun.iter().all(|line| line.contains("> ")));
        assert!(
            reversed
                .map(|line| line.replace("! ", "> "))
                .eq(begun.iter().cloned())
        );
    };
    check(u64::MAX, TrapCode::StackOverflow);
    check(20, TrapCode::OutOfFuel);
}

#[test]
fn an_error_of_the_host_ends_its_function_and_all_around() {
    let wat = r#"(module $app
        (import "host" "fail" (func $fail))
        (func $a (export "a") (call $fail)))"#;
    let lines = ["> app!a", "  > host!fail", "  ! host!fail", "! app!a"];
    let error = check(wat, &lines).unwrap_err();
    assert!(error.to_string().starts_with("failed"));
}

#[test]
fn a_panic_of_the_host_ends_its_function_and_all_around() {
    let wat = r#"(module $app
        (import "host" "panic" (func $panic))
        (func $a (export "a") (call $panic)))"#;
    let (mut store, instance) = store_with(wat, &options(), Log);
    let call = AssertUnwindSafe(|| drop(told(&mut store, instance, "a", &[])));
    assert!(catch_unwind(call).is_err());
    let lines = ["> app!a", "  > host!panic", "  ! host!panic", "! app!a"];
    assert_eq!(*store.data(), lines);
}

#[test]
fn only_what_a_host_function_has_called_ends_with_an_error_that_it_takes() {
    let wat = r#"(module $app
        (import "host" "attempt" (func $attempt (param i32) (result i32)))
        (import "host" "call" (func $call (param i32)))
        (func $a (export "a") (result i32) (call $attempt (i32.const 1)))
        (func $b (export "b") (call $call (i32.const 2)))
        (func $c (export "c") (call $d))
        (func $d unreachable))"#;
    let results = check(
        wat,
        &[
            "> app!a",
            "  > host!attempt 1",
            "    > app!b",
            "      > host!call 2",
            "        > app!c",
            "          > app!d",
            "          ! app!d",
            "        ! app!c",
            "      ! host!call",
            "    ! app!b",
            "  < host!attempt 1",
            "< app!a 1",
        ],
    );
    assert_eq!(results.unwrap(), [Val::I32(1)]);
}

#[test]
fn host_functions_are_told_of_whoever_calls_them() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Lines::new());
    store.set_listener(Log);
    let func = Func::wrap(&mut store, |n: i32| match n {
        0 => Err(Error::host("zero")),
        n => Ok(n + 1),
    });
    let func = func.unwrap();
    func.call(&mut store, &[Val::I32(1)]).unwrap();
    func.call(&mut store, &[Val::I32(0)]).unwrap_err();
    // A guest that does not tell, and does not import it either.
    let wat = r#"(module (table (export "t") 1 funcref) (type $t (func (param i32) (result i32)))
        (func (export "a") (result i32) (call_indirect (type $t) (i32.const 5) (i32.const 0))))"#;
    let module = precast_tests::module(&engine, wat);
    assert!(!module.tells_listeners());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let table = instance.table(&mut store, "t").unwrap();
    table.set(&mut store, 0, func.into()).unwrap();
    instance
        .func(&mut store, "a")
        .unwrap()
        .call(&mut store, &[])
        .unwrap();
    let expected = [
        "> host function 1",
        "< host function 2",
        "> host function 0",
        "! host function",
        "> host function 5",
        "< host function 6",
    ];
    assert_eq!(*store.data(), expected);
}

#[test]
fn nobody_is_told_without_a_listener() {
    let wat = r#"(module
        (import "host" "add" (func $add (param i32 i32) (result i32)))
        (func (export "a") (result i32) (call $add (i32.const 1) (i32.const 2))))"#;
    let (mut store, instance) = store_with(wat, &options(), Log);
    assert_eq!(told(&mut store, instance, "a", &[]).1.len(), 4);
    store.remove_listener();
    let (outcome, lines) = told(&mut store, instance, "a", &[]);
    assert_eq!(outcome.unwrap(), [Val::I32(3)]);
    assert!(lines.is_empty());
}

/// Panics where it is told to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Panics {
    Before,
    After,
    Abort,
}

/// Panics at the function of that name.
struct PanicAt(Panics, &'static str);

impl PanicAt {
    fn at(&self, place: Panics, call: &mut Call<'_, Lines>) {
        let name = call.func_name().unwrap().to_owned();
        line(call, &format!("{place:?} {name}"));
        if (place, &*name) == (self.0, self.1) {
            panic!("of the listener");
        }
    }
}

impl Listener<Lines> for PanicAt {
    fn before(&self, call: &mut Call<'_, Lines>, _: &[Val]) {
        self.at(Panics::Before, call);
    }

    fn after(&self, call: &mut Call<'_, Lines>, _: &[Val]) {
        self.at(Panics::After, call);
    }

    fn abort(&self, call: &mut Call<'_, Lines>) {
        self.at(Panics::Abort, call);
    }
}

#[test]
fn a_panic_of_the_listener_ends_the_guest_and_the_store_goes_on() {
    let wat = r#"(module
        (import "host" "add" (func $add (param i32 i32) (result i32)))
        (func $a (export "a") (drop (call $b)))
        (func $b (result i32) (call $add (i32.const 1) (i32.const 2)))
        (func $trap (export "trap") (call $c))
        (func $c unreachable)
        (func $fine (export "fine")))"#;
    let check = |place, name, export: &str, expected: &[&str]| {
        let (mut store, instance) = store_with(wat, &options(), PanicAt(place, name));
        let call = AssertUnwindSafe(|| drop(told(&mut store, instance, export, &[])));
        let panic = catch_unwind(call).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"of the listener"));
        assert_eq!(*store.data(), expected, "{place:?} {name}");
        let (outcome, lines) = told(&mut store, instance, "fine", &[]);
        outcome.unwrap();
        assert_eq!(lines, ["Before fine", "After fine"]);
    };
    use Panics::{Abort, After, Before};
    check(Before, "a", "a", &["Before a"]);
    check(Before, "b", "a", &["Before a", "  Before b", "Abort a"]);
    check(
        Before,
        "add",
        "a",
        &[
            "Before a",
            "  Before b",
            "    Before add",
            "  Abort b",
            "Abort a",
        ],
    );
    check(
        After,
        "add",
        "a",
        &[
            "Before a",
            "  Before b",
            "    Before add",
            "    After add",
            "  Abort b",
            "Abort a",
        ],
    );
    check(
        After,
        "a",
        "a",
        &[
            "Before a",
            "  Before b",
            "    Before add",
            "    After add",
            "  After b",
            "After a",
        ],
    );
    check(
        Abort,
        "c",
        "trap",
        &["Before trap", "  Before c", "  Abort c", "Abort trap"],
    );
}

/// Calls the guest's `check` before each other function, and looks for who calls.
struct Curious;

impl Listener<Lines> for Curious {
    fn before(&self, call: &mut Call<'_, Lines>, _: &[Val]) {
        let callers = call.callers();
        let names = callers
            .frames()
            .iter()
            .map(|f| f.func_name().unwrap().to_owned());
        let names = names.collect::<Vec<_>>().join(" ");
        let text = format!("{call} <- {names}");
        line(call, text.trim_end());
        if call.func_name() == Some("check") {
            return;
        }
        let instance = call.instance().unwrap();
        let memory = instance.memory(call, "memory").unwrap();
        let check = instance.func(call, "check").unwrap();
        let mut byte = [0];
        memory.read(call, 0, &mut byte).unwrap();
        let outcome = check.call(call, &[Val::I32(byte[0].into())]);
        let text = format!("{:?}", outcome.map_err(|error| trap_code(&error)));
        line(call, &text);
    }

    fn abort(&self, call: &mut Call<'_, Lines>) {
        let text = format!("! {call} <- {}", call.callers().frames().len());
        line(call, &text);
    }
}

#[test]
fn a_listener_can_look_around_and_call_guests() {
    let wat = r#"(module $app
        (import "host" "call" (func $call (param i32)))
        (memory (export "memory") 1)
        (func $check (export "check") (param i32) (result i32)
          (i32.div_u (i32.const 6) (local.get 0)))
        (func $a (export "a") (i32.store8 (i32.const 0) (i32.const 3)) (call $call (i32.const 1)))
        (func $b (export "b") (call $c))
        (func $c unreachable))"#;
    let (mut store, instance) = store_with(wat, &options(), Curious);
    let (outcome, lines) = told(&mut store, instance, "a", &[]);
    let error = outcome.unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames
        .iter()
        .map(|frame| frame.func_name().unwrap())
        .collect();
    assert_eq!(names, ["c", "b", "a"]);
    let expected = [
        "app!a <-",
        "  app!check <-",
        "  ! app!check <- 0",
        "Err(Some(IntegerDivideByZero))",
        "  host!call <- a",
        "    app!check <- a",
        "  Ok([I32(2)])",
        "    app!b <- a",
        "      app!check <- a",
        "    Ok([I32(2)])",
        "      app!c <- b a",
        "        app!check <- b a",
        "      Ok([I32(2)])",
        "      ! app!c <- 1",
        "    ! app!b <- 1",
        "  ! host!call <- 1",
        "! app!a <- 0",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn names_of_a_module_stay_in_their_line() {
    let engine = Engine::default();
    let wat = r#"(module $"\n\1b[2J" (func $"a\nb" (export "a")))"#;
    let module = telling(&engine, wat, &options());
    let mut store = Store::new(&engine, Lines::new());
    store.set_listener(Log);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    let a = instance.func(&mut store, "a").unwrap();
    a.call(&mut store, &[]).unwrap();
    let name = "\\n\\u{1b}[2J!a\\nb";
    assert_eq!(*store.data(), [format!("> {name}"), format!("< {name}")]);
}

#[test]
fn functions_that_an_exception_leaves_are_told_of_and_not_the_one_that_catches_it() {
    let outcome = check(
        r#"(module
             (import "host" "call" (func $call (param i32)))
             (tag $e (param i32))
             (func $throw (param i32) (throw $e (local.get 0)))
             (func $between (param i32) (call $throw (local.get 0)))
             (func $a (export "a") (result i32)
               (block $caught (result i32)
                 (try_table (catch $e $caught) (call $between (i32.const 7)))
                 (unreachable))
               (block $caught (result i32)
                 (try_table (catch $e $caught) (call $call (i32.const 1)))
                 (unreachable))
               (i32.add))
             (func $b (export "b") (call $between (i32.const 8))))"#,
        &[
            "> module!a",
            "  > module!between 7",
            "    > module!throw 7",
            "    ! module!throw",
            "  ! module!between",
            "  > host!call 1",
            "    > module!b",
            "      > module!between 8",
            "        > module!throw 8",
            "        ! module!throw",
            "      ! module!between",
            "    ! module!b",
            "  ! host!call",
            "< module!a 15",
        ],
    );
    assert_eq!(outcome.unwrap(), [Val::I32(15)]);
}
