//! The manifest checked against what it points into.
//!
//! After this, every index and range of the manifest itself can be relied on. Lists that may be
//! as long as the module has functions (items of element segments, the list of escaping
//! functions, the function table) are checked item by item where they are used.

use crate::abi::TABLE_ELEMENT_BYTES;
use crate::const_table::CONST_TABLE_ENTRY_BYTES;
use crate::container::Artifact;
use crate::manifest::{
    ConstExpr, DataMode, ElementItems, ElementMode, Extent, ExternIndex, ImportType, Manifest,
    MemoryPlan, Range32, TablePlan, Trampolines,
};
use crate::section::Section;
use crate::types::{GlobalType, MemoryType, TableType, ValType, WASM_PAGE_BYTES};

/// The most pages that a memory with 32-bit addresses can have.
const MAX_PAGES: u64 = 1 << 16;

type Checked = Result<(), &'static str>;

/// Checks the whole manifest; the error says what is out of range.
pub(crate) fn manifest(manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
    let spaces = IndexSpaces::of(manifest, artifact)?;
    let checks = [
        spaces.imports_and_exports(manifest),
        spaces.tables(manifest, artifact),
        spaces.memories(manifest, artifact),
        spaces.globals(manifest),
        spaces.segments(manifest, artifact),
        spaces.code(manifest, artifact),
    ];
    checks.into_iter().collect()
}

fn ensure(holds: bool, what: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(what) }
}

/// Sizes of the module's index spaces, imports included.
struct IndexSpaces {
    types: u32,
    funcs: u32,
    tables: Vec<TableType>,
    memories: u32,
    globals: Vec<GlobalType>,
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
            memories: u32::try_from(manifest.memories.len())
                .ok()
                .and_then(|defined| defined.checked_add(imported.memories))
                .ok_or(too_many)?,
            globals: imported_globals
                .chain(manifest.globals.iter().map(|plan| plan.ty))
                .collect(),
            imported_globals: imported.globals as usize,
        })
    }

    fn imports_and_exports(&self, manifest: &Manifest) -> Checked {
        for import in &manifest.imports {
            match import.ty {
                ImportType::Func(ty) => ensure(ty < self.types, "an import's type")?,
                ImportType::Table(ty) => table_type(&ty)?,
                ImportType::Memory(ty) => memory_type(&ty)?,
                ImportType::Global(_) => {}
            }
        }
        for export in &manifest.exports {
            let in_range = match export.index {
                ExternIndex::Func(index) => index < self.funcs,
                ExternIndex::Table(index) => (index as usize) < self.tables.len(),
                ExternIndex::Memory(index) => index < self.memories,
                ExternIndex::Global(index) => (index as usize) < self.globals.len(),
            };
            ensure(in_range, "an export's index")?;
        }
        let start = manifest.start.is_none_or(|index| index < self.funcs);
        ensure(start, "the start function's index")
    }

    fn tables(&self, manifest: &Manifest, artifact: &Artifact<'_>) -> Checked {
        let section = artifact.section(Section::Tables);
        for TablePlan { ty, constant, init } in &manifest.tables {
            table_type(ty)?;
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
                let fits = memory_end.is_some_and(|at| at <= ty.minimum_pages * WASM_PAGE_BYTES)
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
            if let DataMode::Active { memory, offset } = segment.mode {
                ensure(memory < self.memories, "a data segment's memory")?;
                self.const_expr(&offset, ValType::I32, self.globals.len())?;
            }
        }
        for segment in &manifest.element_segments {
            let mut element = None;
            if let ElementMode::Active { table, offset } = segment.mode {
                let ty = self.tables.get(table as usize);
                element = Some(ty.ok_or("an element segment's table")?.element);
                self.const_expr(&offset, ValType::I32, self.globals.len())?;
            }
            match &segment.items {
                ElementItems::Funcs(range) => {
                    indices(*range, artifact)?;
                    let funcs = element.is_none_or(|ty| ty == ValType::FuncRef);
                    ensure(funcs, "an element segment's type")?;
                }
                ElementItems::Exprs(items) => {
                    for item in items {
                        let ty = element.unwrap_or(self.type_of(item)?);
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
                ensure(direct.is_none() || ty.is_direct(), "a trampoline's type")?;
            }
        }
        let slots = manifest.got.len().checked_mul(8);
        ensure(
            slots == Some(artifact.section(Section::Got).len()),
            "the number of slots",
        )?;
        ensure(manifest.vmctx_layout().is_some(), "the size of the vmctx")
    }

    fn type_of(&self, expr: &ConstExpr) -> Result<ValType, &'static str> {
        Ok(match expr {
            ConstExpr::I32(_) => ValType::I32,
            ConstExpr::I64(_) => ValType::I64,
            ConstExpr::F32(_) => ValType::F32,
            ConstExpr::F64(_) => ValType::F64,
            ConstExpr::V128(_) => ValType::V128,
            ConstExpr::RefNull(ty) => *ty,
            ConstExpr::RefFunc(_) => ValType::FuncRef,
            ConstExpr::GlobalGet(index) => {
                let global = self.globals.get(*index as usize);
                global.ok_or("a constant expression's global")?.content
            }
        })
    }

    /// Checks an expression of type `ty` that may use the first `globals` globals.
    fn const_expr(&self, expr: &ConstExpr, ty: ValType, globals: usize) -> Checked {
        match expr {
            ConstExpr::GlobalGet(index) => ensure(
                (*index as usize) < globals,
                "a constant expression's global",
            )?,
            ConstExpr::RefFunc(index) => {
                ensure(*index < self.funcs, "a constant expression's function")?;
            }
            ConstExpr::RefNull(ty) => ensure(ty.is_ref(), "a null's type")?,
            _ => {}
        }
        ensure(self.type_of(expr)? == ty, "a constant expression's type")
    }
}

fn table_type(ty: &TableType) -> Checked {
    // One more byte than memory has could not be allocated either, but sums stay in range.
    let limit = u64::from(u32::MAX) * u64::from(TABLE_ELEMENT_BYTES);
    ensure(
        ty.element.is_ref() && ty.minimum <= limit && ty.maximum.is_none_or(|m| m >= ty.minimum),
        "a table's type",
    )
}

fn memory_type(ty: &MemoryType) -> Checked {
    let maximum = ty.maximum_pages.unwrap_or(MAX_PAGES);
    ensure(
        ty.minimum_pages <= maximum && maximum <= MAX_PAGES,
        "a memory's type",
    )
}

fn indices(range: Range32, artifact: &Artifact<'_>) -> Checked {
    let section = artifact.section(Section::Elements);
    ensure(
        range.len.is_multiple_of(4) && range.of(section).is_some(),
        "a list of functions",
    )
}
