//! `precast validate`: whether modules are what the specification calls valid.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use precast_compiler::{Features, Options};
use serde::Serialize;

use crate::features::FeatureArgs;
use crate::input::Input;
use crate::limits::LimitArgs;
use crate::problem::Problem;
use crate::{exit, output};

const EXAMPLES: &str = "\
Examples:
  precast validate app.wasm                      says nothing if it is valid
  precast validate --no-features simd *.wasm     would an engine without SIMD take them?
  precast validate --json *.wasm | jq 'select(.error) | .file, .error.wasm_offset'

Exit codes: 0 if all are valid, 1 if one is not or cannot be read, 2 for a command line that makes
no sense.";

/// Say whether modules are valid, and if not, what is wrong and where
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArgs {
    /// The modules, in binary or text form; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    features: FeatureArgs,

    #[command(flatten)]
    limits: LimitArgs,

    /// Print a line of JSON for each module
    #[arg(long)]
    json: bool,
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: String,
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Problem>,
}

/// Runs the command.
///
/// # Errors
///
/// If standard output cannot be written.
pub(crate) fn validate(args: &ValidateArgs) -> Result<ExitCode> {
    let options = Options {
        features: args.features.features(Features::WASM3),
        limits: args.limits.limits(),
        ..Options::default()
    };
    let mut code = ExitCode::SUCCESS;
    for path in &args.files {
        let result = check(path, &options);
        if args.json {
            let problem = result.as_ref().err().map(Problem::new);
            let line = Line {
                file: path.display().to_string(),
                is_valid: result.is_ok(),
                error: problem.as_ref(),
            };
            output::print_json_line(&line)?;
        }
        if let Err(error) = result {
            code = if args.json {
                exit::FAILED.into()
            } else {
                exit::failed(&error)
            };
        }
    }
    Ok(code)
}

fn check(path: &Path, options: &Options) -> Result<()> {
    let module = Input::open(path)?.into_module()?;
    precast_compiler::validate(&module.wasm, options).with_context(|| module.name)
}
