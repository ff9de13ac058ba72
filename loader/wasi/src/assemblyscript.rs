//! What programs in AssemblyScript import, beside WASI or instead of it.
//!
//! The compiler `asc` has its programs import a few functions from `env`, and a JavaScript host makes them. Here they
//! are made over a [`WasiCtx`]: what they say goes to its standard streams, clocks and random numbers are its own, and
//! [`add_to_linker`] says what there is. A program that ends itself makes the call into it fail with an error that
//! holds [`Exit`](crate::Exit), as in WASI.
//!
//! Not there: what takes or gives objects (`crypto.getRandomValues`, `document`, `Reflect`), timers
//! (`console.time`), and the functions of JavaScript's `Math` but for `random`; `asc` compiles its own of these.

mod number;
mod text;

use precast_loader::{Caller, Error, ExternType, Linker, Module, ValType};

use self::number::Number;
use self::text::{Text, print, shown};
use crate::linker::with_memory;
use crate::{GuestMemory, Result, WasiCtx, preview1};

/// What a program that aborts exits with.
const ABORTED: u32 = 255;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

/// How the functions behave.
///
/// ```
/// use precast_wasi::assemblyscript::{Options, Trace};
///
/// let mut options = Options::new();
/// options.abort_message(false).trace(Trace::Stderr);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    abort_message: bool,
    trace: Trace,
}

/// Where `trace` writes to.
///
/// ```
/// use precast_wasi::assemblyscript::{Options, Trace};
///
/// fn options(verbose: bool) -> Options {
///     let trace = if verbose { Trace::Stderr } else { Trace::Off };
///     *Options::new().trace(trace)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace {
    /// Nowhere.
    #[default]
    Off,
    /// To the program's standard output.
    Stdout,
    /// To the program's standard error.
    Stderr,
}

impl Options {
    /// The defaults: aborts have a message, traces are off.
    ///
    /// ```
    /// # use precast_wasi::assemblyscript::Options;
    /// let options = Options::new();
    /// ```
    pub fn new() -> Options {
        Options {
            abort_message: true,
            trace: Trace::Off,
        }
    }

    /// Whether `abort` says on the program's standard error why and where the program ends. It does, if nothing
    /// else is said.
    ///
    /// ```
    /// # use precast_wasi::assemblyscript::Options;
    /// let quiet = *Options::new().abort_message(false);
    /// ```
    pub fn abort_message(&mut self, enabled: bool) -> &mut Options {
        self.abort_message = enabled;
        self
    }

    /// Where `trace` writes to. Nowhere, if nothing else is said.
    ///
    /// ```
    /// # use precast_wasi::assemblyscript::{Options, Trace};
    /// let options = *Options::new().trace(Trace::Stdout);
    /// ```
    pub fn trace(&mut self, trace: Trace) -> &mut Options {
        self.trace = trace;
        self
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

/// Module, name, parameters and results of each function.
const FUNCTIONS: [(&str, &str, &[ValType], &[ValType]); 15] = {
    use ValType::{F64, I32};
    [
        ("env", "abort", &[I32; 4], &[]),
        ("env", "trace", &[I32, I32, F64, F64, F64, F64, F64], &[]),
        ("env", "seed", &[], &[F64]),
        ("env", "console.assert", &[I32; 2], &[]),
        ("env", "console.log", &[I32], &[]),
        ("env", "console.debug", &[I32], &[]),
        ("env", "console.info", &[I32], &[]),
        ("env", "console.warn", &[I32], &[]),
        ("env", "console.error", &[I32], &[]),
        ("env", "process.exit", &[I32], &[]),
        ("env", "performance.now", &[], &[F64]),
        ("env", "Math.random", &[], &[F64]),
        ("env", "Date.now", &[], &[F64]),
        // Before version 0.20.
        ("Date", "now", &[], &[F64]),
        ("Math", "random", &[], &[F64]),
    ]
};

/// Whether the module imports any of these functions, with the types that they have in AssemblyScript, and none of
/// that name with another type.
///
/// ```
/// # use precast_loader::{Error, Linker, Module};
/// # use precast_wasi::{WasiCtx, assemblyscript};
/// fn add_what_is_wanted(linker: &mut Linker<WasiCtx>, module: &Module) -> Result<(), Error> {
///     if assemblyscript::is_wanted(module) {
///         let options = assemblyscript::Options::new();
///         assemblyscript::add_to_linker(linker, |wasi| wasi, &options)?;
///     }
///     Ok(())
/// }
/// ```
pub fn is_wanted(module: &Module) -> bool {
    let mut wanted = false;
    for (from, name, ty) in module.imports() {
        let known = FUNCTIONS.iter().find(|it| (it.0, it.1) == (from, name));
        let Some((_, _, params, results)) = known else {
            continue;
        };
        match ty {
            ExternType::Func(ty) if *ty.params == **params && *ty.results == **results => {
                wanted = true;
            }
            _ => return false,
        }
    }
    wanted
}

/// Defines the functions; `get` finds the context in the store's data.
///
/// - `abort` ends the program like `proc_exit(255)`, after it has said `MESSAGE at FILE:LINE:COLUMN` on standard
///   error.
/// - `trace` writes `trace: MESSAGE 1, 2.5`, with numbers as in JavaScript, to where the options say.
/// - `seed`, `Math.random`: from the random numbers of `random_get`; all bits of `seed` are random.
/// - `Date.now`, `performance.now`: milliseconds of the clocks 0 and 1 of `clock_time_get`.
/// - `console.log`, `debug`, `info` write to standard output, `warn`, `error` and an `assert` that fails to standard
///   error.
/// - `process.exit` is `proc_exit`.
///
/// What is wrong with the strings that a program passes is shown in their place. Messages are cut after 1024
/// characters; what goes to the console is not.
///
/// # Errors
///
/// Those of `Linker::func`: a name that is defined already.
///
/// ```
/// use precast_loader::{Engine, Linker};
/// use precast_wasi::{WasiCtx, assemblyscript};
///
/// let mut linker = Linker::<WasiCtx>::new(&Engine::default());
/// let options = assemblyscript::Options::new();
/// precast_wasi::add_to_linker(&mut linker, |wasi| wasi)?;
/// assemblyscript::add_to_linker(&mut linker, |wasi| wasi, &options)?;
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
    options: &Options,
) -> std::result::Result<(), Error> {
    let Options {
        abort_message,
        trace,
    } = *options;
    add_endings(linker, get, abort_message)?;
    add_trace(linker, get, trace)?;
    add_console(linker, get)?;
    add_numbers(linker, get)
}

fn add_endings<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
    message: bool,
) -> std::result::Result<(), Error> {
    linker.func(
        "env",
        "abort",
        move |mut caller: Caller<'_, T>, why: u32, file: u32, line: u32, column: u32| {
            if message {
                let mut texts = (None, None);
                let _without_memory = with_strings(&mut caller, get, |_, memory| {
                    texts = (shown(memory, why), shown(memory, file));
                });
                let why = texts.0.as_deref().unwrap_or("abort");
                let file = texts.1.as_deref().unwrap_or("?");
                let said = format!("{why} at {file}:{line}:{column}\n");
                print(get(caller.data_mut()), STDERR, said.chars());
            }
            exit(&mut caller, get, ABORTED)
        },
    )?;
    linker.func(
        "env",
        "process.exit",
        move |mut caller: Caller<'_, T>, code: u32| exit(&mut caller, get, code),
    )?;
    Ok(())
}

fn exit<T>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    code: u32,
) -> std::result::Result<(), Error> {
    let exit = preview1::proc_exit(get(caller.data_mut()), code);
    Err(Error::host(exit))
}

fn add_trace<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
    trace: Trace,
) -> std::result::Result<(), Error> {
    let fd = match trace {
        Trace::Off => None,
        Trace::Stdout => Some(STDOUT),
        Trace::Stderr => Some(STDERR),
    };
    linker.func(
        "env",
        "trace",
        move |mut caller: Caller<'_, T>, message: u32, count: i32, a0: f64, a1, a2, a3, a4| {
            let Some(fd) = fd else { return Ok(()) };
            with_strings(&mut caller, get, |ctx, memory| {
                let message = shown(memory, message);
                let mut line = format!("trace: {}", message.as_deref().unwrap_or("null"));
                let count = usize::try_from(count).unwrap_or(0);
                for (index, number) in [a0, a1, a2, a3, a4].into_iter().take(count).enumerate() {
                    line.push_str(if index == 0 { " " } else { ", " });
                    line.push_str(&Number(number).to_string());
                }
                line.push('\n');
                print(ctx, fd, line.chars());
            })
        },
    )?;
    Ok(())
}

fn add_console<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> std::result::Result<(), Error> {
    for (name, fd) in [
        ("console.log", STDOUT),
        ("console.debug", STDOUT),
        ("console.info", STDOUT),
        ("console.warn", STDERR),
        ("console.error", STDERR),
    ] {
        linker.func("env", name, move |mut caller: Caller<'_, T>, text: u32| {
            with_strings(&mut caller, get, |ctx, memory| {
                print_line(ctx, memory, fd, "", text);
            })
        })?;
    }
    linker.func(
        "env",
        "console.assert",
        move |mut caller: Caller<'_, T>, condition: u32, text: u32| {
            if condition != 0 {
                return Ok(());
            }
            with_strings(&mut caller, get, |ctx, memory| {
                print_line(ctx, memory, STDERR, "Assertion failed: ", text);
            })
        },
    )?;
    Ok(())
}

/// Has `tell` look at the program's strings.
fn with_strings<T>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    tell: impl FnOnce(&mut WasiCtx, &GuestMemory<'_>),
) -> std::result::Result<(), Error> {
    let told = with_memory(caller, get, |ctx, memory| {
        tell(ctx, memory);
        Ok(())
    });
    told.map(drop)
}

/// Writes the string at `pointer`, whole, as a line.
fn print_line(ctx: &mut WasiCtx, memory: &GuestMemory<'_>, fd: u32, prefix: &str, pointer: u32) {
    let prefix = prefix.chars();
    match Text::at(memory, pointer) {
        Ok(Some(text)) => print(ctx, fd, prefix.chain(text.chars()).chain(['\n'])),
        Ok(None) => print(ctx, fd, prefix.chain("null\n".chars())),
        Err(_) => print(ctx, fd, prefix.chain("(not a string)\n".chars())),
    }
}

fn add_numbers<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> std::result::Result<(), Error> {
    linker.func("env", "seed", move |mut caller: Caller<'_, T>| {
        let bits = random(get(caller.data_mut())).map_err(Error::host)?;
        Ok::<_, Error>(f64::from_bits(bits))
    })?;
    for (module, name) in [("env", "Math.random"), ("Math", "random")] {
        linker.func(module, name, move |mut caller: Caller<'_, T>| {
            let bits = random(get(caller.data_mut())).map_err(Error::host)?;
            Ok::<_, Error>(fraction(bits))
        })?;
    }
    for (module, name, clock, whole) in [
        ("env", "Date.now", REALTIME, true),
        ("Date", "now", REALTIME, true),
        ("env", "performance.now", MONOTONIC, false),
    ] {
        linker.func(module, name, move |mut caller: Caller<'_, T>| {
            let now = nanoseconds(get(caller.data_mut()), clock).map_err(Error::host)?;
            let milliseconds = now as f64 / 1e6;
            Ok::<_, Error>(if whole {
                milliseconds.floor()
            } else {
                milliseconds
            })
        })?;
    }
    Ok(())
}

/// 64 bits as `random_get` gives them.
fn random(ctx: &mut WasiCtx) -> Result<u64> {
    let mut bytes = [0; 8];
    preview1::random_get(ctx, &mut GuestMemory::new(&mut bytes), 0, 8)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A number from 0 on, below 1: 53 of the bits, which is what an `f64` has room for.
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The time as `clock_time_get` gives it.
fn nanoseconds(ctx: &mut WasiCtx, clock: u32) -> Result<u64> {
    let mut bytes = [0; 8];
    preview1::clock_time_get(ctx, &mut GuestMemory::new(&mut bytes), clock, 0, 0)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use precast_loader::{Engine, Store};

    use super::*;

    #[test]
    fn the_functions_defined_are_those_that_modules_are_asked_for() {
        let engine = Engine::default();
        let mut linker = Linker::<WasiCtx>::new(&engine);
        add_to_linker(&mut linker, |wasi| wasi, &Options::new()).unwrap();
        let mut store = Store::new(&engine, WasiCtx::builder().build().unwrap());
        for (module, name, params, results) in FUNCTIONS {
            let defined = linker.get(&mut store, module, name).unwrap();
            let ExternType::Func(ty) = defined.ty(&store) else {
                panic!("{name} is a function");
            };
            assert_eq!((&*ty.params, &*ty.results), (params, results), "{name}");
        }
        let known: BTreeSet<_> = FUNCTIONS.iter().map(|it| (it.0, it.1)).collect();
        assert!(linker.names().eq(known));
    }

    #[test]
    fn random_numbers_are_below_one() {
        assert_eq!(fraction(0), 0.0);
        assert_eq!(fraction(1 << 63), 0.5);
        let largest = fraction(u64::MAX);
        assert!(largest < 1.0 && largest > 0.999_999);
    }
}
