//! Memories of the host's: the loader asks for what code needs, fills them, grows them, finds
//! faults in them and gives them back.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use precast_loader::{
    AllocatedMemory, Config, Engine, Error, Instance, Memory, MemoryAllocator, MemoryRequest,
    MemoryType, Pool, PoolConfig, Store, TrapCode,
};
use precast_tests::{Compiled, call, module, trap_code};

const PAGE: usize = 65_536;

/// Maps every memory by itself. Remembers what it was asked for, and counts what is in use.
#[derive(Debug, Default)]
struct Mapped {
    requests: Mutex<Vec<MemoryRequest>>,
    living: Arc<AtomicUsize>,
}

// SAFETY: what is returned is mapped for it alone, with nothing accessible but what is asked for.
unsafe impl MemoryAllocator for Mapped {
    fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>> {
        self.requests.lock().unwrap().push(*request);
        if request.maximum_bytes == 13 * PAGE as u64 {
            return Err(io::Error::other("thirteen pages are not to be had"));
        }
        // One page at least: nothing cannot be mapped.
        let own = request.reserve_bytes.max(request.minimum_bytes) as usize;
        let bytes = (own + request.guard_bytes as usize).max(PAGE);
        let base = map(bytes)?;
        self.living.fetch_add(1, Ordering::Relaxed);
        let mut memory = MappedMemory {
            base,
            bytes,
            length: 0,
            may_move: request.reserve_bytes == 0,
            living: Arc::clone(&self.living),
        };
        memory.open(request.minimum_bytes as usize)?;
        Ok(Box::new(memory))
    }
}

#[derive(Debug)]
struct MappedMemory {
    base: NonNull<u8>,
    bytes: usize,
    length: usize,
    may_move: bool,
    living: Arc<AtomicUsize>,
}

// SAFETY: the mapping belongs to the value.
unsafe impl Send for MappedMemory {}
// SAFETY: `&MappedMemory` tells an address.
unsafe impl Sync for MappedMemory {}

fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: nothing that is mapped is replaced.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl MappedMemory {
    fn open(&mut self, length: usize) -> io::Result<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is this mapping's.
        match unsafe { libc::mprotect(self.base.as_ptr().cast(), length, protection) } {
            0 => {
                self.length = length;
                Ok(())
            }
            _ => Err(io::Error::last_os_error()),
        }
    }
}

// SAFETY: see `allocate`; only memories that may move are moved, contents and all.
unsafe impl AllocatedMemory for MappedMemory {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn grow_to(&mut self, length_bytes: u64) -> io::Result<()> {
        let length = length_bytes as usize;
        assert_ne!(length, 5 * PAGE, "five pages are one too many");
        if !self.may_move {
            return self.open(length);
        }
        self.living.fetch_add(1, Ordering::Relaxed);
        let mut moved = Self {
            base: map(length)?,
            bytes: length,
            length: 0,
            may_move: true,
            living: Arc::clone(&self.living),
        };
        moved.open(length)?;
        // SAFETY: both are mapped over that length.
        unsafe { moved.base.copy_from_nonoverlapping(self.base, self.length) };
        *self = moved;
        Ok(())
    }
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and nobody uses it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
        self.living.fetch_sub(1, Ordering::Relaxed);
    }
}

const GUEST: &str = r#"
    (module
      (memory (export "memory") 2 5)
      (data (i32.const 70000) "contents")
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "load_far") (param i32) (result i32)
        (i32.load8_u offset=0x1ffffff (local.get 0))))
"#;

fn engine() -> (Arc<Mapped>, Engine) {
    let allocator = Arc::new(Mapped::default());
    let engine = Engine::new(Config::new().memory_allocator(allocator.clone()));
    (allocator, engine)
}

fn use_it(store: &mut Store<()>, instance: Instance) {
    let memory = instance.memory(store, "memory").unwrap();
    assert_eq!(memory.data(store).len(), 2 * PAGE);
    assert_eq!(&memory.data(store)[69_999..70_009], b"\0contents\0");
    for (name, address) in [("load", 2 * PAGE as i32), ("load", -1), ("load_far", -1)] {
        let error = call(store, instance, name, address).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
    }
    memory.data_mut(store)[0] = 7;
    assert_eq!(call(store, instance, "grow", 2).unwrap(), 2);
    assert_eq!(call(store, instance, "load", 0).unwrap(), 7);
    assert_eq!(call(store, instance, "load", 70_000).unwrap(), 'c' as i32);
    assert_eq!(
        call(store, instance, "load", 4 * PAGE as i32 - 1).unwrap(),
        0
    );
    let error = call(store, instance, "load", 4 * PAGE as i32).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
    assert_eq!(call(store, instance, "grow", 2).unwrap(), -1);
}

#[test]
fn a_guarded_module_runs_in_a_memory_of_the_hosts() {
    let (allocator, engine) = engine();
    let module = module(&engine, GUEST);
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        assert_eq!(allocator.living.load(Ordering::Relaxed), 1);
        use_it(&mut store, instance);
    }
    assert_eq!(allocator.living.load(Ordering::Relaxed), 0);
    let request = allocator.requests.lock().unwrap()[0];
    assert_eq!(request.minimum_bytes, 2 * PAGE as u64);
    assert_eq!(request.maximum_bytes, 5 * PAGE as u64);
    assert_eq!(request.reserve_bytes, 4 << 30);
    assert!(request.guard_bytes >= module.note().tunables.memory_guard_bytes);
}

#[test]
fn a_module_with_checks_runs_in_a_memory_that_moves() {
    let (allocator, engine) = engine();
    let mut options = precast_tests::options();
    options.tunables.memory_checked = true;
    let compiled = Compiled::new(&precast_tests::wasm(GUEST), &options).unwrap();
    let module = precast_tests::load(&engine, &compiled).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    use_it(&mut store, instance);
    drop(store);
    assert_eq!(allocator.living.load(Ordering::Relaxed), 0);
    let request = allocator.requests.lock().unwrap()[0];
    assert_eq!((request.reserve_bytes, request.guard_bytes), (0, 0));
}

#[test]
fn the_hosts_own_memories_come_from_its_allocator() {
    let (allocator, engine) = engine();
    let mut store = Store::new(&engine, ());
    let ty = MemoryType::new(0, Some(1));
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 0);
    memory.write(&mut store, 65_535, &[1]).unwrap();
    assert_eq!(allocator.living.load(Ordering::Relaxed), 1);
}

#[test]
fn what_the_hosts_allocator_refuses_ends_instantiation() {
    let (allocator, engine) = engine();
    let module = module(&engine, "(module (memory 1 2) (memory 1 13))");
    let mut store = Store::new(&engine, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
    assert!(error.to_string().contains("thirteen pages"), "{error}");
    assert_eq!(allocator.living.load(Ordering::Relaxed), 0);
}

#[test]
fn a_panic_of_the_hosts_allocator_passes_through_the_guest() {
    let (_allocator, engine) = engine();
    let module = module(&engine, GUEST);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let grow = AssertUnwindSafe(|| call(&mut store, instance, "grow", 3));
    let panic = catch_unwind(grow).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("one too many"), "{message}");
    use_it(&mut store, instance);
}

#[test]
fn a_pool_does_not_ask_the_hosts_allocator() {
    let (allocator, engine) = engine();
    let pool = Pool::new(PoolConfig::new().max_memories(1)).unwrap();
    let module = module(&engine, GUEST);
    let mut store = Store::new_in(&engine, &pool, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    use_it(&mut store, instance);
    assert!(allocator.requests.lock().unwrap().is_empty());
}
