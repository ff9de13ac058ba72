//! Modules: artifacts that have been mapped.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use precast_artifacts_format::abi::VmctxLayout;
use precast_artifacts_format::{
    AddressMap, ArtifactError, CustomSections, ExternIndex, FuncTable, ImportType, ImportedCounts,
    Manifest, Note, Section, Trampolines,
};

use crate::artifact::Artifact;
use crate::backtrace::{DebugInfo, FrameSymbol};
use crate::engine::{self, Engine, NO_TYPE};
use crate::error::{Error, IoError};
use crate::extern_type::ExternType;
use crate::vm::space::{MemoryKey, next_module_number};

mod description;
mod image;

pub(crate) use description::Description;
pub(crate) use image::Image;
use image::InFile;

/// An artifact that has been mapped and can be instantiated, any number of times and from any
/// thread. Cheap to clone; a clone is the same module.
///
/// ```
/// # example::enter_folder();
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
    display_name: Box<str>,
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
    /// The memory exported as `memory`; found when first asked for, since WASI's calls all do.
    exported_memory: OnceLock<Option<u32>>,
    /// Functions that escape and their places among the funcrefs, sorted by function; made when
    /// first asked for.
    escaping: OnceLock<Box<[(u32, u32)]>>,
    /// What is known of the module's DWARF; read when first asked for.
    debug_info: DebugInfo,
    image: Image,
}

/// Addresses of the trampolines for a type in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// The one that passes values in slots.
    pub(crate) slots: NonZeroU64,
    /// The one that passes them in registers, if there is one.
    pub(crate) direct: Option<NonZeroU64>,
}

/// What backtraces call a module that nobody has named.
const NAMELESS: &str = "module";

impl Module {
    /// Checks that `bytes` are an artifact that fits this machine, without mapping it. This is
    /// safe for any bytes. [`Module::open_bytes`] tells what is in them.
    ///
    /// # Errors
    ///
    /// [`Error::Artifact`], with everything that does not fit.
    ///
    /// ```
    /// assert!(precast_loader::Module::check(b"\0asm").is_err());
    /// ```
    pub fn check(bytes: &[u8]) -> Result<(), Error> {
        precast_artifacts_format::Artifact::parse_on(bytes, host()?)?;
        Ok(())
    }

    /// Reads and checks the artifact in the file at `path`, whatever machine it is made for, so
    /// that one can look at it. This is safe for any file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Artifact`] if the file is not an artifact of this version's.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// println!("{artifact:?} for {}", artifact.note().target);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Artifact<'static>, Error> {
        let path = path.as_ref();
        let bytes = read_file(path).map_err(|source| {
            Error::Io(IoError {
                action: "read",
                path: Some(path.to_owned()),
                source,
            })
        })?;
        Artifact::parse(bytes.into(), &stem(path))
    }

    /// Checks the artifact that `bytes` are, whatever machine it is made for, so that one can look
    /// at it. This is safe for any bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Artifact`] if they are not an artifact of this version's.
    ///
    /// ```
    /// let error = precast_loader::Module::open_bytes(b"\0asm".as_slice()).unwrap_err();
    /// assert!(error.to_string().starts_with("not a precast artifact"));
    /// ```
    pub fn open_bytes<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Artifact<'a>, Error> {
        Artifact::parse(bytes.into(), NAMELESS)
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
    ///
    /// ```
    /// # example::enter_folder();
    /// use precast_loader::{Engine, Module};
    ///
    /// let engine = Engine::default();
    /// // SAFETY: app.precast was written by our own build, which never changes it in place.
    /// let module = unsafe { Module::load(&engine, "app.precast")? };
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load(engine: &Engine, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // SAFETY: the caller's promise.
        unsafe { Self::load_as(engine, path, &stem(path)) }
    }

    /// As [`Module::load`]; backtraces call the module `name` if it has none of its own, and not as
    /// its file is called, which in a cache says nothing.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// As for [`Module::load`].
    ///
    /// ```
    /// # example::enter_folder();
    /// use precast_loader::{Engine, Module};
    ///
    /// // SAFETY: app.precast was written by our own build, which never changes it in place.
    /// let module = unsafe { Module::load_as(&Engine::default(), "app.precast", "plugin")? };
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_as(
        engine: &Engine,
        path: impl AsRef<Path>,
        name: &str,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = InFile::whole(image::open(path)?, Some(path))?;
        Self::of_file(engine, file, name)
    }

    /// Maps an artifact that is in memory. The bytes are copied, into a file in memory, so that
    /// they need not be aligned and may go away. A program that carries its guests within itself
    /// is one file, at the price of that copy at its start.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// The bytes hold machine code that will be run: they must have been written by precast, and
    /// nobody who is not trusted may have changed them since.
    ///
    /// ```
    /// # macro_rules! include_bytes { ($path:literal) => { example::ARTIFACT } }
    /// use precast_loader::{Engine, Module};
    ///
    /// static APP: &[u8] = include_bytes!("app.precast");
    ///
    /// // SAFETY: app.precast was written by our own build and is a part of this program.
    /// let module = unsafe { Module::load_bytes(&Engine::default(), APP)? };
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
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
    ///
    /// ```
    /// # let bytes = example::ARTIFACT;
    /// use precast_loader::{Engine, Module};
    ///
    /// // SAFETY: the bytes were written by our own build.
    /// let module = unsafe { Module::load_bytes_as(&Engine::default(), bytes, "plugin")? };
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_bytes_as(engine: &Engine, bytes: &[u8], name: &str) -> Result<Self, Error> {
        let file = crate::sys::memfd::sealed("precast", bytes)
            .map_err(|error| Error::io("create a file in memory", error))?;
        Self::of_file(engine, InFile::whole(file, None)?, name)
    }

    /// As [`Module::load_bytes`], for an artifact that is part of the program, by
    /// [`include_artifact!`](crate::include_artifact): it is mapped from the program's own file,
    /// and not copied, so that loading costs as little as from a file, however large it is. Bytes
    /// that cannot be found in a file, or do not start on a page there, are copied all the same.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// As for [`Module::load_bytes`].
    ///
    /// ```ignore
    /// let app = precast_loader::include_artifact!("app");
    /// // SAFETY: app.precast was written by our own build.
    /// let module = unsafe { Module::load_embedded(&engine, app)? };
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_embedded(engine: &Engine, artifact: &'static [u8]) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        unsafe { Self::load_embedded_as(engine, artifact, NAMELESS) }
    }

    /// As [`Module::load_embedded`]; backtraces call the module `name` if it has none of its own.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    ///
    /// # Safety
    ///
    /// As for [`Module::load_bytes`].
    ///
    /// ```
    /// # let engine = precast_loader::Engine::default();
    /// use precast_loader::{Module, attached_bytes};
    ///
    /// if let Some(artifact) = attached_bytes()? {
    ///     // SAFETY: it was attached by our own build.
    ///     let module = unsafe { Module::load_embedded_as(&engine, artifact, "app")? };
    /// }
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load_embedded_as(
        engine: &Engine,
        artifact: &'static [u8],
        name: &str,
    ) -> Result<Self, Error> {
        // What comes first in an artifact are headers and note, with the digests of all the rest.
        const COMPARED: usize = 4096;
        match crate::sys::embedded::file_of(artifact, COMPARED) {
            Some((file, offset)) => {
                let file = InFile {
                    file,
                    path: None,
                    offset,
                    len: artifact.len() as u64,
                };
                Self::of_file(engine, file, name)
            }
            // SAFETY: the caller's promise.
            None => unsafe { Self::load_bytes_as(engine, artifact, name) },
        }
    }

    fn of_file(engine: &Engine, file: InFile<'_>, name: &str) -> Result<Self, Error> {
        let (image, mut manifest, note) = Image::map(file)?;
        let layout = manifest
            .vmctx_layout()
            .ok_or_else(|| damaged(Section::Manifest, "the size of the vmctx"))?;
        let type_ids = engine.type_ids(&manifest)?;
        manifest.map_types(|index| type_ids.get(index as usize).copied().unwrap_or(NO_TYPE));
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
                type_ids,
                imported_func_types: imported_func_types.collect(),
                exports_by_name: OnceLock::new(),
                exported_memory: OnceLock::new(),
                escaping: OnceLock::new(),
                debug_info: DebugInfo::default(),
                manifest,
                note,
                image,
            }),
        })
    }

    /// The engine the module was loaded for.
    ///
    /// ```
    /// # use precast_loader::{Engine, Store};
    /// # let module = example::module(&Engine::default());
    /// let store = Store::new(module.engine(), ());
    /// assert!(Engine::same(store.engine(), module.engine()));
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The module's own name, if its name section has one.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// assert_eq!(module.name(), Some("app"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.manifest().module_name.as_deref()
    }

    /// What the module imports: module, name and type, in order.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// for (from, name, ty) in module.imports() {
    ///     println!("needs {from} {name}: {ty}");
    /// }
    /// let needs_wasi = module.imports().any(|(from, _, _)| from == "wasi_snapshot_preview1");
    /// # assert!(!needs_wasi);
    /// ```
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> {
        self.description().imports()
    }

    /// What the module exports: name and type, in order.
    ///
    /// ```
    /// # use precast_loader::ExternType;
    /// # let module = example::module(&precast_loader::Engine::default());
    /// let functions = module.exports().filter(|(_, ty)| matches!(ty, ExternType::Func(_)));
    /// let names: Vec<&str> = functions.map(|(name, _)| name).collect();
    /// assert_eq!(names, ["run", "twice", "malloc", "spin", "fail"]);
    /// ```
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> {
        self.description().exports()
    }

    /// The type of the export of that name.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// let is_command = module.export("_start").is_some();
    /// # assert!(!is_command);
    /// ```
    pub fn export(&self, name: &str) -> Option<ExternType> {
        self.description().type_of(self.find_export(name)?)
    }

    /// The artifact's note: versions, target, tunables.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// let note = module.note();
    /// println!("uses {}, compiled by {}", note.cpu_features, note.compiler_version);
    /// ```
    pub fn note(&self) -> &Note {
        &self.inner.note
    }

    /// WebAssembly features beyond version 2.0 that the module needs, by name.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// assert!(module.features().is_empty(), "it needs {}", module.features().join(", "));
    /// ```
    pub fn features(&self) -> &[String] {
        &self.manifest().features
    }

    /// Size of the machine code, in bytes.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// println!("{} KiB of code", module.text_bytes() >> 10);
    /// ```
    pub fn text_bytes(&self) -> usize {
        self.image().section(Section::Text).len()
    }

    /// The module's custom sections that the artifact has kept: name and contents, in order. Names
    /// need not differ. Never the name section, whose names are the artifact's symbols.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// for (name, contents) in module.custom_sections() {
    ///     println!("{name}: {} bytes", contents.len());
    /// }
    /// ```
    pub fn custom_sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let sections = CustomSections::parse(self.image().section(Section::Custom));
        sections.into_iter().flat_map(|sections| sections.iter())
    }

    /// The contents of the first custom section of that name.
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// assert_eq!(module.custom_section("greeting"), Some(b"hello".as_slice()));
    /// assert_eq!(module.custom_section("producers"), None);
    /// ```
    pub fn custom_section(&self, name: &str) -> Option<&[u8]> {
        CustomSections::parse(self.image().section(Section::Custom))?.get(name)
    }

    /// Whether both are the same module, loaded once.
    ///
    /// ```
    /// # use precast_loader::{Engine, Module};
    /// # let engine = Engine::default();
    /// # let module = example::module(&engine);
    /// assert!(Module::same(&module, &module.clone()));
    /// # assert!(!Module::same(&module, &example::module(&engine)));
    /// ```
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

    pub(crate) fn display_name(&self) -> &str {
        &self.inner.display_name
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

    /// The entry trampolines for a type of the manifest's.
    pub(crate) fn entry_trampolines(&self, type_index: usize) -> Option<Addresses> {
        let found = *self.manifest().entry_trampolines.get(type_index)?;
        self.addresses_of(found?)
    }

    /// The import trampolines for a type of the manifest's.
    pub(crate) fn import_trampolines(&self, type_index: usize) -> Option<Addresses> {
        let found = *self.manifest().import_trampolines.get(type_index)?;
        self.addresses_of(found?)
    }

    fn addresses_of(&self, trampolines: Trampolines) -> Option<Addresses> {
        let Trampolines { slots, direct } = trampolines;
        let address = |offset| NonZeroU64::new(self.image().code_address(offset)?);
        Some(Addresses {
            slots: address(slots)?,
            direct: direct.and_then(address),
        })
    }

    pub(crate) fn funcs(&self) -> FuncTable<'_> {
        let table = FuncTable::parse(self.image().section(Section::Funcs));
        table.expect("parsed before when the artifact was checked")
    }

    pub(crate) fn address_map(&self) -> AddressMap<'_> {
        let map = AddressMap::parse(self.image().section(Section::AddrMap));
        map.unwrap_or_default()
    }

    /// The name of a defined function.
    pub(crate) fn function_name(&self, defined: u32) -> Option<&str> {
        self.image().artifact()?.function_name(defined)
    }

    /// What the DWARF says about the instruction at an offset in the WebAssembly module.
    pub(crate) fn symbols(&self, wasm_offset: u32) -> Vec<FrameSymbol> {
        let sections = CustomSections::parse(self.image().section(Section::Custom));
        let address = wasm_offset.checked_sub(self.manifest().code_offset);
        match (sections, address) {
            (Some(sections), Some(address)) => self.inner.debug_info.symbols(sections, address),
            _ => Vec::new(),
        }
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

    /// The memory that is exported as `memory`.
    pub(crate) fn exported_memory(&self) -> Option<u32> {
        let found = self.inner.exported_memory.get_or_init(|| {
            let ExternIndex::Memory(index) = self.find_export("memory")? else {
                return None;
            };
            Some(index)
        });
        *found
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

    fn description(&self) -> Description<'_> {
        Description {
            manifest: self.manifest(),
            funcs: self.funcs(),
        }
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

/// What the module in the file at `path` is called, if it has no name of its own.
fn stem(path: &Path) -> Cow<'_, str> {
    let stem = path.file_stem().map(OsStr::to_string_lossy);
    stem.unwrap_or(NAMELESS.into())
}

/// Reads a file. Anything else may have no end.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    fs::read(path)
}

/// The machine this runs on, or the error that it is none precast knows.
pub(crate) fn host() -> Result<&'static precast_artifacts_format::Host, Error> {
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
