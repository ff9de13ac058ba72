//! Gives the compiler a number for its own source, so that a cache never takes the artifacts of
//! another state of it for its own: while it is worked on, its version stays the same.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Everything that decides what bytes come out. Where the crate has been packaged alone, the
/// others are not there, and its version and the format's say which they are.
const SOURCES: [&str; 4] = [
    "src",
    "Cargo.toml",
    "../artifacts-format/src",
    "../Cargo.lock",
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        let path = root.join(source);
        if path.exists() {
            println!("cargo::rerun-if-changed={source}");
            add(&path, &mut hasher)?;
        }
    }
    println!("cargo::rustc-env=PRECAST_SOURCE={:016x}", hasher.finish());
    Ok(())
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        // Directories list their files in any order.
        paths.sort();
        return paths.iter().try_for_each(|path| add(path, hasher));
    }
    let name = path.file_name().unwrap_or_default();
    let bytes = fs::read(path)?;
    for part in [name.as_encoded_bytes(), &bytes] {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    Ok(())
}
