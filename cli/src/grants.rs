//! What a guest is given: arguments, environment, directories, standard streams. Nothing else.

use std::env;
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Args;
use precast_wasi::WasiCtx;

/// Options of `run` that open the sandbox.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Give the guest a directory, to read and to change, under the name GUEST [default: HOST]
    #[arg(long = "dir", value_name = "HOST[::GUEST]", value_parser = mount)]
    dirs: Vec<Mount>,

    /// Set a variable in the guest's environment, to precast's own value if none is given
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = variable)]
    variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    host_path: String,
    guest_path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    value: Option<String>,
}

impl GrantArgs {
    /// The world of a program of that file, called with `args`.
    ///
    /// # Errors
    ///
    /// If a directory cannot be opened, or a text is not one that a guest can receive.
    pub(crate) fn wasi(&self, file: &Path, args: &[String]) -> Result<WasiCtx> {
        let program = file.file_name().unwrap_or(file.as_os_str());
        let mut builder = WasiCtx::builder();
        builder
            .inherit_stdio()
            .arg(program.to_string_lossy())
            .args(args);
        for Variable { name, value } in &self.variables {
            match value {
                Some(value) => {
                    builder.env(name, value);
                }
                // A variable that is not set here is not set there.
                None => {
                    if let Some(value) = env::var_os(name) {
                        let value = value.into_string().map_err(|value| {
                            anyhow!("the variable {name} is not UTF-8: {}", value.display())
                        })?;
                        builder.env(name, value);
                    }
                }
            }
        }
        for Mount {
            host_path,
            guest_path,
        } in &self.dirs
        {
            builder.preopened_dir(host_path, guest_path);
        }
        Ok(builder.build()?)
    }
}

fn mount(text: &str) -> Result<Mount, String> {
    let (host_path, guest_path) = text.split_once("::").unwrap_or((text, text));
    if host_path.is_empty() || guest_path.is_empty() {
        return Err("a directory without a name".into());
    }
    Ok(Mount {
        host_path: host_path.into(),
        guest_path: guest_path.into(),
    })
}

fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("a variable without a name".into());
    }
    Ok(Variable {
        name: name.into(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_name_unless_it_gets_another() {
        let check = |text, host: &str, guest: &str| {
            let Mount {
                host_path,
                guest_path,
            } = mount(text).unwrap();
            assert_eq!((&*host_path, &*guest_path), (host, guest));
        };
        check(".", ".", ".");
        check("data::/in", "data", "/in");
        check("/srv/a:b", "/srv/a:b", "/srv/a:b");
        for wrong in ["", "::", "a::", "::b"] {
            assert!(mount(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_variable_may_come_with_its_value() {
        let value = |text| variable(text).unwrap().value;
        assert_eq!(value("A=b=c").as_deref(), Some("b=c"));
        assert_eq!(value("A=").as_deref(), Some(""));
        assert_eq!(value("A"), None);
        assert!(variable("=b").is_err());
    }
}
