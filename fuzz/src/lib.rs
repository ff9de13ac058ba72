//! What the fuzz targets do, each with the bytes that a fuzzer makes up: a generator, that makes
//! something meaningful of them, and an oracle, that panics if a promise is broken.
//!
//! The same bodies run with bytes from fixed seeds as ordinary tests (`tests/`), and with the bytes
//! that have found something (`regressions/`).
//!
//! Start reading at [`modules`] and [`differential`].

pub mod artifact_mutation;
mod bounded;
pub mod cache_faults;
pub mod compilation;
pub mod differential;
pub mod expressions;
pub mod inspection;
pub mod instances;
pub mod modules;
pub mod options;
pub mod reading;
pub mod recompilation;
pub mod roundtrip;
pub mod scratch;
pub mod scripts;
pub mod seeds;
pub mod wasi_model;
