//! What `precast compile --emit exe` makes programs of: loader and WASI, and nothing that could compile.
//!
//! The artifact is in this program's own file, with what the guest gets beside its arguments. All
//! arguments are the guest's. Messages and exit codes are those of `precast run`.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use precast_artifacts_format::{Program, RunnerNote};
use precast_cli::exit::{self, Usage};
use precast_cli::guest::{self, START};
use precast_cli::program::Options;
use precast_cli::shown::shown;
use precast_loader::{Config, Engine, Linker, Module, Store, attached_bytes};

/// By this, and by its program header, the command knows a runner.
#[used]
#[unsafe(link_section = ".note.precast.runner")]
static NOTE: RunnerNote = RunnerNote::THIS;

fn main() -> ExitCode {
    exit::report_panics();
    run().unwrap_or_else(|error| exit::failed(&error))
}

fn run() -> Result<ExitCode> {
    let mut args = env::args_os();
    let own_name = args.next().unwrap_or_else(|| "program".into());
    let name = shown(&own_name);
    let Some(segment) = attached_bytes().with_context(|| name.clone())? else {
        bail!(
            "this is the runner of which `precast compile --emit exe` makes programs; there is \
             none in it"
        );
    };
    let program = Program::parse(segment).with_context(|| name.clone())?;
    let options = Options::from_words(program.words()).with_context(|| name.clone())?;

    let args = args.map(guest::guest_arg).collect::<Result<Vec<_>, _>>();
    let args = args.map_err(Usage)?;
    let wasi = options
        .grants
        .builder(&own_name.to_string_lossy(), &args)?
        // As native programs end.
        .end_on_broken_pipe(true)
        .build()
        .map_err(guest::config_error)?;
    guest::on_own_stack(options.max_stack_bytes, || {
        let mut config = Config::new();
        config.max_stack_bytes(options.max_stack_bytes);
        let engine = Engine::new(&config);
        // SAFETY: the artifact is a part of this program, which somebody has made of it and which
        // the user has started: it is as trusted as all the rest of the file.
        let module =
            unsafe { Module::load_embedded_as(&engine, program.artifact, &stem(&own_name)) };
        let module = module.with_context(|| name.clone())?;
        guest::start_type(module.export(START), String::new).with_context(|| name.clone())?;
        let mut linker = Linker::new(&engine);
        guest::define_imports(&mut linker, &module).with_context(|| name.clone())?;
        let mut store = Store::new(&engine, wasi);
        let called = (|| {
            let instance = linker.instantiate(&mut store, &module)?;
            instance.func(&mut store, START)?.call(&mut store, &[])
        })();
        match called {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(error) => guest::ended(&name, error),
        }
    })
}

/// What backtraces call a module without a name.
fn stem(own_name: &OsString) -> String {
    let stem = Path::new(own_name).file_stem().unwrap_or(own_name);
    stem.to_string_lossy().into_owned()
}
