//! `--env` and `--env-inherit`: a guest's environment.

use std::env;
use std::ffi::OsString;

use anyhow::{Result, anyhow};

use crate::exit;
use crate::shown::shown;

/// A variable that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Of our own environment if there is none.
    pub(super) value: Option<String>,
}

/// Parses `NAME[=VALUE]`.
///
/// # Errors
///
/// If the name is empty.
pub(super) fn parse(text: &str) -> Result<Variable, String> {
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

/// All variables, in their order; of several with the same name the last counts.
///
/// What nobody named is left out if the guest could not receive it, with a warning.
///
/// # Errors
///
/// If one that was named has a value that is not UTF-8.
pub(super) fn variables(named: &[Variable], inherit: bool) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    if inherit {
        variables.extend(env::vars_os().filter_map(receivable));
    }
    for Variable { name, value } in named {
        let value = match value {
            Some(value) => value.clone(),
            None => match env::var_os(name) {
                Some(value) => value
                    .into_string()
                    .map_err(|_| anyhow!("the value of the variable {name} is not UTF-8"))?,
                // What is not set here is not set there.
                None => continue,
            },
        };
        variables.push((name.clone(), value));
    }
    Ok(variables)
}

fn receivable((name, value): (OsString, OsString)) -> Option<(String, String)> {
    let reason = match (name.to_str(), value.to_str()) {
        (Some(text), Some(_)) if text.contains('=') => "its name holds `=`",
        (Some(name), Some(value)) => return Some((name.into(), value.into())),
        _ => "it is not UTF-8",
    };
    exit::say(format_args!(
        "precast: warning: the guest does not get the variable {}: {reason}",
        shown(&name)
    ));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_come_with_its_value() {
        let value = |text| parse(text).unwrap().value;
        assert_eq!(value("A=b=c").as_deref(), Some("b=c"));
        assert_eq!(value("A=").as_deref(), Some(""));
        assert_eq!(value("A"), None);
        assert!(parse("=b").is_err());
    }
}
