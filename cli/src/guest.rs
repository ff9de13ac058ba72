//! How a guest is run: on a thread with a stack of its own size, with WASI and what programs of some compilers
//! import beside it, and with an exit code as a native program has one.

use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context as _, Result, bail};
use precast_loader::{Error, ExternType, FuncType, Linker, Module};
use precast_wasi::{BrokenPipe, ConfigError, Exit, WasiCtx, assemblyscript, emscripten};

use crate::exit;
use crate::shown::shown;

/// The function that is called.
pub const START: &str = "_start";

/// How much stack a guest may use if nobody says otherwise, in bytes.
pub const MAX_STACK_BYTES: usize = 8 << 20;

/// Stack for the host functions that a guest calls when its own is nearly used up, in bytes.
const HOST_STACK_BYTES: usize = 1 << 20;

/// Calls `run` on a thread with that much stack, and the host's reserve.
///
/// # Errors
///
/// If there is no such thread to be had; those of `run`.
pub fn on_own_stack(
    guest_bytes: usize,
    run: impl FnOnce() -> Result<ExitCode> + Send,
) -> Result<ExitCode> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("guest".into())
            .stack_size(guest_bytes + HOST_STACK_BYTES)
            .spawn_scoped(scope, run)
            .with_context(|| {
                format!("cannot start a thread with {guest_bytes} bytes of stack (see --max-stack)")
            })?;
        // The hook has said what there is to say of a panic.
        thread.join().unwrap_or_else(|_| Ok(exit::PANICKED.into()))
    })
}

/// Defines WASI, and what programs of some compilers import beside it.
///
/// # Errors
///
/// The loader's.
pub fn define_imports(linker: &mut Linker<WasiCtx>, module: &Module) -> Result<(), Error> {
    precast_wasi::add_to_linker(linker, |wasi| wasi)?;
    if assemblyscript::is_wanted(module) {
        let mut options = assemblyscript::Options::new();
        options.trace(assemblyscript::Trace::Stderr);
        assemblyscript::add_to_linker(linker, |wasi| wasi, &options)?;
    }
    if emscripten::is_wanted(module) {
        emscripten::for_module(linker, module)?;
    }
    Ok(())
}

/// The type of the export [`START`] of a module that is a program.
///
/// # Errors
///
/// If there is none (`hint` says what could be done then), or it takes or returns something.
pub fn start_type(export: Option<ExternType>, hint: impl FnOnce() -> String) -> Result<FuncType> {
    match export {
        Some(ExternType::Func(ty)) if ty.params.is_empty() && ty.results.is_empty() => Ok(ty),
        Some(ty) => bail!("its export {START:?} is {ty}, where (func) is expected"),
        None => bail!("no command, since it does not export {START:?}{}", hint()),
    }
}

/// The exit code of the guest that messages call `name`, and that did not return.
///
/// # Errors
///
/// If it failed otherwise than by ending itself or trapping.
pub fn ended(name: &str, error: Error) -> Result<ExitCode> {
    if let Some(Exit(code)) = error.downcast_ref() {
        // The operating system keeps just these bits.
        return Ok(((code & 0xff) as u8).into());
    }
    if error.downcast_ref::<BrokenPipe>().is_some() {
        return Ok(exit::BROKEN_PIPE.into());
    }
    match error {
        Error::Trap(_) | Error::Exception(_) => {
            exit::say(format_args!("precast: {error}"));
            Ok(exit::TRAPPED.into())
        }
        _ => Err(error).with_context(|| name.to_owned()),
    }
}

/// What is wrong with what a guest is to get, for people.
pub fn config_error(error: ConfigError) -> anyhow::Error {
    match error {
        ConfigError::OpenDir { host_path, source } => {
            let directory = shown(&host_path);
            anyhow::Error::new(source).context(format!("cannot open the directory {directory}"))
        }
        other => other.into(),
    }
}

/// An argument as a guest can receive it.
///
/// # Errors
///
/// If it is not UTF-8.
pub fn guest_arg(arg: OsString) -> Result<String, String> {
    let refused = |arg: OsString| {
        let arg = shown(&arg);
        format!("guests receive UTF-8 only, which `{arg}` is not")
    };
    arg.into_string().map_err(refused)
}
