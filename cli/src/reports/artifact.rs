//! What is in an artifact, as `--json` prints it field by field.
//!
//! Offsets of sections count from the start of the file, those of functions from the start of
//! `.text`. Indices are those of the module, imports first.

use std::iter;

use precast_artifacts_format::{
    Artifact, ArtifactError, CodeSymbol, CpuFeatures, Difference, Manifest, MemoryPlan, Note,
    RuntimeSymbol, Section, SectionDigest, TablePlan, Tunables,
};
use precast_loader::{Error, Module};
use serde::Serialize;

use super::types::{TypeText, Types};

/// A whole artifact that this version can read.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    pub(super) file: String,
    pub(super) kind: &'static str,
    pub(super) file_bytes: usize,
    pub(super) module_name: Option<String>,
    pub(super) format_version: u32,
    pub(super) abi_version: u32,
    pub(super) compiler_version: String,
    pub(super) target: String,
    pub(super) page_bytes: u32,
    pub(super) cpu_features: Vec<&'static str>,
    pub(super) memory_checked: bool,
    pub(super) fuel: bool,
    /// Whether functions tell listeners where they begin and end.
    pub(super) listeners: bool,
    pub(super) memory_guard_bytes: u64,
    /// Beyond WebAssembly 2.0.
    pub(super) wasm_features: Vec<String>,
    /// Why this machine cannot run it; nothing if it can.
    pub(super) obstacles: Vec<String>,
    /// What is wrong with the digests, if anything is.
    pub(super) digest_error: Option<String>,
    pub(super) sections: Vec<SectionReport>,
    /// Of the module, as far as they were kept.
    pub(super) custom_sections: Vec<CustomSectionReport>,
    pub(super) imports: Vec<ImportReport>,
    pub(super) exports: Vec<ExportReport>,
    /// The memories that the module defines.
    pub(super) memories: Vec<MemoryReport>,
    /// The tables that the module defines.
    pub(super) tables: Vec<TableReport>,
    pub(super) start_function: Option<u32>,
    /// What the code calls in the loader.
    pub(super) runtime_symbols: Vec<String>,
    pub(super) counts: Counts,
    /// What the text consists of.
    pub(super) code: Vec<CodeReport>,
    /// The functions that the module defines.
    pub(super) functions: Vec<FunctionReport<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct SectionReport {
    pub(super) name: &'static str,
    pub(super) file_offset: u64,
    pub(super) bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct CustomSectionReport {
    pub(super) name: String,
    pub(super) bytes: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct ImportReport {
    pub(super) module: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: TypeText,
}

#[derive(Debug, Serialize)]
pub(super) struct ExportReport {
    pub(super) name: String,
    pub(super) index: u32,
    #[serde(rename = "type")]
    pub(super) ty: TypeText,
}

#[derive(Debug, Serialize)]
pub(super) struct MemoryReport {
    pub(super) index: u32,
    pub(super) is_64: bool,
    pub(super) is_shared: bool,
    pub(super) page_bytes: u64,
    pub(super) minimum_pages: u64,
    pub(super) maximum_pages: Option<u64>,
    pub(super) image_bytes: u64,
    pub(super) image_extents: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct TableReport {
    pub(super) index: u32,
    pub(super) is_64: bool,
    pub(super) element: String,
    pub(super) minimum: u64,
    pub(super) maximum: Option<u64>,
    pub(super) is_constant: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Counts {
    pub(super) types: usize,
    pub(super) imported_functions: u32,
    pub(super) functions: usize,
    pub(super) globals: usize,
    pub(super) tags: usize,
    pub(super) data_segments: usize,
    pub(super) element_segments: usize,
    pub(super) entry_trampolines: usize,
    pub(super) import_trampolines: usize,
    pub(super) trap_sites: usize,
    pub(super) handled_calls: usize,
    pub(super) address_pairs: usize,
}

/// All code of a kind.
#[derive(Debug, Serialize)]
pub(super) struct CodeReport {
    pub(super) kind: &'static str,
    pub(super) count: usize,
    pub(super) code_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionReport<'a> {
    pub(super) index: u32,
    pub(super) name: Option<&'a str>,
    #[serde(rename = "type")]
    pub(super) ty: TypeText,
    pub(super) text_offset: u32,
    /// Padding included.
    pub(super) code_bytes: u32,
    /// Where its body starts in the module.
    pub(super) wasm_offset: Option<u32>,
}

impl<'a> Report<'a> {
    /// What is in the artifact, which messages call `file`, and what [`Artifact::verify`] said of it.
    pub fn new(file: &str, artifact: &Artifact<'a>, verified: &Result<(), ArtifactError>) -> Self {
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
            digest_error: verified.as_ref().err().map(ArtifactError::to_string),
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

/// Where in the text the functions end, and what comes behind them, in the order of the text.
pub(super) fn trampolines<'a>(artifact: &Artifact<'a>) -> (u64, Vec<CodeSymbol<'a>>) {
    let funcs = artifact.funcs();
    let text_bytes = artifact.section(Section::Text).len() as u64;
    let last = (funcs.len() as u32).checked_sub(1);
    let end = last.and_then(|last| funcs.end_of(last)).unwrap_or(0);
    let end = u64::from(end).min(text_bytes);
    let symbols = artifact.code_symbols();
    let mut trampolines: Vec<_> = symbols
        .filter(|symbol| u64::from(symbol.text_offset) >= end)
        .collect();
    trampolines.sort_by_key(|symbol| symbol.text_offset);
    (end, trampolines)
}

/// The text by kinds of code. Padding belongs to what it follows.
fn code(artifact: &Artifact<'_>) -> Vec<CodeReport> {
    let text_bytes = artifact.section(Section::Text).len() as u64;
    let (funcs_end, trampolines) = trampolines(artifact);
    let mut kinds = vec![CodeReport {
        kind: "functions",
        count: artifact.funcs().len(),
        code_bytes: funcs_end,
    }];
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
pub(super) fn feature_names(features: CpuFeatures) -> Vec<&'static str> {
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
