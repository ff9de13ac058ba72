//! `.precast.manifest`: what the module is, as far as loading and linking need to know.
//!
//! The types below, written by `bincode` 2 in its standard configuration (little-endian varints).
//! Nothing in here grows with the number of functions that stay inside the module. Ranges count
//! from the start of the section they point into. Reading checks every index and range against
//! what it points into, so that users need not.

use serde::{Deserialize, Serialize};

use crate::abi::{VmctxCounts, VmctxLayout};
use crate::types::{FuncType, GlobalType, HeapType, MemoryType, SubType, TableType};

/// A range of bytes within a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Range32 {
    /// Where it starts.
    pub offset: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Range32 {
    /// The bytes of `section` in this range; `None` if it reaches beyond them.
    pub fn of(self, section: &[u8]) -> Option<&[u8]> {
        let start = self.offset as usize;
        section.get(start..start.checked_add(self.len as usize)?)
    }
}

/// Everything the loader must know to link and instantiate a module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The module's own name, from its name section.
    pub module_name: Option<String>,
    /// The types, each once.
    pub types: Vec<SubType>,
    /// Which of them form recursion groups of more than one; ascending.
    pub type_groups: Vec<TypeGroup>,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The exports, in order.
    pub exports: Vec<Export>,
    /// The tables the module defines.
    pub tables: Vec<TablePlan>,
    /// The memories the module defines.
    pub memories: Vec<MemoryPlan>,
    /// The globals the module defines.
    pub globals: Vec<GlobalPlan>,
    /// The type of each tag the module defines, an index into the types.
    pub tags: Vec<u32>,
    /// The data segments, by index.
    pub data_segments: Vec<DataSegment>,
    /// The element segments, by index.
    pub element_segments: Vec<ElementSegment>,
    /// The start function.
    pub start: Option<u32>,
    /// The functions that escape, as `u32` indices in the elements section: the vmctx holds a
    /// funcref for each, in this order.
    pub escaping: Range32,
    /// Names of the runtime symbols whose addresses the slots of `.got` take, in order.
    pub got: Vec<String>,
    /// Per type, its entry trampolines, if the host may call such functions.
    pub entry_trampolines: Vec<Option<Trampolines>>,
    /// Per type, its import trampolines, if the code may call such functions of the host's.
    pub import_trampolines: Vec<Option<Trampolines>>,
    /// WebAssembly features beyond version 2.0 that the module needs, by name.
    pub features: Vec<String>,
    /// Where the contents of the module's code section start, in bytes from the start of the
    /// module; 0 if it has none. The addresses in the module's DWARF count from there.
    pub code_offset: u32,
}

/// A recursion group of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeGroup {
    /// The index of its first type.
    pub first: u32,
    /// How many types it has.
    pub len: u32,
}

/// The trampolines for a type in one direction, as offsets in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trampolines {
    /// The one that passes values in slots.
    pub slots: u32,
    /// The one that passes them in registers, if the type is
    /// [direct](crate::FuncType::is_direct).
    pub direct: Option<u32>,
}

/// Something the module wants from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The module it is wanted from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it must be.
    pub ty: ImportType,
}

/// What an import must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportType {
    /// A function of the type at this index.
    Func(u32),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of exceptions whose arguments are the parameters of the type at this index.
    Tag(u32),
}

/// Something the module offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The name it is offered under.
    pub name: String,
    /// What it is.
    pub index: ExternIndex,
}

/// An index into one of the module's index spaces (imports first, then definitions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExternIndex {
    /// A function.
    Func(u32),
    /// A table.
    Table(u32),
    /// A memory.
    Memory(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

/// A table that the module defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Its type.
    pub ty: TableType,
    /// Where the table is in `.precast.tables`, if it is constant. A constant table is not in the
    /// vmctx.
    pub constant: Option<Range32>,
    /// What the elements are before segments are applied; of no account for a constant table.
    pub init: ConstExpr,
}

/// A memory that the module defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPlan {
    /// Its type.
    pub ty: MemoryType,
    /// What it holds at the start, beside zeros; ascending, in whole pages of the target.
    pub image: Vec<Extent>,
}

/// A run of pages of a memory's initial contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Where it goes, in bytes from the start of the memory.
    pub memory_offset: u64,
    /// Where it is, in bytes from the start of the image section.
    pub image_offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// A global that the module defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalPlan {
    /// Its type.
    pub ty: GlobalType,
    /// Its first value.
    pub init: ConstExpr,
}

/// A constant expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConstExpr {
    /// `i32.const`.
    I32(i32),
    /// `i64.const`.
    I64(i64),
    /// `f32.const`, as bits.
    F32(u32),
    /// `f64.const`, as bits.
    F64(u64),
    /// `v128.const`, as little-endian bytes.
    V128([u8; 16]),
    /// `global.get`.
    GlobalGet(u32),
    /// `ref.null`.
    RefNull(HeapType),
    /// `ref.func`.
    RefFunc(u32),
    /// Several operators, whose value is not known before the module is instantiated.
    Ops(Box<[ConstOp]>),
}

/// An operator of a constant expression that has several. They work on a stack of integers, as in
/// the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConstOp {
    /// `i32.const`.
    I32(i32),
    /// `i64.const`.
    I64(i64),
    /// `global.get` of an integer.
    GlobalGet(u32),
    /// `i32.add`.
    I32Add,
    /// `i32.sub`.
    I32Sub,
    /// `i32.mul`.
    I32Mul,
    /// `i64.add`.
    I64Add,
    /// `i64.sub`.
    I64Sub,
    /// `i64.mul`.
    I64Mul,
}

impl ConstOp {
    /// The value that operators give, of which a `global.get` gives what `global` says. Integers of
    /// 32 bits have zeros above. `None` if a global has no value, or an operator no operands.
    pub fn evaluate(ops: &[Self], global: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        let narrow = |value: u64| u64::from(value as u32);
        let mut stack = Vec::new();
        for op in ops {
            let value = match *op {
                Self::I32(value) => u64::from(value.cast_unsigned()),
                Self::I64(value) => value.cast_unsigned(),
                Self::GlobalGet(index) => global(index)?,
                _ => {
                    let second: u64 = stack.pop()?;
                    let first: u64 = stack.pop()?;
                    match op {
                        Self::I32Add => narrow(first.wrapping_add(second)),
                        Self::I32Sub => narrow(first.wrapping_sub(second)),
                        Self::I32Mul => narrow(first.wrapping_mul(second)),
                        Self::I64Add => first.wrapping_add(second),
                        Self::I64Sub => first.wrapping_sub(second),
                        _ => first.wrapping_mul(second),
                    }
                }
            };
            stack.push(value);
        }
        stack.pop()
    }
}

/// A data segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSegment {
    /// When it is used.
    pub mode: DataMode,
    /// Its bytes, in the passive section; empty where they are in an image.
    pub bytes: Range32,
}

/// When a data segment is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataMode {
    /// When `memory.init` asks for it.
    Passive,
    /// It is part of a memory's image: nothing is left to do.
    InImage,
    /// Copied at instantiation.
    Active {
        /// The memory it goes to.
        memory: u32,
        /// Where in the memory.
        offset: ConstExpr,
    },
}

/// An element segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementSegment {
    /// When it is used.
    pub mode: ElementMode,
    /// Its items.
    pub items: ElementItems,
}

/// When an element segment is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementMode {
    /// When `table.init` asks for it.
    Passive,
    /// Never: it declares references, or it is part of a constant table.
    Dropped,
    /// Copied at instantiation.
    Active {
        /// The table it goes to.
        table: u32,
        /// Where in the table.
        offset: ConstExpr,
    },
}

/// The items of an element segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementItems {
    /// Functions, as `u32` indices in the elements section; `u32::MAX` is null. All of them
    /// escape or are imported.
    Funcs(Range32),
    /// Constant expressions.
    Exprs(Vec<ConstExpr>),
}

impl Manifest {
    /// The recursion groups of the types, those of one type included: where each starts, and its
    /// types.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &[SubType])> {
        let mut larger = self.type_groups.iter().peekable();
        let mut start = 0;
        std::iter::from_fn(move || {
            let first = start;
            let group = larger.next_if(|group| group.first == first);
            let len = group.map_or(1, |group| group.len);
            start = first.checked_add(len)?;
            let types = self.types.get(first as usize..start as usize)?;
            Some((first, types))
        })
    }

    /// Replaces the numbers of types in all types but for those in constant expressions, which
    /// stay the module's.
    pub fn map_types(&mut self, number: impl Fn(u32) -> u32 + Copy) {
        for ty in &mut self.types {
            if ty.type_numbers().next().is_some() {
                *ty = ty.map_types(number);
            }
        }
        for import in &mut self.imports {
            match &mut import.ty {
                ImportType::Table(ty) => *ty = ty.map_types(number),
                ImportType::Global(ty) => *ty = ty.map_types(number),
                ImportType::Func(_) | ImportType::Memory(_) | ImportType::Tag(_) => {}
            }
        }
        for plan in &mut self.tables {
            plan.ty = plan.ty.map_types(number);
        }
        for plan in &mut self.globals {
            plan.ty = plan.ty.map_types(number);
        }
    }

    /// The function type at `index`.
    pub fn func_type(&self, index: u32) -> Option<&FuncType> {
        Some(&self.types.get(index as usize)?.func)
    }

    /// How many of each thing the module imports: functions, tables, memories, globals, tags.
    pub fn imported(&self) -> ImportedCounts {
        let mut counts = ImportedCounts::default();
        for import in &self.imports {
            match import.ty {
                ImportType::Func(_) => counts.funcs += 1,
                ImportType::Table(_) => counts.tables += 1,
                ImportType::Memory(_) => counts.memories += 1,
                ImportType::Global(_) => counts.globals += 1,
                ImportType::Tag(_) => counts.tags += 1,
            }
        }
        counts
    }

    /// The layout of the module's vmctx; `None` if it would be too large.
    pub fn vmctx_layout(&self) -> Option<VmctxLayout> {
        let imported = self.imported();
        let count = |len: usize| u32::try_from(len).ok();
        let changing = self.tables.iter().filter(|t| t.constant.is_none()).count();
        VmctxLayout::new(&VmctxCounts {
            types: count(self.types.len())?,
            imported_funcs: imported.funcs,
            imported_memories: imported.memories,
            imported_tables: imported.tables,
            imported_globals: imported.globals,
            memories: count(self.memories.len())?,
            tables: count(changing)?,
            globals: count(self.globals.len())?,
            funcrefs: self.escaping.len / 4,
        })
    }

    /// Encodes the manifest.
    #[cfg(feature = "write")]
    pub(crate) fn encode(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "plain data written to memory: bincode has nothing to refuse"
        )]
        bincode::serde::encode_to_vec(self, bincode::config::standard())
            .expect("a manifest can always be encoded")
    }

    /// Decodes the bytes, without looking at what they mean.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        // A length in the bytes may claim anything. The limit bounds what decoding will allocate
        // for it; it must be a constant, so the smallest fitting one is taken.
        const SMALL: usize = 1 << 20;
        const MEDIUM: usize = 1 << 24;
        const LARGE: usize = 1 << 30;
        let config = bincode::config::standard();
        let wanted = bytes.len().saturating_mul(16);
        let decoded = if wanted <= SMALL {
            bincode::serde::decode_from_slice(bytes, config.with_limit::<SMALL>())
        } else if wanted <= MEDIUM {
            bincode::serde::decode_from_slice(bytes, config.with_limit::<MEDIUM>())
        } else {
            bincode::serde::decode_from_slice(bytes, config.with_limit::<LARGE>())
        };
        let (manifest, read) = decoded.ok()?;
        (read == bytes.len()).then_some(manifest)
    }
}

/// How many of each thing a module imports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportedCounts {
    /// Functions.
    pub funcs: u32,
    /// Tables.
    pub tables: u32,
    /// Memories.
    pub memories: u32,
    /// Globals.
    pub globals: u32,
    /// Tags.
    pub tags: u32,
}
