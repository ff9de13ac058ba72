//! `precast compile`: a module in, an artifact out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use precast_compiler::{CustomSections, Features, Target, parse_target};

use crate::codegen::{self, CodegenArgs, Cpu};
use crate::input::{Input, is_standard_stream};
use crate::output::Destination;

const EXAMPLES: &str = "\
Examples:
  precast compile app.wasm                       writes app.precast
  precast compile app.wasm -Os -o small.precast
  precast compile app.wasm --target aarch64-unknown-linux-gnu -o app.arm.precast
  precast compile app.wasm --cpu native          for CPUs like this machine's only
  precast compile app.wasm --fuel                for `precast run --fuel` and Store::set_fuel
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

    /// Count what the code executes, so that it can be given a limit
    #[arg(long)]
    fuel: bool,

    /// Have functions tell a listener of the host's where they begin and end
    #[arg(long)]
    listeners: bool,

    /// Which custom sections of the module are kept
    #[arg(long, value_name = "WHICH", default_value = "all")]
    custom_sections: Sections,

    #[command(flatten)]
    codegen: CodegenArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sections {
    /// all but the names, which become symbols
    All,
    /// all but those for debuggers, such as DWARF
    NoDebug,
    /// none
    None,
}

/// Runs the command.
///
/// # Errors
///
/// If the module cannot be read or compiled, or the artifact not written.
pub(crate) fn compile(args: &CompileArgs) -> Result<ExitCode> {
    let mut options = args
        .codegen
        .options(args.target, Cpu::Default, Features::WASM3)?;
    options.tunables.fuel = args.fuel;
    options.listeners = args.listeners;
    options.custom_sections = match args.custom_sections {
        Sections::All => CustomSections::All,
        Sections::NoDebug => CustomSections::NoDebug,
        Sections::None => CustomSections::None,
    };
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
