//! The same module, the same calls, several engines: everything that can be seen must be the same.
//!
//! A module is run by each engine into a [`Transcript`]: how instantiating it ended, and for each
//! call how it ended, and what globals, memories and tables hold afterwards. Modules come from
//! [`modules::to_run`](crate::modules::to_run): they export all they have, end after a
//! bounded number of calls and loops, and have no results that engines may choose. What engines
//! may choose is how deep calls can go: a transcript ends where somebody runs out of stack.
//!
//! Engines are precast in two configurations, wasmi, which shares no code with it, and wasmtime,
//! which shares the code generator.

use std::fmt;

use arbitrary::{Result, Unstructured};
use precast_compiler::Options;
use wasmparser::{ExternalKind, Parser, Payload, ValType};

use crate::modules::{self, Dialect};
use crate::{expressions, options};

mod precast;
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

/// A value; of references only whether they are null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An i32.
    I32(i32),
    /// An i64.
    I64(i64),
    /// An f32's bits.
    F32(u32),
    /// An f64's bits.
    F64(u64),
    /// A v128.
    V128(u128),
    /// A reference, and whether it is null.
    Ref(bool),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => write!(f, "i32 {value:#x}"),
            Self::I64(value) => write!(f, "i64 {value:#x}"),
            Self::F32(bits) => write!(f, "f32 {bits:#x}"),
            Self::F64(bits) => write!(f, "f64 {bits:#x}"),
            Self::V128(value) => write!(f, "v128 {value:#x}"),
            Self::Ref(true) => write!(f, "null"),
            Self::Ref(false) => write!(f, "a reference"),
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With results.
    Values(Vec<Value>),
    /// With a trap.
    Trap(Kind),
    /// With an exception that nothing caught.
    Exception,
    /// The stack, or something else that engines have different amounts of, was used up.
    Exhausted,
}

/// Why a guest trapped, as far as engines tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `unreachable`.
    Unreachable,
    /// An access beyond a memory.
    Memory,
    /// An access beyond a table.
    Table,
    /// A null reference.
    Null,
    /// A function of another type.
    Signature,
    /// An integer that is too large for the result.
    Overflow,
    /// A division by zero.
    DivisionByZero,
    /// A float that is no integer.
    Conversion,
    /// An unaligned atomic access.
    Unaligned,
    /// Something else.
    Other,
}

/// What can be seen after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How it ended; instantiating, as a trap of any kind or without values.
    pub ending: Ending,
    /// Exported globals, in the order of the exports.
    pub globals: Vec<Value>,
    /// Exported memories: sizes in bytes, and what they hold in short.
    pub memories: Vec<(u64, u64)>,
    /// Exported tables: for each element whether it is null.
    pub tables: Vec<Vec<bool>>,
}

/// All that an engine did, instantiating first. `None` if it does not take the module.
pub type Transcript = Option<Vec<Step>>;

/// What is to be done with a module.
#[derive(Debug, Clone)]
pub struct Script {
    /// The module.
    pub wasm: Vec<u8>,
    /// The exports, by kind.
    pub exports: Exports,
    /// Functions to call, and their parameters.
    pub calls: Vec<(String, Vec<Value>)>,
    /// How often precast may use fuel, where its code counts that.
    pub fuel: u64,
}

/// Names of exports, by kind, in the module's order.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Functions.
    pub funcs: Vec<String>,
    /// Globals.
    pub globals: Vec<String>,
    /// Memories.
    pub memories: Vec<String>,
    /// Tables.
    pub tables: Vec<String>,
}

/// Makes a module of the bytes, and compares engines on it.
///
/// # Panics
///
/// If they differ.
pub fn check(bytes: &[u8]) {
    // Bytes that are not enough for a module are no failure.
    let _ = try_check(&mut Unstructured::new(bytes));
}

/// The same, and whether the bytes were enough for a module that ran.
///
/// # Errors
///
/// If they were not.
///
/// # Panics
///
/// If engines differ.
pub fn try_check(u: &mut Unstructured<'_>) -> Result<bool> {
    let mut first = options::any(u)?;
    let mut second = options::any(u)?;
    // Without wasmtime, what it alone knows is compared with nothing but precast.
    let dialect = if u.ratio(if cfg!(feature = "wasmtime") { 1 } else { 3 }, 4)? {
        Dialect::Wasmi
    } else {
        Dialect::Wasmtime
    };
    // Only if all of them are told so, NaNs are the same without the module's doing.
    let own_nans = dialect == Dialect::Wasmtime && u.arbitrary()?;
    // The module leaves those that come of promoting and demoting as they are.
    first.deterministic = own_nans;
    second.deterministic = own_nans;
    // What is out of fuel at the same place everywhere is out of it in precast alone.
    let little_fuel = u.ratio(1, 8)?;
    first.tunables.fuel |= little_fuel;
    second.tunables.fuel |= little_fuel;
    let fuel = if little_fuel {
        u.int_in_range(0..=20_000)?
    } else {
        u64::MAX
    };
    let wasm = if u.ratio(3, 4)? {
        expressions::to_run(u, dialect, own_nans)?
    } else {
        modules::to_run(u, dialect, own_nans)?
    };
    let script = Script::new(wasm, fuel, u)?;
    let expected = precast::run(&script, &first);
    let found = precast::run(&script, &second);
    agree("precast", &script, &(&first, &expected), &(&second, &found));
    if dialect == Dialect::Wasmi && !little_fuel {
        let found = wasmi::run(&script);
        agree("wasmi", &script, &(&first, &expected), &(&first, &found));
    }
    #[cfg(feature = "wasmtime")]
    if !little_fuel {
        let found = wasmtime::run(&script, own_nans);
        agree("wasmtime", &script, &(&first, &expected), &(&first, &found));
    }
    Ok(expected.is_some_and(|steps| steps.len() > 1))
}

impl Script {
    /// Calls of what the module exports, chosen by the bytes that are left.
    fn new(wasm: Vec<u8>, fuel: u64, u: &mut Unstructured<'_>) -> Result<Self> {
        let (exports, types) = exports(&wasm);
        let mut calls = Vec::new();
        for (name, params) in exports.funcs.iter().zip(types) {
            for _ in 0..u.int_in_range(1..=2)? {
                let params = params.iter().map(|&ty| value(ty, u));
                calls.push((name.clone(), params.collect::<Result<_>>()?));
            }
        }
        Ok(Self {
            wasm,
            exports,
            calls,
            fuel,
        })
    }
}

/// The exports, and the parameters of the exported functions.
fn exports(wasm: &[u8]) -> (Exports, Vec<Vec<ValType>>) {
    let (mut exports, mut params) = (Exports::default(), Vec::new());
    let (mut types, mut funcs) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a valid module") {
            Payload::TypeSection(section) => {
                let all = section.into_iter_err_on_gc_types();
                types = all.map(|ty| ty.expect("a function type")).collect();
            }
            Payload::FunctionSection(section) => {
                funcs = section.into_iter().map(|ty| ty.expect("valid")).collect();
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("valid");
                    let names = match export.kind {
                        ExternalKind::Func => {
                            let ty = funcs[export.index as usize] as usize;
                            params.push(types[ty].params().to_vec());
                            &mut exports.funcs
                        }
                        ExternalKind::Global => &mut exports.globals,
                        ExternalKind::Memory => &mut exports.memories,
                        ExternalKind::Table => &mut exports.tables,
                        _ => continue,
                    };
                    names.push(export.name.to_owned());
                }
            }
            _ => {}
        }
    }
    (exports, params)
}

/// A value of the type: one of those where operators do something special, or any.
fn value(ty: ValType, u: &mut Unstructured<'_>) -> Result<Value> {
    let number = if u.arbitrary()? {
        u.arbitrary()?
    } else {
        *u.choose(&[0, 1, u64::MAX, 1 << 31, 1 << 63, 0xffff, 0x1_0000, 64, 32])?
    };
    Ok(match ty {
        ValType::I32 => Value::I32(number as i32),
        ValType::I64 => Value::I64(number as i64),
        ValType::F32 => Value::F32((number as f32).to_bits() ^ (number as u32)),
        ValType::F64 => Value::F64(number),
        ValType::V128 => Value::V128(u128::from(number) << 64 | u.arbitrary::<u64>()? as u128),
        ValType::Ref(_) => Value::Ref(true),
    })
}

/// What a memory holds, in short (FNV-1a by words).
fn short(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    })
}

/// Panics if two engines that took the module saw different things.
fn agree(
    name: &str,
    script: &Script,
    (options, expected): &(&Options, &Transcript),
    (others, found): &(&Options, &Transcript),
) {
    let (Some(expected), Some(found)) = (expected, found) else {
        return;
    };
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        let exhausted = |step: &Step| step.ending == Ending::Exhausted;
        if exhausted(expected) || exhausted(found) {
            return;
        }
        if expected != found {
            let call = index.checked_sub(1).map(|index| &script.calls[index]);
            if let Ok(path) = std::env::var("PRECAST_FUZZ_MODULE") {
                std::fs::write(path, &script.wasm).expect("the module can be written");
            }
            panic!(
                "{name} differs in step {index}, {call:x?}\nprecast {expected:#?}\n{name} {found:#?}\n\
                 precast's options: {options:?}\n{name}'s, if it is precast: {others:?}"
            );
        }
    }
}
