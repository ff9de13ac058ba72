//! The functions of modules that are compiled again and again, kept beside the artifacts.
//!
//! For each module and options there is one file, with the functions of its last compilation, which
//! the next one replaces: it grows with the module, and not with the number of its versions. The
//! module is known by where it comes from, since its bytes are others each time. Whatever is wrong
//! with the file, the whole module is compiled.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::claim::Claim;
use super::error::CacheError;
use super::key::Key;
use super::{Cache, Cached, private};
use crate::{Compilation, CompileError, Compiled, Functions, Options};

/// Of the files with functions.
pub(super) const EXTENSION: &str = "funcs";

/// What [`Cache::compile_incrementally`] gives.
///
/// ```
/// # fn report(recompiled: precast_compiler::cache::Recompiled) {
/// if let Some(made) = recompiled.compiled.incremental {
///     println!("{} of {} functions reused", made.reused, made.total);
/// }
/// if let Some(warning) = recompiled.warning {
///     eprintln!("{warning}");
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Recompiled {
    /// The artifact, and how much of it was [there before](Compiled::incremental).
    pub compiled: Compiled,
    /// Why functions could not be found or kept; the artifact is right all the same.
    pub warning: Option<CacheError>,
}

impl Cache {
    /// Runs the compilation with the functions of the last one of what came from `origin`, and keeps
    /// its functions for the next. `origin` is mostly the module's absolute path; it is not
    /// opened. The artifact is not kept.
    ///
    /// # Errors
    ///
    /// [`CompileError`]: the compiler's. The cache has none, but [`Recompiled::warning`].
    ///
    /// ```
    /// use precast_compiler::{Compilation, Options};
    /// use precast_compiler::cache::{Cache, CacheLimits};
    ///
    /// # let directory = std::env::temp_dir().join(format!("precast-doc-incr-{}", std::process::id()));
    /// # let wasm = |text: &str| wat::parse_str(text).unwrap();
    /// let cache = Cache::open(&directory, CacheLimits::default())?;
    /// let (origin, options) = ("/build/app.wasm", Options::default());
    /// let before = wasm("(module (func) (func (param i64)))");
    /// let compilation = Compilation::new(&before, &options);
    /// let _ = cache.compile_incrementally(origin, compilation).unwrap();
    /// let after = wasm("(module (func nop) (func (param i64)))");
    /// let compilation = Compilation::new(&after, &options);
    /// let again = cache.compile_incrementally(origin, compilation).unwrap();
    /// assert_eq!(again.compiled.incremental.unwrap().reused, 1);
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), precast_compiler::cache::CacheError>(())
    /// ```
    pub fn compile_incrementally(
        &self,
        origin: impl AsRef<Path>,
        compilation: Compilation<'_>,
    ) -> Result<Recompiled, CompileError> {
        let path = self.path_of_functions(origin.as_ref(), compilation.options());
        let (previous, unread) = match read(&path) {
            Ok(previous) => (previous, None),
            Err(error) => (None, Some(error)),
        };
        let compiled = compilation.incremental(previous.as_ref()).run()?;
        let functions = compiled.incremental.as_ref().map(|made| &made.functions);
        let is_new = functions != previous.as_ref();
        let unwritten = functions
            .filter(|_| is_new)
            .and_then(|functions| self.keep_functions(&path, functions).err());
        Ok(Recompiled {
            compiled,
            warning: unread.or(unwritten),
        })
    }

    /// As [`Cache::get_or_compile_with`], but a module that is not there is compiled as
    /// [`Cache::compile_incrementally`] does it.
    ///
    /// # Errors
    ///
    /// As for [`Cache::get_or_compile`].
    ///
    /// ```
    /// # use precast_compiler::{Compilation, CompileError, cache::Cache};
    /// # fn run(cache: &Cache, path: &str, wasm: &[u8]) -> Result<(), CompileError> {
    /// let options = Default::default();
    /// let compilation = Compilation::new(wasm, &options);
    /// let cached = cache.get_or_compile_incrementally(path, compilation)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_compile_incrementally(
        &self,
        origin: impl AsRef<Path>,
        compilation: Compilation<'_>,
    ) -> Result<Cached, CompileError> {
        let mut unkept = None;
        let mut cached = self.get_or(compilation, |compilation| {
            let recompiled = self.compile_incrementally(origin, compilation)?;
            unkept = recompiled.warning;
            Ok(recompiled.compiled.bytes)
        })?;
        cached.warning = cached.warning.or(unkept);
        Ok(cached)
    }

    fn path_of_functions(&self, origin: &Path, options: &Options) -> PathBuf {
        let key = Key::of_functions(origin, options);
        self.directory.join(format!("{key}.{EXTENSION}"))
    }

    fn keep_functions(&self, path: &Path, functions: &Functions) -> Result<(), CacheError> {
        // Whoever has the claim keeps functions that are as good.
        match Claim::try_take(path)? {
            Some(claim) => self.keep(path, &claim, functions.as_bytes()).map(drop),
            None => Ok(()),
        }
    }
}

/// The functions at `path`; none if they are not there or damaged, which the next ones mend.
fn read(path: &Path) -> Result<Option<Functions>, CacheError> {
    let failed = |error| CacheError::io("read", path, error);
    let Some(mut file) = private::open(path)? else {
        return Ok(None);
    };
    // It is worth nothing more than being evicted early if this fails.
    let _ = file.set_modified(SystemTime::now());
    let mut bytes = Vec::new();
    let len = file.metadata().map_err(failed)?.len();
    bytes
        .try_reserve_exact(usize::try_from(len).unwrap_or(usize::MAX))
        .map_err(|error| failed(error.into()))?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Functions::from_bytes(bytes).ok())
}
