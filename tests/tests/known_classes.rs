//! Classes of vulnerability that other engines have had, as far as no other test has them: see
//! SECURITY.md, which lists all of them.
//!
//! What is right is computed here, and expected at all levels of optimisation and of CPUs that this
//! machine has: mistakes of a code generator show in one combination and not in another.

use std::fmt::Write as _;

use precast_compiler::{CpuLevel, OptLevel, Options};
use precast_loader::{Engine, Instance, Module, Store, TrapCode, WasmParams, WasmResults};
use precast_tests::{Compiled, load, numbers, options, trap_code, wasm};

const LEVELS: [OptLevel; 4] = [
    OptLevel::None,
    OptLevel::Basic,
    OptLevel::Speed,
    OptLevel::SpeedAndSize,
];

/// Runs `check` with the module's instance for each level of optimisation, and each level of CPUs up to
/// this machine's.
fn everywhere(wat: &str, mut check: impl FnMut(&mut Store<()>, Instance)) {
    let wasm = wasm(wat);
    let host = precast_compiler::CpuFeatures::of_host();
    let mut tried = 0;
    for opt_level in LEVELS {
        for cpu in CpuLevel::ALL {
            let mut options = Options {
                opt_level,
                ..options()
            };
            let fits = options.cpu_level(cpu).is_ok()
                && options.cpu_features.iter().all(|it| host.contains(it));
            if !fits {
                continue;
            }
            tried += 1;
            let (mut store, instance) = instance(&wasm, &options);
            check(&mut store, instance);
        }
    }
    assert!(tried >= LEVELS.len());
}

fn instance(wasm: &[u8], options: &Options) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let compiled = Compiled::new(wasm, options).unwrap_or_else(|error| panic!("{error}"));
    let module: Module = load(&engine, &compiled).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    params: P,
) -> Result<R, Option<TrapCode>> {
    let func = instance.typed_func::<P, R>(store, name).unwrap();
    func.call(store, params).map_err(|error| trap_code(&error))
}

/// An expression of that type as one of type i32 that depends on it.
fn as_i32(ty: &str, expression: &str) -> String {
    match ty {
        "i32" => expression.to_owned(),
        "i64" => format!("(i32.wrap_i64 {expression})"),
        "f32" => format!("(i32.reinterpret_f32 {expression})"),
        "f64" => format!("(i32.wrap_i64 (i64.reinterpret_f64 {expression}))"),
        _ => format!("(i32x4.extract_lane 3 {expression})"),
    }
}

/// What can be done with a number that was loaded: `$` is the load, the type is that of the result.
fn uses_of_a_load(ty: &'static str) -> Vec<(&'static str, String)> {
    let float = "add sub mul div min max copysign | abs neg sqrt ceil nearest | eq lt ge";
    let integer = "add sub mul and or xor shl rotl div_u rem_s | clz ctz popcnt | eq lt_u gt_s";
    let names = if ty.starts_with('f') { float } else { integer };
    let [binary, unary, comparing] = {
        let mut groups = names.split(" | ").map(str::split_whitespace);
        [(); 3].map(|()| groups.next().expect("three groups"))
    };
    let other = match ty {
        "f32" => "(f32.convert_i32_s (local.get 0))",
        "f64" => "(f64.convert_i32_s (local.get 0))",
        "i64" => "(i64.extend_i32_s (local.get 0))",
        _ => "(local.get 0)",
    };
    let mut uses = Vec::new();
    for name in unary {
        uses.push((ty, format!("({ty}.{name} $)")));
    }
    for (names, result) in [(binary, ty), (comparing, "i32")] {
        for name in names {
            uses.push((result, format!("({ty}.{name} {other} $)")));
            if !name.starts_with("div") && !name.starts_with("rem") {
                uses.push((result, format!("({ty}.{name} $ {other})")));
            }
        }
    }
    let more: &[(&str, &str)] = match ty {
        "f32" => &[
            ("v128", "(f32x4.splat $)"),
            ("f64", "(f64.promote_f32 $)"),
            ("i64", "(i64.trunc_sat_f32_s $)"),
            ("i32", "(i32.reinterpret_f32 $)"),
            ("v128", "(f32x4.replace_lane 2 (v128.const i64x2 1 2) $)"),
        ],
        "f64" => &[
            ("v128", "(f64x2.splat $)"),
            ("f32", "(f32.demote_f64 $)"),
            ("i32", "(i32.trunc_sat_f64_u $)"),
            ("v128", "(f64x2.replace_lane 1 (v128.const i64x2 1 2) $)"),
        ],
        "i64" => &[
            ("v128", "(i64x2.splat $)"),
            ("f32", "(f32.convert_i64_s $)"),
            ("f64", "(f64.reinterpret_i64 $)"),
            ("v128", "(i64x2.replace_lane 0 (v128.const i64x2 1 2) $)"),
        ],
        _ => &[
            ("v128", "(i8x16.splat $)"),
            ("v128", "(i16x8.splat $)"),
            ("v128", "(i32x4.splat $)"),
            ("f64", "(f64.convert_i32_u $)"),
            ("v128", "(i16x8.replace_lane 5 (v128.const i64x2 1 2) $)"),
            ("v128", "(i32x4.shl (v128.const i64x2 1 2) $)"),
        ],
    };
    uses.extend(more.iter().map(|&(result, text)| (result, text.to_owned())));
    uses
}

/// An instruction that takes a vector from memory where a number is meant reads beyond the number, and
/// faults at the end of memory. (`f64.copysign`, `f64x2.splat`.)
#[test]
fn a_load_that_becomes_part_of_an_instruction_reads_its_own_bytes_only() {
    // Not zero, for divisions.
    let mut wat = "(module (memory 1) (func $fill (memory.fill
        (i32.const 65500) (i32.const 0x3f) (i32.const 36))) (start $fill)\n"
        .to_owned();
    let mut sizes = Vec::new();
    for (ty, bytes) in [("f32", 4), ("f64", 8), ("i32", 4), ("i64", 8)] {
        for (result, text) in uses_of_a_load(ty) {
            let load = format!("({ty}.load (local.get 0))");
            let text = as_i32(result, &text.replace('$', &load));
            let name = sizes.len();
            writeln!(
                wat,
                "(func (export \"{name}\") (param i32) (result i32) {text})"
            )
            .unwrap();
            sizes.push(bytes);
        }
    }
    wat.push(')');
    everywhere(&wat, |store, instance| {
        for (name, bytes) in sizes.iter().enumerate() {
            let name = name.to_string();
            let last = 65_536 - bytes;
            let at_end = call::<i32, i32>(store, instance, &name, last);
            assert!(at_end.is_ok(), "{name}: {at_end:?}");
            let beyond = call::<i32, i32>(store, instance, &name, last + 1);
            assert_eq!(beyond, Err(Some(TrapCode::MemoryOutOfBounds)), "{name}");
        }
    });
}

/// Bits chosen by a mask that is not known to be all ones or all zeros in each lane. (`i8x16.select`.)
#[test]
fn vectors_are_mixed_bit_by_bit_whatever_the_mask() {
    let masks = [
        "(local.get $m)",
        "(i8x16.lt_s (local.get $m) (local.get $a))",
        "(v128.or (i8x16.eq (local.get $m) (local.get $a)) (v128.const i64x2 1 0))",
        "(i32x4.shr_s (local.get $m) (i32.const 31))",
        "(v128.not (i64x2.gt_s (local.get $a) (local.get $m)))",
        "(v128.const i64x2 0xff00ff00ff00ff01 0x8000000000000000)",
    ];
    let lane_by_lane = |bits: usize, test: &dyn Fn(i64, i64) -> bool, m: u128, a: u128| {
        (0..128 / bits).fold(0u128, |mask, lane| {
            let of = |value: u128| {
                let shifted = (value >> (lane * bits)) as i64;
                shifted << (64 - bits) >> (64 - bits)
            };
            let ones = u128::MAX >> (128 - bits);
            mask | if test(of(m), of(a)) {
                ones << (lane * bits)
            } else {
                0
            }
        })
    };
    let mask = |which: usize, m: u128, a: u128| match which {
        0 => m,
        1 => lane_by_lane(8, &|m, a| m < a, m, a),
        2 => lane_by_lane(8, &|m, a| m == a, m, a) | 1,
        3 => lane_by_lane(32, &|m, _| m < 0, m, a),
        4 => lane_by_lane(64, &|m, a| a <= m, m, a),
        _ => 0x8000_0000_0000_0000_ff00_ff00_ff00_ff01,
    };
    let mut wat = "(module\n".to_owned();
    let vector = "(i64x2.replace_lane 1 (i64x2.splat (local.get 0)) (local.get 1))";
    let [a, b, m] = [0, 2, 4].map(|first| {
        vector
            .replace("get 1", &format!("get {}", first + 1))
            .replace("get 0", &format!("get {first}"))
    });
    for (name, mask) in masks.iter().enumerate() {
        writeln!(
            wat,
            "(func (export \"{name}\") (param i64 i64 i64 i64 i64 i64) (result i64 i64)
               (local $a v128) (local $b v128) (local $m v128)
               (local.set $a {a}) (local.set $b {b}) (local.set $m {m})
               (local.set $m (v128.bitselect (local.get $a) (local.get $b) {mask}))
               (i64x2.extract_lane 0 (local.get $m)) (i64x2.extract_lane 1 (local.get $m)))"
        )
        .unwrap();
    }
    wat.push(')');
    everywhere(&wat, |store, instance| {
        let mut number = numbers(7);
        let mut vector = || {
            let lanes = [(); 2].map(|()| match number(4) {
                0 => 0x8000_0000_0000_0000u64.wrapping_add(number(3) as u64),
                1 => 0x7f80_7fff_0000_ffff,
                _ => number(usize::MAX) as u64,
            });
            (lanes, u128::from(lanes[0]) | u128::from(lanes[1]) << 64)
        };
        for round in 0..200 {
            let ((al, a), (bl, b)) = (vector(), vector());
            let (ml, m) = if round % 5 == 0 { (al, a) } else { vector() };
            for which in 0..masks.len() {
                let params = (al[0], al[1], bl[0], bl[1], ml[0], ml[1]);
                let found = call::<_, (u64, u64)>(store, instance, &which.to_string(), params);
                let mask = mask(which, m, a);
                let expected = a & mask | b & !mask;
                let expected = (expected as u64, (expected >> 64) as u64);
                assert_eq!(found, Ok(expected), "{which}: {a:x} {b:x} {m:x}");
            }
        }
    });
}

/// Division by a constant becomes multiplication, with constants that were wrong once.
#[test]
fn division_by_a_constant_is_division() {
    let divisors: Vec<i64> = {
        let small = 1..=21;
        let near_powers = (5..63).flat_map(|bit| [(1i64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let others = [1000, 641, 6_700_417, i64::MAX, i64::MIN, i32::MIN.into()];
        let positive: Vec<_> = small.chain(near_powers).chain(others).collect();
        let negative = positive.iter().map(|divisor| divisor.wrapping_neg());
        positive.iter().copied().chain(negative).collect()
    };
    let mut wat = "(module\n".to_owned();
    let mut add = |name: usize, ty: &str, bits: u32, divisor: i64| {
        for op in ["div_s", "div_u", "rem_s", "rem_u"] {
            writeln!(
                wat,
                "(func (export \"{bits}{op}{name}\") (param {ty}) (result {ty})
                   ({ty}.{op} (local.get 0) ({ty}.const {divisor})))"
            )
            .unwrap();
        }
    };
    for (name, &divisor) in divisors.iter().enumerate() {
        add(name, "i64", 64, divisor);
        if divisor as i32 != 0 {
            add(name, "i32", 32, (divisor as i32).into());
        }
    }
    wat.push(')');
    let dividends: Vec<i64> = {
        let edges = [
            0,
            1,
            -1,
            i64::MIN,
            i64::MAX,
            i32::MIN.into(),
            i32::MAX.into(),
            1 << 32,
        ];
        let mut number = numbers(8);
        let random = (0..6).map(|_| number(usize::MAX) as i64 >> number(60));
        edges
            .into_iter()
            .chain(random.collect::<Vec<_>>())
            .collect()
    };
    let overflow = || Err(Some(TrapCode::IntegerOverflow));
    everywhere(&wat, |store, instance| {
        for (name, &divisor) in divisors.iter().enumerate() {
            for &dividend in &dividends {
                let mut check = |op: &str, expected: Result<i64, Option<TrapCode>>| {
                    let found =
                        call::<i64, i64>(store, instance, &format!("64{op}{name}"), dividend);
                    assert_eq!(found, expected, "{dividend} {op} {divisor}");
                };
                check(
                    "div_s",
                    dividend.checked_div(divisor).map_or_else(overflow, Ok),
                );
                check("rem_s", Ok(dividend.wrapping_rem(divisor)));
                let [a, b] = [dividend, divisor].map(i64::cast_unsigned);
                check("div_u", Ok((a / b).cast_signed()));
                check("rem_u", Ok((a % b).cast_signed()));
            }
            let divisor = divisor as i32;
            if divisor == 0 {
                continue;
            }
            for dividend in dividends.iter().map(|&dividend| dividend as i32) {
                let mut check = |op: &str, expected: Result<i32, Option<TrapCode>>| {
                    let found =
                        call::<i32, i32>(store, instance, &format!("32{op}{name}"), dividend);
                    assert_eq!(found, expected, "{dividend} {op} {divisor}");
                };
                let overflow = || Err(Some(TrapCode::IntegerOverflow));
                check(
                    "div_s",
                    dividend.checked_div(divisor).map_or_else(overflow, Ok),
                );
                check("rem_s", Ok(dividend.wrapping_rem(divisor)));
                let [a, b] = [dividend, divisor].map(i32::cast_unsigned);
                check("div_u", Ok((a / b).cast_signed()));
                check("rem_u", Ok((a % b).cast_signed()));
            }
        }
    });
}

/// Floats become integers of a vector's lanes: those that do not fit, the nearest that does.
/// (`fcvt_to_sint_sat`, for vectors.)
#[test]
fn vectors_of_floats_become_integers_that_saturate() {
    let wat = r#"(module
        (func (export "s32") (param f32) (result i32)
            (i32x4.extract_lane 2 (i32x4.trunc_sat_f32x4_s (f32x4.splat (local.get 0)))))
        (func (export "u32") (param f32) (result i32)
            (i32x4.extract_lane 2 (i32x4.trunc_sat_f32x4_u (f32x4.splat (local.get 0)))))
        (func (export "s64") (param f64) (result i32)
            (i32x4.extract_lane 1 (i32x4.trunc_sat_f64x2_s_zero (f64x2.splat (local.get 0)))))
        (func (export "u64") (param f64) (result i32)
            (i32x4.extract_lane 1 (i32x4.trunc_sat_f64x2_u_zero (f64x2.splat (local.get 0)))))
        (func (export "zero") (param f64) (result i32)
            (i32x4.extract_lane 2 (i32x4.trunc_sat_f64x2_u_zero (f64x2.splat (local.get 0)))))
        (func (export "narrow") (param i32) (result i32)
            (i32.add
                (i16x8.extract_lane_s 1 (i16x8.narrow_i32x4_s (i32x4.splat (local.get 0)) (v128.const i64x2 0 0)))
                (i16x8.extract_lane_u 1 (i16x8.narrow_i32x4_u (i32x4.splat (local.get 0)) (v128.const i64x2 0 0))))))"#;
    let wide: Vec<f64> = {
        let bits = [31, 32, 53, 63, 64, 128];
        let edges = bits.map(|bits| 2f64.powi(bits));
        let around = edges.iter().flat_map(|&edge| {
            [
                edge,
                edge.next_up(),
                edge.next_down(),
                edge - 1.0,
                edge - 0.5,
                edge + 1.0,
            ]
        });
        let others = [
            0.0,
            0.5,
            0.99,
            1.5,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        let positive: Vec<_> = around.chain(others).collect();
        positive.iter().flat_map(|&value| [value, -value]).collect()
    };
    everywhere(wat, |store, instance| {
        for &value in &wide {
            let mut check = |name, expected: i32| {
                let found = call::<f64, i32>(store, instance, name, value);
                assert_eq!(found, Ok(expected), "{name} {value:?}");
            };
            check("s64", value as i32);
            check("u64", (value as u32).cast_signed());
            check("zero", 0);
            let value = value as f32;
            let mut check = |name, expected: i32| {
                let found = call::<f32, i32>(store, instance, name, value);
                assert_eq!(found, Ok(expected), "{name} {value:?}");
            };
            check("s32", value as i32);
            check("u32", (value as u32).cast_signed());
            let value = value as i32;
            let signed = value.clamp(i16::MIN.into(), i16::MAX.into());
            let unsigned = value.clamp(0, u16::MAX.into());
            let found = call::<i32, i32>(store, instance, "narrow", value);
            assert_eq!(found, Ok(signed + unsigned), "narrow {value}");
        }
    });
}

/// What functions take on the stack for the arguments of their calls counts as well when the stack's end is
/// looked for: their frames are small otherwise.
#[test]
fn calls_with_a_thousand_arguments_end_at_the_limit_of_the_stack() {
    let types = "i64 ".repeat(1000);
    let gets: String = (0..1000).map(|n| format!("(local.get {n})")).collect();
    let results: String = (0..1000).map(|n| format!("(i64.const {n})")).collect();
    let drops = "(drop)".repeat(999);
    let wat = format!(
        "(module
           (type $wide (func (param {types}) (result {types})))
           (table 1 funcref) (elem (i32.const 0) $indirect)
           (func $direct (type $wide) {gets} (call $direct))
           (func $indirect (type $wide) {gets} (call_indirect (type $wide) (i32.const 0)))
           (func $tail (type $wide) {gets} (return_call $direct))
           (func (export \"direct\") (result i64) {results} (call $direct) {drops})
           (func (export \"indirect\") (result i64) {results} (call $indirect) {drops})
           (func (export \"tail\") (result i64) {results} (call $tail) {drops}))"
    );
    everywhere(&wat, |store, instance| {
        for name in ["direct", "indirect", "tail"] {
            let found = call::<(), i64>(store, instance, name, ());
            assert_eq!(found, Err(Some(TrapCode::StackOverflow)), "{name}");
        }
    });
}

/// Work that doubles with each level costs as much, however it is called: by reference, or from where an
/// exception has been caught. (Fuel that was forgotten there.)
#[test]
fn fuel_is_counted_across_references_and_caught_exceptions() {
    let wat = r#"(module
        (type $f (func (param i32)))
        (tag $e (param i32))
        (elem declare func $by_ref)
        (func $by_ref (export "by_ref") (type $f)
            (if (local.get 0) (then
                (call_ref $f (i32.sub (local.get 0) (i32.const 1)) (ref.func $by_ref))
                (call_ref $f (i32.sub (local.get 0) (i32.const 1)) (ref.func $by_ref)))))
        (func $tail (export "tail") (type $f)
            (if (local.get 0) (then
                (call $tail (i32.sub (local.get 0) (i32.const 1)))
                (return_call_ref $f (i32.sub (local.get 0) (i32.const 1)) (ref.func $tail)))))
        (elem declare func $tail)
        (func $caught (export "caught") (type $f)
            (if (local.get 0) (then
                (block (result i32)
                    (try_table (catch $e 0) (call $throws (local.get 0)))
                    (i32.const 0))
                (call $caught)
                (block (result i32)
                    (try_table (catch $e 0) (throw $e (i32.sub (local.get 0) (i32.const 1))))
                    (i32.const 0))
                (call $caught))))
        (func $throws (type $f) (throw $e (i32.sub (local.get 0) (i32.const 1)))))"#;
    const DEPTH: i32 = 12;
    const PLENTY: u64 = 1 << 40;
    let mut options = options();
    options.tunables.fuel = true;
    for opt_level in LEVELS {
        options.opt_level = opt_level;
        let (mut store, instance) = instance(&wasm(wat), &options);
        for name in ["by_ref", "tail", "caught"] {
            let mut used = |levels: i32| {
                store.set_fuel(PLENTY);
                let found = call::<i32, ()>(&mut store, instance, name, levels);
                assert_eq!(found, Ok(()), "{name}");
                PLENTY - store.fuel()
            };
            let [none, one] = [0, 1].map(&mut used);
            let all = used(DEPTH);
            // Each of the 2^DEPTH - 1 calls that have two more below them costs as much as the first.
            let inner = (1u64 << DEPTH) - 1;
            assert!(none > 0 && one > 2 * none, "{name}");
            assert_eq!(all, inner * (one - 2 * none) + (inner + 1) * none, "{name}");
            // And it ends where there is too little.
            store.set_fuel(all - 1);
            let found = call::<i32, ()>(&mut store, instance, name, DEPTH);
            assert_eq!(found, Err(Some(TrapCode::OutOfFuel)), "{name}");
        }
    }
}

/// A segment that was dropped has no elements and no bytes, and a table that could not grow is as it was.
#[test]
fn dropped_segments_are_empty_and_failed_growth_changes_nothing() {
    let wat = r#"(module
        (memory 1 2) (table $t 3 5 funcref)
        (elem $e func $f $f $f)
        (data $d "abc")
        (func $f)
        (func (export "table.init") (param i32 i32 i32)
            (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
        (func (export "memory.init") (param i32 i32 i32)
            (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
        (func (export "drop") (elem.drop $e) (data.drop $d))
        (func (export "table.fill") (param i32 i32 i32)
            (table.fill $t (local.get 0) (ref.null func) (local.get 2)))
        (func (export "table.grow") (param i32) (result i32)
            (table.grow $t (ref.func $f) (local.get 0)))
        (func (export "table.size") (result i32) (table.size $t))
        (func (export "is_null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
        (func (export "memory.grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "memory.size") (result i32) (memory.size)))"#;
    everywhere(wat, |store, instance| {
        let mut three = |name: &str, to: u32, from: u32, len: u32| {
            call::<(u32, u32, u32), ()>(store, instance, name, (to, from, len))
        };
        let outside = |name: &str| match name.starts_with("table") {
            true => Err(Some(TrapCode::TableOutOfBounds)),
            false => Err(Some(TrapCode::MemoryOutOfBounds)),
        };
        for (name, end) in [("table.init", 3), ("memory.init", 65_536)] {
            assert_eq!(three(name, end - 3, 0, 3), Ok(()));
            assert_eq!(three(name, end, 3, 0), Ok(()));
            for (to, from, len) in [
                (end - 2, 0, 3),
                (0, 1, 3),
                (0, 4, 0),
                (end + 1, 0, 0),
                (u32::MAX, 0, 2),
                (0, u32::MAX, 2),
                (1, 1, u32::MAX),
            ] {
                assert_eq!(
                    three(name, to, from, len),
                    outside(name),
                    "{name} {to} {from} {len}"
                );
            }
        }
        for (at, len, expected) in [
            (3, 0, Ok(())),
            (4, 0, outside("table")),
            (2, 2, outside("table")),
            (1, u32::MAX, outside("table")),
        ] {
            assert_eq!(three("table.fill", at, 0, len), expected, "{at} {len}");
        }
        call::<(), ()>(store, instance, "drop", ()).unwrap();
        let mut three = |name: &str, to: u32, from: u32, len: u32| {
            call::<(u32, u32, u32), ()>(store, instance, name, (to, from, len))
        };
        for name in ["table.init", "memory.init"] {
            assert_eq!(three(name, 0, 0, 0), Ok(()));
            assert_eq!(three(name, 0, 0, 1), outside(name));
            assert_eq!(three(name, 0, 1, 0), outside(name));
        }
        let mut one = |name: &str, by: i32| call::<i32, i32>(store, instance, name, by);
        for by in [3, -1, i32::MIN, i32::MAX] {
            assert_eq!(one("table.grow", by), Ok(-1));
            assert_eq!(one("memory.grow", by), Ok(-1));
        }
        assert_eq!(
            [one("is_null", 2), one("is_null", 3)],
            [Ok(0), outside("table").map(|()| 0)]
        );
        assert_eq!([one("table.grow", 2), one("is_null", 4)], [Ok(3), Ok(0)]);
        assert_eq!(
            [one("memory.grow", 1), one("memory.grow", 1)],
            [Ok(1), Ok(-1)]
        );
        assert_eq!(call::<(), i32>(store, instance, "table.size", ()), Ok(5));
        assert_eq!(call::<(), i32>(store, instance, "memory.size", ()), Ok(2));
    });
}
