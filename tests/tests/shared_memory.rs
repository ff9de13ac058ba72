//! Shared memories: several threads, each with a store of its own, in one memory.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use precast_compiler::{Features, Options, Tunables};
use precast_loader::{
    Engine, Error, Instance, InterruptHandle, Limits, Linker, Memory, MemoryType, Module,
    SharedMemory, Store, TrapCode, UsageError, WaitResult, WasmParams, WasmResults,
};
use precast_tests::{Compiled, load, numbers, trap_code, wasm};
use precast_wasi::{OutputBuffer, WasiCtx};

const THREADS: usize = 4;

fn options() -> Options {
    Options {
        features: Features::ALL,
        ..precast_tests::options()
    }
}

/// With checks in the code, and without.
fn both() -> [Options; 2] {
    let checked = Tunables {
        memory_checked: true,
        ..Tunables::DEFAULT
    };
    [Tunables::DEFAULT, checked].map(|tunables| Options {
        tunables,
        ..options()
    })
}

fn compile(engine: &Engine, wat: &str, options: &Options) -> Module {
    let compiled = Compiled::new(&wasm(wat), options).unwrap_or_else(|error| panic!("{error}"));
    load(engine, &compiled).unwrap()
}

fn shared(engine: &Engine, pages: u64, most: u64) -> SharedMemory {
    let ty = MemoryType::new(pages, Some(most)).shared();
    SharedMemory::new(engine, ty).unwrap()
}

/// An instance in a store of its own, with the memory as `"" "memory"`.
struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(module: &Module, memory: &SharedMemory) -> Self {
        let mut store = Store::new(module.engine(), ());
        let mut linker = Linker::new(module.engine());
        linker.shared_memory("", "memory", memory).unwrap();
        let instance = linker.instantiate(&mut store, module).unwrap();
        Self { store, instance }
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, params: P) -> Result<R, Error> {
        let func = self.instance.typed_func::<P, R>(&mut self.store, name)?;
        func.call(&mut self.store, params)
    }
}

/// Runs a guest in each of several threads, at once.
fn in_threads<R: Send>(
    module: &Module,
    memory: &SharedMemory,
    run: impl Fn(usize, Guest) -> R + Sync,
) -> Vec<R> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (barrier, run) = (&barrier, &run);
                scope.spawn(move || {
                    let guest = Guest::new(module, memory);
                    barrier.wait();
                    run(number, guest)
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

const WIDTHS: [(&str, &str, u64, u32); 7] = [
    ("i32.atomic.rmw8.add_u", "i32", 0, 8),
    ("i64.atomic.rmw8.add_u", "i64", 1, 8),
    ("i32.atomic.rmw16.add_u", "i32", 2, 16),
    ("i64.atomic.rmw16.add_u", "i64", 4, 16),
    ("i64.atomic.rmw32.add_u", "i64", 8, 32),
    ("i32.atomic.rmw.add", "i32", 12, 32),
    ("i64.atomic.rmw.add", "i64", 16, 64),
];

#[test]
fn additions_of_all_widths_are_not_lost() {
    const ROUNDS: u64 = 5_000;
    let adds: String = WIDTHS
        .iter()
        .map(|(op, ty, at, _)| format!("(drop ({op} offset={at} (i32.const 64) ({ty}.const 3)))\n"))
        .collect();
    let exchanges = "
        (loop $again
          (local.set $old (i32.atomic.load offset=24 (i32.const 64)))
          (br_if $again
            (i32.ne (local.get $old)
              (i32.atomic.rmw.cmpxchg offset=24 (i32.const 64) (local.get $old)
                (i32.add (local.get $old) (i32.const 1))))))";
    let wat = format!(
        r#"(module
          (import "" "memory" (memory 1 2 shared))
          (func (export "add") (param $rounds i64) (local $old i32)
            (loop $round
              {adds}
              {exchanges}
              (local.set $rounds (i64.sub (local.get $rounds) (i64.const 1)))
              (br_if $round (i64.ne (local.get $rounds) (i64.const 0))))))"#
    );
    for options in both() {
        let engine = Engine::default();
        let module = compile(&engine, &wat, &options);
        let memory = shared(&engine, 1, 2);
        in_threads(&module, &memory, |_, mut guest| {
            guest.call::<_, ()>("add", ROUNDS).unwrap()
        });
        let sum = 3 * ROUNDS * THREADS as u64;
        for (op, _, at, bits) in WIDTHS {
            let found: u64 = memory.load(64 + at).unwrap();
            let mask = u64::MAX >> (64 - bits);
            assert_eq!(found & mask, sum & mask, "{op}");
        }
        assert_eq!(
            memory.load::<u32>(64 + 24).unwrap(),
            ROUNDS as u32 * THREADS as u32
        );
    }
}

/// A mutex as in Drepper, "Futexes Are Tricky", mutex 2: 0 free, 1 taken, 2 taken and waited for.
const MUTEX: &str = r#"(module
  (import "" "memory" (memory 1 2 shared))
  (func $lock (local $state i32)
    (local.set $state
      (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1)))
    (if (local.get $state)
      (then
        (if (i32.ne (local.get $state) (i32.const 2))
          (then (local.set $state (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2)))))
        (block $free
          (loop $again
            (br_if $free (i32.eqz (local.get $state)))
            (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
            (local.set $state (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2)))
            (br $again))))))
  (func $unlock
    (if (i32.ne (i32.atomic.rmw.sub (i32.const 0) (i32.const 1)) (i32.const 1))
      (then
        (i32.atomic.store (i32.const 0) (i32.const 0))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))))
  ;; Two plain counters, far apart, that are the same whenever the mutex is free.
  (func (export "run") (param $rounds i32)
    (loop $round
      (call $lock)
      (if (i64.ne (i64.load (i32.const 1024)) (i64.load (i32.const 4096))) (then unreachable))
      (i64.store (i32.const 1024) (i64.add (i64.load (i32.const 1024)) (i64.const 1)))
      (i64.store (i32.const 4096) (i64.add (i64.load (i32.const 4096)) (i64.const 1)))
      (call $unlock)
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $round (local.get $rounds)))))"#;

#[test]
fn a_mutex_of_waits_and_notifications_guards_plain_data() {
    let engine = Engine::default();
    let module = compile(&engine, MUTEX, &options());
    let memory = shared(&engine, 1, 2);
    in_threads(&module, &memory, |_, mut guest| {
        guest.call::<_, ()>("run", 3_000).unwrap()
    });
    let expected = 3_000 * THREADS as u64;
    assert_eq!(memory.load::<u64>(1024).unwrap(), expected);
    assert_eq!(memory.load::<u64>(4096).unwrap(), expected);
}

/// Everything that one thread does while others look.
const SIMPLE: &str = r#"(module
  (import "" "memory" (memory 1 5 shared))
  (export "memory" (memory 0))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load_far") (param i32) (result i32) (i32.load offset=0xfff0_0000 (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "wait32") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  ;; Waits for the flag, then accesses what has been told.
  (func (export "await") (param $at i32) (result i32)
    (loop $again (br_if $again (i32.eqz (i32.atomic.load (i32.const 0)))))
    (i32.load (local.get $at)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32)
    (memory.init 0 (local.get 0) (local.get 1) (local.get 2)))
  (data "0123456789"))"#;

#[test]
fn what_one_thread_grows_others_access() {
    for options in both() {
        let engine = Engine::default();
        let module = compile(&engine, SIMPLE, &options);
        let memory = shared(&engine, 1, 5);
        let found = in_threads(&module, &memory, |number, mut guest| {
            if number == 0 {
                assert_eq!(guest.call::<_, i32>("grow", 2).unwrap(), 1);
                guest.call::<_, ()>("store", (3 * 65_536 - 4, 77)).unwrap();
                memory.atomic_store(0, 1u32).unwrap();
            }
            let found: i32 = guest.call("await", 3 * 65_536 - 4).unwrap();
            assert_eq!(guest.call::<_, i32>("size", ()).unwrap(), 3);
            let error = guest.call::<_, i32>("load", 3 * 65_536 - 3).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
            let error = guest.call::<_, i32>("load_far", 0).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
            found
        });
        assert_eq!(found, [77; THREADS]);
    }
}

#[test]
fn of_all_that_grow_a_memory_each_gets_pages_of_its_own() {
    let engine = Engine::default();
    let module = compile(
        &engine,
        &SIMPLE.replace("1 5 shared", "1 64 shared"),
        &options(),
    );
    let memory = shared(&engine, 1, 64);
    let taken = in_threads(&module, &memory, |number, mut guest| {
        let mut taken = Vec::new();
        loop {
            let before = match number % 2 {
                0 => guest.call::<_, i32>("grow", 1).unwrap(),
                _ => memory.grow(1).map_or(-1, |before| before as i32),
            };
            if before < 0 {
                return taken;
            }
            guest
                .call::<_, ()>("store", (before << 16, before))
                .unwrap();
            taken.push(before);
        }
    });
    let mut all = taken.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..64));
    assert_eq!((memory.size_pages(), memory.size_bytes()), (64, 64 << 16));
    assert_eq!(memory.load::<i32>(63 << 16).unwrap(), 63);
}

#[test]
fn waits_say_how_they_ended() {
    let engine = Engine::default();
    let module = compile(&engine, SIMPLE, &options());
    let memory = shared(&engine, 1, 5);
    let mut guest = Guest::new(&module, &memory);
    memory.store(64, 5u32).unwrap();
    memory.store(72, 1u64 << 40).unwrap();
    const MS: i64 = 1_000_000;
    assert_eq!(guest.call::<_, i32>("wait32", (64, 4, -1i64)).unwrap(), 1);
    assert_eq!(guest.call::<_, i32>("wait32", (64, 5, MS)).unwrap(), 2);
    assert_eq!(guest.call::<_, i32>("wait32", (64, 5, 0i64)).unwrap(), 2);
    assert_eq!(
        guest.call::<_, i32>("wait64", (64, 0i64, -1i64)).unwrap(),
        1
    );
    assert_eq!(
        guest
            .call::<_, i32>("wait64", (64, 1i64 << 40, MS))
            .unwrap(),
        2
    );
    assert_eq!(guest.call::<_, i32>("notify", (64, -1)).unwrap(), 0);

    let mut trap = |name: &str, at: i32, expected| {
        let error = match name {
            "notify" => guest.call::<_, i32>(name, (at, 1)),
            "wait32" => guest.call::<_, i32>(name, (at, 0, 0i64)),
            _ => guest.call::<_, i32>(name, (at, 0i64, 0i64)),
        };
        assert_eq!(
            trap_code(&error.unwrap_err()),
            Some(expected),
            "{name} {at}"
        );
    };
    for (name, end, odd) in [
        ("notify", 65_536, 2),
        ("wait32", 65_536, 65_534),
        ("wait64", 65_528, 4),
    ] {
        trap(name, end, TrapCode::MemoryOutOfBounds);
        trap(name, -8, TrapCode::MemoryOutOfBounds);
        // Which is looked at before the bounds.
        for odd in [1, odd, -1] {
            trap(name, odd, TrapCode::UnalignedAtomic);
        }
    }
    assert_eq!(
        memory.atomic_wait(64, 4u32, None).unwrap(),
        WaitResult::NotEqual
    );
    let soon = Some(Duration::from_millis(1));
    assert_eq!(
        memory.atomic_wait(64, 5u32, soon).unwrap(),
        WaitResult::TimedOut
    );
    let unaligned = UsageError::Unaligned {
        offset: 66,
        align: 4,
    };
    assert!(matches!(memory.atomic_notify(66, 1), Err(Error::Usage(found)) if found == unaligned));
}

#[test]
fn a_memory_that_is_not_shared_cannot_be_waited_for_but_notified() {
    let wat = SIMPLE.replace(" shared", "");
    let engine = Engine::default();
    let module = compile(&engine, &wat, &options());
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(5))).unwrap();
    let instance = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
    let mut guest = Guest { store, instance };
    let error = guest.call::<_, i32>("wait32", (0, 0, -1i64)).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::ExpectedSharedMemory));
    assert_eq!(guest.call::<_, i32>("notify", (0, 1)).unwrap(), 0);
    assert!(memory.as_shared(&guest.store).is_none());
}

#[test]
fn as_many_are_woken_as_are_told() {
    let engine = Engine::default();
    let module = compile(&engine, SIMPLE, &options());
    let memory = shared(&engine, 1, 5);
    let woken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let mut guest = Guest::new(&module, &memory);
            let woken = &woken;
            scope.spawn(move || {
                assert_eq!(guest.call::<_, i32>("wait32", (128, 0, -1i64)).unwrap(), 0);
                woken.fetch_add(1, Ordering::SeqCst);
            });
        }
        let mut guest = Guest::new(&module, &memory);
        let mut told = 0;
        while told < 2 {
            let more = guest.call::<_, i32>("notify", (128, 1)).unwrap();
            assert!(more <= 1);
            told += more;
        }
        // Who is woken by the host or by a guest makes no difference.
        while told < THREADS as i32 {
            assert_eq!(memory.atomic_notify(132, 9).unwrap(), 0, "another address");
            told += memory.atomic_notify(128, 1).unwrap() as i32;
        }
    });
    assert_eq!(woken.load(Ordering::SeqCst), THREADS);
}

#[test]
fn a_guest_that_waits_can_be_stopped() {
    let engine = Engine::default();
    let module = compile(&engine, SIMPLE, &options());
    let memory = shared(&engine, 1, 5);
    let mut guest = Guest::new(&module, &memory);
    let wait = |guest: &mut Guest| guest.call::<_, i32>("wait32", (0, 0, -1i64));

    let stop = |handle: InterruptHandle| thread::spawn(move || handle.interrupt());
    for _ in 0..20 {
        let stopping = stop(guest.store.interrupt_handle().unwrap());
        let error = wait(&mut guest).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::Interrupted));
        stopping.join().unwrap();
    }
    guest.store.set_timeout(Duration::from_millis(5)).unwrap();
    let error = wait(&mut guest).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
    guest.store.clear_deadline();
    // Nobody is left in the queue, and waiting works as before.
    assert_eq!(memory.atomic_notify(0, u32::MAX).unwrap(), 0);
    assert_eq!(guest.call::<_, i32>("wait32", (0, 0, 1i64)).unwrap(), 2);
}

#[test]
fn the_store_outside_can_stop_a_guest_inside_that_waits() {
    let engine = Engine::default();
    let inner = compile(&engine, SIMPLE, &options());
    let memory = shared(&engine, 1, 5);
    let outer = precast_tests::module(
        &engine,
        r#"(module (import "" "run" (func $run)) (func (export "run") (call $run)))"#,
    );
    let mut linker = Linker::new(&engine);
    linker
        .func("", "run", move || -> Result<(), Error> {
            let mut guest = Guest::new(&inner, &memory);
            guest.call::<_, i32>("wait32", (0, 0, -1i64)).map(drop)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &outer).unwrap();
    store.set_timeout(Duration::from_millis(5)).unwrap();
    let run = instance.typed_func::<(), ()>(&mut store, "run").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
}

#[test]
fn bulk_operations_do_what_they_do_on_other_memories() {
    let engine = Engine::default();
    let memory = shared(&engine, 1, 5);
    let mut guest = Guest::new(&compile(&engine, SIMPLE, &options()), &memory);
    let mut copy = vec![0u8; 65_536];
    let mut number = numbers(7);
    for _ in 0..300 {
        let len = [number(40), number(5_000), number(65_537), 65_530][number(4)];
        let (to, from) = (number(65_540), number(65_540));
        let inside = |at: usize, len: usize, whole: usize| at + len <= whole;
        let (right, done) = match number(3) {
            0 => {
                let right = inside(to, len, copy.len());
                if right {
                    copy[to..to + len].fill(from as u8);
                }
                (
                    right,
                    guest.call::<_, ()>("fill", (to as u32, from as u32, len as u32)),
                )
            }
            1 => {
                let right = inside(to, len, copy.len()) && inside(from, len, copy.len());
                if right {
                    copy.copy_within(from..from + len, to);
                }
                (
                    right,
                    guest.call("copy", (to as u32, from as u32, len as u32)),
                )
            }
            _ => {
                let (from, len) = (number(12), number(12));
                let right = inside(to, len, copy.len()) && inside(from, len, 10);
                if right {
                    copy[to..to + len].copy_from_slice(&b"0123456789"[from..from + len]);
                }
                (
                    right,
                    guest.call("init", (to as u32, from as u32, len as u32)),
                )
            }
        };
        assert_eq!(done.is_ok(), right);
        assert!(memory.read_vec(0, 65_536).unwrap() == copy);
    }
}

#[test]
fn the_hosts_view_of_a_shared_memory_is_made_of_copies() {
    let engine = Engine::default();
    let shared = shared(&engine, 1, 5);
    let mut store = Store::new(&engine, ());
    let memory = Memory::from_shared(&mut store, &shared).unwrap();
    assert_eq!(Memory::from_shared(&mut store, &shared).unwrap(), memory);
    assert_eq!(memory.ty(&store).to_string(), "(memory 1 5 shared)");
    memory.write_str(&mut store, 1, "dönerlöß").unwrap();
    assert_eq!(memory.read_string(&store, 1, 11).unwrap(), "dönerlöß");
    memory.store(&mut store, 100, [1u16, 2, 3]).unwrap();
    assert_eq!(shared.load::<[u16; 3]>(100).unwrap(), [1, 2, 3]);
    memory.fill(&mut store, 200, 9, 0xaa).unwrap();
    memory.copy_within(&mut store, 200, 204, 9).unwrap();
    assert_eq!(memory.read_vec(&store, 200, 14).unwrap()[..13], [0xaa; 13]);
    let own = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    own.copy_from(&mut store, 7, memory, 100, 6).unwrap();
    assert_eq!(own.load::<[u16; 3]>(&store, 7).unwrap(), [1, 2, 3]);
    memory.copy_from(&mut store, 65_530, own, 7, 6).unwrap();
    assert!(memory.copy_from(&mut store, 65_531, own, 7, 6).is_err());
    for (offset, len) in [(65_536, 1), (65_530, 7), (u64::MAX, 2)] {
        assert!(memory.read_vec(&store, offset, len).is_err());
        assert!(shared.read_vec(offset, len).is_err());
        assert!(memory.fill(&mut store, offset, len, 0).is_err());
    }
    let refused = memory.slice(&store, 0, 1);
    assert!(matches!(refused, Err(Error::Usage(UsageError::Shared))));
    let refused = memory.slice_mut(&mut store, 0, 1);
    assert!(matches!(refused, Err(Error::Usage(UsageError::Shared))));
}

#[test]
#[should_panic = "can be copied, not borrowed"]
fn the_bytes_of_a_shared_memory_are_not_lent() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::from_shared(&mut store, &shared(&engine, 1, 1)).unwrap();
    memory.data(&store);
}

#[test]
fn a_module_may_define_a_shared_memory_and_others_use_it() {
    let wat = SIMPLE.replace(
        "(import \"\" \"memory\" (memory 1 5 shared))",
        "(memory 1 5 shared) (data (i32.const 8) \"\\07\")",
    );
    for options in both() {
        let engine = Engine::default();
        let definer = compile(&engine, &wat, &options);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &definer, &[]).unwrap();
        let mut definer = Guest { store, instance };
        let memory = definer
            .instance
            .memory(&mut definer.store, "memory")
            .unwrap();
        let memory = memory.as_shared(&definer.store).unwrap();
        let user = compile(&engine, SIMPLE, &options);
        let mut user = Guest::new(&user, &memory);
        assert_eq!(user.call::<_, i32>("load", 8).unwrap(), 7);
        user.call::<_, ()>("store", (16, 99)).unwrap();
        assert_eq!(definer.call::<_, i32>("load", 16).unwrap(), 99);
        assert_eq!(definer.call::<_, i32>("grow", 1).unwrap(), 1);
        assert_eq!(user.call::<_, i32>("size", ()).unwrap(), 2);
        // It outlives the store that it came from.
        drop(definer);
        assert_eq!(user.call::<_, i32>("load", 16).unwrap(), 99);
        assert_eq!(user.call::<_, i32>("load", 65_536).unwrap(), 0);
    }
}

#[test]
fn a_shared_memory_counts_in_every_store_that_uses_it() {
    let engine = Engine::default();
    let memory = shared(&engine, 2, 5);
    for _ in 0..2 {
        let mut store = Store::new(&engine, ());
        store.set_limits(Limits::new().total_memory_bytes(3 << 16));
        let ours = Memory::from_shared(&mut store, &memory).unwrap();
        let more = MemoryType::new(2, None);
        assert!(matches!(
            Memory::new(&mut store, more),
            Err(Error::Limit(_))
        ));
        assert!(ours.grow(&mut store, 2).is_err());
    }
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits::new().total_memory_bytes(1 << 16));
    assert!(matches!(
        Memory::from_shared(&mut store, &memory),
        Err(Error::Limit(_))
    ));
}

#[test]
fn types_of_shared_memories_need_a_maximum_and_match_no_others() {
    let engine = Engine::default();
    for ty in [
        MemoryType::new(1, None).shared(),
        MemoryType::new(1, Some(2)),
    ] {
        let refused = SharedMemory::new(&engine, ty);
        assert!(matches!(
            refused,
            Err(Error::Usage(UsageError::InvalidMemoryType { .. }))
        ));
    }
    let module = compile(&engine, SIMPLE, &options());
    let mut store = Store::new(&engine, ());
    let unshared = Memory::new(&mut store, MemoryType::new(1, Some(5))).unwrap();
    let refused = Instance::new(&mut store, &module, &[unshared.into()]);
    assert!(matches!(refused, Err(Error::Link(_))));
    let larger = Memory::from_shared(&mut store, &shared(&engine, 1, 6)).unwrap();
    let refused = Instance::new(&mut store, &module, &[larger.into()]);
    assert!(matches!(refused, Err(Error::Link(_))));
}

#[test]
fn a_fault_where_the_memory_has_grown_meanwhile_is_a_trap() {
    const PAGES: u64 = 20_000;
    let engine = Engine::default();
    let wat = r#"(module
      (import "" "memory" (memory 1 20000 shared))
      (func (export "behind") (result i32) (i32.load (i32.shl (memory.size) (i32.const 16)))))"#;
    let module = compile(&engine, wat, &options());
    let memory = shared(&engine, 1, PAGES);
    in_threads(&module, &memory, |number, mut guest| {
        if number == 0 {
            while memory.grow(1).is_ok() {}
        }
        while memory.size_pages() < PAGES {
            match guest.call::<_, i32>("behind", ()) {
                Ok(value) => assert_eq!(value, 0, "it has grown in time"),
                Err(error) => assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds)),
            }
        }
    });
}

#[test]
fn wasi_works_in_a_shared_memory() {
    let engine = Engine::default();
    let wat = r#"(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 1 1 shared)
      (data (i32.const 0) "\10\00\00\00\05\00\00\00")
      (data (i32.const 16) "hello")
      (func (export "write") (result i32)
        (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (func (export "random") (param i32 i32) (result i32)
        (call $random (local.get 0) (local.get 1))))"#;
    let module = compile(&engine, wat, &options());
    let output = OutputBuffer::new(100);
    let context = WasiCtx::builder().stdout(output.clone()).build().unwrap();
    let mut store = Store::new(&engine, context);
    let mut linker = Linker::new(&engine);
    precast_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let write = instance.typed_func::<(), i32>(&mut store, "write").unwrap();
    assert_eq!(write.call(&mut store, ()).unwrap(), 0);
    assert_eq!(output.contents(), b"hello");
    let memory = instance.memory(&mut store, "memory").unwrap();
    assert_eq!(memory.load::<u32>(&store, 8).unwrap(), 5);
    let random = instance
        .typed_func::<(i32, i32), i32>(&mut store, "random")
        .unwrap();
    assert_eq!(random.call(&mut store, (4096, 4096)).unwrap(), 0);
    let bytes = memory.read_vec(&store, 4096, 4096).unwrap();
    assert!(bytes.iter().any(|&byte| byte != bytes[0]));
    const FAULT: i32 = 21;
    assert_eq!(random.call(&mut store, (65_530, 7)).unwrap(), FAULT);
}
