//! Artifacts whose code was written by hand, so that loading, calling, trapping and leaving are
//! tested without a compiler.

#![cfg(target_arch = "x86_64")]

mod artifact;
mod calls;
mod faults;
mod linking;
mod memories;
