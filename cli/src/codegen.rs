//! The options that say what code is made, and the call to the compiler.

use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, value_parser};
use precast_compiler::{Compilation, CpuLevel, Features, OptLevel, Options, Target};

use crate::exit::Usage;
use crate::features::FeatureArgs;
use crate::input::Module;
use crate::limits::LimitArgs;
use crate::progress::Bar;

/// Options of `compile`, `run` and `wast`.
#[derive(Debug, Args)]
pub(crate) struct CodegenArgs {
    /// How much work goes into better code
    #[arg(
        short = 'O',
        value_name = "LEVEL",
        default_value = "2",
        overrides_with = "optimize"
    )]
    optimize: Optimize,

    /// Threads to compile with [default: one per CPU; for `wast`, one]
    #[arg(short = 'j', long = "jobs", value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// The least CPU that the code must run on [default: x86-64-v2 or armv8-a; for `run` and
    /// `wast`, this machine's]
    #[arg(long, value_name = "CPU", value_parser = cpu_parser())]
    cpu: Option<Cpu>,

    /// How accesses to memory are kept in bounds
    #[arg(long, value_name = "HOW", default_value = "guarded")]
    memory: Memory,

    #[command(flatten)]
    features: FeatureArgs,
    /// Have results be the same bit for bit on all machines: NaNs, and relaxed vector instructions
    #[arg(long)]
    deterministic: bool,

    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Clone, Copy)]
struct Optimize(OptLevel);

/// The CPU that code is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cpu {
    /// The default level of the target.
    Default,
    /// The one that this runs on.
    Native,
    /// Any of a level.
    Level(CpuLevel),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Memory {
    /// by pages that cannot be accessed: fast, takes 4 GiB of address space per memory
    Guarded,
    /// by a comparison before each access: for hosts with little address space
    Checked,
}

impl CodegenArgs {
    /// The compiler's options, for `target` or this machine.
    ///
    /// # Errors
    ///
    /// [`Usage`] if CPU and target contradict one another.
    pub(crate) fn options(
        &self,
        target: Option<Target>,
        default_cpu: Cpu,
        usual_features: Features,
    ) -> Result<Options> {
        let Self {
            optimize: Optimize(opt_level),
            jobs,
            cpu,
            memory,
            ref features,
            deterministic,
            ref limits,
        } = *self;
        let mut options = target.map(Options::for_target).unwrap_or_default();
        options.features = features.features(usual_features);
        options.opt_level = opt_level;
        options.threads = jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
        options.deterministic = deterministic;
        options.limits = limits.limits();
        options.tunables.memory_checked = matches!(memory, Memory::Checked);
        match cpu.unwrap_or(default_cpu) {
            Cpu::Default => Ok(()),
            Cpu::Native => options.cpu_native(),
            Cpu::Level(level) => options.cpu_level(level),
        }
        .map_err(|error| Usage(error.to_string()))?;
        Ok(options)
    }
}

/// Compiles a module, with a progress bar if it takes a while.
///
/// # Errors
///
/// The compiler's, with the module's name.
pub(crate) fn compile(module: &Module, options: &Options) -> Result<Vec<u8>> {
    let bar = Bar::new();
    let compiled = Compilation::new(&module.wasm, options)
        .progress(&|progress| bar.update(progress))
        .run();
    Ok(compiled.with_context(|| module.name.clone())?.bytes)
}

impl ValueEnum for Optimize {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(OptLevel::None),
            Self(OptLevel::Basic),
            Self(OptLevel::Speed),
            Self(OptLevel::SpeedAndSize),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self.0 {
            OptLevel::None => ("0", "compile as fast as possible"),
            OptLevel::Basic => ("1", "only allocate registers with care"),
            OptLevel::Speed => ("2", "fast code"),
            OptLevel::SpeedAndSize => ("s", "fast code, but small where both cannot be had"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

fn cpu_parser() -> impl TypedValueParser<Value = Cpu> {
    let names = CpuLevel::ALL.map(CpuLevel::name).into_iter();
    PossibleValuesParser::new(names.chain(["native"]))
        .map(|name| CpuLevel::from_name(&name).map_or(Cpu::Native, Cpu::Level))
}
