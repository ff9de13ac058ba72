//! The types of what a module imports, defines and exports, as text.

use std::fmt;
use std::rc::Rc;

use precast_artifacts_format::{
    Artifact, Export, ExternIndex, GlobalType, Import, ImportType, ImportedCounts, MemoryType,
    TableType,
};
use serde::{Serialize, Serializer};

use super::artifact::{ExportReport, FunctionReport, ImportReport};

/// A type as people read it. Where many have the same type, its text is there once: it may be long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeText {
    text: Rc<str>,
    /// Of a tag, whose parameters are those of the function type in the text.
    is_tag: bool,
}

impl From<String> for TypeText {
    fn from(text: String) -> Self {
        Self {
            text: text.into(),
            is_tag: false,
        }
    }
}

impl fmt::Display for TypeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.split_once("(func") {
            Some((before, after)) if self.is_tag => write!(f, "{before}(tag{after}"),
            _ => f.write_str(&self.text),
        }
    }
}

impl Serialize for TypeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Of what has an index that nothing has.
fn unknown() -> TypeText {
    "?".to_owned().into()
}

/// The types of everything that has an index, imports first.
pub(super) struct Types<'t, 'a> {
    artifact: &'t Artifact<'a>,
    /// The manifest's types.
    texts: Vec<TypeText>,
    pub(super) imported: ImportedCounts,
    /// Indices into the manifest's types.
    funcs: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    /// Indices into the manifest's types.
    tags: Vec<u32>,
}

impl<'t, 'a> Types<'t, 'a> {
    pub(super) fn new(artifact: &'t Artifact<'a>) -> Self {
        let manifest = artifact.manifest();
        let mut types = Self {
            artifact,
            texts: (manifest.types.iter())
                .map(|ty| ty.to_string().into())
                .collect(),
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
    fn func_type(&self, index: u32) -> TypeText {
        let text = self.texts.get(index as usize).cloned();
        text.unwrap_or_else(unknown)
    }

    /// The type of a tag, whose parameters are those of the function type at an index.
    fn tag_type(&self, index: u32) -> TypeText {
        TypeText {
            is_tag: true,
            ..self.func_type(index)
        }
    }

    pub(super) fn import(&self, import: &Import) -> ImportReport {
        ImportReport {
            module: import.module.clone(),
            name: import.name.clone(),
            ty: match import.ty {
                ImportType::Func(ty) => self.func_type(ty),
                ImportType::Table(ty) => ty.to_string().into(),
                ImportType::Memory(ty) => ty.to_string().into(),
                ImportType::Global(ty) => ty.to_string().into(),
                ImportType::Tag(ty) => self.tag_type(ty),
            },
        }
    }

    pub(super) fn export(&self, export: &Export) -> ExportReport {
        fn text<T: ToString>(types: &[T], index: u32) -> Option<TypeText> {
            Some(types.get(index as usize)?.to_string().into())
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
            ty: ty.unwrap_or_else(unknown),
        }
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = FunctionReport<'a>> {
        let funcs = self.artifact.funcs();
        let addresses = self.artifact.address_map();
        (0..).map_while(move |defined| {
            let func = funcs.get(defined)?;
            let address = addresses.lookup(func.text_offset);
            Some(FunctionReport {
                index: self.imported.funcs + defined,
                name: self.artifact.function_name(defined),
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
