//! Compiles WebAssembly modules to precast artifacts.
//!
//! [`compile`] takes a module's bytes and gives an artifact's. It reads no files, prints nothing,
//! runs nothing, and contains no `unsafe`; any bytes give an artifact or a [`CompileError`]. Only
//! [`build`], which does the same for build scripts, knows of cargo; and only it and `cache`, which
//! keeps artifacts in a directory, know of files.
//!
//! The stages, each consuming what the one before it made:
//!
//! 1. *parse*: sections into a `Module`, validated except for function bodies;
//! 2. *scan*: a quick look at all bodies for what they do to tables;
//! 3. *plan*: which tables are constant, which functions escape, how the vmctx and the memories'
//!    images look;
//! 4. *generate*: each body validated, translated to Cranelift's IR and compiled, in parallel,
//!    with trampolines like any other function;
//! 5. *link*: functions laid out in the order of their indices, calls resolved;
//! 6. *emit*: everything written as one file.
//!
//! Start reading at [`Compilation::run`], which is that list in code; then `translate`, and `bounds`
//! for what keeps a guest inside its memory.

#![forbid(unsafe_code)]

mod bounds;
mod branch_hints;
pub mod build;
#[cfg(unix)]
pub mod cache;
mod compilation;
mod cpu_scan;
mod emit;
mod env;
mod error;
mod features;
mod generate;
mod identity;
mod image;
mod incremental;
mod isa;
mod limits;
mod link;
mod module;
mod options;
mod parse;
mod plan;
mod profile;
mod scan;
mod timings;
mod trampoline;
mod translate;
mod trap;
mod validate;

use env::ModuleEnv;
use generate::{Generator, jobs};
use limits::Budget;
use plan::Plan;

pub use compilation::{Compilation, Compiled, Output, Progress};
pub use error::CompileError;
pub use features::{Feature, Features};
pub use generate::Listing;
pub use incremental::{DamagedFunctions, Functions, Incremental};
pub use limits::Limits;
pub use options::{CustomSections, OptLevel, Options, parse_target};
pub use precast_artifacts_format::{Arch, CpuFeature, CpuFeatures, CpuLevel, Os, Target, Tunables};
pub use profile::FunctionTime;
pub use timings::{Phase, Timings};
pub use validate::validate;

/// Compiles a module to an artifact. The same module and options give the same bytes.
///
/// # Errors
///
/// See [`CompileError`].
///
/// # Examples
///
/// ```
/// let wasm = b"\0asm\x01\0\0\0"; // the empty module
/// let artifact = precast_compiler::compile(wasm, &Default::default())?;
/// assert!(artifact.starts_with(b"\x7fELF"));
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn compile(wasm: &[u8], options: &Options) -> Result<Vec<u8>, CompileError> {
    Compilation::new(wasm, options)
        .run()
        .map(|compiled| compiled.bytes)
}

/// What the code of a module looks like at a stage of its compilation, for people: each function
/// and trampoline under a line `;; NAME`.
///
/// # Errors
///
/// See [`CompileError`].
///
/// # Examples
///
/// ```
/// use precast_compiler::{Listing, Options, list};
///
/// # let wasm = wat::parse_str(r#"(module (func (export "add") (param i32 i32) (result i32)
/// #     (i32.add (local.get 0) (local.get 1))))"#).unwrap();
/// let text = list(&wasm, &Options::default(), Listing::Clif)?;
/// assert!(text.contains("iadd"));
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn list(wasm: &[u8], options: &Options, listing: Listing) -> Result<String, CompileError> {
    let isas = isa::build(options)?;
    let budget = Budget::start(&options.limits);
    let module = parse::parse(wasm, options, &budget)?;
    let plan = Plan::new(&module, &scan::scan(&module), options.target)?;
    let env = ModuleEnv::new(&module, &plan, &*isas.usual, options, &budget);
    let generator = Generator::new(&env, &*isas.linear, options);
    let names = emit::func_names(&module);
    let mut text = String::new();
    for job in jobs(&module, &plan) {
        let name = emit::symbol_name(&module, &names, job);
        let listed = generator.list(job, listing)?;
        text.push_str(&format!(";; {name}\n{}\n\n", listed.trim_end()));
    }
    Ok(text)
}
