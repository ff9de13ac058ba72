//! `precast man`: pages for `man`, from the definitions of the command line.
//!
//! A page is made in this order:
//!
//! 1. what clap_mangen makes: title, name, synopsis, description, options, commands;
//! 2. what `--help` says behind the options, in sections of their own: a line that ends in `:` is
//!    the title of what follows, up to the next empty line; text without a title is notes;
//! 3. the pages of the commands above and below.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::output;
use crate::shown::shown;

const EXAMPLES: &str = "\
Examples:
  precast man | man -l -                       reads precast.1
  precast man ~/.local/share/man/man1          then `man precast-run` finds its page";

/// The section of the manual where commands are.
const SECTION: &str = "1";

/// Print the manual's page of precast, or write all pages into a directory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Where the pages go: precast.1, and one for each command, such as precast-run.1; the directory
    /// is made if need be
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: Option<PathBuf>,
}

/// Runs the command, for that definition of the command line.
///
/// # Errors
///
/// If a page cannot be written.
pub(crate) fn man(args: &ManArgs, mut definition: Command) -> Result<ExitCode> {
    // Gives the commands below their full names.
    definition.build();
    let mut pages = Vec::new();
    pages_of(&definition, None, &mut pages).context("cannot make the pages")?;
    match &args.directory {
        None => output::print(&pages[0].text)?,
        Some(directory) => {
            let cannot = || format!("cannot make the directory {}", shown(directory));
            fs::create_dir_all(directory).with_context(cannot)?;
            for page in &pages {
                let path = directory.join(&page.file_name);
                let cannot = || format!("cannot write {}", shown(&path));
                fs::write(&path, &page.text).with_context(cannot)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Page {
    file_name: String,
    text: String,
}

/// The page of the command, then those of all commands below it.
fn pages_of(command: &Command, parent: Option<&Command>, pages: &mut Vec<Page>) -> io::Result<()> {
    pages.push(page(command, parent)?);
    for below in shown_below(command) {
        pages_of(below, Some(command), pages)?;
    }
    Ok(())
}

fn page(command: &Command, parent: Option<&Command>) -> io::Result<Page> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .source(concat!("precast ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if shown_below(command).next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::new();
    let after = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    if let Some(after) = after {
        add_sections(&after.to_string(), &mut rest);
    }
    add_see_also(command, parent, &mut rest);
    rest.to_writer(&mut text)?;
    Ok(Page {
        file_name: man.get_filename(),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

fn add_sections(after_help: &str, roff: &mut Roff) {
    for block in after_help.split("\n\n") {
        let (title, body) = match block.split_once(":\n") {
            Some((title, body)) if !title.contains('\n') => (title, body),
            _ => ("Notes", block),
        };
        roff.control("SH", [title.to_uppercase().as_str()]);
        for line in body.lines() {
            let is_table = line.starts_with(' ');
            if is_table {
                // As it stands, in a fixed width.
                roff.control("EX", []);
            }
            roff.text([roman(line)]);
            if is_table {
                roff.control("EE", []);
            }
        }
    }
}

fn add_see_also(command: &Command, parent: Option<&Command>, roff: &mut Roff) {
    let others: Vec<&Command> = parent.into_iter().chain(shown_below(command)).collect();
    if others.is_empty() {
        return;
    }
    roff.control("SH", ["SEE ALSO"]);
    for (number, other) in others.iter().enumerate() {
        let end = if number + 1 < others.len() { ", " } else { "" };
        roff.text([bold(full_name(other)), roman(format!("({SECTION}){end}"))]);
    }
}

fn full_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn shown_below(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
}
