//! Sources of random bytes.

use crate::{Errno, Result};

/// Where a program's random bytes come from.
///
/// The default is the host's cryptographic generator; [`SeededRandom`] makes runs repeatable.
///
/// ```
/// use precast_wasi::{Random, Result, WasiCtx};
///
/// struct Always(u8);
///
/// impl Random for Always {
///     fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
///         bytes.fill(self.0);
///         Ok(())
///     }
/// }
///
/// let ctx = WasiCtx::builder().random(Always(4)).build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
pub trait Random: Send {
    /// Fills `bytes`, at most a mebibyte at once.
    ///
    /// # Errors
    ///
    /// What the program receives.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()>;
}

/// The host's cryptographic generator.
///
/// ```
/// use precast_wasi::{HostRandom, Random};
///
/// let mut bytes = [0; 32];
/// HostRandom.fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 32]);
/// # Ok::<(), precast_wasi::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HostRandom;

impl Random for HostRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        use rustix::rand::{GetRandomFlags, getrandom};
        let mut rest = bytes;
        while !rest.is_empty() {
            let filled = getrandom(&mut *rest, GetRandomFlags::empty())?;
            rest = rest.get_mut(filled..).ok_or(Errno::Io)?;
        }
        Ok(())
    }
}

/// The same bytes for the same seed, on every machine and with every version. Not for secrets.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), its numbers
/// little-endian. How a program cuts its requests makes no difference to the bytes.
///
/// ```
/// use precast_wasi::{Random, SeededRandom};
///
/// let (mut once, mut again) = ([0; 20], [0; 20]);
/// SeededRandom::new(7).fill(&mut once)?;
/// SeededRandom::new(7).fill(&mut again)?;
/// assert_eq!(once, again);
/// # Ok::<(), precast_wasi::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: u64,
    /// What is left of the last number, lowest byte first.
    rest: u64,
    rest_bytes: u8,
}

impl SeededRandom {
    /// Starts the sequence of that seed.
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom {
            state: seed,
            rest: 0,
            rest_bytes: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        for byte in bytes {
            if self.rest_bytes == 0 {
                self.rest = self.next();
                self.rest_bytes = 8;
            }
            *byte = (self.rest & 0xff) as u8;
            self.rest >>= 8;
            self.rest_bytes = self.rest_bytes.saturating_sub(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that implementations of SplitMix64 are commonly checked with.
    #[test]
    fn the_sequence_of_a_seed_is_splitmix64() {
        let mut random = SeededRandom::new(1_234_567);
        let expected: [u64; 3] = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        for number in expected {
            let mut bytes = [0; 8];
            random.fill(&mut bytes).unwrap();
            assert_eq!(u64::from_le_bytes(bytes), number);
        }
    }

    #[test]
    fn how_requests_are_cut_makes_no_difference() {
        let mut whole = [0; 24];
        SeededRandom::new(5).fill(&mut whole).unwrap();
        let mut cut = [0; 24];
        let mut random = SeededRandom::new(5);
        for chunk in cut.chunks_mut(5) {
            random.fill(chunk).unwrap();
        }
        assert_eq!(whole, cut);
    }
}
