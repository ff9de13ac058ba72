//! The steps with precast.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use precast_compiler::{OptLevel, Options};
use precast_loader::{Engine, Instance, Linker, Module, Pool, PoolConfig, Store};

use crate::{CALLS, SIZES, dropping, guests, making};

pub(crate) fn bench(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    load(criterion)?;
    instantiate(criterion)?;
    call(criterion)
}

fn load(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    for (name, bytes) in SIZES {
        let path = guests::kept(&format!("{bytes}.precast"), || {
            let options = Options {
                opt_level: OptLevel::None,
                ..Options::default()
            };
            Ok(precast_compiler::compile(
                &guests::of_size(bytes),
                &options,
            )?)
        })?;
        // SAFETY: the compiler has made it, and it is replaced, not changed.
        let load = || unsafe { Module::load(&engine, &path) };
        println!("{name}: {} bytes", std::fs::metadata(&path)?.len());
        load()?;
        criterion.bench_function(&format!("load {name}/precast"), |bencher| {
            making(bencher, || load().expect("loads"));
        });
    }
    Ok(())
}

fn guest(engine: &Engine) -> Result<(Module, Linker<()>), Box<dyn Error>> {
    let artifact = precast_compiler::compile(&wat::parse_str(guests::GUEST)?, &Options::default())?;
    // SAFETY: the compiler has just made it.
    let module = unsafe { Module::load_bytes(engine, &artifact)? };
    let mut linker = Linker::new(engine);
    linker.func("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
    Ok((module, linker))
}

fn instantiate(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let (module, linker) = guest(&engine)?;
    let prepared = linker.prepare(&module)?;
    let pool = Pool::new(
        PoolConfig::new()
            .max_memories(100)
            .max_tables(100)
            .max_instances(100),
    )?;
    let instance = |mut store: Store<()>| {
        prepared.instantiate(&mut store).expect("instantiates");
        store
    };
    let plain = || instance(Store::new(&engine, ()));
    let pooled = || instance(Store::new_in(&engine, &pool, ()));
    criterion.bench_function("instantiate/precast", |bencher| making(bencher, plain));
    criterion.bench_function("instantiate pooled/precast", |bencher| {
        making(bencher, pooled)
    });
    criterion.bench_function("drop/precast", |bencher| dropping(bencher, plain));
    criterion.bench_function("drop pooled/precast", |bencher| dropping(bencher, pooled));
    criterion.bench_function("instantiate and drop/precast", |bencher| {
        bencher.iter(plain)
    });
    criterion.bench_function("instantiate and drop pooled/precast", |bencher| {
        bencher.iter(pooled);
    });
    Ok(())
}

fn call(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let (module, linker) = guest(&engine)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    steps(criterion, "precast", &mut store, instance)?;
    store.set_timeout(Duration::from_secs(3600))?;
    steps(criterion, "precast, with a deadline", &mut store, instance)
}

fn steps(
    criterion: &mut Criterion,
    name: &str,
    store: &mut Store<()>,
    instance: Instance,
) -> Result<(), Box<dyn Error>> {
    let add = instance.typed_func::<(i32, i32), i32>(store, "add")?;
    criterion.bench_function(&format!("host to guest/{name}"), |bencher| {
        bencher.iter(|| add.call(store, (black_box(1), 2)).expect("returns"));
    });
    for (step, export) in [
        ("1000 guest to host", "call_host"),
        ("1000 indirect calls", "call_indirect"),
        ("1000 rounds of a loop", "count"),
        ("1000 tail calls", "tail_calls"),
        ("1000 exceptions from 2 frames further in", "throw"),
        ("1000 exceptions from 12 frames further in", "throw_deep"),
    ] {
        let func = instance.typed_func::<u32, u32>(store, export)?;
        criterion.bench_function(&format!("{step}/{name}"), |bencher| {
            bencher.iter(|| func.call(store, black_box(CALLS)).expect("returns"));
        });
    }
    let trap = instance.typed_func::<(), ()>(store, "trap")?;
    criterion.bench_function(&format!("trap/{name}"), |bencher| {
        bencher.iter(|| trap.call(store, ()).expect_err("traps"));
    });
    Ok(())
}
