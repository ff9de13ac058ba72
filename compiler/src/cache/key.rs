//! What an artifact in the cache is found by.

use std::fmt;

use precast_artifacts_format::abi::ABI_VERSION;
use precast_artifacts_format::{Arch, FORMAT_VERSION, Os, Target, Tunables};

use crate::emit::COMPILER_VERSION;
use crate::{CustomSections, OptLevel, Options};

/// The state of the compiler's source, by its build script.
const SOURCE: &str = env!("PRECAST_SOURCE");

const HEX_DIGITS: usize = 2 * blake3::OUT_LEN;

/// BLAKE3 of all that decides which bytes the compiler writes, in this order; numbers are
/// little-endian.
///
/// ```text
///   "precast cache 1"
///   compiler_version_len u32, compiler_version
///   source               16 hexadecimal digits
///   format_version u32, abi_version u32
///   arch u8, os u8
///   cpu_features u64
///   features u32
///   opt_level u8
///   memory_guard_bytes u64, memory_checked u8, fuel u8
///   listeners u8, deterministic u8, custom_sections u8
///   the module
/// ```
///
/// Nothing but the version has a length of its own, so that no two inputs have the same bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(blake3::Hash);

impl Key {
    pub(super) fn new(wasm: &[u8], options: &Options) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&encode(options)).update(wasm);
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

fn encode(options: &Options) -> Vec<u8> {
    let Options {
        target: Target { arch, os },
        cpu_features,
        features,
        opt_level,
        tunables:
            Tunables {
                memory_guard_bytes,
                memory_checked,
                fuel,
            },
        listeners,
        deterministic,
        custom_sections,
        // These do not change the result.
        limits: _,
        threads: _,
    } = *options;
    let arch: Arch = arch;
    let os: Os = os;
    let opt_level = match opt_level {
        OptLevel::None => 0,
        OptLevel::Basic => 1,
        OptLevel::Speed => 2,
        OptLevel::SpeedAndSize => 3,
    };
    let custom_sections = match custom_sections {
        CustomSections::All => 0,
        CustomSections::NoDebug => 1,
        CustomSections::None => 2,
    };
    let mut out = b"precast cache 1".to_vec();
    out.extend((COMPILER_VERSION.len() as u32).to_le_bytes());
    out.extend(COMPILER_VERSION.as_bytes());
    out.extend(SOURCE.as_bytes());
    out.extend(FORMAT_VERSION.to_le_bytes());
    out.extend(ABI_VERSION.to_le_bytes());
    out.extend([arch as u8, os as u8]);
    out.extend(cpu_features.bits().to_le_bytes());
    out.extend(features.bits().to_le_bytes());
    out.push(opt_level);
    out.extend(memory_guard_bytes.to_le_bytes());
    out.extend([memory_checked, fuel, listeners, deterministic].map(u8::from));
    out.push(custom_sections);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CpuLevel, Features, parse_target};
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
