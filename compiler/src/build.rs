//! For build scripts: modules compiled together with the program that runs them.
//!
//! ```no_run
//! // build.rs, with `precast-compiler` among the build dependencies
//! fn main() -> Result<(), precast_compiler::build::BuildError> {
//!     precast_compiler::build::artifact("guests/app.wasm")
//!         .options(|options| options.tunables.fuel = true)
//!         .compile()?;
//!     Ok(())
//! }
//! ```
//!
//! The program then has the artifact as `precast_loader::include_artifact!("app")`.
//!
//! This is the one place in the crate that reads and writes files, and prints: what
//! [cargo](https://doc.rust-lang.org/cargo/reference/build-scripts.html) wants to be told.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use crate::{CompileError, Options, compile, parse_target};

/// The module in the file at `path`, in binary form; relative paths start at the folder of the
/// package's `Cargo.toml`. The artifact is called like the file, and made anew when that changes.
///
/// ```no_run
/// precast_compiler::build::artifact("guests/app.wasm").compile()?;
/// # Ok::<(), precast_compiler::build::BuildError>(())
/// ```
pub fn artifact<'a>(path: impl AsRef<Path>) -> ArtifactBuilder<'a> {
    let path = path.as_ref();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    ArtifactBuilder {
        name: name.into_owned(),
        module: Source::File(path.to_owned()),
        adjustments: Vec::new(),
    }
}

/// A module that the build script has made itself, and the artifact's name. What it is made from
/// is the script's to tell cargo.
///
/// ```no_run
/// # fn parse(text: &str) -> Vec<u8> { Vec::new() }
/// println!("cargo::rerun-if-changed=guests/app.wat");
/// let wasm = parse("guests/app.wat");
/// precast_compiler::build::artifact_from_bytes("app", &wasm).compile()?;
/// # Ok::<(), precast_compiler::build::BuildError>(())
/// ```
pub fn artifact_from_bytes<'a>(name: &str, wasm: &'a [u8]) -> ArtifactBuilder<'a> {
    ArtifactBuilder {
        name: name.to_owned(),
        module: Source::Bytes(wasm),
        adjustments: Vec::new(),
    }
}

/// An artifact that is going to be compiled.
///
/// ```no_run
/// use precast_compiler::build::{ArtifactBuilder, BuildError, artifact};
///
/// /// What all guests of ours have in common.
/// fn guest(path: &str) -> ArtifactBuilder<'_> {
///     artifact(path).options(|options| options.tunables.fuel = true)
/// }
///
/// guest("guests/app.wasm").compile()?;
/// # Ok::<(), BuildError>(())
/// ```
#[must_use = "nothing is compiled before `compile` is called"]
pub struct ArtifactBuilder<'a> {
    name: String,
    module: Source<'a>,
    adjustments: Vec<Adjustment<'a>>,
}

type Adjustment<'a> = Box<dyn FnOnce(&mut Options) + 'a>;

enum Source<'a> {
    File(PathBuf),
    Bytes(&'a [u8]),
}

impl<'a> ArtifactBuilder<'a> {
    /// Calls the artifact `name`, which is what `include_artifact!` is given.
    ///
    /// ```no_run
    /// use precast_compiler::build::artifact;
    ///
    /// for plugin in ["resize", "rotate"] {
    ///     let module = format!("plugins/{plugin}/target/plugin.wasm");
    ///     artifact(module).name(plugin).compile()?;
    /// }
    /// # Ok::<(), precast_compiler::build::BuildError>(())
    /// ```
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Has `adjust` change the options, which are the default ones for the machine that cargo
    /// builds for.
    ///
    /// ```no_run
    /// use precast_compiler::{CustomSections, build};
    ///
    /// build::artifact("guests/app.wasm")
    ///     .options(|options| {
    ///         options.tunables.fuel = true;
    ///         options.custom_sections = CustomSections::NoDebug;
    ///     })
    ///     .compile()?;
    /// # Ok::<(), precast_compiler::build::BuildError>(())
    /// ```
    pub fn options(mut self, adjust: impl FnOnce(&mut Options) + 'a) -> Self {
        self.adjustments.push(Box::new(adjust));
        self
    }

    /// Compiles the module for the machine that cargo builds for, to `NAME.precast` in cargo's
    /// folder for output, and gives the artifact's path. A file that would stay the same is left
    /// alone.
    ///
    /// # Errors
    ///
    /// [`BuildError`]. To be called in a build script.
    ///
    /// ```
    /// use precast_compiler::build::{BuildError, artifact};
    ///
    /// # if std::env::var_os("TARGET").is_none() {
    /// // Anywhere else it says what is missing.
    /// let error = artifact("guests/app.wasm").compile().unwrap_err();
    /// assert!(matches!(error, BuildError::NoBuildScript { variable: "TARGET" }));
    /// # }
    /// ```
    pub fn compile(self) -> Result<PathBuf, BuildError> {
        let cargo = Cargo::from_variables(|name| std::env::var_os(name))?;
        self.compile_for(&cargo, &mut io::stdout().lock())
    }

    fn compile_for(self, cargo: &Cargo, out: &mut dyn Write) -> Result<PathBuf, BuildError> {
        let Self {
            name,
            module,
            adjustments,
        } = self;
        let file_name = format!("{name}.precast");
        if name.is_empty() || Path::new(&file_name).file_name() != Some(file_name.as_ref()) {
            return Err(BuildError::Name { name });
        }
        let wasm = match module {
            Source::Bytes(wasm) => Cow::Borrowed(wasm),
            Source::File(path) => {
                let path = cargo.manifest_dir.join(path);
                rerun_if_changed(&path, out)?;
                let wasm = fs::read(&path);
                Cow::Owned(wasm.map_err(|error| io_error("read", &path, error))?)
            }
        };
        let target = parse_target(&cargo.target);
        let artifact = target.and_then(|target| {
            let mut options = Options::for_target(target);
            options.threads = cargo.jobs;
            for adjust in adjustments {
                adjust(&mut options);
            }
            compile(&wasm, &options)
        });
        let artifact = artifact.map_err(|source| BuildError::Compile { name, source })?;
        let path = cargo.out_dir.join(file_name);
        replace(&path, &artifact).map_err(|error| io_error("write", &path, error))?;
        Ok(path)
    }
}

impl fmt::Debug for ArtifactBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What cargo tells build scripts.
struct Cargo {
    target: String,
    manifest_dir: PathBuf,
    out_dir: PathBuf,
    /// How many threads it allows.
    jobs: Option<NonZeroUsize>,
}

impl Cargo {
    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, BuildError> {
        let needed = |variable| get(variable).ok_or(BuildError::NoBuildScript { variable });
        let jobs = get("NUM_JOBS").and_then(|jobs| jobs.to_str()?.parse().ok());
        Ok(Self {
            target: needed("TARGET")?.to_string_lossy().into_owned(),
            manifest_dir: needed("CARGO_MANIFEST_DIR")?.into(),
            out_dir: needed("OUT_DIR")?.into(),
            jobs,
        })
    }
}

/// Why an artifact could not be made in a build script.
///
/// ```no_run
/// use precast_compiler::CompileError;
/// use precast_compiler::build::{BuildError, artifact};
///
/// // A module that may still be ahead of the compiler.
/// match artifact("guests/next.wasm").compile() {
///     Err(BuildError::Compile { source: CompileError::Unsupported { .. }, .. }) => {
///         println!("cargo::warning=without the next guest");
///     }
///     other => {
///         other?;
///     }
/// }
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A variable is not set that cargo sets for build scripts.
    NoBuildScript {
        /// The variable.
        variable: &'static str,
    },
    /// The artifact's name cannot be that of a file.
    Name {
        /// The name.
        name: String,
    },
    /// A file could not be read or written, or cargo not be told.
    Io {
        /// What was to be done: "read", "write", "tell cargo of".
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The module could not be compiled.
    Compile {
        /// The artifact's name.
        name: String,
        /// Why.
        source: CompileError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBuildScript { variable } => write!(
                f,
                "the variable {variable} is not set, as it is in build scripts"
            ),
            Self::Name { name } => write!(f, "{name:?} cannot be an artifact's name"),
            Self::Io {
                action,
                path,
                source,
            } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::Compile { name, source } => write!(f, "{name}: {source}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // What stands behind these is in the text already.
            Self::Io { source, .. } => source.source(),
            Self::NoBuildScript { .. } | Self::Name { .. } | Self::Compile { .. } => None,
        }
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> BuildError {
    BuildError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn rerun_if_changed(path: &Path, out: &mut dyn Write) -> Result<(), BuildError> {
    // What cargo is told ends with the line.
    let line = path.to_str().filter(|path| !path.contains(['\n', '\r']));
    let told = match line {
        Some(line) => writeln!(out, "cargo::rerun-if-changed={line}"),
        None => Err(io::ErrorKind::InvalidFilename.into()),
    };
    told.map_err(|error| io_error("tell cargo of", path, error))
}

/// Writes a file as a whole, unless that is what it is already: a program that has been built may
/// be running from it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    // The folder is this build script's own, so that nobody else takes this name.
    let temporary = path.with_extension("precast.tmp");
    let replaced = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // It is an error that brings us here; a second one would say nothing more.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The empty module.
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    /// A package's folders, which go away with the value.
    struct Package(PathBuf);

    impl Package {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("precast-build-{}-{number}", std::process::id());
            let root = std::env::temp_dir().join(name);
            fs::create_dir_all(root.join("guests")).unwrap();
            fs::create_dir_all(root.join("out")).unwrap();
            fs::write(root.join("guests/app.wasm"), EMPTY).unwrap();
            Self(root)
        }

        fn cargo(&self, target: &str) -> Cargo {
            let variables = [
                ("TARGET", target.into()),
                ("CARGO_MANIFEST_DIR", self.0.clone().into_os_string()),
                ("OUT_DIR", self.0.join("out").into_os_string()),
                ("NUM_JOBS", "1".into()),
            ];
            let get = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone())
            };
            Cargo::from_variables(get).unwrap()
        }

        /// Compiles for a machine and gives the artifact's path, and what was printed.
        fn compile(
            &self,
            builder: ArtifactBuilder<'_>,
            target: &str,
        ) -> Result<(PathBuf, String), BuildError> {
            let mut printed = Vec::new();
            let path = builder.compile_for(&self.cargo(target), &mut printed)?;
            Ok((path, String::from_utf8(printed).unwrap()))
        }

        fn outputs(&self) -> Vec<String> {
            let entries = fs::read_dir(self.0.join("out")).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        }
    }

    impl Drop for Package {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const X86_64: &str = "x86_64-unknown-linux-gnu";
    const AARCH64: &str = "aarch64-unknown-linux-musl";

    #[test]
    fn a_file_becomes_an_artifact_for_the_target_and_cargo_is_told_of_it() {
        let package = Package::new();
        for target in [X86_64, AARCH64] {
            let builder = artifact("guests/app.wasm");
            let (path, printed) = package.compile(builder, target).unwrap();
            assert_eq!(path, package.0.join("out/app.precast"));
            let module = package.0.join("guests/app.wasm");
            let line = format!("cargo::rerun-if-changed={}\n", module.display());
            assert_eq!(printed, line);
            let options = Options::for_target(parse_target(target).unwrap());
            let expected = compile(EMPTY, &options).unwrap();
            assert!(fs::read(path).unwrap() == expected, "{target}");
        }
        assert_eq!(package.outputs(), ["app.precast"]);
    }

    #[test]
    fn names_and_options_can_be_chosen() {
        let package = Package::new();
        let builder = artifact_from_bytes("one", EMPTY)
            .name("two")
            .options(|options| options.tunables.fuel = true)
            .options(|options| options.tunables.memory_checked = options.tunables.fuel);
        let (path, printed) = package.compile(builder, X86_64).unwrap();
        assert_eq!(path.file_name().unwrap(), "two.precast");
        assert_eq!(printed, "");
        let artifact = fs::read(path).unwrap();
        let artifact = precast_artifacts_format::Artifact::parse(&artifact).unwrap();
        assert!(artifact.note().tunables.fuel && artifact.note().tunables.memory_checked);
    }

    #[test]
    fn what_stays_the_same_is_left_alone() {
        let package = Package::new();
        let builder = || artifact_from_bytes("app", EMPTY);
        let (path, _) = package.compile(builder(), X86_64).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(long_ago).unwrap();
        drop(file);
        let modified = || fs::metadata(&path).unwrap().modified().unwrap();
        package.compile(builder(), X86_64).unwrap();
        assert_eq!(modified(), long_ago);
        package.compile(builder(), AARCH64).unwrap();
        assert_ne!(modified(), long_ago);
    }

    #[test]
    fn errors_say_what_was_wrong() {
        let package = Package::new();
        let check = |builder: ArtifactBuilder<'_>, target: &str, part: &str| {
            let error = package.compile(builder, target).unwrap_err().to_string();
            assert!(error.contains(part), "{part:?} is not in {error:?}");
            assert!(package.outputs().is_empty());
        };
        check(
            artifact("guests/none.wasm"),
            X86_64,
            "guests/none.wasm: No such file",
        );
        check(
            artifact("guests/app.wasm"),
            "wasm32-wasip1",
            "app: target `wasm32-wasip1`",
        );
        check(artifact("a\nb.wasm"), X86_64, "cannot tell cargo of");
        for name in ["", "a/b", "/", "../a", "a/"] {
            let expected = format!("{name:?} cannot be an artifact's name");
            check(artifact_from_bytes(name, EMPTY), X86_64, &expected);
        }
        let damaged = artifact_from_bytes("app", b"\0asm");
        check(damaged, X86_64, "app: not a valid WebAssembly module");
        let error = Cargo::from_variables(|_| None).err().unwrap();
        assert!(error.to_string().contains("TARGET"), "{error}");
    }
}
