//! Everything that depends on the operating system or the instruction set.
//!
//! - [`mmap`]: address space: reserved, committed, mapped from files, protected.
//! - [`memfd`]: bytes as a file that nobody can change any more.
//! - [`registry`]: which code is mapped where, readable from a signal handler.
//! - [`signals`]: hardware faults: ours become traps, others go where they went before.
//! - [`embedded`]: where in a file the program's own constants are.
//! - [`thread`]: threads as the kernel knows them.
//! - [`arch`]: registers, frames and resuming, one file per instruction set.

pub(crate) mod arch;
pub(crate) mod embedded;
pub(crate) mod memfd;
pub(crate) mod mmap;
pub(crate) mod registry;
pub(crate) mod signals;
pub(crate) mod thread;

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("precast-loader runs on Linux on x86-64 and aarch64");
