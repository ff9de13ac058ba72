//! Instances by the thousand, one after the other and at the same time: what they take, and that
//! they leave nothing behind. A single test, alone in its process, so that nothing else maps,
//! opens or allocates while it counts.

use precast_loader::{
    Config, Engine, Error, Instance, LimitError, Module, Pool, PoolConfig, Store,
};
use precast_tests::{Compiled, call, module};

/// Without optimisation fewer have to do.
const SEQUENTIAL: usize = if cfg!(debug_assertions) {
    20_000
} else {
    100_000
};
const SIMULTANEOUS: usize = 10_000;

/// What the kernel allows a process where nobody has changed it (`vm.max_map_count`).
const MAX_MAPPINGS: usize = 65_530;

/// A page of memory with contents, a table, globals.
const SMALL: &str = r#"
    (module
      (memory (export "memory") 1)
      (data (i32.const 100) "contents")
      (table (export "table") 10 funcref)
      (elem (i32.const 3) $run)
      (global (mut i32) (i32.const 1))
      (func $run (export "run") (param i32) (result i32)
        (i32.store8 (i32.const 0) (local.get 0))
        (i32.load8_u (i32.const 100))))
"#;

#[test]
fn instances_by_the_thousand_take_little_and_leave_nothing() {
    let engine = Engine::default();
    let module = module(&engine, SMALL);
    let plain = || Store::new(&engine, ());
    one_after_the_other(&module, plain);
    all_at_once(&module, plain);

    let mut config = PoolConfig::new();
    config
        .max_memories(SIMULTANEOUS)
        .max_tables(SIMULTANEOUS)
        .max_instances(SIMULTANEOUS);
    let pool = Pool::new(&config).unwrap();
    let pooled = || Store::new_in(&engine, &pool, ());
    one_after_the_other(&module, pooled);
    all_at_once(&module, pooled);
    let living: Vec<_> = (0..SIMULTANEOUS).map(|_| run(&module, pooled())).collect();
    let error = Instance::new(&mut pooled(), &module, &[]).unwrap_err();
    assert!(is_exhausted(&error), "{error}");
    drop(living);

    drop(pool);
    what_is_not_to_be_kept_is_unmapped();
    a_slot_that_cannot_be_cleaned_is_not_used_again(&engine, &module);
}

fn run(module: &Module, mut store: Store<()>) -> Store<()> {
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    assert_eq!(call(&mut store, instance, "run", 5).unwrap(), 'c' as i32);
    store
}

fn one_after_the_other(module: &Module, store: impl Fn() -> Store<()>) {
    (0..100).for_each(|_| drop(run(module, store())));
    let before = InUse::now();
    (0..SEQUENTIAL).for_each(|_| drop(run(module, store())));
    InUse::now().check_no_more_than(&before, 4 << 10);
}

fn all_at_once(module: &Module, store: impl Fn() -> Store<()>) {
    let before = InUse::now();
    let living: Vec<_> = (0..SIMULTANEOUS).map(|_| run(module, store())).collect();
    let meanwhile = InUse::now();
    let each = (meanwhile.mappings - before.mappings) as f64 / SIMULTANEOUS as f64;
    println!(
        "{SIMULTANEOUS} instances: {each:.2} mappings and {} KiB each",
        (meanwhile.resident_kib - before.resident_kib) / SIMULTANEOUS
    );
    assert!(meanwhile.mappings < MAX_MAPPINGS, "{meanwhile:?}");
    assert_eq!(meanwhile.files, before.files);
    drop(living);
    let after = InUse::now();
    // A pool's slots stay accessible as far as the module that used them last has memory, and
    // stores have left the allocator pages that it has not given back.
    assert!(after.mappings <= meanwhile.mappings, "{after:?}");
    assert_eq!(after.files, before.files);
    // Once more does not take more.
    let living: Vec<_> = (0..SIMULTANEOUS).map(|_| run(module, store())).collect();
    InUse::now().check_no_more_than(&meanwhile, 16 << 10);
    drop(living);
    InUse::now().check_no_more_than(&after, (64 << 10) * SIMULTANEOUS / 1024);
}

fn what_is_not_to_be_kept_is_unmapped() {
    let compiled = Compiled::new(&precast_tests::wasm(SMALL), &precast_tests::options());
    let compiled = compiled.unwrap();
    for (max_idle, kept) in [(0, false), (1, true)] {
        let engine = Engine::new(Config::new().max_idle_memories(max_idle));
        let module = precast_tests::load(&engine, &compiled).unwrap();
        let before = mapped_memories();
        drop(run(&module, Store::new(&engine, ())));
        assert_eq!(mapped_memories() > before, kept, "{max_idle}");
    }
}

/// Mappings of just a Wasm page that can be written: memories of one page stand alone between their
/// guards.
fn mapped_memories() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the system says");
    let bytes = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        number(end)?.checked_sub(number(start)?)
    };
    let writable = maps.lines().filter(|line| line.contains(" rw-p "));
    writable.filter(|line| bytes(line) == Some(65_536)).count()
}

/// What this process has in use.
#[derive(Debug)]
struct InUse {
    mappings: usize,
    files: usize,
    resident_kib: usize,
}

impl InUse {
    fn now() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the system says");
        let status = std::fs::read_to_string("/proc/self/status").expect("the system says");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next());
        Self {
            mappings: maps.lines().count(),
            files: std::fs::read_dir("/proc/self/fd")
                .expect("the system says")
                .count(),
            resident_kib: resident.and_then(|n| n.parse().ok()).expect("a number"),
        }
    }

    fn check_no_more_than(&self, before: &Self, kib: usize) {
        // The allocator may have taken a piece or two of its own.
        let fine = self.mappings <= before.mappings + 4
            && self.files <= before.files
            && self.resident_kib <= before.resident_kib + kib;
        assert!(fine, "before {before:?}, now {self:?}");
    }
}

fn is_exhausted(error: &Error) -> bool {
    matches!(error, Error::Limit(LimitError::PoolExhausted { .. }))
}

/// Locked pages cannot be given back; and a process that has used up its address space can map
/// nothing anew.
fn a_slot_that_cannot_be_cleaned_is_not_used_again(engine: &Engine, module: &Module) {
    for mapping_fails in [false, true] {
        let pool = Pool::new(PoolConfig::new().max_memories(1).keep_resident_bytes(0)).unwrap();
        let mut store = Store::new_in(engine, &pool, ());
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        let memory = instance.memory(&mut store, "memory").unwrap();
        memory.data_mut(&mut store).fill(0xee);
        let bytes = memory.data(&store);
        // SAFETY: the range is mapped.
        let locked = unsafe { libc::mlock(bytes.as_ptr().cast(), bytes.len()) };
        assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
        if mapping_fails {
            let before = limit_address_space(None);
            drop(store);
            limit_address_space(Some(before));
            let mut store = Store::new_in(engine, &pool, ());
            let error = Instance::new(&mut store, module, &[]).unwrap_err();
            assert!(is_exhausted(&error), "{error}");
        } else {
            drop(store);
            let mut store = Store::new_in(engine, &pool, ());
            let instance = Instance::new(&mut store, module, &[]).unwrap();
            let memory = instance.memory(&mut store, "memory").unwrap();
            let bytes = memory.data(&store);
            assert_eq!(&bytes[100..108], b"contents");
            let mut rest = bytes[..100].iter().chain(&bytes[108..]);
            assert!(rest.all(|&byte| byte == 0));
        }
    }
}

/// Forbids to map anything more, or sets the limit back to what it was. Gives what it was.
fn limit_address_space(to: Option<libc::rlimit>) -> libc::rlimit {
    let mut before = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both are read and written as limits only.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &mut before), 0);
        let to = to.unwrap_or(libc::rlimit {
            rlim_cur: 1,
            ..before
        });
        assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &to), 0);
    }
    before
}
