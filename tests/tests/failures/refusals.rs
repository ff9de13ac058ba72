//! Failures that are not the system's: limits, imports, segments, start functions, damage.

use std::cell::Cell;

use precast_loader::{
    Config, Engine, Error, Extern, Func, Instance, LimitError, LinkError, Linker, Module, Store,
    TrapCode,
};
use precast_tests::trap_code;

use crate::in_use::InUse;
use crate::world::{self, FULL, compiled, pool_for, use_instance};

/// Something that is refused.
pub(crate) struct Refusal {
    pub(crate) name: &'static str,
    /// Beside what every module here has.
    module: &'static str,
    /// How it is instantiated.
    instantiate: Instantiate,
    is_expected: fn(&Error) -> bool,
    /// Whether nothing of it stays in the store.
    is_early: bool,
}

type Instantiate = fn(&mut Store<()>, &Module) -> Result<Instance, Error>;

/// Two memories of which one is mapped from the file, and a table, all set up before most of what
/// can be refused.
fn text(rest: &str) -> String {
    let image = "image".repeat(4_000);
    format!(
        r#"(module
             {rest}
             (memory $memory 2 3)
             (memory $small 1 2)
             (data (memory $memory) (i32.const 65536) "{image}")
             (table $table (export "table") 200 1000 funcref)
             (func $f)
             (elem (table $table) (i32.const 0) func $f))"#
    )
}

pub(crate) const ALL: &[Refusal] = &[
    Refusal {
        name: "a_memory_beyond_the_limit",
        module: "(memory 100)",
        instantiate: linked,
        is_expected: |error| {
            matches!(
                error,
                Error::Limit(LimitError::Memory { .. } | LimitError::PoolSlot { .. })
            )
        },
        is_early: true,
    },
    Refusal {
        name: "a_table_beyond_the_limit",
        module: r#"(table (export "t") 10000 funcref)"#,
        instantiate: linked,
        is_expected: |error| matches!(error, Error::Limit(LimitError::Table { .. })),
        is_early: true,
    },
    Refusal {
        name: "an_import_that_is_missing",
        module: r#"(import "env" "missing" (func))"#,
        instantiate: linked,
        is_expected: |error| matches!(error, Error::Link(LinkError::Missing(_))),
        is_early: true,
    },
    Refusal {
        name: "an_import_that_does_not_fit",
        module: r#"(import "env" "nothing" (func (param i32)))"#,
        instantiate: linked,
        is_expected: |error| matches!(error, Error::Link(LinkError::Mismatched(_))),
        is_early: true,
    },
    Refusal {
        name: "an_import_too_few",
        module: r#"(import "env" "nothing" (func))"#,
        instantiate: |store, module| Instance::new(store, module, &[]),
        is_expected: |error| matches!(error, Error::Link(LinkError::ImportCount { .. })),
        is_early: true,
    },
    Refusal {
        name: "an_import_of_another_store",
        module: r#"(import "env" "nothing" (func))"#,
        instantiate: |store, module| {
            let mut other = Store::new(module.engine(), ());
            let nothing = Func::wrap(&mut other, || ())?;
            Instance::new(store, module, &[nothing.into()])
        },
        is_expected: |error| matches!(error, Error::Link(LinkError::OtherStore { .. })),
        is_early: true,
    },
    Refusal {
        name: "a_store_of_another_engine",
        module: "",
        instantiate: |_, module| {
            let mut other = Store::new(&Engine::default(), ());
            Instance::new(&mut other, module, &[])
        },
        is_expected: |error| matches!(error, Error::Link(LinkError::OtherEngine)),
        is_early: true,
    },
    Refusal {
        name: "a_resolver_that_fails",
        module: r#"(import "env" "nothing" (func)) (import "env" "other" (func))"#,
        instantiate: |store, module| {
            let mut linker = linker(module.engine())?;
            linker.resolver(|_, _| Err(Error::host("on purpose")));
            linker.instantiate(store, module)
        },
        is_expected: |error| matches!(error, Error::Host(_)),
        is_early: true,
    },
    Refusal {
        name: "a_resolver_that_knows_only_another_store",
        module: r#"(import "env" "missing" (func))"#,
        instantiate: |store, module| {
            let mut linker = linker(module.engine())?;
            let engine = module.engine().clone();
            linker.resolver(move |_, _| {
                let mut other = Store::new(&engine, ());
                Ok(Some(Extern::from(Func::wrap(&mut other, || ())?)))
            });
            linker.instantiate(store, module)
        },
        is_expected: |error| matches!(error, Error::Link(LinkError::OtherStore { .. })),
        is_early: true,
    },
    Refusal {
        name: "an_element_segment_out_of_bounds",
        module: "(elem (table 0) (i32.const 200) func $f)",
        instantiate: linked,
        is_expected: |error| trap_code(error) == Some(TrapCode::TableOutOfBounds),
        is_early: false,
    },
    Refusal {
        name: "a_data_segment_out_of_bounds",
        module: r#"(data (memory $small) (i32.const 65535) "ab")"#,
        instantiate: linked,
        is_expected: |error| trap_code(error) == Some(TrapCode::MemoryOutOfBounds),
        is_early: false,
    },
    Refusal {
        name: "a_start_function_that_traps",
        module: r#"(func $start
            (drop (memory.grow $memory (i32.const 1)))
            (i32.store $memory (i32.const 196605) (i32.const 1)))
            (start $start)"#,
        instantiate: linked,
        is_expected: |error| trap_code(error) == Some(TrapCode::MemoryOutOfBounds),
        is_early: false,
    },
    Refusal {
        name: "a_start_function_of_the_hosts_that_fails",
        module: r#"(import "env" "fail" (func $fail)) (start $fail)"#,
        instantiate: linked,
        is_expected: |error| matches!(error, Error::Host(_)),
        is_early: false,
    },
];

fn linker(engine: &Engine) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker.func("env", "nothing", || ())?;
    linker.func("env", "fail", || -> Result<(), Error> {
        Err(Error::host("on purpose"))
    })?;
    Ok(linker)
}

fn linked(store: &mut Store<()>, module: &Module) -> Result<Instance, Error> {
    linker(module.engine())?.instantiate(store, module)
}

/// Is refused again and again, in stores of its own and in one that lives on, in a pool and not.
pub(crate) fn check(refusal: &Refusal) {
    let artifact = compiled(&text(refusal.module), false);
    let mut config = Config::new();
    config
        .max_idle_memories(0)
        .max_memory_bytes(90 * u64::from(world::PAGE))
        .max_table_elements(5_000);
    // There is room for one instance in use beside the one that is refused.
    for pool in [None, Some(pool_for(2).unwrap())] {
        let engine = Engine::new(&config);
        let module = world::load(&engine, &artifact).unwrap();
        let full = world::load(&engine, &FULL).unwrap();
        let is_refused = |store: &mut Store<()>| {
            let error = (refusal.instantiate)(store, &module).unwrap_err();
            assert!((refusal.is_expected)(&error), "{error}");
        };
        let once = || {
            let mut store = world::store(&engine, pool.as_ref());
            is_refused(&mut store);
            use_instance(&mut store, &full).unwrap();
        };
        let living = Cell::new(Some(world::store(&engine, pool.as_ref())));
        let in_one_that_lives = || {
            let mut store = living.take().unwrap();
            is_refused(&mut store);
            living.set(Some(store));
        };
        repeat(&once);
        if refusal.is_early {
            repeat(&in_one_that_lives);
            let mut store = living.take().unwrap();
            use_instance(&mut store, &full).unwrap();
        }
    }
}

fn repeat(check: &dyn Fn()) {
    check();
    let before = InUse::now();
    for _ in 0..20 {
        check();
        InUse::now().check_is(&before, &"being refused");
    }
}

/// What a pool has no room for.
pub(crate) fn check_exhaustion() {
    let engine = Engine::new(Config::new().max_idle_memories(0));
    let full = world::load(&engine, &FULL).unwrap();
    let pool = pool_for(2).unwrap();
    let mut living = world::store(&engine, Some(&pool));
    use_instance(&mut living, &full).unwrap();
    use_instance(&mut living, &full).unwrap();
    let refused = |store: &mut Store<()>| {
        let error = use_instance(store, &full).unwrap_err();
        let limit = matches!(error, Error::Limit(LimitError::PoolExhausted { .. }));
        assert!(limit, "{error}");
    };
    repeat(&|| refused(&mut world::store(&engine, Some(&pool))));
    refused(&mut living);
    drop(living);
    let mut store = world::store(&engine, Some(&pool));
    use_instance(&mut store, &full).unwrap();
    use_instance(&mut store, &full).unwrap();
}

/// An artifact damaged anywhere is refused or runs as before; nobody has promised that it may be
/// run, so it is only looked at.
pub(crate) fn check_damage() {
    let bytes = FULL.bytes();
    let look = |bytes: &[u8]| {
        let checked = Module::check(bytes).is_ok();
        Module::open_bytes(bytes).is_ok() || checked
    };
    let check = || {
        for cut in (0..bytes.len()).step_by(bytes.len() / 100) {
            assert!(!look(&bytes[..cut]), "cut at {cut}");
        }
        for at in (0..bytes.len()).step_by(bytes.len() / 200) {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 0xff;
            look(&bytes);
        }
    };
    repeat(&check);
}

/// The same for bytes that are to be loaded: cut off, they are refused before anything of them is
/// made executable.
pub(crate) fn check_damaged_loading() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.precast");
    let bytes = FULL.bytes();
    let check = || {
        for cut in (0..bytes.len()).step_by(bytes.len() / 30) {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let engine = Engine::default();
            // SAFETY: nothing of it is run.
            let [file, memory] = unsafe {
                [
                    Module::load(&engine, &path),
                    Module::load_bytes(&engine, &bytes[..cut]),
                ]
            };
            for result in [file, memory] {
                let error = result.unwrap_err();
                assert!(matches!(error, Error::Artifact(_)), "cut at {cut}: {error}");
            }
        }
    };
    repeat(&check);
}
