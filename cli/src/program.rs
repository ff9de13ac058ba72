//! What a program of `precast compile --emit exe` remembers of the command that has made it.

use anyhow::{Result, bail};

use crate::grants::GrantArgs;
use crate::guest::MAX_STACK_BYTES;

const MAX_STACK: &str = "max-stack";

/// How the guest is run, and what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How much stack the guest may use, in bytes.
    pub max_stack_bytes: usize,
    /// What it gets beside its arguments and the standard streams.
    pub grants: GrantArgs,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_stack_bytes: MAX_STACK_BYTES,
            grants: GrantArgs::default(),
        }
    }
}

impl Options {
    /// The options as the program has them.
    pub fn to_words(&self) -> Vec<String> {
        let mut words = vec![MAX_STACK.to_owned(), self.max_stack_bytes.to_string()];
        words.extend(self.grants.to_words());
        words
    }

    /// The options that the program has.
    ///
    /// # Errors
    ///
    /// If they are not as [`Options::to_words`] of this version writes them.
    pub fn from_words<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words;
        while let Some(option) = words.next() {
            if option == MAX_STACK {
                let bytes = words.next().and_then(|bytes| bytes.parse().ok());
                let Some(bytes) = bytes else {
                    bail!("the option {MAX_STACK:?} makes no sense");
                };
                options.max_stack_bytes = bytes;
            } else {
                options.grants.take_words(option, &mut words)?;
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_being_written() {
        let options = Options {
            max_stack_bytes: 12345,
            ..Options::default()
        };
        let words = options.to_words();
        let read = Options::from_words(words.iter().map(String::as_str));
        assert_eq!(read.unwrap(), options);
        assert!(Options::from_words(["max-stack"].into_iter()).is_err());
        assert!(Options::from_words(["max-stack", "-1"].into_iter()).is_err());
    }
}
