//! What an artifact in the cache is found by.

use std::fmt;
use std::path::Path;

use crate::Options;
use crate::identity;

const HEX_DIGITS: usize = 2 * blake3::OUT_LEN;

/// BLAKE3 of all that decides which bytes the compiler writes:
///
/// ```text
///   "precast cache 1"
///   compiler and options, see `identity.rs`
///   the module
/// ```
///
/// No two inputs have the same bytes, since only the module has any length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(blake3::Hash);

impl Key {
    pub(super) fn new(wasm: &[u8], options: &Options) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"precast cache 1");
        hasher.update(&identity::encode(options)).update(wasm);
        Self(hasher.finalize())
    }

    /// What the functions of modules from `origin` are found by: as above, with other words in front
    /// and the origin in the place of the module.
    pub(super) fn of_functions(origin: &Path, options: &Options) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"precast funcs 1");
        hasher.update(&identity::encode(options));
        hasher.update(origin.as_os_str().as_encoded_bytes());
        Self(hasher.finalize())
    }

    /// The key that a file's name without its extension says, if it says one.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let is_ours =
            name.len() == HEX_DIGITS && !name.contains(|digit: char| digit.is_ascii_uppercase());
        blake3::Hash::from_hex(name)
            .ok()
            .filter(|_| is_ours)
            .map(Self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CpuLevel, CustomSections, Features, OptLevel, parse_target};
    use std::num::NonZeroUsize;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    fn options() -> Options {
        Options::for_target(parse_target("x86_64-unknown-linux-gnu").unwrap())
    }

    #[test]
    fn each_option_that_changes_the_code_changes_the_key() {
        let changes: [fn(&mut Options); 12] = [
            |o| o.target = parse_target("aarch64-unknown-linux-gnu").unwrap(),
            |o| o.cpu_features = CpuLevel::X86_64(4).features(),
            |o| o.features = Features::WASM2,
            |o| o.opt_level = OptLevel::None,
            |o| o.opt_level = OptLevel::SpeedAndSize,
            |o| o.tunables.memory_guard_bytes *= 2,
            |o| o.tunables.memory_checked = true,
            |o| o.tunables.fuel = true,
            |o| o.listeners = true,
            |o| o.deterministic = true,
            |o| o.custom_sections = CustomSections::NoDebug,
            |o| o.custom_sections = CustomSections::None,
        ];
        let mut keys = vec![Key::new(EMPTY, &options()).to_string()];
        for change in changes {
            let mut options = options();
            change(&mut options);
            keys.push(Key::new(EMPTY, &options).to_string());
        }
        keys.push(Key::new(b"\0asm\x01\0\0", &options()).to_string());
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn threads_and_limits_do_not_change_the_key() {
        let mut other = options();
        other.threads = NonZeroUsize::new(3);
        other.limits.functions = 3;
        assert!(Key::new(EMPTY, &options()) == Key::new(EMPTY, &other));
    }

    #[test]
    fn a_key_is_read_from_the_name_that_it_has_and_from_no_other() {
        let key = Key::new(EMPTY, &options());
        let name = key.to_string();
        assert!(Key::from_name(&name) == Some(key));
        for wrong in ["", "lock", &name[1..], &name.to_uppercase()] {
            assert!(Key::from_name(wrong).is_none(), "{wrong}");
        }
    }
}
