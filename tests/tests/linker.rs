//! The linker: libraries, second names, stand-ins for what is missing, things of the host's that
//! guests import, and a resolver for the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use precast_loader::{
    Caller, Config, Engine, Error, ExternType, Func, Global, GlobalType, Instance, LinkError,
    Linker, Memory, MemoryType, MissingImport, Module, Store, Table, TableType, TrapCode,
    UsageError, Val, ValType,
};
use precast_tests::{call, module, trap_code};

/// Tells the host when it is initialised, and counts from there.
const LIBRARY: &str = r#"
    (module
      (import "host" "log" (func $log (param i32)))
      (global $count (export "count") (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $count (i32.const 100)) (call $log (i32.const 1)))
      (func (export "next") (param i32) (result i32)
        (global.set $count (i32.add (global.get $count) (local.get 0)))
        (global.get $count)))
"#;

const USER: &str = r#"
    (module
      (import "library" "next" (func $next (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $next (local.get 0))))
"#;

/// An engine, a store that collects what is logged, and a linker by which guests do that.
fn logging() -> (Engine, Store<Vec<i32>>, Linker<Vec<i32>>) {
    let engine = Engine::default();
    let store = Store::new(&engine, Vec::new());
    let mut linker = Linker::new(&engine);
    let log = |mut caller: Caller<'_, Vec<i32>>, number: i32| caller.data_mut().push(number);
    linker.func("host", "log", log).unwrap();
    (engine, store, linker)
}

fn run<T>(store: &mut Store<T>, instance: Instance, param: i32) -> Result<i32, Error> {
    let run = instance.typed_func::<i32, i32>(store, "run")?;
    run.call(store, param)
}

fn names<T>(linker: &Linker<T>) -> Vec<String> {
    let names = linker.names();
    names
        .map(|(module, name)| format!("{module}.{name}"))
        .collect()
}

fn link_error<T>(result: Result<T, Error>) -> LinkError {
    match result {
        Err(Error::Link(error)) => error,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was linked"),
    }
}

#[test]
fn a_library_is_initialised_once_and_shared_by_its_users() {
    let (engine, mut store, mut linker) = logging();
    let (library, user) = (module(&engine, LIBRARY), module(&engine, USER));
    linker.module(&mut store, "library", &library).unwrap();
    assert_eq!(*store.data(), [1]);
    let [a, b] = [(); 2].map(|()| linker.instantiate(&mut store, &user).unwrap());
    assert_eq!(run(&mut store, a, 1).unwrap(), 101);
    assert_eq!(run(&mut store, b, 10).unwrap(), 111);
    assert_eq!(*store.data(), [1], "no more than once");
    let count = linker.get(&mut store, "library", "count");
    let count = count.and_then(|item| item.global()).unwrap();
    assert_eq!(count.get(&mut store), Val::I32(111));
}

#[test]
fn a_library_whose_name_is_taken_is_not_even_instantiated() {
    let (engine, mut store, mut linker) = logging();
    linker.func("library", "next", || 0i32).unwrap();
    let library = module(&engine, LIBRARY);
    let before = names(&linker);
    let error = link_error(linker.module(&mut store, "library", &library));
    let taken = LinkError::AlreadyDefined {
        module: "library".into(),
        name: "next".into(),
    };
    assert_eq!(error, taken);
    assert_eq!(names(&linker), before);
    assert_eq!(*store.data(), []);
    linker.allow_shadowing(true);
    linker.module(&mut store, "library", &library).unwrap();
    let user = module(&engine, USER);
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(run(&mut store, user, 1).unwrap(), 101, "the library's");
}

#[test]
fn an_instance_of_whose_names_one_is_taken_defines_nothing() {
    let (engine, mut store, mut linker) = logging();
    let library = module(&engine, LIBRARY);
    let library = linker.instantiate(&mut store, &library).unwrap();
    linker.func("library", "next", || 0i32).unwrap();
    let before = names(&linker);
    let error = link_error(linker.instance(&mut store, "library", library));
    assert!(matches!(error, LinkError::AlreadyDefined { .. }));
    assert_eq!(names(&linker), before);
}

#[test]
fn a_program_is_no_library() {
    let (engine, mut store, mut linker) = logging();
    let program = r#"(module
        (import "host" "log" (func $log (param i32)))
        (func (export "_start") (call $log (i32.const 1)))
        (func (export "next") (param i32) (result i32) (local.get 0)))"#;
    let program = module(&engine, program);
    let error = link_error(linker.module(&mut store, "library", &program));
    let expected = LinkError::Command {
        module: "library".into(),
    };
    assert_eq!(error, expected);
    assert_eq!(names(&linker), ["host.log"]);
    // Who wants it so can have it so.
    let instance = linker.instantiate(&mut store, &program).unwrap();
    linker.instance(&mut store, "library", instance).unwrap();
    assert_eq!(*store.data(), [], "nobody has called `_start`");
    let user = module(&engine, USER);
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(run(&mut store, user, 3).unwrap(), 3);
}

#[test]
fn a_library_that_cannot_be_initialised_defines_nothing() {
    let (engine, mut store, mut linker) = logging();
    let before = names(&linker);
    for (text, is_trap) in [
        (r#"(func (export "_initialize") unreachable)"#, true),
        (r#"(func (export "_initialize") (param i32))"#, false),
        (r#"(memory (export "_initialize") 1)"#, false),
    ] {
        let text = format!(r#"(module (func (export "next")) {text})"#);
        let library = module(&engine, &text);
        let error = linker.module(&mut store, "library", &library).unwrap_err();
        match is_trap {
            true => assert_eq!(trap_code(&error), Some(TrapCode::Unreachable)),
            false => assert!(matches!(error, Error::Usage(_)), "{error}"),
        }
        assert_eq!(names(&linker), before);
    }
}

#[test]
fn a_second_name_keeps_its_meaning_when_the_first_gets_another() {
    let (engine, mut store, mut linker) = logging();
    let user = module(&engine, USER);
    linker.func("other", "inc", |x: i32| x + 1).unwrap();
    linker.alias("other", "inc", "library", "next").unwrap();
    linker.allow_shadowing(true);
    linker.func("other", "inc", |x: i32| x + 2).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(run(&mut store, user, 5).unwrap(), 6);
}

#[test]
fn second_names_are_checked_like_first_ones() {
    let (_, _, mut linker) = logging();
    linker.func("host", "tell", || ()).unwrap();
    linker.func("env", "tell", || ()).unwrap();
    let not_defined = |name: Option<&str>, module: &str| LinkError::NotDefined {
        module: module.into(),
        name: name.map(str::to_owned),
    };
    let before = names(&linker);
    let error = link_error(linker.alias("host", "shout", "env", "shout"));
    assert_eq!(error, not_defined(Some("shout"), "host"));
    let error = link_error(linker.alias("host", "log", "env", "tell"));
    assert!(matches!(error, LinkError::AlreadyDefined { .. }));
    let error = link_error(linker.alias_module("nobody", "env"));
    assert_eq!(error, not_defined(None, "nobody"));
    // `log` could be defined, `tell` could not.
    let error = link_error(linker.alias_module("host", "env"));
    assert!(matches!(error, LinkError::AlreadyDefined { name, .. } if name == "tell"));
    assert_eq!(names(&linker), before);

    linker.alias_module("host", "guest").unwrap();
    let after = [
        "env.tell",
        "guest.log",
        "guest.tell",
        "host.log",
        "host.tell",
    ];
    assert_eq!(names(&linker), after);
}

/// Imports more than it uses.
const GREEDY: &str = r#"
    (module $greedy
      (import "env" "missing" (func $missing (param i32 i64) (result f64)))
      (import "env" "missing" (func $again (param i32 i64) (result f64)))
      (import "env" "there" (func $there (param i32) (result i32)))
      (func $inner (drop (call $missing (i32.const 1) (i64.const 2))))
      (func (export "run") (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (call $inner)))
        (call $there (local.get 0))))
"#;

#[test]
fn a_missing_function_stops_the_guest_that_calls_it_and_no_other() {
    let engine = Engine::default();
    let greedy = module(&engine, GREEDY);
    let mut linker = Linker::new(&engine);
    linker.func("env", "there", |x: i32| x + 1).unwrap();
    linker.define_unknown_imports_as_traps(&greedy).unwrap();
    assert_eq!(names(&linker), ["env.missing", "env.there"]);
    // These definitions belong to no store.
    for _ in 0..2 {
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &greedy).unwrap();
        assert_eq!(run(&mut store, instance, 7).unwrap(), 8);
        let error = run(&mut store, instance, 0).unwrap_err();
        let missing = error.downcast_ref::<MissingImport>().unwrap();
        assert_eq!((&*missing.module, &*missing.name), ("env", "missing"));
        assert_eq!(
            missing.ty.to_string(),
            "(func (param i32 i64) (result f64))"
        );
        let frames = error.backtrace().unwrap().frames();
        let frames: Vec<_> = frames.iter().map(|frame| frame.func_name()).collect();
        assert_eq!(frames, [Some("inner"), Some("run")]);
        assert!(
            error
                .to_string()
                .starts_with("the import \"env\" \"missing\" is not defined: (func"),
            "{error}"
        );
    }
}

#[test]
fn only_functions_can_be_missing_until_they_are_used() {
    let engine = Engine::default();
    let text = r#"(module
        (import "env" "memory" (memory 1))
        (import "env" "f" (func))
        (import "env" "global" (global i32)))"#;
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let error = link_error(linker.instantiate(&mut Store::new(&engine, ()), &module));
    let LinkError::Missing(missing) = error else {
        panic!("{error}")
    };
    let missing: Vec<_> = missing.iter().map(|import| import.name.as_str()).collect();
    assert_eq!(missing, ["memory", "global"]);
}

const EVERYTHING_MISSING: &str = r#"
    (module
      (import "env" "f" (func $f (param i32) (result i32 i64 f32 f64 v128 funcref externref)))
      (import "env" "memory" (memory 2 3))
      (import "env" "table" (table 4 externref))
      (import "env" "funcs" (table $funcs 1 funcref))
      (import "env" "global" (global $global (mut f64)))
      (import "env" "there" (global $there i32))
      (func (export "call") (param i32) (result i32 i64 f32 f64 v128 funcref externref)
        (call $f (local.get 0)))
      (func (export "run") (param i32) (result i32)
        (i32.add (i32.load (i32.const 131068)) (global.get $there))))
"#;

#[test]
fn whatever_is_missing_can_be_empty() {
    let engine = Engine::default();
    let module = module(&engine, EVERYTHING_MISSING);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let ty = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    let there = Global::new(&mut store, ty, Val::I32(42)).unwrap();
    linker.define("env", "there", there).unwrap();
    linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(run(&mut store, instance, 0).unwrap(), 42);
    let call = instance.func(&mut store, "call").unwrap();
    let results = call.call(&mut store, &[Val::I32(1)]).unwrap();
    let ty = call.ty(&store);
    let defaults: Vec<_> = ty.results.iter().map(|&ty| Val::default_of(ty)).collect();
    assert_eq!(results, defaults);
    let mut get = |name| linker.get(&mut store, "env", name).unwrap();
    let (memory, table, global) = (get("memory"), get("table"), get("global"));
    assert_eq!(memory.ty(&store).to_string(), "(memory 2 3)");
    assert_eq!(table.ty(&store).to_string(), "(table 4 externref)");
    assert_eq!(global.ty(&store).to_string(), "(global (mut f64))");
    // Memories and tables are the store's, and so is the module from now on.
    let mut other = Store::new(&engine, ());
    let error = link_error(linker.instantiate(&mut other, &module));
    assert!(matches!(error, LinkError::OtherStore { .. }), "{error}");
}

#[test]
fn stand_ins_of_which_one_cannot_be_made_are_not_defined() {
    let engine = Engine::new(Config::new().max_memory_bytes(1 << 16));
    let module = module(&engine, EVERYTHING_MISSING);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let error = linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap_err();
    assert!(matches!(error, Error::Limit(_)), "{error}");
    assert_eq!(names(&linker), <[&str; 0]>::default());
}

#[test]
fn a_name_that_is_wanted_as_two_things_fits_one_of_them() {
    let engine = Engine::default();
    let text = r#"(module
        (import "env" "f" (func (param i32)))
        (import "env" "f" (func (param i64))))"#;
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let error = link_error(linker.instantiate(&mut Store::new(&engine, ()), &module));
    let LinkError::Mismatched(wrong) = error else {
        panic!("{error}")
    };
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].expected.to_string(), "(func (param i64))");
}

/// Imports two functions.
const TWO: &str = r#"
    (module
      (import "env" "a" (func $a (result i32)))
      (import "env" "b" (func $b (result i32)))
      (func (export "run") (param i32) (result i32) (i32.add (call $a) (call $b))))
"#;

#[test]
fn a_resolver_is_asked_for_what_is_not_defined_by_each_instance() {
    let engine = Engine::default();
    let two = module(&engine, TWO);
    let mut linker = Linker::<i32>::new(&engine);
    linker.func("env", "a", || 1i32).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    linker.resolver(move |store, import| {
        assert_eq!((&*import.module, &*import.name), ("env", "b"));
        assert_eq!(import.ty.to_string(), "(func (result i32))");
        counter.fetch_add(1, Ordering::Relaxed);
        // It may look at the store, and change it.
        *store.data_mut() += 1;
        let answer = *store.data() * 10;
        Ok(Some(Func::wrap(store, move || answer)?.into()))
    });
    let prepared = linker.prepare(&two).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0, "there is no store yet");
    for (start, expected) in [(1, 21), (5, 61)] {
        let mut store = Store::new(&engine, start);
        let instance = prepared.instantiate(&mut store).unwrap();
        assert_eq!(run(&mut store, instance, 0).unwrap(), expected);
        let instance = linker.clone().instantiate(&mut store, &two).unwrap();
        assert_eq!(run(&mut store, instance, 0).unwrap(), expected + 10);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    // What stands in for the missing comes before the resolver.
    linker.define_unknown_imports_as_traps(&two).unwrap();
    linker
        .instantiate(&mut Store::new(&engine, 0), &two)
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[test]
fn what_a_resolver_does_not_know_is_missing_all_at_once() {
    let engine = Engine::default();
    let two = module(&engine, TWO);
    let mut linker = Linker::<()>::new(&engine);
    linker.resolver(|_, _| Ok(None));
    let prepared = linker.prepare(&two).unwrap();
    let error = link_error(prepared.instantiate(&mut Store::new(&engine, ())));
    let LinkError::Missing(missing) = error else {
        panic!("{error}")
    };
    let missing: Vec<_> = missing.iter().map(|import| import.name.as_str()).collect();
    assert_eq!(missing, ["a", "b"]);
}

#[test]
fn what_a_resolver_gives_is_checked_like_any_definition() {
    let engine = Engine::default();
    let two = module(&engine, TWO);
    let mut linker = Linker::<()>::new(&engine);
    linker.resolver(|store, _| Ok(Some(Func::wrap(store, || 0i64)?.into())));
    let error = link_error(linker.instantiate(&mut Store::new(&engine, ()), &two));
    assert!(matches!(error, LinkError::Mismatched(wrong) if wrong.len() == 2));

    let foreign = Func::wrap(&mut Store::new(&engine, ()), || 0i32).unwrap();
    linker.resolver(move |_, _| Ok(Some(foreign.into())));
    let error = link_error(linker.instantiate(&mut Store::new(&engine, ()), &two));
    assert!(matches!(error, LinkError::OtherStore { .. }), "{error}");

    linker.resolver(|_, import| Err(Error::host(format!("no {} today", import.name))));
    let error = linker.instantiate(&mut Store::new(&engine, ()), &two);
    assert_eq!(error.unwrap_err().to_string(), "no a today");
}

#[test]
fn a_resolver_may_instantiate_what_is_wanted_when_it_is() {
    let (engine, mut store, mut linker) = logging();
    let (library, user) = (module(&engine, LIBRARY), module(&engine, USER));
    let libraries = linker.clone();
    linker.resolver(move |store, import| {
        if import.module != "library" {
            return Ok(None);
        }
        let instance = libraries.instantiate(store, &library)?;
        Ok(instance.get_export(store, &import.name))
    });
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(run(&mut store, user, 7).unwrap(), 7);
}

#[test]
fn guests_use_memories_tables_and_globals_of_the_host() {
    let engine = Engine::default();
    let text = r#"(module
        (import "host" "memory" (memory 1))
        (import "host" "table" (table $table 2 funcref))
        (import "host" "global" (global $global (mut i64)))
        (import "host" "limit" (global $limit i32))
        (data (i32.const 16) "from the guest")
        (elem (table $table) (i32.const 1) func $twice)
        (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
        (func (export "run") (param i32) (result i32)
          (global.set $global (i64.add (global.get $global) (i64.load (i32.const 8))))
          (i32.add (global.get $limit)
            (call_indirect $table (param i32) (result i32) (local.get 0) (i32.const 0)))))"#;
    let module = module(&engine, text);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let ty = MemoryType::new(1, None);
    let memory = Memory::new(&mut store, ty).unwrap();
    let ty = TableType::new(ValType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let global = |store: &mut Store<()>, mutable, init: Val| {
        let ty = GlobalType {
            content: init.ty(),
            mutable,
        };
        Global::new(store, ty, init).unwrap()
    };
    let counter = global(&mut store, true, Val::I64(-3));
    let limit = global(&mut store, false, Val::I32(1_000));
    linker
        .define("host", "memory", memory)
        .and_then(|linker| linker.define("host", "table", table))
        .and_then(|linker| linker.define("host", "global", counter))
        .and_then(|linker| linker.define("host", "limit", limit))
        .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();

    let text = memory.read_string(&store, 16, 14).unwrap();
    assert_eq!(text, "from the guest");
    let twice = table.func(&mut store, 1).unwrap();
    assert_eq!(twice.instance(&store), Some(instance));
    let negate = Func::wrap(&mut store, |x: i32| -x).unwrap();
    table.set(&mut store, 0, negate.into()).unwrap();
    memory.store(&mut store, 8, 45i64).unwrap();
    assert_eq!(run(&mut store, instance, 1).unwrap(), 999);
    assert_eq!(counter.get(&mut store), Val::I64(42));
    let refused = limit.set(&mut store, Val::I32(0)).unwrap_err();
    assert!(matches!(refused, Error::Usage(UsageError::Immutable)));
}

#[test]
fn names_may_be_empty_or_any_text() {
    let engine = Engine::default();
    let text = r#"(module
        (import "" "" (func $a (result i32)))
        (import "ä\n\"" "\00" (func $b (result i32)))
        (func (export "run") (param i32) (result i32) (i32.sub (call $a) (call $b))))"#;
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    linker
        .func("", "", || 50i32)
        .and_then(|linker| linker.func("ä\n\"", "\0", || 8i32))
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, instance, "run", 0).unwrap(), 42);
}

#[test]
fn what_is_defined_later_makes_no_difference_to_what_is_prepared() {
    let engine = Engine::default();
    let two = module(&engine, TWO);
    let mut linker = Linker::new(&engine);
    linker
        .func("env", "a", || 1i32)
        .and_then(|linker| linker.func("env", "b", || 2i32))
        .unwrap();
    let prepared = linker.prepare(&two).unwrap();
    linker.allow_shadowing(true);
    linker.func("env", "b", || 20i32).unwrap();
    let mut store = Store::new(&engine, ());
    let before = prepared.instantiate(&mut store).unwrap();
    let after = linker.instantiate(&mut store, &two).unwrap();
    assert_eq!(call(&mut store, before, "run", 0).unwrap(), 3);
    assert_eq!(call(&mut store, after, "run", 0).unwrap(), 21);
}

#[test]
fn a_definition_is_one_function_in_each_store() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func("env", "f", || 7i32).unwrap();
    linker.alias("env", "f", "env", "g").unwrap();
    let get = |store: &mut Store<()>, name| {
        let func = linker.get(store, "env", name);
        func.and_then(|item| item.func()).unwrap()
    };
    let (mut a, mut b) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let f = get(&mut a, "f");
    assert_eq!(f, get(&mut a, "f"));
    assert_eq!(f, get(&mut a, "g"));
    assert_ne!(f, get(&mut b, "f"));
    assert!(linker.get(&mut a, "env", "h").is_none());
    assert!(linker.get(&mut a, "other", "f").is_none());
    let mut elsewhere = Store::new(&Engine::default(), ());
    assert!(linker.get(&mut elsewhere, "env", "f").is_none());
}

#[test]
fn modules_and_stores_of_another_engine_are_refused() {
    let (here, elsewhere) = (Engine::default(), Engine::default());
    let two: Module = module(&here, TWO);
    let mut linker = Linker::<()>::new(&elsewhere);
    let error = link_error(linker.prepare(&two));
    assert_eq!(error, LinkError::OtherEngine);
    let error = link_error(linker.define_unknown_imports_as_traps(&two));
    assert_eq!(error, LinkError::OtherEngine);
    let mut linker = Linker::<()>::new(&here);
    linker.define_unknown_imports_as_traps(&two).unwrap();
    let prepared = linker.prepare(&two).unwrap();
    let error = link_error(prepared.instantiate(&mut Store::new(&elsewhere, ())));
    assert_eq!(error, LinkError::OtherEngine);
}

#[test]
fn linkers_and_what_they_prepare_can_be_shared_by_threads() {
    fn check<T: Send + Sync + 'static>(_: &T) {}
    let engine = Engine::default();
    let two = module(&engine, TWO);
    let mut linker = Linker::<i32>::new(&engine);
    linker.resolver(|store, import| match &import.ty {
        ExternType::Func(_) => {
            let number = *store.data();
            Ok(Some(Func::wrap(store, move || number)?.into()))
        }
        _ => Ok(None),
    });
    let prepared = linker.prepare(&two).unwrap();
    check(&linker);
    check(&prepared);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (engine, prepared) = (&engine, &prepared);
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut store = Store::new(engine, thread);
                    let instance = prepared.instantiate(&mut store).unwrap();
                    assert_eq!(run(&mut store, instance, 0).unwrap(), 2 * thread);
                }
            });
        }
    });
}
