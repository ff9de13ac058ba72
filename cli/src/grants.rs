//! What a guest is given: arguments, environment, directories, standard streams, time and chance.
//! Nothing else.

mod environment;
mod listen;
mod mount;

use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueHint, value_parser};
use precast_wasi::{SeededRandom, VirtualClock, WasiCtx, WasiCtxBuilder};

use environment::Variable;
use listen::Listen;
use mount::Mount;

const NANOSECONDS: u64 = 1_000_000_000;

/// By how much a clock of the guest's own moves on when the guest looks at it, in nanoseconds.
const CLOCK_STEP: u64 = 1_000;

/// The last second that a guest can be told.
const LAST_SECOND: u64 = u64::MAX / NANOSECONDS;

/// Options of `run` that open the sandbox, or say what is in it.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// A directory, to read and to change, under the name GUEST [default: HOST]; with `:ro`, to read
    /// only
    ///
    /// Names may hold colons: what counts is `:ro` or `:rw` at the end, then the last `::`. A
    /// directory x:ro is `x:ro:rw`, a directory a::b is `a::b::GUEST`.
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]", value_parser = mount::parse, value_hint = ValueHint::DirPath)]
    dirs: Vec<Mount>,

    /// A variable of the environment; without VALUE it is precast's own, if it has one
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = environment::parse)]
    variables: Vec<Variable>,

    /// All of precast's environment; what --env says comes instead or in addition
    ///
    /// Variables that are not UTF-8 are left out, with a warning.
    #[arg(long)]
    env_inherit: bool,

    /// A socket that listens, at an address as `127.0.0.1:8080` or `[::1]:0`; for port 0 the system
    /// takes a free one, which is named on standard error
    ///
    /// Its descriptor comes after those of the directories. With `,nonblock`, accepting a connection
    /// does not wait for one, unless the guest says otherwise: programs in Go want that.
    #[arg(long = "listen", value_name = "HOST:PORT[,nonblock]", value_parser = listen::parse)]
    listeners: Vec<Listen>,

    /// Clocks that are the same in every run: they start at TIME, in seconds since 1970, and go on
    /// by a microsecond with every look at them; waiting takes no time
    #[arg(
        long,
        value_name = "TIME",
        value_parser = value_parser!(u64).range(..=LAST_SECOND),
    )]
    fixed_clock: Option<u64>,

    /// Random bytes that are the same in every run with the same N; not for secrets
    #[arg(long, value_name = "N")]
    random_seed: Option<u64>,
}

impl GrantArgs {
    /// The world of a program of that file, called with `args`.
    ///
    /// # Errors
    ///
    /// If a text is not one that a guest can receive, or an address cannot be listened at.
    pub(crate) fn builder(&self, file: &Path, args: &[String]) -> Result<WasiCtxBuilder> {
        let program = file.file_name().unwrap_or(file.as_os_str());
        let mut builder = WasiCtx::builder();
        builder
            .inherit_stdio()
            .arg(program.to_string_lossy())
            .args(args);
        for (name, value) in environment::variables(&self.variables, self.env_inherit)? {
            builder.env(name, value);
        }
        for mount in &self.dirs {
            let (host_path, guest_path) = (&mount.host_path, &mount.guest_path);
            match mount.read_only {
                true => builder.preopened_dir_read_only(host_path, guest_path),
                false => builder.preopened_dir(host_path, guest_path),
            };
        }
        for listener in &self.listeners {
            builder.listener(listener.open()?);
        }
        if let Some(seconds) = self.fixed_clock {
            builder.clock(VirtualClock::new(seconds * NANOSECONDS, CLOCK_STEP));
        }
        if let Some(seed) = self.random_seed {
            builder.random(SeededRandom::new(seed));
        }
        Ok(builder)
    }
}
