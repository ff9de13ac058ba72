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
//! Start reading at [`compile_with_timings`], which is that list in code; then `translate`, and
//! `bounds` for what keeps a guest inside its memory.

#![forbid(unsafe_code)]

mod bounds;
mod branch_hints;
pub mod build;
#[cfg(unix)]
pub mod cache;
mod cpu_scan;
mod emit;
mod env;
mod error;
mod features;
mod generate;
mod image;
mod isa;
mod limits;
mod link;
mod module;
mod options;
mod parse;
mod plan;
mod scan;
mod timings;
mod trampoline;
mod translate;
mod trap;
mod validate;

use env::{ModuleEnv, Throwing};
use generate::{Generator, Job};
use limits::Budget;
use link::Linker;
use module::Module;
use plan::Plan;
use timings::Stopwatch;
use trampoline::Passing;

pub use error::CompileError;
pub use features::{Feature, Features};
pub use generate::Listing;
pub use limits::Limits;
pub use options::{CustomSections, OptLevel, Options, parse_target};
pub use precast_artifacts_format::{Arch, CpuFeature, CpuFeatures, CpuLevel, Os, Target, Tunables};
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
    compile_with_progress(wasm, options, &|_| ())
}

/// How far a compilation has come.
///
/// ```
/// use precast_compiler::Progress;
///
/// fn percent(progress: Progress) -> usize {
///     100 * progress.done / progress.total.max(1)
/// }
/// assert_eq!(percent(Progress { done: 1, total: 4 }), 25);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Functions and trampolines that are done.
    pub done: usize,
    /// Functions and trampolines in all.
    pub total: usize,
}

/// As [`compile`], and calls `progress` each time another function is done.
///
/// # Errors
///
/// See [`CompileError`].
///
/// # Examples
///
/// ```
/// use precast_compiler::{Options, compile_with_progress};
///
/// # let wasm = wat::parse_str("(module (func) (func))").unwrap();
/// let artifact = compile_with_progress(&wasm, &Options::default(), &|progress| {
///     println!("{} of {}", progress.done, progress.total);
/// })?;
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn compile_with_progress(
    wasm: &[u8],
    options: &Options,
    progress: &dyn Fn(Progress),
) -> Result<Vec<u8>, CompileError> {
    compile_with_timings(wasm, options, progress).map(|(artifact, _)| artifact)
}

/// As [`compile_with_progress`], and says how long each stage took. Neither changes the artifact.
///
/// # Errors
///
/// See [`CompileError`].
///
/// # Examples
///
/// ```
/// use precast_compiler::{Options, compile, compile_with_timings};
///
/// # let wasm = wat::parse_str("(module (func))").unwrap();
/// let options = Options::default();
/// let (artifact, timings) = compile_with_timings(&wasm, &options, &|_| ())?;
/// println!("{} bytes in {:?}", artifact.len(), timings.total());
/// assert_eq!(artifact, compile(&wasm, &options)?);
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn compile_with_timings(
    wasm: &[u8],
    options: &Options,
    progress: &dyn Fn(Progress),
) -> Result<(Vec<u8>, Timings), CompileError> {
    let isas = isa::build(options)?;
    let pool = thread_pool(options)?;
    let mut stopwatch = Stopwatch::start();
    let budget = Budget::start(&options.limits);

    let module = parse::parse(wasm, options, &budget)?;
    stopwatch.ends(Phase::Parse);
    let uses = pool.install(|| scan::scan(&module));
    let plan = Plan::new(&module, &uses, options.target)?;
    stopwatch.ends(Phase::Plan);

    let jobs = jobs(&module, &plan);
    let env = ModuleEnv::new(&module, &plan, &*isas.usual, options, &budget);
    let generator = Generator::new(&env, &*isas.linear, options);
    let text = isas.usual.text_section_builder(jobs.len());
    let mut linker = Linker::new(options.target, text, module.bodies.len());
    let total = jobs.len();
    let mut done = 0;
    generator.run(&pool, &jobs, |code| {
        done += 1;
        progress(Progress { done, total });
        linker.add(&code)
    })?;
    stopwatch.ends(Phase::Generate);
    let linked = linker.finish()?;
    stopwatch.ends(Phase::Link);
    let artifact = emit::artifact(&module, &plan, &jobs, &linked, options);
    stopwatch.ends(Phase::Emit);
    Ok((artifact, stopwatch.timings()))
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

/// The pieces of code the artifact consists of: the module's functions first, then throwing
/// trampolines if it throws, and thunks last, by index.
fn jobs(module: &Module<'_>, plan: &Plan) -> Vec<Job> {
    let defined = (0..module.bodies.len() as u32).map(Job::Defined);
    let with_passing = |ty: &u32| {
        let is_direct = module.types[*ty as usize].func.is_direct();
        let direct = is_direct.then_some((*ty, Passing::Direct));
        [Some((*ty, Passing::Slots)), direct].into_iter().flatten()
    };
    let entries = plan.entry_types.iter().flat_map(with_passing);
    let entries = entries.map(|(ty, passing)| Job::Entry(ty, passing));
    let imports = plan.import_types.iter().flat_map(with_passing);
    let imports = imports.map(|(ty, passing)| Job::Import(ty, passing));
    let thunks = plan.thunks.iter().copied().map(Job::Thunk);
    let throwing = Throwing::ALL.into_iter().filter(|_| plan.throws);
    defined
        .chain(throwing.map(Job::Throwing))
        .chain(entries)
        .chain(imports)
        .chain(thunks)
        .collect()
}

fn thread_pool(options: &Options) -> Result<rayon::ThreadPool, CompileError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.map_or(0, Into::into))
        .thread_name(|number| format!("precast-compile-{number}"))
        .build()
        .map_err(|error| CompileError::Options(format!("cannot start threads: {error}")))
}
