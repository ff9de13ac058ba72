//! What can be wrong with a cache.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use precast_artifacts_format::ArtifactError;

/// Why a cache, or an entry of it, was not used.
///
/// ```
/// use precast_compiler::cache::{Cache, CacheError, CacheLimits};
///
/// let error = Cache::open("/dev/null", CacheLimits::default()).unwrap_err();
/// assert!(matches!(error, CacheError::NotADirectory { .. }), "{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CacheError {
    /// Another user's, who could put any code there.
    ForeignOwner {
        /// The directory or the entry.
        path: PathBuf,
        /// The user it belongs to.
        uid: u32,
    },
    /// Others than the user can write to it.
    WritableByOthers {
        /// The directory or the entry.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Something else stands where the directory should be.
    NotADirectory {
        /// Where.
        path: PathBuf,
    },
    /// Something else stands where an entry should be: a symbolic link, for example.
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// An entry is not what was written.
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        source: ArtifactError,
    },
    /// Functions that are kept are not what was written.
    DamagedFunctions {
        /// Where.
        path: PathBuf,
    },
    /// Entries that are in use leave no room for another, or it is larger than all may be
    /// together.
    Full {
        /// How many bytes all entries may have together.
        max_bytes: u64,
        /// How many the artifact has that found no room.
        artifact_bytes: u64,
    },
    /// The system refused something.
    Io {
        /// What was to be done: "read", "write", "lock", "list", "remove".
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CacheError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignOwner { path, uid } => write!(
                f,
                "{} belongs to another user (number {uid})",
                path.display()
            ),
            Self::WritableByOthers { path, mode } => write!(
                f,
                "{} can be written by other users (mode {mode:03o}); `chmod go-w` changes that",
                path.display()
            ),
            Self::NotADirectory { path } => write!(f, "{} is not a directory", path.display()),
            Self::NotAFile { path } => write!(f, "{} is not a file", path.display()),
            Self::Damaged { path, source } => write!(f, "{}: {source}", path.display()),
            Self::DamagedFunctions { path } => {
                write!(f, "{}: {}", path.display(), crate::DamagedFunctions)
            }
            Self::Full {
                max_bytes,
                artifact_bytes,
            } => write!(
                f,
                "no room for {artifact_bytes} bytes: the limit is {max_bytes}, and what is in use stays"
            ),
            Self::Io {
                action,
                path,
                source,
            } => write!(f, "cannot {action} {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for CacheError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // What stands behind it is in the text already.
            Self::Io { source, .. } => source.source(),
            _ => None,
        }
    }
}
