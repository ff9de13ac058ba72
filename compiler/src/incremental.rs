//! Compilation that takes from an earlier one what has not changed.
//!
//! Nearly all time goes into the code generator, and most of what it is given is what it was given
//! the last time. So each function's code is kept under a hash of all that its translation reads
//! (`incremental/key.rs`), and a function whose hash is known is not compiled again. It is still
//! validated, since whether a body is valid depends on more than its code does, and takes next to
//! no time. Everything else is done anew: what comes out is what a whole compilation gives.

use std::borrow::Cow;

use precast_artifacts_format::{CONST_TABLE_ENTRY_BYTES, CpuFeatures};

use crate::env::ModuleEnv;
use crate::generate::Code;
use crate::options::Options;

mod functions;
mod key;
mod record;
#[cfg(test)]
mod tests;

use functions::Builder;
use key::{Key, Subject, Surroundings};
use record::Reach;

pub use functions::{DamagedFunctions, Functions};

/// What an [incremental](crate::Compilation::incremental) compilation gives beside the artifact.
///
/// ```
/// use precast_compiler::{Compilation, Options};
///
/// let (wasm, options) = (b"\0asm\x01\0\0\0", Options::default());
/// let compiled = Compilation::new(wasm, &options).incremental(None).run()?;
/// let made = compiled.incremental.unwrap();
/// println!("{} of {} functions reused", made.reused, made.total);
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Incremental {
    /// What to pass the next time.
    pub functions: Functions,
    /// How many of the module's functions were not compiled.
    pub reused: usize,
    /// How many functions the module defines.
    pub total: usize,
}

/// What there is of an earlier compilation, and what becomes of it.
pub(crate) struct Increment<'a> {
    previous: Option<&'a Functions>,
    builder: Builder,
    reused: usize,
    /// What code may use.
    cpu_features: CpuFeatures,
}

impl<'a> Increment<'a> {
    pub(crate) fn new(previous: Option<&'a Functions>, options: &Options) -> Self {
        Self {
            previous: previous.filter(|previous| previous.fit(options)),
            builder: Builder::new(options),
            reused: 0,
            cpu_features: options.cpu_features,
        }
    }

    /// What workers need of this.
    pub(crate) fn shelf<'e>(&self, env: &'e ModuleEnv<'e>) -> Shelf<'e>
    where
        'a: 'e,
    {
        // The plan has no more of them than a u32 can count the bytes of.
        let elements: usize = env.plan.const_tables.iter().map(Vec::len).sum();
        Shelf {
            surroundings: Surroundings::new(env),
            reach: Reach {
                tags: env.module.tags.len() as u32,
                const_table_bytes: elements as u32 * CONST_TABLE_ENTRY_BYTES,
                throws: env.plan.throws,
                cpu_features: self.cpu_features,
            },
            previous: self.previous,
        }
    }

    pub(crate) fn keep(&mut self, kept: &Kept<'_>) {
        self.reused += usize::from(matches!(kept.record, Cow::Borrowed(_)));
        self.builder.add(&kept.key, &kept.record);
    }

    /// What there is for the next compilation, of a module that defines so many functions.
    pub(crate) fn finish(self, total: usize) -> Incremental {
        Incremental {
            functions: self.builder.finish(),
            reused: self.reused,
            total,
        }
    }
}

/// Where functions may be found before they are compiled.
pub(crate) struct Shelf<'a> {
    surroundings: Surroundings<'a>,
    reach: Reach,
    previous: Option<&'a Functions>,
}

/// What is kept of a function.
pub(crate) struct Kept<'a> {
    key: Key,
    /// Borrowed if it was kept already.
    record: Cow<'a, [u8]>,
}

impl<'a> Shelf<'a> {
    /// What is known of the function at this index among the defined ones, if it can be kept.
    pub(crate) fn subject(&self, defined: u32) -> Option<Subject> {
        self.surroundings.subject(defined)
    }

    /// The function's code, if it is there.
    pub(crate) fn find(&self, subject: &Subject) -> Option<(Code, Kept<'a>)> {
        let record = self.previous?.find(&subject.key)?;
        let code = record::decode(record, subject, &self.reach)?;
        let kept = Kept {
            key: subject.key,
            record: Cow::Borrowed(record),
        };
        Some((code, kept))
    }

    /// What is kept of a function that has been compiled.
    pub(crate) fn keep(&self, subject: &Subject, code: &Code) -> Option<Kept<'a>> {
        let record = record::encode(code, subject)?;
        Some(Kept {
            key: subject.key,
            record: Cow::Owned(record),
        })
    }
}
