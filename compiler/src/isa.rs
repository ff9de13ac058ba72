//! Cranelift's code generator, set up for a compilation's options.

use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable as _};
use precast_artifacts_format::{Arch, Os, Target};
use target_lexicon::Triple;

use crate::error::CompileError;
use crate::options::{OptLevel, Options};

/// The code generators for a compilation.
pub(crate) struct Isas {
    /// As the options want it.
    pub(crate) usual: OwnedTargetIsa,
    /// For functions so large that the other's passes, whose time grows faster than what they work
    /// on, would take too long: no optimisation, registers allocated in one pass.
    pub(crate) linear: OwnedTargetIsa,
}

/// The code generators for `options`.
pub(crate) fn build(options: &Options) -> Result<Isas, CompileError> {
    let (opt_level, allocator) = match options.opt_level {
        OptLevel::None => ("none", "single_pass"),
        OptLevel::Basic => ("none", "backtracking"),
        OptLevel::Speed => ("speed", "backtracking"),
        OptLevel::SpeedAndSize => ("speed_and_size", "backtracking"),
    };
    Ok(Isas {
        usual: with(options, opt_level, allocator, "true")?,
        // Writing down where blocks start takes time quadratic in the number of empty ones.
        linear: with(options, "none", "single_pass", "false")?,
    })
}

fn with(
    options: &Options,
    opt_level: &str,
    allocator: &str,
    block_starts: &str,
) -> Result<OwnedTargetIsa, CompileError> {
    let refuse = |error: &dyn std::fmt::Display| {
        CompileError::Options(format!("the code generator refuses the options: {error}"))
    };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", opt_level),
        ("regalloc_algorithm", allocator),
        // The verifier finds our bugs, not the user's.
        (
            "enable_verifier",
            if cfg!(debug_assertions) {
                "true"
            } else {
                "false"
            },
        ),
        // Runtime symbols are reached through slots, everything else relative to the code.
        ("is_pic", "true"),
        // Backtraces walk frame pointers.
        ("preserve_frame_pointers", "true"),
        ("unwind_info", "false"),
        // Every prologue compares with the stack limit. Where the host has set that beyond the end
        // of a thread's stack, no frame may pass over the guard page there.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("libcall_call_conv", "isa_default"),
        // The scan for used features needs to know where code is and where data.
        ("machine_code_cfg_info", block_starts),
    ] {
        flags.set(name, value).map_err(|error| refuse(&error))?;
    }
    let mut builder = isa::lookup(triple(options.target)).map_err(|error| refuse(&error))?;
    for feature in options.cpu_features.iter() {
        if let Some(setting) = feature.cranelift_setting() {
            builder.enable(setting).map_err(|error| refuse(&error))?;
        }
    }
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|error| refuse(&error))
}

fn triple(target: Target) -> Triple {
    use target_lexicon::{
        Aarch64Architecture, Architecture, BinaryFormat, Environment, OperatingSystem, Vendor,
    };
    Triple {
        architecture: match target.arch {
            Arch::X86_64 => Architecture::X86_64,
            Arch::Aarch64 => Architecture::Aarch64(Aarch64Architecture::Aarch64),
        },
        vendor: Vendor::Unknown,
        operating_system: match target.os {
            Os::Linux => OperatingSystem::Linux,
        },
        environment: Environment::Gnu,
        binary_format: BinaryFormat::Elf,
    }
}
