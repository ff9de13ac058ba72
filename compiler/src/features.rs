//! What of WebAssembly a module may use.

use std::fmt;

use wasmparser::{Operator, WasmFeatures};

macro_rules! features {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $($flag:ident)|*;)*) => {
        /// A part of WebAssembly that came as a proposal of its own.
        ///
        /// ```
        /// use precast_compiler::Feature;
        ///
        /// assert_eq!(Feature::from_name("tail-call"), Some(Feature::TailCall));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[$doc])* $variant,)*
        }

        impl Feature {
            /// All features, the oldest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name, that of the proposal.
            ///
            /// ```
            /// # use precast_compiler::Feature;
            /// assert_eq!(Feature::Memory64.name(), "memory64");
            /// ```
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn parser_flags(self) -> WasmFeatures {
                match self {
                    $(Self::$variant => WasmFeatures::empty()$(.union(WasmFeatures::$flag))*,)*
                }
            }
        }
    };
}

features! {
    /// Imports and exports of globals that can be written.
    MutableGlobal = "mutable-global": MUTABLE_GLOBAL;
    /// Conversions of floats to integers that do not trap.
    SaturatingFloatToInt = "saturating-float-to-int": SATURATING_FLOAT_TO_INT;
    /// Instructions that extend the sign of narrow integers.
    SignExtension = "sign-extension": SIGN_EXTENSION;
    /// Several results, and blocks with parameters.
    MultiValue = "multi-value": MULTI_VALUE;
    /// References as values, and several tables.
    ReferenceTypes = "reference-types": REFERENCE_TYPES | CALL_INDIRECT_OVERLONG;
    /// Operations on whole ranges of memories and tables.
    BulkMemory = "bulk-memory": BULK_MEMORY | BULK_MEMORY_OPT;
    /// Vectors of 128 bits.
    Simd = "simd": SIMD;
    /// Calls that take the caller's place on the stack.
    TailCall = "tail-call": TAIL_CALL;
    /// Constant expressions with arithmetic.
    ExtendedConst = "extended-const": EXTENDED_CONST;
    /// References to functions of one type, and references that are not null.
    FunctionReferences = "function-references": FUNCTION_REFERENCES;
    /// Structures and arrays that are collected, and recursive types. Of these, the compiler only
    /// does function types yet.
    Gc = "gc": GC;
    /// Several memories.
    MultiMemory = "multi-memory": MULTI_MEMORY;
    /// Memories and tables with 64-bit addresses.
    Memory64 = "memory64": MEMORY64;
    /// Exceptions.
    Exceptions = "exceptions": EXCEPTIONS;
    /// Vector instructions whose results may depend on the machine.
    RelaxedSimd = "relaxed-simd": RELAXED_SIMD;
    /// Shared memories and atomic instructions.
    Threads = "threads": THREADS;
    /// Arithmetic on integers of 128 bits.
    WideArithmetic = "wide-arithmetic": WIDE_ARITHMETIC;
    /// Memories with pages of one byte.
    CustomPageSizes = "custom-page-sizes": CUSTOM_PAGE_SIZES;
}

impl Feature {
    /// The feature of that name.
    ///
    /// ```
    /// # use precast_compiler::Feature;
    /// assert_eq!(Feature::from_name("no-such-thing"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|f| f.name() == name)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Feature`]s.
///
/// ```
/// use precast_compiler::{Feature, Features};
///
/// let mut features = Features::WASM3;
/// features.insert(Feature::Threads);
/// features.remove(Feature::Exceptions);
/// assert!(features.contains(Feature::Threads) && !features.contains(Feature::Exceptions));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Features(u32);

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// WebAssembly 1.0.
    pub const WASM1: Self = Self::up_to(Feature::MutableGlobal);
    /// WebAssembly 2.0.
    pub const WASM2: Self = Self::up_to(Feature::Simd);
    /// WebAssembly 3.0, what [`Options`](crate::Options) start with.
    pub const WASM3: Self = Self::up_to(Feature::RelaxedSimd);
    /// All features.
    pub const ALL: Self = Self::up_to(Feature::CustomPageSizes);

    /// The feature and those before it: they are in the order of the versions.
    const fn up_to(feature: Feature) -> Self {
        Self(feature.bit() | (feature.bit() - 1))
    }

    /// One feature.
    ///
    /// ```
    /// # use precast_compiler::{Feature, Features};
    /// let features = Features::WASM2.union(Features::of(Feature::TailCall));
    /// assert!(features.contains(Feature::TailCall));
    /// ```
    pub const fn of(feature: Feature) -> Self {
        Self(feature.bit())
    }

    /// Whether the feature is in the set.
    ///
    /// ```
    /// # use precast_compiler::{Feature, Features};
    /// assert!(Features::WASM2.contains(Feature::Simd));
    /// assert!(!Features::WASM2.contains(Feature::TailCall));
    /// ```
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// Adds a feature.
    ///
    /// ```
    /// # use precast_compiler::{Feature, Features};
    /// let mut features = Features::WASM1;
    /// features.insert(Feature::Simd);
    /// ```
    pub fn insert(&mut self, feature: Feature) {
        self.0 |= feature.bit();
    }

    /// Takes a feature away.
    ///
    /// ```
    /// # use precast_compiler::{Feature, Features};
    /// let mut features = Features::WASM3;
    /// features.remove(Feature::RelaxedSimd);
    /// ```
    pub fn remove(&mut self, feature: Feature) {
        self.0 &= !feature.bit();
    }

    /// The features in either set.
    ///
    /// ```
    /// # use precast_compiler::Features;
    /// assert_eq!(Features::WASM1.union(Features::WASM3), Features::WASM3);
    /// ```
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The features in this set that are not in `other`.
    ///
    /// ```
    /// # use precast_compiler::Features;
    /// assert_eq!(Features::WASM1.difference(Features::WASM3), Features::NONE);
    /// ```
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The features, the oldest first.
    ///
    /// ```
    /// # use precast_compiler::{Feature, Features};
    /// assert_eq!(Features::WASM1.iter().collect::<Vec<_>>(), [Feature::MutableGlobal]);
    /// ```
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        let all = Feature::ALL.iter().copied();
        all.filter(move |&feature| self.contains(feature))
    }

    /// A number that no other set has, in this version of the compiler.
    #[cfg(unix)]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// As the parser and the validator know them.
    pub(crate) fn for_parser(self) -> WasmFeatures {
        // Floats and function types have always been there.
        let always = WasmFeatures::FLOATS.union(WasmFeatures::GC_TYPES);
        let flags = self.iter().map(Feature::parser_flags);
        flags.fold(always, WasmFeatures::union)
    }

    /// What the operator belongs to, if that came after version 2.0.
    pub(crate) fn of_operator(operator: &Operator<'_>) -> Self {
        macro_rules! proposals {
            ($(@$proposal:ident $op:ident $({ $($field:ident: $ty:ty),* })?
                => $visit:ident ($($arity:tt)*))*) => {
                match operator {
                    $(Operator::$op { .. } => proposals!(@@ $proposal),)*
                    _ => Self::NONE,
                }
            };
            (@@ tail_call) => { Self::of(Feature::TailCall) };
            (@@ function_references) => { Self::of(Feature::FunctionReferences) };
            (@@ gc) => { Self::of(Feature::Gc) };
            (@@ exceptions) => { Self::of(Feature::Exceptions) };
            (@@ relaxed_simd) => { Self::of(Feature::RelaxedSimd) };
            (@@ threads) => { Self::of(Feature::Threads) };
            (@@ wide_arithmetic) => { Self::of(Feature::WideArithmetic) };
            (@@ $other:ident) => { Self::NONE };
        }
        wasmparser::for_each_operator!(proposals)
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let mut set = Self::NONE;
        features.into_iter().for_each(|feature| set.insert(feature));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_hold_every_feature_once() {
        for (number, &feature) in Feature::ALL.iter().enumerate() {
            assert_eq!(feature as usize, number);
            assert_eq!(Feature::from_name(feature.name()), Some(feature));
            assert!(Features::ALL.contains(feature));
            assert!(!feature.parser_flags().is_empty());
        }
        assert_eq!(Features::ALL.iter().count(), Feature::ALL.len());
        assert_eq!(Features::ALL.iter().collect::<Features>(), Features::ALL);
    }

    #[test]
    fn operators_belong_to_their_proposals() {
        let check = |operator, expected: &[Feature]| {
            let found: Vec<_> = Features::of_operator(&operator).iter().collect();
            assert_eq!(found, expected);
        };
        check(Operator::Nop, &[]);
        check(Operator::I8x16Add, &[]);
        check(Operator::I8x16RelaxedSwizzle, &[Feature::RelaxedSimd]);
        check(
            Operator::ReturnCall { function_index: 0 },
            &[Feature::TailCall],
        );
        check(Operator::I64Add128, &[Feature::WideArithmetic]);
        check(Operator::ThrowRef, &[Feature::Exceptions]);
    }
}
