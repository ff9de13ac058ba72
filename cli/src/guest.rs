//! How a guest is run: with a stack of its own size, with WASI and what programs of some compilers
//! import beside it, and with an exit code as a native program has one.

use std::ffi::OsString;
use std::thread;

use anyhow::{Context as _, Result, bail};
use precast_loader::{Error, ExternType, FuncType, Linker, Module};
use precast_wasi::{BrokenPipe, ConfigError, Exit, WasiCtx, assemblyscript, emscripten};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::exit;
use crate::shown::shown;

/// The function that is called.
pub const START: &str = "_start";

/// How much stack a guest may use if nobody says otherwise, in bytes.
pub const MAX_STACK_BYTES: usize = 8 << 20;

/// Stack for the host functions that a guest calls when its own is nearly used up, in bytes.
const HOST_STACK_BYTES: usize = 1 << 20;

/// How much of its stack the main thread may have used before, in bytes: the system limits arguments
/// and environment to a quarter of 8 MiB, and we have few frames.
const MAIN_STACK_USED_BYTES: u64 = 3 << 20;

/// As much as the stack of the main thread can have: the system leaves 128 MiB of address space for
/// it at least.
const MAX_MAIN_STACK_BYTES: u64 = 64 << 20;

/// Calls `run`, which gives an exit code, with that much stack, and the host's reserve: on this
/// thread, the main one, if its stack may grow so far, else on another.
///
/// # Errors
///
/// If there is no such thread to be had; those of `run`.
pub fn on_own_stack(guest_bytes: usize, run: impl FnOnce() -> Result<u8> + Send) -> Result<u8> {
    let bytes = guest_bytes.saturating_add(HOST_STACK_BYTES);
    if main_stack_may_grow(bytes as u64) {
        return run();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("guest".into())
            .stack_size(bytes)
            .spawn_scoped(scope, run)
            .with_context(|| {
                format!("cannot start a thread with {guest_bytes} bytes of stack (see --max-stack)")
            })?;
        // The hook has said what there is to say of a panic.
        thread.join().unwrap_or(Ok(exit::PANICKED))
    })
}

/// Allows the stack of the main thread to grow by so many bytes from here, if that can be done.
///
/// The system looks at the limit each time that the stack grows, so that it can be raised now.
fn main_stack_may_grow(bytes: u64) -> bool {
    // What is used already: arguments, environment, frames.
    let Some(wanted) = bytes.checked_add(MAIN_STACK_USED_BYTES) else {
        return false;
    };
    if wanted > MAX_MAIN_STACK_BYTES {
        return false;
    }
    let limit = getrlimit(Resource::Stack);
    if limit.current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Stack, raised).is_ok()
}

/// Defines WASI, and what programs of some compilers import beside it.
///
/// # Errors
///
/// The loader's.
pub fn define_imports(linker: &mut Linker<WasiCtx>, module: &Module) -> Result<(), Error> {
    precast_wasi::for_module(linker, module, |wasi| wasi)?;
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
pub fn ended(name: &str, error: Error) -> Result<u8> {
    if let Some(Exit(code)) = error.downcast_ref() {
        // The operating system keeps just these bits.
        return Ok((code & 0xff) as u8);
    }
    if error.downcast_ref::<BrokenPipe>().is_some() {
        return Ok(exit::BROKEN_PIPE);
    }
    match error {
        Error::Trap(_) | Error::Exception(_) => {
            exit::say(format_args!("precast: {error}"));
            Ok(exit::TRAPPED)
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
