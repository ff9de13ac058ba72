//! What imported functions do, the same in every engine: they give values that depend on their parameters
//! and on what they were asked before, refuse at times, and at times call the module back.

use std::fmt;
use std::sync::Arc;

use super::script::{Script, Value};

/// How deep calls from the host may be within each other, and how many there may be of them at all.
const DEEPEST: u32 = 3;
const CALLS_BACK: u32 = 30;

/// The host of a module that runs.
pub(super) struct Host {
    script: Arc<Script>,
    /// How many functions and globals have been provided.
    funcs: usize,
    globals: usize,
    events: Vec<Event>,
    /// Of all that was asked.
    hash: u64,
    depth: u32,
    calls_back: u32,
}

/// What the host was asked for, or given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call of the imported function of that index, with parameters.
    Called(usize, Vec<Value>),
    /// The end of a call from the host, with results.
    Returned(Vec<Value>),
}

/// What an imported function is to do.
pub(super) struct Answer {
    /// First, call this, if it is among the exports of an instance that calls; and
    /// [say](Host::returned) what came of it.
    pub(super) call: Option<(String, Vec<Value>)>,
    /// Then, unless that has failed, give these.
    pub(super) results: Result<Vec<Value>, Refusal>,
}

/// A host function's error.
#[derive(Debug)]
pub(super) struct Refusal;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host refuses")
    }
}

impl std::error::Error for Refusal {}

impl Host {
    pub(super) fn new(script: &Arc<Script>) -> Self {
        Self {
            script: Arc::clone(script),
            funcs: 0,
            globals: 0,
            events: Vec::new(),
            hash: 0,
            depth: 0,
            calls_back: 0,
        }
    }

    /// The index of the next imported function.
    pub(super) fn next_func(&mut self) -> usize {
        self.funcs += 1;
        self.funcs - 1
    }

    /// The value of the next imported global.
    pub(super) fn next_global(&mut self) -> Value {
        self.globals += 1;
        self.script.imported_globals[self.globals - 1]
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A call of the imported function of that index.
    pub(super) fn called(&mut self, func: usize, params: Vec<Value>) -> Answer {
        for &value in &params {
            self.mix(match value {
                Value::I32(value) => value as u64,
                Value::I64(value) => value as u64,
                Value::F32(bits) => bits.into(),
                Value::F64(bits) => bits,
                Value::V128(value) => (value ^ (value >> 64)) as u64,
                Value::Ref(is_null) => is_null.into(),
            });
        }
        self.events.push(Event::Called(func, params));
        let script = Arc::clone(&self.script);
        let call = self.call_back(&script);
        let refuses = self.mix(1).is_multiple_of(16);
        let results = script.imported_funcs[func].iter().map(|&ty| {
            let (number, high) = (self.mix(2), self.mix(3));
            // Small numbers are good for indices and conditions.
            let number = if number & 0x100 == 0 {
                number & 7
            } else {
                number
            };
            Value::of(ty, number, high)
        });
        let results = results.collect();
        Answer {
            call,
            results: if refuses { Err(Refusal) } else { Ok(results) },
        }
    }

    /// What the module is called back with, if it is.
    fn call_back(&mut self, script: &Script) -> Option<(String, Vec<Value>)> {
        let funcs = script.exports.funcs.iter();
        // The host's own functions could do so for ever.
        let funcs: Vec<_> = funcs.filter(|func| !func.is_import).collect();
        let mut choice = self.mix(4);
        let may_call = self.depth < DEEPEST && self.calls_back < CALLS_BACK;
        if !may_call || funcs.is_empty() || !choice.is_multiple_of(4) {
            return None;
        }
        (self.depth, self.calls_back) = (self.depth + 1, self.calls_back + 1);
        choice >>= 8;
        let func = funcs[choice as usize % funcs.len()];
        let params = func.params.iter();
        let params = params.map(|&ty| Value::of(ty, self.mix(5), self.mix(6)));
        let params = params.collect();
        Some((func.name.clone(), params))
    }

    /// The end of what [`Answer::call`] asked for, with results if it came to any.
    pub(super) fn returned(&mut self, results: Option<Vec<Value>>) {
        self.depth -= 1;
        self.events.extend(results.map(Event::Returned));
    }

    /// Another number, which depends on this one and all before (splitmix64; Steele, Lea and Flood 2014).
    fn mix(&mut self, number: u64) -> u64 {
        self.hash = (self.hash ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.hash;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.hash ^= z >> 31;
        z ^ (z >> 31)
    }
}
