//! What is done while system calls fail.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precast_loader::{
    Config, Engine, Error, Global, GlobalType, Linker, Memory, MemoryType, Module, Pool, Store,
    Table, TableType, Val, ValType,
};

use crate::faults::{self, Call, Fault, Seen};
use crate::in_use::InUse;
use crate::world::{self, CHECKED, FILE, FULL, OTHER, pool_for, use_instance};

/// Something that is done from beginning to end, and leaves nothing but what it returns.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    run: fn() -> Result<Box<dyn Any>, Error>,
    /// What it calls, all of which is made to fail.
    calls: &'static [Call],
    /// What it can do without.
    does_without: &'static [Call],
}

use Call::{
    Allocate, Fcntl, Madvise, MemfdCreate, Mmap, Mprotect, Munmap, Open, Read, Stat, Write,
};

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "loading_from_bytes",
        run: || Ok(Box::new(world::load(&Engine::default(), &FULL)?)),
        calls: &[Mmap, Mprotect, Munmap, MemfdCreate, Fcntl, Stat, Write],
        // Kernels that do not know a flag are asked once more without it.
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "loading_from_a_file",
        run: || {
            // SAFETY: the file has just been written by the compiler, and nobody changes it.
            let module = unsafe { Module::load(&Engine::default(), &*FILE)? };
            Ok(Box::new(module))
        },
        calls: &[Mmap, Mprotect, Munmap, Open, Stat],
        does_without: &[],
    },
    Scenario {
        name: "opening_a_file",
        run: || Ok(Box::new(Module::open(&*FILE)?)),
        calls: &[Open, Stat, Read],
        // It would tell how much room the contents need.
        does_without: &[Stat],
    },
    Scenario {
        name: "instantiating_and_growing",
        run: || instantiate(&Engine::new(Config::new().max_idle_memories(0)), &FULL, 1),
        calls: &[Mmap, Mprotect, Munmap, Allocate],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "instantiating_with_checked_memories",
        run: || instantiate(&Engine::default(), &CHECKED, 1),
        calls: &[Mmap, Mprotect, Munmap, Allocate],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "using_address_space_again",
        run: || use_again(&Engine::default(), None),
        calls: &[Mmap, Mprotect, Munmap, Madvise, Allocate],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "using_a_pool",
        run: || {
            let pool = pool_for(1)?;
            use_again(&Engine::default(), Some(&pool))
        },
        calls: &[Mmap, Mprotect, Munmap, Madvise],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "the_hosts_own_memories_tables_and_globals",
        run: || Ok(Box::new(own_items(&Engine::default(), None)?)),
        calls: &[Mmap, Mprotect, Munmap, Allocate],
        does_without: &[],
    },
    Scenario {
        name: "the_hosts_own_memories_and_tables_in_a_pool",
        run: || {
            let pool = pool_for(1)?;
            Ok(Box::new(own_items(&Engine::default(), Some(&pool))?))
        },
        calls: &[Mmap, Mprotect, Munmap],
        does_without: &[],
    },
    Scenario {
        name: "linking_libraries",
        run: linked,
        calls: &[Mmap, Mprotect, Munmap, Allocate],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "a_store_that_lives_on",
        run: || instance_beside_another(None),
        calls: &[Mmap, Mprotect, Munmap, Allocate],
        does_without: &[MemfdCreate],
    },
    Scenario {
        name: "a_store_in_a_pool_that_lives_on",
        run: || instance_beside_another(Some(&pool_for(3)?)),
        calls: &[Mmap, Mprotect, Munmap],
        does_without: &[MemfdCreate],
    },
];

/// So many instances, in a store each.
fn instantiate(
    engine: &Engine,
    artifact: &precast_tests::Compiled,
    count: usize,
) -> Result<Box<dyn Any>, Error> {
    let module = world::load(engine, artifact)?;
    let mut stores = Vec::new();
    for _ in 0..count {
        let mut store = Store::new(engine, ());
        use_instance(&mut store, &module)?;
        stores.push(store);
    }
    Ok(Box::new(stores))
}

/// One instance after the other, of two modules by turns.
fn use_again(engine: &Engine, pool: Option<&Pool>) -> Result<Box<dyn Any>, Error> {
    let full = world::load(engine, &FULL)?;
    let other = world::load(engine, &OTHER)?;
    for module in [&full, &full, &other, &full] {
        let mut store = world::store(engine, pool);
        use_instance(&mut store, module)?;
        faults::in_silence(|| drop(store));
    }
    Ok(Box::new(()))
}

fn own_items(engine: &Engine, pool: Option<&Pool>) -> Result<Store<()>, Error> {
    let mut store = world::store(engine, pool);
    let ty = MemoryType::new(1, None);
    let memory = Memory::new(&mut store, ty)?;
    let grown = memory.grow(&mut store, 3);
    let pages = if grown.is_ok() { 4 } else { 1 };
    assert_eq!(memory.size_pages(&store), pages);
    memory.data_mut(&mut store).fill(0xee);
    let ty = TableType::new(ValType::EXTERNREF, 300, Some(3_000));
    let table = Table::new(&mut store, ty, Val::ExternRef(None))?;
    let grown_table = table.grow(&mut store, 1_000, Val::ExternRef(None));
    let elements = if grown_table.is_ok() { 1_300 } else { 300 };
    assert_eq!(table.size(&store), elements);
    let ty = GlobalType {
        content: ValType::I64,
        mutable: true,
    };
    Global::new(&mut store, ty, Val::I64(5))?;
    grown?;
    grown_table?;
    Ok(store)
}

/// A library and its user. The linker is of use after a failure, as if nothing had happened.
fn linked() -> Result<Box<dyn Any>, Error> {
    let engine = Engine::new(Config::new().max_idle_memories(0));
    let full = world::load(&engine, &FULL)?;
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    if let Err(error) = linker.module(&mut store, "library", &full).map(drop) {
        assert_eq!(linker.names().count(), 0);
        return Err(error);
    }
    assert!(linker.names().count() > 3);
    let instance = linker.instantiate(&mut store, &full)?;
    linker.instance(&mut store, "user", instance)?;
    Ok(Box::new((linker, store)))
}

/// An instance made beside one that is there already, whose making cannot fail. The first one works
/// whatever comes of the second.
fn instance_beside_another(pool: Option<&Pool>) -> Result<Box<dyn Any>, Error> {
    let engine = Engine::new(Config::new().max_idle_memories(0));
    let mut store = world::store(&engine, pool);
    let module = world::load(&engine, &FULL)?;
    let first = precast_loader::Instance::new(&mut store, &module, &[])?;
    let second = use_instance(&mut store, &module).map(drop);
    let check = first.typed_func::<u32, u32>(&mut store, "check")?;
    assert_eq!(check.call(&mut store, world::PAGE)?, 0);
    if let Err(error) = second {
        if faults::is_over() {
            use_instance(&mut store, &module).expect("it was for once that something failed");
        }
        return Err(error);
    }
    Ok(Box::new(store))
}

/// Runs a scenario with each of its calls failing.
pub(crate) fn check(scenario: &Scenario) {
    // What is made once per process, and compiling.
    drop((scenario.run)().unwrap());
    let nothing = Fault {
        call: None,
        after: u32::MAX,
        lasting: false,
    };
    let (result, seen) = run(scenario, nothing);
    result.unwrap();
    for &call in scenario.calls {
        assert!(seen.has(call), "no {call:?}: there is nothing to fail");
    }
    let before = InUse::now();
    let calls = Call::ALL.into_iter().map(Some).chain([None]);
    for (call, lasting) in calls.flat_map(|call| [(call, false), (call, true)]) {
        for after in 0.. {
            let fault = Fault {
                call,
                after,
                lasting,
            };
            let (result, seen) = run(scenario, fault);
            let told = seen.failed - seen.failed_silently;
            match &result {
                Ok(()) if told == 0 => {}
                Ok(()) => {
                    let fine = call.is_none_or(|call| scenario.does_without.contains(&call));
                    assert!(fine, "{fault:?} went by without an error");
                }
                Err(Error::Io(_) | Error::Limit(_) | Error::Host(_) | Error::Usage(_)) => {
                    assert!(seen.failed > 0, "{fault:?}: an error without a cause");
                }
                Err(other) => panic!("{fault:?}: {other}"),
            }
            InUse::now().check_is(&before, &fault);
            drop((scenario.run)().unwrap_or_else(|error| panic!("after {fault:?}: {error}")));
            if seen.failed == 0 {
                break;
            }
        }
    }
}

fn run(scenario: &Scenario, fault: Fault) -> (Result<(), Error>, Seen) {
    let (result, seen) = faults::with(fault, || {
        catch_unwind(AssertUnwindSafe(|| {
            let made = (scenario.run)();
            faults::in_silence(|| made.map(drop))
        }))
    });
    let result = result.unwrap_or_else(|panic| {
        panic!("{fault:?}: a panic: {}", crate::message(&*panic));
    });
    (result, seen)
}
