//! The same steps with wasmtime.

use std::error::Error;
use std::hint::black_box;

use criterion::Criterion;
use wasmtime::{
    Config, Engine, Instance, InstanceAllocationStrategy, InstancePre, Linker, Module, OptLevel,
    PoolingAllocationConfig, Store,
};

use crate::{CALLS, SIZES, dropping, guests, making};

pub(crate) fn bench(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    load(criterion)?;
    instantiate(criterion)?;
    call(criterion)
}

fn load(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::new().cranelift_opt_level(OptLevel::None))?;
    for (name, bytes) in SIZES {
        let path = guests::kept(&format!("{bytes}.cwasm"), || {
            Ok(engine.precompile_module(&guests::of_size(bytes))?)
        })?;
        // SAFETY: wasmtime has made it, and it is replaced, not changed.
        let load = || unsafe { Module::deserialize_file(&engine, &path) };
        println!("{name}: {} bytes", std::fs::metadata(&path)?.len());
        load()?;
        criterion.bench_function(&format!("load {name}/wasmtime"), |bencher| {
            making(bencher, || load().expect("loads"));
        });
    }
    Ok(())
}

fn prepared(engine: &Engine) -> Result<InstancePre<()>, Box<dyn Error>> {
    let module = Module::new(engine, wat::parse_str(guests::GUEST)?)?;
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
    Ok(linker.instantiate_pre(&module)?)
}

fn instantiate(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let plain_engine = Engine::new(Config::new().wasm_exceptions(true))?;
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_core_instances(100)
        .total_memories(100)
        .total_tables(100)
        .linear_memory_keep_resident(64 << 10);
    let strategy = InstanceAllocationStrategy::Pooling(pooling);
    let pooled_engine = Engine::new(
        Config::new()
            .wasm_exceptions(true)
            .allocation_strategy(strategy),
    )?;
    let plain_module = prepared(&plain_engine)?;
    let pooled_module = prepared(&pooled_engine)?;
    let instance = |engine: &Engine, module: &InstancePre<()>| {
        let mut store = Store::new(engine, ());
        module.instantiate(&mut store).expect("instantiates");
        store
    };
    let plain = || instance(&plain_engine, &plain_module);
    let pooled = || instance(&pooled_engine, &pooled_module);
    criterion.bench_function("instantiate/wasmtime", |bencher| making(bencher, plain));
    criterion.bench_function("instantiate pooled/wasmtime", |bencher| {
        making(bencher, pooled)
    });
    criterion.bench_function("drop/wasmtime", |bencher| dropping(bencher, plain));
    criterion.bench_function("drop pooled/wasmtime", |bencher| dropping(bencher, pooled));
    criterion.bench_function("instantiate and drop/wasmtime", |bencher| {
        bencher.iter(plain)
    });
    criterion.bench_function("instantiate and drop pooled/wasmtime", |bencher| {
        bencher.iter(pooled);
    });
    Ok(())
}

fn call(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::new().wasm_exceptions(true))?;
    let mut store = Store::new(&engine, ());
    let instance = prepared(&engine)?.instantiate(&mut store)?;
    steps(criterion, "wasmtime", &mut store, instance)?;

    let engine = Engine::new(Config::new().wasm_exceptions(true).epoch_interruption(true))?;
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let instance = prepared(&engine)?.instantiate(&mut store)?;
    steps(criterion, "wasmtime, with a deadline", &mut store, instance)
}

fn steps(
    criterion: &mut Criterion,
    name: &str,
    store: &mut Store<()>,
    instance: Instance,
) -> Result<(), Box<dyn Error>> {
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "add")?;
    criterion.bench_function(&format!("host to guest/{name}"), |bencher| {
        bencher.iter(|| add.call(&mut *store, (black_box(1), 2)).expect("returns"));
    });
    for (step, export) in [
        ("1000 guest to host", "call_host"),
        ("1000 indirect calls", "call_indirect"),
        ("1000 rounds of a loop", "count"),
        ("1000 tail calls", "tail_calls"),
        ("1000 exceptions from 2 frames further in", "throw"),
        ("1000 exceptions from 12 frames further in", "throw_deep"),
    ] {
        let func = instance.get_typed_func::<u32, u32>(&mut *store, export)?;
        criterion.bench_function(&format!("{step}/{name}"), |bencher| {
            bencher.iter(|| func.call(&mut *store, black_box(CALLS)).expect("returns"));
        });
    }
    let trap = instance.get_typed_func::<(), ()>(&mut *store, "trap")?;
    criterion.bench_function(&format!("trap/{name}"), |bencher| {
        bencher.iter(|| trap.call(&mut *store, ()).expect_err("traps"));
    });
    Ok(())
}
