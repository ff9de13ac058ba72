//! The object: code and constant tables for the system's linker.

use precast_artifacts_format::{
    CONST_TABLE_ENTRY_BYTES, ExternIndex, Global, ObjectParts, Relocation, RelocationKind,
    RelocationTarget, Section, Symbol, global_symbol, write_object,
};
use rustc_hash::FxHashMap;

use super::{COMPILER_VERSION, Places, const_elements, symbols};
use crate::generate::Job;
use crate::link::{Linked, Placed};
use crate::module::Module;
use crate::options::Options;
use crate::plan::Plan;
use crate::trampoline::Passing;

/// Where the distance to the code is in an element of a constant table.
const DISTANCE_OFFSET: i64 = 4;

/// Writes the object. `jobs` are what `linked` was linked from, in order; `relocations` are what is
/// left to be done to its text.
pub(crate) fn object(
    module: &Module<'_>,
    plan: &Plan,
    jobs: &[Job],
    linked: &Linked,
    relocations: &[Relocation],
    options: &Options,
) -> Vec<u8> {
    let places = Places { jobs, linked };
    let mut tables = Vec::new();
    let mut table_relocations = Vec::new();
    for (table, entry, code) in const_elements(module, plan, &places) {
        let field = tables.len() as i64 + DISTANCE_OFFSET;
        tables.extend(entry.to_bytes());
        if let Some(code) = code {
            table_relocations.push(Relocation {
                offset: field as u64,
                kind: RelocationKind::Distance,
                target: RelocationTarget::Text,
                // The linker counts from the field, the code from the start of the table.
                addend: i64::from(code.offset) + (field - table),
            });
        }
    }
    debug_assert!(
        tables
            .len()
            .is_multiple_of(CONST_TABLE_ENTRY_BYTES as usize)
    );
    write_object(&ObjectParts {
        target: options.target,
        compiler_version: COMPILER_VERSION,
        text: &linked.text,
        tables: &tables,
        text_relocations: relocations,
        table_relocations: &table_relocations,
        locals: &symbols(module, plan, &places),
        globals: &globals(module, &places),
        runtime: &linked.slots,
    })
}

/// For each exported function that the module defines, its code and the ways into it.
fn globals(module: &Module<'_>, places: &Places<'_>) -> Vec<Symbol> {
    let mut entries: [FxHashMap<u32, Placed>; 2] = Default::default();
    for (job, placed) in places.iter() {
        if let Job::Entry(ty, passing) = job {
            entries[passing as usize].insert(ty, placed);
        }
    }
    let mut globals = Vec::new();
    for export in &module.exports {
        let ExternIndex::Func(func) = export.index else {
            continue;
        };
        let Some(defined) = module.defined_func(func) else {
            continue;
        };
        let ty = module.funcs[func as usize];
        let entry = |passing: Passing| entries[passing as usize].get(&ty).copied();
        let mut define = |global, placed: Option<Placed>| {
            globals.extend(placed.map(|placed| Symbol {
                name: global_symbol(global, &export.name),
                section: Section::Text,
                offset: placed.offset,
                size: placed.size,
            }));
        };
        define(Global::Func, Some(places.linked.placed[defined as usize]));
        define(Global::Entry, entry(Passing::Slots));
        define(Global::Direct, entry(Passing::Direct));
    }
    globals
}
