//! The options that say what of WebAssembly modules may use.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use precast_compiler::{Feature, Features};

/// Options of everything that compiles.
#[derive(Debug, Args)]
pub(crate) struct FeatureArgs {
    /// What modules may use beyond the default, separated by commas [default: `wasm3`; for `wast`,
    /// `all`]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parser())]
    features: Vec<Choice>,

    /// What modules may not use, separated by commas; `all` for whatever `--features` does not
    /// name
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parser())]
    no_features: Vec<Choice>,
}

/// A name on the command line: a feature's, or one for several.
#[derive(Debug, Clone, Copy)]
struct Choice(Features);

/// Names for several features at once.
const VERSIONS: [(&str, Features); 4] = [
    ("wasm1", Features::WASM1),
    ("wasm2", Features::WASM2),
    ("wasm3", Features::WASM3),
    ("all", Features::ALL),
];

impl FeatureArgs {
    /// The features: `usual` without the ones that are not wanted, and then the ones that are.
    pub(crate) fn features(&self, usual: Features) -> Features {
        let all_of = |choices: &[Choice]| {
            let choices = choices.iter().map(|choice| choice.0);
            choices.fold(Features::NONE, Features::union)
        };
        let wanted = all_of(&self.features);
        usual.difference(all_of(&self.no_features)).union(wanted)
    }
}

fn parser() -> impl TypedValueParser<Value = Choice> {
    let features = Feature::ALL.iter().map(|feature| feature.name());
    let versions = VERSIONS.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(features.chain(versions)).map(|name| {
        let version = VERSIONS.iter().find(|(version, _)| *version == name);
        let feature = || Feature::from_name(&name).into_iter().collect();
        Choice(version.map_or_else(feature, |(_, features)| *features))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        features: FeatureArgs,
    }

    fn features(line: &str) -> Features {
        let words = ["precast"].into_iter().chain(line.split_whitespace());
        let command = Command::try_parse_from(words);
        let command = command.unwrap_or_else(|error| panic!("{error}"));
        command.features.features(Features::WASM3)
    }

    #[test]
    fn features_are_added_to_version_3_and_taken_away() {
        assert_eq!(features(""), Features::WASM3);
        let threads = features("--features threads,wide-arithmetic --no-features simd");
        assert!(threads.contains(Feature::Threads) && threads.contains(Feature::WideArithmetic));
        assert!(!threads.contains(Feature::Simd) && threads.contains(Feature::TailCall));
        assert_eq!(features("--features all"), Features::ALL);
        assert_eq!(
            features("--no-features all --features wasm2"),
            Features::WASM2
        );
        assert_eq!(features("--no-features all"), Features::NONE);
    }
}
