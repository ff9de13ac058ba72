//! A cache of artifacts in a directory, for many processes at once.
//!
//! An artifact is found by a hash of all that decides its bytes (`cache/key.rs`), so that what is
//! found is what compiling would give. Whatever goes wrong with the cache, the module is compiled:
//! [`Cached::warning`] then says why the cache was of no use.
//!
//! - A file with an entry's name is complete, and never modified: it is written under another name,
//!   brought to the disk, and then renamed.
//! - One process or thread makes an entry, and the others wait for it (`cache/claim.rs`), also for
//!   one that has been stopped. What a process leaves that is killed hinders nobody, and goes when
//!   the next entry is made.
//! - An entry is as good as its directory is private. Where others could have written, nothing is
//!   used (`cache/private.rs`). Code is run from here without any further proof.
//! - When there are too many bytes, the entries that were used the longest ago go first; never one
//!   that somebody holds an [`Entry`] of.
//!
//! Beside the artifacts there are the functions of modules that are compiled incrementally
//! (`cache/incremental.rs`), which are entries like others.
//!
//! What a hit costs: hashing the module once, 13 system calls, and reading 4 KiB of the entry to see
//! that it is of this version and has its full length. The module is neither parsed nor validated,
//! and the artifact not read any further; the loader checks what it needs, and
//! [`EntryInfo::verify`] everything.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Compilation, CompileError, Options, Output};

mod claim;
mod entry;
mod error;
mod incremental;
mod key;
mod private;
#[cfg(test)]
mod tests;

use claim::Claim;
use entry::Look;
use key::Key;

pub use entry::{Entry, EntryInfo, EntryKind};
pub use error::CacheError;
pub use incremental::Recompiled;

const EXTENSION: &str = "precast";
/// Locked while entries get their names or are evicted.
const DIRECTORY_LOCK: &str = "lock";

/// What the entries of a cache may take together.
///
/// ```
/// use precast_compiler::cache::CacheLimits;
///
/// let mut limits = CacheLimits::default();
/// limits.max_bytes = 100 << 20;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// Bytes in all entries. What is being written comes on top of that. Default: 1 GiB.
    pub max_bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 30 }
    }
}

/// A directory of artifacts.
///
/// ```
/// use precast_compiler::Options;
/// use precast_compiler::cache::{Cache, CacheLimits, Code};
///
/// # let directory = std::env::temp_dir().join(format!("precast-doc-{}", std::process::id()));
/// let cache = Cache::open(&directory, CacheLimits::default())?;
/// let wasm = b"\0asm\x01\0\0\0"; // the empty module
/// let cached = cache.get_or_compile(wasm, &Options::default()).unwrap();
/// assert!(!cached.is_hit);
/// # drop(cached);
/// let again = cache.get_or_compile(wasm, &Options::default()).unwrap();
/// assert!(again.is_hit);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), precast_compiler::cache::CacheError>(())
/// ```
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    limits: CacheLimits,
}

/// A module's code, and how it was come by.
///
/// ```
/// # fn run(cached: precast_compiler::cache::Cached) {
/// if let Some(warning) = cached.warning {
///     eprintln!("compiled without the cache: {warning}");
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Cached {
    /// The artifact.
    pub code: Code,
    /// Whether it was there already.
    pub is_hit: bool,
    /// Why the artifact could not be found or kept; it is right all the same.
    pub warning: Option<CacheError>,
}

/// An artifact in the cache, or one that was not kept.
///
/// ```
/// use precast_compiler::cache::Code;
///
/// fn bytes(code: &Code) -> std::io::Result<Vec<u8>> {
///     match code {
///         Code::File(entry) => std::fs::read(entry.path()),
///         Code::Bytes(bytes) => Ok(bytes.clone()),
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Code {
    /// In a file, to be mapped.
    File(Entry),
    /// In memory.
    Bytes(Vec<u8>),
}

/// What was removed from a cache.
///
/// ```
/// use precast_compiler::cache::{Cache, CacheLimits, Removed};
///
/// # let directory = std::env::temp_dir().join(format!("precast-rm-{}", std::process::id()));
/// let cache = Cache::open(&directory, CacheLimits::default())?;
/// assert_eq!(cache.clear()?, Removed { entries: 0, bytes: 0 });
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), precast_compiler::cache::CacheError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many entries.
    pub entries: u64,
    /// Their sizes together.
    pub bytes: u64,
}

impl Cache {
    /// The cache in `directory`, which is made, for the user alone, if it is not there.
    ///
    /// # Errors
    ///
    /// [`CacheError`] if it cannot be made, or is another user's, or others can write to it.
    ///
    /// ```
    /// use precast_compiler::cache::{Cache, CacheError, CacheLimits};
    ///
    /// let error = Cache::open("/dev/null/cache", CacheLimits::default()).unwrap_err();
    /// assert!(matches!(error, CacheError::NotADirectory { .. }));
    /// ```
    pub fn open(directory: impl AsRef<Path>, limits: CacheLimits) -> Result<Self, CacheError> {
        let directory = directory.as_ref().to_owned();
        private::directory(&directory)?;
        Ok(Self { directory, limits })
    }

    /// The artifact of the module, from the cache or compiled now. Waits if somebody else compiles
    /// it.
    ///
    /// # Errors
    ///
    /// [`CompileError`]: the compiler's. The cache has none, but [`Cached::warning`].
    ///
    /// ```
    /// # use precast_compiler::{CompileError, cache::Cache};
    /// # fn run(cache: &Cache, wasm: &[u8]) -> Result<(), CompileError> {
    /// let cached = cache.get_or_compile(wasm, &Default::default())?;
    /// println!("{}", if cached.is_hit { "found" } else { "compiled" });
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_compile(&self, wasm: &[u8], options: &Options) -> Result<Cached, CompileError> {
        self.get_or_compile_with(Compilation::new(wasm, options))
    }

    /// As [`Cache::get_or_compile`], by running this compilation unless the artifact is there. That
    /// it might be [to something else](Compilation::output) than an artifact is not heeded.
    ///
    /// # Errors
    ///
    /// As for [`Cache::get_or_compile`].
    ///
    /// ```
    /// # use precast_compiler::{Compilation, CompileError, cache::Cache};
    /// # fn run(cache: &Cache, wasm: &[u8]) -> Result<(), CompileError> {
    /// let (options, show) = (Default::default(), |progress| println!("{progress:?}"));
    /// let compilation = Compilation::new(wasm, &options).progress(&show);
    /// let cached = cache.get_or_compile_with(compilation)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_compile_with(
        &self,
        compilation: Compilation<'_>,
    ) -> Result<Cached, CompileError> {
        self.get_or(compilation, |compilation| Ok(compilation.run()?.bytes))
    }

    fn get_or(
        &self,
        compilation: Compilation<'_>,
        compile: impl FnOnce(Compilation<'_>) -> Result<Vec<u8>, CompileError>,
    ) -> Result<Cached, CompileError> {
        let key = Key::new(compilation.wasm(), compilation.options());
        let path = self.path_of(key);
        let found = self.find_or_claim(&path);
        if let Ok(Found::Entry(entry)) = found {
            return Ok(Cached {
                code: Code::File(entry),
                is_hit: true,
                warning: None,
            });
        }
        // The claim goes with an error, so that nobody waits for it.
        let artifact = compile(compilation.output(Output::Artifact))?;
        let kept = found.and_then(|found| match found {
            Found::Entry(entry) => Ok(entry),
            Found::Claim(claim) => self.keep(&path, &claim, &artifact),
        });
        let (code, warning) = match kept {
            Ok(entry) => (Code::File(entry), None),
            Err(error) => (Code::Bytes(artifact), Some(error)),
        };
        Ok(Cached {
            code,
            is_hit: false,
            warning,
        })
    }

    /// All entries, with the functions that are kept, those first that were used the longest ago.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] if the directory cannot be read.
    ///
    /// ```
    /// # use precast_compiler::cache::{Cache, CacheError};
    /// # fn run(cache: &Cache) -> Result<(), CacheError> {
    /// let bytes: u64 = cache.entries()?.iter().map(|entry| entry.bytes).sum();
    /// # Ok(())
    /// # }
    /// ```
    pub fn entries(&self) -> Result<Vec<EntryInfo>, CacheError> {
        let paths = self.paths(&[EXTENSION, incremental::EXTENSION])?;
        let mut entries: Vec<EntryInfo> = paths.iter().filter_map(|p| EntryInfo::of(p)).collect();
        // By the name, too, so that the order is the same each time.
        entries.sort_by(|a, b| (a.last_used, &a.path).cmp(&(b.last_used, &b.path)));
        Ok(entries)
    }

    /// Removes the entries that were used the longest ago, until the others have no more than
    /// `max_bytes`, and what killed processes have left. What is in use stays.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] if something could not be removed.
    ///
    /// ```
    /// # use precast_compiler::cache::{Cache, CacheError};
    /// # fn run(cache: &Cache) -> Result<(), CacheError> {
    /// let removed = cache.prune(100 << 20)?;
    /// println!("{} bytes are free again", removed.bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn prune(&self, max_bytes: u64) -> Result<Removed, CacheError> {
        let _lock = self.lock()?;
        self.sweep()?;
        Ok(self.shrink(max_bytes)?.0)
    }

    /// Removes all entries that are not in use, and what killed processes have left.
    ///
    /// # Errors
    ///
    /// As for [`Cache::prune`].
    ///
    /// ```
    /// # use precast_compiler::cache::{Cache, CacheError};
    /// # fn run(cache: &Cache) -> Result<(), CacheError> {
    /// println!("{} entries removed", cache.clear()?.entries);
    /// # Ok(())
    /// # }
    /// ```
    pub fn clear(&self) -> Result<Removed, CacheError> {
        self.prune(0)
    }

    /// Removes one entry, and says whether it did: what is in use stays.
    ///
    /// # Errors
    ///
    /// As for [`Cache::prune`].
    ///
    /// ```
    /// # use precast_compiler::cache::{Cache, CacheError};
    /// # fn run(cache: &Cache) -> Result<(), CacheError> {
    /// for entry in cache.entries()? {
    ///     if entry.verify().is_err() {
    ///         cache.remove(&entry)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&self, entry: &EntryInfo) -> Result<bool, CacheError> {
        let _lock = self.lock()?;
        entry.evict()
    }

    fn path_of(&self, key: Key) -> PathBuf {
        self.directory.join(format!("{key}.{EXTENSION}"))
    }

    /// The entry, or the right to make it.
    fn find_or_claim(&self, path: &Path) -> Result<Found, CacheError> {
        loop {
            if let Look::Found(entry) = Entry::look(path)? {
                return Ok(Found::Entry(entry));
            }
            let Some(claim) = Claim::wait(path)? else {
                continue;
            };
            // Somebody may have made it between the look and the claim.
            match Entry::look(path)? {
                Look::Found(entry) => return Ok(Found::Entry(entry)),
                Look::Nothing => (),
                // Only who has the claim gives this name to a file, so that this is still that one.
                Look::Damaged => entry::remove(path)?,
            }
            return Ok(Found::Claim(claim));
        }
    }

    /// Makes the artifact, or functions, an entry.
    fn keep(&self, path: &Path, claim: &Claim, artifact: &[u8]) -> Result<Entry, CacheError> {
        let artifact_bytes = artifact.len() as u64;
        let max_bytes = self.limits.max_bytes;
        let full = || CacheError::Full {
            max_bytes,
            artifact_bytes,
        };
        let left = max_bytes.checked_sub(artifact_bytes).ok_or_else(full)?;
        let file = claim.write(artifact)?;
        // Before it can be found, and so evicted.
        let locked = file.lock_shared();
        locked.map_err(|error| CacheError::io("lock", path, error))?;

        let _lock = self.lock()?;
        // What cannot be removed takes room and does no other harm.
        let _ = self.sweep();
        let (_, others) = self.shrink(left)?;
        if others > left {
            return Err(full());
        }
        claim.publish(&file)?;
        // The entry is good without that; it is about whether the name outlasts a loss of power.
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        Ok(Entry::locked(path, file))
    }

    /// Waits until nobody else changes what entries there are.
    fn lock(&self) -> Result<File, CacheError> {
        let path = self.directory.join(DIRECTORY_LOCK);
        let locked = private::create(&path).and_then(|file| claim::lock(&file).map(|_| file));
        locked.map_err(|error| CacheError::io("lock", &path, error))
    }

    /// Evicts entries until they have no more than `max_bytes`, as far as that is possible; says
    /// what it removed, and how many bytes are left. To be called with the directory locked.
    fn shrink(&self, max_bytes: u64) -> Result<(Removed, u64), CacheError> {
        let entries = self.entries()?;
        let mut left = entries
            .iter()
            .fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        let mut removed = Removed::default();
        for entry in entries {
            // An empty file takes no room, but is no entry either.
            if left <= max_bytes && entry.bytes > 0 {
                continue;
            }
            if entry.evict()? {
                left = left.saturating_sub(entry.bytes);
                removed.entries += 1;
                removed.bytes = removed.bytes.saturating_add(entry.bytes);
            }
        }
        Ok((removed, left))
    }

    /// Removes what was being made by processes that are no more.
    fn sweep(&self) -> Result<(), CacheError> {
        for path in self.paths(&[claim::TEMPORARY, claim::LOCK])? {
            // Dropped, it removes what it stands for.
            let _claim = Claim::try_take(&path.with_extension(EXTENSION))?;
        }
        Ok(())
    }

    /// The files of ours that have one of these extensions.
    fn paths(&self, extensions: &[&str]) -> Result<Vec<PathBuf>, CacheError> {
        let failed = |error| CacheError::io("list", &self.directory, error);
        let mut paths = Vec::new();
        for file in fs::read_dir(&self.directory).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_ours = stem.and_then(Key::from_name).is_some()
                && extension.is_some_and(|extension| extensions.contains(&extension));
            if is_ours {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

enum Found {
    Entry(Entry),
    Claim(Claim),
}
