//! Loading does no work per function: it allocates the same for a module of fifty functions and
//! for one of twenty thousand. In a binary of its own, because it replaces the allocator. Only the
//! calling thread counts, since threads of the compiler may still be ending.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use precast_compiler::{OptLevel, Options};
use precast_loader::{Config, Engine, Linker, Store};
use precast_tests::Compiled;

struct Counting;

thread_local! {
    /// Bytes and number of allocations of this thread.
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (bytes, count) = ALLOCATED.get();
        ALLOCATED.set((bytes + layout.size(), count + 1));
        // SAFETY: the caller's promises are the ones that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What an action allocates: bytes and number of allocations.
fn allocated<R>(action: impl FnOnce() -> R) -> (usize, usize, R) {
    let before = ALLOCATED.get();
    let result = action();
    let after = ALLOCATED.get();
    (after.0 - before.0, after.1 - before.1, result)
}

/// A module with that many functions, of which one is exported and some are in a constant table.
fn module_of(funcs: usize) -> Compiled {
    let mut text = String::from("(module (memory 1) (table 50 funcref)\n");
    for n in 0..funcs {
        text.push_str(&format!(
            "(func $f{n} (param i32) (result i32) (i32.load offset={n} (local.get 0)))\n"
        ));
    }
    text.push_str("(elem (i32.const 0)");
    (0..50).for_each(|n| text.push_str(&format!(" $f{n}")));
    text.push_str(
        ")\n(func (export \"call\") (param i32) (result i32)
        (call_indirect (param i32) (result i32) (i32.const 0) (local.get 0))))",
    );
    let options = Options {
        opt_level: OptLevel::None,
        ..precast_tests::options()
    };
    Compiled::new(&precast_tests::wasm(&text), &options).expect("the module is valid")
}

#[test]
fn loading_and_instantiating_cost_the_same_however_many_functions_there_are() {
    let small = module_of(50);
    let large = module_of(20_000);
    assert!(large.bytes().len() > 100 * small.bytes().len() / 3);
    // No instance finds what another has left.
    let engine = Engine::new(Config::new().max_idle_memories(0));
    // What is done once per process is done now.
    drop(precast_tests::load(&engine, &small));

    let measure = |compiled: &Compiled| {
        let (load_bytes, load_count, module) =
            allocated(|| precast_tests::load(&engine, compiled).expect("it can be loaded"));
        let linker = Linker::new(&engine);
        let mut store = Store::new(&engine, ());
        let (bytes, count, instance) = allocated(|| {
            let instance = linker.instantiate(&mut store, &module);
            instance.expect("it can be instantiated")
        });
        let call = instance.typed_func::<i32, i32>(&mut store, "call");
        let result = call.expect("it is exported").call(&mut store, 7);
        assert_eq!(result.expect("it does not trap"), 0);
        [load_bytes, load_count, bytes, count]
    };
    let (of_small, of_large) = (measure(&small), measure(&large));
    for (small, large) in of_small.into_iter().zip(of_large) {
        assert!(
            small.abs_diff(large) <= 64,
            "load: bytes, allocations; instantiate: bytes, allocations: {of_small:?}, {of_large:?}"
        );
    }
}
