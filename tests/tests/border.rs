//! The border of the sandbox: every kind of access, at every edge, in every kind of memory.
//!
//! What is right is arithmetic: an access of `size` bytes at `index + offset` is in bounds if the
//! sum of the three, in numbers without end, is no more than the memory's length. What it reads
//! and writes is compared with a copy of the memory. Atomic accesses are right only at multiples of
//! their size, too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, LazyLock};

use precast_compiler::{Features, OptLevel, Options};
use precast_loader::{
    AllocatedMemory, Config, Engine, Error, Instance, Memory, MemoryAllocator, MemoryRequest,
    MemoryType, Pool, PoolConfig, Store, TrapCode, Tunables,
};
use precast_tests::{Compiled, load, numbers, trap_code, wasm};

/// A kind of access.
#[derive(Clone, Copy)]
struct Access {
    /// The instruction, with `%` where memory and offset go.
    text: &'static str,
    /// What it takes or gives.
    value: Value,
    size: u64,
    effect: Effect,
}

#[derive(Clone, Copy)]
enum Value {
    I32,
    I64,
    F32,
    F64,
    V128,
}

#[derive(Clone, Copy)]
enum Effect {
    /// The value that the bytes stand for.
    Load(fn(&[u8]) -> u128),
    /// Writes the lowest bytes of the value.
    Store,
    /// Reads a number atomically, and writes what this makes of it and the value.
    Modify(fn(u64, u64) -> u64),
}

/// What atomic instructions write: load, store, and those that have both numbers.
const MODIFICATIONS: [(&str, fn(u64, u64) -> u64); 9] = [
    ("load", |old, _| old),
    ("store", |_, new| new),
    ("rmw.add", |old, value| old.wrapping_add(value)),
    ("rmw.sub", |old, value| old.wrapping_sub(value)),
    ("rmw.and", |old, value| old & value),
    ("rmw.or", |old, value| old | value),
    ("rmw.xor", |old, value| old ^ value),
    ("rmw.xchg", |_, new| new),
    // Compares with the value, and writes its reverse.
    (
        "rmw.cmpxchg",
        |old, value| if old == value { !value } else { old },
    ),
];

/// The atomic instructions: all that there are, for all types and widths.
fn atomics() -> impl Iterator<Item = Access> {
    let types = [("i32", I32, 4), ("i64", I64, 8)];
    let widths = [1, 2, 4, 8];
    types.into_iter().flat_map(move |(ty, value, full)| {
        let sizes = widths.into_iter().filter(move |&size| size <= full);
        sizes.flat_map(move |size| {
            MODIFICATIONS.into_iter().map(move |(name, modify)| {
                let text = if size == full {
                    format!("{ty}.atomic.{name} %")
                } else {
                    let bits = 8 * size;
                    match name.split_once('.') {
                        Some((_, op)) => format!("{ty}.atomic.rmw{bits}.{op}_u %"),
                        None if name == "load" => format!("{ty}.atomic.load{bits}_u %"),
                        None => format!("{ty}.atomic.store{bits} %"),
                    }
                };
                Access {
                    text: text.leak(),
                    value,
                    size,
                    effect: Effect::Modify(modify),
                }
            })
        })
    })
}

/// All accesses: those of [`PLAIN`], then the atomic ones.
static ACCESSES: LazyLock<Vec<Access>> = LazyLock::new(|| {
    let plain = PLAIN.iter().copied();
    plain.chain(atomics()).collect()
});

use Effect::{Load, Modify, Store as Write};
use Value::{F32, F64, I32, I64, V128};

fn unsigned(bytes: &[u8]) -> u128 {
    let mut all = [0; 16];
    all[..bytes.len()].copy_from_slice(bytes);
    u128::from_le_bytes(all)
}

fn signed(bytes: &[u8]) -> i128 {
    let unused = 128 - 8 * bytes.len() as u32;
    (unsigned(bytes) << unused).cast_signed() >> unused
}

fn signed_32(bytes: &[u8]) -> u128 {
    (signed(bytes) as u32).into()
}

fn signed_64(bytes: &[u8]) -> u128 {
    (signed(bytes) as u64).into()
}

/// The bytes, again and again.
fn splat(bytes: &[u8]) -> u128 {
    let all: Vec<u8> = bytes.iter().copied().cycle().take(16).collect();
    unsigned(&all)
}

/// 8 bytes as lanes of `N` bytes, each widened to twice its width.
fn extend<const N: usize>(bytes: &[u8], widen: impl Fn(&[u8]) -> u128) -> u128 {
    let lanes = bytes.chunks(N).zip(0..);
    lanes.fold(0, |all, (lane, place)| {
        let mask = u128::MAX >> (128 - 16 * N);
        all | (widen(lane) & mask) << (place * 16 * N)
    })
}

fn sign(bytes: &[u8]) -> u128 {
    signed(bytes).cast_unsigned()
}

#[rustfmt::skip]
const PLAIN: &[Access] = &[
    Access { text: "i32.load8_u %", value: I32, size: 1, effect: Load(unsigned) },
    Access { text: "i64.store %", value: I64, size: 8, effect: Write },
    Access { text: "v128.load %", value: V128, size: 16, effect: Load(unsigned) },
    Access { text: "i32.store16 %", value: I32, size: 2, effect: Write },
    // The first ones are for everywhere, the others for some places.
    Access { text: "i32.load %", value: I32, size: 4, effect: Load(unsigned) },
    Access { text: "i64.load %", value: I64, size: 8, effect: Load(unsigned) },
    Access { text: "f32.load %", value: F32, size: 4, effect: Load(unsigned) },
    Access { text: "f64.load %", value: F64, size: 8, effect: Load(unsigned) },
    Access { text: "i32.load8_s %", value: I32, size: 1, effect: Load(signed_32) },
    Access { text: "i32.load16_s %", value: I32, size: 2, effect: Load(signed_32) },
    Access { text: "i32.load16_u %", value: I32, size: 2, effect: Load(unsigned) },
    Access { text: "i64.load8_s %", value: I64, size: 1, effect: Load(signed_64) },
    Access { text: "i64.load8_u %", value: I64, size: 1, effect: Load(unsigned) },
    Access { text: "i64.load16_s %", value: I64, size: 2, effect: Load(signed_64) },
    Access { text: "i64.load16_u %", value: I64, size: 2, effect: Load(unsigned) },
    Access { text: "i64.load32_s %", value: I64, size: 4, effect: Load(signed_64) },
    Access { text: "i64.load32_u %", value: I64, size: 4, effect: Load(unsigned) },
    Access { text: "i32.store %", value: I32, size: 4, effect: Write },
    Access { text: "f32.store %", value: F32, size: 4, effect: Write },
    Access { text: "f64.store %", value: F64, size: 8, effect: Write },
    Access { text: "i32.store8 %", value: I32, size: 1, effect: Write },
    Access { text: "i64.store8 %", value: I64, size: 1, effect: Write },
    Access { text: "i64.store16 %", value: I64, size: 2, effect: Write },
    Access { text: "i64.store32 %", value: I64, size: 4, effect: Write },
    Access { text: "v128.load8_splat %", value: V128, size: 1, effect: Load(splat) },
    Access { text: "v128.load16_splat %", value: V128, size: 2, effect: Load(splat) },
    Access { text: "v128.load32_splat %", value: V128, size: 4, effect: Load(splat) },
    Access { text: "v128.load64_splat %", value: V128, size: 8, effect: Load(splat) },
    Access { text: "v128.load32_zero %", value: V128, size: 4, effect: Load(unsigned) },
    Access { text: "v128.load64_zero %", value: V128, size: 8, effect: Load(unsigned) },
    Access { text: "v128.load8_lane % 3", value: V128, size: 1, effect: Load(|b| unsigned(b) << 24) },
    Access { text: "v128.load16_lane % 7", value: V128, size: 2, effect: Load(|b| unsigned(b) << 112) },
    Access { text: "v128.load32_lane % 1", value: V128, size: 4, effect: Load(|b| unsigned(b) << 32) },
    Access { text: "v128.load64_lane % 1", value: V128, size: 8, effect: Load(|b| unsigned(b) << 64) },
    Access { text: "v128.load8x8_s %", value: V128, size: 8, effect: Load(|b| extend::<1>(b, sign)) },
    Access { text: "v128.load8x8_u %", value: V128, size: 8, effect: Load(|b| extend::<1>(b, unsigned)) },
    Access { text: "v128.load16x4_s %", value: V128, size: 8, effect: Load(|b| extend::<2>(b, sign)) },
    Access { text: "v128.load16x4_u %", value: V128, size: 8, effect: Load(|b| extend::<2>(b, unsigned)) },
    Access { text: "v128.load32x2_s %", value: V128, size: 8, effect: Load(|b| extend::<4>(b, sign)) },
    Access { text: "v128.load32x2_u %", value: V128, size: 8, effect: Load(|b| extend::<4>(b, unsigned)) },
    Access { text: "v128.store %", value: V128, size: 16, effect: Write },
    Access { text: "v128.store8_lane % 8", value: V128, size: 1, effect: Write },
    Access { text: "v128.store16_lane % 4", value: V128, size: 2, effect: Write },
    Access { text: "v128.store32_lane % 2", value: V128, size: 4, effect: Write },
    Access { text: "v128.store64_lane % 1", value: V128, size: 8, effect: Write },
];

/// How many of them are tried everywhere.
const FEW: usize = 4;

/// Where a memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The module's own.
    Defined,
    /// The module's own, after a larger one.
    Second,
    /// Another instance's, compiled alike.
    Imported,
    /// Another instance's, with guards on which that relies.
    ImportedGuarded,
    /// A pool's, between others that are larger.
    Pooled,
    /// The host's allocator's.
    Allocated,
}

#[derive(Debug, Clone, Copy)]
struct Setup {
    ty: MemoryType,
    tunables: Tunables,
    place: Place,
    opt_level: OptLevel,
    accesses: usize,
}

const GUARDED: Tunables = Tunables::DEFAULT;

const CHECKED: Tunables = Tunables {
    memory_checked: true,
    ..GUARDED
};

const fn guard(memory_guard_bytes: u64) -> Tunables {
    Tunables {
        memory_guard_bytes,
        ..GUARDED
    }
}

/// One page, and at most two.
const USUAL: MemoryType = MemoryType::new(1, Some(2));
const EMPTY: MemoryType = MemoryType::new(0, Some(2));
/// A length that is no multiple of anything.
const BYTES: MemoryType = MemoryType::new(65_539, Some(70_001)).with_page_size_log2(0);
const NO_BYTES: MemoryType = MemoryType::new(0, Some(1)).with_page_size_log2(0);

impl Setup {
    const fn new(ty: MemoryType, tunables: Tunables) -> Self {
        Self {
            ty,
            tunables,
            place: Place::Defined,
            opt_level: OptLevel::Speed,
            accesses: FEW,
        }
    }

    const fn with_all_accesses(self) -> Self {
        Self {
            accesses: usize::MAX,
            ..self
        }
    }

    const fn with_all_but_atomics(self) -> Self {
        Self {
            accesses: PLAIN.len(),
            ..self
        }
    }

    const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn options(&self) -> Options {
        Options {
            opt_level: self.opt_level,
            tunables: self.tunables,
            features: Features::ALL,
            ..precast_tests::options()
        }
    }

    /// How the indices of an access are made: as they are, and as in [`FOLDED`].
    fn labels(&self, access: usize) -> Vec<&'static str> {
        let mut labels = vec![""];
        if access < FEW && self.place == Place::Defined {
            labels.extend(FOLDED.map(|(label, _)| label));
        }
        labels
    }

    /// The offsets at which that access is tried.
    fn offsets_of(&self, access: usize) -> Vec<u64> {
        let mut offsets = self.offsets();
        if access >= FEW {
            // Accesses differ in size only; two offsets without a check and two with one will do.
            let few = [0, 65_535, self.tunables.memory_guard_bytes, (1 << 32) - 1];
            offsets.retain(|offset| few.contains(offset));
        }
        if access >= PLAIN.len() {
            offsets.retain(|&offset| offset == 0 || offset == (1 << 32) - 1);
        }
        offsets
    }

    /// The number of the memory in the module.
    fn number(&self) -> u32 {
        u32::from(self.place == Place::Second)
    }

    /// The offsets of accesses: around the guard, and as large as they may be.
    fn offsets(&self) -> Vec<u64> {
        let guard = self.tunables.memory_guard_bytes;
        let mut offsets = vec![
            0,
            1,
            65_535,
            guard.saturating_sub(8),
            guard,
            1 << 31,
            (1 << 32) - 1,
        ];
        if self.ty.is_64 {
            offsets.extend([1 << 32, 1 << 63, u64::MAX - 8, u64::MAX]);
        }
        offsets.retain(|&offset| self.ty.is_64 || offset < 1 << 32);
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }

    /// Indices at every edge of an access with that offset and size.
    fn indices(&self, offset: u64, size: u64, length: u64) -> BTreeSet<u64> {
        let bits = if self.ty.is_64 { 64 } else { 32 };
        let end = 1i128 << bits;
        let (offset, size, length) = (i128::from(offset), i128::from(size), i128::from(length));
        let last = length - offset - size;
        let edges = [
            0,
            last,
            length,
            // Where sums wrap, in 32 bits and in 64.
            (1 << 32) - offset,
            (1 << 32) - offset - size,
            (1 << 32) + last,
            end - offset,
            end - offset - size,
            end + last,
            end / 2,
            end - 1,
        ];
        let around = edges
            .into_iter()
            .flat_map(|edge| [edge - 1, edge, edge + 1]);
        let fitting = around.filter(|index| (0..end).contains(index));
        fitting.map(|index| index as u64).collect()
    }

    fn wat(&self) -> String {
        let ty = self.ty.to_string();
        // `(memory 1 2)` as a definition with a name for the outside.
        let limits = ty.trim_start_matches("(memory").trim_end_matches(')');
        let limits = limits.replace("pagesize 1", "pagesize 1)");
        let memory = self.number();
        let mut wat = String::from("(module\n");
        let definition = match self.place {
            Place::Imported | Place::ImportedGuarded => {
                format!("(import \"\" \"memory\" (memory{limits}))\n(export \"memory\" (memory 0))")
            }
            Place::Second => format!("(memory 3) (memory (export \"memory\"){limits})"),
            _ => format!("(memory (export \"memory\"){limits})"),
        };
        wat.push_str(&definition);
        let narrow = |value: &str| match self.ty.is_64 {
            true => value.to_owned(),
            false => format!("(i32.wrap_i64 {value})"),
        };
        let widen = |value: &str| match self.ty.is_64 {
            true => value.to_owned(),
            false => format!("(i64.extend_i32_u {value})"),
        };
        let [first, second, third] =
            [0, 1, 2].map(|number| narrow(&format!("(local.get {number})")));
        let mut add = |name: &str, rest: String| {
            writeln!(wat, "(func (export \"{name}\") {rest})").unwrap();
        };
        add(
            "size",
            format!("(result i64) {}", widen(&format!("(memory.size {memory})"))),
        );
        add(
            "grow",
            format!(
                "(param i64) (result i64) {}",
                widen(&format!("(memory.grow {memory} {first})"))
            ),
        );
        add(
            "fill",
            format!("(param i64 i64) (memory.fill {memory} {first} (i32.const 0xab) {second})"),
        );
        add(
            "copy",
            format!("(param i64 i64 i64) (memory.copy {memory} {memory} {first} {second} {third})"),
        );
        add(
            "init",
            format!(
                "(param i64 i64 i64) (memory.init {memory} 0 {first}
                   (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (local.get 2)))"
            ),
        );
        let index_type = if self.ty.is_64 { "i64" } else { "i32" };
        for (number, access) in ACCESSES.iter().take(self.accesses).enumerate() {
            for offset in self.offsets_of(number) {
                for label in self.labels(number) {
                    let made = FOLDED.iter().find(|(other, _)| *other == label);
                    let index = made.map_or("@", |(_, text)| text);
                    let index = index.replace("ix", index_type).replace('@', &first);
                    let name = format!("{number}+{offset}{label}");
                    add(&name, access.body(memory, offset, &index));
                }
            }
        }
        wat.push_str("(data \"0123456789abcdef\"))");
        wat
    }
}

/// What the compiler may fold into the address, as the instructions that make the index from the
/// parameter `@`; `ix` is its type.
const FOLDED: [(&str, &str); 5] = [
    ("add", "(ix.add @ (ix.const 0x1_0000))"),
    ("sub", "(ix.sub @ (ix.const 0x1_0000))"),
    ("shl", "(ix.shl @ (ix.const 4))"),
    ("-1", "(ix.const -1)"),
    ("max", "(ix.const 0x7fff_ffff)"),
];

/// What the instructions of [`FOLDED`] make of `index`.
fn folded(label: &str, index: u64, is_64: bool) -> u64 {
    let wide = match label {
        "add" => index.wrapping_add(0x1_0000),
        "sub" => index.wrapping_sub(0x1_0000),
        "shl" => index << 4,
        "-1" => u64::MAX,
        "max" => 0x7fff_ffff,
        _ => index,
    };
    if is_64 { wide } else { u64::from(wide as u32) }
}

impl Access {
    /// A number of 64 bits as the instruction takes it.
    fn operand(&self, number: &str) -> String {
        match self.value {
            I32 => format!("(i32.wrap_i64 {number})"),
            I64 => number.to_owned(),
            F32 => format!("(f32.reinterpret_i32 (i32.wrap_i64 {number}))"),
            F64 => format!("(f64.reinterpret_i64 {number})"),
            V128 => format!("(i64x2.splat {number})"),
        }
    }

    fn is_atomic(&self) -> bool {
        matches!(self.effect, Modify(_))
    }

    /// A function of index and value: `(param i64 i64) (result i64 i64)`.
    fn body(&self, memory: u32, offset: u64, index: &str) -> String {
        let place = format!("{memory} offset={offset}");
        let instruction = self.text.replace('%', &place);
        let text = match self.effect {
            Load(_) => {
                let lane = if self.text.contains("_lane") {
                    "(v128.const i64x2 0 0)"
                } else {
                    ""
                };
                let loaded = format!("({instruction} {index} {lane})");
                match self.value {
                    I32 => format!("(i64.extend_i32_u {loaded}) (i64.const 0)"),
                    I64 => format!("{loaded} (i64.const 0)"),
                    F32 => {
                        format!("(i64.extend_i32_u (i32.reinterpret_f32 {loaded})) (i64.const 0)")
                    }
                    F64 => format!("(i64.reinterpret_f64 {loaded}) (i64.const 0)"),
                    V128 => format!(
                        "(local.set $v {loaded})
                         (i64x2.extract_lane 0 (local.get $v))
                         (i64x2.extract_lane 1 (local.get $v))"
                    ),
                }
            }
            Write => {
                let value = self.operand("(local.get 1)");
                format!("({instruction} {index} {value}) (i64.const 0) (i64.const 0)")
            }
            Modify(_) => {
                let value = self.operand("(local.get 1)");
                let reverse = self.operand("(i64.xor (local.get 1) (i64.const -1))");
                let operands = if self.text.contains("cmpxchg") {
                    format!("{value} {reverse}")
                } else if self.text.contains("load") {
                    String::new()
                } else {
                    value
                };
                let instruction = format!("({instruction} {index} {operands})");
                match self.value {
                    _ if self.text.contains("store") => {
                        format!("{instruction} (i64.const 0) (i64.const 0)")
                    }
                    I32 => format!("(i64.extend_i32_u {instruction}) (i64.const 0)"),
                    _ => format!("{instruction} (i64.const 0)"),
                }
            }
        };
        format!("(param i64 i64) (result i64 i64) (local $v v128) {text}")
    }
}

/// An instance, and what its memory should hold.
struct Border {
    setup: Setup,
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    copy: Vec<u8>,
    number: Box<dyn FnMut(usize) -> usize>,
}

impl Border {
    fn new(setup: Setup) -> Self {
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
    fn refill(&mut self) {
        let length = self.memory.size_bytes(&self.store);
        self.copy = (0..length).map(|_| 1 + (self.number)(255) as u8).collect();
        self.memory.write(&mut self.store, 0, &self.copy).unwrap();
    }

    fn length(&self) -> u64 {
        self.copy.len() as u64
    }

    /// Compares the whole memory with the copy.
    fn compare(&self, after: &str) {
        let bytes = self.memory.read_vec(&self.store, 0, self.length());
        assert!(
            bytes.unwrap() == self.copy,
            "{:?}: contents after {after}",
            self.setup
        );
    }

    /// Whether so many bytes at `start` are all in a memory of `length`.
    fn is_inside(start: u128, size: u64, length: u64) -> bool {
        start + u128::from(size) <= u128::from(length)
    }

    fn trap_or_panic(&self, error: &Error, expected: TrapCode, what: &dyn std::fmt::Display) {
        let code = trap_code(error);
        assert_eq!(code, Some(expected), "{:?}: {what}: {error}", self.setup);
    }

    fn accesses(&mut self) {
        for (number, access) in ACCESSES.iter().take(self.setup.accesses).enumerate() {
            for offset in self.setup.offsets_of(number) {
                for label in self.setup.labels(number) {
                    self.access(number, access, offset, label);
                }
            }
        }
        self.compare("all accesses");
    }

    fn access(&mut self, number: usize, access: &Access, offset: u64, label: &str) {
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
            let size = access.size as usize;
            let trap = if !Self::is_inside(start, access.size, self.length()) {
                Some(TrapCode::MemoryOutOfBounds)
            } else if access.is_atomic() && !start.is_multiple_of(u128::from(access.size)) {
                Some(TrapCode::UnalignedAtomic)
            } else {
                None
            };
            let range = start as usize..start as usize + if trap.is_none() { size } else { 0 };
            let before = self.copy.get(range.clone()).map_or(0, unsigned);
            // Every other time the value is the one that is there.
            let value = match access.effect {
                Modify(_) if value % 2 == 0 => before as u64,
                _ => value,
            };
            let found = func.call(&mut self.store, (param, value));
            if let Some(code) = trap {
                match found {
                    Ok(found) => panic!("{:?}: {what}: no trap but {found:x?}", self.setup),
                    Err(error) => self.trap_or_panic(&error, code, &what),
                }
                continue;
            }
            let (low, high) =
                found.unwrap_or_else(|error| panic!("{:?}: {what}: {error}", self.setup));
            let found = u128::from(low) | u128::from(high) << 64;
            let mask = u128::MAX >> (128 - 8 * size);
            let (result, written) = match access.effect {
                Load(meaning) => (meaning(&self.copy[range.clone()]), before),
                Write => (0, u128::from(value) | u128::from(value) << 64),
                Modify(modify) => {
                    let is_store = access.text.contains("store");
                    let after = modify(before as u64, value & mask as u64);
                    (if is_store { 0 } else { before }, after.into())
                }
            };
            assert_eq!(found, result, "{:?}: {what}", self.setup);
            if !matches!(access.effect, Load(_)) {
                self.copy[range.clone()].copy_from_slice(&written.to_le_bytes()[..size]);
                let around = range.start.saturating_sub(32)..self.copy.len().min(range.end + 32);
                let mut bytes = vec![0; around.len()];
                let at = around.start as u64;
                self.memory.read(&self.store, at, &mut bytes).unwrap();
                assert_eq!(bytes, &self.copy[around], "{:?}: {what}", self.setup);
            }
        }
    }

    fn bulk_operations(&mut self) {
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
    fn grow(&mut self, delta: u64) {
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

/// Everything, as the memory is at first, after it has grown, and after it has failed to.
fn check(setup: Setup) {
    let mut border = Border::new(setup);
    border.accesses();
    border.bulk_operations();
    let room = setup.ty.maximum_pages.unwrap() - setup.ty.minimum_pages;
    border.grow(room);
    border.refill();
    border.setup.accesses = FEW;
    border.accesses();
    border.bulk_operations();
    border.grow(1);
    border.grow(u64::from(u32::MAX));
    border.accesses();
}

#[test]
fn guarded_memories_end_where_they_end_whatever_the_guard() {
    check(Setup::new(USUAL, GUARDED).with_all_accesses());
    for guard_bytes in [0, 65_536, 3 << 30, 5 << 30] {
        check(Setup::new(USUAL, guard(guard_bytes)));
    }
    check(Setup::new(EMPTY, GUARDED));
    let unoptimised = Setup {
        opt_level: OptLevel::None,
        ..Setup::new(USUAL, GUARDED)
    };
    check(unoptimised);
}

#[test]
fn checked_memories_end_where_they_end() {
    check(Setup::new(USUAL, CHECKED).with_all_but_atomics());
    check(Setup::new(EMPTY, CHECKED));
}

#[test]
fn memories_with_64_bit_addresses_end_where_they_end() {
    for (ty, tunables) in [(EMPTY, GUARDED), (USUAL, CHECKED)] {
        check(Setup::new(ty.with_64_bits(), tunables));
    }
    check(Setup::new(USUAL.with_64_bits(), GUARDED).with_all_accesses());
    let unoptimised = Setup {
        opt_level: OptLevel::None,
        ..Setup::new(EMPTY.with_64_bits(), GUARDED)
    };
    check(unoptimised);
}

#[test]
fn memories_of_single_bytes_end_where_they_end() {
    check(Setup::new(BYTES, GUARDED).with_all_but_atomics());
    for ty in [NO_BYTES, BYTES.with_64_bits(), NO_BYTES.with_64_bits()] {
        check(Setup::new(ty, GUARDED));
    }
    check(Setup::new(BYTES, CHECKED));
}

#[test]
fn shared_memories_end_where_they_end() {
    check(Setup::new(USUAL.shared(), GUARDED).with_all_accesses());
    for (ty, tunables) in [
        (USUAL, CHECKED),
        (EMPTY, guard(0)),
        (USUAL.with_64_bits(), GUARDED),
        (BYTES, GUARDED),
    ] {
        check(Setup::new(ty.shared(), tunables));
    }
    for place in [Place::Imported, Place::Pooled, Place::Allocated] {
        check(Setup::new(USUAL.shared(), GUARDED).at(place));
    }
    check(Setup::new(USUAL.shared(), CHECKED).at(Place::Allocated));
}

#[test]
fn memories_of_others_end_where_they_end() {
    for place in [
        Place::Second,
        Place::Imported,
        Place::Pooled,
        Place::Allocated,
    ] {
        for ty in [USUAL, USUAL.with_64_bits(), BYTES] {
            check(Setup::new(ty, GUARDED).at(place));
        }
        check(Setup::new(USUAL, CHECKED).at(place));
    }
    check(Setup::new(USUAL, CHECKED).at(Place::ImportedGuarded));
}

/// Functions to look at single places of a large memory, with `ix` as the type of addresses.
const PLACES: &str = r#"
    (func (export "load8") (param ix) (result i64) (i64.load8_u (local.get 0)))
    (func (export "load") (param ix) (result i64) (i64.load (local.get 0)))
    (func (export "load_behind") (param ix) (result i64) (i64.load offset=8 (local.get 0)))
    (func (export "load_far") (param ix) (result i64) (i64.load offset=0xffff_fff8 (local.get 0)))
    (func (export "store") (param ix) (i64.store (local.get 0) (i64.const -1)))
    (func (export "grow") (param ix) (result ix) (memory.grow (local.get 0))))"#;

#[test]
fn a_memory_of_4_gib_ends_with_the_last_address() {
    let wat = format!("(module (memory (export \"memory\") 65536) {PLACES}").replace("ix", "i32");
    for tunables in [GUARDED, CHECKED, guard(0)] {
        let setup = Setup::new(USUAL, tunables);
        let engine = Engine::default();
        let compiled = Compiled::new(&wasm(&wat), &setup.options()).unwrap();
        let module = load(&engine, &compiled).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.memory(&mut store, "memory").unwrap();
        memory
            .store(&mut store, 0xffff_fff8, 0x0807_0605_0403_0201u64)
            .unwrap();
        let mut check = |name: &str, index: u32, expected: Option<u64>| {
            let func = instance.typed_func::<u32, u64>(&mut store, name).unwrap();
            let found = func.call(&mut store, index);
            let found = match found {
                Ok(value) => Some(value),
                Err(error) => {
                    assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
                    None
                }
            };
            assert_eq!(found, expected, "{name} {index:#x}, {tunables:?}");
        };
        check("load8", u32::MAX, Some(8));
        check("load", 0xffff_fff8, Some(0x0807_0605_0403_0201));
        check("load", 0xffff_fff9, None);
        check("load", u32::MAX, None);
        check("load_behind", 0xffff_fff0, Some(0x0807_0605_0403_0201));
        check("load_behind", 0xffff_fff1, None);
        check("load_behind", 0xffff_fff8, None);
        check("load_far", 0, Some(0x0807_0605_0403_0201));
        check("load_far", 1, None);
        check("load_far", u32::MAX, None);
        let grow = instance.typed_func::<u32, u32>(&mut store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 0).unwrap(), 65_536);
        assert_eq!(grow.call(&mut store, 1).unwrap(), u32::MAX);
    }
}

#[test]
fn a_memory_may_have_more_than_4_gib_where_the_host_allows_it() {
    let engine = Engine::new(Config::new().max_memory_bytes(9 << 30));
    // No machine has what this declares as its maximum.
    let wat = format!("(module (memory (export \"memory\") i64 1 0x1000000000000) {PLACES}");
    let module = precast_tests::module(&engine, &wat.replace("ix", "i64"));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let memory = instance.memory(&mut store, "memory").unwrap();
    let grow = instance.typed_func::<u64, u64>(&mut store, "grow").unwrap();
    let touch = instance.typed_func::<u64, ()>(&mut store, "store").unwrap();
    let load = instance.typed_func::<u64, u64>(&mut store, "load").unwrap();
    let gib = |count: u64| count << 30;
    let pages = |bytes: u64| bytes / 65_536;
    memory.store(&mut store, 0, 1u64).unwrap();

    // It stays where it is up to 4 GiB, then moves, and leaves what was never touched untouched.
    let before = memory.data(&store).as_ptr();
    assert_eq!(grow.call(&mut store, pages(gib(4)) - 1).unwrap(), 1);
    assert_eq!(memory.data(&store).as_ptr(), before);
    memory.store(&mut store, gib(4) - 8, 2u64).unwrap();
    assert_eq!(grow.call(&mut store, pages(gib(1))).unwrap(), pages(gib(4)));
    touch.call(&mut store, gib(5) - 8).unwrap();
    assert_eq!(memory.load::<u64>(&store, gib(5) - 8).unwrap(), u64::MAX);
    for (index, expected) in [(0, 1), (gib(4) - 8, 2), (gib(4), 0), (gib(3), 0)] {
        assert_eq!(load.call(&mut store, index).unwrap(), expected);
    }
    for index in [gib(5) - 7, gib(5), gib(9), 1 << 63, u64::MAX] {
        let error = load.call(&mut store, index).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
    }
    assert_eq!(grow.call(&mut store, pages(gib(4)) + 1).unwrap(), u64::MAX);
    assert_eq!(grow.call(&mut store, u64::MAX).unwrap(), u64::MAX);
    assert_eq!(grow.call(&mut store, 0).unwrap(), pages(gib(5)));
}

#[test]
fn a_memory_beyond_the_limit_is_refused_however_wide_its_addresses() {
    for pages in [65_537u64, 1 << 32, 1 << 47, 1 << 48] {
        let engine = Engine::default();
        let module = precast_tests::module(&engine, &format!("(module (memory i64 {pages}))"));
        let mut store = Store::new(&engine, ());
        let refused = Instance::new(&mut store, &module, &[]);
        assert!(matches!(refused, Err(Error::Limit(_))), "{pages}");
    }
}

/// Maps memories as they are asked for.
#[derive(Debug)]
struct Mapped;

#[derive(Debug)]
struct MappedMemory {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the value.
unsafe impl Send for MappedMemory {}
// SAFETY: `&MappedMemory` tells an address.
unsafe impl Sync for MappedMemory {}

// SAFETY: what is returned is mapped for it alone, with nothing accessible but what is asked for.
unsafe impl MemoryAllocator for Mapped {
    fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>> {
        let own = request.reserve_bytes.max(request.maximum_bytes);
        let bytes = (own + request.guard_bytes) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: nothing that is mapped is replaced.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let base = NonNull::new(start.cast()).unwrap();
        let mut memory = MappedMemory { base, bytes };
        memory.grow_to(request.minimum_bytes)?;
        Ok(Box::new(memory))
    }
}

// SAFETY: see `allocate`; it never moves.
unsafe impl AllocatedMemory for MappedMemory {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn grow_to(&mut self, length_bytes: u64) -> io::Result<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        assert!(length_bytes as usize <= self.bytes && length_bytes.is_multiple_of(65_536));
        // SAFETY: the range is this mapping's.
        match unsafe {
            libc::mprotect(self.base.as_ptr().cast(), length_bytes as usize, protection)
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and nobody uses it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
