//! The binding to the loader: every function by the names that guests import.

use std::collections::HashSet;
use std::fmt;

use precast_loader::{Caller, Error, Linker, Module};

use crate::functions::{self, Function, Raw, both_modules, preview1_alone, raw, unstable_alone};
use crate::{GuestMemory, WasiCtx, preview1, trace, unstable};

/// The name that guests import WASI preview 1 under.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The name that guests imported it under before it was called that; some functions were different then.
const UNSTABLE: &str = "wasi_unstable";

/// A host function for each row whose name is wanted, in the module of that name.
macro_rules! define {
    (
        ($linker:ident, $get:ident, $wanted:ident, $calls:ident, $module:ident)
        $($shape:ident $name:ident $params:tt;)*
    ) => {
        $(
            let name = stringify!($name);
            if $wanted(name) {
                $linker.func($module, name, host_function!($shape $get $calls $name $params))?;
            }
        )*
    };
}

/// The closure for a row. Results are errno numbers, as the guest expects.
///
/// What it costs to be able to trace is one branch. The row's own function is named, not called by way of its
/// description, so that arguments stay in registers.
macro_rules! host_function {
    (plain $get:ident $calls:ident $name:ident($($param:ident: $kind:ident),*)) => {
        move |mut caller: Caller<'_, T>, $($param: raw::$kind),*| -> Result<i32, Error> {
            let ctx = $get(caller.data_mut());
            if ctx.tracer.is_some() {
                let args = [$($param.to_raw()),*];
                return traced(&mut caller, $get, functions::$calls::$name, &args);
            }
            let result = $calls::$name(ctx, $($param),*);
            ctx.returned(result)
        }
    };
    // The only shape that does not return.
    (exit $get:ident $calls:ident $name:ident($param:ident: $kind:ident)) => {
        move |mut caller: Caller<'_, T>, $param: raw::$kind| -> Result<(), Error> {
            let ctx = $get(caller.data_mut());
            if let Some(tracer) = &mut ctx.tracer {
                tracer.last(functions::$calls::$name, &[$param.to_raw()]);
            }
            Err(Error::host($calls::$name(ctx, $param)))
        }
    };
    ($shape:ident $get:ident $calls:ident $name:ident($($param:ident: $kind:ident),*)) => {
        move |mut caller: Caller<'_, T>, $($param: raw::$kind),*| -> Result<i32, Error> {
            with_memory(&mut caller, $get, |ctx, memory| {
                if ctx.tracer.is_some() {
                    let args = [$($param.to_raw()),*];
                    return trace::call(ctx, memory, functions::$calls::$name, &args);
                }
                $calls::$name(ctx, memory, $($param),*)
            })
        }
    };
}

/// The same function under its name of old.
macro_rules! alias {
    (($linker:ident, $wanted:ident) $($shape:ident $name:ident $params:tt;)*) => {
        $(
            let name = stringify!($name);
            if $wanted(name) {
                $linker.alias(PREVIEW1, name, UNSTABLE, name)?;
            }
        )*
    };
}

/// Defines the functions of WASI preview 1, under the names `wasi_snapshot_preview1` and `wasi_unstable`; `get` finds
/// the context in the store's data.
///
/// Programs from before 2020 import `wasi_unstable`. Its functions are those of preview 1, but for `fd_seek`,
/// `fd_filestat_get`, `path_filestat_get` and `poll_oneoff`, which had other numbers and layouts then, and
/// `sock_accept`, which was not there yet.
///
/// A guest that ends itself makes the call into it fail with an error that holds [`Exit`](crate::Exit).
///
/// ```
/// use precast_loader::{Engine, Error, Linker, Module, Store};
/// use precast_wasi::{Exit, WasiCtx};
///
/// /// Runs a program and gives its exit code.
/// fn run(engine: &Engine, module: &Module, wasi: WasiCtx) -> Result<i32, Error> {
///     let mut linker = Linker::new(engine);
///     precast_wasi::add_to_linker(&mut linker, |wasi: &mut WasiCtx| wasi)?;
///     let mut store = Store::new(engine, wasi);
///     let instance = linker.instantiate(&mut store, module)?;
///     let start = instance.typed_func::<(), ()>(&mut store, "_start")?;
///     match start.call(&mut store, ()) {
///         Ok(()) => Ok(0),
///         Err(error) => match error.downcast_ref::<Exit>() {
///             Some(exit) => Ok(exit.0),
///             None => Err(error),
///         },
///     }
/// }
/// ```
///
/// # Errors
///
/// Those of `Linker::func`: a name that is defined already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<(), Error> {
    define_wanted(linker, get, &|_, _| true)
}

/// As [`add_to_linker`], but defines only the functions that `module` imports: for one that is instantiated once, where
/// defining all of them would take longer than all the rest.
///
/// ```
/// use precast_loader::{Error, Linker, Module, Store};
/// use precast_wasi::WasiCtx;
///
/// fn run(module: &Module, wasi: WasiCtx) -> Result<(), Error> {
///     let mut linker = Linker::new(module.engine());
///     precast_wasi::for_module(&mut linker, module, |wasi: &mut WasiCtx| wasi)?;
///     let mut store = Store::new(module.engine(), wasi);
///     let instance = linker.instantiate(&mut store, module)?;
///     instance.typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
/// }
/// ```
///
/// # Errors
///
/// Those of `Linker::func`: a name that is defined already.
pub fn for_module<T: 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<(), Error> {
    let imports: HashSet<(&str, &str)> = module
        .imports()
        .filter(|(from, ..)| [PREVIEW1, UNSTABLE].contains(from))
        .map(|(from, name, _)| (from, name))
        .collect();
    define_wanted(linker, get, &|from, name| imports.contains(&(from, name)))
}

fn define_wanted<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
    wanted: &dyn Fn(&str, &str) -> bool,
) -> Result<(), Error> {
    let in_preview1 = |name: &str| wanted(PREVIEW1, name);
    let in_unstable = |name: &str| wanted(UNSTABLE, name);
    let in_any = |name: &str| in_preview1(name) || in_unstable(name);
    both_modules!(define(linker, get, in_any, preview1, PREVIEW1));
    preview1_alone!(define(linker, get, in_preview1, preview1, PREVIEW1));
    both_modules!(alias(linker, in_unstable));
    unstable_alone!(define(linker, get, in_unstable, unstable, UNSTABLE));
    Ok(())
}

/// A guest called a function that needs its memory, but exports none named `memory`.
#[derive(Debug)]
struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a WASI program must export its memory under the name \"memory\"")
    }
}

impl std::error::Error for NoMemory {}

pub(crate) fn with_memory<T>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> crate::Result<()>,
) -> Result<i32, Error> {
    let memory = caller.memory().ok_or_else(|| Error::host(NoMemory))?;
    if let Some(memory) = memory.as_shared(&*caller) {
        let ctx = get(caller.data_mut());
        let result = call(ctx, &mut GuestMemory::shared(&memory));
        return ctx.returned(result);
    }
    let (bytes, host) = memory.data_and_store_mut(caller);
    let ctx = get(host);
    let result = call(ctx, &mut GuestMemory::new(bytes));
    ctx.returned(result)
}

/// A call that does without the memory, which the tracer may look at if there is one.
#[cold]
fn traced<T>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    function: &Function,
    args: &[u64],
) -> Result<i32, Error> {
    let call =
        |ctx: &mut WasiCtx, memory: &mut GuestMemory<'_>| trace::call(ctx, memory, function, args);
    match with_memory(caller, &get, call) {
        Err(error) if error.downcast_ref::<NoMemory>().is_some() => {
            let ctx = get(caller.data_mut());
            let result = call(ctx, &mut GuestMemory::new(&mut []));
            ctx.returned(result)
        }
        returned => returned,
    }
}
