//! Where what is made of each module goes.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{self, Path, PathBuf};

use anyhow::{Result, bail};

use crate::exit::Usage;
use crate::input::is_standard_stream;
use crate::output::Destination;
use crate::shown::shown;

/// A place that has been chosen by its name only: nothing is known about it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Standard output.
    Stdout,
    /// A file, or a device or a pipe.
    File(PathBuf),
    /// A file in a directory that may have to be made.
    InNewDirectory(PathBuf),
}

impl Place {
    /// Its path, if it has one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) | Self::InNewDirectory(path) => Some(path),
        }
    }

    /// What writes there, text or else what is not for terminals.
    ///
    /// # Errors
    ///
    /// If nothing can be written there.
    pub(super) fn destination(&self, is_text: bool) -> Result<Destination> {
        match self {
            Self::Stdout if is_text => Ok(Destination::Stdout),
            Self::Stdout => Destination::stdout(),
            Self::File(path) => Destination::at(path),
            // The module before may have made it.
            Self::InNewDirectory(path) if path.parent().is_some_and(Path::is_dir) => {
                Destination::at(path)
            }
            Self::InNewDirectory(path) => Ok(Destination::InNewDirectory(path.clone())),
        }
    }
}

/// The places for `inputs`: `output` if it was named, a file in it if it is a directory, and else
/// a file beside each, with `extension`.
///
/// # Errors
///
/// [`Usage`] if they cannot all have one of their own.
pub(super) fn places(
    inputs: &[PathBuf],
    output: Option<&Path>,
    extension: &str,
) -> Result<Vec<Place>> {
    let place = |input: &PathBuf| place(input, output, extension, inputs.len() == 1);
    let places: Vec<Place> = inputs.iter().map(place).collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    for path in places.iter().filter_map(Place::path) {
        // So that `a` and `./a` are the same.
        if !seen.insert(path::absolute(path).unwrap_or_else(|_| path.to_owned())) {
            let path = shown(path);
            bail!(Usage(format!("two of the modules would become {path}")));
        }
    }
    Ok(places)
}

fn place(input: &Path, output: Option<&Path>, extension: &str, is_only: bool) -> Result<Place> {
    let is_stdin = is_standard_stream(input);
    let Some(output) = output else {
        return match (is_stdin, is_only) {
            (true, true) => Ok(Place::Stdout),
            (true, false) => bail!(Usage(
                "standard input cannot be one of several modules".to_owned()
            )),
            (false, _) => Ok(Place::File(input.with_extension(extension))),
        };
    };
    let is_directory = output.is_dir();
    if is_directory || output.as_os_str().as_bytes().ends_with(b"/") {
        let path = shown(output);
        if is_stdin {
            bail!("cannot write {path}: it is a directory, and standard input has no name");
        }
        let renamed = input.with_extension(extension);
        let Some(name) = renamed.file_name() else {
            bail!("{} is a directory, not a module", shown(input));
        };
        let path = output.join(name);
        return Ok(if is_directory {
            Place::File(path)
        } else {
            Place::InNewDirectory(path)
        });
    }
    if !is_only {
        let path = shown(output);
        bail!(Usage(format!(
            "-o {path} is one place for several modules; name a directory (with `/` at the end if \
             it is to be made)"
        )));
    }
    if is_standard_stream(output) {
        return Ok(Place::Stdout);
    }
    Ok(Place::File(output.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inputs: &[&str], output: Option<&str>, expected: &[Place]) {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        let found = places(&inputs, output.map(Path::new), "precast");
        assert_eq!(found.unwrap(), expected);
    }

    fn check_error(inputs: &[&str], output: Option<&str>, expected: &str) {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        let error = places(&inputs, output.map(Path::new), "precast").unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn each_module_has_a_place_of_its_own() {
        let file = |path: &str| Place::File(path.into());
        let new = |path: &str| Place::InNewDirectory(path.into());
        check(&["x/a.wasm"], None, &[file("x/a.precast")]);
        check(
            &["a.wasm", "b"],
            None,
            &[file("a.precast"), file("b.precast")],
        );
        check(&["-"], None, &[Place::Stdout]);
        check(&["a.wasm"], Some("-"), &[Place::Stdout]);
        check(&["a.wasm"], Some("b"), &[file("b")]);
        check(&["x/a.wasm"], Some("none/"), &[new("none/a.precast")]);
        check(&["x/a.wasm"], Some("."), &[file("./a.precast")]);
        check_error(&["a.wasm", "b.wasm"], Some("c"), "one place for several");
        check_error(&["a.wasm", "b.wasm"], Some("-"), "one place for several");
        check_error(&["a.wasm", "-"], None, "one of several");
        check_error(&["-"], Some("none/"), "has no name");
        check_error(&["a.wasm", "./a.wat"], None, "two of the modules");
        check_error(&["x/a.wasm", "y/a.wasm"], Some("none/"), "two of");
    }
}
