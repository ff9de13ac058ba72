//! Compilation that takes from an earlier one what has not changed.
//!
//! Nearly all time goes into the code generator, and most of what it is given is what it was given
//! the last time. So each function's code is kept under a hash of all that its translation reads
//! (`incremental/key.rs`), and a function whose hash is known is not compiled again. It is still
//! validated, since whether a body is valid depends on more than its code does, and takes next to
//! no time. Everything else is done anew: what comes out is what a whole compilation gives.

use std::borrow::Cow;

use crate::env::ModuleEnv;
use crate::generate::Code;
use crate::{CompileError, Options, Progress, Timings, pipeline};

mod functions;
mod key;
mod record;
#[cfg(test)]
mod tests;

use functions::Builder;
use key::{Key, Subject, Surroundings};

pub use functions::{DamagedFunctions, Functions};

/// What [`compile_incrementally`] gives.
///
/// ```
/// use precast_compiler::{Options, compile_incrementally};
///
/// let made = compile_incrementally(b"\0asm\x01\0\0\0", &Options::default(), None, &|_| ())?;
/// println!("{} of {} functions reused", made.reused, made.total);
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Incremental {
    /// The artifact: what [`compile`](crate::compile) gives, byte for byte.
    pub artifact: Vec<u8>,
    /// What to pass the next time.
    pub functions: Functions,
    /// How many of the module's functions were not compiled.
    pub reused: usize,
    /// How many functions the module defines.
    pub total: usize,
    /// How long each stage took.
    pub timings: Timings,
}

/// As [`compile_with_timings`](crate::compile_with_timings), but compiles only those functions that
/// are not among the `previous` ones. These are best those of the module as it was before; but
/// those of any other module, other options or another version of the compiler do no harm.
///
/// A function is another one if its body is, or anything that its body names: a callee's type, a
/// global's value if it never changes, a memory's kind. Where a function stands in the module does
/// not matter, nor do the bodies of others.
///
/// # Errors
///
/// See [`CompileError`].
///
/// # Examples
///
/// ```
/// use precast_compiler::{Options, compile, compile_incrementally};
///
/// # let wasm = |text: &str| wat::parse_str(text).unwrap();
/// let before = wasm("(module (func (result i32) (i32.const 1)) (func (param i64)))");
/// let after = wasm("(module (func (result i32) (i32.const 2)) (func (param i64)))");
/// let options = Options::default();
/// let first = compile_incrementally(&before, &options, None, &|_| ())?;
/// let second = compile_incrementally(&after, &options, Some(&first.functions), &|_| ())?;
/// assert_eq!((first.reused, second.reused), (0, 1));
/// assert_eq!(second.artifact, compile(&after, &options)?);
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
pub fn compile_incrementally(
    wasm: &[u8],
    options: &Options,
    previous: Option<&Functions>,
    progress: &dyn Fn(Progress),
) -> Result<Incremental, CompileError> {
    let mut increment = Increment {
        previous: previous.filter(|previous| previous.fit(options)),
        builder: Builder::new(options),
        reused: 0,
        total: 0,
    };
    let (artifact, timings) = pipeline(wasm, options, Some(&mut increment), progress)?;
    Ok(Incremental {
        artifact,
        functions: increment.builder.finish(),
        reused: increment.reused,
        total: increment.total,
        timings,
    })
}

/// What there is of an earlier compilation, and what becomes of it.
pub(crate) struct Increment<'a> {
    previous: Option<&'a Functions>,
    builder: Builder,
    reused: usize,
    total: usize,
}

impl<'a> Increment<'a> {
    /// What workers need of this.
    pub(crate) fn shelf<'e>(&mut self, env: &'e ModuleEnv<'e>) -> Shelf<'e>
    where
        'a: 'e,
    {
        self.total = env.module.bodies.len();
        Shelf {
            surroundings: Surroundings::new(env),
            previous: self.previous,
        }
    }

    pub(crate) fn keep(&mut self, kept: &Kept<'_>) {
        self.reused += usize::from(matches!(kept.record, Cow::Borrowed(_)));
        self.builder.add(&kept.key, &kept.record);
    }
}

/// Where functions may be found before they are compiled.
pub(crate) struct Shelf<'a> {
    surroundings: Surroundings<'a>,
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
        let code = record::decode(record, subject)?;
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
