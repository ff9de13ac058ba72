//! A C program that reads files which are nowhere on the host, watched while it does.

use precast_loader::{Engine, Linker, Module, Store, include_artifact};
use precast_wasi::fs::MemoryFs;
use precast_wasi::{Exit, OutputBuffer, SeededRandom, VirtualClock, WasiCtx};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("wordcount"))? };

    // At most a mebibyte, which the host fills. Another program could be given the same files.
    let files = MemoryFs::new(1 << 20);
    files.write("poems/one.txt", "the cat and the hat\n")?;
    files.write("poems/two.txt", "the hat\n")?;
    files.symlink("../poems/two.txt", "new/latest")?;

    let stdout = OutputBuffer::new(1 << 16);
    let trace = OutputBuffer::new(1 << 16);
    let wasi = WasiCtx::builder()
        .args([
            "wordcount",
            "poems/one.txt",
            "new/latest",
            "poems/three.txt",
        ])
        .stdout(stdout.clone())
        .mount_read_only(files, ".")
        // The same in every run: no time passes but by looking at the clock.
        .clock(VirtualClock::new(946_684_800_000_000_000, 1_000))
        .random(SeededRandom::new(1))
        .trace(trace.clone())
        .build()?;
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |wasi: &mut WasiCtx| wasi)?;
    let mut store = Store::new(&engine, wasi);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.typed_func::<(), ()>(&mut store, "_start")?;
    let code = match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(error) => error.downcast::<Exit>()?.0,
    };

    // One of the files is not there.
    assert_eq!(code, 1);
    println!("exit code {code}, and on standard output:");
    print!("{}", String::from_utf8_lossy(&stdout.contents()));
    println!("What it opened:");
    let trace = String::from_utf8(trace.contents())?;
    for line in trace.lines().filter(|line| line.starts_with("path_open")) {
        let (_, after) = line.split_once('"').ok_or("a path is quoted")?;
        let (path, _) = after.split_once('"').ok_or("a path is quoted")?;
        let (_, result) = line.rsplit_once(" = ").ok_or("a result comes last")?;
        println!("  {path}: {result}");
    }
    Ok(())
}
