//! What a guest is given: arguments, environment, directories, standard streams, time and chance.
//! Nothing else.

mod environment;
mod listen;
mod mount;

use anyhow::{Context as _, Result};
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

/// Options that open the sandbox, or say what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct GrantArgs {
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
    #[arg(id = "listen", long, value_name = "HOST:PORT[,nonblock]", value_parser = listen::parse)]
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
    /// The world of a program that is called by the name `program`, with `args`.
    ///
    /// # Errors
    ///
    /// If a text is not one that a guest can receive, or an address cannot be listened at.
    pub fn builder(&self, program: &str, args: &[String]) -> Result<WasiCtxBuilder> {
        let mut builder = WasiCtx::builder();
        builder.inherit_stdio().arg(program).args(args);
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

    /// The options as words, for a program that remembers them.
    pub fn to_words(&self) -> Vec<String> {
        let Self {
            dirs,
            variables,
            env_inherit,
            listeners,
            fixed_clock,
            random_seed,
        } = self;
        let mut words = Vec::new();
        let mut add = |option: &str, values: &[&str]| {
            words.push(option.to_owned());
            words.extend(values.iter().map(|&value| value.to_owned()));
        };
        for mount in dirs {
            let access = if mount.read_only { "ro" } else { "rw" };
            add("dir", &[&mount.host_path, &mount.guest_path, access]);
        }
        for variable in variables {
            match &variable.value {
                Some(value) => add("env", &[&variable.name, value]),
                None => add("env-of-host", &[&variable.name]),
            }
        }
        if *env_inherit {
            add("env-inherit", &[]);
        }
        for listener in listeners {
            add("listen", &[&listener.to_string()]);
        }
        for (option, number) in [("fixed-clock", fixed_clock), ("random-seed", random_seed)] {
            if let Some(number) = number {
                add(option, &[&number.to_string()]);
            }
        }
        words
    }

    /// Takes the option `option`, whose values come next, as [`GrantArgs::to_words`] writes it.
    ///
    /// # Errors
    ///
    /// If it is none of these, or its values make no sense.
    pub fn take_words<'a>(
        &mut self,
        option: &str,
        values: &mut impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let taken = self.take(option, || values.next().map(str::to_owned));
        taken.with_context(|| format!("the option {option:?} is not known or makes no sense"))
    }

    fn take(&mut self, option: &str, mut next: impl FnMut() -> Option<String>) -> Option<()> {
        match option {
            "dir" => self.dirs.push(Mount {
                host_path: next()?,
                guest_path: next()?,
                read_only: match next()?.as_str() {
                    "ro" => true,
                    "rw" => false,
                    _ => return None,
                },
            }),
            "env" => self.variables.push(Variable {
                name: next()?,
                value: Some(next()?),
            }),
            "env-of-host" => self.variables.push(Variable {
                name: next()?,
                value: None,
            }),
            "env-inherit" => self.env_inherit = true,
            "listen" => self.listeners.push(listen::parse(&next()?).ok()?),
            "fixed-clock" => {
                let seconds = next()?.parse().ok();
                self.fixed_clock = Some(seconds.filter(|&it| it <= LAST_SECOND)?);
            }
            "random-seed" => self.random_seed = Some(next()?.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        grants: GrantArgs,
    }

    #[test]
    fn a_program_remembers_what_it_gets() {
        let line = [
            "",
            "--dir=.",
            "--dir=/a::C::ro",
            "--env=A=b=c",
            "--env=B=",
            "--env=C",
            "--env-inherit",
            "--listen=[::1]:0,nonblock",
            "--listen=localhost:80",
            "--fixed-clock=17",
            "--random-seed=5",
        ];
        for count in [1, line.len()] {
            let Line { grants } = Line::parse_from(&line[..count]);
            let words = grants.to_words();
            let mut words = words.iter().map(String::as_str);
            let mut remembered = GrantArgs::default();
            while let Some(option) = words.next() {
                remembered.take_words(option, &mut words).unwrap();
            }
            assert_eq!(remembered, grants);
        }
    }

    #[test]
    fn words_that_are_not_whole_are_refused() {
        for words in [
            &["dir", "a", "b"][..],
            &["dir", "a", "b", "r"],
            &["env", "a"],
            &["env-of-host"],
            &["listen", "a"],
            &["fixed-clock", "99999999999"],
            &["random-seed", "x"],
            &["fuel", "1"],
        ] {
            let mut words = words.iter().copied();
            let option = words.next().unwrap();
            let taken = GrantArgs::default().take_words(option, &mut words);
            assert!(taken.is_err(), "{option}");
        }
    }
}
