//! Options of a compilation, chosen by a fuzzer's bytes.

use std::num::NonZeroUsize;

use arbitrary::{Result, Unstructured};
use precast_compiler::{CpuFeatures, CpuLevel, CustomSections, Features, OptLevel, Options};

/// Options of one thread with all features of WebAssembly, for code that this machine can run;
/// everything else is chosen.
///
/// # Errors
///
/// None: where there are no bytes left, the first choice is taken.
pub fn any(u: &mut Unstructured<'_>) -> Result<Options> {
    let mut options = Options {
        features: Features::ALL,
        threads: Some(NonZeroUsize::MIN),
        opt_level: *u.choose(&[
            OptLevel::Speed,
            OptLevel::None,
            OptLevel::Basic,
            OptLevel::SpeedAndSize,
        ])?,
        custom_sections: *u.choose(&[
            CustomSections::All,
            CustomSections::NoDebug,
            CustomSections::None,
        ])?,
        listeners: u.ratio(1, 4)?,
        deterministic: u.ratio(1, 4)?,
        ..Options::default()
    };
    options.cpu_features = *u.choose(&cpus(&options))?;
    options.tunables.memory_checked = u.arbitrary()?;
    options.tunables.fuel = u.ratio(1, 4)?;
    Ok(options)
}

/// What this machine's CPU has, and the levels below that.
fn cpus(options: &Options) -> Vec<CpuFeatures> {
    let host = CpuFeatures::of_host();
    let levels = [1, 2, 3, 4].map(CpuLevel::X86_64);
    let levels = levels.into_iter().chain([CpuLevel::Armv8A]);
    let levels = levels.filter(|level| level.arch() == options.target.arch);
    let mut all = vec![options.cpu_features, host];
    all.extend(
        levels
            .map(CpuLevel::features)
            .filter(|features| features.difference(host).is_empty()),
    );
    all
}
