use super::*;
use crate::{Features, Options, compile, validate};

/// A module with two types, three functions, and one that is nested 3 deep with 4 locals and 2 operands.
const TEXT: &str = r#"(module
    (type (func (param i32)))
    (rec (type (func)) (type (func (result i64))))
    (import "m" "f" (func (type 0)))
    (func (type 1))
    (func (type 0) (local i64 i64 f32)
        (block (loop (drop (i64.add (local.get 1) (local.get 2)))))))"#;

fn options(set: impl FnOnce(&mut Limits)) -> Options {
    let mut options = Options {
        features: Features::ALL,
        ..Options::default()
    };
    set(&mut options.limits);
    options
}

/// Compiles and validates with `exact` and with one less.
fn check(name: &'static str, exact: u64, part: &str, set: fn(&mut Limits, u64)) {
    let wasm = wat::parse_str(TEXT).unwrap();
    let enough = options(|limits| set(limits, exact));
    compile(&wasm, &enough).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(validate(&wasm, &enough), Ok(()));
    let too_little = options(|limits| set(limits, exact - 1));
    let error = compile(&wasm, &too_little).unwrap_err();
    let CompileError::Limit {
        what,
        limit,
        name: found,
    } = error
    else {
        panic!("{name}: {error}")
    };
    assert!(what.contains(part), "{what}");
    assert_eq!((limit, found), (exact - 1, Some(name)));
    let message = error.to_string();
    assert!(
        message.ends_with(&format!("; raise `{name}` to take more")),
        "{message}"
    );
    if name != "memory_bytes" {
        assert_eq!(validate(&wasm, &too_little), Err(error));
    }
}

#[test]
fn each_limit_takes_what_it_says_and_nothing_more() {
    let bytes = wat::parse_str(TEXT).unwrap().len() as u64;
    check("module_bytes", bytes, "module is too large", |l, n| {
        l.module_bytes = n
    });
    check("types", 3, "types", |l, n| l.types = n as u32);
    check("functions", 3, "functions", |l, n| l.functions = n as u32);
    // Locals in two groups, a block, a loop, two reads, a sum and a drop, and three ends.
    let body = 5 + 2 + 2 + 4 + 2 + 3;
    check("body_bytes", body, "body is too large", |l, n| {
        l.body_bytes = n as u32
    });
    check("locals", 4, "locals", |l, n| l.locals = n as u32);
    check("nesting", 3, "nested", |l, n| l.nesting = n as u32);
    check("operands", 2, "operands", |l, n| l.operands = n as u32);
    check(
        "memory_bytes",
        body * MEMORY_PER_BODY_BYTE,
        "memory",
        |l, n| l.memory_bytes = n,
    );
}

#[test]
fn by_default_there_is_memory_for_every_function_that_there_can_be() {
    let limits = Limits::default();
    let largest = limits.body_bytes as usize;
    assert!(Budget::start(&limits).take_memory(largest).is_ok());
}

#[test]
fn no_limit_changes_the_artifact() {
    let wasm = wat::parse_str(TEXT).unwrap();
    let expected = compile(&wasm, &options(|_| ())).unwrap();
    let limited = options(|limits| {
        *limits = Limits {
            module_bytes: 1000,
            types: 3,
            functions: 3,
            body_bytes: 100,
            locals: 4,
            nesting: 3,
            operands: 2,
            memory_bytes: 100 * MEMORY_PER_BODY_BYTE,
            time: Some(Duration::MAX),
        };
    });
    assert!(compile(&wasm, &limited).unwrap() == expected);
}

#[test]
fn a_compilation_without_time_ends_at_once() {
    let wasm = wat::parse_str(TEXT).unwrap();
    let options = options(|limits| limits.time = Some(Duration::ZERO));
    let expected = CompileError::Limit {
        what: "the compilation takes too long, in milliseconds",
        limit: 0,
        name: Some("time"),
    };
    assert_eq!(compile(&wasm, &options), Err(expected.clone()));
    assert_eq!(validate(&wasm, &options), Err(expected));
}

#[test]
fn time_passes_within_a_function_too() {
    let limits = Limits {
        time: Some(Duration::ZERO),
        ..Limits::default()
    };
    let budget = Budget::start(&limits);
    let mut operators = 0;
    let looks = (0..3 * OPERATORS_BETWEEN_LOOKS)
        .filter(|_| budget.check_time_sometimes(&mut operators).is_err());
    assert_eq!(looks.count(), 3);
}

#[test]
fn functions_wait_for_memory_and_go_on_when_others_have_given_it_back() {
    let limits = Limits {
        memory_bytes: 10 * MEMORY_PER_BODY_BYTE,
        ..Limits::default()
    };
    let budget = Budget::start(&limits);
    let peak = Mutex::new((0, 0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (budget, peak) = (&budget, &peak);
            scope.spawn(move || {
                for turn in 0..100 {
                    let bytes = 1 + (thread + turn) % 10;
                    let share = budget.take_memory(bytes).unwrap();
                    {
                        let mut peak = peak.lock().unwrap();
                        peak.0 += bytes;
                        peak.1 = peak.1.max(peak.0);
                    }
                    std::thread::yield_now();
                    peak.lock().unwrap().0 -= bytes;
                    drop(share);
                }
            });
        }
    });
    assert!(peak.lock().unwrap().1 <= 10);
    assert_eq!(*budget.in_use.lock().unwrap(), 0);
    assert!(budget.take_memory(11).is_err(), "it would wait for ever");
}

#[test]
fn what_cannot_be_raised_is_not_said_to_be() {
    let locals = "i32 ".repeat(50_001);
    let wasm = wat::parse_str(format!("(module (func (local {locals})))")).unwrap();
    let name = |options: &Options| match compile(&wasm, options) {
        Err(CompileError::Limit { limit, name, .. }) => (limit, name),
        other => panic!("{:?}", other.map(|artifact| artifact.len())),
    };
    assert_eq!(name(&options(|_| ())), (50_000, None));
    assert_eq!(
        name(&options(|limits| limits.locals = 60_000)),
        (50_000, None)
    );
    assert_eq!(
        name(&options(|limits| limits.locals = 9)),
        (9, Some("locals"))
    );
}
