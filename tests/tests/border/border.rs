//! An instance whose memory is compared with a copy.

use std::sync::Arc;

use precast_loader::{Config, Engine, Error, Instance, Memory, Pool, PoolConfig, Store, TrapCode};
use precast_tests::{Compiled, load, numbers, trap_code, wasm};

use super::access::{ACCESSES, Access, Effect, unsigned};
use super::mapped::Mapped;
use super::setup::{GUARDED, Place, Setup, folded};

use Effect::{Load, Modify};

/// An instance, and what its memory should hold.
pub(crate) struct Border {
    pub(crate) setup: Setup,
    pub(crate) store: Store<()>,
    pub(crate) instance: Instance,
    pub(crate) memory: Memory,
    pub(crate) copy: Vec<u8>,
    pub(crate) number: Box<dyn FnMut(usize) -> usize>,
}

impl Border {
    pub(crate) fn new(setup: Setup) -> Self {
        let mut config = Config::new();
        if setup.place == Place::Allocated {
            config.memory_allocator(Arc::new(Mapped));
        }
        let engine = Engine::new(&config);
        let compile = |setup: &Setup| {
            let compiled = Compiled::new(&wasm(&setup.wat()), &setup.options());
            let compiled = compiled.unwrap_or_else(|error| panic!("{setup:?}: {error}"));
            load(&engine, &compiled).unwrap()
        };
        let module = compile(&setup);
        let mut store = match setup.place {
            Place::Pooled => {
                let mut config = PoolConfig::new();
                config
                    .max_memories(3)
                    .max_instances(3)
                    .max_tables(0)
                    .max_vmctx_bytes(1 << 20);
                match setup.tunables.memory_checked {
                    true => config.checked_memories_only().max_memory_bytes(256 << 10),
                    false => config.memory_guard_bytes(setup.tunables.memory_guard_bytes),
                };
                Store::new_in(&engine, &Pool::new(&config).unwrap(), ())
            }
            _ => Store::new(&engine, ()),
        };
        let mut imports = Vec::new();
        match setup.place {
            Place::Imported | Place::ImportedGuarded => {
                let mut exporter = setup.at(Place::Defined);
                if setup.place == Place::ImportedGuarded {
                    exporter.tunables = GUARDED;
                }
                let exporter = Instance::new(&mut store, &compile(&exporter), &[]).unwrap();
                imports.push(exporter.memory(&mut store, "memory").unwrap().into());
            }
            Place::Pooled => {
                // The one before, which has no other neighbour.
                Instance::new(&mut store, &module, &[]).unwrap();
            }
            _ => {}
        }
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        if setup.place == Place::Pooled {
            let neighbour = Instance::new(&mut store, &module, &[]).unwrap();
            let memory = neighbour.memory(&mut store, "memory").unwrap();
            let length = memory.size_bytes(&store);
            memory.fill(&mut store, 0, length, 0x77).unwrap();
        }
        let memory = instance.memory(&mut store, "memory").unwrap();
        let mut border = Self {
            setup,
            store,
            instance,
            memory,
            copy: Vec::new(),
            number: Box::new(numbers(setup.ty.minimum_pages)),
        };
        border.refill();
        border
    }

    /// Gives the memory contents without zeros, and copies them.
    pub(crate) fn refill(&mut self) {
        let length = self.memory.size_bytes(&self.store);
        self.copy = (0..length).map(|_| 1 + (self.number)(255) as u8).collect();
        self.memory.write(&mut self.store, 0, &self.copy).unwrap();
    }

    pub(crate) fn length(&self) -> u64 {
        self.copy.len() as u64
    }

    /// Compares the whole memory with the copy.
    pub(crate) fn compare(&self, after: &str) {
        let bytes = self.memory.read_vec(&self.store, 0, self.length());
        assert!(
            bytes.unwrap() == self.copy,
            "{:?}: contents after {after}",
            self.setup
        );
    }

    /// Whether so many bytes at `start` are all in a memory of `length`.
    pub(crate) fn is_inside(start: u128, size: u64, length: u64) -> bool {
        start + u128::from(size) <= u128::from(length)
    }

    pub(crate) fn trap_or_panic(
        &self,
        error: &Error,
        expected: TrapCode,
        what: &dyn std::fmt::Display,
    ) {
        let code = trap_code(error);
        assert_eq!(code, Some(expected), "{:?}: {what}: {error}", self.setup);
    }

    pub(crate) fn accesses(&mut self) {
        for (number, access) in ACCESSES.iter().take(self.setup.accesses).enumerate() {
            for offset in self.setup.offsets_of(number) {
                for label in self.setup.labels(number) {
                    self.access(number, access, offset, label);
                }
            }
        }
        self.compare("all accesses");
    }

    pub(crate) fn access(&mut self, number: usize, access: &Access, offset: u64, label: &str) {
        let name = format!("{number}+{offset}{label}");
        let store = &mut self.store;
        let func = self
            .instance
            .typed_func::<(u64, u64), (u64, u64)>(store, &name)
            .unwrap();
        let is_64 = self.setup.ty.is_64;
        for index in self.setup.indices(offset, access.size, self.length()) {
            let value = (self.number)(usize::MAX) as u64;
            let index = folded(label, index, is_64);
            // What the parameter must be for that index.
            let param = match label {
                "add" => index.wrapping_sub(0x1_0000),
                "sub" => index.wrapping_add(0x1_0000),
                "shl" => index >> 4,
                _ => index,
            };
            let index = folded(label, param, is_64);
            // The upper half of the parameter must not count where addresses have 32 bits.
            let param = if is_64 {
                param
            } else {
                (param & 0xffff_ffff) | 0xdead_beef << 32
            };
            let what = std::fmt::from_fn(|f| {
                write!(f, "{} at {index:#x} + {offset:#x} ({label})", access.text)
            });
            let start = u128::from(index) + u128::from(offset);
            let range = start as usize..(start as usize).saturating_add(access.size as usize);
            let before = self.copy.get(range.clone()).map_or(0, unsigned);
            // Every other time the value is the one that is there.
            let value = match access.effect {
                Modify(_) if value.is_multiple_of(2) => before as u64,
                _ => value,
            };
            let found = func.call(&mut self.store, (param, value));
            let result = match access.run(&mut self.copy, start, value) {
                Ok(result) => result,
                Err(code) => {
                    match found {
                        Ok(found) => panic!("{:?}: {what}: no trap but {found:x?}", self.setup),
                        Err(error) => self.trap_or_panic(&error, code, &what),
                    }
                    continue;
                }
            };
            let (low, high) =
                found.unwrap_or_else(|error| panic!("{:?}: {what}: {error}", self.setup));
            let found = u128::from(low) | u128::from(high) << 64;
            assert_eq!(found, result, "{:?}: {what}", self.setup);
            if !matches!(access.effect, Load(_)) {
                let around = range.start.saturating_sub(32)..self.copy.len().min(range.end + 32);
                let mut bytes = vec![0; around.len()];
                let at = around.start as u64;
                self.memory.read(&self.store, at, &mut bytes).unwrap();
                assert_eq!(bytes, &self.copy[around], "{:?}: {what}", self.setup);
            }
        }
    }

    pub(crate) fn bulk_operations(&mut self) {
        let length = self.length();
        let store = &mut self.store;
        let fill = self
            .instance
            .typed_func::<(u64, u64), ()>(store, "fill")
            .unwrap();
        let copy = self
            .instance
            .typed_func::<(u64, u64, u64), ()>(store, "copy")
            .unwrap();
        let init = self
            .instance
            .typed_func::<(u64, u64, u64), ()>(store, "init")
            .unwrap();
        for len in [0, 1, 16, length, u64::from(u32::MAX)] {
            for to in self.setup.indices(0, len, length) {
                let inside = |start: u64, whole| Self::is_inside(start.into(), len, whole);
                let range = |start: u64| start as usize..start as usize + len as usize;
                let check =
                    |this: &mut Self, what: String, right: bool, found: Result<(), Error>| {
                        match found {
                            Ok(()) => assert!(right, "{:?}: {what}: no trap", this.setup),
                            Err(error) => {
                                assert!(!right, "{:?}: {what}: {error}", this.setup);
                                this.trap_or_panic(&error, TrapCode::MemoryOutOfBounds, &what);
                            }
                        }
                    };
                let filled = fill.call(&mut self.store, (to, len));
                check(
                    self,
                    format!("fill {to:#x} {len:#x}"),
                    inside(to, length),
                    filled,
                );
                if inside(to, length) {
                    self.copy[range(to)].fill(0xab);
                }
                for from in [0, length.saturating_sub(len), length + 1] {
                    let copied = copy.call(&mut self.store, (to, from, len));
                    let right = inside(to, length) && inside(from, length);
                    check(
                        self,
                        format!("copy {to:#x} {from:#x} {len:#x}"),
                        right,
                        copied,
                    );
                    if right {
                        self.copy.copy_within(range(from), to as usize);
                    }
                }
                for from in [0, 15, 17] {
                    let done = init.call(&mut self.store, (to, from, len));
                    let right = inside(to, length) && inside(from, 16);
                    check(self, format!("init {to:#x} {from} {len:#x}"), right, done);
                    if right {
                        self.copy[range(to)].copy_from_slice(&b"0123456789abcdef"[range(from)]);
                    }
                }
            }
        }
        self.compare("bulk operations");
    }

    /// Grows by `delta` pages, and sees that it is as large as that makes it, or as before.
    pub(crate) fn grow(&mut self, delta: u64) {
        let ty = self.setup.ty;
        let store = &mut self.store;
        let grow = self.instance.typed_func::<u64, u64>(store, "grow").unwrap();
        let size = self.instance.typed_func::<(), u64>(store, "size").unwrap();
        let pages = self.copy.len() as u64 / ty.page_bytes();
        let fits = pages
            .checked_add(delta)
            .filter(|&after| Some(after) <= ty.maximum_pages);
        let failed = if ty.is_64 { u64::MAX } else { u32::MAX.into() };
        let before = grow.call(&mut self.store, delta).unwrap();
        assert_eq!(before, fits.map_or(failed, |_| pages), "{:?}", self.setup);
        let after = fits.unwrap_or(pages);
        assert_eq!(size.call(&mut self.store, ()).unwrap(), after);
        let length = after * ty.page_bytes();
        self.copy.resize(length as usize, 0);
        assert_eq!(self.memory.size_bytes(&self.store), length);
        self.compare("growth");
    }
}
