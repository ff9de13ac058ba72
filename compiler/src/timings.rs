//! How long the stages of a compilation take.

use std::fmt;
use std::time::{Duration, Instant};

/// A stage of a compilation.
///
/// ```
/// use precast_compiler::Phase;
///
/// assert_eq!(Phase::ALL[0], Phase::Parse);
/// assert_eq!(Phase::Parse.to_string(), "parse");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Sections are read and validated, all but the bodies of functions.
    Parse,
    /// All bodies are looked at once for what they do to tables, and the layout is settled.
    Plan,
    /// Bodies are validated, translated and compiled, on all threads; each function is laid out as
    /// soon as those before it are.
    Generate,
    /// Calls between functions are resolved.
    Link,
    /// Everything is written as one file, and its digests are taken.
    Emit,
}

impl Phase {
    /// All, in their order.
    ///
    /// ```
    /// assert_eq!(precast_compiler::Phase::ALL.len(), 5);
    /// ```
    pub const ALL: [Self; 5] = [
        Self::Parse,
        Self::Plan,
        Self::Generate,
        Self::Link,
        Self::Emit,
    ];

    /// Its name, in lower case.
    ///
    /// ```
    /// assert_eq!(precast_compiler::Phase::Link.name(), "link");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Plan => "plan",
            Self::Generate => "generate",
            Self::Link => "link",
            Self::Emit => "emit",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long each stage of a compilation took, by the clock on the wall: how many threads were
/// busy in the meantime does not show.
///
/// ```
/// use precast_compiler::{Compilation, Options, Phase};
///
/// let wasm = b"\0asm\x01\0\0\0";
/// let timings = Compilation::new(wasm, &Options::default()).run()?.timings;
/// for (phase, time) in timings.iter() {
///     println!("{phase}: {time:?}");
/// }
/// assert!(timings.get(Phase::Parse) <= timings.total());
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings([Duration; Phase::ALL.len()]);

impl Timings {
    /// How long a stage took.
    ///
    /// ```
    /// use precast_compiler::{Phase, Timings};
    ///
    /// fn is_mostly_code(timings: &Timings) -> bool {
    ///     timings.get(Phase::Generate) > timings.total() / 2
    /// }
    /// ```
    pub const fn get(&self, phase: Phase) -> Duration {
        self.0[phase as usize]
    }

    /// All stages in their order.
    ///
    /// ```
    /// use precast_compiler::{Phase, Timings};
    ///
    /// fn longest(timings: &Timings) -> Option<Phase> {
    ///     timings.iter().max_by_key(|(_, time)| *time).map(|(phase, _)| phase)
    /// }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> {
        Phase::ALL.into_iter().zip(self.0)
    }

    /// How long the whole compilation took, but for the start of threads.
    ///
    /// ```
    /// fn report(timings: &precast_compiler::Timings) {
    ///     println!("compiled in {:?}", timings.total());
    /// }
    /// ```
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

/// Measures stages that follow one another.
pub(crate) struct Stopwatch {
    since: Instant,
    timings: Timings,
}

impl Stopwatch {
    /// The first stage starts now.
    pub(crate) fn start() -> Self {
        Self {
            since: Instant::now(),
            timings: Timings([Duration::ZERO; Phase::ALL.len()]),
        }
    }

    /// This stage ends, and the next one starts.
    pub(crate) fn ends(&mut self, phase: Phase) {
        let now = Instant::now();
        self.timings.0[phase as usize] += now.duration_since(self.since);
        self.since = now;
    }

    pub(crate) fn timings(self) -> Timings {
        self.timings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_has_a_place_of_its_own() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place);
        }
        let times = [1, 2, 4, 8, 16].map(Duration::from_secs);
        let timings = Timings(times);
        assert_eq!(timings.total(), Duration::from_secs(31));
        assert_eq!(timings.get(Phase::Generate), Duration::from_secs(4));
        assert_eq!(timings.iter().last(), Some((Phase::Emit, times[4])));
    }
}
