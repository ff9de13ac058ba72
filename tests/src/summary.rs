//! What an artifact holds, as text that changes only when the plan for a module does: no sizes of
//! code, no versions, no offsets that code moves.

use std::fmt::Write as _;

use precast_artifacts_format::{
    Artifact, CONST_TABLE_ENTRY_BYTES, ConstExpr, ConstTableEntry, DataMode, ElementItems,
    ElementMode, Export, Extent, ExternIndex, Import, ImportType, Manifest, MemoryPlan,
    NULL_TYPE_ID, Range32, Section, TablePlan, TypeGroup,
};

/// Describes `bytes`, an artifact.
///
/// # Errors
///
/// If it is none.
pub fn describe(bytes: &[u8]) -> Result<String, String> {
    let artifact = Artifact::parse(bytes).map_err(|error| error.to_string())?;
    artifact.verify().map_err(|error| error.to_string())?;
    let mut summary = Summary {
        artifact: &artifact,
        text: String::new(),
    };
    summary.manifest(artifact.manifest());
    Ok(summary.text)
}

struct Summary<'a> {
    artifact: &'a Artifact<'a>,
    text: String,
}

impl Summary<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn manifest(&mut self, manifest: &Manifest) {
        // Destructured whole, so that nothing new in the manifest is forgotten here.
        let Manifest {
            module_name,
            types,
            type_groups,
            imports,
            exports,
            tables,
            memories,
            globals,
            tags,
            data_segments,
            element_segments,
            start,
            escaping,
            got,
            entry_trampolines,
            import_trampolines,
            features,
            // It would change with every name in the text.
            code_offset: _,
        } = manifest;
        let note = self.artifact.note();
        self.line(format!("target {}", note.target));
        if let Some(name) = module_name {
            self.line(format!("name {name:?}"));
        }
        for (index, ty) in types.iter().enumerate() {
            let mut line = format!("type {index} {ty}");
            for (kind, trampolines) in
                [("entry", entry_trampolines), ("import", import_trampolines)]
            {
                if trampolines.get(index).is_some_and(Option::is_some) {
                    let _infallible = write!(line, " +{kind}");
                }
            }
            self.line(line);
        }
        for TypeGroup { first, len } in type_groups {
            self.line(format!(
                "types {first} to {} are one group",
                first + len - 1
            ));
        }
        for import in imports {
            self.import(import);
        }
        self.functions();
        for (index, plan) in tables.iter().enumerate() {
            self.table(index, plan);
        }
        for (index, plan) in memories.iter().enumerate() {
            self.memory(index, plan);
        }
        for (index, plan) in globals.iter().enumerate() {
            self.line(format!("global {index} {} = {}", plan.ty, expr(&plan.init)));
        }
        for (index, ty) in tags.iter().enumerate() {
            self.line(format!("tag {index} of type {ty}"));
        }
        for (index, segment) in data_segments.iter().enumerate() {
            let bytes = segment.bytes.of(self.artifact.section(Section::Passive));
            let kept = bytes.unwrap_or_default().escape_ascii();
            let mode = match &segment.mode {
                DataMode::Passive => "passive".to_owned(),
                DataMode::InImage => "in the image".to_owned(),
                DataMode::Active { memory, offset } => {
                    format!("copied to memory {memory} at {}", expr(offset))
                }
            };
            self.line(format!("data {index} {mode} \"{kept}\""));
        }
        for (index, segment) in element_segments.iter().enumerate() {
            let mode = match &segment.mode {
                ElementMode::Passive => "passive".to_owned(),
                ElementMode::Dropped => "dropped".to_owned(),
                ElementMode::Active { table, offset } => {
                    format!("copied to table {table} at {}", expr(offset))
                }
            };
            let items = match &segment.items {
                ElementItems::Funcs(range) => self.funcs(*range),
                ElementItems::Exprs(exprs) => exprs.iter().map(expr).collect(),
            };
            self.line(format!("elements {index} {mode} [{}]", items.join(" ")));
        }
        for Export { name, index } in exports {
            self.line(format!("export {name:?} {}", extern_index(*index)));
        }
        if let Some(start) = start {
            self.line(format!("start function {start}"));
        }
        let escaping = self.funcs(*escaping);
        self.line(format!("escaping [{}]", escaping.join(" ")));
        self.line(format!("slots [{}]", got.join(" ")));
        if !features.is_empty() {
            self.line(format!("features [{}]", features.join(" ")));
        }
    }

    fn import(&mut self, import: &Import) {
        let Import { module, name, ty } = import;
        let ty = match ty {
            ImportType::Func(ty) => format!("function of type {ty}"),
            ImportType::Table(ty) => ty.to_string(),
            ImportType::Memory(ty) => ty.to_string(),
            ImportType::Global(ty) => ty.to_string(),
            ImportType::Tag(ty) => format!("tag of type {ty}"),
        };
        self.line(format!("import {module:?} {name:?} {ty}"));
    }

    fn functions(&mut self) {
        let imported = self.artifact.manifest().imported().funcs;
        let funcs = self.artifact.funcs();
        for (index, number) in (0..funcs.len() as u32).zip(imported..) {
            let ty = funcs.get(index).map_or(u32::MAX, |func| func.type_index);
            let name = self.artifact.function_name(index).unwrap_or("?");
            self.line(format!("function {number} {name} of type {ty}"));
        }
    }

    fn table(&mut self, index: usize, plan: &TablePlan) {
        let TablePlan { ty, constant, init } = plan;
        let Some(range) = constant else {
            return self.line(format!("table {index} {ty} of {}", expr(init)));
        };
        let section = self.artifact.section(Section::Tables);
        let bytes = range.of(section).unwrap_or_default();
        let (entries, _) = bytes.as_chunks::<{ CONST_TABLE_ENTRY_BYTES as usize }>();
        // From the start of the table to that of the text.
        let file_offset = |section| self.artifact.file_offset(section) as i64;
        let table = file_offset(Section::Tables) + i64::from(range.offset);
        let base = table - file_offset(Section::Text);
        let entries: Vec<_> = entries
            .iter()
            .map(|&bytes| {
                let entry = ConstTableEntry::from_bytes(bytes);
                if entry.type_id == NULL_TYPE_ID {
                    return "null".to_owned();
                }
                let callee = self.callee(base + i64::from(entry.code_offset));
                format!("{callee}:{}", entry.type_id)
            })
            .collect();
        self.line(format!(
            "table {index} {ty} constant [{}]",
            entries.join(" ")
        ));
    }

    /// The function at that offset in the text; code outside of all functions is a thunk.
    fn callee(&self, text_offset: i64) -> String {
        let funcs = self.artifact.funcs();
        let found = u32::try_from(text_offset).ok().and_then(|at| {
            let index = funcs.find(at)?;
            (funcs.get(index)?.text_offset == at).then_some(index)
        });
        let imported = self.artifact.manifest().imported().funcs;
        found.map_or("thunk".to_owned(), |index| (imported + index).to_string())
    }

    fn memory(&mut self, index: usize, plan: &MemoryPlan) {
        let MemoryPlan { ty, image } = plan;
        self.line(format!("memory {index} {ty}"));
        let section = self.artifact.section(Section::Image);
        for extent in image {
            let Extent {
                memory_offset,
                image_offset,
                len,
            } = *extent;
            let bytes = usize::try_from(image_offset).ok().and_then(|start| {
                section.get(start..start.checked_add(usize::try_from(len).ok()?)?)
            });
            let runs = runs(bytes.unwrap_or_default(), memory_offset);
            self.line(format!(
                "  {memory_offset:#x} + {len:#x}: {}",
                runs.join(" ")
            ));
        }
    }

    fn funcs(&self, range: Range32) -> Vec<String> {
        let bytes = range.of(self.artifact.section(Section::Elements));
        let (words, _) = bytes.unwrap_or_default().as_chunks::<4>();
        let funcs = words.iter().map(|word| u32::from_le_bytes(*word));
        funcs
            .map(|func| match func {
                u32::MAX => "null".to_owned(),
                _ => func.to_string(),
            })
            .collect()
    }
}

/// The stretches of `bytes` between zeros, each with its place in the memory.
fn runs(bytes: &[u8], memory_offset: u64) -> Vec<String> {
    let mut runs = Vec::new();
    let mut place = memory_offset;
    for run in bytes.chunk_by(|&a, &b| (a == 0) == (b == 0)) {
        if run[0] != 0 {
            let shown = &run[..run.len().min(24)];
            let more = if shown.len() < run.len() { "…" } else { "" };
            runs.push(format!("{place:#x}=\"{}\"{more}", shown.escape_ascii()));
        }
        place += run.len() as u64;
    }
    runs
}

fn extern_index(index: ExternIndex) -> String {
    match index {
        ExternIndex::Func(index) => format!("function {index}"),
        ExternIndex::Table(index) => format!("table {index}"),
        ExternIndex::Memory(index) => format!("memory {index}"),
        ExternIndex::Global(index) => format!("global {index}"),
        ExternIndex::Tag(index) => format!("tag {index}"),
    }
}

fn expr(expr: &ConstExpr) -> String {
    match *expr {
        ConstExpr::I32(value) => format!("i32:{value}"),
        ConstExpr::I64(value) => format!("i64:{value}"),
        ConstExpr::F32(bits) => format!("f32:{:?}", f32::from_bits(bits)),
        ConstExpr::F64(bits) => format!("f64:{:?}", f64::from_bits(bits)),
        ConstExpr::V128(bytes) => format!("v128:{:#x}", u128::from_le_bytes(bytes)),
        ConstExpr::GlobalGet(index) => format!("global:{index}"),
        ConstExpr::RefNull(_) => "null".to_owned(),
        ConstExpr::RefFunc(index) => format!("function:{index}"),
        ConstExpr::Ops(ref ops) => format!("{ops:?}"),
    }
}
