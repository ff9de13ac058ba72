//! What a guest is given: arguments, environment, directories, standard streams, time and chance.
//! Nothing else.

mod environment;
mod listen;
mod mount;

use anyhow::{Result, bail};
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

    /// Takes the option `option`, whose values come next, if it is one of these.
    ///
    /// # Errors
    ///
    /// If it is not, or its values make no sense.
    pub fn take_words<'a>(
        &mut self,
        option: &str,
        mut values: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut next = || values.next().map(str::to_owned);
        let taken = match option {
            "dir" => (|| {
                let mount = Mount {
                    host_path: next()?,
                    guest_path: next()?,
                    read_only: next()? == "ro",
                };
                Some(self.dirs.push(mount))
            })(),
            "env" | "env-of-host" => (|| {
                let variable = Variable {
                    name: next()?,
                    value: match option {
                        "env" => Some(next()?),
                        _ => None,
                    },
                };
                Some(self.variables.push(variable))
            })(),
            "env-inherit" => {
                self.env_inherit = true;
                Some(())
            }
            "listen" => next()
                .and_then(|text| listen::parse(&text).ok())
                .map(|listener| self.listeners.push(listener)),
            "fixed-clock" => next()
                .and_then(|text| text.parse().ok())
                .filter(|&seconds| seconds <= LAST_SECOND)
                .map(|seconds| self.fixed_clock = Some(seconds)),
            "random-seed" => next()
                .and_then(|text| text.parse().ok())
                .map(|seed| self.random_seed = Some(seed)),
            _ => bail!("there is no option {option:?}"),
        };
        match taken {
            Some(()) => Ok(()),
            None => bail!("the option {option:?} makes no sense"),
        }
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
            &["env", "a"],
            &["env-of-host"],
            &["listen", "a"],
            &["fixed-clock", "99999999999"],
            &["random-seed", "x"],
            &["fuel", "1"],
        ] {
            let mut words = words.iter().copied();
            let option = words.next().unwrap();
            let taken = GrantArgs::default().take_words(option, words);
            assert!(taken.is_err(), "{option}");
        }
    }
}
