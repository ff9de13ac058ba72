//! File systems that an embedder can mount, and what is known of a file.

pub use crate::types::{Filestat, Filetype, SetTime};
