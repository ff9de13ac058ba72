//! What a precast artifact is.
//!
//! An artifact is an ELF64 file of native machine code and metadata, compiled from one
//! WebAssembly module. This crate holds the single definition of everything the compiler writes
//! and the loader reads: the container ([`Artifact`], and `write` behind the feature of that
//! name), its [note](Note) and its [manifest](Manifest), the tables that are read in place
//! ([`TrapTable`], [`AddressMap`], [`UnwindTable`], [`FuncTable`], constant tables), and the [`abi`] by which
//! generated code and loader share memory.
//!
//! It never runs anything, never opens a file, contains no `unsafe`, and reads any bytes without
//! a panic: a damaged artifact is an [`ArtifactError`] that names section and offset.
//!
//! Start reading at [`Artifact::parse`], then [`Note`], then [`Manifest`]; `FORMAT.md` in the
//! repository says the same from outside.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod abi;
mod addrmap;
mod bytes;
mod check;
mod compat;
mod const_table;
mod container;
mod cpu;
mod custom;
mod error;
mod funcs;
mod manifest;
mod note;
mod program;
mod relocatable;
mod section;
mod symbols;
mod target;
mod traps;
mod types;
mod unwind;

pub use addrmap::AddressMap;
#[cfg(feature = "write")]
pub use addrmap::AddressMapBuilder;
pub use compat::{Difference, Host};
pub use const_table::{CONST_TABLE_ENTRY_BYTES, ConstTableEntry, NULL_TYPE_ID};
#[cfg(feature = "write")]
pub use container::write::{ArtifactParts, PagedLayout, Symbol, paged_layout, write};
pub use container::{Artifact, CodeSymbol};
pub use cpu::{CpuFeature, CpuFeatures, CpuLevel};
pub use custom::CustomSections;
pub use error::ArtifactError;
pub use funcs::{FuncEntry, FuncTable};
pub use manifest::{
    ConstExpr, ConstOp, DataMode, DataSegment, ElementItems, ElementMode, ElementSegment, Export,
    Extent, ExternIndex, GlobalPlan, Import, ImportType, ImportedCounts, Manifest, MemoryPlan,
    Range32, TablePlan, Trampolines, TypeGroup,
};
pub use note::{FORMAT_VERSION, Note, SectionDigest, Tunables};
#[cfg(feature = "write")]
pub use program::attach::{AttachError, Runner};
pub use program::{PROGRAM_ALIGN, Program, RUNNER_NOTE_SECTION, RunnerNote};
pub use relocatable::{Global, ObjectFile, global_symbol};
#[cfg(feature = "write")]
pub use relocatable::{ObjectParts, Relocation, RelocationKind, RelocationTarget, write_object};
pub use section::Section;
pub use symbols::{AbiType, RuntimeSymbol};
pub use target::{Arch, Os, Target};
#[cfg(feature = "write")]
pub use traps::TrapTableBuilder;
pub use traps::{TrapCode, TrapTable};
pub use types::{
    FuncType, GlobalType, HeapType, Hierarchy, Interned, MemoryType, RefType, SubType, TableType,
    TypeInterner, ValType, WASM_PAGE_BYTES,
};

#[cfg(feature = "write")]
pub use unwind::UnwindTableBuilder;
pub use unwind::{CallSite, Catches, Handler, UnwindTable};

/// Tests damage one byte in so many; all of them, but under Miri, which is slow.
#[cfg(test)]
const DAMAGE_STEP: usize = if cfg!(miri) { 101 } else { 1 };

/// As many as make a table of several blocks.
#[cfg(test)]
const MANY_ENTRIES: u32 = if cfg!(miri) { 200 } else { 1_000 };
