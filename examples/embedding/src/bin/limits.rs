//! What a guest may have: memory, tables, instances, and how much it may execute.

use precast_loader::{
    Engine, Error, LimitError, Limits, Linker, Module, Store, TrapCode, WASM_PAGE_BYTES,
    include_artifact,
};

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // Compiled with the option `fuel`: the code counts what it executes.
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("greedy"))? };
    let linker = Linker::new(&engine);

    let mut store = Store::new(&engine, ());
    let mut limits = Limits::new();
    limits
        .total_memory_bytes(8 * WASM_PAGE_BYTES)
        .table_elements(100)
        .instances(1);
    store.set_limits(&limits);
    let instance = linker.instantiate(&mut store, &module)?;

    // Where a limit is reached, growing gives the guest -1: a program may make do with less.
    let take_memory = instance.typed_func::<(), i32>(&mut store, "take_memory")?;
    let pages = take_memory.call(&mut store, ())?;
    println!("the guest takes {pages} pages of memory");
    assert_eq!(pages, 8);
    let take_elements = instance.typed_func::<i32, i32>(&mut store, "take_elements")?;
    assert_eq!(take_elements.call(&mut store, 99)?, 1, "the size before");
    assert_eq!(take_elements.call(&mut store, 1)?, -1, "no more");
    println!("and 100 elements of a table");

    // Where there is no room for an instance, that is the host's error.
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    println!("another instance: {error}");
    assert!(matches!(
        error,
        Error::Limit(LimitError::Store { limit: 1, .. })
    ));
    let mut small = Store::new(&engine, ());
    small.set_limits(Limits::new().memory_bytes(WASM_PAGE_BYTES - 1));
    let error = linker.instantiate(&mut small, &module).unwrap_err();
    println!("in a small store: {error}");
    assert!(matches!(error, Error::Limit(LimitError::Memory { .. })));

    // Fuel ends what runs too long, always at the same place, on any machine.
    let take_time = instance.typed_func::<(), ()>(&mut store, "take_time")?;
    store.set_fuel(1_000_000);
    let error = take_time.call(&mut store, ()).unwrap_err();
    assert_eq!(
        error.trap().map(|trap| trap.code()),
        Some(TrapCode::OutOfFuel)
    );
    assert_eq!(store.fuel(), 0);

    // The same work costs the same every time.
    store.set_fuel(1_000_000);
    take_memory.call(&mut store, ())?;
    println!(
        "asking for memory once more takes {} units of fuel",
        1_000_000 - store.fuel()
    );
    Ok(())
}
