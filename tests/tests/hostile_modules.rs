//! Modules of extreme [shape](precast_tests::shapes) compile or are refused with the limit they
//! exceed, and what compiles does what it should.

use precast_compiler::{CompileError, Options, compile};
use precast_loader::{Engine, Instance, Store};
use precast_tests::shapes::{body, body_with, shapes};
use precast_tests::{Compiled, load, numbers, options};
use wasm_encoder::{BlockType, InstructionSink, ValType};

/// Calls the export `run` of a module with each of `params` in turn.
fn run_with(wasm: &[u8], options: &Options, params: impl Iterator<Item = i32>) -> Vec<i32> {
    let compiled = Compiled::new(wasm, options).unwrap_or_else(|error| panic!("{error}"));
    let engine = Engine::default();
    let module = load(&engine, &compiled).expect("just compiled");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("imports nothing");
    let run = instance.typed_func::<i32, i32>(&mut store, "run");
    let run = run.expect("from i32 to i32");
    let results = params.map(|param| run.call(&mut store, param).expect("does not trap"));
    results.collect()
}

fn run(wasm: &[u8], params: impl Iterator<Item = i32>) -> Vec<i32> {
    run_with(wasm, &options(), params)
}

#[test]
fn every_shape_compiles_when_it_is_small() {
    for shape in shapes() {
        let wasm = (shape.build)(shape.largest.min(40));
        let made = compile(&wasm, &options());
        assert!(made.is_ok(), "{}: {}", shape.name, made.unwrap_err());
    }
}

#[test]
fn every_shape_compiles_and_loads_or_exceeds_a_limit_when_it_is_larger() {
    let engine = Engine::default();
    for shape in shapes() {
        let wasm = (shape.build)((shape.largest / 10).min(1000));
        match Compiled::new(&wasm, &options()) {
            Ok(compiled) => {
                let loaded = load(&engine, &compiled);
                assert!(loaded.is_ok(), "{}: {}", shape.name, loaded.unwrap_err());
            }
            Err(CompileError::Limit { .. }) => {}
            Err(error) => panic!("{}: {error}", shape.name),
        }
    }
}

/// A function that adds up something that tells which of `depths` different blocks a br_table of
/// these targets went to, and with which of the values it went there.
fn branching(targets: &[u32], default: u32, depths: u32, with_value: bool) -> Vec<u8> {
    let ty = match with_value {
        true => BlockType::Result(ValType::I32),
        false => BlockType::Empty,
    };
    body_with(&[(1, ValType::I32)], |f| {
        for _ in 0..depths {
            f.block(ty);
        }
        if with_value {
            f.i32_const(1);
        }
        f.local_get(0).br_table(targets.iter().copied(), default);
        for depth in 0..depths {
            f.end();
            if with_value {
                f.local_set(1);
            }
            // Each block falls through to those around it, so that 1 is added as often as there
            // are blocks left.
            f.local_get(1).i32_const(1).i32_add().local_set(1);
            if with_value && depth + 1 < depths {
                f.local_get(1);
            }
        }
        f.local_get(1);
    })
}

#[test]
fn a_br_table_of_any_length_goes_where_it_says() {
    const DEPTHS: u32 = 7;
    let mut below = numbers(1);
    // Around the size beyond which functions go to the other code generator as well.
    for len in [0, 1, 2, 3, 4, 5, 8, 9, 100, 1023, 8150, 8192, 8193, 20_000] {
        for kind in 0..3 {
            let mut target = |index: usize| match kind {
                0 => 3,
                1 => index as u32 % DEPTHS,
                _ => below(DEPTHS as usize) as u32,
            };
            let targets: Vec<u32> = (0..len).map(&mut target).collect();
            let default = target(len);
            let indices = (0..len.min(20)).chain(len.saturating_sub(20)..len + 3);
            let indices = indices.chain([1 << 30, u32::MAX as usize]);
            let indices: Vec<_> = indices.collect();
            let expected = indices.iter().map(|&index| {
                let depth = *targets.get(index).unwrap_or(&default);
                (DEPTHS - depth) as i32
            });
            let expected: Vec<_> = expected.collect();
            let params = || indices.iter().map(|&index| index as u32 as i32);
            let wasm = branching(&targets, default, DEPTHS, false);
            assert_eq!(run(&wasm, params()), expected, "{len} targets, kind {kind}");
            let wasm = branching(&targets, default, DEPTHS, true);
            let plus_one: Vec<_> = expected.iter().map(|result| result + 1).collect();
            let found = run(&wasm, params());
            assert_eq!(found, plus_one, "{len} targets with a value, kind {kind}");
        }
    }
}

#[test]
fn a_br_table_to_loops_and_to_the_function_goes_where_it_says() {
    // A loop that runs down, left by way of the function's own end.
    let wasm = body_with(&[(1, ValType::I32)], |f| {
        f.i32_const(0).loop_(BlockType::FunctionType(0));
        f.local_get(0).i32_add().local_set(1);
        f.local_get(0).i32_const(1).i32_sub().local_set(0);
        f.local_get(1);
        // 0 goes out; anything else goes round again.
        f.local_get(0).br_table([1], 0).end();
    });
    assert_eq!(run(&wasm, [1, 2, 10].into_iter()), [1, 3, 55]);
}

/// What the test of locals does in Wasm, and here.
struct Model {
    locals: Vec<i32>,
}

#[test]
fn locals_that_lie_in_the_frame_are_as_those_that_do_not() {
    const LOCALS: u32 = 2000;
    let mut below = numbers(2);
    let mut model = Model {
        locals: vec![0; LOCALS as usize],
    };
    model.locals[0] = 5;
    // Enough blocks to make 2,000 locals too many for values.
    let steps: Vec<_> = (0..9000)
        .map(|_| (below(LOCALS as usize), below(LOCALS as usize)))
        .collect();
    let declared = [
        (500, ValType::I32),
        (1, ValType::V128),
        (300, ValType::I64),
        (LOCALS - 802, ValType::I32),
    ];
    // Among the locals of type i32 alone.
    let is_i32 = |local: usize| local <= 500 || local > 801;
    let wasm = body_with(&declared, |f: &mut InstructionSink<'_>| {
        for &(from, to) in &steps {
            f.block(BlockType::Empty).local_get(0).i32_eqz().br_if(0);
            if is_i32(from) && is_i32(to) && to != 0 {
                f.local_get(from as u32).local_get(0).i32_add();
                f.local_tee(to as u32).drop();
            } else if !is_i32(from) && from > 501 {
                f.local_get(from as u32).i64_const(1).i64_add();
                f.local_set(from as u32);
            }
            f.end();
        }
        f.local_get(0).i32_const(0).i32_mul();
        for local in (0..LOCALS).filter(|&local| is_i32(local as usize)) {
            f.local_get(local).i32_const(3).i32_mul().i32_xor();
        }
        f.local_get(501).i32x4_extract_lane(3).i32_xor();
        f.local_get(600).i32_wrap_i64().i32_xor();
    });
    let mut wide = vec![0; LOCALS as usize];
    for &(from, to) in &steps {
        if is_i32(from) && is_i32(to) && to != 0 {
            model.locals[to] = model.locals[from].wrapping_add(5);
        } else if !is_i32(from) && from > 501 {
            wide[from] += 1;
        }
    }
    let locals = model.locals.iter();
    let expected = locals.fold(0, |sum, local| sum ^ local.wrapping_mul(3)) ^ wide[600];
    assert_eq!(run(&wasm, [5].into_iter()), [expected]);
    // Nothing is done at all, and each local is what it was at first.
    assert_eq!(run(&wasm, [0].into_iter()), [0]);
}

#[test]
fn loops_nested_deeper_than_any_program_s_run() {
    const DEPTH: u32 = 1500;
    // Each loop counts down once, so that the innermost runs once per level.
    let wasm = body_with(&[(1, ValType::I32)], |f| {
        for _ in 0..DEPTH {
            f.loop_(BlockType::Empty);
        }
        for _ in 0..DEPTH {
            f.local_get(1).i32_const(1).i32_add().local_tee(1);
            f.local_get(0).i32_lt_s().br_if(0).end();
        }
        f.local_get(1);
    });
    let found = run(&wasm, [0, 1, 2000].into_iter());
    assert_eq!(found, [1500, 1500, 3499]);
}

#[test]
fn a_deep_expression_has_its_value() {
    const DEPTH: i32 = 30_000;
    let wasm = body(|f| {
        for i in 0..DEPTH {
            f.local_get(0).i32_const(i).i32_xor();
        }
        for _ in 1..DEPTH {
            f.i32_sub();
        }
    });
    // The last two first: a - (b - (c - …)).
    let expected = |param: i32| {
        (0..DEPTH)
            .rev()
            .fold(0i32, |sum, i| (param ^ i).wrapping_sub(sum))
    };
    let params = [0, 1, -7, 123_456_789];
    assert_eq!(run(&wasm, params.into_iter()), params.map(expected));
}

#[test]
fn a_large_function_needs_no_more_of_the_cpu_than_is_allowed_and_traps_where_it_should() {
    // A division in each of many blocks; the last one is by zero.
    let wasm = body(|f| {
        for i in (1..=10_000).rev() {
            f.block(BlockType::Empty)
                .local_get(0)
                .i32_const(i)
                .i32_ne()
                .br_if(0);
            f.i32_const(1000)
                .local_get(0)
                .i32_const(i)
                .i32_sub()
                .i32_div_s()
                .drop()
                .end();
        }
        f.local_get(0);
    });
    let compiled = Compiled::new(&wasm, &options()).expect("compiles");
    let engine = Engine::default();
    let module = load(&engine, &compiled).expect("just compiled");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("imports nothing");
    let call = |store: &mut Store<()>, param| precast_tests::call(store, instance, "run", param);
    assert_eq!(call(&mut store, 10_001).unwrap(), 10_001);
    for param in [1, 5000, 10_000] {
        let error = call(&mut store, param).unwrap_err();
        let code = precast_tests::trap_code(&error);
        assert_eq!(code, Some(precast_loader::TrapCode::IntegerDivideByZero));
    }
}

#[test]
fn values_that_calls_and_branches_pass_are_limited() {
    for name in [
        "targets of a br_table, with 1,000 values",
        "calls with 1,000 values",
        "branches with 1,000 values",
        "blocks with 1,000 results",
    ] {
        let shape = shapes().find(|shape| shape.name == name);
        let build = shape.expect("listed").build;
        match compile(&build(1200), &options()) {
            Err(CompileError::Limit { what, limit, .. }) => {
                assert!(
                    what.contains("pass too many values") && limit > 1_000_000,
                    "{what}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn large_functions_are_the_same_whatever_the_threads() {
    let shape = shapes().find(|shape| shape.name == "br_tables of ten");
    let wasm = (shape.expect("listed").build)(1500);
    let mut options = options();
    let one = compile(&wasm, &options).expect("compiles");
    options.threads = std::num::NonZeroUsize::new(4);
    assert!(compile(&wasm, &options).expect("compiles") == one);
}
