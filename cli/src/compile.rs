//! `precast compile`: a module in, an artifact out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use precast_compiler::{Target, parse_target};

use crate::codegen::{self, CodegenArgs, Cpu};
use crate::input::{Input, is_standard_stream};
use crate::output::Destination;

const EXAMPLES: &str = "\
Examples:
  precast compile app.wasm                       writes app.precast
  precast compile app.wasm -Os -o small.precast
  precast compile app.wasm --target aarch64-unknown-linux-gnu -o app.arm.precast
  precast compile app.wasm --cpu native          for CPUs like this machine's only
  wasm-tools strip app.wasm | precast compile - > app.precast";

/// Compile a module to an artifact
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompileArgs {
    /// The module, in binary or text form; `-` is standard input
    input: PathBuf,

    /// Where the artifact goes; `-` is standard output [default: INPUT with the extension
    /// .precast]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// The machine to compile for, such as aarch64-unknown-linux-gnu [default: like this one]
    #[arg(long, value_name = "TRIPLE", value_parser = parse_target)]
    target: Option<Target>,

    #[command(flatten)]
    codegen: CodegenArgs,
}

/// Runs the command.
///
/// # Errors
///
/// If the module cannot be read or compiled, or the artifact not written.
pub(crate) fn compile(args: &CompileArgs) -> Result<ExitCode> {
    let options = args.codegen.options(args.target, Cpu::Default)?;
    let module = Input::open(&args.input)?.into_module()?;
    let destination = destination(args)?;
    let artifact = codegen::compile(&module, &options)?;
    destination.write(&artifact)?;
    Ok(ExitCode::SUCCESS)
}

fn destination(args: &CompileArgs) -> Result<Destination> {
    let path = match &args.output {
        Some(path) => path.clone(),
        None if is_standard_stream(&args.input) => return Destination::stdout(),
        None => args.input.with_extension("precast"),
    };
    if is_standard_stream(&path) {
        return Destination::stdout();
    }
    let destination = Destination::at(&path)?;
    if destination.replaces(&args.input) {
        bail!(
            "the artifact would replace the module {}; name another file with -o",
            args.input.display()
        );
    }
    Ok(destination)
}
