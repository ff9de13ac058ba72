//! `precast cache`: what has been kept of the modules that were compiled.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use precast_compiler::cache::{Cache, CacheLimits, EntryInfo, EntryKind, Removed};
use serde_json::{Value, json};

use crate::{bytes, exit, output};

mod place;

pub(crate) use place::{CacheArgs, Kept, directory, origin};

const EXAMPLES: &str = "\
Examples:
  precast cache path
  precast cache list --json | jq '.entries | max_by(.bytes)'
  precast cache prune --size 100M
  PRECAST_CACHE_DIR=/var/cache/app precast cache verify";

/// Look after what `run`, and `compile --incremental`, have kept of modules
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CacheCommand {
    #[command(subcommand)]
    action: Action,

    /// The directory [default: $PRECAST_CACHE_DIR, $XDG_CACHE_HOME/precast or ~/.cache/precast]
    #[arg(long, value_name = "DIR", global = true)]
    cache_dir: Option<PathBuf>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say where the cache is
    Path,
    /// List what is in it, first what was used the longest ago
    List,
    /// Remove all that is not in use
    Clear,
    /// Remove what was used the longest ago, and what killed processes have left
    Prune {
        /// How much may stay, in bytes, or with k, M or G
        #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes::parse)]
        size: usize,
    },
    /// Compare all with its digests, and remove what is damaged; if something was, the exit code
    /// is 1
    Verify,
}

/// Runs the command.
///
/// # Errors
///
/// If there is no place for a cache, or it cannot be used.
pub(crate) fn cache(args: &CacheCommand) -> Result<ExitCode> {
    let Some(directory) = place::directory(args.cache_dir.as_deref()) else {
        bail!(
            "no place for a cache: set PRECAST_CACHE_DIR or HOME, or name a directory with --cache-dir"
        );
    };
    if matches!(args.action, Action::Path) {
        let path = directory.display().to_string();
        print(args.json, json!({ "path": path }), || format!("{path}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    // There is no reason to make one now.
    let cache = match directory.exists() {
        true => Some(Cache::open(&directory, CacheLimits::default())?),
        false => None,
    };
    let entries = || cache.as_ref().map_or(Ok(Vec::new()), Cache::entries);
    match args.action {
        Action::Path => (),
        Action::List => list(&directory, &entries()?, args.json)?,
        Action::Clear => say_removed(cache.map_or(Ok(Removed::default()), |it| it.clear())?, args)?,
        Action::Prune { size } => {
            let removed = cache.map_or(Ok(Removed::default()), |it| it.prune(size as u64))?;
            say_removed(removed, args)?;
        }
        Action::Verify => return verify(cache.as_ref(), &entries()?, args.json),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(directory: &Path, entries: &[EntryInfo], as_json: bool) -> Result<()> {
    let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let report = json!({
        "path": directory.display().to_string(),
        "bytes": bytes,
        "entries": entries.iter().map(describe).collect::<Vec<_>>(),
    });
    print(as_json, report, || {
        let lines = entries
            .iter()
            .map(|entry| format!("{:>12}  {}{}\n", entry.bytes, name(entry), remark(entry)));
        let total = format!("{bytes:>12}  in {} entries\n", entries.len());
        lines.chain([total]).collect()
    })
}

fn say_removed(removed: Removed, args: &CacheCommand) -> Result<()> {
    let Removed { entries, bytes } = removed;
    let report = json!({ "removed_entries": entries, "removed_bytes": bytes });
    print(args.json, report, || {
        format!("{entries} entries removed, {bytes} bytes\n")
    })
}

fn verify(cache: Option<&Cache>, entries: &[EntryInfo], as_json: bool) -> Result<ExitCode> {
    let mut damaged = Vec::new();
    for entry in entries {
        if let Err(error) = entry.verify() {
            if !as_json {
                exit::say(format_args!("precast: {error}"));
            }
            let removed = cache.map_or(Ok(false), |cache| cache.remove(entry))?;
            damaged.push(json!({
                "key": name(entry),
                "error": error.to_string(),
                "removed": removed,
            }));
        }
    }
    let count = damaged.len();
    let report = json!({ "verified": entries.len(), "damaged": damaged });
    print(as_json, report, || {
        format!("{} entries, {count} of them damaged\n", entries.len())
    })?;
    Ok(if count == 0 {
        ExitCode::SUCCESS
    } else {
        exit::FAILED.into()
    })
}

fn describe(entry: &EntryInfo) -> Value {
    let last_used = entry.last_used.duration_since(UNIX_EPOCH);
    json!({
        "key": name(entry),
        "path": entry.path.display().to_string(),
        "kind": kind(entry),
        "bytes": entry.bytes,
        "last_used": last_used.map_or(0, |since| since.as_secs()),
    })
}

fn kind(entry: &EntryInfo) -> &'static str {
    match entry.kind {
        EntryKind::Functions => "functions",
        _ => "artifact",
    }
}

/// What people are told of an entry that is no artifact.
fn remark(entry: &EntryInfo) -> &'static str {
    match entry.kind {
        EntryKind::Functions => "  (functions, for --incremental)",
        _ => "",
    }
}

fn name(entry: &EntryInfo) -> String {
    let stem = entry.path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn print(as_json: bool, report: Value, text: impl FnOnce() -> String) -> Result<()> {
    if as_json {
        output::print_json(&report)
    } else {
        output::print(&text())
    }
}
