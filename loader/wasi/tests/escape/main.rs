//! Nothing escapes: whatever a guest tries, what lies outside of its mounts stays unseen and unchanged, and so
//! does what it may only read.
//!
//! `random.rs` tries anything at random, `races.rs` changes the files while the guest uses them, `deep.rs` goes where
//! paths are too short. `world.rs` has the files and the oracle, `names.rs` the names that are tried, `actions.rs` the
//! calls.
//!
//! Where Linux has `openat2` it keeps paths in; elsewhere cap-std walks them itself. That way is tried with
//! `strace -f --seccomp-bpf -e trace=openat2 -e inject=openat2:error=ENOSYS` before the test's binary.

mod actions;
#[path = "../common/mod.rs"]
mod common;
mod deep;
mod names;
mod races;
mod random;
mod world;
