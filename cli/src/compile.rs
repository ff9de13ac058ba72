//! `precast compile`: modules in, artifacts out.

use std::collections::HashSet;
use std::fs;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use precast_compiler::{
    Compilation, CustomSections, Features, Listing, Options, Output, Target, list, parse_target,
};
use serde::Serialize;

use crate::codegen::{CodegenArgs, Cpu};
use crate::exit::{self, Usage};
use crate::input::{Input, is_standard_stream};
use crate::output::Destination;
use crate::progress::Bar;
use crate::shown::shown;

mod depfile;
mod exe;
mod incremental;
mod place;
mod report;
mod timings;

use exe::{ExeArgs, ExeMaker};
use incremental::Reused;
use place::{Place, places};
use report::{Made, Talk, Times};
use timings::TimingsPage;

const EXAMPLES: &str = "\
Examples:
  precast compile app.wasm                       writes app.precast
  precast compile app.wasm -Os -o small.precast
  precast compile app.wasm --target aarch64-unknown-linux-gnu -o app.arm.precast
  precast compile app.wasm --cpu native          for CPUs like this machine's only
  precast compile app.wasm --fuel                for `precast run --fuel` and Store::set_fuel
  precast compile --emit asm hot.wat -o -        shows the machine code
  precast compile --emit obj app.wasm            writes app.o, for the system's linker
  precast compile --timings=times.html app.wasm  shows which functions took how long
  precast compile --emit exe --dir . app.wasm    writes app, one file that runs by itself
  precast compile *.wasm -o build/               each into that directory, which is made if need be
  precast compile app.wasm --depfile app.d       for Make and Ninja
  precast compile app.wasm --incremental         only what has changed since the last time
  wasm-tools strip app.wasm | precast compile - > app.precast

Exit codes: 0 if everything was compiled, 1 if a module could not be (the others still are), 2 for
a command line that makes no sense. A file is replaced as a whole or not at all.";

/// Compile modules to artifacts
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompileArgs {
    /// The modules, in binary or text form; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Where the artifact goes: a file, a directory (one that ends in `/` is made), or `-` for
    /// standard output [default: INPUT with the extension .precast, or what --emit says]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// What is written
    #[arg(long, value_name = "WHAT", default_value = "artifact")]
    emit: Emit,

    /// Also write to FILE, as Make and Ninja read it, what each output is made from; only if
    /// everything was compiled
    #[arg(long, value_name = "FILE")]
    depfile: Option<PathBuf>,

    /// Compile only the functions that have changed since the last time, and keep all for the next
    /// in DIR; the artifact is the same [default: where `precast cache path` says]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    incremental: Option<Option<PathBuf>>,

    /// Print a line of JSON for each module, errors too
    #[arg(long)]
    json: bool,

    /// Say nothing but errors: show no progress
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Say what is written
    #[arg(short, long)]
    verbose: bool,

    /// Say how long each phase took; or write a page to FILE that shows it, and how long each
    /// function took, to be seen in a browser
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    timings: Option<Option<PathBuf>>,

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

    #[command(
        flatten,
        next_help_heading = "For --emit exe: what the program gets, beside its arguments and the standard streams"
    )]
    exe: ExeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Emit {
    /// the artifact that is run [.precast]
    Artifact,
    /// the code alone, for the system's linker [.o]
    Obj,
    /// Cranelift's IR of each function, before optimisation [.clif]
    Clif,
    /// the instructions of each function [.asm]
    Asm,
    /// an executable file that runs the module, with nothing else [no extension]
    Exe,
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

impl Emit {
    const fn extension(self) -> &'static str {
        match self {
            Self::Artifact => "precast",
            Self::Obj => "o",
            Self::Clif => "clif",
            Self::Asm => "asm",
            Self::Exe => "",
        }
    }
}

/// Runs the command. What is wrong with one module keeps no other from being compiled.
///
/// # Errors
///
/// If the options make no sense, or what is said of the modules cannot be written.
pub(crate) fn compile(args: &CompileArgs) -> Result<ExitCode> {
    let options = args.options()?;
    let places = places(&args.inputs, args.output.as_deref(), args.emit.extension())?;
    if args.json && places.contains(&Place::Stdout) {
        bail!(Usage(
            "--json prints to standard output, where the artifact goes; name a file with -o"
                .to_owned()
        ));
    }
    if args.incremental.is_some() {
        incremental::check(args.emit, &args.inputs, &places)?;
    }
    let talk = Talk {
        json: args.json,
        verbose: args.verbose,
        timings: args.timings == Some(None),
    };
    if args.quiet && talk.timings {
        bail!(Usage(
            "--timings says something, and --quiet nothing; --timings=FILE writes a page"
                .to_owned()
        ));
    }
    let inputs = args.inputs.iter();
    let inputs: HashSet<PathBuf> = inputs
        .filter_map(|input| fs::canonicalize(input).ok())
        .collect();

    let depfile = args.depfile(&places, &inputs)?;
    let maker = args.exe.maker(args.emit == Emit::Exe, options.target)?;
    let mut page = args.timings_page(&places, &inputs)?;

    let mut failures = 0;
    for (input, place) in args.inputs.iter().zip(&places) {
        match args.compile_one(input, place, &inputs, &options, maker.as_ref()) {
            Ok(made) => {
                talk.made(input, args.emit, place.path(), &made)?;
                if let Some(page) = &mut page {
                    page.add(input, &made);
                }
            }
            Err(error) => {
                failures += 1;
                talk.failed(input, args.emit, &error)?;
            }
        }
    }
    if let Some(page) = page {
        page.write()?;
    }
    if failures > 0 {
        if places.len() > 1 && !args.json {
            let all = places.len();
            exit::say(format_args!("precast: {failures} of {all} modules failed"));
        }
        return Ok(exit::FAILED.into());
    }
    if let Some((destination, rules)) = depfile {
        destination.write(&rules)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl CompileArgs {
    fn options(&self) -> Result<Options> {
        let codegen = &self.codegen;
        let mut options = codegen.options(self.target, Cpu::Default, Features::WASM3)?;
        options.tunables.fuel = self.fuel;
        options.listeners = self.listeners;
        options.custom_sections = match self.custom_sections {
            Sections::All => CustomSections::All,
            Sections::NoDebug => CustomSections::NoDebug,
            Sections::None => CustomSections::None,
        };
        Ok(options)
    }

    /// The depfile and what is to be in it, if one is wanted.
    fn depfile(
        &self,
        places: &[Place],
        inputs: &HashSet<PathBuf>,
    ) -> Result<Option<(Destination, Vec<u8>)>> {
        let Some(depfile) = &self.depfile else {
            return Ok(None);
        };
        if is_standard_stream(depfile) {
            bail!(Usage("--depfile needs a file".to_owned()));
        }
        let mut rules = Vec::new();
        for (input, place) in self.inputs.iter().zip(places) {
            let Some(output) = place.path() else {
                bail!(Usage(
                    "--depfile has no name for standard output; name a file with -o".to_owned()
                ));
            };
            if output == depfile {
                let path = shown(output);
                bail!(Usage(format!("depfile and output are both {path}")));
            }
            let input = (!is_standard_stream(input)).then_some(input.as_path());
            rules.extend(depfile::rule(output, input)?);
        }
        let place = Place::File(depfile.clone());
        Ok(Some((destination(&place, true, inputs)?, rules)))
    }

    /// The page of `--timings`, if one is wanted.
    fn timings_page(
        &self,
        places: &[Place],
        inputs: &HashSet<PathBuf>,
    ) -> Result<Option<TimingsPage>> {
        let Some(Some(page)) = &self.timings else {
            return Ok(None);
        };
        let place = match is_standard_stream(page) {
            true => Place::Stdout,
            false => Place::File(page.clone()),
        };
        let others = places.iter().filter_map(Place::path);
        let mut others = others.chain(self.depfile.as_deref());
        if place == Place::Stdout && (self.json || places.contains(&place)) {
            bail!(Usage(
                "something else goes to standard output; name a file with --timings=FILE"
                    .to_owned()
            ));
        }
        // So that `a` and `./a` are the same.
        if others.any(|other| path::absolute(other).ok() == path::absolute(page).ok()) {
            let path = shown(page);
            bail!(Usage(format!(
                "--timings and something else would both write {path}"
            )));
        }
        Ok(Some(TimingsPage::new(destination(&place, true, inputs)?)))
    }

    fn compile_one(
        &self,
        input: &Path,
        place: &Place,
        inputs: &HashSet<PathBuf>,
        options: &Options,
        maker: Option<&ExeMaker>,
    ) -> Result<Made> {
        let mut times = Times::default();
        let module = times.of("read", || Input::open(input)?.into_module())?;
        let context = || module.name.clone();
        let listing = match self.emit {
            Emit::Artifact | Emit::Obj | Emit::Exe => None,
            Emit::Clif => Some(Listing::Clif),
            Emit::Asm => Some(Listing::Assembly),
        };
        let destination = destination(place, listing.is_some(), inputs)?;
        if let Some(listing) = listing {
            let text = times.of("list", || list(&module.wasm, options, listing));
            let text = text.with_context(context)?;
            times.of("write", || destination.write_text(&text))?;
            return Ok(Made {
                bytes: text.len(),
                reused: None,
                times,
                function_times: Vec::new(),
            });
        }
        let bar = (!self.quiet).then(Bar::new);
        let progress = |progress| {
            if let Some(bar) = &bar {
                bar.update(progress);
            }
        };
        let output = match self.emit {
            Emit::Obj => Output::Object,
            _ => Output::Artifact,
        };
        let mut compilation = Compilation::new(&module.wasm, options)
            .output(output)
            .progress(&progress);
        if matches!(self.timings, Some(Some(_))) {
            compilation = compilation.time_functions();
        }
        let start = Instant::now();
        let compiled = match &self.incremental {
            Some(directory) => {
                let file = module.file.as_deref().or(place.path());
                incremental::compile(directory.as_deref(), file, compilation)
            }
            None => compilation.run(),
        };
        let all = start.elapsed();
        drop(bar);
        let compiled = compiled.with_context(context)?;
        times.add(&compiled.timings);
        if self.incremental.is_some() {
            times.add_rest("keep", all.saturating_sub(compiled.timings.total()));
        }
        let bytes = if let Some(maker) = maker {
            let program = times.of("attach", || maker.program(&compiled.bytes, &module.name))?;
            times.of("write", || destination.write_program(&program))?;
            program.len()
        } else {
            times.of("write", || destination.write(&compiled.bytes))?;
            compiled.bytes.len()
        };
        Ok(Made {
            bytes,
            reused: compiled.incremental.as_ref().map(Reused::of),
            times,
            function_times: compiled.function_times,
        })
    }
}

/// What writes to `place`, unless that is one of the inputs.
fn destination(place: &Place, is_text: bool, inputs: &HashSet<PathBuf>) -> Result<Destination> {
    let destination = place.destination(is_text)?;
    if let Destination::File(path) = &destination
        && inputs.contains(path)
    {
        bail!(
            "{} would replace the module of that name; name another file with -o",
            shown(path)
        );
    }
    Ok(destination)
}
