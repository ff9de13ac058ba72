//! What decides which bytes the compiler writes, besides the module.

use precast_artifacts_format::abi::ABI_VERSION;
use precast_artifacts_format::{Arch, FORMAT_VERSION, Os, Target, Tunables};

use crate::emit::COMPILER_VERSION;
use crate::{CustomSections, OptLevel, Options};

/// The state of the compiler's source, by its build script.
const SOURCE: &str = env!("PRECAST_SOURCE");

/// The compiler and the options, in this order; numbers are little-endian.
///
/// ```text
///   compiler_version_len u32, compiler_version
///   source               16 hexadecimal digits
///   format_version u32, abi_version u32
///   arch u8, os u8
///   cpu_features u64
///   features u32
///   opt_level u8
///   memory_guard_bytes u64, memory_checked u8, fuel u8
///   listeners u8, deterministic u8, custom_sections u8
/// ```
///
/// Nothing but the version has a length of its own, so that no two of them have the same bytes, nor
/// does one start with another.
pub(crate) fn encode(options: &Options) -> Vec<u8> {
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
    let mut out = Vec::new();
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
