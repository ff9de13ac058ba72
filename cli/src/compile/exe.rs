//! `--emit exe`: one file that runs the module, made of a runner and the artifact.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueHint};
use precast_artifacts_format::{AttachError, Runner, Target};
use precast_cli::program::Options;
use precast_loader::Module;

use crate::exit::Usage;
use crate::grants::GrantArgs;
use crate::guest::{self, START};
use crate::{bytes, shown::shown};

/// What the runner is called, and the program of cargo's that makes it.
const RUNNER: &str = "precast-runner";

/// Options for `--emit exe`.
#[derive(Debug, Args)]
pub(super) struct ExeArgs {
    /// What runs the artifact [default: precast-runner in precast's own directory]
    ///
    /// For another machine than this one, one that was built for it.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    runner: Option<PathBuf>,

    /// How much stack the program may use, in bytes, or with k, M or G [default: 8M]
    #[arg(long, value_name = "BYTES", value_parser = bytes::parse)]
    max_stack: Option<usize>,

    #[command(flatten)]
    grants: GrantArgs,
}

/// What makes programs of artifacts.
pub(super) struct ExeMaker {
    runner: Vec<u8>,
    /// How messages call the runner.
    runner_name: String,
    words: Vec<String>,
}

impl ExeArgs {
    /// The maker of programs for `target`, if that is what is to be made.
    ///
    /// # Errors
    ///
    /// If there is no runner for them. [`Usage`] if it is not, but there are options for it.
    pub(super) fn maker(&self, is_wanted: bool, target: Target) -> Result<Option<ExeMaker>> {
        let Self {
            runner,
            max_stack,
            grants,
        } = self;
        if !is_wanted {
            let is_unused =
                runner.is_none() && max_stack.is_none() && *grants == GrantArgs::default();
            if !is_unused {
                bail!(Usage(
                    "--runner, --max-stack and what a program gets are for --emit exe; others get it \
                     from `precast run`"
                        .to_owned()
                ));
            }
            return Ok(None);
        }
        let path = match runner {
            Some(path) => path.clone(),
            None if Some(target) != Target::host() => bail!(Usage(format!(
                "a program for {target} needs a runner that was built for it; name one with --runner"
            ))),
            None => own_runner()?,
        };
        let runner_name = shown(&path);
        let runner =
            fs::read(&path).with_context(|| format!("cannot read the runner {runner_name}"))?;
        Runner::parse(&runner).with_context(|| runner_name.clone())?;
        let mut options = Options {
            grants: grants.clone(),
            ..Options::default()
        };
        if let Some(bytes) = *max_stack {
            options.max_stack_bytes = bytes;
        }
        Ok(Some(ExeMaker {
            runner,
            runner_name,
            words: options.to_words(),
        }))
    }
}

impl ExeMaker {
    /// The program that runs `artifact`, which was made of the module `name`.
    ///
    /// # Errors
    ///
    /// If the module is no program, or the runner is not for the artifact's machine.
    pub(super) fn program(&self, artifact: &[u8], name: &str) -> Result<Vec<u8>> {
        let export = Module::open_bytes(artifact)?.export(START);
        guest::start_type(export, String::new).with_context(|| name.to_owned())?;
        let runner = Runner::parse(&self.runner).with_context(|| self.runner_name.clone())?;
        runner
            .attach(artifact, &self.words)
            .map_err(|error| match error {
                AttachError::Artifact(error) => anyhow::Error::new(error).context(name.to_owned()),
                error => anyhow::Error::new(error).context(self.runner_name.clone()),
            })
    }
}

/// The runner that was built and installed with this command.
fn own_runner() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where precast is, and the runner with it")?;
    let path = own.with_file_name(RUNNER);
    if !path.exists() {
        let path = shown(&path);
        bail!(
            "programs are made of a runner, which is not at {path}; `cargo build --release` in \
             precast's source builds it with precast, and `cargo install` installs both. Or name one \
             with --runner"
        );
    }
    Ok(path)
}
