//! What calls of WASI cost: bytes copied, files opened and listed, clocks, random bytes, single bytes.
//!
//! ```text
//! cargo bench -p precast-tests --features bench --bench wasi
//! TMPDIR=/dev/shm cargo bench -p precast-tests --features bench --bench wasi
//! ```
//!
//! The second leaves the disk out. `beside-wasmtime` in this folder runs the same guest with the commands of both.

use std::error::Error;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use precast_compiler::Options;
use precast_loader::{Engine, Linker, Module, Prepared, Store, TypedFunc, WasmResults};
use precast_wasi::WasiCtx;

const COPIED_BYTES: u64 = 64 << 20;
const LISTED_FILES: u32 = 10_000;

/// Calls in one measured run.
const CALLS: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10)
        .configure_from_args();
    let bench = Bench::new()?;
    bench.copying(&mut criterion);
    bench.calls(&mut criterion);
    criterion.final_summary();
    Ok(())
}

struct Bench {
    scratch: Scratch,
    engine: Engine,
    guest: Prepared<WasiCtx>,
}

impl Bench {
    fn new() -> Result<Bench, Box<dyn Error>> {
        let engine = Engine::default();
        let wasm = wat::parse_str(include_str!("guest.wat"))?;
        let artifact = precast_compiler::compile(&wasm, &Options::default())?;
        // SAFETY: the compiler has just made it.
        let module = unsafe { Module::load_bytes(&engine, &artifact)? };
        let mut linker = Linker::new(&engine);
        precast_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
        Ok(Bench {
            scratch: Scratch::new()?,
            guest: linker.prepare(&module)?,
            engine,
        })
    }

    /// A guest with the directory, zeros as input, and its output thrown away.
    fn start<R: WasmResults>(&self, export: &str) -> Guest<R> {
        let context = WasiCtx::builder()
            .stdin(io::repeat(0).take(COPIED_BYTES))
            .preopened_dir(&self.scratch.0, "/")
            .build()
            .expect("the directory is there");
        let mut store = Store::new(&self.engine, context);
        let instance = self.guest.instantiate(&mut store).expect("instantiates");
        let func = instance.typed_func(&mut store, export).expect("exported");
        Guest { store, func }
    }

    fn copying(&self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("copy");
        group.throughput(Throughput::Bytes(COPIED_BYTES));
        for (name, bytes) in [("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
            group.bench_function(format!("file to file, {name} at a time"), |bencher| {
                let mut guest = self.start::<u64>("copy");
                bencher.iter(|| assert_eq!(guest.call(bytes), COPIED_BYTES));
            });
            group.bench_function(format!("through streams, {name} at a time"), |bencher| {
                bencher.iter_batched_ref(
                    || self.start::<()>("pipe"),
                    |guest| guest.call(bytes),
                    BatchSize::PerIteration,
                );
            });
        }
    }

    fn calls(&self, criterion: &mut Criterion) {
        for (name, export) in [
            ("open and close", "open"),
            ("open and close, 4 deep", "open_deep"),
            ("open what is missing", "open_missing"),
            ("stat", "stat"),
            ("read the clock", "clock"),
            ("16 random bytes", "random"),
            ("write a byte to a file", "write"),
            ("write a byte to a stream", "print"),
        ] {
            let mut guest = self.start::<()>(export);
            criterion.bench_function(&format!("{CALLS} × {name}"), |bencher| {
                bencher.iter(|| guest.call(CALLS));
            });
        }
        let mut guest = self.start::<u32>("list");
        criterion.bench_function(&format!("list {LISTED_FILES} files"), |bencher| {
            bencher.iter(|| assert_eq!(guest.call(4096), LISTED_FILES + 2));
        });
    }
}

struct Guest<R> {
    store: Store<WasiCtx>,
    func: TypedFunc<u32, R>,
}

impl<R: WasmResults> Guest<R> {
    fn call(&mut self, parameter: u32) -> R {
        self.func.call(&mut self.store, parameter).expect("returns")
    }
}

/// The directory that the guest works in, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let name = format!("precast-bench-wasi-{}", std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        let Scratch(path) = &scratch;
        fs::create_dir_all(path.join("a/b/c"))?;
        fs::write(path.join("a/b/c/d"), "x")?;
        fs::write(path.join("in"), vec![0; COPIED_BYTES as usize])?;
        many(&path.join("many"))?;
        Ok(scratch)
    }
}

fn many(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    (0..LISTED_FILES).try_for_each(|number| fs::write(folder.join(format!("file-{number:06}")), ""))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that is left over harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
