//! `precast run`: a module, compiled or found in the cache, or an artifact, mapped; then its `_start` or the
//! function that `--invoke` names.
//!
//! The guest runs on a stack that is as large as `--max-stack` says, and a reserve for the host
//! functions it calls. What it is given stands in [`grants`](crate::grants).

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, value_parser};
use precast_artifacts_format::Artifact;
use precast_compiler::Features;
use precast_loader::{
    Config, Engine, Error, ExternType, FuncType, Instance, Linker, Module, Store, TrapCode,
};
use precast_wasi::WasiCtx;

use crate::cache::{CacheArgs, Kept};
use crate::codegen::{CodegenArgs, Cpu};
use crate::grants::GrantArgs;
use crate::guest::{self, START, guest_arg};
use crate::input::{Input, Kind};
use crate::reports::no_artifact;
use crate::{bytes, duration, exit, invoke, output};

mod trace;
mod watchdog;

use trace::Trace;
use watchdog::{Watchdog, say_stopped};

const INITIALIZE: &str = "_initialize";

const EXAMPLES: &str = "\
What follows FILE goes to the guest from the first word on that is no option of precast's; put
`--` before words that are meant for the guest in any case.

Examples:
  precast run app.precast -- --verbose input.txt
  precast run --dir .::/work --env LANG app.wasm
  precast run --dir data::/data:ro --env-inherit app.wasm
  precast run --invoke div_rem math.wat -17 5
  precast run --timeout 10s untrusted.wasm
  precast run --trace wasi=calls.txt app.wasm
  precast run --listen 127.0.0.1:8080 --dir site:ro server.wasm
  precast run --fuel 1000000000 untrusted.wasm   stops it, always at the same place";

/// Run an artifact, or a module as if it had been compiled for this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The artifact, or the module in binary or text form; what it is shows in its contents
    file: PathBuf,

    /// Arguments for the guest
    #[arg(
        value_name = "ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_parser = OsStringValueParser::new().try_map(guest_arg)
    )]
    args: Vec<String>,

    /// Call the exported function NAME with ARGS and print its results, one per line
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,

    /// How much stack the guest may use, in bytes, or with k, M or G
    #[arg(long, value_name = "BYTES", default_value = "8M", value_parser = bytes::parse)]
    max_stack: usize,

    /// How much the guest may execute, in operators of WebAssembly; an artifact must have been
    /// compiled with --fuel
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(..=i64::MAX as u64))]
    fuel: Option<u64>,

    /// How long the guest may run, in seconds or with ms, s, m or h; the time before, for compiling
    /// and loading, does not count
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// Tell each call of WASI's functions in a line, on standard error or in FILE
    #[arg(long, value_name = "wasi[=FILE]", value_parser = trace::parse)]
    trace: Option<Trace>,

    /// Compare an artifact with its digests before it is run
    #[arg(long)]
    verify: bool,

    #[command(
        flatten,
        next_help_heading = "What the guest gets, beside its arguments and the standard streams"
    )]
    grants: GrantArgs,

    #[command(
        flatten,
        next_help_heading = "Options for modules, which are compiled first"
    )]
    codegen: CodegenArgs,

    #[command(
        flatten,
        next_help_heading = "Where compiled modules are kept for the next time"
    )]
    cache: CacheArgs,
}

/// Runs the command.
///
/// # Errors
///
/// If there is nothing to run, or the guest fails otherwise than by trapping.
pub(crate) fn run(args: RunArgs) -> Result<ExitCode> {
    let input = Input::open(&args.file)?;
    let mut wasi = args.grants.builder(&program_name(&args.file), &args.args)?;
    if let Some(trace) = &args.trace {
        wasi.trace(trace.open()?);
    }
    // As native programs end.
    let wasi = wasi
        .end_on_broken_pipe(true)
        .build()
        .map_err(guest::config_error)?;
    let name = input.name.clone();
    let code = Code::read(input, &args)?;
    let guest = Guest {
        name,
        max_stack_bytes: args.max_stack,
        fuel: args.fuel,
        timeout: args.timeout,
        invoke: args.invoke,
        args: args.args,
    };
    // What we have printed comes before what the guest prints.
    io::stdout()
        .flush()
        .context("cannot write to standard output")?;
    let exit_code = guest::on_own_stack(args.max_stack, || guest.run(code, wasi))?;
    Ok(exit_code.into())
}

/// What a guest in that file is called with.
fn program_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Where the machine code is.
pub(crate) enum Code {
    /// In a file that will be mapped.
    File(PathBuf),
    /// In memory.
    Bytes(Vec<u8>),
    /// In the cache.
    Kept(Kept),
}

impl Code {
    fn read(input: Input, args: &RunArgs) -> Result<Self> {
        if input.kind != Kind::Artifact {
            let mut options = args.codegen.options(None, Cpu::Native, Features::WASM3)?;
            options.tunables.fuel = args.fuel.is_some();
            return args.cache.compile(input.into_module()?, options);
        }
        match &input.regular_file {
            Some(path) if !args.verify => Ok(Self::File(path.clone())),
            _ => {
                let name = input.name.clone();
                let bytes = input.into_bytes()?;
                if args.verify {
                    let verified = Artifact::parse(&bytes).and_then(|it| it.verify());
                    verified.context(name)?;
                }
                Ok(Self::Bytes(bytes))
            }
        }
    }

    /// Loads it. What is in the cache is in use no longer than that takes.
    fn load(self, engine: &Engine, name: &str) -> Result<Module> {
        let stem = Path::new(name).file_stem().map(OsStr::to_string_lossy);
        let stem = stem.as_deref().unwrap_or(name);
        let module = match self {
            // SAFETY: to run the code in this file is what the user asked for; that it is
            // precast's, and is not changed meanwhile, is theirs to see to, as with any program.
            Self::File(path) => match unsafe { Module::load(engine, &path) } {
                Err(Error::Artifact(error)) => {
                    let bytes = fs::read(path).unwrap_or_default();
                    if let Some(what) = no_artifact(&bytes, &error) {
                        bail!("{name} is {what}, not an artifact");
                    }
                    Err(error.into())
                }
                other => other,
            },
            // SAFETY: made by the compiler just now, or as above.
            Self::Bytes(bytes) => unsafe { Module::load_bytes_as(engine, &bytes, stem) },
            Self::Kept(kept) => {
                // SAFETY: nobody but the user can write to the cache, and precast never changes
                // what is in it.
                match unsafe { Module::load_as(engine, kept.path(), stem) } {
                    Err(Error::Artifact(error)) => {
                        let bytes = kept.compile_again(&error)?;
                        // SAFETY: made by the compiler just now.
                        unsafe { Module::load_bytes_as(engine, &bytes, stem) }
                    }
                    other => other,
                }
            }
        };
        module.context(name.to_owned())
    }
}

/// How a guest is run, whatever its code and what it is given.
struct Guest {
    /// How messages call it.
    name: String,
    max_stack_bytes: usize,
    fuel: Option<u64>,
    timeout: Option<Duration>,
    invoke: Option<String>,
    args: Vec<String>,
}

impl Guest {
    fn run(&self, code: Code, wasi: WasiCtx) -> Result<u8> {
        let mut config = Config::new();
        config.max_stack_bytes(self.max_stack_bytes);
        let engine = Engine::new(&config);
        let module = code.load(&engine, &self.name)?;
        if self.fuel.is_some() && !module.counts_fuel() {
            bail!(
                "{}: its code does not count fuel; compile it with --fuel",
                self.name
            );
        }
        let name = self.invoke.as_deref().unwrap_or(START);
        let ty = callable(&module, self.invoke.as_deref()).with_context(|| self.name.clone())?;
        let params = match &self.invoke {
            Some(_) => invoke::parse_args(&ty, &self.args)
                .with_context(|| format!("{}: the function {name:?}", self.name))?,
            None => Vec::new(),
        };

        // The process is about to end, which unmaps everything faster than dropping it does.
        let module = ManuallyDrop::new(module);
        let mut linker = ManuallyDrop::new(Linker::new(&engine));
        guest::define_imports(&mut linker, &module).with_context(|| self.name.clone())?;
        let mut store = ManuallyDrop::new(Store::new(&engine, wasi));
        if let Some(fuel) = self.fuel {
            store.set_fuel(fuel);
        }
        let watchdog = self
            .timeout
            .map(|timeout| Watchdog::start(&self.name, timeout))
            .transpose()?;
        let called = (|| {
            if let Some(timeout) = self.timeout {
                store.set_timeout(timeout)?;
            }
            let instance: Instance = linker.instantiate(&mut *store, &module)?;
            if self.invoke.is_some() && name != INITIALIZE && has_initialize(&module) {
                instance
                    .func(&mut *store, INITIALIZE)?
                    .call(&mut *store, &[])?;
            }
            instance.func(&mut *store, name)?.call(&mut *store, &params)
        })();
        drop(watchdog);
        match called {
            Ok(results) => {
                let lines = results.iter().map(|value| invoke::format(value) + "\n");
                output::print(&lines.collect::<String>())?;
                Ok(0)
            }
            Err(error) => self.ended(error),
        }
    }

    /// The exit code of a guest that did not return.
    fn ended(&self, error: Error) -> Result<u8> {
        match (&error, self.timeout) {
            (Error::Trap(trap), Some(timeout)) if trap.code() == TrapCode::DeadlineExceeded => {
                say_stopped(&self.name, timeout, trap.backtrace());
                Ok(exit::TIMED_OUT)
            }
            _ => guest::ended(&self.name, error),
        }
    }
}

/// The type of the function that will be called.
fn callable(module: &Module, invoke: Option<&str>) -> Result<FuncType> {
    let Some(name) = invoke else {
        return guest::start_type(module.export(START), || {
            let functions = exported_functions(module);
            format!("; call a function with --invoke NAME.{functions}")
        });
    };
    match module.export(name) {
        Some(ExternType::Func(ty)) => Ok(ty),
        Some(ty) => bail!(
            "its export {name:?} is no function but {ty}.{}",
            exported_functions(module)
        ),
        None => bail!("it does not export {name:?}.{}", exported_functions(module)),
    }
}

fn exported_functions(module: &Module) -> String {
    let functions: Vec<String> = module
        .exports()
        .filter(|(_, ty)| matches!(ty, ExternType::Func(_)))
        .map(|(name, ty)| format!("\n  {name:?}: {ty}"))
        .collect();
    if functions.is_empty() {
        " It exports no functions".into()
    } else {
        format!(" It exports the functions{}", functions.concat())
    }
}

fn has_initialize(module: &Module) -> bool {
    module.export(INITIALIZE) == Some(ExternType::Func(FuncType::new([], [])))
}
