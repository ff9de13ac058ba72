//! Where `precast run` keeps what it has compiled, and its options for that.

use std::ffi::OsString;
use std::fs;
use std::path::{self, Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use precast_artifacts_format::ArtifactError;
use precast_compiler::cache::{self, Cache, CacheLimits, Cached, Entry};
use precast_compiler::{Compilation, Options};

use crate::input::Module;
use crate::progress::Bar;
use crate::run::Code;
use crate::shown::shown;
use crate::{bytes, codegen, exit};

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Compile in memory, and keep nothing
    #[arg(long)]
    no_cache: bool,

    /// The directory [default: $PRECAST_CACHE_DIR, $XDG_CACHE_HOME/precast or ~/.cache/precast]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,

    /// How much may be kept, in bytes, or with k, M or G; what was used the longest ago goes first
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes::parse)]
    cache_size: usize,

    /// If the module has changed, compile only what is different from the last time
    #[arg(long, conflicts_with = "no_cache")]
    incremental: bool,
}

impl CacheArgs {
    /// The module's code: from the cache if it is there. What is wrong with the cache is said on
    /// standard error.
    ///
    /// # Errors
    ///
    /// The compiler's, with the module's name.
    pub(crate) fn compile(&self, module: Module, options: Options) -> Result<Code> {
        let directory = directory(self.cache_dir.as_deref());
        let Some(directory) = directory.filter(|_| !self.no_cache) else {
            return Ok(Code::Bytes(codegen::compile(&module, &options)?));
        };
        let mut limits = CacheLimits::default();
        limits.max_bytes = self.cache_size as u64;
        let cache = match Cache::open(directory, limits) {
            Ok(cache) => cache,
            Err(error) => {
                warn(&error);
                return Ok(Code::Bytes(codegen::compile(&module, &options)?));
            }
        };
        let bar = Bar::new();
        let progress = |progress| bar.update(progress);
        let compilation = Compilation::new(&module.wasm, &options).progress(&progress);
        let cached = match &module.file {
            Some(file) if self.incremental => {
                cache.get_or_compile_incrementally(origin(file), compilation)
            }
            _ => cache.get_or_compile_with(compilation),
        };
        drop(bar);
        let Cached { code, warning, .. } = cached.with_context(|| module.name.clone())?;
        if let Some(warning) = warning {
            warn(&warning);
        }
        Ok(match code {
            cache::Code::Bytes(bytes) => Code::Bytes(bytes),
            cache::Code::File(entry) => Code::Kept(Kept {
                entry,
                module,
                options,
            }),
        })
    }
}

/// A module whose code is in the cache.
pub(crate) struct Kept {
    entry: Entry,
    module: Module,
    options: Options,
}

impl Kept {
    pub(crate) fn path(&self) -> &Path {
        self.entry.path()
    }

    /// The artifact in memory, for what is in the cache could not be loaded. It goes.
    ///
    /// # Errors
    ///
    /// The compiler's.
    pub(crate) fn compile_again(self, why: &ArtifactError) -> Result<Vec<u8>> {
        exit::say(format_args!(
            "precast: warning: {}: {why}; compiled anew",
            shown(self.entry.path())
        ));
        // It is replaced or removed the next time, at the latest.
        let _ = self.entry.discard();
        codegen::compile(&self.module, &self.options)
    }
}

/// The directory that an option has `named`, or else the user's cache; `None` where there is nothing to tell
/// the place from.
pub(crate) fn directory(named: Option<&Path>) -> Option<PathBuf> {
    named
        .map(Path::to_owned)
        .or_else(|| directory_from(|name| std::env::var_os(name)))
}

/// What a cache knows a module's earlier versions by: its path, the same from everywhere.
pub(crate) fn origin(file: &Path) -> PathBuf {
    let path = fs::canonicalize(file).or_else(|_| path::absolute(file));
    path.unwrap_or_else(|_| file.to_owned())
}

fn directory_from(get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| {
        get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // The XDG Base Directory Specification has paths that are not absolute ignored.
    let absolute = |name| set(name).filter(|path| path.is_absolute());
    set("PRECAST_CACHE_DIR")
        .or_else(|| Some(absolute("XDG_CACHE_HOME")?.join("precast")))
        .or_else(|| Some(absolute("HOME")?.join(".cache/precast")))
}

fn warn(why: &cache::CacheError) {
    exit::say(format_args!(
        "precast: warning: compiled without the cache: {why}; --no-cache does not try"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_first_that_is_set() {
        let check = |set: &[(&str, &str)], expected: Option<&str>| {
            let found = directory_from(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            });
            assert_eq!(found.as_deref(), expected.map(Path::new), "{set:?}");
        };
        let own = ("PRECAST_CACHE_DIR", "here");
        let xdg = ("XDG_CACHE_HOME", "/xdg");
        let home = ("HOME", "/home/me");
        check(&[own, xdg, home], Some("here"));
        check(&[xdg, home], Some("/xdg/precast"));
        check(&[home], Some("/home/me/.cache/precast"));
        check(
            &[("PRECAST_CACHE_DIR", ""), home],
            Some("/home/me/.cache/precast"),
        );
        check(
            &[("XDG_CACHE_HOME", "xdg"), home],
            Some("/home/me/.cache/precast"),
        );
        check(&[], None);
    }
}
