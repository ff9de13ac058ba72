//! The machines artifacts are made for.

use std::fmt;

/// An instruction set.
///
/// ```
/// # use precast_artifacts_format::{Arch, Target};
/// let runs_here = Target::host().is_some_and(|host| host.arch == Arch::X86_64);
/// assert_eq!(runs_here, cfg!(all(target_arch = "x86_64", target_os = "linux")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Arch {
    /// 64-bit x86.
    X86_64 = 1,
    /// 64-bit ARM.
    Aarch64 = 2,
}

/// An operating system. It decides how code is mapped and how faults arrive.
///
/// ```
/// # use precast_artifacts_format::{Os, Target};
/// assert_eq!(Target::host().is_some_and(|host| host.os == Os::Linux), cfg!(target_os = "linux"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Os {
    /// Linux, whatever the C library.
    Linux = 1,
}

/// What an artifact is made for: instruction set and operating system.
///
/// ```
/// # use precast_artifacts_format::{Arch, Os, Target};
/// let target = Target { arch: Arch::Aarch64, os: Os::Linux };
/// assert_eq!(target.to_string(), "aarch64-unknown-linux");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The instruction set.
    pub arch: Arch,
    /// The operating system.
    pub os: Os,
}

impl Target {
    /// The target this crate itself was compiled for, if artifacts can be made for it.
    ///
    /// ```
    /// # use precast_artifacts_format::Target;
    /// match Target::host() {
    ///     Some(host) => println!("artifacts for {host} run here"),
    ///     None => println!("no artifacts run here"),
    /// }
    /// ```
    pub const fn host() -> Option<Self> {
        let arch = if cfg!(target_arch = "x86_64") {
            Arch::X86_64
        } else if cfg!(target_arch = "aarch64") {
            Arch::Aarch64
        } else {
            return None;
        };
        if cfg!(target_os = "linux") {
            Some(Self {
                arch,
                os: Os::Linux,
            })
        } else {
            None
        }
    }

    /// The unit, in bytes, to which what is mapped from the file is aligned.
    ///
    /// A host whose pages are larger cannot map the artifact. Linux on x86-64 always has pages of
    /// 4 KiB; on aarch64 the kernel chooses 4, 16 or (rarely) 64 KiB.
    ///
    /// ```
    /// # use precast_artifacts_format::{Arch, Os, Target};
    /// let target = Target { arch: Arch::Aarch64, os: Os::Linux };
    /// assert_eq!(target.page_bytes(), 16 << 10);
    /// ```
    pub const fn page_bytes(self) -> u32 {
        match self.arch {
            Arch::X86_64 => 4 << 10,
            Arch::Aarch64 => 16 << 10,
        }
    }

    pub(crate) const fn elf_machine(self) -> u16 {
        match self.arch {
            Arch::X86_64 => object::elf::EM_X86_64,
            Arch::Aarch64 => object::elf::EM_AARCH64,
        }
    }
}

#[cfg(feature = "write")]
impl Target {
    /// The ELF relocation that fills an 8-byte slot with a symbol's address.
    pub(crate) const fn elf_abs64(self) -> u32 {
        match self.arch {
            Arch::X86_64 => object::elf::R_X86_64_64,
            Arch::Aarch64 => object::elf::R_AARCH64_ABS64,
        }
    }
}

impl Arch {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::X86_64),
            2 => Some(Self::Aarch64),
            _ => None,
        }
    }
}

impl Os {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Linux),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arch = match self.arch {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        };
        let os = match self.os {
            Os::Linux => "linux",
        };
        write!(f, "{arch}-unknown-{os}")
    }
}
