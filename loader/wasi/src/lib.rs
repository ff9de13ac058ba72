//! WASI preview 1 for programs that precast runs.
//!
//! A [`WasiCtx`] holds all that one program was given: arguments, environment, standard streams, directories of the host
//! and other file systems ([`fs`]), sockets that listen. What the builder was not asked for, the program does not have.
//! The calls themselves are plain functions over a context and the guest's memory ([`preview1`]), so that they can be
//! tested, fuzzed and reused without an engine.
//!
//! Programs of some compilers import more than WASI: [`assemblyscript`] and [`emscripten`] have what theirs do.
//!
//! What this crate never does:
//!
//! - It never resolves a guest path outside `cap_std::fs::Dir`, or the one walk over virtual file systems: no `..`,
//!   symlink or absolute path leaves its mount.
//! - It never trusts a guest pointer, length or count: [`GuestMemory`] checks each, and nothing is allocated in a size
//!   that the guest chose without a cap.
//! - It never changes flags of the streams it shares with the host process, such as `O_NONBLOCK` on a terminal.
//! - It never reports success for a call that it has not carried out.
//!
//! Where to start reading: `ctx.rs` (what a program is given), `memory.rs` (the border to the guest), `descriptor.rs`
//! and `rights.rs` (what an open file is and may do), then `preview1.rs` (the calls). `functions.rs` is the table of the
//! calls, which `linker.rs` defines and `trace.rs` tells of; `unstable.rs` has those that were different once.

#![forbid(unsafe_code)]
#![allow(
    clippy::too_many_arguments,
    reason = "the functions take the parameters of the WASI calls"
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

pub mod assemblyscript;
mod clock;
mod ctx;
mod descriptor;
pub mod emscripten;
mod ending;
mod errno;
pub mod fs;
mod functions;
mod handle;
#[cfg(test)]
mod hostile;
mod linker;
mod memory;
pub mod preview1;
mod random;
mod rights;
mod stdio;
mod table;
#[cfg(test)]
mod testing;
mod trace;
mod types;
mod unstable;

pub use clock::{Clock, ClockId, HostClock, VirtualClock};
pub use ctx::{ConfigError, Limits, WasiCtx, WasiCtxBuilder};
pub use ending::{BrokenPipe, Exit};
pub use errno::{Errno, Result};
pub use linker::{add_to_linker, for_module};
pub use memory::GuestMemory;
pub use random::{HostRandom, Random, SeededRandom};
pub use stdio::OutputBuffer;
