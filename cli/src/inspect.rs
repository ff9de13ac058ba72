//! `precast inspect`: what is in an artifact.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Error, Result, bail};
use clap::Args;
use precast_artifacts_format::{Artifact, ArtifactError};
use serde::Serialize;

use crate::input::{Input, Kind, is_standard_stream};
use crate::output::Destination;
use crate::reports::{
    DisasmReport, ForeignReport, FunctionsReport, ObjectReport, Order, Report, Subject,
    artifact_in, treemap,
};
use crate::shown::shown;
use crate::{exit, output};

const EXAMPLES: &str = "\
Examples:
  precast inspect app.precast
  precast inspect --functions --top 10 app.precast       where the bytes of the code go
  precast inspect --disasm main app.precast              the machine code of a function
  precast inspect --html map.html app.precast            a map of what takes room
  precast inspect --json app.precast | jq '.functions | max_by(.code_bytes)'";

/// Say what is in an artifact
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The artifact, or a program or object that precast has made
    file: PathBuf,

    /// Print JSON, with all functions
    #[arg(long)]
    json: bool,

    /// List the functions with size, index, and offset in the module
    #[arg(long, conflicts_with = "disasm")]
    functions: bool,

    /// In which order to list functions
    #[arg(
        long,
        value_name = "ORDER",
        value_enum,
        default_value = "size",
        requires = "functions"
    )]
    sort: Order,

    /// List only so many functions
    #[arg(long, value_name = "N", requires = "functions")]
    top: Option<usize>,

    /// Print the machine code of one function beside its offsets in the module
    ///
    /// Takes the index of the function in the module, its name, or the name under which it is
    /// exported; or the name of a trampoline. For x86-64.
    #[arg(long, value_name = "NAME|INDEX")]
    disasm: Option<String>,

    /// Write a page with a map of what takes room in the artifact, to be seen in a browser
    ///
    /// The page is one file and asks for nothing else. `-` stands for standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "functions", "disasm"])]
    html: Option<PathBuf>,
}

impl InspectArgs {
    /// Whether something is asked for that only an artifact of this version has.
    fn is_about_code(&self) -> bool {
        self.functions || self.disasm.is_some() || self.html.is_some()
    }
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
        if args.is_about_code() {
            bail!("{name} is a module, which has no machine code yet: compile it first");
        }
        let module = ModuleReport {
            file: &name,
            kind: "module",
            is_text: input.kind == Kind::Text,
        };
        print(&module, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = input.into_bytes()?;
    let (name, bytes) = artifact_in(&name, &bytes);
    match Subject::parse(bytes).with_context(|| name.clone())? {
        Subject::Artifact(artifact) => {
            let verified = artifact.verify();
            print_artifact(&name, &artifact, &verified, args)?;
            match verified {
                Ok(()) => Ok(ExitCode::SUCCESS),
                Err(error) => Ok(exit::failed(&Error::new(error).context(name))),
            }
        }
        Subject::Foreign(differences) => {
            if args.is_about_code() {
                let error = ArtifactError::Incompatible(differences);
                return Err(Error::new(error).context(name));
            }
            let report = ForeignReport::new(&name, bytes, &differences);
            print(&report, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Subject::Object(object) => {
            if args.is_about_code() {
                bail!(
                    "{name} is a relocatable object, not an artifact; `objdump -dr` shows its code"
                );
            }
            print(&ObjectReport::new(&name, bytes.len(), &object), args.json)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what was asked for.
fn print_artifact(
    name: &str,
    artifact: &Artifact<'_>,
    verified: &Result<(), ArtifactError>,
    args: &InspectArgs,
) -> Result<()> {
    if let Some(wanted) = &args.disasm {
        let report = DisasmReport::new(name, artifact, wanted);
        return print(&report.with_context(|| name.to_owned())?, args.json);
    }
    let report = Report::new(name, artifact, verified);
    if let Some(path) = &args.html {
        return write_page(&report, path, &args.file);
    }
    if args.functions {
        print(
            &FunctionsReport::new(&report, args.sort, args.top),
            args.json,
        )
    } else {
        print(&report, args.json)
    }
}

fn write_page(report: &Report<'_>, path: &Path, artifact: &Path) -> Result<()> {
    let page = treemap(report)?;
    if is_standard_stream(path) {
        return output::print(&page);
    }
    let place = Destination::at(path)?;
    if place.replaces(artifact) {
        bail!("not writing {} over the artifact", shown(path));
    }
    place.write(page.as_bytes())
}

fn print(report: &(impl Serialize + fmt::Display), as_json: bool) -> Result<()> {
    if as_json {
        output::print_json(report)
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

impl fmt::Display for ModuleReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.is_text { "text" } else { "binary" };
        writeln!(
            f,
            "{0}: a WebAssembly module in {form} form, not compiled yet. To compile it:\n  precast compile {0}",
            self.file
        )
    }
}
