//! The options that say how much of the machine a module's compilation may take.

use std::time::Duration;

use clap::Args;
use precast_compiler::Limits;

use crate::{bytes, duration};

/// Options of everything that compiles or validates.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// How long a module may take to compile, in seconds or with ms, s, m or h [default: as long as
    /// it takes]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    compile_timeout: Option<Duration>,

    /// How large a module may be, separated by commas: module_bytes, types, functions, body_bytes,
    /// locals, nesting, operands; memory_bytes for what its functions take to compile at once
    #[arg(long, value_name = "NAME=N", value_delimiter = ',', value_parser = parse)]
    compile_limit: Vec<Limit>,
}

/// A field of [`Limits`], as what sets it.
#[derive(Debug, Clone, Copy)]
struct Limit {
    set: fn(&mut Limits, Value),
    value: Value,
}

/// What a limit may be.
#[derive(Debug, Clone, Copy)]
struct Value {
    number: u64,
    /// The same, or the most that there can be of anything but bytes.
    count: u32,
}

impl LimitArgs {
    /// The limits: the defaults but for what has been given.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.time = self.compile_timeout;
        for limit in &self.compile_limit {
            (limit.set)(&mut limits, limit.value);
        }
        limits
    }
}

fn parse(text: &str) -> Result<Limit, String> {
    let (name, number) = text
        .split_once('=')
        .ok_or("expected a name, `=` and a number")?;
    let set: fn(&mut Limits, Value) = match name {
        "module_bytes" => |limits, value| limits.module_bytes = value.number,
        "types" => |limits, value| limits.types = value.count,
        "functions" => |limits, value| limits.functions = value.count,
        "body_bytes" => |limits, value| limits.body_bytes = value.count,
        "locals" => |limits, value| limits.locals = value.count,
        "nesting" => |limits, value| limits.nesting = value.count,
        "operands" => |limits, value| limits.operands = value.count,
        "memory_bytes" => |limits, value| limits.memory_bytes = value.number,
        "time" => return Err("how long it may take is said by --compile-timeout".to_owned()),
        _ => return Err("there is no limit of that name".to_owned()),
    };
    let number = bytes::parse(number)? as u64;
    let count = u32::try_from(number).unwrap_or(u32::MAX);
    let value = Value { number, count };
    Ok(Limit { set, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn limits(line: &str) -> Result<Limits, clap::Error> {
        let words = ["precast"].into_iter().chain(line.split_whitespace());
        Ok(Command::try_parse_from(words)?.limits.limits())
    }

    #[test]
    fn limits_have_the_compiler_s_names() {
        assert_eq!(limits("").unwrap(), Limits::default());
        let found = limits(
            "--compile-limit module_bytes=1M,types=2,functions=3 --compile-timeout 5s \
             --compile-limit body_bytes=4k,locals=5,nesting=6,operands=8G,memory_bytes=4G",
        );
        let mut expected = Limits::default();
        expected.module_bytes = 1 << 20;
        (expected.types, expected.functions, expected.body_bytes) = (2, 3, 4096);
        (expected.locals, expected.nesting, expected.operands) = (5, 6, u32::MAX);
        expected.memory_bytes = 4 << 30;
        expected.time = Some(Duration::from_secs(5));
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for wrong in [
            "types", "types=", "types=0", "types=-1", "kinds=1", "time=1", "=1",
        ] {
            let line = format!("--compile-limit {wrong}");
            assert!(limits(&line).is_err(), "{wrong}");
        }
    }
}
