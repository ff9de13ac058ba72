//! What can be chosen about a compilation.

use std::num::NonZeroUsize;

use precast_artifacts_format::{Arch, CpuFeatures, CpuLevel, Os, Target, Tunables};

use crate::error::CompileError;
use crate::features::Features;
use crate::limits::Limits;

/// How much work goes into better code.
///
/// ```
/// use precast_compiler::{OptLevel, Options};
///
/// let mut options = Options::default();
/// assert_eq!(options.opt_level, OptLevel::Speed);
/// options.opt_level = OptLevel::None; // while the guest is being developed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OptLevel {
    /// Fastest compilation: no optimisation, one-pass register allocation.
    None,
    /// No optimisation, but the register allocator that looks further.
    Basic,
    /// Optimise for speed.
    #[default]
    Speed,
    /// Optimise for speed where it does not cost size.
    SpeedAndSize,
}

/// Which custom sections of the module are kept in the artifact. The name section never is: the
/// artifact's symbols hold the names.
///
/// ```
/// use precast_compiler::{CustomSections, Options};
///
/// let mut options = Options::default();
/// // No file names and lines in backtraces, and a smaller artifact.
/// options.custom_sections = CustomSections::NoDebug;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CustomSections {
    /// All of them.
    #[default]
    All,
    /// All but those that only debuggers read: `.debug_*`, `external_debug_info` and
    /// `sourceMappingURL`.
    NoDebug,
    /// None.
    None,
}

impl CustomSections {
    /// Whether a section of that name is kept.
    pub(crate) fn keeps(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::NoDebug => {
                let others = ["external_debug_info", "sourceMappingURL"];
                !name.starts_with(".debug_") && !others.contains(&name)
            }
            Self::None => false,
        }
    }
}

/// Options of a compilation. The same module and the same options give the same bytes.
///
/// ```
/// use precast_compiler::{Options, compile};
///
/// let mut options = Options::default();
/// options.tunables.fuel = true;
/// let artifact = compile(b"\0asm\x01\0\0\0", &options)?;
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The machine to compile for. Default: the one this runs on, or x86-64 Linux where artifacts
    /// cannot be run.
    pub target: Target,
    /// What the code may use. Default: that of [`CpuLevel::default_of`] the target.
    pub cpu_features: CpuFeatures,
    /// What of WebAssembly modules may use; one that uses more is invalid. Default:
    /// [`Features::WASM3`].
    pub features: Features,
    /// How much work goes into better code.
    pub opt_level: OptLevel,
    /// How memories are laid out, and whether the code counts fuel.
    pub tunables: Tunables,
    /// Whether functions tell a listener where they begin and end, which takes time even where
    /// nobody listens. Default: no.
    pub listeners: bool,
    /// Whether results are the same bit for bit on all machines, at all levels of optimisation and
    /// for all CPUs. Default: no.
    ///
    /// This is the specification's deterministic profile (core specification 3.0, appendix
    /// "Profiles"): a NaN that arithmetic makes is the positive canonical one, and relaxed vector
    /// operators do the first of what they may. Results of float arithmetic are compared where they
    /// are kept, which takes time. Left open are what the host's functions do, whether memories and
    /// tables can grow, and how deep calls can go.
    pub deterministic: bool,
    /// Which custom sections are kept.
    pub custom_sections: CustomSections,
    /// How much the module may ask of this machine; does not change the result.
    pub limits: Limits,
    /// Threads to compile with; does not change the result. Default: one per CPU.
    pub threads: Option<NonZeroUsize>,
}

impl Options {
    /// The default options for `target`.
    ///
    /// ```
    /// use precast_compiler::{Options, parse_target};
    ///
    /// let options = Options::for_target(parse_target("aarch64-unknown-linux-gnu")?);
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn for_target(target: Target) -> Self {
        Self {
            target,
            cpu_features: CpuLevel::default_of(target.arch).features(),
            features: Features::WASM3,
            opt_level: OptLevel::default(),
            tunables: Tunables::DEFAULT,
            listeners: false,
            deterministic: false,
            custom_sections: CustomSections::default(),
            limits: Limits::default(),
            threads: None,
        }
    }

    /// Lets the code use what the CPU that this runs on has.
    ///
    /// # Errors
    ///
    /// [`CompileError::Options`] if the target is another machine.
    ///
    /// ```
    /// # use precast_compiler::{Options, Target};
    /// let mut options = Options::default();
    /// # if Target::host().is_some() {
    /// options.cpu_native()?;
    /// # }
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn cpu_native(&mut self) -> Result<(), CompileError> {
        if Target::host().map(|host| host.arch) != Some(self.target.arch) {
            return Err(CompileError::Options(format!(
                "CPU `native` means this machine's, but the target is {}",
                self.target
            )));
        }
        self.cpu_features = CpuFeatures::of_host();
        Ok(())
    }

    /// Lets the code use what CPUs of `level` have.
    ///
    /// # Errors
    ///
    /// [`CompileError::Options`] if the level belongs to another target.
    ///
    /// ```
    /// use precast_compiler::{CpuLevel, Options, parse_target};
    ///
    /// let mut options = Options::for_target(parse_target("x86_64-unknown-linux-gnu")?);
    /// options.cpu_level(CpuLevel::X86_64(3))?;
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn cpu_level(&mut self, level: CpuLevel) -> Result<(), CompileError> {
        if level.arch() != self.target.arch {
            return Err(CompileError::Options(format!(
                "CPU `{}` is not a level of the target {}",
                level.name(),
                self.target
            )));
        }
        self.cpu_features = level.features();
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::for_target(Target::host().unwrap_or(Target {
            arch: Arch::X86_64,
            os: Os::Linux,
        }))
    }
}

/// The target that a triple such as `aarch64-unknown-linux-gnu` names.
///
/// # Errors
///
/// [`CompileError::Options`] if it is no triple or one that artifacts cannot be made for.
///
/// ```
/// use precast_compiler::{Arch, parse_target};
///
/// assert_eq!(parse_target("aarch64-unknown-linux-gnu")?.arch, Arch::Aarch64);
/// assert!(parse_target("x86_64-pc-windows-msvc").is_err());
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn parse_target(triple: &str) -> Result<Target, CompileError> {
    use target_lexicon::{Architecture, OperatingSystem, Triple};
    let refuse = |why: String| {
        CompileError::Options(format!(
            "target `{triple}`: {why}; targets are x86_64-unknown-linux-gnu and aarch64-unknown-linux-gnu"
        ))
    };
    let parsed: Triple = triple.parse().map_err(|error| refuse(format!("{error}")))?;
    let arch = match parsed.architecture {
        Architecture::X86_64 => Arch::X86_64,
        Architecture::Aarch64(_) => Arch::Aarch64,
        other => return Err(refuse(format!("no code generator for {other}"))),
    };
    match parsed.operating_system {
        OperatingSystem::Linux => Ok(Target {
            arch,
            os: Os::Linux,
        }),
        other => Err(refuse(format!("no artifacts for {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_name_targets() {
        let parse = |triple| parse_target(triple).map(|target| target.to_string());
        assert_eq!(
            parse("aarch64-unknown-linux-gnu").unwrap(),
            "aarch64-unknown-linux"
        );
        assert_eq!(
            parse("x86_64-unknown-linux-musl").unwrap(),
            "x86_64-unknown-linux"
        );
        for wrong in [
            "",
            "x86_64",
            "x86_64-pc-windows-msvc",
            "riscv64gc-unknown-linux-gnu",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sections_for_debuggers_are_told_by_their_names() {
        let kept = |which: CustomSections| {
            let mut names = vec![
                "producers",
                ".debug_line",
                "debug",
                "external_debug_info",
                "sourceMappingURL",
            ];
            names.retain(|name| which.keeps(name));
            names
        };
        assert_eq!(kept(CustomSections::All).len(), 5);
        assert_eq!(kept(CustomSections::NoDebug), ["producers", "debug"]);
        assert!(kept(CustomSections::None).is_empty());
    }

    #[test]
    fn a_level_of_another_machine_is_refused() {
        let mut options = Options::for_target(parse_target("aarch64-unknown-linux-gnu").unwrap());
        assert!(options.cpu_level(CpuLevel::X86_64(3)).is_err());
        assert!(options.cpu_level(CpuLevel::Armv8A).is_ok());
    }
}
