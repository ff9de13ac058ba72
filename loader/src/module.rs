//! Modules: artifacts that have been mapped.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use precast_artifacts_format::abi::VmctxLayout;
use precast_artifacts_format::{
    AddressMap, Artifact, ArtifactError, ExternIndex, FuncTable, FuncType, ImportType,
    ImportedCounts, Manifest, Note, Section,
};

use crate::engine::{self, Engine};
use crate::error::Error;
use crate::extern_type::ExternType;
use crate::vm::space::{MemoryKey, next_module_number};

mod image;

pub(crate) use image::Image;

/// An artifact that has been mapped and can be instantiated, any number of times and from any
/// thread. Cheap to clone; a clone is the same module.
///
/// ```no_run
/// use precast_loader::{Engine, Module};
///
/// let engine = Engine::default();
/// // SAFETY: app.precast was written by our own build.
/// let module = unsafe { Module::load(&engine, "app.precast")? };
/// for (name, ty) in module.exports() {
///     println!("{name}: {ty}");
/// }
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    /// Tells its memories from those of other modules.
    number: u64,
    display_name: Arc<str>,
    manifest: Manifest,
    note: Note,
    layout: VmctxLayout,
    imported: ImportedCounts,
    /// Engine-wide ids of the manifest's types.
    type_ids: Box<[u32]>,
    /// Per imported function its type, an index into the manifest's types.
    imported_func_types: Box<[u32]>,
    /// Indices of the exports, sorted by name; made when first asked for.
    exports_by_name: OnceLock<Box<[u32]>>,
    /// Functions that escape and their places among the funcrefs, sorted by function; made when
    /// first asked for.
    escaping: OnceLock<Box<[(u32, u32)]>>,
    image: Image,
}

/// What backtraces call a module that nobody has named.
const NAMELESS: &str = "module";

impl Module {
    /// Checks that `bytes` are an artifact that fits this machine, without mapping it. This is
    /// safe for any bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Artifact`].
    ///
    /// ```
    /// assert!(precast_loader::Module::check(b"\0asm").is_err());
    /// ```
    pub fn check(bytes: &[u8]) -> Result<(), Error> {
        parse(bytes).map(drop)
    }

    /// Maps the artifact in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Artifact`] if the file is not an artifact or does not fit this
    /// machine, [`Error::Link`] if its code needs a runtime symbol that is not known.
    ///
    /// # Safety
    ///
    /// - The file holds machine code that will be run: it must have been written by precast, and
    ///   nobody who is not trusted may have changed it since.
    /// - It must not be changed as long as the module or an instance of it is alive. (Replacing
    ///   it by renaming another file over it is fine.)
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load(engine: &Engine, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let stem = path.file_stem().map(OsStr::to_string_lossy);
        let name = stem.as_deref().unwrap_or(NAMELESS);
        Self::of_file(engine, image::open(path)?, Some(path), name)
    }

    /// Maps an artifact that is in memory. The bytes are copied, into a file in memory.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// The bytes hold machine code that will be run: they must have been written by precast, and
    /// nobody who is not trusted may have changed them since.
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_bytes(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        unsafe { Self::load_bytes_as(engine, bytes, NAMELESS) }
    }

    /// As [`Module::load_bytes`]; backtraces call the module `name` if it has none of its own, as
    /// they call one from a file by the file's.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// As for [`Module::load_bytes`].
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_bytes_as(engine: &Engine, bytes: &[u8], name: &str) -> Result<Self, Error> {
        let file = crate::sys::memfd::sealed("precast", bytes)
            .map_err(|error| Error::io("create a file in memory", error))?;
        Self::of_file(engine, file, None, name)
    }

    fn of_file(
        engine: &Engine,
        file: File,
        path: Option<&Path>,
        name: &str,
    ) -> Result<Self, Error> {
        let (image, manifest, note) = Image::map(file, path, host()?)?;
        let layout = manifest
            .vmctx_layout()
            .ok_or_else(|| damaged(Section::Manifest, "the size of the vmctx"))?;
        let imported_func_types = manifest
            .imports
            .iter()
            .filter_map(|import| match import.ty {
                ImportType::Func(ty) => Some(ty),
                _ => None,
            });
        let name = manifest.module_name.as_deref().unwrap_or(name);
        Ok(Self {
            inner: Arc::new(Inner {
                engine: engine.clone(),
                number: next_module_number(),
                display_name: name.into(),
                layout,
                imported: manifest.imported(),
                type_ids: engine.type_ids(&manifest.types)?,
                imported_func_types: imported_func_types.collect(),
                exports_by_name: OnceLock::new(),
                escaping: OnceLock::new(),
                manifest,
                note,
                image,
            }),
        })
    }

    /// The engine the module was loaded for.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The module's own name, if its name section has one.
    pub fn name(&self) -> Option<&str> {
        self.manifest().module_name.as_deref()
    }

    /// What the module imports: module, name and type, in order.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> {
        self.manifest().imports.iter().filter_map(|import| {
            let ty = ExternType::of_import(self.manifest(), &import.ty)?;
            Some((import.module.as_str(), import.name.as_str(), ty))
        })
    }

    /// What the module exports: name and type, in order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> {
        let exports = self.manifest().exports.iter();
        exports.filter_map(|export| Some((export.name.as_str(), self.type_of(export.index)?)))
    }

    /// The type of the export of that name.
    pub fn export(&self, name: &str) -> Option<ExternType> {
        self.type_of(self.find_export(name)?)
    }

    /// The artifact's note: versions, target, tunables.
    pub fn note(&self) -> &Note {
        &self.inner.note
    }

    /// WebAssembly features beyond version 2.0 that the module needs, by name.
    pub fn features(&self) -> &[String] {
        &self.manifest().features
    }

    /// Size of the machine code, in bytes.
    pub fn text_bytes(&self) -> usize {
        self.image().section(Section::Text).len()
    }

    /// Whether both are the same module, loaded once.
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }
}

/// For the rest of the crate.
impl Module {
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    pub(crate) fn image(&self) -> &Image {
        &self.inner.image
    }

    /// What tells one of the memories that it defines from all other modules'.
    pub(crate) fn memory_key(&self, memory: u32) -> MemoryKey {
        MemoryKey {
            module: self.inner.number,
            memory,
        }
    }

    pub(crate) fn layout(&self) -> &VmctxLayout {
        &self.inner.layout
    }

    pub(crate) fn imported(&self) -> ImportedCounts {
        self.inner.imported
    }

    pub(crate) fn display_name(&self) -> Arc<str> {
        Arc::clone(&self.inner.display_name)
    }

    /// Engine-wide ids of the manifest's types.
    pub(crate) fn type_ids(&self) -> &[u32] {
        &self.inner.type_ids
    }

    /// The type of a function, an index into the manifest's types.
    pub(crate) fn type_index(&self, func: u32) -> Option<u32> {
        match func.checked_sub(self.imported().funcs) {
            None => self.inner.imported_func_types.get(func as usize).copied(),
            Some(defined) => Some(self.funcs().get(defined)?.type_index),
        }
    }

    /// The engine-wide id of a function's type.
    pub(crate) fn type_id(&self, func: u32) -> Option<u32> {
        self.type_ids()
            .get(self.type_index(func)? as usize)
            .copied()
    }

    /// Where the type with that engine-wide id stands among the manifest's.
    pub(crate) fn index_of_type(&self, type_id: u32) -> Option<usize> {
        self.type_ids().iter().position(|&id| id == type_id)
    }

    /// The address of the entry trampoline for a type of the manifest's.
    pub(crate) fn entry_trampoline(&self, type_index: usize) -> Option<u64> {
        let offset = *self.manifest().entry_trampolines.get(type_index)?;
        self.image().code_address(offset?)
    }

    /// The address of the import trampoline for a type of the manifest's.
    pub(crate) fn import_trampoline(&self, type_index: usize) -> Option<u64> {
        let offset = *self.manifest().import_trampolines.get(type_index)?;
        self.image().code_address(offset?)
    }

    pub(crate) fn funcs(&self) -> FuncTable<'_> {
        let table = FuncTable::parse(self.image().section(Section::Funcs));
        table.expect("parsed before when the artifact was checked")
    }

    pub(crate) fn address_map(&self) -> AddressMap<'_> {
        let map = AddressMap::parse(self.image().section(Section::AddrMap));
        map.expect("parsed before when the artifact was checked")
    }

    /// The name of a defined function.
    pub(crate) fn function_name(&self, defined: u32) -> Option<String> {
        let name = self.image().artifact()?.function_name(defined)?;
        Some(name.to_owned())
    }

    /// The export of that name.
    pub(crate) fn find_export(&self, name: &str) -> Option<ExternIndex> {
        let exports = &self.manifest().exports;
        let name_of = |index: u32| exports.get(index as usize).map(|e| e.name.as_str());
        let sorted = self.inner.exports_by_name.get_or_init(|| {
            let mut indices: Vec<u32> = (0..).take(exports.len()).collect();
            indices.sort_by_key(|&index| name_of(index));
            indices.into()
        });
        let found = sorted
            .binary_search_by_key(&Some(name), |&index| name_of(index))
            .ok()?;
        Some(exports.get(*sorted.get(found)? as usize)?.index)
    }

    /// Where among the funcrefs of the vmctx that of a function is, if it escapes.
    pub(crate) fn funcref_index(&self, func: u32) -> Option<u32> {
        let sorted = self.inner.escaping.get_or_init(|| {
            let mut pairs: Vec<(u32, u32)> = self.escaping().zip(0..).collect();
            pairs.sort_unstable();
            pairs.into()
        });
        let found = sorted.binary_search_by_key(&func, |&(func, _)| func).ok()?;
        sorted.get(found).map(|&(_, place)| place)
    }

    /// The functions that escape, in the order of their funcrefs.
    pub(crate) fn escaping(&self) -> impl Iterator<Item = u32> {
        self.func_indices(self.manifest().escaping)
    }

    /// A list of function indices.
    pub(crate) fn func_indices(
        &self,
        range: precast_artifacts_format::Range32,
    ) -> impl ExactSizeIterator<Item = u32> {
        let bytes = range.of(self.image().section(Section::Elements));
        let (words, _) = bytes.unwrap_or(&[]).as_chunks::<4>();
        words.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// The type of something the module has, by what the module itself says.
    fn type_of(&self, index: ExternIndex) -> Option<ExternType> {
        fn nth<T: Copy>(
            imports: impl Iterator<Item = T>,
            defined: impl Iterator<Item = T>,
            index: u32,
        ) -> Option<T> {
            imports.chain(defined).nth(index as usize)
        }
        let manifest = self.manifest();
        let imports = manifest.imports.iter().map(|import| import.ty);
        Some(match index {
            ExternIndex::Func(func) => {
                let ty = manifest.types.get(self.type_index(func)? as usize)?;
                ExternType::Func(FuncType::clone(ty))
            }
            ExternIndex::Table(index) => ExternType::Table(nth(
                imports.filter_map(|ty| match ty {
                    ImportType::Table(ty) => Some(ty),
                    _ => None,
                }),
                manifest.tables.iter().map(|plan| plan.ty),
                index,
            )?),
            ExternIndex::Memory(index) => ExternType::Memory(nth(
                imports.filter_map(|ty| match ty {
                    ImportType::Memory(ty) => Some(ty),
                    _ => None,
                }),
                manifest.memories.iter().map(|plan| plan.ty),
                index,
            )?),
            ExternIndex::Global(index) => ExternType::Global(nth(
                imports.filter_map(|ty| match ty {
                    ImportType::Global(ty) => Some(ty),
                    _ => None,
                }),
                manifest.globals.iter().map(|plan| plan.ty),
                index,
            )?),
        })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.inner.display_name)
            .field("text_bytes", &self.text_bytes())
            .finish_non_exhaustive()
    }
}

fn parse(bytes: &[u8]) -> Result<Artifact<'_>, Error> {
    Ok(Artifact::parse_on(bytes, host()?)?)
}

fn host() -> Result<&'static precast_artifacts_format::Host, Error> {
    engine::host().ok_or_else(|| {
        let unsupported = std::io::ErrorKind::Unsupported;
        Error::io("tell what machine this is", unsupported.into())
    })
}

/// A list in the artifact that is checked item by item holds something out of range.
pub(crate) fn damaged(section: Section, what: &'static str) -> Error {
    Error::Artifact(ArtifactError::Damaged {
        section: Some(section),
        offset: 0,
        what,
    })
}
