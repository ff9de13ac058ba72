//! What is decided before the first function is translated: which tables are constant, which
//! functions escape, where everything is in the vmctx, what memories start with.

use precast_artifacts_format::abi::{VmctxCounts, VmctxLayout};
use precast_artifacts_format::{
    CONST_TABLE_ENTRY_BYTES, ConstExpr, ExternIndex, Hierarchy, Target,
};
use rustc_hash::FxHashMap;

use crate::error::CompileError;
use crate::features::Features;
use crate::image::{self, Images};
use crate::module::{Items, Module, NULL_FUNC, SegmentMode};
use crate::scan::Uses;

/// A constant table may be this much longer than the items in it, and all of them together by
/// [`SLACK_ELEMENTS`] more.
const MAX_GROWTH: u64 = 2;
const SLACK_ELEMENTS: u64 = 1 << 12;

/// The most elements of constant tables: distances to them stay well below 2 GiB.
const MAX_CONST_ELEMENTS: u64 = 1 << 26;

/// The decisions.
pub(crate) struct Plan {
    pub(crate) layout: VmctxLayout,
    /// Where each table is, by index.
    pub(crate) tables: Vec<TablePlace>,
    /// The constant tables, as the functions in them ([`NULL_FUNC`] for null).
    pub(crate) const_tables: Vec<Vec<u32>>,
    /// The functions that escape, ascending.
    pub(crate) escaping: Vec<u32>,
    /// From a function that escapes to its place in the vmctx.
    pub(crate) funcref_of: FxHashMap<u32, u32>,
    /// Imported functions that a constant table holds: each needs a thunk. Ascending.
    pub(crate) thunks: Vec<u32>,
    /// The values of globals that never change, by index.
    pub(crate) const_globals: Vec<Option<ConstExpr>>,
    /// Types whose functions the host may call, ascending.
    pub(crate) entry_types: Vec<u32>,
    /// Types of host functions that the code may call, ascending.
    pub(crate) import_types: Vec<u32>,
    /// Whether the code throws exceptions.
    pub(crate) throws: bool,
    pub(crate) images: Images,
    /// What the module needs beyond version 2.0.
    pub(crate) features: Features,
}

/// Where a table is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TablePlace {
    /// The imported table of this number.
    Imported(u32),
    /// In the vmctx, the table of this number there.
    Vmctx(u32),
    /// Among the constant tables.
    Constant {
        /// Where it starts in the section, in bytes.
        offset: u32,
        /// Its length in elements.
        length: u32,
    },
}

impl TablePlace {
    pub(crate) fn is_constant(self) -> bool {
        matches!(self, Self::Constant { .. })
    }
}

impl Plan {
    /// Decides for `module`, whose bodies use `uses`.
    pub(crate) fn new(
        module: &Module<'_>,
        uses: &Uses,
        target: Target,
    ) -> Result<Self, CompileError> {
        let (tables, const_tables) = place_tables(module, uses);
        let escaping = escaping(module, uses, &tables);
        let mut thunks: Vec<u32> = const_tables
            .iter()
            .flatten()
            .copied()
            .filter(|&func| func < module.imported_funcs)
            .collect();
        sort_and_dedup(&mut thunks);

        let count = |len: usize, imported: u32| len as u32 - imported;
        let vmctx_tables = tables
            .iter()
            .filter(|place| matches!(place, TablePlace::Vmctx(_)))
            .count();
        let layout = VmctxLayout::new(&VmctxCounts {
            types: module.types.len() as u32,
            imported_funcs: module.imported_funcs,
            imported_memories: module.imported_memories,
            imported_tables: module.imported_tables,
            imported_globals: module.imported_globals,
            memories: count(module.memories.len(), module.imported_memories),
            tables: vmctx_tables as u32,
            globals: count(module.globals.len(), module.imported_globals),
            funcrefs: escaping.len() as u32,
        })
        .ok_or(CompileError::Limit {
            what: "types, imports, globals and functions together need too many bytes per instance",
            limit: i32::MAX as u64,
            name: None,
        })?;

        Ok(Self {
            layout,
            entry_types: entry_types(module, &escaping),
            import_types: import_types(module, uses, &tables),
            funcref_of: escaping.iter().copied().zip(0..).collect(),
            tables,
            const_tables,
            escaping,
            thunks,
            const_globals: const_globals(module),
            throws: uses.throws,
            images: image::plan(module, target.page_bytes() as usize),
            features: module.features.union(uses.features),
        })
    }

    /// Whether the active segments of `table` are part of a constant table.
    pub(crate) fn is_const_table(&self, table: u32) -> bool {
        self.tables[table as usize].is_constant()
    }
}

fn sort_and_dedup(numbers: &mut Vec<u32>) {
    numbers.sort_unstable();
    numbers.dedup();
}

fn place_tables(module: &Module<'_>, uses: &Uses) -> (Vec<TablePlace>, Vec<Vec<u32>>) {
    let mut places: Vec<_> = (0..module.imported_tables)
        .map(TablePlace::Imported)
        .collect();
    let mut const_tables: Vec<Vec<u32>> = Vec::new();
    let mut offset = 0;
    let mut in_vmctx = 0;
    let mut seen_from_outside = vec![false; module.tables.len()];
    for export in &module.exports {
        if let ExternIndex::Table(table) = export.index {
            seen_from_outside[table as usize] = true;
        }
    }
    let mut segments = vec![Vec::new(); module.tables.len()];
    for segment in &module.elements {
        if let SegmentMode::Active(table, offset) = &segment.mode {
            segments[*table as usize].push((offset, &segment.items));
        }
    }
    let (mut slack, mut left) = (SLACK_ELEMENTS, MAX_CONST_ELEMENTS);
    // An element's type is to be a number known now. That of an imported function may be any
    // subtype of what the module says.
    let has_subtypes = module.types.iter().any(|ty| !ty.is_final);
    for table in module.imported_tables..module.tables.len() as u32 {
        let changes = seen_from_outside[table as usize] || uses.tables.contains(&table);
        let contents = if changes || has_subtypes {
            None
        } else {
            constant_contents(module, table, &segments[table as usize], slack, left)
        };
        if let Some((contents, slack_left)) = contents {
            slack = slack_left;
            left -= contents.len() as u64;
            let length = contents.len() as u32;
            places.push(TablePlace::Constant { offset, length });
            offset += length * CONST_TABLE_ENTRY_BYTES;
            const_tables.push(contents);
        } else {
            places.push(TablePlace::Vmctx(in_vmctx));
            in_vmctx += 1;
        }
    }
    (places, const_tables)
}

/// What the table holds for ever, if that can be told now, and how much of `slack` that leaves.
/// Nothing writes the table, reads its elements as values or sees it from outside; of its
/// `segments` all have to have known places within it. It may have `left` elements.
fn constant_contents(
    module: &Module<'_>,
    table: u32,
    segments: &[(&ConstExpr, &Items)],
    slack: u64,
    left: u64,
) -> Option<(Vec<u32>, u64)> {
    let ty = module.tables[table as usize];
    let init = &module.table_inits[(table - module.imported_tables) as usize];
    if !ty.element.refers_to(Hierarchy::Func) || !matches!(init, ConstExpr::RefNull(_)) {
        return None;
    }
    let mut items_in_all = 0;
    for (_, items) in segments {
        match items {
            Items::Funcs(funcs) => items_in_all += funcs.len() as u64,
            Items::Exprs(_) => return None,
        }
    }
    let excess = ty.minimum.saturating_sub(items_in_all * MAX_GROWTH);
    let slack = slack.checked_sub(excess)?;
    if ty.minimum > left {
        return None;
    }
    let mut contents = vec![NULL_FUNC; ty.minimum as usize];
    for (offset, items) in segments {
        let start = match **offset {
            ConstExpr::I32(offset) => offset.cast_unsigned() as usize,
            ConstExpr::I64(offset) => usize::try_from(offset).ok()?,
            _ => return None,
        };
        let Items::Funcs(funcs) = items else {
            return None;
        };
        contents
            .get_mut(start..start.checked_add(funcs.len())?)?
            .copy_from_slice(funcs);
    }
    Some((contents, slack))
}

/// The functions of which a reference can come to exist.
fn escaping(module: &Module<'_>, uses: &Uses, tables: &[TablePlace]) -> Vec<u32> {
    let mut found: Vec<u32> = uses.ref_funcs.iter().copied().collect();
    let in_expr = |expr: &ConstExpr| match expr {
        ConstExpr::RefFunc(func) => Some(*func),
        _ => None,
    };
    found.extend(module.global_inits.iter().filter_map(in_expr));
    found.extend(module.table_inits.iter().filter_map(in_expr));
    for segment in &module.elements {
        let stays = match &segment.mode {
            SegmentMode::Declared => true,
            SegmentMode::Active(table, _) => tables[*table as usize].is_constant(),
            SegmentMode::Passive => false,
        };
        if !stays {
            match &segment.items {
                Items::Funcs(funcs) => {
                    found.extend(funcs.iter().copied().filter(|&func| func != NULL_FUNC));
                }
                Items::Exprs(exprs) => found.extend(exprs.iter().filter_map(in_expr)),
            }
        }
    }
    // A damaged body may have named a function that does not exist; validation refuses it later.
    found.retain(|&func| (func as usize) < module.funcs.len());
    sort_and_dedup(&mut found);
    found
}

fn entry_types(module: &Module<'_>, escaping: &[u32]) -> Vec<u32> {
    let exported = module
        .exports
        .iter()
        .filter_map(|export| match export.index {
            ExternIndex::Func(func) => Some(func),
            _ => None,
        });
    let mut types: Vec<u32> = exported
        .chain(module.start)
        .chain(escaping.iter().copied())
        .map(|func| module.funcs[func as usize])
        .collect();
    sort_and_dedup(&mut types);
    types
}

fn import_types(module: &Module<'_>, uses: &Uses, tables: &[TablePlace]) -> Vec<u32> {
    let imported = module.funcs[..module.imported_funcs as usize]
        .iter()
        .copied();
    let called = uses.indirect_calls.iter().filter_map(|&(ty, table)| {
        let place = tables.get(table as usize)?;
        let foreign = !place.is_constant();
        let ty = module.type_of_index.get(ty as usize)?;
        foreign.then_some(*ty)
    });
    let by_reference = uses.ref_calls.iter();
    let by_reference =
        by_reference.filter_map(|&ty| module.type_of_index.get(ty as usize).copied());
    let mut types: Vec<u32> = imported.chain(called).chain(by_reference).collect();
    sort_and_dedup(&mut types);
    types
}

fn const_globals(module: &Module<'_>) -> Vec<Option<ConstExpr>> {
    let imported = (0..module.imported_globals).map(|_| None);
    let defined = module.globals[module.imported_globals as usize..]
        .iter()
        .zip(&module.global_inits)
        .map(|(ty, init)| {
            let known = !matches!(
                init,
                ConstExpr::GlobalGet(_) | ConstExpr::RefFunc(_) | ConstExpr::Ops(_)
            );
            (!ty.mutable && known).then(|| init.clone())
        });
    imported.chain(defined).collect()
}
