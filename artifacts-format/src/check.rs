//! The manifest checked against what it points into.
//!
//! After this, every index and range of the manifest itself can be relied on. Lists that may be
//! as long as the module has functions (items of element segments, the list of escaping
//! functions, the function table) are checked item by item where they are used.

use crate::const_table::CONST_TABLE_ENTRY_BYTES;
use crate::container::Artifact;
use crate::manifest::{
    ConstExpr, ConstOp, DataMode, ElementItems, ElementMode, Extent, ExternIndex, ImportType,
    Manifest, MemoryPlan, Range32, TablePlan, Trampolines, TypeGroup,
};
use crate::section::Section;
use crate::types::{GlobalType, HeapType, MemoryType, RefType, TableType, ValType};

type Checked = Result<(), &'static str>;

/// Checks the whole manifest; the error says what is out of range.
pub(crate) fn manifest(manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
    let spaces = IndexSpaces::of(manifest, artifact)?;
    let checks = [
        types(manifest),
        spaces.imports_and_exports(manifest),
        spaces.tables(manifest, artifact),
        spaces.memories(manifest, artifact),
        spaces.globals(manifest),
        tags(manifest),
        spaces.segments(manifest, artifact),
        spaces.code(manifest, artifact),
    ];
    checks.into_iter().collect()
}

fn ensure(holds: bool, what: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(what) }
}

/// Types refer to what stands before the end of their group; their groups are in order.
fn types(manifest: &Manifest) -> Checked {
    let what = "a type";
    let count = u32::try_from(manifest.types.len()).map_err(|_| what)?;
    let mut end = 0;
    for &TypeGroup { first, len } in &manifest.type_groups {
        ensure(first >= end && len > 1, "a group of types")?;
        end = first.checked_add(len).ok_or("a group of types")?;
    }
    ensure(end <= count, "a group of types")?;
    for (start, group) in manifest.groups() {
        let end = start as usize + group.len();
        for ty in group {
            let mut numbers = ty.type_numbers();
            ensure(numbers.all(|number| (number as usize) < end), what)?;
        }
    }
    // Following supertypes comes to an end.
    for (number, ty) in (0..).zip(&manifest.types) {
        ensure(
            ty.supertype.is_none_or(|supertype| supertype < number),
            what,
        )?;
    }
    Ok(())
}

fn tags(manifest: &Manifest) -> Checked {
    let mut tags = manifest.tags.iter();
    tags.try_for_each(|&ty| tag_type(manifest, ty))
}

/// An exception has arguments, but gives nothing back.
fn tag_type(manifest: &Manifest, ty: u32) -> Checked {
    let results = manifest.func_type(ty).map(|ty| ty.results.len());
    ensure(results == Some(0), "a tag's type")
}

/// Sizes of the module's index spaces, imports included.
struct IndexSpaces {
    types: u32,
    funcs: u32,
    tables: Vec<TableType>,
    /// Whether each memory has 64-bit addresses.
    memories: Vec<bool>,
    globals: Vec<GlobalType>,
    tags: u32,
    imported_globals: usize,
}

impl IndexSpaces {
    fn of(manifest: &Manifest, artifact: &Artifact<'_>) -> Result<Self, &'static str> {
        let too_many = "more items than an index can count";
        let imported = manifest.imported();
        let defined = u32::try_from(artifact.funcs().len()).map_err(|_| too_many)?;
        let imported_tables = manifest.imports.iter().filter_map(|i| match i.ty {
            ImportType::Table(ty) => Some(ty),
            _ => None,
        });
        let imported_memories = manifest.imports.iter().filter_map(|i| match i.ty {
            ImportType::Memory(ty) => Some(ty.is_64),
            _ => None,
        });
        let imported_globals = manifest.imports.iter().filter_map(|i| match i.ty {
            ImportType::Global(ty) => Some(ty),
            _ => None,
        });
        Ok(Self {
            types: u32::try_from(manifest.types.len()).map_err(|_| too_many)?,
            funcs: imported.funcs.checked_add(defined).ok_or(too_many)?,
            tables: imported_tables
                .chain(manifest.tables.iter().map(|plan| plan.ty))
                .collect(),
            memories: imported_memories
                .chain(manifest.memories.iter().map(|plan| plan.ty.is_64))
                .collect(),
            globals: imported_globals
                .chain(manifest.globals.iter().map(|plan| plan.ty))
                .collect(),
            tags: u32::try_from(manifest.tags.len())
                .ok()
                .and_then(|defined| imported.tags.checked_add(defined))
                .ok_or(too_many)?,
            imported_globals: imported.globals as usize,
        })
    }

    fn imports_and_exports(&self, manifest: &Manifest) -> Checked {
        for import in &manifest.imports {
            match import.ty {
                ImportType::Func(ty) => ensure(ty < self.types, "an import's type")?,
                ImportType::Table(ty) => self.table_type(&ty)?,
                ImportType::Memory(ty) => memory_type(&ty)?,
                ImportType::Global(ty) => self.val_type(ty.content)?,
                ImportType::Tag(ty) => tag_type(manifest, ty)?,
            }
        }
        for export in &manifest.exports {
            let in_range = match export.index {
                ExternIndex::Func(index) => index < self.funcs,
                ExternIndex::Table(index) => (index as usize) < self.tables.len(),
                ExternIndex::Memory(index) => (index as usize) < self.memories.len(),
                ExternIndex::Global(index) => (index as usize) < self.globals.len(),
                ExternIndex::Tag(index) => index < self.tags,
            };
            ensure(in_range, "an export's index")?;
        }
        let start = manifest.start.is_none_or(|index| index < self.funcs);
        ensure(start, "the start function's index")
    }

    fn tables(&self, manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
        let section = artifact.section(Section::Tables);
        for TablePlan { ty, constant, init } in &manifest.tables {
            self.table_type(ty)?;
            self.const_expr(init, ty.element, self.globals.len())?;
            if let Some(range) = constant {
                let aligned = range.offset.is_multiple_of(CONST_TABLE_ENTRY_BYTES);
                let whole = u64::from(range.len)
                    == ty
                        .minimum
                        .saturating_mul(u64::from(CONST_TABLE_ENTRY_BYTES));
                ensure(
                    aligned && whole && range.of(section).is_some(),
                    "a constant table's place",
                )?;
            }
        }
        Ok(())
    }

    fn memories(&self, manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
        let section_len = artifact.section(Section::Image).len() as u64;
        let page = u64::from(artifact.note().page_bytes);
        for MemoryPlan { ty, image } in &manifest.memories {
            memory_type(ty)?;
            let minimum_bytes = ty.minimum_bytes().unwrap_or(u64::MAX);
            let mut end = 0;
            for extent in image {
                let Extent {
                    memory_offset,
                    image_offset,
                    len,
                } = *extent;
                let paged = [memory_offset, image_offset, len]
                    .into_iter()
                    .all(|number| number.is_multiple_of(page));
                let memory_end = memory_offset.checked_add(len);
                let image_end = image_offset.checked_add(len);
                let fits = memory_end.is_some_and(|at| at <= minimum_bytes)
                    && image_end.is_some_and(|at| at <= section_len);
                let ascending = memory_offset >= end;
                ensure(
                    paged && fits && ascending && len > 0,
                    "an extent of a memory's image",
                )?;
                end = memory_offset + len;
            }
        }
        Ok(())
    }

    fn globals(&self, manifest: &Manifest) -> Checked {
        for (index, plan) in manifest.globals.iter().enumerate() {
            // An initial value may use the globals before it.
            self.val_type(plan.ty.content)?;
            self.const_expr(&plan.init, plan.ty.content, self.imported_globals + index)?;
        }
        Ok(())
    }

    fn segments(&self, manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
        let passive = artifact.section(Section::Passive);
        for segment in &manifest.data_segments {
            ensure(
                segment.bytes.of(passive).is_some(),
                "a data segment's bytes",
            )?;
            if let DataMode::Active { memory, offset } = &segment.mode {
                let is_64 = self.memories.get(*memory as usize);
                let is_64 = *is_64.ok_or("a data segment's memory")?;
                self.const_expr(offset, index_type(is_64), self.globals.len())?;
            }
        }
        for segment in &manifest.element_segments {
            let mut element = None;
            if let ElementMode::Active { table, offset } = &segment.mode {
                let ty = self.tables.get(*table as usize);
                let ty = ty.ok_or("an element segment's table")?;
                element = Some(ty.element);
                self.const_expr(offset, index_type(ty.is_64), self.globals.len())?;
            }
            match &segment.items {
                ElementItems::Funcs(range) => {
                    indices(*range, artifact)?;
                    let funcs = element.is_none_or(|ty| kind(ty) == ValType::FUNCREF);
                    ensure(funcs, "an element segment's type")?;
                }
                ElementItems::Exprs(items) => {
                    for item in items {
                        let ty = element.unwrap_or(self.kind_of(item)?);
                        ensure(ty.is_ref(), "an element segment's type")?;
                        self.const_expr(item, ty, self.globals.len())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn code(&self, manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
        indices(manifest.escaping, artifact)?;
        let text_len = artifact.section(Section::Text).len();
        for trampolines in [&manifest.entry_trampolines, &manifest.import_trampolines] {
            ensure(
                trampolines.len() == self.types as usize,
                "the number of trampolines",
            )?;
            for (trampolines, ty) in trampolines.iter().zip(&manifest.types) {
                let Some(Trampolines { slots, direct }) = *trampolines else {
                    continue;
                };
                let inside = |offset: u32| (offset as usize) < text_len;
                ensure(
                    inside(slots) && direct.is_none_or(inside),
                    "a trampoline's offset",
                )?;
                let fits = direct.is_none() || ty.func.is_direct();
                ensure(fits, "a trampoline's type")?;
            }
        }
        let slots = manifest.got.len().checked_mul(8);
        ensure(
            slots == Some(artifact.section(Section::Got).len()),
            "the number of slots",
        )?;
        ensure(manifest.vmctx_layout().is_some(), "the size of the vmctx")
    }

    /// What values of the expression look like. See [`kind`].
    fn kind_of(&self, expr: &ConstExpr) -> Result<ValType, &'static str> {
        Ok(match expr {
            ConstExpr::I32(_) => ValType::I32,
            ConstExpr::I64(_) => ValType::I64,
            ConstExpr::F32(_) => ValType::F32,
            ConstExpr::F64(_) => ValType::F64,
            ConstExpr::V128(_) => ValType::V128,
            ConstExpr::RefNull(heap) => kind(ValType::Ref(RefType::nullable(*heap))),
            ConstExpr::RefFunc(_) => ValType::FUNCREF,
            ConstExpr::GlobalGet(index) => self.kind_of_global(*index)?,
            ConstExpr::Ops(ops) => self.kind_of_ops(ops)?,
        })
    }

    fn kind_of_global(&self, index: u32) -> Result<ValType, &'static str> {
        let global = self.globals.get(index as usize);
        Ok(kind(
            global.ok_or("a constant expression's global")?.content,
        ))
    }

    /// Runs the operators on kinds instead of values.
    fn kind_of_ops(&self, ops: &[ConstOp]) -> Result<ValType, &'static str> {
        let what = "a constant expression's operators";
        let mut stack = Vec::new();
        for op in ops {
            let (operands, result) = match *op {
                ConstOp::I32(_) => (0, ValType::I32),
                ConstOp::I64(_) => (0, ValType::I64),
                ConstOp::GlobalGet(index) => (0, self.kind_of_global(index)?),
                ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => (2, ValType::I32),
                ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => (2, ValType::I64),
            };
            for _ in 0..operands {
                ensure(stack.pop() == Some(result), what)?;
            }
            stack.push(result);
        }
        match stack[..] {
            [result @ (ValType::I32 | ValType::I64)] => Ok(result),
            _ => Err(what),
        }
    }

    /// Checks an expression for a value of type `ty` that may use the first `globals` globals.
    fn const_expr(&self, expr: &ConstExpr, ty: ValType, globals: usize) -> Checked {
        let global = |index: u32| {
            let known = (index as usize) < globals;
            ensure(known, "a constant expression's global")
        };
        match expr {
            ConstExpr::GlobalGet(index) => global(*index)?,
            ConstExpr::RefFunc(index) => {
                ensure(*index < self.funcs, "a constant expression's function")?;
            }
            ConstExpr::Ops(ops) => {
                for op in ops {
                    if let ConstOp::GlobalGet(index) = op {
                        global(*index)?;
                    }
                }
            }
            _ => {}
        }
        let fits = self.kind_of(expr)? == kind(ty);
        ensure(fits, "a constant expression's type")
    }

    fn table_type(&self, ty: &TableType) -> Checked {
        self.val_type(ty.element)?;
        let maximum = ty.maximum.unwrap_or(u64::MAX);
        let fits = ty.element.is_ref() && ty.minimum <= maximum;
        ensure(fits, "a table's type")
    }

    fn val_type(&self, ty: ValType) -> Checked {
        let number = ty.as_ref().and_then(|ty| ty.heap.concrete());
        ensure(number.is_none_or(|number| number < self.types), "a type")
    }
}

/// What values of a type look like: their type, but for references, of which nothing counts but
/// whether they are to functions, host values or exceptions. Whether they fit beyond that, the
/// compiler has checked; code relies on it, and only those who trust an artifact run its code.
fn kind(ty: ValType) -> ValType {
    match ty {
        ValType::Ref(ty) => ValType::Ref(RefType::nullable(match ty.heap {
            HeapType::Func | HeapType::NoFunc | HeapType::Concrete(_) => HeapType::Func,
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            HeapType::Exn | HeapType::NoExn => HeapType::Exn,
        })),
        other => other,
    }
}

fn index_type(is_64: bool) -> ValType {
    if is_64 { ValType::I64 } else { ValType::I32 }
}

fn memory_type(ty: &MemoryType) -> Checked {
    ensure(ty.is_valid(), "a memory's type")
}

fn indices(range: Range32, artifact: &Artifact<'_>) -> Checked {
    let section = artifact.section(Section::Elements);
    ensure(
        range.len.is_multiple_of(4) && range.of(section).is_some(),
        "a list of functions",
    )
}
