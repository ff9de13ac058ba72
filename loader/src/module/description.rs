//! What a module says of itself, whether it is mapped or only opened.

use precast_artifacts_format::{
    ExternIndex, FuncTable, FuncType, GlobalType, ImportType, Manifest, MemoryType, TableType,
};

use crate::extern_type::ExternType;

/// The parts of an artifact that describe the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) funcs: FuncTable<'a>,
}

impl<'a> Description<'a> {
    /// Module, name and type of each import, in order.
    pub(crate) fn imports(self) -> impl Iterator<Item = (&'a str, &'a str, ExternType)> {
        self.manifest.imports.iter().filter_map(move |import| {
            let ty = ExternType::of_import(self.manifest, &import.ty)?;
            Some((import.module.as_str(), import.name.as_str(), ty))
        })
    }

    /// Name and type of each export, in order.
    pub(crate) fn exports(self) -> impl Iterator<Item = (&'a str, ExternType)> {
        let imported = Imported::by(self.manifest);
        self.manifest.exports.iter().filter_map(move |export| {
            let ty = self.type_among(&imported, export.index)?;
            Some((export.name.as_str(), ty))
        })
    }

    /// The type of something in an index space of the module's.
    pub(crate) fn type_of(self, index: ExternIndex) -> Option<ExternType> {
        self.type_among(&Imported::by(self.manifest), index)
    }

    fn type_among(self, imported: &Imported, index: ExternIndex) -> Option<ExternType> {
        let Manifest {
            tables,
            memories,
            globals,
            ..
        } = self.manifest;
        Some(match index {
            ExternIndex::Func(index) => {
                let defined = |index| Some(self.funcs.get(index)?.type_index);
                let ty = of_either(&imported.funcs, index, defined)?;
                ExternType::Func(FuncType::clone(self.manifest.func_type(ty)?))
            }
            ExternIndex::Table(index) => {
                let defined = |index| Some(tables.get(index as usize)?.ty);
                ExternType::Table(of_either(&imported.tables, index, defined)?)
            }
            ExternIndex::Memory(index) => {
                let defined = |index| Some(memories.get(index as usize)?.ty);
                ExternType::Memory(of_either(&imported.memories, index, defined)?)
            }
            ExternIndex::Global(index) => {
                let defined = |index| Some(globals.get(index as usize)?.ty);
                ExternType::Global(of_either(&imported.globals, index, defined)?)
            }
            ExternIndex::Tag(index) => {
                let defined = |index| self.manifest.tags.get(index as usize).copied();
                let ty = of_either(&imported.tags, index, defined)?;
                ExternType::Tag(FuncType::clone(self.manifest.func_type(ty)?))
            }
        })
    }
}

/// The types of the imports, each kind by itself: a list that is gone through once, since a module
/// may export every one of many imports.
#[derive(Default)]
struct Imported {
    /// Indices into the manifest's types.
    funcs: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    /// Indices into the manifest's types.
    tags: Vec<u32>,
}

impl Imported {
    fn by(manifest: &Manifest) -> Self {
        let mut imported = Self::default();
        for import in &manifest.imports {
            match import.ty {
                ImportType::Func(ty) => imported.funcs.push(ty),
                ImportType::Table(ty) => imported.tables.push(ty),
                ImportType::Memory(ty) => imported.memories.push(ty),
                ImportType::Global(ty) => imported.globals.push(ty),
                ImportType::Tag(ty) => imported.tags.push(ty),
            }
        }
        imported
    }
}

/// What stands at `index` of an index space: imports first, then what is defined.
fn of_either<T: Copy>(
    imported: &[T],
    index: u32,
    defined: impl FnOnce(u32) -> Option<T>,
) -> Option<T> {
    match imported.get(index as usize) {
        Some(&ty) => Some(ty),
        None => defined(index.checked_sub(u32::try_from(imported.len()).ok()?)?),
    }
}
