//! Whether an artifact fits a host, with every difference reported at once.

use std::fmt;

use crate::abi::ABI_VERSION;
use crate::cpu::CpuFeatures;
use crate::error::ArtifactError;
use crate::note::{FORMAT_VERSION, Note, StablePrefix};
use crate::target::Target;

/// The machine an artifact is to run on.
///
/// ```
/// # use precast_artifacts_format::{Arch, CpuLevel, Host, Os, Target};
/// let smallest = Host {
///     target: Target { arch: Arch::X86_64, os: Os::Linux },
///     page_bytes: 4096,
///     cpu_features: CpuLevel::X86_64(2).features(),
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Instruction set and operating system.
    pub target: Target,
    /// Size of a page in bytes.
    pub page_bytes: u32,
    /// What the CPU can do.
    pub cpu_features: CpuFeatures,
}

/// One way in which an artifact does not fit.
///
/// ```
/// # use precast_artifacts_format::{ArtifactError, Difference};
/// fn is_for_a_newer_cpu(error: &ArtifactError) -> bool {
///     let ArtifactError::Incompatible(differences) = error else { return false };
///     matches!(differences[..], [Difference::CpuFeatures { .. }])
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The bytes have another meaning than this version knows.
    FormatVersion {
        /// The artifact's.
        artifact: u32,
    },
    /// The code expects other conventions than this version's.
    AbiVersion {
        /// The artifact's.
        artifact: u32,
    },
    /// The code is for another machine or operating system.
    Target {
        /// The artifact's.
        artifact: Target,
        /// The host's.
        host: Target,
    },
    /// The code uses what the CPU does not have.
    CpuFeatures {
        /// The features that are missing.
        missing: CpuFeatures,
    },
    /// The host's pages are larger than those the file is laid out for.
    PageBytes {
        /// The artifact's, in bytes.
        artifact: u32,
        /// The host's, in bytes.
        host: u32,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FormatVersion { artifact } => write!(
                f,
                "format version: the artifact has {artifact}, this precast reads {FORMAT_VERSION}"
            ),
            Self::AbiVersion { artifact } => write!(
                f,
                "ABI version: the artifact has {artifact}, this precast runs {ABI_VERSION}"
            ),
            Self::Target { artifact, host } => {
                write!(f, "target: the artifact is for {artifact}, this is {host}")
            }
            Self::CpuFeatures { missing } => {
                write!(f, "CPU: the code uses what this machine lacks: {missing}")
            }
            Self::PageBytes { artifact, host } => write!(
                f,
                "page size: the artifact is laid out for {artifact} bytes, this machine has {host}"
            ),
        }
    }
}

impl Note {
    /// Checks that code with this note can run on `host`.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Incompatible`] with every difference there is.
    ///
    /// ```
    /// # use precast_artifacts_format::{Host, Note};
    /// fn runs_on(note: &Note, host: &Host) -> bool {
    ///     match note.check(host) {
    ///         Ok(()) => true,
    ///         Err(error) => {
    ///             println!("{error}");
    ///             false
    ///         }
    ///     }
    /// }
    /// ```
    pub fn check(&self, host: &Host) -> Result<(), ArtifactError> {
        let differences = differences(&self.into(), Some(host));
        if differences.is_empty() {
            Ok(())
        } else {
            Err(ArtifactError::Incompatible(differences))
        }
    }
}

pub(crate) fn differences(note: &StablePrefix, host: Option<&Host>) -> Vec<Difference> {
    let mut found = Vec::new();
    if note.format_version != FORMAT_VERSION {
        found.push(Difference::FormatVersion {
            artifact: note.format_version,
        });
    }
    if note.abi_version != ABI_VERSION {
        found.push(Difference::AbiVersion {
            artifact: note.abi_version,
        });
    }
    let Some(host) = host else { return found };
    if note.target != host.target {
        found.push(Difference::Target {
            artifact: note.target,
            host: host.target,
        });
    } else {
        // The features of another instruction set say nothing about this CPU.
        let missing = note.cpu_features.difference(host.cpu_features);
        if !missing.is_empty() {
            found.push(Difference::CpuFeatures { missing });
        }
    }
    if host.page_bytes > note.page_bytes {
        found.push(Difference::PageBytes {
            artifact: note.page_bytes,
            host: host.page_bytes,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuFeature;
    use crate::target::{Arch, Os};

    #[test]
    fn all_differences_are_reported_at_once() {
        let prefix = StablePrefix {
            format_version: 9,
            abi_version: 8,
            target: Target {
                arch: Arch::X86_64,
                os: Os::Linux,
            },
            page_bytes: 4096,
            cpu_features: [CpuFeature::Avx, CpuFeature::Sse3].into_iter().collect(),
        };
        let mut host = Host {
            target: prefix.target,
            page_bytes: 65_536,
            cpu_features: [CpuFeature::Sse3].into_iter().collect(),
        };
        let text = ArtifactError::Incompatible(differences(&prefix, Some(&host))).to_string();
        for part in ["format version", "ABI version", "lacks: avx", "page size"] {
            assert!(text.contains(part), "{text}");
        }
        host.target.arch = Arch::Aarch64;
        let found = differences(&prefix, Some(&host));
        assert!(found.contains(&Difference::Target {
            artifact: prefix.target,
            host: host.target
        }));
    }
}
