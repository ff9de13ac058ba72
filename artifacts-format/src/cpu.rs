//! CPU features and levels: one table.
//!
//! Levels are those of the x86-64 psABI, listed feature by feature: Cranelift's presets of the
//! same names differ slightly (its `x86-64-v3` lacks F16C and MOVBE, its `x86-64-v4` lacks
//! AVX512BW and AVX512CD). A feature that Cranelift has no setting for is listed all the same,
//! because it belongs to the level; code never uses it.

use std::fmt;

use crate::target::Arch;

macro_rules! cpu_features {
    ($($variant:ident = $bit:literal, $arch:ident, $name:literal, $setting:expr, $level:expr;)*) => {
        /// A part of an instruction set that not every machine has.
        ///
        /// ```
        /// # use precast_artifacts_format::CpuFeature;
        /// assert!(CpuFeature::ALL.contains(&CpuFeature::Avx2));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CpuFeature {
            $(#[doc = concat!("`", $name, "`.")] $variant = $bit,)*
        }

        impl CpuFeature {
            /// All features of all instruction sets.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The feature's usual name.
            ///
            /// ```
            /// # use precast_artifacts_format::CpuFeature;
            /// assert_eq!(CpuFeature::Sse41.name(), "sse4.1");
            /// ```
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The instruction set it belongs to.
            ///
            /// ```
            /// # use precast_artifacts_format::{Arch, CpuFeature};
            /// assert_eq!(CpuFeature::Lse.arch(), Arch::Aarch64);
            /// ```
            pub const fn arch(self) -> Arch {
                match self { $(Self::$variant => Arch::$arch,)* }
            }

            /// Cranelift's setting that allows its use, if there is one.
            ///
            /// ```
            /// # use precast_artifacts_format::CpuFeature;
            /// assert_eq!(CpuFeature::Popcnt.cranelift_setting(), Some("has_popcnt"));
            /// ```
            pub const fn cranelift_setting(self) -> Option<&'static str> {
                match self { $(Self::$variant => $setting,)* }
            }

            /// The lowest x86-64 level (2, 3 or 4) that contains it, if one does.
            const fn level(self) -> Option<u8> {
                match self { $(Self::$variant => $level,)* }
            }
        }
    };
}

cpu_features! {
    Sse3 = 0, X86_64, "sse3", Some("has_sse3"), Some(2);
    Ssse3 = 1, X86_64, "ssse3", Some("has_ssse3"), Some(2);
    Sse41 = 2, X86_64, "sse4.1", Some("has_sse41"), Some(2);
    Sse42 = 3, X86_64, "sse4.2", Some("has_sse42"), Some(2);
    Popcnt = 4, X86_64, "popcnt", Some("has_popcnt"), Some(2);
    Cmpxchg16b = 5, X86_64, "cmpxchg16b", Some("has_cmpxchg16b"), Some(2);
    Avx = 6, X86_64, "avx", Some("has_avx"), Some(3);
    Avx2 = 7, X86_64, "avx2", Some("has_avx2"), Some(3);
    Bmi1 = 8, X86_64, "bmi1", Some("has_bmi1"), Some(3);
    Bmi2 = 9, X86_64, "bmi2", Some("has_bmi2"), Some(3);
    F16c = 10, X86_64, "f16c", None, Some(3);
    Fma = 11, X86_64, "fma", Some("has_fma"), Some(3);
    Lzcnt = 12, X86_64, "lzcnt", Some("has_lzcnt"), Some(3);
    Movbe = 13, X86_64, "movbe", None, Some(3);
    Avx512f = 14, X86_64, "avx512f", Some("has_avx512f"), Some(4);
    Avx512bw = 15, X86_64, "avx512bw", None, Some(4);
    Avx512cd = 16, X86_64, "avx512cd", None, Some(4);
    Avx512dq = 17, X86_64, "avx512dq", Some("has_avx512dq"), Some(4);
    Avx512vl = 18, X86_64, "avx512vl", Some("has_avx512vl"), Some(4);
    Avx512bitalg = 19, X86_64, "avx512bitalg", Some("has_avx512bitalg"), None;
    Avx512vbmi = 20, X86_64, "avx512vbmi", Some("has_avx512vbmi"), None;
    Avx512vnni = 21, X86_64, "avx512vnni", Some("has_avx512vnni"), None;
    AvxVnni = 22, X86_64, "avxvnni", Some("has_avx_vnni"), None;
    Lse = 32, Aarch64, "lse", Some("has_lse"), None;
    Fp16 = 33, Aarch64, "fp16", Some("has_fp16"), None;
}

/// A set of CPU features.
///
/// ```
/// # use precast_artifacts_format::{CpuFeature, CpuFeatures};
/// let features: CpuFeatures = [CpuFeature::Popcnt, CpuFeature::Sse41].into_iter().collect();
/// assert_eq!(features.to_string(), "sse4.1 popcnt");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuFeatures(u64);

impl CpuFeatures {
    /// No features beyond the instruction set's base.
    pub const NONE: Self = Self(0);

    /// The set whose bits are the features' numbers.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// assert!(CpuFeatures::from_bits(0).is_empty());
    /// ```
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A bit per feature, by its number.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// let features = CpuFeatures::of_host();
    /// assert_eq!(CpuFeatures::from_bits(features.bits()), features);
    /// ```
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether `feature` is in the set.
    ///
    /// ```
    /// # use precast_artifacts_format::{CpuFeature, CpuFeatures};
    /// assert!(!CpuFeatures::NONE.contains(CpuFeature::Avx2));
    /// ```
    pub const fn contains(self, feature: CpuFeature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// Adds `feature`.
    ///
    /// ```
    /// # use precast_artifacts_format::{CpuFeature, CpuFeatures};
    /// let mut features = CpuFeatures::NONE;
    /// features.insert(CpuFeature::Lse);
    /// assert!(features.contains(CpuFeature::Lse));
    /// ```
    pub const fn insert(&mut self, feature: CpuFeature) {
        self.0 |= 1 << feature as u8;
    }

    /// What is in either set.
    ///
    /// ```
    /// # use precast_artifacts_format::{CpuFeature, CpuFeatures};
    /// let [a, b] = [CpuFeature::Avx, CpuFeature::Fma].map(|one| CpuFeatures::from_iter([one]));
    /// assert_eq!(a.union(b).to_string(), "avx fma");
    /// ```
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in `other`.
    ///
    /// ```
    /// # use precast_artifacts_format::{CpuFeature, CpuFeatures};
    /// let wanted = CpuFeatures::from_iter([CpuFeature::Avx512f]);
    /// let missing = wanted.difference(CpuFeatures::of_host());
    /// println!("this machine lacks: {missing}");
    /// ```
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// assert!(CpuFeatures::default().is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The features in the set, in the order of their numbers; unknown bits are passed over.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// for feature in CpuFeatures::of_host().iter() {
    ///     println!("{}", feature.name());
    /// }
    /// ```
    pub fn iter(self) -> impl Iterator<Item = CpuFeature> {
        CpuFeature::ALL
            .iter()
            .copied()
            .filter(move |&feature| self.contains(feature))
    }

    /// Bits that stand for no feature this version knows.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// assert_eq!(CpuFeatures::from_bits(1 << 63).unknown_bits(), 1 << 63);
    /// ```
    pub fn unknown_bits(self) -> u64 {
        let known = CpuFeature::ALL
            .iter()
            .fold(0, |bits, &feature| bits | 1 << feature as u8);
        self.0 & !known
    }

    /// The features of the machine this runs on.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuFeatures;
    /// println!("{}", CpuFeatures::of_host());
    /// ```
    pub fn of_host() -> Self {
        let mut set = Self::NONE;
        #[cfg(target_arch = "x86_64")]
        macro_rules! detect {
            ($($feature:ident: $name:tt),* $(,)?) => {
                $(if std::arch::is_x86_feature_detected!($name) {
                    set.insert(CpuFeature::$feature);
                })*
            };
        }
        #[cfg(target_arch = "x86_64")]
        detect! {
            Sse3: "sse3", Ssse3: "ssse3", Sse41: "sse4.1", Sse42: "sse4.2", Popcnt: "popcnt",
            Cmpxchg16b: "cmpxchg16b", Avx: "avx", Avx2: "avx2", Bmi1: "bmi1", Bmi2: "bmi2",
            F16c: "f16c", Fma: "fma", Lzcnt: "lzcnt", Movbe: "movbe", Avx512f: "avx512f",
            Avx512bw: "avx512bw", Avx512cd: "avx512cd", Avx512dq: "avx512dq",
            Avx512vl: "avx512vl", Avx512bitalg: "avx512bitalg", Avx512vbmi: "avx512vbmi",
            Avx512vnni: "avx512vnni", AvxVnni: "avxvnni",
        }
        #[cfg(target_arch = "aarch64")]
        {
            if std::arch::is_aarch64_feature_detected!("lse") {
                set.insert(CpuFeature::Lse);
            }
            if std::arch::is_aarch64_feature_detected!("fp16") {
                set.insert(CpuFeature::Fp16);
            }
        }
        set
    }
}

impl FromIterator<CpuFeature> for CpuFeatures {
    fn from_iter<I: IntoIterator<Item = CpuFeature>>(features: I) -> Self {
        let mut set = Self::NONE;
        features.into_iter().for_each(|feature| set.insert(feature));
        set
    }
}

impl fmt::Display for CpuFeatures {
    /// Writes the names, separated by spaces; `none` for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut names: Vec<String> = self.iter().map(|feature| feature.name().into()).collect();
        let unknown = self.unknown_bits();
        if unknown != 0 {
            names.push(format!("unknown({unknown:#x})"));
        }
        f.write_str(&names.join(" "))
    }
}

/// A named set of features that code may use.
///
/// ```
/// # use precast_artifacts_format::CpuLevel;
/// assert_eq!(CpuLevel::X86_64(3).name(), "x86-64-v3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CpuLevel {
    /// x86-64 without extensions, or version 2, 3 or 4 of the psABI.
    X86_64(u8),
    /// ARMv8-A without extensions.
    Armv8A,
}

impl CpuLevel {
    /// All levels.
    pub const ALL: [Self; 5] = [
        Self::X86_64(1),
        Self::X86_64(2),
        Self::X86_64(3),
        Self::X86_64(4),
        Self::Armv8A,
    ];

    /// What is compiled for unless the user says otherwise.
    ///
    /// On x86-64 that is `x86-64-v2`: the machines of the last fifteen years, and the first level
    /// that has the instructions WebAssembly's rounding and byte shuffles need.
    ///
    /// ```
    /// # use precast_artifacts_format::{Arch, CpuLevel};
    /// assert_eq!(CpuLevel::default_of(Arch::X86_64), CpuLevel::X86_64(2));
    /// ```
    pub const fn default_of(arch: Arch) -> Self {
        match arch {
            Arch::X86_64 => Self::X86_64(2),
            Arch::Aarch64 => Self::Armv8A,
        }
    }

    /// The level's name.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuLevel;
    /// let names = CpuLevel::ALL.map(CpuLevel::name);
    /// assert_eq!(names, ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "armv8-a"]);
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64(4) => "x86-64-v4",
            Self::X86_64(3) => "x86-64-v3",
            Self::X86_64(2) => "x86-64-v2",
            Self::X86_64(_) => "x86-64",
            Self::Armv8A => "armv8-a",
        }
    }

    /// The instruction set it belongs to.
    ///
    /// ```
    /// # use precast_artifacts_format::{Arch, CpuLevel};
    /// assert_eq!(CpuLevel::Armv8A.arch(), Arch::Aarch64);
    /// ```
    pub const fn arch(self) -> Arch {
        match self {
            Self::X86_64(_) => Arch::X86_64,
            Self::Armv8A => Arch::Aarch64,
        }
    }

    /// The level of that name.
    ///
    /// ```
    /// # use precast_artifacts_format::CpuLevel;
    /// assert_eq!(CpuLevel::from_name("x86-64-v4"), Some(CpuLevel::X86_64(4)));
    /// assert_eq!(CpuLevel::from_name("pentium"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// What code for this level may use.
    ///
    /// ```
    /// # use precast_artifacts_format::{CpuFeature, CpuLevel};
    /// assert!(CpuLevel::X86_64(3).features().contains(CpuFeature::Avx2));
    /// ```
    pub fn features(self) -> CpuFeatures {
        let Self::X86_64(version) = self else {
            return CpuFeatures::NONE;
        };
        CpuFeature::ALL
            .iter()
            .copied()
            .filter(|feature| feature.level().is_some_and(|lowest| lowest <= version))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_contain_one_another() {
        let sizes: Vec<_> = (1..=4)
            .map(|version| CpuLevel::X86_64(version).features().iter().count())
            .collect();
        assert_eq!(sizes, [0, 6, 14, 19]);
        for level in CpuLevel::ALL {
            assert_eq!(CpuLevel::from_name(level.name()), Some(level));
        }
    }

    #[test]
    fn sets_print_their_features() {
        let mut set = CpuFeatures::NONE;
        assert_eq!(set.to_string(), "none");
        set.insert(CpuFeature::Popcnt);
        set.insert(CpuFeature::Avx);
        assert_eq!(set.to_string(), "popcnt avx");
        assert_eq!(
            CpuFeatures::from_bits(1 << 63 | 1).to_string(),
            "sse3 unknown(0x8000000000000000)"
        );
    }
}
