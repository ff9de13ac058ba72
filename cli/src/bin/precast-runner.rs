//! What `precast compile --emit exe` makes programs of: loader and WASI, and nothing that could compile.
//!
//! The artifact is in this program's own file, with what the guest gets beside its arguments. All
//! arguments are the guest's. Messages and exit codes are those of `precast run`.
//!
//! It starts without the standard library's preparations for `main` where it can: most of them are for
//! saying that the host's own stack has overflowed, and take as long as loading the artifact.

#![cfg_attr(all(target_os = "linux", target_env = "gnu"), no_main)]

use std::env;
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::panic;
use std::path::Path;
use std::process;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::{fs::File, io, os::fd::IntoRawFd as _};

use anyhow::{Context as _, Result, bail};
use precast_artifacts_format::{Program, RunnerNote};
use precast_cli::exit::{self, Usage};
use precast_cli::guest::{self, START};
use precast_cli::program::Options;
use precast_cli::shown::shown;
use precast_loader::{Config, Engine, Linker, Module, Store, attached_bytes};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use rustix::io::fcntl_getfd;

/// By this, and by its program header, the command knows a runner.
#[used]
#[unsafe(link_section = ".note.precast.runner")]
static NOTE: RunnerNote = RunnerNote::THIS;

/// Where the C library starts the program. The standard library has taken the arguments from it before.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    occupy_standard_streams();
    // SAFETY: no handler is installed; nobody else is there yet who would care. Whoever writes into a
    // broken pipe is to see an error.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    start()
}

/// Sees to it that no file that is opened later becomes a standard stream, where one was closed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn occupy_standard_streams() {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let flags = [
        fcntl_getfd(&stdin),
        fcntl_getfd(&stdout),
        fcntl_getfd(&stderr),
    ];
    for _ in flags.iter().filter(|flags| flags.is_err()) {
        // It takes the lowest number that is free, and keeps it.
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = null.into_raw_fd();
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    start();
}

fn start() -> ! {
    exit::report_panics();
    let code = panic::catch_unwind(run).unwrap_or(Ok(exit::PANICKED));
    let code = code.unwrap_or_else(|error| exit::failed_with(&error));
    process::exit(code.into())
}

fn run() -> Result<u8> {
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
        // The process is about to end, which unmaps everything faster than dropping it does.
        let module = ManuallyDrop::new(module);
        let mut linker = ManuallyDrop::new(Linker::new(&engine));
        guest::define_imports(&mut linker, &module).with_context(|| name.clone())?;
        let mut store = ManuallyDrop::new(Store::new(&engine, wasi));
        let called = (|| {
            let instance = linker.instantiate(&mut *store, &module)?;
            instance.func(&mut *store, START)?.call(&mut *store, &[])
        })();
        match called {
            Ok(_) => Ok(0),
            Err(error) => guest::ended(&name, error),
        }
    })
}

/// What backtraces call a module without a name.
fn stem(own_name: &OsString) -> String {
    let stem = Path::new(own_name).file_stem().unwrap_or(own_name);
    stem.to_string_lossy().into_owned()
}
