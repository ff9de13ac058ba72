//! `precast completions`: what a shell has to know to complete the command's words, from the
//! definitions of the command line.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::output;

const EXAMPLES: &str = "\
Examples:
  precast completions bash > ~/.local/share/bash-completion/completions/precast
  precast completions fish > ~/.config/fish/completions/precast.fish
  precast completions zsh > ~/.zfunc/_precast           with `fpath+=~/.zfunc` in ~/.zshrc,
                                                        before `compinit`
  eval (precast completions elvish | slurp)             in ~/.config/elvish/rc.elv
  precast completions powershell | Out-String | Invoke-Expression
                                                        in $PROFILE";

/// Print the script that lets a shell complete precast's words
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Runs the command, for that definition of the command line.
///
/// # Errors
///
/// If the script cannot be written.
pub(crate) fn completions(args: &CompletionsArgs, mut definition: Command) -> Result<ExitCode> {
    let name = definition.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition, name, &mut script);
    let script = String::from_utf8(script).context("a script that is not UTF-8")?;
    output::print(&script)?;
    Ok(ExitCode::SUCCESS)
}
