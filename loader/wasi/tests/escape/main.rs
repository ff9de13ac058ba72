//! Nothing escapes: whatever a guest tries, what lies outside of its mounts stays unseen and unchanged, and so
//! does what it may only read.
//!
//! `random.rs` tries anything at random, `races.rs` changes the files while the guest uses them. `world.rs` has the
//! files and the oracle, `names.rs` the names that are tried, `actions.rs` the calls.

mod actions;
#[path = "../common/mod.rs"]
mod common;
mod names;
mod races;
mod random;
mod world;
