//! What is in an artifact, as `--json` prints it field by field.
//!
//! Offsets of sections count from the start of the file, those of functions from the start of
//! `.text`. Indices are those of the module, imports first.

use std::iter;

use precast_artifacts_format::{
    Artifact, ArtifactError, CpuFeatures, Difference, Export, ExternIndex, GlobalType, Import,
    ImportType, ImportedCounts, Manifest, MemoryPlan, MemoryType, Note, RuntimeSymbol, Section,
    SectionDigest, TablePlan, TableType, Tunables,
};
use precast_loader::{Error, Module};
use serde::Serialize;

/// A whole artifact that this version can read.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) file: String,
    pub(crate) kind: &'static str,
    pub(crate) file_bytes: usize,
    pub(crate) module_name: Option<String>,
    pub(crate) format_version: u32,
    pub(crate) abi_version: u32,
    pub(crate) compiler_version: String,
    pub(crate) target: String,
    pub(crate) page_bytes: u32,
    pub(crate) cpu_features: Vec<&'static str>,
    pub(crate) memory_checked: bool,
    pub(crate) fuel: bool,
    /// Whether functions tell listeners where they begin and end.
    pub(crate) listeners: bool,
    pub(crate) memory_guard_bytes: u64,
    /// Beyond WebAssembly 2.0.
    pub(crate) wasm_features: Vec<String>,
    /// Why this machine cannot run it; nothing if it can.
    pub(crate) obstacles: Vec<String>,
    /// What is wrong with the digests, if anything is.
    pub(crate) digest_error: Option<String>,
    pub(crate) sections: Vec<SectionReport>,
    /// Of the module, as far as they were kept.
    pub(crate) custom_sections: Vec<CustomSectionReport>,
    pub(crate) imports: Vec<ImportReport>,
    pub(crate) exports: Vec<ExportReport>,
    /// The memories that the module defines.
    pub(crate) memories: Vec<MemoryReport>,
    /// The tables that the module defines.
    pub(crate) tables: Vec<TableReport>,
    pub(crate) start_function: Option<u32>,
    /// What the code calls in the loader.
    pub(crate) runtime_symbols: Vec<String>,
    pub(crate) counts: Counts,
    /// What the text consists of.
    pub(crate) code: Vec<CodeReport>,
    /// The functions that the module defines.
    pub(crate) functions: Vec<FunctionReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SectionReport {
    pub(crate) name: &'static str,
    pub(crate) file_offset: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct CustomSectionReport {
    pub(crate) name: String,
    pub(crate) bytes: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct ImportReport {
    pub(crate) module: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) ty: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExportReport {
    pub(crate) name: String,
    pub(crate) index: u32,
    #[serde(rename = "type")]
    pub(crate) ty: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct MemoryReport {
    pub(crate) index: u32,
    pub(crate) is_64: bool,
    pub(crate) is_shared: bool,
    pub(crate) page_bytes: u64,
    pub(crate) minimum_pages: u64,
    pub(crate) maximum_pages: Option<u64>,
    pub(crate) image_bytes: u64,
    pub(crate) image_extents: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct TableReport {
    pub(crate) index: u32,
    pub(crate) is_64: bool,
    pub(crate) element: String,
    pub(crate) minimum: u64,
    pub(crate) maximum: Option<u64>,
    pub(crate) is_constant: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    pub(crate) types: usize,
    pub(crate) imported_functions: u32,
    pub(crate) functions: usize,
    pub(crate) globals: usize,
    pub(crate) tags: usize,
    pub(crate) data_segments: usize,
    pub(crate) element_segments: usize,
    pub(crate) entry_trampolines: usize,
    pub(crate) import_trampolines: usize,
    pub(crate) trap_sites: usize,
    pub(crate) handled_calls: usize,
    pub(crate) address_pairs: usize,
}

/// All code of a kind.
#[derive(Debug, Serialize)]
pub(crate) struct CodeReport {
    pub(crate) kind: &'static str,
    pub(crate) count: usize,
    pub(crate) code_bytes: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct FunctionReport {
    pub(crate) index: u32,
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) ty: String,
    pub(crate) text_offset: u32,
    /// Padding included.
    pub(crate) code_bytes: u32,
    /// Where its body starts in the module.
    pub(crate) wasm_offset: Option<u32>,
}

impl Report {
    pub(crate) fn new(file: &str, artifact: &Artifact<'_>) -> Self {
        let Note {
            format_version,
            abi_version,
            target,
            page_bytes,
            cpu_features,
            tunables:
                Tunables {
                    memory_guard_bytes,
                    memory_checked,
                    fuel,
                },
            compiler_version,
            sections,
        } = artifact.note();
        let manifest = artifact.manifest();
        let verified = artifact.verify();
        let types = Types::new(artifact);
        let imported = types.imported;
        Self {
            file: file.to_owned(),
            kind: "artifact",
            file_bytes: artifact.bytes().len(),
            module_name: manifest.module_name.clone(),
            format_version: *format_version,
            abi_version: *abi_version,
            compiler_version: compiler_version.clone(),
            target: target.to_string(),
            page_bytes: *page_bytes,
            cpu_features: feature_names(*cpu_features),
            memory_checked: *memory_checked,
            fuel: *fuel,
            listeners: tells_listeners(manifest),
            memory_guard_bytes: *memory_guard_bytes,
            wasm_features: manifest.features.clone(),
            obstacles: obstacles(artifact.bytes()),
            digest_error: verified.err().map(|error| error.to_string()),
            sections: iter::once(SectionReport::of_note(artifact))
                .chain(sections.iter().map(SectionReport::new))
                .collect(),
            custom_sections: (artifact.custom_sections().iter())
                .map(|(name, contents)| CustomSectionReport {
                    name: name.to_owned(),
                    bytes: contents.len(),
                })
                .collect(),
            imports: manifest.imports.iter().map(|it| types.import(it)).collect(),
            exports: manifest.exports.iter().map(|it| types.export(it)).collect(),
            memories: (manifest.memories.iter().zip(imported.memories..))
                .map(|(plan, index)| MemoryReport::new(index, plan))
                .collect(),
            tables: (manifest.tables.iter().zip(imported.tables..))
                .map(|(plan, index)| TableReport::new(index, plan))
                .collect(),
            start_function: manifest.start,
            runtime_symbols: manifest.got.clone(),
            counts: Counts {
                types: manifest.types.len(),
                imported_functions: imported.funcs,
                functions: artifact.funcs().len(),
                globals: manifest.globals.len(),
                tags: manifest.tags.len(),
                data_segments: manifest.data_segments.len(),
                element_segments: manifest.element_segments.len(),
                entry_trampolines: manifest.entry_trampolines.iter().flatten().count(),
                import_trampolines: manifest.import_trampolines.iter().flatten().count(),
                trap_sites: artifact.traps().len(),
                handled_calls: artifact.unwind().len(),
                address_pairs: artifact.address_map().len(),
            },
            code: code(artifact),
            functions: types.functions().collect(),
        }
    }
}

/// The text by kinds of code. Padding belongs to what it follows.
fn code(artifact: &Artifact<'_>) -> Vec<CodeReport> {
    let funcs = artifact.funcs();
    let text_bytes = artifact.section(Section::Text).len() as u64;
    let last = (funcs.len() as u32).checked_sub(1);
    let funcs_end = last.and_then(|last| funcs.end_of(last)).unwrap_or(0);
    let funcs_end = u64::from(funcs_end).min(text_bytes);
    let mut kinds = vec![CodeReport {
        kind: "functions",
        count: funcs.len(),
        code_bytes: funcs_end,
    }];
    let mut trampolines: Vec<_> = artifact
        .code_symbols()
        .filter(|symbol| u64::from(symbol.text_offset) >= funcs_end)
        .collect();
    trampolines.sort_by_key(|symbol| symbol.text_offset);
    let starts = trampolines.iter().map(|it| u64::from(it.text_offset));
    let ends = starts.skip(1).chain([text_bytes]);
    for (symbol, end) in trampolines.iter().zip(ends) {
        let kind = match symbol.name.split('.').nth(1) {
            Some("entry") => "trampolines into the module",
            Some("import") => "trampolines out of it",
            Some("thunk") => "thunks of imports",
            Some("throw" | "throw_ref") => "trampolines that throw",
            _ => "other trampolines",
        };
        let code_bytes = end.saturating_sub(u64::from(symbol.text_offset));
        match kinds.iter_mut().find(|known| known.kind == kind) {
            Some(known) => {
                known.count += 1;
                known.code_bytes += code_bytes;
            }
            None => kinds.push(CodeReport {
                kind,
                count: 1,
                code_bytes,
            }),
        }
    }
    // Without symbols, all trampolines are one piece.
    let known: u64 = kinds.iter().map(|kind| kind.code_bytes).sum();
    if known < text_bytes {
        kinds.push(CodeReport {
            kind: "without a symbol",
            count: 0,
            code_bytes: text_bytes - known,
        });
    }
    kinds
}

fn tells_listeners(manifest: &Manifest) -> bool {
    let symbol = RuntimeSymbol::FuncEnter.name();
    manifest.got.iter().any(|name| name == symbol)
}

fn obstacles(bytes: &[u8]) -> Vec<String> {
    match Module::check(bytes) {
        Ok(()) => Vec::new(),
        Err(Error::Artifact(ArtifactError::Incompatible(differences))) => {
            differences.iter().map(Difference::to_string).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// The names of features, and of none for bits that have no name yet.
pub(crate) fn feature_names(features: CpuFeatures) -> Vec<&'static str> {
    features.iter().map(|feature| feature.name()).collect()
}

impl SectionReport {
    /// The note itself, which lists all sections but itself.
    fn of_note(artifact: &Artifact<'_>) -> Self {
        let (file, note) = (artifact.bytes(), artifact.section(Section::Note));
        let file_offset = note.as_ptr().addr() - file.as_ptr().addr();
        Self {
            name: Section::Note.name(),
            file_offset: file_offset as u64,
            bytes: note.len() as u64,
        }
    }

    fn new(digest: &SectionDigest) -> Self {
        Self {
            name: digest.section.name(),
            file_offset: digest.file_offset,
            bytes: digest.size,
        }
    }
}

impl MemoryReport {
    fn new(index: u32, plan: &MemoryPlan) -> Self {
        Self {
            index,
            is_64: plan.ty.is_64,
            is_shared: plan.ty.is_shared,
            page_bytes: plan.ty.page_bytes(),
            minimum_pages: plan.ty.minimum_pages,
            maximum_pages: plan.ty.maximum_pages,
            image_bytes: plan.image.iter().map(|extent| extent.len).sum(),
            image_extents: plan.image.len(),
        }
    }
}

impl TableReport {
    fn new(index: u32, plan: &TablePlan) -> Self {
        Self {
            index,
            is_64: plan.ty.is_64,
            element: plan.ty.element.to_string(),
            minimum: plan.ty.minimum,
            maximum: plan.ty.maximum,
            is_constant: plan.constant.is_some(),
        }
    }
}

/// The types of everything that has an index, imports first.
struct Types<'a> {
    artifact: &'a Artifact<'a>,
    imported: ImportedCounts,
    /// Indices into the manifest's types.
    funcs: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    /// Indices into the manifest's types.
    tags: Vec<u32>,
}

impl<'a> Types<'a> {
    fn new(artifact: &'a Artifact<'a>) -> Self {
        let manifest = artifact.manifest();
        let mut types = Self {
            artifact,
            imported: manifest.imported(),
            funcs: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
        };
        for import in &manifest.imports {
            match import.ty {
                ImportType::Func(ty) => types.funcs.push(ty),
                ImportType::Table(ty) => types.tables.push(ty),
                ImportType::Memory(ty) => types.memories.push(ty),
                ImportType::Global(ty) => types.globals.push(ty),
                ImportType::Tag(ty) => types.tags.push(ty),
            }
        }
        let funcs = artifact.funcs();
        let defined = (0..).map_while(|defined| Some(funcs.get(defined)?.type_index));
        types.funcs.extend(defined);
        types.tables.extend(manifest.tables.iter().map(|it| it.ty));
        types
            .memories
            .extend(manifest.memories.iter().map(|it| it.ty));
        types
            .globals
            .extend(manifest.globals.iter().map(|it| it.ty));
        types.tags.extend(&manifest.tags);
        types
    }

    /// The function type at an index into the manifest's types.
    fn func_type(&self, index: u32) -> String {
        let ty = self.artifact.manifest().types.get(index as usize);
        ty.map_or_else(|| "?".into(), ToString::to_string)
    }

    /// The type of a tag, whose parameters are those of the function type at an index.
    fn tag_type(&self, index: u32) -> String {
        self.func_type(index).replacen("(func", "(tag", 1)
    }

    fn import(&self, import: &Import) -> ImportReport {
        ImportReport {
            module: import.module.clone(),
            name: import.name.clone(),
            ty: match import.ty {
                ImportType::Func(ty) => self.func_type(ty),
                ImportType::Table(ty) => ty.to_string(),
                ImportType::Memory(ty) => ty.to_string(),
                ImportType::Global(ty) => ty.to_string(),
                ImportType::Tag(ty) => self.tag_type(ty),
            },
        }
    }

    fn export(&self, export: &Export) -> ExportReport {
        fn text<T: ToString>(types: &[T], index: u32) -> Option<String> {
            types.get(index as usize).map(T::to_string)
        }
        let (index, ty) = match export.index {
            ExternIndex::Func(index) => {
                let ty = self.funcs.get(index as usize);
                (index, ty.map(|&ty| self.func_type(ty)))
            }
            ExternIndex::Table(index) => (index, text(&self.tables, index)),
            ExternIndex::Memory(index) => (index, text(&self.memories, index)),
            ExternIndex::Global(index) => (index, text(&self.globals, index)),
            ExternIndex::Tag(index) => {
                let ty = self.tags.get(index as usize);
                (index, ty.map(|&ty| self.tag_type(ty)))
            }
        };
        ExportReport {
            name: export.name.clone(),
            index,
            ty: ty.unwrap_or_else(|| "?".into()),
        }
    }

    fn functions(&self) -> impl Iterator<Item = FunctionReport> {
        let funcs = self.artifact.funcs();
        let addresses = self.artifact.address_map();
        (0..).map_while(move |defined| {
            let func = funcs.get(defined)?;
            let address = addresses.lookup(func.text_offset);
            Some(FunctionReport {
                index: self.imported.funcs + defined,
                name: self.artifact.function_name(defined).map(str::to_owned),
                ty: self.func_type(func.type_index),
                text_offset: func.text_offset,
                code_bytes: funcs.end_of(defined)?.saturating_sub(func.text_offset),
                wasm_offset: address
                    .filter(|&(text_offset, _)| text_offset == func.text_offset)
                    .map(|(_, wasm_offset)| wasm_offset),
            })
        })
    }
}
