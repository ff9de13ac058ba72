//! One compilation: what is wanted of it, its stages, and what comes of it.

use std::fmt;

use crate::emit;
use crate::env::ModuleEnv;
use crate::error::CompileError;
use crate::generate::{Generator, jobs};
use crate::incremental::{Functions, Increment, Incremental};
use crate::limits::Budget;
use crate::link::Linker;
use crate::options::Options;
use crate::plan::Plan;
use crate::profile::{FunctionTime, Recorder};
use crate::timings::{Phase, Stopwatch, Timings};
use crate::{isa, parse, scan};

/// A compilation to be run: the module, the options, and what is wanted beside the artifact.
/// Nothing of that changes the bytes of what is written.
///
/// ```
/// use precast_compiler::{Compilation, Options};
///
/// # let wasm = wat::parse_str("(module (func) (func))").unwrap();
/// let options = Options::default();
/// let compiled = Compilation::new(&wasm, &options)
///     .progress(&|progress| println!("{} of {}", progress.done, progress.total))
///     .run()?;
/// println!("{} bytes in {:?}", compiled.bytes.len(), compiled.timings.total());
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct Compilation<'a> {
    wasm: &'a [u8],
    options: &'a Options,
    output: Output,
    progress: Option<&'a dyn Fn(Progress)>,
    times_functions: bool,
    /// The functions of an earlier compilation, if this one's are to be kept.
    incremental: Option<Option<&'a Functions>>,
}

/// What a module is compiled to.
///
/// ```
/// use precast_compiler::{Compilation, Options, Output};
///
/// # let wasm = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
/// let options = Options::default();
/// let object = Compilation::new(&wasm, &options).output(Output::Object).run()?;
/// std::fs::write(std::env::temp_dir().join("app.o"), object.bytes).unwrap(); // defines `wasm_func_f`
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// An artifact, for the loader.
    Artifact,
    /// A relocatable object of the code alone, for the system's linker. FORMAT.md in the repository
    /// says what it promises.
    Object,
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

/// What comes of a [`Compilation`].
///
/// ```
/// use precast_compiler::{Compilation, Compiled, Options, compile};
///
/// let (wasm, options) = (b"\0asm\x01\0\0\0", Options::default());
/// let compiled: Compiled = Compilation::new(wasm, &options).run()?;
/// assert_eq!(compiled.bytes, compile(wasm, &options)?);
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Compiled {
    /// The artifact, or what else was wanted.
    pub bytes: Vec<u8>,
    /// How long each stage took.
    pub timings: Timings,
    /// How long each function and trampoline took, in the order in which they were begun. Empty
    /// unless [asked for](Compilation::time_functions).
    pub function_times: Vec<FunctionTime>,
    /// What the next compilation can use. `None` unless [asked for](Compilation::incremental).
    pub incremental: Option<Incremental>,
}

impl<'a> Compilation<'a> {
    /// The compilation of the module `wasm` to an artifact.
    ///
    /// ```
    /// use precast_compiler::{Compilation, CompileError, Options};
    ///
    /// let error = Compilation::new(b"no module", &Options::default()).run().unwrap_err();
    /// assert!(matches!(error, CompileError::Invalid { wasm_offset: 0, .. }));
    /// ```
    pub fn new(wasm: &'a [u8], options: &'a Options) -> Self {
        Self {
            wasm,
            options,
            output: Output::Artifact,
            progress: None,
            times_functions: false,
            incremental: None,
        }
    }

    /// Compiles to something else than an artifact.
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options, Output};
    ///
    /// let options = Options::default();
    /// let compilation = Compilation::new(b"\0asm\x01\0\0\0", &options).output(Output::Object);
    /// assert!(compilation.run()?.bytes.starts_with(b"\x7fELF"));
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Calls `progress` on this thread each time another function is done.
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options};
    /// use std::cell::Cell;
    ///
    /// # let wasm = wat::parse_str("(module (func) (func))").unwrap();
    /// let (options, calls) = (Options::default(), Cell::new(0));
    /// let count = |_| calls.set(calls.get() + 1);
    /// Compilation::new(&wasm, &options).progress(&count).run()?;
    /// assert!(calls.get() >= 2);
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn progress(mut self, progress: &'a dyn Fn(Progress)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Says how long each function took, for which the clock is read twice for each.
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options};
    ///
    /// # let wasm = wat::parse_str("(module (func) (func))").unwrap();
    /// let options = Options::default();
    /// let compiled = Compilation::new(&wasm, &options).time_functions().run()?;
    /// let slowest = compiled.function_times.iter().max_by_key(|function| function.time);
    /// assert!(slowest.is_some_and(|function| function.code_bytes > 0));
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn time_functions(mut self) -> Self {
        self.times_functions = true;
        self
    }

    /// Compiles only those functions that are not among the `previous` ones, and keeps all for the
    /// next time. The previous ones are best those of the module as it was before; but those of any
    /// other module, other options or another version of the compiler do no harm.
    ///
    /// A function is another one if its body is, or anything that its body names: a callee's type,
    /// a global's value if it never changes, a memory's kind. Where a function stands in the module
    /// does not matter, nor do the bodies of others.
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options, compile};
    ///
    /// # let wasm = |text: &str| wat::parse_str(text).unwrap();
    /// let before = wasm("(module (func (result i32) (i32.const 1)) (func (param i64)))");
    /// let after = wasm("(module (func (result i32) (i32.const 2)) (func (param i64)))");
    /// let options = Options::default();
    /// let first = Compilation::new(&before, &options).incremental(None).run()?;
    /// let functions = first.incremental.unwrap().functions;
    /// let second = Compilation::new(&after, &options).incremental(Some(&functions)).run()?;
    /// assert_eq!(second.incremental.unwrap().reused, 1);
    /// assert_eq!(second.bytes, compile(&after, &options)?);
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn incremental(mut self, previous: Option<&'a Functions>) -> Self {
        self.incremental = Some(previous);
        self
    }

    /// The module that will be compiled.
    pub(crate) fn wasm(&self) -> &'a [u8] {
        self.wasm
    }

    pub(crate) fn options(&self) -> &'a Options {
        self.options
    }

    /// All stages, in their order.
    ///
    /// # Errors
    ///
    /// See [`CompileError`].
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options};
    ///
    /// let compiled = Compilation::new(b"\0asm\x01\0\0\0", &Options::default()).run()?;
    /// assert!(compiled.bytes.starts_with(b"\x7fELF"));
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn run(self) -> Result<Compiled, CompileError> {
        let options = self.options;
        let isas = isa::build(options)?;
        let pool = thread_pool(options)?;
        let mut stopwatch = Stopwatch::start();
        let budget = Budget::start(&options.limits);
        let recorder = self.times_functions.then(Recorder::start);
        let mut increment = self
            .incremental
            .map(|previous| Increment::new(previous, options));

        let module = parse::parse(self.wasm, options, &budget)?;
        stopwatch.ends(Phase::Parse);
        let uses = pool.install(|| scan::scan(&module));
        let plan = Plan::new(&module, &uses, options.target)?;
        stopwatch.ends(Phase::Plan);

        let jobs = jobs(&module, &plan);
        let env = ModuleEnv::new(&module, &plan, &*isas.usual, options, &budget);
        let shelf = increment.as_ref().map(|increment| increment.shelf(&env));
        let generator = Generator::new(&env, &*isas.linear, options)
            .timed_by(recorder.as_ref())
            .reusing(shelf.as_ref());
        let text = isas.usual.text_section_builder(jobs.len());
        let mut linker = Linker::new(options.target, text, module.bodies.len());
        let total = jobs.len();
        let mut done = 0;
        generator.run(&pool, &jobs, |made| {
            done += 1;
            if let Some(progress) = self.progress {
                progress(Progress { done, total });
            }
            if let (Some(increment), Some(kept)) = (&mut increment, &made.kept) {
                increment.keep(kept);
            }
            linker.add(&made.code)
        })?;
        stopwatch.ends(Phase::Generate);
        let bytes = match self.output {
            Output::Artifact => {
                let linked = linker.finish()?;
                stopwatch.ends(Phase::Link);
                emit::artifact(&module, &plan, &jobs, &linked, options)
            }
            Output::Object => {
                let (linked, relocations) = linker.finish_object()?;
                stopwatch.ends(Phase::Link);
                emit::object(&module, &plan, &jobs, &linked, &relocations, options)
            }
        };
        stopwatch.ends(Phase::Emit);
        Ok(Compiled {
            bytes,
            timings: stopwatch.timings(),
            function_times: recorder.map_or_else(Vec::new, |it| it.functions(&module)),
            incremental: increment.map(|increment| increment.finish(module.bodies.len())),
        })
    }
}

impl fmt::Debug for Compilation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compilation")
            .field("wasm_bytes", &self.wasm.len())
            .field("options", self.options)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

fn thread_pool(options: &Options) -> Result<rayon::ThreadPool, CompileError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.map_or(0, Into::into))
        .thread_name(|number| format!("precast-compile-{number}"))
        .build()
        .map_err(|error| CompileError::Options(format!("cannot start threads: {error}")))
}
