//! Why a context could not be made.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::Errno;

/// Why a [`WasiCtx`](crate::WasiCtx) could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// An argument, a value or a guest path with a NUL byte, or the name of a variable that is empty or holds `=` or NUL.
    Text(String),
    /// A directory to be given cannot be opened.
    OpenDir {
        /// The host's name of the directory.
        host_path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// A standard stream of the host cannot be duplicated.
    Stdio(io::Error),
    /// A socket cannot be made non-blocking.
    Listener(io::Error),
    /// More directories and sockets than a guest can have descriptors.
    Table(Errno),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Text(text) => write!(f, "{text:?} cannot be passed to a WASI program"),
            ConfigError::OpenDir { host_path, .. } => {
                write!(f, "cannot open the directory {}", host_path.display())
            }
            ConfigError::Stdio(_) => f.write_str("cannot duplicate a standard stream"),
            ConfigError::Listener(_) => f.write_str("cannot make a socket non-blocking"),
            ConfigError::Table(_) => f.write_str("too many directories and sockets"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Text(_) => None,
            ConfigError::OpenDir { source, .. }
            | ConfigError::Stdio(source)
            | ConfigError::Listener(source) => Some(source),
            ConfigError::Table(errno) => Some(errno),
        }
    }
}
