//! `precast diff`: what changed from one artifact to another, in size and in what each wants and
//! offers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::input::{Input, Kind};
use crate::reports::{DiffReport, Side};
use crate::{exit, output};

const EXAMPLES: &str = "\
Examples:
  precast diff before.precast after.precast
  precast diff --json before.precast after.precast | jq '.functions | length'

Exit codes:
  0    the files are the same, byte for byte
  1    they differ
  2    trouble: a file cannot be read, or is damaged, or no artifact of this version";

/// How many functions are listed, unless it is said.
const LISTED_FUNCTIONS: usize = 20;

/// Say what changed from one artifact to another
///
/// Functions are matched by name, and those that have none by index. Names that Rust has given a
/// hash are compared without it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// The artifact before, or a program that has one in it
    before: PathBuf,

    /// The artifact after
    after: PathBuf,

    /// Print JSON, with all functions that differ in size
    #[arg(long)]
    json: bool,

    /// List so many functions, those that have changed most
    #[arg(long, value_name = "N", default_value_t = LISTED_FUNCTIONS)]
    top: usize,
}

/// Runs the command.
///
/// # Errors
///
/// None: what goes wrong is said here, since it has an exit code of its own.
pub(crate) fn diff(args: &DiffArgs) -> Result<ExitCode> {
    match compare(args) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(exit::DIFFERENT.into()),
        Err(error) => {
            exit::failed(&error);
            Ok(exit::TROUBLE.into())
        }
    }
}

/// Compares the files and says whether they are the same.
fn compare(args: &DiffArgs) -> Result<bool> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let report = DiffReport::new(
        &Side::new(&before.0, &before.1)?,
        &Side::new(&after.0, &after.1)?,
    );
    if args.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.text(args.top))?;
    }
    Ok(report.is_same)
}

/// The name and the bytes of what starts as an artifact does.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    let input = Input::open(path)?;
    let name = input.name.clone();
    if input.kind != Kind::Artifact {
        bail!("{name} is a module, not an artifact: compile it first");
    }
    Ok((name, input.into_bytes()?))
}
