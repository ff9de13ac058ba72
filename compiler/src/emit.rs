//! The artifact, put together from the parsed module, the plan and the linked text.

use precast_artifacts_format::{
    ArtifactParts, CONST_TABLE_ENTRY_BYTES, ConstTableEntry, CustomSections, ElementItems,
    ElementMode, ElementSegment, ExternIndex, FuncEntry, FuncTable, GlobalPlan, Manifest,
    NULL_TYPE_ID, Range32, Section, Symbol, TablePlan, Trampolines,
};

use crate::env::Throwing;
use crate::generate::Job;
use crate::link::{Linked, Placed};
use crate::module::{Elements, Items, Module, NULL_FUNC, SegmentMode};
use crate::options::Options;
use crate::plan::{Plan, TablePlace};
use crate::trampoline::Passing;

mod object;

pub(crate) use object::object;

/// What the note says made the artifact.
pub(crate) const COMPILER_VERSION: &str = concat!("precast ", env!("CARGO_PKG_VERSION"));

/// Writes the artifact. `jobs` are what `linked` was linked from, in order.
pub(crate) fn artifact(
    module: &Module<'_>,
    plan: &Plan,
    jobs: &[Job],
    linked: &Linked,
    options: &Options,
) -> Vec<u8> {
    let places = Places { jobs, linked };
    let mut custom = module.custom_sections.clone();
    custom.retain(|&(name, _)| options.custom_sections.keeps(name));
    let mut lists = Lists::default();
    let escaping = lists.add(&plan.escaping);
    let element_segments = module
        .elements
        .iter()
        .map(|segment| element_segment(segment, plan, &mut lists))
        .collect();
    let manifest = Manifest {
        module_name: module.name.map(str::to_owned),
        types: module.types.clone(),
        type_groups: module.type_groups.clone(),
        imports: module.imports.clone(),
        exports: module.exports.clone(),
        tables: table_plans(module, plan),
        memories: plan.images.memories.clone(),
        globals: global_plans(module),
        tags: module.tags[module.imported_tags as usize..].to_vec(),
        data_segments: plan.images.segments.clone(),
        element_segments,
        start: module.start,
        escaping,
        got: linked
            .slots
            .iter()
            .map(|symbol| symbol.name().to_owned())
            .collect(),
        entry_trampolines: places.trampolines(module, |job| match job {
            Job::Entry(ty, passing) => Some((ty, passing)),
            _ => None,
        }),
        import_trampolines: places.trampolines(module, |job| match job {
            Job::Import(ty, passing) => Some((ty, passing)),
            _ => None,
        }),
        features: plan.features.iter().map(|f| f.name().to_owned()).collect(),
        code_offset: module.code_offset,
    };
    precast_artifacts_format::write(&ArtifactParts {
        target: options.target,
        cpu_features: linked.cpu_features,
        tunables: options.tunables,
        compiler_version: COMPILER_VERSION,
        manifest: &manifest,
        text: &linked.text,
        tables: &const_tables(module, plan, &places),
        funcs: &funcs(module, &places),
        traps: &linked.traps,
        address_map: &linked.addresses,
        unwind: &linked.unwind,
        elements: &lists.bytes,
        passive: &plan.images.passive,
        image: &plan.images.image,
        custom: &CustomSections::encode(&custom),
        symbols: &symbols(module, plan, &places),
    })
}

/// Where pieces of code came to lie.
struct Places<'a> {
    jobs: &'a [Job],
    linked: &'a Linked,
}

impl Places<'_> {
    fn iter(&self) -> impl Iterator<Item = (Job, Placed)> {
        self.jobs
            .iter()
            .copied()
            .zip(self.linked.placed.iter().copied())
    }

    /// For each type, the offsets of the trampolines that `wanted` says belong to it.
    fn trampolines(
        &self,
        module: &Module<'_>,
        wanted: fn(Job) -> Option<(u32, Passing)>,
    ) -> Vec<Option<Trampolines>> {
        let mut found: Vec<Option<Trampolines>> = vec![None; module.types.len()];
        for (job, placed) in self.iter() {
            let offset = placed.offset;
            match wanted(job) {
                Some((ty, Passing::Slots)) => {
                    found[ty as usize] = Some(Trampolines {
                        slots: offset,
                        direct: None,
                    });
                }
                // Comes after the other one.
                Some((ty, Passing::Direct)) => {
                    if let Some(trampolines) = &mut found[ty as usize] {
                        trampolines.direct = Some(offset);
                    }
                }
                None => {}
            }
        }
        found
    }

    /// Where what stands for `func_index` in a constant table is: the function or its thunk.
    fn callable(&self, module: &Module<'_>, plan: &Plan, func_index: u32) -> Placed {
        let number = match module.defined_func(func_index) {
            // Defined functions are linked first, thunks last, both in the order of their indices.
            Some(defined) => defined as usize,
            None => {
                let thunk = plan.thunks.binary_search(&func_index);
                let thunk = thunk.expect("planned: what a constant table holds has a thunk");
                self.linked.placed.len() - plan.thunks.len() + thunk
            }
        };
        self.linked.placed[number]
    }
}

/// The elements section: lists of function indices.
#[derive(Default)]
struct Lists {
    bytes: Vec<u8>,
}

impl Lists {
    fn add(&mut self, funcs: &[u32]) -> Range32 {
        let offset = self.bytes.len() as u32;
        self.bytes
            .extend(funcs.iter().flat_map(|f| f.to_le_bytes()));
        Range32 {
            offset,
            len: self.bytes.len() as u32 - offset,
        }
    }
}

fn element_segment(segment: &Elements, plan: &Plan, lists: &mut Lists) -> ElementSegment {
    let mode = match &segment.mode {
        SegmentMode::Passive => ElementMode::Passive,
        SegmentMode::Active(table, offset) if !plan.is_const_table(*table) => ElementMode::Active {
            table: *table,
            offset: offset.clone(),
        },
        SegmentMode::Active(..) | SegmentMode::Declared => ElementMode::Dropped,
    };
    let items = match &segment.items {
        _ if mode == ElementMode::Dropped => ElementItems::Exprs(Vec::new()),
        Items::Funcs(funcs) => ElementItems::Funcs(lists.add(funcs)),
        Items::Exprs(exprs) => ElementItems::Exprs(exprs.clone()),
    };
    ElementSegment { mode, items }
}

fn table_plans(module: &Module<'_>, plan: &Plan) -> Vec<TablePlan> {
    let imported = module.imported_tables as usize;
    let defined = module.tables[imported..]
        .iter()
        .zip(&module.table_inits)
        .zip(&plan.tables[imported..]);
    defined
        .map(|((ty, init), place)| TablePlan {
            ty: *ty,
            constant: match *place {
                TablePlace::Constant { offset, length } => Some(Range32 {
                    offset,
                    len: length * CONST_TABLE_ENTRY_BYTES,
                }),
                TablePlace::Imported(_) | TablePlace::Vmctx(_) => None,
            },
            init: init.clone(),
        })
        .collect()
}

fn global_plans(module: &Module<'_>) -> Vec<GlobalPlan> {
    module.globals[module.imported_globals as usize..]
        .iter()
        .zip(&module.global_inits)
        .map(|(ty, init)| GlobalPlan {
            ty: *ty,
            init: init.clone(),
        })
        .collect()
}

fn const_tables(module: &Module<'_>, plan: &Plan, places: &Places<'_>) -> Vec<u8> {
    // Distances count from the start of the table, which lies behind the text.
    let tables = places.linked.layout.tables as i64;
    const_elements(module, plan, places)
        .flat_map(|(table, mut entry, code)| {
            if let Some(code) = code {
                entry.code_offset = (i64::from(code.offset) - (tables + table)) as i32;
            }
            entry.to_bytes()
        })
        .collect()
}

/// The elements of all constant tables, in their order: each with the start of its table, in bytes
/// from that of the first one, and with the code that it is to have the distance to.
fn const_elements(
    module: &Module<'_>,
    plan: &Plan,
    places: &Places<'_>,
) -> impl Iterator<Item = (i64, ConstTableEntry, Option<Placed>)> {
    let mut end = 0;
    let tables = plan.const_tables.iter().map(move |contents| {
        let table = end;
        end += contents.len() as i64 * i64::from(CONST_TABLE_ENTRY_BYTES);
        (table, contents)
    });
    tables.flat_map(move |(table, contents)| {
        contents.iter().map(move |&func| {
            if func == NULL_FUNC {
                return (table, ConstTableEntry::NULL, None);
            }
            let type_id = module.funcs[func as usize];
            debug_assert!(type_id != NULL_TYPE_ID);
            let entry = ConstTableEntry {
                type_id,
                code_offset: 0,
            };
            (table, entry, Some(places.callable(module, plan, func)))
        })
    })
}

fn funcs(module: &Module<'_>, places: &Places<'_>) -> Vec<u8> {
    let types = &module.funcs[module.imported_funcs as usize..];
    let entries: Vec<_> = types
        .iter()
        .zip(&places.linked.placed)
        .map(|(&type_index, placed)| FuncEntry {
            text_offset: placed.offset,
            type_index,
        })
        .collect();
    let next = places.linked.placed.get(types.len());
    let end = next.map_or(places.linked.text.len() as u32, |placed| placed.offset);
    FuncTable::encode(&entries, end)
}

fn symbols(module: &Module<'_>, plan: &Plan, places: &Places<'_>) -> Vec<Symbol> {
    let names = func_names(module);
    let code = places.iter().map(|(job, placed)| Symbol {
        name: symbol_name(module, &names, job),
        section: Section::Text,
        offset: placed.offset,
        size: placed.size,
    });
    let tables = (0..)
        .zip(&plan.tables)
        .filter_map(|(index, place): (u32, _)| match *place {
            TablePlace::Constant { offset, length } => Some(Symbol {
                name: format!("precast.table.{index}"),
                section: Section::Tables,
                offset,
                size: length * CONST_TABLE_ENTRY_BYTES,
            }),
            TablePlace::Imported(_) | TablePlace::Vmctx(_) => None,
        });
    code.chain(tables).collect()
}

/// What the piece of code is called; `names` are [`func_names`].
pub(crate) fn symbol_name(module: &Module<'_>, names: &[String], job: Job) -> String {
    match job {
        Job::Defined(defined) => names[(module.imported_funcs + defined) as usize].clone(),
        Job::Entry(ty, passing) => format!("precast.entry.{ty}{}", suffix(passing)),
        Job::Import(ty, passing) => format!("precast.import.{ty}{}", suffix(passing)),
        Job::Thunk(func) => format!("precast.thunk.{}", names[func as usize]),
        Job::Throwing(Throwing::New) => "precast.throw".to_owned(),
        Job::Throwing(Throwing::Again) => "precast.throw_ref".to_owned(),
    }
}

fn suffix(passing: Passing) -> &'static str {
    match passing {
        Passing::Slots => "",
        Passing::Direct => ".direct",
    }
}

/// The names of all functions: from the name section, or else the first export, or the index.
pub(crate) fn func_names(module: &Module<'_>) -> Vec<String> {
    let mut names: Vec<Option<&str>> = module.func_names.clone();
    names.resize(module.funcs.len(), None);
    for export in &module.exports {
        if let ExternIndex::Func(index) = export.index {
            names[index as usize].get_or_insert(&export.name);
        }
    }
    (0..)
        .zip(names)
        .map(|(index, name): (u32, _)| match name {
            // A NUL would end the name early.
            Some(name) => name.replace('\0', "\u{fffd}"),
            None => format!("func[{index}]"),
        })
        .collect()
}
