//! `precast inspect`: what is in an artifact.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::Args;
use precast_artifacts_format::{Artifact, ArtifactError};
use serde::Serialize;

use crate::input::{Input, Kind};
use crate::{exit, output};

mod foreign;
mod human;
mod report;

use foreign::ForeignReport;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  precast inspect app.precast
  precast inspect --json app.precast | jq '.functions | max_by(.code_bytes)'";

/// Say what is in an artifact
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The artifact
    file: PathBuf,

    /// Print JSON, with all functions
    #[arg(long)]
    json: bool,
}

/// Runs the command. An artifact whose digests do not match is described, but still an error.
///
/// # Errors
///
/// If the file cannot be read, or is damaged beyond description.
pub(crate) fn inspect(args: &InspectArgs) -> Result<ExitCode> {
    let input = Input::open(&args.file)?;
    let name = input.name.clone();
    if input.kind != Kind::Artifact {
        let module = ModuleReport {
            file: &name,
            kind: "module",
            is_text: input.kind == Kind::Text,
        };
        print(&module, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = input.into_bytes()?;
    match Artifact::parse(&bytes) {
        Ok(artifact) => {
            print(&Report::new(&name, &artifact), args.json)?;
            match artifact.verify() {
                Ok(()) => Ok(ExitCode::SUCCESS),
                Err(error) => Ok(exit::failed(&Error::new(error).context(name))),
            }
        }
        Err(ArtifactError::Incompatible(differences)) => {
            let report = ForeignReport::new(&name, &bytes, &differences);
            print(&report, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(Error::new(error).context(name)),
    }
}

fn print(report: &(impl Serialize + std::fmt::Display), as_json: bool) -> Result<()> {
    if as_json {
        output::print(&(serde_json::to_string_pretty(report)? + "\n"))
    } else {
        output::print(&report.to_string())
    }
}

/// What there is to say of a module.
#[derive(Debug, Serialize)]
struct ModuleReport<'a> {
    file: &'a str,
    kind: &'static str,
    is_text: bool,
}
