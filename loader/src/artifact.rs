//! Artifacts that have been opened, to be looked at.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use precast_artifacts_format as format;
use precast_artifacts_format::{CustomSections, ExternIndex, FuncTable, Manifest, Note, Section};

use crate::engine::Engine;
use crate::error::Error;
use crate::extern_type::ExternType;
use crate::module::{self, Description, Module};

/// An artifact that has been opened and checked, for whatever machine it is made; not code that
/// can be run. That takes any bytes and is safe. Made by [`Module::open`] and
/// [`Module::open_bytes`].
///
/// ```
/// # example::enter_folder();
/// use precast_loader::{Engine, Module};
///
/// let artifact = Module::open("app.precast")?;
/// println!("for {}", artifact.note().target);
/// for (module, name, ty) in artifact.imports() {
///     println!("needs {module} {name}: {ty}");
/// }
/// artifact.verify()?;
/// // SAFETY: app.precast was written by our own build; it has not been damaged since.
/// let module = unsafe { artifact.load(&Engine::default())? };
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Clone)]
pub struct Artifact<'a> {
    bytes: Cow<'a, [u8]>,
    /// What backtraces will call the module if it has no name of its own.
    name: Box<str>,
    manifest: Manifest,
    note: Note,
    sections: Sections,
}

/// Where each section is, in bytes from the start of the file.
pub(crate) type Sections = [Range<usize>; Section::ALL.len()];

/// Where the sections of an artifact are.
pub(crate) fn sections_of(artifact: &format::Artifact<'_>) -> Sections {
    let file = artifact.bytes().as_ptr().addr();
    Section::ALL.map(|section| {
        let section = artifact.section(section);
        // An empty section is an empty slice somewhere.
        let start = section.as_ptr().addr().checked_sub(file);
        let start = start.filter(|_| !section.is_empty()).unwrap_or(0);
        start..start + section.len()
    })
}

impl<'a> Artifact<'a> {
    pub(crate) fn parse(bytes: Cow<'a, [u8]>, name: &str) -> Result<Self, Error> {
        let parsed = format::Artifact::parse(&bytes)?;
        let sections = sections_of(&parsed);
        let note = parsed.note().clone();
        let manifest = parsed.into_manifest();
        Ok(Self {
            name: name.into(),
            manifest,
            note,
            sections,
            bytes,
        })
    }

    /// The whole file.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// assert!(artifact.bytes().starts_with(b"\x7fELF"));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The module's own name, if its name section has one.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// assert_eq!(artifact.name(), Some("app"));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.manifest.module_name.as_deref()
    }

    /// What the module imports: module, name and type, in order.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// let needs_wasi = artifact
    ///     .imports()
    ///     .any(|(module, _, _)| module == "wasi_snapshot_preview1");
    /// # assert!(!needs_wasi);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> {
        self.description().imports()
    }

    /// What the module exports: name and type, in order.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// for (name, ty) in artifact.exports() {
    ///     println!("{name}: {ty}");
    /// }
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> {
        self.description().exports()
    }

    /// The type of the export of that name.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// let is_command = artifact.export("_start").is_some();
    /// # assert!(!is_command);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn export(&self, name: &str) -> Option<ExternType> {
        let mut exports = self.manifest.exports.iter();
        let index: ExternIndex = exports.find(|export| export.name == name)?.index;
        self.description().type_of(index)
    }

    /// WebAssembly features beyond version 2.0 that the module needs, by name.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// assert!(artifact.features().is_empty(), "it needs {}", artifact.features().join(", "));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn features(&self) -> &[String] {
        &self.manifest.features
    }

    /// The artifact's note: versions, target, CPU features that the code uses, tunables.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// let note = artifact.note();
    /// println!("{} with {}, by {}", note.target, note.cpu_features, note.compiler_version);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Size of the machine code, in bytes.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// println!("{} KiB of code", artifact.text_bytes() >> 10);
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn text_bytes(&self) -> usize {
        self.section(Section::Text).len()
    }

    /// The module's custom sections that were kept, as name and contents, in order.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// for (name, contents) in artifact.custom_sections() {
    ///     println!("{name}: {} bytes", contents.len());
    /// }
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn custom_sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let sections = CustomSections::parse(self.section(Section::Custom));
        sections.into_iter().flat_map(|sections| sections.iter())
    }

    /// The contents of the first custom section of that name.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// assert_eq!(artifact.custom_section("greeting"), Some(b"hello".as_slice()));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn custom_section(&self, name: &str) -> Option<&[u8]> {
        CustomSections::parse(self.section(Section::Custom))?.get(name)
    }

    /// Compares every section with its digest, which opening does for the smallest ones only. It
    /// tells damage, not malice: whoever changes an artifact on purpose changes the digests, too.
    ///
    /// # Errors
    ///
    /// [`Error::Artifact`] for the first section that differs.
    ///
    /// ```
    /// # example::enter_folder();
    /// let artifact = precast_loader::Module::open("app.precast")?;
    /// artifact.verify()?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn verify(&self) -> Result<(), Error> {
        Ok(format::Artifact::parse(&self.bytes)?.verify()?)
    }

    /// Checks that it fits this machine: target, CPU features and page size. Loading does so too.
    ///
    /// # Errors
    ///
    /// [`Error::Artifact`] with everything that does not fit.
    ///
    /// ```
    /// # example::enter_folder();
    /// use precast_loader::Module;
    ///
    /// // The best of several that were made of one module.
    /// let artifact = ["app-v4.precast", "app-v3.precast", "app.precast"]
    ///     .into_iter()
    ///     .filter_map(|path| Module::open(path).ok())
    ///     .find(|artifact| artifact.check_host().is_ok());
    /// # assert!(artifact.is_some());
    /// ```
    pub fn check_host(&self) -> Result<(), Error> {
        Ok(self.note.check(module::host()?)?)
    }

    /// Maps the artifact to run it. What is mapped are the bytes that were opened, whatever has
    /// become of the file since: what has been looked at and verified is what will run. They are
    /// copied for that; [`Module::load`] maps a file as it is, so that processes share its pages.
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
    /// # example::enter_folder();
    /// use precast_loader::{Engine, Module};
    ///
    /// let artifact = Module::open("app.precast")?;
    /// artifact.verify()?;
    /// // SAFETY: app.precast was written by our own build.
    /// let module = unsafe { artifact.load(&Engine::default())? };
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "what is loaded will be run")]
    pub unsafe fn load(&self, engine: &Engine) -> Result<Module, Error> {
        // SAFETY: the caller's promise.
        unsafe { Module::load_bytes_as(engine, &self.bytes, &self.name) }
    }

    fn section(&self, section: Section) -> &[u8] {
        let range = self.sections[section as usize].clone();
        &self.bytes[range]
    }

    fn description(&self) -> Description<'_> {
        let funcs = FuncTable::parse(self.section(Section::Funcs));
        Description {
            manifest: &self.manifest,
            funcs: funcs.expect("parsed before when the artifact was opened"),
        }
    }
}

impl fmt::Debug for Artifact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Artifact")
            .field("name", &self.name())
            .field("target", &self.note.target)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
