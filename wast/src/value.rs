//! Values: what a script gives to functions, and whether what they return is what it expects.
//!
//! The number of `ref.extern` is the host's value in the reference. Values are shown as scripts
//! write them.

use std::fmt::Debug;

use precast_loader::{ExternRef, Store, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64, Index};
use wast::{WastArg, WastRet};

use crate::expect::Outcome;

/// The value that a script gives to a function.
///
/// # Errors
///
/// If there are no such values, or the store takes no more references.
pub(crate) fn argument(store: &mut Store<()>, arg: &WastArg<'_>) -> Outcome<Val> {
    let WastArg::Core(arg) = arg else {
        return Err("values of components are not supported".into());
    };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => null(ty)?,
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(ExternRef::new(store, *number)?)),
        WastArgCore::RefHost(number) => {
            return Err(of_garbage_collection(&format!("(ref.host {number})")));
        }
    })
}

/// Compares what a function returned with what a script expects.
///
/// # Errors
///
/// If it is something else, or cannot be compared.
pub(crate) fn compare(store: &Store<()>, expected: &[WastRet<'_>], found: &[Val]) -> Outcome {
    let mut patterns = Vec::with_capacity(expected.len());
    for pattern in expected {
        let WastRet::Core(pattern) = pattern else {
            return Err("values of components are not supported".into());
        };
        patterns.push(pattern);
    }
    let mut is_same = patterns.len() == found.len();
    for (pattern, found) in patterns.iter().zip(found) {
        is_same &= matches(store, pattern, found)?;
    }
    if is_same {
        return Ok(());
    }
    let expected: Vec<String> = patterns.iter().map(|it| show_pattern(it)).collect();
    let shapes = patterns.iter().map(|pattern| match pattern {
        WastRetCore::V128(vector) => Shape::of(vector),
        _ => Shape::default(),
    });
    let shapes = shapes.chain(std::iter::repeat(Shape::default()));
    let found = found.iter().zip(shapes);
    let found: Vec<String> = found.map(|(val, shape)| show(store, val, shape)).collect();
    let or_nothing = |shown: Vec<String>| match shown.is_empty() {
        true => "no values".to_owned(),
        false => shown.join(" "),
    };
    let (expected, found) = (or_nothing(expected), or_nothing(found));
    Err(format!("expected {expected}, found {found}").into())
}

/// The values as a script would write them.
pub(crate) fn show_all(store: &Store<()>, values: &[Val]) -> String {
    let shown = values.iter().map(|val| show(store, val, Shape::default()));
    shown.collect::<Vec<_>>().join(" ")
}

fn matches(store: &Store<()>, pattern: &WastRetCore<'_>, found: &Val) -> Outcome<bool> {
    Ok(match (pattern, found) {
        (WastRetCore::I32(expected), Val::I32(found)) => expected == found,
        (WastRetCore::I64(expected), Val::I64(found)) => expected == found,
        (WastRetCore::F32(expected), Val::F32(found)) => f32_matches(expected, *found),
        (WastRetCore::F64(expected), Val::F64(found)) => f64_matches(expected, *found),
        (WastRetCore::V128(expected), Val::V128(found)) => v128_matches(expected, *found),
        (WastRetCore::RefNull(None), found) => is_null(found),
        (WastRetCore::RefNull(Some(ty)), found) => null(ty)?.ty() == found.ty() && is_null(found),
        (WastRetCore::RefFunc(None), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefFunc(Some(Index::Num(index, _))), Val::FuncRef(Some(func))) => {
            func.index(store) == Some(*index)
        }
        (WastRetCore::RefFunc(Some(Index::Id(name))), _) => {
            let name = name.name();
            return Err(format!("functions are compared by index, not as ${name}").into());
        }
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(expected)), Val::ExternRef(Some(found))) => {
            found.data(store).downcast_ref::<u32>() == Some(expected)
        }
        (WastRetCore::Either(choices), found) => {
            for choice in choices {
                if matches(store, choice, found)? {
                    return Ok(true);
                }
            }
            false
        }
        (
            WastRetCore::RefHost(_)
            | WastRetCore::RefAny
            | WastRetCore::RefEq
            | WastRetCore::RefArray
            | WastRetCore::RefStruct
            | WastRetCore::RefI31
            | WastRetCore::RefI31Shared,
            _,
        ) => return Err(of_garbage_collection(&show_pattern(pattern))),
        _ => false,
    })
}

fn is_null(value: &Val) -> bool {
    matches!(
        value,
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None)
    )
}

/// The null reference of a type, which is known by the hierarchy that the type is in.
fn null(ty: &HeapType<'_>) -> Outcome<Val> {
    use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
    match ty {
        HeapType::Abstract {
            shared: false,
            ty: Func | NoFunc,
        } => Ok(Val::FuncRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: Extern | NoExtern,
        } => Ok(Val::ExternRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: Exn | NoExn,
        } => Ok(Val::ExnRef(None)),
        // Functions are all that a module can define types of.
        HeapType::Concrete(_) => Ok(Val::FuncRef(None)),
        other => {
            let null = format!("(ref.null {})", show_heap_type(other));
            Err(format!("values such as {null} are not supported").into())
        }
    }
}

fn of_garbage_collection(shown: &str) -> crate::expect::Reason {
    format!("values such as {shown} are not supported: they belong to garbage collection").into()
}

fn f32_matches(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn f64_matches(expected: &NanPattern<F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => bits & !(1 << 63) == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn v128_matches(expected: &V128Pattern, vector: u128) -> bool {
    fn all<T>(expected: &[T], found: &[u64], matches: impl Fn(&T, u64) -> bool) -> bool {
        let mut lanes = expected.iter().zip(found);
        lanes.all(|(lane, &found)| matches(lane, found))
    }
    let found = &Shape::of(expected).lanes(vector)[..];
    match expected {
        V128Pattern::I8x16(e) => all(e, found, |&lane, found| lane == found as i8),
        V128Pattern::I16x8(e) => all(e, found, |&lane, found| lane == found as i16),
        V128Pattern::I32x4(e) => all(e, found, |&lane, found| lane == found as i32),
        V128Pattern::I64x2(e) => all(e, found, |&lane, found| lane == found as i64),
        V128Pattern::F32x4(e) => all(e, found, |lane, found| f32_matches(lane, found as u32)),
        V128Pattern::F64x2(e) => all(e, found, f64_matches),
    }
}

/// How a vector is divided.
#[derive(Debug, Clone, Copy)]
struct Shape {
    lane_bits: u32,
    is_float: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            lane_bits: 32,
            is_float: false,
        }
    }
}

impl Shape {
    fn of(pattern: &V128Pattern) -> Self {
        let (lane_bits, is_float) = match pattern {
            V128Pattern::I8x16(_) => (8, false),
            V128Pattern::I16x8(_) => (16, false),
            V128Pattern::I32x4(_) => (32, false),
            V128Pattern::I64x2(_) => (64, false),
            V128Pattern::F32x4(_) => (32, true),
            V128Pattern::F64x2(_) => (64, true),
        };
        Self {
            lane_bits,
            is_float,
        }
    }

    fn name(self) -> String {
        let kind = if self.is_float { 'f' } else { 'i' };
        format!("{kind}{}x{}", self.lane_bits, 128 / self.lane_bits)
    }

    /// The lanes of a vector, each in the lowest bits of a number.
    fn lanes(self, vector: u128) -> Vec<u64> {
        let mask = u64::MAX >> (64 - self.lane_bits);
        let shifts = (0..128).step_by(self.lane_bits as usize);
        shifts.map(|bits| (vector >> bits) as u64 & mask).collect()
    }

    fn show(self, vector: u128) -> String {
        let lanes = self.lanes(vector);
        let lanes = lanes.into_iter().map(|lane| match self {
            Self { is_float: true, .. } => show_float(lane, self.lane_bits),
            Self { lane_bits: 8, .. } => (lane as i8).to_string(),
            Self { lane_bits: 16, .. } => (lane as i16).to_string(),
            Self { lane_bits: 32, .. } => (lane as i32).to_string(),
            Self { .. } => (lane as i64).to_string(),
        });
        let lanes: Vec<String> = lanes.collect();
        format!("(v128.const {} {})", self.name(), lanes.join(" "))
    }
}

fn show(store: &Store<()>, value: &Val, shape: Shape) -> String {
    match *value {
        Val::I32(value) => format!("(i32.const {value})"),
        Val::I64(value) => format!("(i64.const {value})"),
        Val::F32(bits) => format!("(f32.const {})", show_float(bits.into(), 32)),
        Val::F64(bits) => format!("(f64.const {})", show_float(bits, 64)),
        Val::V128(vector) => shape.show(vector),
        Val::FuncRef(None) => "(ref.null func)".to_owned(),
        Val::FuncRef(Some(func)) => match func.index(store) {
            Some(index) => format!("(ref.func {index})"),
            None => "(ref.func)".to_owned(),
        },
        Val::ExternRef(None) => "(ref.null extern)".to_owned(),
        Val::ExternRef(Some(reference)) => match reference.data(store).downcast_ref::<u32>() {
            Some(number) => format!("(ref.extern {number})"),
            None => "(ref.extern)".to_owned(),
        },
        Val::ExnRef(None) => "(ref.null exn)".to_owned(),
        Val::ExnRef(Some(_)) => "(ref.exn)".to_owned(),
    }
}

fn show_pattern(pattern: &WastRetCore<'_>) -> String {
    match pattern {
        WastRetCore::I32(value) => format!("(i32.const {value})"),
        WastRetCore::I64(value) => format!("(i64.const {value})"),
        WastRetCore::F32(pattern) => format!("(f32.const {})", show_f32_pattern(pattern)),
        WastRetCore::F64(pattern) => format!("(f64.const {})", show_f64_pattern(pattern)),
        WastRetCore::V128(pattern) => {
            let lanes = match pattern {
                V128Pattern::I8x16(lanes) => show_lanes(lanes, i8::to_string),
                V128Pattern::I16x8(lanes) => show_lanes(lanes, i16::to_string),
                V128Pattern::I32x4(lanes) => show_lanes(lanes, i32::to_string),
                V128Pattern::I64x2(lanes) => show_lanes(lanes, i64::to_string),
                V128Pattern::F32x4(lanes) => show_lanes(lanes, show_f32_pattern),
                V128Pattern::F64x2(lanes) => show_lanes(lanes, show_f64_pattern),
            };
            format!("(v128.const {} {lanes})", Shape::of(pattern).name())
        }
        WastRetCore::RefNull(None) => "(ref.null)".to_owned(),
        WastRetCore::RefNull(Some(ty)) => format!("(ref.null {})", show_heap_type(ty)),
        WastRetCore::RefExtern(None) => "(ref.extern)".to_owned(),
        WastRetCore::RefExtern(Some(number)) => format!("(ref.extern {number})"),
        WastRetCore::RefHost(number) => format!("(ref.host {number})"),
        WastRetCore::RefFunc(None) => "(ref.func)".to_owned(),
        WastRetCore::RefFunc(Some(index)) => format!("(ref.func {})", show_index(index)),
        WastRetCore::RefAny => "(ref.any)".to_owned(),
        WastRetCore::RefEq => "(ref.eq)".to_owned(),
        WastRetCore::RefArray => "(ref.array)".to_owned(),
        WastRetCore::RefStruct => "(ref.struct)".to_owned(),
        WastRetCore::RefI31 => "(ref.i31)".to_owned(),
        WastRetCore::RefI31Shared => "(ref.i31_shared)".to_owned(),
        WastRetCore::Either(choices) => {
            let choices: Vec<String> = choices.iter().map(show_pattern).collect();
            format!("(either {})", choices.join(" "))
        }
    }
}

fn show_lanes<T>(lanes: &[T], show: impl Fn(&T) -> String) -> String {
    lanes.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn show_f32_pattern(pattern: &NanPattern<F32>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_float(value.bits.into(), 32),
    }
}

fn show_f64_pattern(pattern: &NanPattern<F64>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show_float(value.bits, 64),
    }
}

/// A float of so many bits; a NaN with its sign and payload.
fn show_float(bits: u64, width: u32) -> String {
    let (text, fraction_bits) = match width {
        32 => (format!("{:?}", f32::from_bits(bits as u32)), 23),
        _ => (format!("{:?}", f64::from_bits(bits)), 52),
    };
    if text != "NaN" {
        return text;
    }
    let sign = if bits >> (width - 1) == 1 { "-" } else { "" };
    format!("{sign}nan:{:#x}", bits & ((1 << fraction_bits) - 1))
}

fn show_heap_type(ty: &HeapType<'_>) -> String {
    let lower_case = |name: &dyn Debug| format!("{name:?}").to_lowercase();
    match ty {
        HeapType::Abstract { shared: false, ty } => lower_case(ty),
        HeapType::Abstract { shared: true, ty } => format!("(shared {})", lower_case(ty)),
        HeapType::Concrete(index) => show_index(index),
        HeapType::Exact(index) => format!("(exact {})", show_index(index)),
    }
}

fn show_index(index: &Index<'_>) -> String {
    match index {
        Index::Num(number, _) => number.to_string(),
        Index::Id(name) => format!("${}", name.name()),
    }
}
