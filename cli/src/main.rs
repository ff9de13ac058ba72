//! The `precast` command: compiles WebAssembly modules to artifacts, runs both, says what is in an
//! artifact, runs the specification's test scripts, and looks after its cache.
//!
//! This is the only crate of the project that prints or exits. Each command is a module with its
//! options and one function: [`compile`], [`run`], [`inspect`], [`diff`], [`validate`], [`wast`], [`cache`];
//! [`completions`] and [`man`] tell others what the options are. They stand on [`input`] (reading files and telling them
//! apart), [`codegen`] (calling the compiler) and [`output`] (writing so that nothing half-done is
//! ever seen), and on what the programs share that `compile --emit exe` makes: [`guest`] (how one is
//! run), [`grants`] (what it gets), [`exit`] (how all this ends).

mod cache;
mod codegen;
mod compile;
mod completions;
mod diff;
mod duration;
mod features;
mod input;
mod inspect;
mod invoke;
mod limits;
mod man;
mod output;
mod problem;
mod progress;
mod run;
mod validate;
mod wast;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use precast_cli::{bytes, exit, grants, guest, page, reports, shown};

use shown::shown;

const EXAMPLES: &str = "\
Examples:
  precast compile app.wasm                 writes app.precast
  precast compile app.wasm --cpu x86-64-v3 -o fast.precast
  precast run app.precast -- --verbose input.txt
  precast run --dir .::/work app.wasm      compiles, unless it has done so before, then runs
  precast run --invoke add math.wat 40 2   calls one exported function
  precast inspect app.precast              says what is in it
  precast diff old.precast app.precast     says what changed in size and interface
  precast validate *.wasm                  says which are not valid, and where
  precast wast testsuite/                  runs the specification's test scripts
  precast cache list                       says which compiled modules `run` has kept

Exit codes:
  0    success
  1    an error, named on standard error; with `wast`, a directive that did not pass;
       with `diff`, files that differ
  2    the command line makes no sense; with `diff`, an error
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
    Compile(Box<compile::CompileArgs>),
    Run(Box<run::RunArgs>),
    Inspect(inspect::InspectArgs),
    Diff(diff::DiffArgs),
    Validate(validate::ValidateArgs),
    Wast(wast::WastArgs),
    Cache(cache::CacheCommand),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// `run` by itself. It is what is started often, and to define all the other commands first takes a
/// tenth of the time that a small guest takes as a whole.
#[derive(Parser)]
#[command(name = "run")]
struct RunAlone {
    #[command(flatten)]
    args: run::RunArgs,
}

impl Cli {
    fn parse_words(words: &[OsString]) -> clap::error::Result<Self> {
        if let [_, run, ..] = words
            && run == "run"
            && let Ok(RunAlone { args }) = RunAlone::try_parse_from(&words[1..])
        {
            let command = Command::Run(Box::new(args));
            return Ok(Self { command });
        }
        // Help and mistakes, too, which are told with the whole at hand.
        Self::try_parse_from(words)
    }
}

fn main() -> ExitCode {
    exit::report_panics();
    let cli = match Cli::parse_words(&words()) {
        Ok(cli) => cli,
        Err(error) => return no_command(&error),
    };
    let result = match cli.command {
        Command::Compile(args) => compile::compile(&args),
        Command::Run(args) => run::run(*args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Wast(args) => wast::wast(&args),
        Command::Cache(args) => cache::cache(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Man(args) => man::man(&args, Cli::command()),
    };
    result.unwrap_or_else(|error| exit::failed(&error))
}

/// The words of the command line, in which `help COMMAND` has become `COMMAND --help`.
fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// Help, the version, or what is wrong with the command line.
fn no_command(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if !error.use_stderr() {
        let printed = match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => output::print(&text.to_string()),
            _ => output::print(&text.ansi().to_string()),
        };
        return match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::failed(&error),
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing can be done if that fails.
        let _ = error.print();
        return exit::USAGE.into();
    }
    if error.kind() == ErrorKind::InvalidUtf8 {
        let words = words()
            .into_iter()
            .skip(1)
            .filter(|word| word.to_str().is_none());
        let words: Vec<String> = words.map(|word| format!("`{}`", shown(&word))).collect();
        let words = words.join(", ");
        exit::say(format_args!(
            "precast: error: only names of files need not be UTF-8; there is {words}"
        ));
        return exit::USAGE.into();
    }
    // Words are quoted as they are, whatever they hold; so the mistake is made again with words that
    // are shown as names of files are.
    match Cli::try_parse_from(words().iter().map(shown)) {
        Err(same) if same.kind() == error.kind() => {
            exit::say_start("precast: ");
            let _ = same.print();
        }
        // It was one of words that are no text. Without colours, so that there is nothing left
        // for a terminal to obey.
        _ => exit::say(format_args!("precast: {text}")),
    }
    let first = words().into_iter().nth(1).map(PathBuf::from);
    if let (ErrorKind::InvalidSubcommand, Some(file)) = (error.kind(), first)
        && file.is_file()
    {
        let file = shown(&file);
        exit::say(format_args!(
            "\n{file} is a file. To run it:\n  precast run {file}"
        ));
    }
    exit::USAGE.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_examples_that_make_sense() {
        let mut definition = Cli::command();
        definition.build();
        for command in [&definition]
            .into_iter()
            .chain(definition.get_subcommands())
        {
            let name = command.get_bin_name().unwrap_or(command.get_name());
            let examples = examples(command);
            let of_its_own = |words: &Vec<String>| words.join(" ").starts_with(name);
            assert!(examples.iter().any(of_its_own), "{name} has no examples");
            for words in examples {
                let parsed = Cli::try_parse_from(&words);
                assert!(parsed.is_ok(), "{words:?}: {}", parsed.err().unwrap());
            }
        }
    }

    #[test]
    fn run_is_the_same_by_itself_and_among_the_others() {
        let check = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let parsed = |cli: clap::error::Result<Cli>| match cli.map(|cli| cli.command) {
                Ok(Command::Run(args)) => Ok(format!("{args:?}")),
                Ok(_) => panic!("another command"),
                Err(error) => Err(error.to_string()),
            };
            let alone = parsed(Cli::parse_words(&words));
            assert_eq!(alone, parsed(Cli::try_parse_from(&words)), "{words:?}");
            alone.is_ok()
        };
        let mut definition = Cli::command();
        definition.build();
        let run = definition.find_subcommand("run").unwrap();
        for words in examples(run) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert!(check(&words), "{words:?}");
        }
        for refused in [
            &["precast", "run"][..],
            &["precast", "run", "--help"],
            &["precast", "run", "-V"],
            &["precast", "run", "--no-such-option", "a.wasm"],
            &["precast", "run", "--timeout", "never", "a.wasm"],
        ] {
            assert!(!check(refused), "{refused:?}");
        }
    }

    /// The words of each call of precast that a help shows behind its options.
    fn examples(command: &clap::Command) -> Vec<Vec<String>> {
        let after = command
            .get_after_long_help()
            .or_else(|| command.get_after_help());
        let after = after.map(ToString::to_string).unwrap_or_default();
        let block = after.split("\n\n").find(|it| it.starts_with("Examples:\n"));
        let lines = block.into_iter().flat_map(str::lines);
        let calls = lines.flat_map(|line| line.trim().split(" | "));
        calls
            .filter_map(|call| {
                let call = &call[call.find("precast ")?..];
                // What follows is for readers, or the shell.
                let ends = ["  ", " > "].iter().filter_map(|end| call.find(end));
                let end = ends.min().unwrap_or(call.len());
                Some(call[..end].split(' ').map(str::to_owned).collect())
            })
            .collect()
    }
}
