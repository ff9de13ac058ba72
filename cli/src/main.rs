//! The `precast` command: compiles WebAssembly modules to artifacts, runs both, says what is in an
//! artifact, runs the specification's test scripts, and looks after its cache.
//!
//! This is the only crate of the project that prints or exits. Each command is a module with its
//! options and one function: [`compile`], [`run`], [`inspect`], [`wast`], [`cache`]. They stand on [`input`]
//! (reading files and telling them apart), [`codegen`] (calling the compiler) and [`output`]
//! (writing so that nothing half-done is ever seen); [`exit`] says how it ends.

mod bytes;
mod cache;
mod codegen;
mod compile;
mod duration;
mod exit;
mod features;
mod grants;
mod input;
mod inspect;
mod invoke;
mod output;
mod progress;
mod run;
mod wast;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  precast compile app.wasm                 writes app.precast
  precast compile app.wasm --cpu x86-64-v3 -o fast.precast
  precast run app.precast -- --verbose input.txt
  precast run --dir .::/work app.wasm      compiles, unless it has done so before, then runs
  precast run --invoke add math.wat 40 2   calls one exported function
  precast inspect app.precast              says what is in it
  precast wast testsuite/                  runs the specification's test scripts
  precast cache list                       says which compiled modules `run` has kept

Exit codes:
  0    success
  1    an error, named on standard error; with `wast`, a directive that did not pass
  2    the command line makes no sense
  101  a bug in precast
  124  the guest ran for longer than `run --timeout` allows
  134  the guest trapped, or threw what nothing caught
  141  nobody reads the output of the guest any more
  With `run`, a guest that ends itself decides the exit code.";

/// Compiles WebAssembly ahead of time to native artifacts, and runs them.
#[derive(Parser)]
#[command(name = "precast", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Compile(compile::CompileArgs),
    Run(Box<run::RunArgs>),
    Inspect(inspect::InspectArgs),
    Wast(wast::WastArgs),
    Cache(cache::CacheCommand),
}

fn main() -> ExitCode {
    exit::report_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return no_command(&error),
    };
    let result = match cli.command {
        Command::Compile(args) => compile::compile(&args),
        Command::Run(args) => run::run(*args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Wast(args) => wast::wast(&args),
        Command::Cache(args) => cache::cache(&args),
    };
    result.unwrap_or_else(|error| exit::failed(&error))
}

/// Help, the version, or what is wrong with the command line.
fn no_command(error: &clap::Error) -> ExitCode {
    let is_mistake =
        error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_mistake {
        exit::say_start("precast: ");
    }
    // Whoever reads it may be gone already.
    let _ = error.print();
    if error.use_stderr() {
        exit::USAGE.into()
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
