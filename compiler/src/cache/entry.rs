//! A complete artifact in the cache.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use precast_artifacts_format::{Artifact, ArtifactError};

use super::claim::Claim;
use super::error::CacheError;
use super::{incremental, private};
use crate::{DamagedFunctions, Functions};

/// An artifact in the cache. It is not removed from there as long as this value lives; mapping it
/// takes no longer than that, and what is mapped stays when its name goes.
///
/// ```
/// use precast_compiler::Options;
/// use precast_compiler::cache::{Cache, CacheLimits, Code};
///
/// # let directory = std::env::temp_dir().join(format!("precast-entry-{}", std::process::id()));
/// let cache = Cache::open(&directory, CacheLimits::default())?;
/// let cached = cache.get_or_compile(b"\0asm\x01\0\0\0", &Options::default()).unwrap();
/// if let Code::File(entry) = cached.code {
///     assert!(std::fs::read(entry.path()).unwrap().starts_with(b"\x7fELF"));
/// }
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), precast_compiler::cache::CacheError>(())
/// ```
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    /// With a shared lock, which keeps it from being evicted.
    file: File,
}

/// What there is in an entry's place.
pub(super) enum Look {
    Found(Entry),
    Nothing,
    /// A file that is no artifact, or not the whole of one.
    Damaged,
}

impl Entry {
    /// Looks for the entry. It is now the one that was used last.
    pub(super) fn look(path: &Path) -> Result<Look, CacheError> {
        let Some(file) = private::open(path)? else {
            return Ok(Look::Nothing);
        };
        let failed = |error| CacheError::io("lock", path, error);
        while let Err(error) = file.lock_shared() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(failed(error));
            }
        }
        // It may have been evicted before it was locked.
        if !private::is_at(&file, path) {
            return Ok(Look::Nothing);
        }
        if !is_whole(&file).map_err(|error| CacheError::io("read", path, error))? {
            return Ok(Look::Damaged);
        }
        // It is worth nothing more than being evicted early if this fails.
        let _ = file.set_modified(SystemTime::now());
        Ok(Look::Found(Self::locked(path, file)))
    }

    /// The entry whose file this is, which has been locked.
    pub(super) fn locked(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file,
        }
    }

    /// The artifact's path.
    ///
    /// ```
    /// # fn load(path: &std::path::Path) {}
    /// # fn run(entry: precast_compiler::cache::Entry) {
    /// load(entry.path()); // with the loader's `Module::load`
    /// drop(entry); // only then
    /// # }
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the entry, for it could not be used after all.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] if that is not possible.
    ///
    /// ```
    /// # fn load(path: &std::path::Path) -> Result<(), ()> { Ok(()) }
    /// # use precast_compiler::cache::{CacheError, Entry};
    /// # fn run(entry: Entry) -> Result<(), CacheError> {
    /// if load(entry.path()).is_err() {
    ///     entry.discard()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn discard(self) -> Result<(), CacheError> {
        // Whoever has the claim is about to make it anew.
        let Some(_claim) = Claim::try_take(&self.path)? else {
            return Ok(());
        };
        if private::is_at(&self.file, &self.path) {
            remove(&self.path)?;
        }
        Ok(())
    }
}

/// What an entry is.
///
/// ```
/// use precast_compiler::cache::{EntryInfo, EntryKind};
///
/// fn artifacts(entries: Vec<EntryInfo>) -> usize {
///     let kinds = entries.iter().map(|entry| entry.kind);
///     kinds.filter(|&kind| kind == EntryKind::Artifact).count()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A module's artifact.
    Artifact,
    /// The functions of a module that is compiled incrementally.
    Functions,
}

/// What a list of a cache says of an entry.
///
/// ```
/// use precast_compiler::cache::{Cache, CacheLimits};
///
/// # let directory = std::env::temp_dir().join(format!("precast-doc-info-{}", std::process::id()));
/// let cache = Cache::open(&directory, CacheLimits::default())?;
/// for entry in cache.entries()? {
///     println!("{} {} bytes", entry.path.display(), entry.bytes);
/// }
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), precast_compiler::cache::CacheError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInfo {
    /// Where it is. The name, without its extension, is the key.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Its size.
    pub bytes: u64,
    /// When it was made or found for the last time.
    pub last_used: SystemTime,
}

impl EntryInfo {
    /// What there is to be known of the file, unless it has gone.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        let is_functions = path.extension() == Some(incremental::EXTENSION.as_ref());
        Some(Self {
            path: path.to_owned(),
            kind: match is_functions {
                true => EntryKind::Functions,
                false => EntryKind::Artifact,
            },
            bytes: metadata.size(),
            last_used: metadata.modified().ok()?,
        })
    }

    /// Reads the whole entry and compares it with its digests.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a [`CacheError`], of which [`CacheError::Damaged`] has an
    /// [`ArtifactError`].
    ///
    /// ```
    /// # fn check(entry: precast_compiler::cache::EntryInfo) {
    /// if let Err(problem) = entry.verify() {
    ///     println!("{problem}");
    /// }
    /// # }
    /// ```
    pub fn verify(&self) -> Result<(), CacheError> {
        let read_error = |error| CacheError::io("read", &self.path, error);
        let Some(mut file) = private::open(&self.path)? else {
            return Err(read_error(ErrorKind::NotFound.into()));
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(read_error)?;
        if self.kind == EntryKind::Functions {
            let path = self.path.clone();
            return match Functions::from_bytes(bytes) {
                Ok(_) => Ok(()),
                Err(DamagedFunctions) => Err(CacheError::DamagedFunctions { path }),
            };
        }
        let verified = Artifact::parse(&bytes).and_then(|artifact| artifact.verify());
        match verified {
            // Another version's, which has a look of its own.
            Ok(()) | Err(ArtifactError::Incompatible(_)) => Ok(()),
            Err(source) => Err(CacheError::Damaged {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Removes the entry, unless it is in use.
    pub(super) fn evict(&self) -> Result<bool, CacheError> {
        // What may not be used may be removed: the directory is the user's own.
        let Ok(opened) = private::open(&self.path) else {
            return remove(&self.path).map(|()| true);
        };
        let Some(file) = opened else {
            return Ok(false);
        };
        // Locked until it has gone, so that nobody begins to use it meanwhile.
        match file.try_lock() {
            Ok(()) if private::is_at(&file, &self.path) => remove(&self.path).map(|()| true),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(CacheError::io("lock", &self.path, error)),
        }
    }
}

/// Removes a file that may have gone.
pub(super) fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(CacheError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Whether the file starts as an artifact does, of this version, and reaches as far as that says.
fn is_whole(mut file: &File) -> std::io::Result<bool> {
    let bytes = file.metadata()?.size();
    let mut head = Vec::with_capacity(Artifact::HEAD_BYTES);
    file.by_ref()
        .take(Artifact::HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    Ok(Artifact::note_of_head(&head, bytes).is_ok())
}
