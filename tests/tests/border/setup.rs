//! Memories of all kinds, and modules that access them everywhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use precast_compiler::{Features, OptLevel, Options};
use precast_loader::{MemoryType, Tunables};

use super::access::{ACCESSES, FEW, PLAIN};

/// Where a memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
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
pub(crate) struct Setup {
    pub(crate) ty: MemoryType,
    pub(crate) tunables: Tunables,
    pub(crate) place: Place,
    pub(crate) opt_level: OptLevel,
    pub(crate) accesses: usize,
}

pub(crate) const GUARDED: Tunables = Tunables::DEFAULT;

pub(crate) const CHECKED: Tunables = Tunables {
    memory_checked: true,
    ..GUARDED
};

pub(crate) const fn guard(memory_guard_bytes: u64) -> Tunables {
    Tunables {
        memory_guard_bytes,
        ..GUARDED
    }
}

/// One page, and at most two.
pub(crate) const USUAL: MemoryType = MemoryType::new(1, Some(2));
pub(crate) const EMPTY: MemoryType = MemoryType::new(0, Some(2));
/// A length that is no multiple of anything.
pub(crate) const BYTES: MemoryType = MemoryType::new(65_539, Some(70_001)).with_page_size_log2(0);
pub(crate) const NO_BYTES: MemoryType = MemoryType::new(0, Some(1)).with_page_size_log2(0);

impl Setup {
    pub(crate) const fn new(ty: MemoryType, tunables: Tunables) -> Self {
        Self {
            ty,
            tunables,
            place: Place::Defined,
            opt_level: OptLevel::Speed,
            accesses: FEW,
        }
    }

    pub(crate) const fn with_all_accesses(self) -> Self {
        Self {
            accesses: usize::MAX,
            ..self
        }
    }

    pub(crate) const fn with_all_but_atomics(self) -> Self {
        Self {
            accesses: PLAIN.len(),
            ..self
        }
    }

    pub(crate) const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            opt_level: self.opt_level,
            tunables: self.tunables,
            features: Features::ALL,
            ..precast_tests::options()
        }
    }

    /// How the indices of an access are made: as they are, and as in [`FOLDED`].
    pub(crate) fn labels(&self, access: usize) -> Vec<&'static str> {
        let mut labels = vec![""];
        if access < FEW && self.place == Place::Defined {
            labels.extend(FOLDED.map(|(label, _)| label));
        }
        labels
    }

    /// The offsets at which that access is tried.
    pub(crate) fn offsets_of(&self, access: usize) -> Vec<u64> {
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
    pub(crate) fn number(&self) -> u32 {
        u32::from(self.place == Place::Second)
    }

    /// The offsets of accesses: around the guard, and as large as they may be.
    pub(crate) fn offsets(&self) -> Vec<u64> {
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
    pub(crate) fn indices(&self, offset: u64, size: u64, length: u64) -> BTreeSet<u64> {
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

    pub(crate) fn wat(&self) -> String {
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
pub(crate) const FOLDED: [(&str, &str); 5] = [
    ("add", "(ix.add @ (ix.const 0x1_0000))"),
    ("sub", "(ix.sub @ (ix.const 0x1_0000))"),
    ("shl", "(ix.shl @ (ix.const 4))"),
    ("-1", "(ix.const -1)"),
    ("max", "(ix.const 0x7fff_ffff)"),
];

/// What the instructions of [`FOLDED`] make of `index`.
pub(crate) fn folded(label: &str, index: u64, is_64: bool) -> u64 {
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
