//! Code that is to be deterministic makes the same NaNs however it was compiled, and multiplies and
//! adds in two steps. What is expected is computed here by the machine, but for NaNs.

use precast_compiler::{CpuFeature, CpuFeatures, Options};
use precast_loader::{Engine, Instance, Module, Store, Val};
use precast_tests::{Compiled, load, options, run, wasm};

/// What arithmetic makes NaNs of and from, as 32-bit and as 64-bit floats.
const SINGLES: [u32; 12] = [
    0x7fc0_0000,
    0xffc0_0000,
    0x7fc1_2345,
    0xffe0_0001,
    0x7f80_0001,
    0xffba_5678,
    0x7f80_0000,
    0xff80_0000,
    0x0000_0000,
    0x8000_0000,
    0x3fc0_0000,
    0xc020_0000,
];
const DOUBLES: [u64; 12] = [
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff8_1234_5678_9abc,
    0xfffc_0000_0000_0001,
    0x7ff0_0000_0000_0001,
    0xfff7_5678_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x0000_0000_0000_0000,
    0x8000_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0xc004_0000_0000_0000,
];

const CANONICAL_SINGLE: u32 = 0x7fc0_0000;
const CANONICAL_DOUBLE: u64 = 0x7ff8_0000_0000_0000;

const UNARY: [&str; 7] = ["ceil", "floor", "trunc", "nearest", "sqrt", "abs", "neg"];
const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];
const SCALAR_ONLY: [&str; 1] = ["copysign"];
const VECTOR_ONLY: [&str; 4] = ["pmin", "pmax", "relaxed_min", "relaxed_max"];
/// Their third operand is the second once more.
const TERNARY: [&str; 2] = ["relaxed_madd", "relaxed_nmadd"];

/// What an operator gives.
macro_rules! oracle {
    ($name:ident, $float:ty, $bits:ty, $canonical:expr) => {
        fn $name(operator: &str, first: $bits, second: $bits) -> $bits {
            let sign: $bits = 1 << (<$bits>::BITS - 1);
            let (x, y) = (<$float>::from_bits(first), <$float>::from_bits(second));
            let unordered = x.is_nan() || y.is_nan();
            let value = match operator {
                // These change or choose bits, whatever they stand for.
                "abs" => return first & !sign,
                "neg" => return first ^ sign,
                "copysign" => return (first & !sign) | (second & sign),
                "pmin" => return if y < x { second } else { first },
                "pmax" => return if x < y { second } else { first },
                "min" | "max" | "relaxed_min" | "relaxed_max" if unordered => return $canonical,
                "min" | "relaxed_min" if x == y => <$float>::from_bits(first | second),
                "max" | "relaxed_max" if x == y => <$float>::from_bits(first & second),
                "min" | "relaxed_min" => x.min(y),
                "max" | "relaxed_max" => x.max(y),
                "ceil" => x.ceil(),
                "floor" => x.floor(),
                "trunc" => x.trunc(),
                "nearest" => x.round_ties_even(),
                "sqrt" => x.sqrt(),
                "add" => x + y,
                "sub" => x - y,
                "mul" => x * y,
                "div" => x / y,
                "relaxed_madd" => x * y + y,
                "relaxed_nmadd" => -x * y + y,
                other => panic!("{other}"),
            };
            if value.is_nan() {
                $canonical
            } else {
                value.to_bits()
            }
        }
    };
}
oracle!(single, f32, u32, CANONICAL_SINGLE);
oracle!(double, f64, u64, CANONICAL_DOUBLE);

fn demote(bits: u64) -> u32 {
    let value = f64::from_bits(bits) as f32;
    if value.is_nan() {
        CANONICAL_SINGLE
    } else {
        value.to_bits()
    }
}

fn promote(bits: u32) -> u64 {
    let value = f64::from(f32::from_bits(bits));
    if value.is_nan() {
        CANONICAL_DOUBLE
    } else {
        value.to_bits()
    }
}

/// Lanes to a vector, the first lowest.
fn singles(lanes: [u32; 4]) -> u128 {
    let [a, b, c, d] = lanes.map(u128::from);
    a | b << 32 | c << 64 | d << 96
}

fn doubles([low, high]: [u64; 2]) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

/// A function per operator and type. Those called `constant` have their operands, SINGLES[4] and
/// SINGLES[1] and so on, before the compiler's eyes.
fn text() -> String {
    let mut functions = String::new();
    let mut function = |ty: &str, vector: &str, operator: &str, constants: [&str; 2]| {
        let shape = if vector.is_empty() { ty } else { vector };
        let (operands, constants) = match operator {
            _ if UNARY.contains(&operator) => ("(local.get 0)", constants[0].to_owned()),
            _ if TERNARY.contains(&operator) => (
                "(local.get 0) (local.get 1) (local.get 1)",
                format!("{} {} {}", constants[0], constants[1], constants[1]),
            ),
            _ => ("(local.get 0) (local.get 1)", constants.join(" ")),
        };
        functions.push_str(&format!(
            r#"(func (export "{shape}.{operator}") (param {ty} {ty}) (result {ty})
                 ({shape}.{operator} {operands}))
               (func (export "{shape}.{operator} constant") (result {ty})
                 ({shape}.{operator} {constants}))
            "#
        ));
    };
    let s = SINGLES;
    let d = DOUBLES;
    let f32s = [s[4], s[1]].map(|bits| format!("(f32.reinterpret_i32 (i32.const {bits}))"));
    let f64s = [d[4], d[1]].map(|bits| format!("(f64.reinterpret_i64 (i64.const {bits}))"));
    let f32x4s = [s[4], s[1]].map(|bits| format!("(v128.const i32x4 {bits} {bits} {bits} {bits})"));
    let f64x2s = [d[4], d[1]].map(|bits| format!("(v128.const i64x2 {bits} {bits})"));
    for operator in UNARY.iter().chain(&BINARY).chain(&SCALAR_ONLY) {
        function("f32", "", operator, f32s.each_ref().map(String::as_str));
        function("f64", "", operator, f64s.each_ref().map(String::as_str));
    }
    for operator in UNARY
        .iter()
        .chain(&BINARY)
        .chain(&VECTOR_ONLY)
        .chain(&TERNARY)
    {
        function(
            "v128",
            "f32x4",
            operator,
            f32x4s.each_ref().map(String::as_str),
        );
        function(
            "v128",
            "f64x2",
            operator,
            f64x2s.each_ref().map(String::as_str),
        );
    }
    format!(
        r#"(module {functions}
          (func (export "demote") (param f64) (result f32) (f32.demote_f64 (local.get 0)))
          (func (export "promote") (param f32) (result f64) (f64.promote_f32 (local.get 0)))
          (func (export "demote vector") (param v128) (result v128)
            (f32x4.demote_f64x2_zero (local.get 0)))
          (func (export "promote vector") (param v128) (result v128)
            (f64x2.promote_low_f32x4 (local.get 0))))"#
    )
}

fn instantiate(wasm: &[u8], options: &Options) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let compiled = Compiled::new(wasm, options).unwrap();
    let module: Module = load(&engine, &compiled).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// All pairs.
fn pairs<T: Copy>(values: [T; 12]) -> impl Iterator<Item = (T, T)> {
    let seconds = move |first| values.into_iter().map(move |second| (first, second));
    values.into_iter().flat_map(seconds)
}

/// Compares a call's result, bit for bit.
struct Checker<'a> {
    configuration: &'a str,
    store: Store<()>,
    instance: Instance,
}

impl Checker<'_> {
    fn check(&mut self, name: &str, params: &[Val], expected: Val) {
        let func = self.instance.func(&mut self.store, name).unwrap();
        let results = func.call(&mut self.store, params).unwrap();
        let (found, expected) = (bits(results[0]), bits(expected));
        let params: Vec<_> = params.iter().map(|param| bits(*param)).collect();
        assert!(
            found == expected,
            "{}: {name} {params:x?}: {found:#x}, expected {expected:#x}",
            self.configuration
        );
    }

    fn check_scalars(&mut self) {
        for operator in UNARY.iter().chain(&BINARY).chain(&SCALAR_ONLY) {
            for (a, b) in pairs(SINGLES) {
                let expected = Val::F32(single(operator, a, b));
                self.check(
                    &format!("f32.{operator}"),
                    &[Val::F32(a), Val::F32(b)],
                    expected,
                );
            }
            for (a, b) in pairs(DOUBLES) {
                let expected = Val::F64(double(operator, a, b));
                self.check(
                    &format!("f64.{operator}"),
                    &[Val::F64(a), Val::F64(b)],
                    expected,
                );
            }
            let expected = Val::F32(single(operator, SINGLES[4], SINGLES[1]));
            self.check(&format!("f32.{operator} constant"), &[], expected);
            let expected = Val::F64(double(operator, DOUBLES[4], DOUBLES[1]));
            self.check(&format!("f64.{operator} constant"), &[], expected);
        }
    }

    /// Different operands in each lane, so that no lane has another's result.
    fn check_vectors(&mut self) {
        for operator in UNARY
            .iter()
            .chain(&BINARY)
            .chain(&VECTOR_ONLY)
            .chain(&TERNARY)
        {
            for shift in 0..12 {
                for start in 0..12 {
                    let lane = |lane: usize| (start + lane) % 12;
                    let other = |lane: usize| (start + shift + 3 * lane) % 12;
                    let a = [0, 1, 2, 3].map(|l| SINGLES[lane(l)]);
                    let b = [0, 1, 2, 3].map(|l| SINGLES[other(l)]);
                    let expected = [0, 1, 2, 3].map(|l: usize| single(operator, a[l], b[l]));
                    let [a, b, expected] = [a, b, expected].map(|lanes| Val::V128(singles(lanes)));
                    self.check(&format!("f32x4.{operator}"), &[a, b], expected);

                    let a = [0, 1].map(|l| DOUBLES[lane(l)]);
                    let b = [0, 1].map(|l| DOUBLES[other(l)]);
                    let expected = [0, 1].map(|l: usize| double(operator, a[l], b[l]));
                    let [a, b, expected] = [a, b, expected].map(|lanes| Val::V128(doubles(lanes)));
                    self.check(&format!("f64x2.{operator}"), &[a, b], expected);
                }
            }
            let expected = singles([single(operator, SINGLES[4], SINGLES[1]); 4]);
            self.check(
                &format!("f32x4.{operator} constant"),
                &[],
                Val::V128(expected),
            );
            let expected = doubles([double(operator, DOUBLES[4], DOUBLES[1]); 2]);
            self.check(
                &format!("f64x2.{operator} constant"),
                &[],
                Val::V128(expected),
            );
        }
    }

    fn check_conversions(&mut self) {
        for (a, b) in pairs(DOUBLES) {
            self.check("demote", &[Val::F64(a)], Val::F32(demote(a)));
            let expected = Val::V128(singles([demote(a), demote(b), 0, 0]));
            self.check("demote vector", &[Val::V128(doubles([a, b]))], expected);
        }
        for (a, b) in pairs(SINGLES) {
            self.check("promote", &[Val::F32(a)], Val::F64(promote(a)));
            let expected = Val::V128(doubles([promote(a), promote(b)]));
            self.check(
                "promote vector",
                &[Val::V128(singles([a, b, a, b]))],
                expected,
            );
        }
    }
}

fn bits(value: Val) -> u128 {
    match value {
        Val::F32(bits) => bits.into(),
        Val::F64(bits) => bits.into(),
        Val::V128(bits) => bits,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nans_that_arithmetic_makes_are_canonical_everywhere() {
    let wasm = wasm(&text());
    for run::Configuration { name, mut options } in run::configurations() {
        options.deterministic = true;
        let (store, instance) = instantiate(&wasm, &options);
        let mut checker = Checker {
            configuration: &name,
            store,
            instance,
        };
        checker.check_scalars();
        checker.check_vectors();
        checker.check_conversions();
    }
}

#[test]
fn nans_keep_their_payload_unless_code_is_to_be_deterministic() {
    let (mut store, instance) = instantiate(&wasm(&text()), &options());
    let func = instance.func(&mut store, "f32.add").unwrap();
    let params = [Val::F32(0x7fc1_2345), Val::F32(0)];
    let results = func.call(&mut store, &params).unwrap();
    assert_eq!(bits(results[0]), 0x7fc1_2345);
}

/// `madd` of numbers whose product has more bits than fit: once rounded, and twice.
#[test]
fn multiplying_and_adding_rounds_once_only_with_an_instruction_for_it() {
    let wasm = wasm(
        r#"(module
          (func (export "f32x4.relaxed_madd") (param v128 v128 v128) (result v128)
            (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
          (func (export "f32x4.relaxed_nmadd") (param v128 v128 v128) (result v128)
            (f32x4.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
          (func (export "f64x2.relaxed_madd") (param v128 v128 v128) (result v128)
            (f64x2.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
          (func (export "f64x2.relaxed_nmadd") (param v128 v128 v128) (result v128)
            (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2))))"#,
    );
    let (x, y, z) = (1.0 + 2f32.powi(-20), 1.0 + 2f32.powi(-19), -1.0f32);
    assert_ne!(x.mul_add(y, z), x * y + z, "it makes a difference");
    let (a, b, c) = (1.0 + 2f64.powi(-40), 1.0 + 2f64.powi(-39), -1.0f64);
    assert_ne!(a.mul_add(b, c), a * b + c, "it makes a difference");
    for run::Configuration { name, mut options } in run::configurations() {
        for deterministic in [false, true] {
            options.deterministic = deterministic;
            let once = has_fma(options.cpu_features) && !deterministic;
            let (store, instance) = instantiate(&wasm, &options);
            let mut checker = Checker {
                configuration: &name,
                store,
                instance,
            };
            let mut check = |name: &str, operands: [u128; 3], expected: u128| {
                checker.check(name, &operands.map(Val::V128), Val::V128(expected));
            };
            let all = |value: f32| singles([value.to_bits(); 4]);
            let expected = |x: f32| if once { x.mul_add(y, z) } else { x * y + z };
            check(
                "f32x4.relaxed_madd",
                [all(x), all(y), all(z)],
                all(expected(x)),
            );
            check(
                "f32x4.relaxed_nmadd",
                [all(-x), all(y), all(z)],
                all(expected(x)),
            );
            let both = |value: f64| doubles([value.to_bits(); 2]);
            let expected = |a: f64| if once { a.mul_add(b, c) } else { a * b + c };
            check(
                "f64x2.relaxed_madd",
                [both(a), both(b), both(c)],
                both(expected(a)),
            );
            check(
                "f64x2.relaxed_nmadd",
                [both(-a), both(b), both(c)],
                both(expected(a)),
            );
        }
    }
}

fn has_fma(features: CpuFeatures) -> bool {
    cfg!(target_arch = "aarch64")
        || (features.contains(CpuFeature::Avx) && features.contains(CpuFeature::Fma))
}
