//! Threads that do everything at once: instantiate one module from all sides, load others and drop
//! them, call, grow, trap, stop one another's guests, and hand stores on to each other.
//!
//! `PRECAST_HAMMER_SECONDS=30` goes on for so long. `PRECAST_HAMMER_NO_SIGNALS=1` is for
//! ThreadSanitizer, which keeps signals back until the thread calls the C library next: guests that
//! are to be stopped call the host now and then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use precast_loader::{
    Caller, Engine, Error, Instance, InterruptHandle, LimitError, Linker, Module, Pool, PoolConfig,
    Prepared, Store, TrapCode, WasmParams, WasmResults,
};
use precast_tests::{Compiled, numbers, trap_code};

const THREADS: usize = 8;
/// Of each thread, where no time is given.
const ROUNDS: usize = 150;
/// Stores that nobody is using.
const MOST_PARKED: usize = 12;
const SLOTS: usize = 10;

const PAGE: u32 = 65_536;
const MOST_PAGES: u32 = 6;
const MOST_ELEMENTS: u32 = 100;

/// Everything in it holds the instance's tag, as soon as it has one.
const GUEST: &str = r#"
    (module
      (import "host" "call" (func $host (param i32) (result i32)))
      (memory (export "memory") 1 6)
      (data (i32.const 60000) "image")
      (table $table (export "table") 20 100 funcref)
      (elem (i32.const 3) $same)
      (elem $passive func $same $same)
      (global $tag (export "tag") (mut i32) (i32.const 0))
      (type $unary (func (param i32) (result i32)))
      (func $same (param i32) (result i32) (local.get 0))
      (func $bytes (result i32) (i32.mul (memory.size) (i32.const 65536)))
      (func (export "set") (param $tag i32)
        (memory.fill (i32.const 0) (local.get $tag) (call $bytes))
        (global.set $tag (local.get $tag)))
      (func (export "is_image") (result i32)
        (i32.and
          (i32.eqz (global.get $tag))
          (i32.and
            (i32.eq (i32.load (i32.const 60000)) (i32.const 0x67616d69))
            (i32.eqz (i32.load (i32.const 60008))))))
      (func (export "is_set") (param $tag i32) (result i32)
        (local $at i32)
        (local.set $at (call $bytes))
        (if (i32.ne (global.get $tag) (local.get $tag)) (then (return (i32.const 0))))
        (loop $next
          (local.set $at (i32.sub (local.get $at) (i32.const 16)))
          (if (i32.ne (i32.load8_u (local.get $at)) (local.get $tag))
            (then (return (i32.const 0))))
          (br_if $next (local.get $at)))
        (i32.const 1))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "grow_table") (param i32) (result i32)
        (table.grow $table (ref.func $same) (local.get 0)))
      (func (export "indirect") (param i32 i32) (result i32)
        (call_indirect $table (type $unary) (local.get 0) (local.get 1)))
      (func (export "host") (param i32) (result i32) (call $host (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "divide") (param i32) (result i32)
        (i32.div_s (i32.const 1) (local.get 0)))
      (func (export "unreachable") (param i32) (result i32) (unreachable))
      (func $deep (export "deep") (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
      (func (export "spin") (param $calls i32)
        (loop $again
          (if (local.get $calls) (then (drop (call $host (i32.const 5)))))
          (br $again))))
"#;

/// Without imports: for host functions to call.
const LEAF: &str = r#"
    (module
      (memory 1)
      (func (export "twice") (param i32) (result i32)
        (i32.store (i32.const 8) (local.get 0))
        (i32.mul (i32.load (i32.const 8)) (i32.const 2)))
      (func (export "spin") (loop (br 0))))
"#;

/// What all threads share.
struct World {
    engine: Engine,
    pool: Pool,
    linker: Linker<Host>,
    leaf: Compiled,
    /// With memories that rely on guards, and that are checked.
    guests: [Prepared<Host>; 2],
    parked: Mutex<Vec<Guest>>,
    /// By which stores can be interrupted, living ones or not.
    handles: Mutex<Vec<InterruptHandle>>,
    /// Whether guests can be stopped anywhere.
    signals: bool,
}

#[derive(Default)]
struct Host {
    own_handle: Option<InterruptHandle>,
}

/// A store with an instance, and what it must hold.
struct Guest {
    store: Store<Host>,
    instance: Instance,
    /// What all of it holds; `None` if it is as it was made.
    tag: Option<u8>,
    pages: u32,
    elements: u32,
}

#[test]
fn threads_do_not_disturb_one_another() {
    let compiled = |text, memory_checked| {
        let mut options = precast_tests::options();
        options.tunables.memory_checked = memory_checked;
        Compiled::new(&precast_tests::wasm(text), &options).unwrap()
    };
    let files = open_files();
    let engine = Engine::default();
    let leaf = compiled(LEAF, false);
    let linker = linker(precast_tests::load(&engine, &leaf).unwrap());
    let guests = [false, true].map(|memory_checked| {
        let guest = compiled(GUEST, memory_checked);
        let module = precast_tests::load(&engine, &guest).unwrap();
        linker.prepare(&module).unwrap()
    });
    let mut config = PoolConfig::new();
    config
        .max_instances(SLOTS)
        .max_memories(SLOTS)
        .max_tables(SLOTS);
    let world = World {
        engine,
        pool: Pool::new(&config).unwrap(),
        linker,
        leaf,
        guests,
        parked: Mutex::default(),
        handles: Mutex::default(),
        signals: std::env::var_os("PRECAST_HAMMER_NO_SIGNALS").is_none(),
    };
    // What is panicked on purpose need not be read.
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref() != Some(&ON_PURPOSE) {
            eprintln!("{info}");
        }
    }));
    let seconds = std::env::var("PRECAST_HAMMER_SECONDS").ok();
    let until = seconds.map(|seconds| {
        Instant::now() + Duration::from_secs(seconds.parse().expect("a number of seconds"))
    });
    let rounds: usize = std::thread::scope(|scope| {
        let threads = [(); THREADS].map({
            let mut seed = 0;
            let world = &world;
            move |()| {
                seed += 1;
                scope.spawn(move || hammer(world, seed, until))
            }
        });
        let rounds = threads.map(|thread| thread.join().expect("no thread has failed"));
        rounds.iter().sum()
    });
    println!("{rounds} rounds");
    drop(world);
    assert_eq!(open_files(), files);
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the system says");
    assert!(!maps.contains("memfd:precast"), "{maps}");
}

fn open_files() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").expect("the system says");
    files.count()
}

const ON_PURPOSE: &str = "on purpose";

fn linker(leaf: Module) -> Linker<Host> {
    let mut linker = Linker::new(leaf.engine());
    let call = move |mut caller: Caller<'_, Host>, what: i32| match what {
        0 => Err(Error::host(ON_PURPOSE)),
        1 => std::panic::panic_any(ON_PURPOSE),
        2 => {
            if let Some(handle) = &caller.data().own_handle {
                handle.interrupt();
            }
            Ok(what + 1)
        }
        // A guest of another store, which has no handle of its own.
        3 => {
            let mut store = Store::new(leaf.engine(), ());
            let instance = Instance::new(&mut store, &leaf, &[])?;
            let twice = instance.typed_func::<i32, i32>(&mut store, "twice")?;
            Ok(twice.call(&mut store, 21)? - 38)
        }
        // Of this store.
        4 => {
            let instance = Instance::new(&mut caller, &leaf, &[])?;
            let twice = instance.typed_func::<i32, i32>(&mut caller, "twice")?;
            Ok(twice.call(&mut caller, 21)? - 37)
        }
        _ => Ok(what + 1),
    };
    linker.func("host", "call", call).unwrap();
    linker
}

/// What one thread does.
fn hammer(world: &World, seed: u64, until: Option<Instant>) -> usize {
    if !world.signals {
        block_interrupts();
    }
    let mut number = numbers(seed);
    let mut round = 0;
    while until.map_or(round < ROUNDS, |until| Instant::now() < until) {
        round += 1;
        match number(10) {
            0 => interrupt_somebody(world, &mut number),
            1 => come_and_go(world, &mut number),
            _ => {
                let Some(mut guest) = some_guest(world, &mut number) else {
                    continue;
                };
                for _ in 0..number(6) {
                    guest.act(world, &mut number);
                    guest.check();
                }
                if number(3) > 0 {
                    park(world, guest, &mut number);
                }
            }
        }
    }
    round
}

/// For this thread.
fn block_interrupts() {
    // SAFETY: a set of signals of zeros is an empty one; it is only read.
    unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut signals, libc::SIGURG);
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &signals, std::ptr::null_mut());
        assert_eq!(blocked, 0);
    }
}

/// One that is parked, or a new one; `None` if the pool has none left.
fn some_guest(world: &World, number: &mut impl FnMut(usize) -> usize) -> Option<Guest> {
    if number(2) == 0 {
        let mut parked = lock(&world.parked);
        let count = parked.len();
        if count > 0 {
            return Some(parked.swap_remove(number(count)));
        }
    }
    let in_pool = number(2) == 0;
    let (mut store, checked) = match in_pool {
        true => (
            Store::new_in(&world.engine, &world.pool, Host::default()),
            false,
        ),
        false => (Store::new(&world.engine, Host::default()), number(2) == 0),
    };
    let guest = &world.guests[usize::from(checked)];
    let instance = match number(2) {
        0 => guest.instantiate(&mut store),
        _ => world.linker.instantiate(&mut store, guest.module()),
    };
    match instance {
        Ok(instance) => Some(Guest {
            store,
            instance,
            tag: None,
            pages: 1,
            elements: 20,
        }),
        Err(Error::Limit(LimitError::PoolExhausted { .. })) if in_pool => None,
        Err(error) => panic!("{error}"),
    }
}

fn park(world: &World, guest: Guest, number: &mut impl FnMut(usize) -> usize) {
    let mut parked = lock(&world.parked);
    let surplus = if parked.len() < MOST_PARKED {
        None
    } else {
        let count = parked.len();
        Some(parked.swap_remove(number(count)))
    };
    parked.push(guest);
    drop(parked);
    drop(surplus);
}

fn interrupt_somebody(world: &World, number: &mut impl FnMut(usize) -> usize) {
    let mut handles = lock(&world.handles);
    let count = handles.len();
    if count > 0 {
        handles[number(count)].interrupt();
    }
    if count > 4 * MOST_PARKED {
        handles.swap_remove(number(count));
    }
}

/// A module is loaded, used, and dropped, before its instance or after.
fn come_and_go(world: &World, number: &mut impl FnMut(usize) -> usize) {
    let module = precast_tests::load(&world.engine, &world.leaf).unwrap();
    let mut store = Store::new(&world.engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let twice = instance
        .typed_func::<i32, i32>(&mut store, "twice")
        .unwrap();
    let keeps = (number(2) == 0).then_some(module);
    assert_eq!(twice.call(&mut store, 4).unwrap(), 8);
    if world.signals && number(4) == 0 {
        let spin = instance.typed_func::<(), ()>(&mut store, "spin").unwrap();
        store.set_timeout(Duration::from_micros(300)).unwrap();
        let error = spin.call(&mut store, ()).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
    }
    drop(store);
    drop(keeps);
}

impl Guest {
    fn act(&mut self, world: &World, number: &mut impl FnMut(usize) -> usize) {
        match number(9) {
            0 => {
                let tag = number(255) as u8 + 1;
                // Interrupted half-way, it has to be done again.
                self.call::<_, ()>("set", i32::from(tag));
                self.tag = Some(tag);
            }
            1 => self.grow(number(3) as u32),
            2 => self.grow_table(number(20) as u32),
            3 => self.trap(number(5)),
            4 => self.host(number(6) as i32),
            5 => {
                let handle = self.store.interrupt_handle().unwrap();
                self.store.data_mut().own_handle = Some(handle.clone());
                lock(&world.handles).push(handle);
            }
            6 => {
                // Somebody may interrupt it before its time has come.
                self.store.set_timeout(Duration::from_millis(5)).unwrap();
                let error = self
                    .try_call::<_, ()>("spin", i32::from(!world.signals))
                    .unwrap_err();
                assert!(is_stopped(&error), "{error}");
                self.store.clear_deadline();
            }
            7 => {
                let table = self.instance.table(&mut self.store, "table").unwrap();
                let same = table.func(&mut self.store, 3).unwrap();
                table.set(&mut self.store, 5, same.into()).unwrap();
                assert_eq!(self.call::<_, i32>("indirect", (7, 5)), 7);
            }
            _ => {
                let memory = self.instance.memory(&mut self.store, "memory").unwrap();
                assert_eq!(memory.size_pages(&self.store), u64::from(self.pages));
                let tag = self.tag.unwrap_or(0);
                let bytes = memory.data_mut(&mut self.store);
                assert_eq!(bytes[70], tag);
                bytes[70..80].fill(tag);
            }
        }
    }

    fn check(&mut self) {
        let fine: i32 = match self.tag {
            None => self.call("is_image", ()),
            Some(tag) => self.call("is_set", i32::from(tag)),
        };
        assert_eq!(fine, 1, "{:?} in {} pages", self.tag, self.pages);
        assert_eq!(self.call::<_, i32>("indirect", (5, 3)), 5);
    }

    fn grow(&mut self, by: u32) {
        let memory = self.instance.memory(&mut self.store, "memory").unwrap();
        let grown = self.try_call::<_, i32>("grow", by as i32);
        // One that has been interrupted may have been done.
        let pages = memory.size_pages(&self.store) as u32;
        match grown {
            Ok(-1) => assert!(self.pages + by > MOST_PAGES && pages == self.pages),
            Ok(before) => assert_eq!((before as u32, pages), (self.pages, self.pages + by)),
            Err(error) => assert!(is_stopped(&error), "{error}"),
        }
        if let Some(tag) = self.tag {
            let new = (self.pages * PAGE) as usize..;
            memory.data_mut(&mut self.store)[new].fill(tag);
        }
        self.pages = pages;
    }

    fn grow_table(&mut self, by: u32) {
        let table = self.instance.table(&mut self.store, "table").unwrap();
        let grown = self.try_call::<_, i32>("grow_table", by as i32);
        let elements = table.size(&self.store) as u32;
        match grown {
            Ok(-1) => assert!(self.elements + by > MOST_ELEMENTS && elements == self.elements),
            Ok(_) => assert_eq!(elements, self.elements + by),
            Err(error) => assert!(is_stopped(&error), "{error}"),
        }
        self.elements = elements;
        if elements > 20 {
            let last = self.call::<_, i32>("indirect", (9, elements as i32 - 1));
            assert_eq!(last, 9);
        }
    }

    fn trap(&mut self, which: usize) {
        let beyond = (self.pages * PAGE) as i32;
        let (name, param, code) = [
            ("load", beyond, TrapCode::MemoryOutOfBounds),
            ("load", -1, TrapCode::MemoryOutOfBounds),
            ("divide", 0, TrapCode::IntegerDivideByZero),
            ("unreachable", 0, TrapCode::Unreachable),
            ("deep", 0, TrapCode::StackOverflow),
        ][which];
        let error = self.try_call::<_, i32>(name, param).unwrap_err();
        assert!(
            is_stopped(&error) || trap_code(&error) == Some(code),
            "{error}"
        );
        let null = self.try_call::<_, i32>("indirect", (0, 4)).unwrap_err();
        let code = Some(TrapCode::UninitializedElement);
        assert!(is_stopped(&null) || trap_code(&null) == code, "{null}");
    }

    fn host(&mut self, what: i32) {
        let called = catch_unwind(AssertUnwindSafe(|| self.try_call::<_, i32>("host", what)));
        match called {
            Ok(Ok(result)) => assert_eq!(result, what + 1),
            Ok(Err(error)) if is_stopped(&error) => {}
            // The pool of its store has no memory left.
            Ok(Err(Error::Limit(LimitError::PoolExhausted { .. }))) => assert_eq!(what, 4),
            Ok(Err(error)) => assert!(what == 0 && matches!(error, Error::Host(_)), "{error}"),
            Err(panic) => assert!(what == 1 && panic.downcast_ref() == Some(&ON_PURPOSE)),
        }
    }

    fn try_call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> Result<R, Error> {
        let func = self.instance.typed_func::<P, R>(&mut self.store, name)?;
        func.call(&mut self.store, params)
    }

    /// Calls until nobody interrupts it.
    fn call<P: WasmParams + Copy, R: WasmResults>(&mut self, name: &str, params: P) -> R {
        loop {
            match self.try_call(name, params) {
                Ok(result) => return result,
                Err(error) => assert!(is_stopped(&error), "{error}"),
            }
        }
    }
}

fn is_stopped(error: &Error) -> bool {
    let stopped = [TrapCode::Interrupted, TrapCode::DeadlineExceeded];
    trap_code(error).is_some_and(|code| stopped.contains(&code))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
