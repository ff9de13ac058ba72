//! Runs a module and writes down what came of it, in every configuration.

use precast_compiler::{CpuLevel, Features, OptLevel, Options};
use precast_loader::{
    Backtrace, Caller, Engine, Error, Extern, FuncType, Global, GlobalType, Instance, Linker,
    Memory, MemoryType, Store, Table, TableType, Val, ValType,
};

use crate::{Compiled, values};

/// A way to compile a module for this machine, with a name for reports.
#[derive(Debug)]
pub struct Configuration {
    /// What it is.
    pub name: String,
    /// The options.
    pub options: Options,
}

/// Every optimisation level, with memories guarded and checked, for the CPU levels that any
/// machine has and for this machine's CPU; and with code that counts and tells. All features are
/// on.
///
/// # Panics
///
/// If there is no such machine.
pub fn configurations() -> Vec<Configuration> {
    let levels = [
        (OptLevel::None, "none"),
        (OptLevel::Basic, "basic"),
        (OptLevel::Speed, "speed"),
        (OptLevel::SpeedAndSize, "size"),
    ];
    let mut all = Vec::new();
    for (opt_level, opt_name) in levels {
        for memory_checked in [false, true] {
            for (cpu_name, cpu) in cpus() {
                let mut options = Options {
                    opt_level,
                    cpu_features: cpu.cpu_features,
                    features: Features::ALL,
                    ..crate::options()
                };
                options.tunables.memory_checked = memory_checked;
                let memory = if memory_checked { "checked" } else { "guarded" };
                all.push(Configuration {
                    name: format!("opt {opt_name}, memory {memory}, cpu {cpu_name}"),
                    options,
                });
            }
        }
        let mut options = Options {
            opt_level,
            listeners: true,
            features: Features::ALL,
            ..crate::options()
        };
        options.tunables.fuel = true;
        all.push(Configuration {
            name: format!("opt {opt_name}, fuel and listeners"),
            options,
        });
    }
    all
}

fn cpus() -> Vec<(&'static str, Options)> {
    let host = crate::options();
    let everywhere = [CpuLevel::X86_64(1), CpuLevel::X86_64(2), CpuLevel::Armv8A];
    let mut cpus = Vec::new();
    for level in everywhere
        .into_iter()
        .filter(|level| level.arch() == host.target.arch)
    {
        let mut options = host.clone();
        options.cpu_level(level).expect("a level of this machine's");
        cpus.push((level.name(), options));
    }
    let mut native = host;
    native.cpu_native().expect("this machine");
    cpus.push(("native", native));
    cpus
}

/// Compiles `wasm`, instantiates it with the [host's functions](linker), calls it as `invocations`
/// say (`NAME ARGS…`), and gives a line for each call and for each thing that was logged.
///
/// # Errors
///
/// If the module does not compile or load, or an invocation cannot be understood. Traps and errors
/// of the guest are lines like others.
pub fn run<'a>(
    wasm: &[u8],
    options: &Options,
    invocations: impl Iterator<Item = &'a str>,
    with_backtrace: bool,
) -> Result<String, String> {
    let text = |error: Error| error.to_string();
    let compiled = Compiled::new(wasm, options).map_err(|error| error.to_string())?;
    let engine = Engine::default();
    let module = crate::load(&engine, &compiled).map_err(text)?;
    let mut store = Store::new(&engine, Log::default());
    let linker = linker(&engine, &mut store).map_err(text)?;

    let mut lines = Vec::new();
    let instance = linker.instantiate(&mut store, &module);
    lines.append(&mut store.data_mut().0);
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => {
            lines.push(format!(
                "instantiate -> {}",
                failure(&store, &error, with_backtrace)
            ));
            return Ok(lines.join("\n") + "\n");
        }
    };
    for invocation in invocations {
        let outcome = invoke(&mut store, instance, invocation)?;
        lines.append(&mut store.data_mut().0);
        let outcome = match outcome {
            Ok(results) => values::print_all(&store, &results),
            Err(error) => failure(&store, &error, with_backtrace),
        };
        lines.push(format!("{invocation} -> {outcome}").trim_end().to_owned());
    }
    Ok(lines.join("\n") + "\n")
}

fn invoke(
    store: &mut Store<Log>,
    instance: Instance,
    invocation: &str,
) -> Result<Result<Vec<Val>, Error>, String> {
    let mut words = invocation.split_whitespace();
    let name = words.next().ok_or("an invocation without a name")?;
    let func = instance
        .func(store, name)
        .map_err(|error| error.to_string())?;
    let words: Vec<_> = words.collect();
    let ty = func.ty(store);
    if words.len() != ty.params.len() {
        return Err(format!("`{invocation}`: {name} is {ty}"));
    }
    let params = ty.params.iter().zip(words);
    let params: Vec<Val> = params
        .map(|(&ty, word)| values::parse(store, ty, word))
        .collect::<Result<_, _>>()?;
    Ok(func.call(store, &params))
}

/// What a call ended with, in one line; two with the backtrace.
fn failure(store: &Store<Log>, error: &Error, with_backtrace: bool) -> String {
    let mut text = match error {
        Error::Trap(trap) => format!("trap: {}", trap.code()),
        Error::Host(host) => format!("host error: {}", host.error()),
        Error::Exception(exception) => {
            format!("exception: {}", values::print_all(store, exception.args()))
        }
        other => format!("error: {other}"),
    };
    if with_backtrace && let Some(backtrace) = error.backtrace() {
        text.push_str(&format!("\n  in {}", names(backtrace)));
    }
    text
}

fn names(backtrace: &Backtrace) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut repeated = 0;
    for frame in backtrace.frames() {
        let name = match frame.func_name() {
            Some(name) => name.to_owned(),
            None => format!("function {}", frame.func_index()),
        };
        if names.last() == Some(&name) {
            repeated += 1;
        } else {
            names.push(name);
        }
    }
    let mut text = names.join(" < ");
    if repeated > 0 {
        text.push_str(" (some of them many times)");
    }
    text
}

/// What host functions have logged.
#[derive(Debug, Default)]
pub struct Log(Vec<String>);

/// What filetests can import, all from the module `host`.
///
/// - `log_i32`, `log_i64`, `log_f32`, `log_f64`: log the parameter;
/// - `add` (i32 i32) → i32, `swap` (i32 i64) → (i64 i32), `sum20`: 20 i32 → i32;
/// - `fail`: ends the guest with an error, `trap`: with the trap "unreachable";
/// - `call` (funcref): calls a function without parameters and results;
/// - `memory` (1 page, at most 2), `table` (10 funcrefs, at most 20);
/// - `global_i32` = 666, `global_i64` = 667, `counter` (mutable i32) = 0.
///
/// # Errors
///
/// If the system has no room for a memory.
pub fn linker(engine: &Engine, store: &mut Store<Log>) -> Result<Linker<Log>, Error> {
    let mut linker = Linker::new(engine);
    let log = |ty: ValType| {
        let ty = FuncType::new([ty], []);
        (
            ty,
            |mut caller: Caller<'_, Log>, params: &[Val], _: &mut [Val]| {
                let line = format!("log {}", values::print_all(&caller, params));
                caller.data_mut().0.push(line);
                Ok(())
            },
        )
    };
    for ty in [ValType::I32, ValType::I64, ValType::F32, ValType::F64] {
        let name = format!("log_{ty}");
        let (ty, closure) = log(ty);
        linker.func_dynamic("host", &name, ty, closure)?;
    }
    let twenty = FuncType::new([ValType::I32; 20], [ValType::I32]);
    linker
        .func("host", "add", |a: i32, b: i32| a.wrapping_add(b))?
        .func("host", "swap", |a: i32, b: i64| (b, a))?
        .func_dynamic("host", "sum20", twenty, |_, params, results| {
            let sum = params
                .iter()
                .filter_map(Val::i32)
                .fold(0, i32::wrapping_add);
            results[0] = Val::I32(sum);
            Ok(())
        })?
        .func("host", "fail", || -> Result<(), Error> {
            Err(Error::host("the host function failed"))
        })?
        .func("host", "trap", || -> Result<(), Error> {
            Err(precast_loader::TrapCode::Unreachable.into())
        })?
        .func(
            "host",
            "call",
            |mut caller: Caller<'_, Log>, func: Option<precast_loader::Func>| {
                let func = func.ok_or_else(|| Error::host("a null function"))?;
                func.call(&mut caller, &[]).map(drop)
            },
        )?;
    let memory = MemoryType::new(1, Some(2));
    let table = TableType::new(ValType::FUNCREF, 10, Some(20));
    let mut global = |mutable, value: Val| {
        let content = value.ty();
        Global::new(store, GlobalType { content, mutable }, value)
    };
    let globals = [
        ("global_i32", global(false, Val::I32(666))?),
        ("global_i64", global(false, Val::I64(667))?),
        ("counter", global(true, Val::I32(0))?),
    ];
    for (name, global) in globals {
        linker.define("host", name, global)?;
    }
    let memory = Memory::new(store, memory)?;
    let table = Table::new(store, table, Val::FuncRef(None))?;
    let items: [(_, Extern); 2] = [("memory", memory.into()), ("table", table.into())];
    for (name, item) in items {
        linker.define("host", name, item)?;
    }
    Ok(linker)
}
