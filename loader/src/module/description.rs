//! What a module says of itself, whether it is mapped or only opened.

use precast_artifacts_format::{
    ExternIndex, FuncTable, FuncType, ImportType, ImportedCounts, Manifest,
};

use crate::extern_type::ExternType;

/// The parts of an artifact that describe the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description<'a> {
    pub(crate) manifest: &'a Manifest,
    /// How many of each thing the manifest says are imported.
    pub(crate) imported: ImportedCounts,
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
        let exports = self.manifest.exports.iter();
        exports.filter_map(move |export| Some((export.name.as_str(), self.type_of(export.index)?)))
    }

    /// The type of something in an index space of the module's.
    pub(crate) fn type_of(self, index: ExternIndex) -> Option<ExternType> {
        let manifest = self.manifest;
        Some(match index {
            ExternIndex::Func(index) => {
                let ty = match index.checked_sub(self.imported.funcs) {
                    None => self.nth_import(index, |ty| match ty {
                        ImportType::Func(ty) => Some(ty),
                        _ => None,
                    })?,
                    Some(defined) => self.funcs.get(defined)?.type_index,
                };
                ExternType::Func(FuncType::clone(manifest.types.get(ty as usize)?))
            }
            ExternIndex::Table(index) => {
                ExternType::Table(match index.checked_sub(self.imported.tables) {
                    None => self.nth_import(index, |ty| match ty {
                        ImportType::Table(ty) => Some(ty),
                        _ => None,
                    })?,
                    Some(defined) => manifest.tables.get(defined as usize)?.ty,
                })
            }
            ExternIndex::Memory(index) => {
                ExternType::Memory(match index.checked_sub(self.imported.memories) {
                    None => self.nth_import(index, |ty| match ty {
                        ImportType::Memory(ty) => Some(ty),
                        _ => None,
                    })?,
                    Some(defined) => manifest.memories.get(defined as usize)?.ty,
                })
            }
            ExternIndex::Global(index) => {
                ExternType::Global(match index.checked_sub(self.imported.globals) {
                    None => self.nth_import(index, |ty| match ty {
                        ImportType::Global(ty) => Some(ty),
                        _ => None,
                    })?,
                    Some(defined) => manifest.globals.get(defined as usize)?.ty,
                })
            }
        })
    }

    /// The import at `index` among those of one kind.
    fn nth_import<T>(self, index: u32, of_kind: impl Fn(ImportType) -> Option<T>) -> Option<T> {
        let imports = self.manifest.imports.iter();
        let mut imports = imports.filter_map(|import| of_kind(import.ty));
        imports.nth(index as usize)
    }
}
