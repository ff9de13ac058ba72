//! What calls cost; run with `cargo test --release -p precast-loader -- --ignored --nocapture`.

use std::hint::black_box;

use precast_loader::{Engine, Linker, Module, Store};

use crate::artifact::{parts, plain};

#[test]
#[ignore = "measures"]
fn calls() {
    const N: u32 = 50_000_000;
    let (mut store, instance) = plain();
    for name in ["add", "call_host", "host"] {
        let func = instance.typed_func::<(i64, i64), i64>(&mut store, name);
        let func = func.unwrap();
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = cpu_seconds();
            for i in 0..N / 5 {
                black_box(func.call(&mut store, (i64::from(i), 2)).unwrap());
            }
            best = best.min((cpu_seconds() - start) * 1e9 / f64::from(N / 5));
        }
        println!("{name}: {best:.2} ns");
    }
}

#[test]
#[ignore = "measures"]
fn loading_and_instantiating() {
    const N: u32 = 2_000;
    let engine = Engine::default();
    let path = std::env::temp_dir().join(format!("precast-costs-{}", std::process::id()));
    std::fs::write(&path, parts().write()).unwrap();
    // SAFETY: the file has just been written.
    let load = || unsafe { Module::load(&engine, &path).unwrap() };
    let start = cpu_seconds();
    for _ in 0..N {
        load();
    }
    let each = (cpu_seconds() - start) * 1e6 / f64::from(N);
    println!("load and unmap: {each:.1} µs");

    let module = load();
    std::fs::remove_file(&path).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |a: i64, b: i64| a * b).unwrap();
    let prepared = linker.prepare(&module).unwrap();
    let start = cpu_seconds();
    for _ in 0..N {
        let mut store = Store::new(&engine, ());
        prepared.instantiate(&mut store).unwrap();
    }
    let each = (cpu_seconds() - start) * 1e6 / f64::from(N);
    println!("store, instance and drop: {each:.1} µs");
}

/// What this thread has used; other processes do not count.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `time` only.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
