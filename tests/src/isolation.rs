//! Whatever is done in whatever order, an instance holds what its own operations have put there,
//! and nothing of any other's, living or gone.
//!
//! Sequences of operations on stores of two engines, some of them in one pool, against a plain
//! model of what each memory, table and global must hold. What is done is decided by numbers: of a
//! fixed seed in `tests/isolation.rs`, of a fuzzer in its target `instances`.

use std::sync::OnceLock;

use precast_compiler::Options;
use precast_loader::{
    Caller, Config, Engine, Error, Extern, Instance, InterruptHandle, LimitError, Linker, Module,
    Pool, PoolConfig, Store, TrapCode, Val, WasmParams, WasmResults,
};

use crate::{Compiled, trap_code};

/// Bytes in a page of memory.
pub const PAGE: usize = 65_536;
/// Of all stores in the pool together.
const SLOTS: usize = 6;
const MOST_STORES: usize = 6;
const MOST_INSTANCES: usize = 4;

/// What distinguishes modules.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// In pages; the most it may grow to.
    memory: (usize, usize),
    /// In elements; the most it may grow to.
    table: (usize, usize),
    /// At the start of the memory and, so that its pages are not all mapped alike, in the last.
    image: &'static str,
    passive: &'static str,
    /// What its functions give, from this number on.
    number: i32,
    /// Whether memory, table and global are another instance's.
    borrows: bool,
}

const KINDS: [Kind; 5] = [
    Kind {
        memory: (1, 3),
        table: (4, 10),
        image: "a",
        passive: "first",
        number: 10,
        borrows: false,
    },
    Kind {
        memory: (1, 1),
        table: (0, 0),
        image: "bb",
        passive: "",
        number: 20,
        borrows: false,
    },
    Kind {
        memory: (2, 7),
        table: (300, 2_000),
        image: "cccc",
        passive: "another",
        number: 30,
        borrows: false,
    },
    Kind {
        memory: (5, 6),
        table: (2, 9_000),
        image: "dd",
        passive: "the last one",
        number: 40,
        borrows: false,
    },
    Kind {
        memory: (1, 0),
        table: (0, 0),
        image: "",
        passive: "of a guest",
        number: 50,
        borrows: true,
    },
];

impl Kind {
    fn text(&self) -> String {
        let Self {
            image,
            passive,
            number,
            ..
        } = self;
        let (pages, most_pages) = self.memory;
        let (elements, most_elements) = self.table;
        let parts = if self.borrows {
            r#"(import "lender" "memory" (memory $memory 1))
               (import "lender" "table" (table $table 0 funcref))
               (import "lender" "count" (global $count (mut i64)))"#
                .to_owned()
        } else {
            let last = (pages - 1) * PAGE + 5;
            format!(
                r#"(memory $memory (export "memory") {pages} {most_pages})
                   (data (i32.const 0) "{image}") (data (i32.const {last}) "{image}")
                   (table $table (export "table") {elements} {most_elements} funcref)
                   (global $count (export "count") (mut i64) (i64.const {number}))"#
            )
        };
        format!(
            r#"(module
                 (import "host" "stop" (func $stop))
                 {parts}
                 (data $passive "{passive}")
                 (elem $functions func $zero $one $zero)
                 (type $number (func (result i32)))
                 (func $zero (type $number) (i32.const {number}))
                 (func $one (type $number) (i32.add (call $zero) (i32.const 1)))
                 (func $fill (export "fill") (param i32 i32 i32)
                   (memory.fill (local.get 0) (local.get 1) (local.get 2)))
                 (func (export "fill_and_trap") (param i32 i32 i32)
                   (call $fill (local.get 0) (local.get 1) (local.get 2))
                   (unreachable))
                 (func (export "fill_and_stop") (param i32 i32 i32)
                   (call $fill (local.get 0) (local.get 1) (local.get 2))
                   (call $stop)
                   (call $fill (i32.const 0) (i32.const 0xbad) (i32.const 65536)))
                 (func (export "copy") (param i32 i32 i32)
                   (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                 (func (export "init") (param i32 i32 i32)
                   (memory.init $passive (local.get 0) (local.get 1) (local.get 2)))
                 (func (export "drop") (data.drop $passive))
                 (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                 (func (export "table_init") (param i32 i32 i32)
                   (table.init $table $functions (local.get 0) (local.get 1) (local.get 2)))
                 (func (export "table_drop") (elem.drop $functions))
                 (func (export "table_fill") (param i32 i32)
                   (table.fill $table (local.get 0) (ref.null func) (local.get 1)))
                 (func (export "table_grow") (param i32) (result i32)
                   (table.grow $table (ref.func $one) (local.get 0)))
                 (func (export "call") (param i32) (result i32)
                   (call_indirect $table (type $number) (local.get 0)))
                 (func (export "add") (param i64) (result i64)
                   (global.set $count (i64.add (global.get $count) (local.get 0)))
                   (global.get $count)))"#
        )
    }
}

/// What a store holds, as plain values.
#[derive(Debug, Default)]
struct Model {
    memories: Vec<MemoryModel>,
    tables: Vec<TableModel>,
    globals: Vec<i64>,
}

#[derive(Debug)]
struct MemoryModel {
    bytes: Vec<u8>,
    most_pages: usize,
}

#[derive(Debug)]
struct TableModel {
    /// What the functions give.
    elements: Vec<Option<i32>>,
    most: usize,
}

struct Living {
    instance: Instance,
    kind: Kind,
    /// Indices into the model: memory, table and global.
    parts: usize,
    /// What `init` still finds.
    passive: &'static str,
    functions: Vec<i32>,
}

struct Host {
    handle: InterruptHandle,
}

/// A store, and what must be in it.
struct Tested {
    store: Store<Option<Host>>,
    in_pool: bool,
    living: Vec<Living>,
    model: Model,
}

/// An engine, with all modules.
struct World {
    engine: Engine,
    linker: Linker<Option<Host>>,
    modules: Vec<(Kind, Module)>,
}

impl World {
    fn new(max_idle: usize, compiled: &[(Kind, Compiled)]) -> Self {
        let engine = Engine::new(Config::new().max_idle_memories(max_idle));
        let mut linker = Linker::new(&engine);
        let stop = |caller: Caller<'_, Option<Host>>| {
            let host = caller.data().as_ref().expect("it has been set");
            host.handle.interrupt();
        };
        linker.func("host", "stop", stop).unwrap();
        let load = |(kind, compiled): &(Kind, Compiled)| {
            let module = crate::load(&engine, compiled).unwrap();
            (*kind, module)
        };
        let modules = compiled.iter().map(load).collect();
        Self {
            engine,
            linker,
            modules,
        }
    }
}

fn compiled(memory_checked: bool) -> Vec<(Kind, Compiled)> {
    let mut options: Options = crate::options();
    options.tunables.memory_checked = memory_checked;
    let compile = |kind: Kind| {
        let wasm = crate::wasm(&kind.text());
        (kind, Compiled::new(&wasm, &options).unwrap())
    };
    KINDS.map(compile).into()
}

/// Does so many steps of what `number` says, each time below what it is asked for. Of each memory,
/// a pool may keep `keep_resident_bytes`, and an engine keeps up to `max_idle` memories.
///
/// # Panics
///
/// If something is not as the model says.
pub fn check(
    mut number: impl FnMut(usize) -> usize,
    steps: usize,
    keep_resident_bytes: usize,
    max_idle: usize,
) {
    static BOTH: OnceLock<Vec<(Kind, Compiled)>> = OnceLock::new();
    let both = BOTH.get_or_init(|| {
        let guarded = compiled(false);
        guarded.into_iter().chain(compiled(true)).collect()
    });
    let worlds = [max_idle, 0].map(|max_idle| World::new(max_idle, both));
    let mut config = PoolConfig::new();
    config
        .max_memories(SLOTS)
        .max_tables(SLOTS)
        .max_instances(2 * SLOTS)
        .keep_resident_bytes(keep_resident_bytes);
    let pool = Pool::new(&config).unwrap();
    let mut stores: Vec<Tested> = Vec::new();
    for _ in 0..steps {
        let which = number(stores.len() + 1);
        if which == stores.len() {
            if which < MOST_STORES {
                let world = &worlds[number(2)];
                let pool = (number(2) == 0).then_some(&pool);
                stores.push(Tested::new(&world.engine, pool));
            }
        } else if number(20) == 0 {
            stores.swap_remove(which);
        } else if number(4) == 0 && stores[which].living.len() < MOST_INSTANCES {
            let in_use = |of: fn(&Tested) -> usize| {
                let pooled = stores.iter().filter(|store| store.in_pool);
                pooled.map(of).sum::<usize>()
            };
            let room = [
                SLOTS - in_use(|store| store.model.memories.len()),
                2 * SLOTS - in_use(|store| store.living.len()),
            ];
            let engine = stores[which].store.engine();
            let world = worlds
                .iter()
                .find(|world| Engine::same(&world.engine, engine))
                .unwrap();
            stores[which].instantiate(world, room, &mut number);
        } else {
            stores[which].act(&mut number);
        }
        // That which has been touched, and another.
        for which in [which, number(stores.len() + 1)] {
            if let Some(store) = stores.get_mut(which) {
                store.check();
            }
        }
    }
    stores.iter_mut().for_each(Tested::check);
}

impl Tested {
    fn new(engine: &Engine, pool: Option<&Pool>) -> Self {
        let mut store = match pool {
            Some(pool) => Store::new_in(engine, pool, None),
            None => Store::new(engine, None),
        };
        let handle = store.interrupt_handle().unwrap();
        *store.data_mut() = Some(Host { handle });
        Self {
            store,
            in_pool: pool.is_some(),
            living: Vec::new(),
            model: Model::default(),
        }
    }

    /// `room` is what the pool has left: memories and tables, and instances.
    fn instantiate(
        &mut self,
        world: &World,
        room: [usize; 2],
        number: &mut impl FnMut(usize) -> usize,
    ) {
        let (kind, module) = &world.modules[number(world.modules.len())];
        let mut linker = world.linker.clone();
        let mut parts = self.model.memories.len();
        if kind.borrows {
            if self.living.is_empty() {
                return;
            }
            let lender = &self.living[number(self.living.len())];
            parts = lender.parts;
            // Borrowers have nothing to lend.
            if lender.kind.borrows {
                return;
            }
            let lender = lender.instance;
            linker.instance(&mut self.store, "lender", lender).unwrap();
            let tunables = module.note().tunables;
            let lent = lender.module(&self.store).note().tunables;
            if !tunables.memory_checked && lent.memory_checked && !self.in_pool {
                let refused = linker.instantiate(&mut self.store, module);
                refused.expect_err("its code relies on guards that are not there");
                return;
            }
        }
        let made = linker.instantiate(&mut self.store, module);
        let has_room = room[1] > 0 && (kind.borrows || room[0] > 0);
        match made {
            Ok(instance) => {
                assert!(has_room || !self.in_pool);
                if !kind.borrows {
                    self.model.add(kind);
                }
                self.living.push(Living {
                    instance,
                    kind: *kind,
                    parts,
                    passive: kind.passive,
                    functions: vec![kind.number, kind.number + 1, kind.number],
                });
            }
            Err(Error::Limit(LimitError::PoolExhausted { .. })) => {
                assert!(self.in_pool && !has_room);
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn act(&mut self, number: &mut impl FnMut(usize) -> usize) {
        if self.living.is_empty() {
            return;
        }
        let which = number(self.living.len());
        let Living { parts, kind, .. } = self.living[which];
        let memory = &mut self.model.memories[parts];
        let table = &mut self.model.tables[parts];
        // Now and then a little out of bounds.
        let bytes = memory.bytes.len();
        let at = number(bytes + 9);
        let len = number(bytes + 10 - at);
        let byte = number(256);
        let fits = at + len <= bytes;
        let range = at.min(bytes)..(at + len).min(bytes);
        let fill = (at as i32, byte as i32, len as i32);
        let (element, elements) = (number(table.elements.len() + 1), number(3));
        match number(14) {
            0 => {
                let by = number(3);
                let pages = bytes / PAGE;
                let grows = pages + by <= memory.most_pages;
                if grows {
                    memory.bytes.resize((pages + by) * PAGE, 0);
                }
                let expected = if grows { pages as i32 } else { -1 };
                assert_eq!(self.run::<_, i32>(which, "grow", by as i32), Ok(expected));
            }
            1 => {
                let by = number(200);
                let before = table.elements.len();
                let grows = before + by <= table.most;
                if grows {
                    table.elements.resize(before + by, Some(kind.number + 1));
                }
                let expected = if grows { before as i32 } else { -1 };
                let grown = self.run::<_, i32>(which, "table_grow", by as i32);
                assert_eq!(grown, Ok(expected));
            }
            2 | 3 => {
                // Nothing is written if it does not fit.
                let expected = if fits {
                    memory.bytes[range].fill(byte as u8);
                    Ok(())
                } else {
                    Err(TrapCode::MemoryOutOfBounds)
                };
                assert_eq!(self.run(which, "fill", fill), expected);
            }
            4 => {
                let mut expected = Err(TrapCode::MemoryOutOfBounds);
                if fits {
                    memory.bytes[range].fill(byte as u8);
                    expected = Err(TrapCode::Unreachable);
                }
                assert_eq!(self.run::<_, ()>(which, "fill_and_trap", fill), expected);
            }
            5 => {
                let mut expected = Err(TrapCode::MemoryOutOfBounds);
                if fits {
                    memory.bytes[range].fill(byte as u8);
                    expected = Err(TrapCode::Interrupted);
                }
                assert_eq!(self.run::<_, ()>(which, "fill_and_stop", fill), expected);
            }
            6 => {
                let from = number(bytes);
                let expected = if fits && from + len <= bytes {
                    memory.bytes.copy_within(from..from + len, at);
                    Ok(())
                } else {
                    Err(TrapCode::MemoryOutOfBounds)
                };
                let copy = (at as i32, from as i32, len as i32);
                assert_eq!(self.run(which, "copy", copy), expected);
            }
            7 => {
                let passive = self.living[which].passive.as_bytes();
                let from = number(passive.len() + 2);
                let len = number(passive.len() + 2);
                let source = passive.get(from..from + len);
                let expected = match (source, memory.bytes.get_mut(at..at + len)) {
                    (Some(source), Some(to)) => {
                        to.copy_from_slice(source);
                        Ok(())
                    }
                    _ => Err(TrapCode::MemoryOutOfBounds),
                };
                let init = (at as i32, from as i32, len as i32);
                assert_eq!(self.run(which, "init", init), expected);
            }
            8 if number(4) == 0 => {
                self.living[which].passive = "";
                assert_eq!(self.run(which, "drop", ()), Ok(()));
            }
            9 => {
                let functions = &self.living[which].functions;
                let from = number(functions.len() + 1);
                let source = functions.get(from..from + elements);
                let to = table.elements.get_mut(element..element + elements);
                let expected = match (source, to) {
                    (Some(source), Some(to)) => {
                        let source = source.iter().copied().map(Some);
                        to.iter_mut().zip(source).for_each(|(to, from)| *to = from);
                        Ok(())
                    }
                    _ => Err(TrapCode::TableOutOfBounds),
                };
                let init = (element as i32, from as i32, elements as i32);
                assert_eq!(self.run(which, "table_init", init), expected);
            }
            10 if number(4) == 0 => {
                self.living[which].functions.clear();
                assert_eq!(self.run(which, "table_drop", ()), Ok(()));
            }
            11 => {
                let to = table.elements.get_mut(element..element + elements);
                let expected = to.map(|to| to.fill(None));
                let expected = expected.ok_or(TrapCode::TableOutOfBounds);
                let fill = (element as i32, elements as i32);
                assert_eq!(self.run(which, "table_fill", fill), expected);
            }
            12 => {
                let count = &mut self.model.globals[parts];
                *count = count.wrapping_add(byte as i64);
                let expected = Ok(*count);
                assert_eq!(self.run(which, "add", byte as i64), expected);
            }
            _ => {
                memory.bytes[range.clone()].fill(byte as u8);
                let lender = self.lender(parts);
                let memory = lender.memory(&mut self.store, "memory").unwrap();
                memory.data_mut(&mut self.store)[range].fill(byte as u8);
            }
        }
    }

    /// Calls one of the exports; a trap is told by its code.
    fn run<P: WasmParams, R: WasmResults>(
        &mut self,
        which: usize,
        name: &str,
        params: P,
    ) -> Result<R, TrapCode> {
        let instance = self.living[which].instance;
        let func = instance.typed_func::<P, R>(&mut self.store, name).unwrap();
        func.call(&mut self.store, params)
            .map_err(|error| trap_code(&error).unwrap_or_else(|| panic!("{error}")))
    }

    /// The instance that has these parts.
    fn lender(&self, parts: usize) -> Instance {
        let mut living = self.living.iter();
        let lender = living.find(|living| living.parts == parts && !living.kind.borrows);
        lender.expect("an instance stays with its store").instance
    }

    /// Everything is as the model says.
    fn check(&mut self) {
        let store = &mut self.store;
        for living in &self.living {
            let Living {
                instance, parts, ..
            } = *living;
            let model = &self.model;
            if !living.kind.borrows {
                let memory = instance.memory(store, "memory").unwrap();
                assert!(memory.data(store) == model.memories[parts].bytes);
                let table = instance.table(store, "table").unwrap();
                let elements = &model.tables[parts].elements;
                assert_eq!(table.size(store), elements.len() as u64);
                let count = instance.global(store, "count").unwrap();
                assert_eq!(count.get(store), Val::I64(model.globals[parts]));
                assert!(matches!(
                    instance.get_export(store, "call"),
                    Some(Extern::Func(_))
                ));
            }
            let call = instance.typed_func::<i32, i32>(store, "call").unwrap();
            let elements = &model.tables[parts].elements;
            // Calls cost more than comparing bytes: the first, the last, and some in between.
            for index in (0..elements.len()).step_by(elements.len() / 8 + 1) {
                let index = elements.len() - 1 - index;
                let called = call.call(store, index as i32);
                let called = called.map_err(|error| trap_code(&error));
                let null = Err(Some(TrapCode::UninitializedElement));
                assert_eq!(called, elements[index].map_or(null, Ok), "{index}");
            }
        }
    }
}

impl Model {
    /// What an instance has at the start.
    fn add(&mut self, kind: &Kind) {
        let (pages, most_pages) = kind.memory;
        let mut bytes = vec![0; pages * PAGE];
        for at in [0, (pages - 1) * PAGE + 5] {
            bytes[at..][..kind.image.len()].copy_from_slice(kind.image.as_bytes());
        }
        self.memories.push(MemoryModel { bytes, most_pages });
        let (elements, most) = kind.table;
        self.tables.push(TableModel {
            elements: vec![None; elements],
            most,
        });
        self.globals.push(i64::from(kind.number));
    }
}
