//! Exceptions, as far as the host has to do with them: between instances and stores, through host
//! functions, out of the guest; and how long they are kept.

use std::error::Error as StdError;

use precast_compiler::{CompileError, Options};
use precast_loader::{
    Caller, Config, Engine, Error, Exception, ExnRef, Extern, ExternType, FuncType, Instance,
    LimitError, Limits, LinkError, Linker, Module, Store, Tag, TrapCode, UsageError, Val, ValType,
};
use precast_tests::{Compiled, call, instance, load, module, options, trap_code, wasm};

/// Throws what it is told to, from a frame or two further in; and what `next` is a host function
/// for. A guest that imports the tag or has its own, as `tag` says.
fn guest(name: &str, tag: &str) -> String {
    format!(
        r#"(module ${name}
             {tag}
             (import "host" "next" (func $next (param i32) (result i32)))
             (func $throw (export "throw") (param i32) (result i32)
               (throw $e (local.get 0)))
             (func $through (export "through") (param i32) (result i32)
               (i32.add (call $throw (local.get 0)) (i32.const 1)))
             (func $next-through (export "next") (param i32) (result i32)
               (i32.add (call $next (local.get 0)) (i32.const 1)))
             (func (export "catch") (param i32) (result i32)
               (block $caught (result i32)
                 (try_table (catch $e $caught) (return (call $next-through (local.get 0))))
                 (unreachable))
               (i32.add (i32.const 1000)))
             (func (export "catch_all") (param i32) (result i32)
               (block $caught
                 (try_table (catch_all $caught) (return (call $next-through (local.get 0)))))
               (i32.const -1)))"#
    )
}

const OWN: &str = r#"(tag $e (export "tag") (param i32))"#;
const IMPORTED: &str = r#"(import "host" "tag" (tag $e (param i32)))"#;

/// A store with a tag of the host's.
fn store(engine: &Engine) -> (Store<()>, Tag) {
    let mut store = Store::new(engine, ());
    let tag = Tag::new(&mut store, FuncType::new([ValType::I32], [])).unwrap();
    (store, tag)
}

/// An instance that imports the tag, with `next` as it is given.
fn with_next(
    store: &mut Store<()>,
    tag: Tag,
    next: impl Fn(Caller<'_, ()>, i32) -> Result<i32, Error> + Send + Sync + 'static,
) -> Instance {
    let engine = store.engine().clone();
    let mut linker = Linker::new(&engine);
    linker.define("host", "tag", tag).unwrap();
    linker.func("host", "next", next).unwrap();
    let module = module(&engine, &guest("guest", IMPORTED));
    linker.instantiate(store, &module).unwrap()
}

/// Calls the export of that name of the instance that calls the host.
fn call_back(caller: &mut Caller<'_, ()>, name: &str, param: i32) -> Result<i32, Error> {
    let func = caller.get_export(name).and_then(Extern::func).unwrap();
    func.typed::<i32, i32>(caller)?.call(caller, param)
}

fn frames(error: &Error) -> Vec<&str> {
    let frames = error.backtrace().expect("it has one").frames().iter();
    frames
        .map(|frame| frame.func_name().unwrap_or("?"))
        .collect()
}

#[test]
fn what_nothing_catches_comes_out_with_what_it_carries() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, |_, _| Ok(0));
    let error = call(&mut store, guest, "through", 7).unwrap_err();
    let exception = error.exception().expect("an exception");
    assert_eq!(exception.tag(), tag);
    assert_eq!(exception.args(), [Val::I32(7)]);
    assert_eq!(frames(&error), ["throw", "through"]);
    assert!(
        error.to_string().starts_with("uncaught exception: 7\n"),
        "{error}"
    );
    // The store is as good as before.
    assert_eq!(call(&mut store, guest, "next", 1).unwrap(), 1);
}

#[test]
fn the_start_function_may_throw() {
    let engine = Engine::default();
    let module = module(
        &engine,
        "(module (tag $e (param f32 i64)) (func $s (throw $e (f32.const 1.5) (i64.const -2))) (start $s))",
    );
    let mut store = Store::new(&engine, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    let exception = error.exception().expect("an exception");
    assert_eq!(exception.args(), [Val::from(1.5f32), Val::I64(-2)]);
    assert!(error.to_string().starts_with("uncaught exception: 1.5, -2"));
}

#[test]
fn another_instance_catches_what_has_its_tag() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    linker.func("host", "next", |x: i32| x).unwrap();
    let thrower = module(&engine, &guest("thrower", OWN));
    let thrower = linker.instantiate(&mut store, &thrower).unwrap();
    let tag = thrower.tag(&mut store, "tag").unwrap();
    linker.define("host", "tag", tag).unwrap();
    linker.allow_shadowing(true);
    let through = thrower.func(&mut store, "through").unwrap();
    linker.define("host", "next", through).unwrap();

    let same = module(&engine, &guest("same", IMPORTED));
    let same = linker.instantiate(&mut store, &same).unwrap();
    assert_eq!(call(&mut store, same, "catch", 5).unwrap(), 1005);
    // A tag of the same type is another tag, though it has the same index.
    let other = module(&engine, &guest("other", OWN));
    let other = linker.instantiate(&mut store, &other).unwrap();
    let error = call(&mut store, other, "catch", 5).unwrap_err();
    assert_eq!(error.exception().map(Exception::tag), Some(tag));
    assert_eq!(
        frames(&error),
        ["throw", "through", "next-through", "catch"]
    );
    assert_eq!(call(&mut store, other, "catch_all", 5).unwrap(), -1);
}

#[test]
fn a_module_knows_a_tag_by_all_its_names() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let mut linker = Linker::<()>::new(&engine);
    linker
        .define("a", "e", tag)
        .unwrap()
        .define("b", "e", tag)
        .unwrap();
    let module = module(
        &engine,
        r#"(module
             (import "a" "e" (tag $a (param i32)))
             (import "b" "e" (tag $b (param i32)))
             (func (export "f") (param i32) (result i32)
               (block $caught (result i32)
                 (try_table (catch $b $caught) (throw $a (local.get 0)))
                 (unreachable))))"#,
    );
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, instance, "f", 3).unwrap(), 3);
}

#[test]
fn exceptions_pass_through_host_functions_that_return_them() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    // catch → host → next → host → through → throw
    let guest = with_next(&mut store, tag, |mut caller, depth| match depth {
        0 => call_back(&mut caller, "through", 42),
        _ => call_back(&mut caller, "next", depth - 1),
    });
    for depth in 0..20 {
        assert_eq!(call(&mut store, guest, "catch", depth).unwrap(), 1042);
        assert_eq!(call(&mut store, guest, "catch_all", depth).unwrap(), -1);
    }
    let error = call(&mut store, guest, "next", 1).unwrap_err();
    assert_eq!(
        frames(&error),
        ["throw", "through", "next-through", "next-through"]
    );
}

#[test]
fn the_host_may_keep_an_exception_to_itself_or_wrap_it() {
    #[derive(Debug)]
    struct Wrapped(Error);
    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl StdError for Wrapped {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, |mut caller, how| {
        let error = call_back(&mut caller, "throw", 5).unwrap_err();
        match how {
            0 => Ok(error.exception().unwrap().args()[0].i32().unwrap()),
            // In a box it is still an exception.
            1 => Err(Error::host(Box::<dyn StdError + Send + Sync>::from(error))),
            // An error of the host's is none, whatever its source.
            _ => Err(Error::host(Wrapped(error))),
        }
    });
    assert_eq!(call(&mut store, guest, "catch", 0).unwrap(), 6);
    assert_eq!(call(&mut store, guest, "catch", 1).unwrap(), 1005);
    let error = call(&mut store, guest, "catch_all", 2).unwrap_err();
    assert!(error.downcast_ref::<Wrapped>().is_some());
}

#[test]
fn the_host_throws_by_returning_an_exception() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, move |mut caller, code| {
        Err(Exception::new(&mut caller, tag, &[Val::I32(code)])?.into())
    });
    assert_eq!(call(&mut store, guest, "catch", 8).unwrap(), 1008);
    assert_eq!(call(&mut store, guest, "catch_all", 8).unwrap(), -1);
    let error = call(&mut store, guest, "next", 8).unwrap_err();
    assert_eq!(error.exception().unwrap().args(), [Val::I32(8)]);
    assert_eq!(frames(&error), ["next-through"]);
}

#[test]
fn an_exception_in_a_box_is_one() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, move |mut caller, code| {
        let exception = Exception::new(&mut caller, tag, &[Val::I32(code)])?;
        Err(Error::from(Box::<dyn StdError + Send + Sync>::from(
            exception,
        )))
    });
    assert_eq!(call(&mut store, guest, "catch", 8).unwrap(), 1008);
}

#[test]
fn what_is_no_exception_is_not_caught() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, |_, what| match what {
        0 => Err(TrapCode::Unreachable.into()),
        1 => Err(Error::host("failed")),
        _ => panic!("of the host"),
    });
    let error = call(&mut store, guest, "catch_all", 0).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
    let error = call(&mut store, guest, "catch_all", 1).unwrap_err();
    assert_eq!(error.to_string().lines().next(), Some("failed"));
    let panic = std::panic::AssertUnwindSafe(|| call(&mut store, guest, "catch_all", 2));
    assert!(std::panic::catch_unwind(panic).is_err());
}

#[test]
fn an_exception_of_another_store_is_an_error_like_others() {
    let engine = Engine::default();
    let (mut outer, tag) = store(&engine);
    let inner_engine = engine.clone();
    let guest = with_next(&mut outer, tag, move |_, param| {
        let (mut inner, tag) = store(&inner_engine);
        let guest = with_next(&mut inner, tag, |_, _| Ok(0));
        // Caught in there, it is the inner store's own business.
        assert_eq!(call(&mut inner, guest, "catch_all", 0).unwrap(), 1);
        call(&mut inner, guest, "throw", param)
    });
    let error = call(&mut outer, guest, "catch_all", 3).unwrap_err();
    let exception = error.exception().expect("an exception");
    assert_eq!(exception.args(), [Val::I32(3)]);
    assert_ne!(exception.tag(), tag);
}

#[test]
fn a_store_may_go_to_another_thread_between_calls() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let guest = with_next(&mut store, tag, |mut caller, param| {
        call_back(&mut caller, "throw", param)
    });
    assert_eq!(call(&mut store, guest, "catch", 1).unwrap(), 1001);
    let there = std::thread::spawn(move || call(&mut store, guest, "catch", 2).unwrap());
    assert_eq!(there.join().unwrap(), 1002);
}

#[test]
fn an_exception_leaves_very_many_frames() {
    const DEPTH: i32 = 100_000;
    const STACK_BYTES: usize = 64 << 20;
    let run = || {
        let mut config = Config::new();
        config.max_stack_bytes(STACK_BYTES);
        let engine = Engine::new(&config);
        let module = module(
            &engine,
            r#"(module
                 (tag $e (param i32))
                 (func $deep (param i32) (result i32)
                   (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 99))))
                   (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                 (func (export "f") (param i32) (result i32)
                   (block $caught (result i32)
                     (try_table (result i32) (catch $e $caught) (call $deep (local.get 0))))))"#,
        );
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        call(&mut store, instance, "f", DEPTH).unwrap()
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES + (4 << 20));
    assert_eq!(thread.spawn(run).unwrap().join().unwrap(), 99);
}

#[test]
fn tags_are_imported_by_their_type() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let module = module(&engine, r#"(module (import "a" "e" (tag (param i64))))"#);
    let mut linker = Linker::<()>::new(&engine);
    let missing = linker.instantiate(&mut store, &module).unwrap_err();
    assert!(
        missing.to_string().contains("(tag (param i64))"),
        "{missing}"
    );
    linker.define("a", "e", tag).unwrap();
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    let Error::Link(LinkError::Mismatched(mismatched)) = error else {
        panic!("{error}");
    };
    assert_eq!(mismatched[0].found, ExternType::Tag(tag.ty(&store)));

    let mut linker = Linker::<()>::new(&engine);
    linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap();
    linker.instantiate(&mut store, &module).unwrap();
    let item = linker.get(&mut store, "a", "e").and_then(Extern::tag);
    assert_eq!(item.unwrap().ty(&store), FuncType::new([ValType::I64], []));
}

#[test]
fn tags_and_arguments_that_do_not_fit_are_refused() {
    let engine = Engine::default();
    let (mut store, tag) = store(&engine);
    let with_results = FuncType::new([], [ValType::I32]);
    let error = Tag::new(&mut store, with_results).unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::TagType { .. })));
    for args in [&[][..], &[Val::I64(1)], &[Val::I32(1), Val::I32(2)]] {
        let error = Exception::new(&mut store, tag, args).unwrap_err();
        assert!(matches!(
            error,
            Error::Usage(UsageError::WrongArguments { .. })
        ));
    }
}

#[test]
fn references_cross_the_border() {
    let (mut store, guest) = instance(
        r#"(module
             (tag $e (export "tag") (param i32))
             (global (export "global") (mut exnref) (ref.null exn))
             (table (export "table") 2 exnref)
             (func (export "make") (param i32) (result exnref)
               (block $caught (result exnref)
                 (try_table (catch_all_ref $caught) (throw $e (local.get 0)))
                 (unreachable)))
             (func (export "open") (param exnref) (result i32)
               (block $caught (result i32)
                 (try_table (catch $e $caught) (throw_ref (local.get 0)))
                 (unreachable))))"#,
    );
    let make = guest
        .typed_func::<i32, Option<ExnRef>>(&mut store, "make")
        .unwrap();
    let open = guest
        .typed_func::<Option<ExnRef>, i32>(&mut store, "open")
        .unwrap();
    let reference = make.call(&mut store, 5).unwrap().unwrap();
    assert_eq!(open.call(&mut store, Some(reference)).unwrap(), 5);
    let error = open.call(&mut store, None).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::NullExceptionReference));

    let exception = reference.exception(&mut store);
    assert_eq!(exception.tag(), guest.tag(&mut store, "tag").unwrap());
    assert_eq!(exception.args(), [Val::I32(5)]);
    let again = ExnRef::new(&mut store, &exception).unwrap();
    assert_eq!(open.call(&mut store, Some(again)).unwrap(), 5);

    let global = guest.global(&mut store, "global").unwrap();
    assert_eq!(global.get(&mut store), Val::ExnRef(None));
    global.set(&mut store, reference.into()).unwrap();
    assert_eq!(global.get(&mut store).exn_ref(), Some(Some(reference)));
    assert!(global.set(&mut store, Val::ExternRef(None)).is_err());
    let table = guest.table(&mut store, "table").unwrap();
    table.set(&mut store, 1, reference.into()).unwrap();
    assert_eq!(table.get(&mut store, 0), Some(Val::ExnRef(None)));
    assert_eq!(table.get(&mut store, 1), Some(reference.into()));
}

/// Few enough that what is in use no longer has to go again and again.
const FEW_EXCEPTIONS: u64 = 4 << 10;

#[test]
fn what_is_thrown_again_and_again_takes_no_more_room() {
    let (mut store, guest) = instance(
        r#"(module
             (tag $e (param i32))
             (func $throw (param i32) (throw $e (local.get 0)))
             (func $cleanup (param i32)
               (block $caught (result exnref)
                 (try_table (catch_all_ref $caught) (call $throw (local.get 0)))
                 (return))
               (throw_ref))
             (func (export "f") (param i32) (result i32)
               (local $sum i32)
               (loop $again
                 (block $caught (result i32)
                   (try_table (catch $e $caught) (call $cleanup (local.get 0)))
                   (unreachable))
                 (local.set $sum (i32.add (local.get $sum)))
                 (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
               (local.get $sum)))"#,
    );
    store.set_limits(Limits::new().exception_bytes(FEW_EXCEPTIONS));
    let n = 100_000u32;
    let sum = call(&mut store, guest, "f", n as i32).unwrap();
    assert_eq!(sum.cast_unsigned(), (n / 2).wrapping_mul(n + 1));
}

/// Keeps references wherever they can be, throws until all others have been given up many times,
/// and then looks whether they are still what they were.
const KEEPER: &str = r#"
    (module $keeper
      (import "host" "next" (func $host (param i32) (result i32)))
      (tag $e (param i32))
      (tag $holder (param i64 exnref))
      (global $global (mut exnref) (ref.null exn))
      (table $table 3 exnref)
      (func $make (param i32) (result exnref)
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught) (throw $e (local.get 0)))
          (unreachable)))
      (func $make-holder (param exnref) (result exnref)
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught) (throw $holder (i64.const 1) (local.get 0)))
          (unreachable)))
      (func $open (param exnref) (result i32)
        (block $caught (result i32)
          (try_table (catch $e $caught) (throw_ref (local.get 0)))
          (unreachable)))
      (func $open-holder (param exnref) (result exnref)
        (block $caught (result i64 exnref)
          (try_table (catch $holder $caught) (throw_ref (local.get 0)))
          (unreachable))
        (return))
      ;; Makes many that nobody keeps.
      (func $garbage (export "garbage") (param $n i32) (result i32)
        (loop $again
          (drop (call $make (local.get $n)))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.const 0))
      ;; A parameter is needed after a call that returns, and in a handler, after one that throws.
      (func $across (param $kept exnref) (param $n i32) (result i32)
        (block $caught
          (try_table (catch_all $caught)
            (drop (call $garbage (local.get $n)))
            (drop (call $open (local.get $kept)))
            (drop (call $garbage (local.get $n)))
            (throw $e (i32.const 0)))
          (unreachable))
        (call $open (local.get $kept)))
      (func (export "keep") (param $n i32) (result i32)
        (local $a exnref) (local $b exnref)
        (global.set $global (call $make (i32.const 1)))
        (table.set $table (i32.const 2) (call $make (i32.const 20)))
        (local.set $a (call $make (i32.const 300)))
        (local.set $b (call $make-holder (call $make-holder (call $make (i32.const 4000)))))
        ;; One more is on the operand stack meanwhile, and one in a select.
        (call $make (i32.const 50000))
        (select (result exnref) (local.get $a) (ref.null exn) (local.get $n))
        (drop (call $host (local.get $n)))
        (call $open)
        (if (i32.ne (i32.const 300)) (then (unreachable)))
        (call $open)
        (i32.add (call $open (global.get $global)))
        (i32.add (call $open (table.get $table (i32.const 2))))
        (i32.add (call $open (local.get $a)))
        (i32.add (call $open (call $open-holder (call $open-holder (local.get $b)))))
        (i32.add (call $across (call $make (i32.const 600000)) (local.get $n)))))
"#;

fn keeper(
    options: &Options,
    next: impl Fn(Caller<'_, ()>, i32) -> Result<i32, Error> + Send + Sync + 'static,
) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let compiled = Compiled::new(&wasm(KEEPER), options).unwrap();
    let module: Module = load(&engine, &compiled).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func("host", "next", next).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits::new().exception_bytes(FEW_EXCEPTIONS));
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

#[test]
fn what_is_referred_to_is_kept_wherever_the_reference_is() {
    for precast_tests::run::Configuration { name, options } in precast_tests::run::configurations()
    {
        let (mut store, guest) = keeper(&options, |mut caller, n| {
            call_back(&mut caller, "garbage", n)
        });
        for _ in 0..3 {
            let found = call(&mut store, guest, "keep", 500).unwrap();
            assert_eq!(found, 654_321, "{name}");
        }
    }
}

#[test]
fn what_is_referred_to_is_kept_across_many_frames_of_the_host() {
    let (mut store, guest) = keeper(&options(), |mut caller, n| match n {
        1 => call_back(&mut caller, "garbage", 500),
        _ => call_back(&mut caller, "keep", n - 1),
    });
    assert_eq!(call(&mut store, guest, "keep", 8).unwrap(), 654_321);
}

#[test]
fn too_many_at_once_end_the_guest() {
    let (mut store, guest) = instance(
        r#"(module
             (tag $e)
             (table $kept 0 10000 exnref)
             (func $make (result exnref)
               (block $caught (result exnref)
                 (try_table (catch_all_ref $caught) (throw $e))
                 (unreachable)))
             (func (export "fill") (param i32) (result i32)
               (loop $again
                 (drop (table.grow $kept (call $make) (i32.const 1)))
                 (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
               (table.size $kept))
             (func (export "empty") (param i32) (result i32)
               (table.fill $kept (i32.const 0) (ref.null exn) (table.size $kept))
               (local.get 0)))"#,
    );
    store.set_limits(Limits::new().exception_bytes(FEW_EXCEPTIONS));
    let error = call(&mut store, guest, "fill", 1000).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Limit(LimitError::Store {
                limit: FEW_EXCEPTIONS,
                ..
            })
        ),
        "{error}"
    );
    assert!(
        call(&mut store, guest, "fill", 1).is_err(),
        "all are in use"
    );
    call(&mut store, guest, "empty", 0).unwrap();
    assert!(
        call(&mut store, guest, "fill", 10).is_ok(),
        "none is any more"
    );
}

#[test]
fn what_the_host_refers_to_is_kept() {
    let (mut store, guest) = keeper(&options(), |_, _| Ok(0));
    let tag = Tag::new(&mut store, FuncType::new([ValType::I32], [])).unwrap();
    let exception = Exception::new(&mut store, tag, &[Val::I32(17)]).unwrap();
    let reference = ExnRef::new(&mut store, &exception).unwrap();
    call(&mut store, guest, "garbage", 1000).unwrap();
    assert_eq!(reference.exception(&mut store), exception);
}

#[test]
fn a_function_whose_handlers_would_be_too_many_is_refused() {
    let nested = |blocks: usize, calls: usize, tags: usize| {
        let opening: String = (0..blocks)
            .map(|block| format!("(try_table (catch {} $out)", block % tags))
            .collect();
        format!(
            "(module {} (func $f) (func (block $out {opening}{}{})))",
            "(tag)".repeat(tags),
            "(call $f)".repeat(calls),
            ")".repeat(blocks)
        )
    };
    let compile = |wat: String| precast_compiler::compile(&wasm(&wat), &options());
    let refused = compile(nested(400, 1000, 400));
    assert!(
        matches!(refused, Err(CompileError::Limit { .. })),
        "{refused:?}"
    );
    // What only looks like many: nothing gets past the innermost handler for its tag.
    compile(nested(1000, 1000, 1)).unwrap();
}
