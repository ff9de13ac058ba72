//! From a script's text to loaded code: the only `unsafe` of this crate.

#![allow(
    unsafe_code,
    reason = "loading an artifact is: whoever does it says that its code may be run"
)]

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use precast_loader::{Engine, Module};
use wast::{QuoteWat, QuoteWatTest, Wat, parser};

use crate::expect::Outcome;
use crate::{Settings, buffer};

/// The module that a text, which may be quoted, stands for.
///
/// # Errors
///
/// If the text format's parser refuses it.
pub(crate) fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, wast::Error> {
    let text = match module.to_test()? {
        QuoteWatTest::Binary(wasm) => return Ok(wasm),
        QuoteWatTest::Text(text) => text,
    };
    let text = str::from_utf8(&text)
        .map_err(|_| wast::Error::new(module.span(), "malformed UTF-8 encoding".to_owned()))?;
    assemble(text)
}

/// The module that a text stands for.
///
/// # Errors
///
/// If the text format's parser refuses it.
pub(crate) fn assemble(text: &str) -> Result<Vec<u8>, wast::Error> {
    let buffer = buffer(text)?;
    parser::parse::<Wat<'_>>(&buffer)?.encode()
}

/// Compiles and loads a module.
///
/// # Errors
///
/// If the compiler or the loader refuses it.
pub(crate) fn load(engine: &Engine, wasm: &[u8], settings: &Settings) -> Outcome<Module> {
    let artifact = precast_compiler::compile(wasm, &settings.options)?;
    if !settings.through_files {
        // SAFETY: the compiler has just made it.
        return Ok(unsafe { Module::load_bytes(engine, &artifact) }?);
    }
    let file = TemporaryFile::new(&artifact)
        .map_err(|error| format!("cannot write an artifact to a temporary file: {error}"))?;
    // SAFETY: the compiler has just made what is in it; the file is new and only its owner may
    // write to it, so that nobody has changed it, and its name goes away with this call.
    Ok(unsafe { Module::load(engine, &file.0) }?)
}

/// A file that goes away with the value.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(bytes: &[u8]) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (mut file, own) = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("precast-wast-{}-{number}.precast", process::id());
            let path = std::env::temp_dir().join(name);
            match create(&path) {
                Ok(file) => break (file, Self(path)),
                // Left behind by another process that had the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error),
            }
        };
        file.write_all(bytes)?;
        Ok(own)
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Nobody is left to be told, and no harm is done.
        let _ = fs::remove_file(&self.0);
    }
}
