//! The functions of one compilation, kept for the next.
//!
//! ```text
//!   "precast funcs 1\0"                    16 bytes
//!   BLAKE3 of compiler and options         see `identity.rs`
//!   records                                see `incremental/record.rs`
//!   count × { key, offset u64, len u64 }   ascending by key; where the record is
//!   count u64
//!   BLAKE3 of all before
//! ```
//!
//! Numbers are little-endian. Everything is looked up in place.

use std::fmt;
use std::ops::Range;

use rustc_hash::FxHashSet;

use super::key::Key;
use crate::{Options, identity};

const MAGIC: &[u8; 16] = b"precast funcs 1\0";
const DIGEST_BYTES: usize = blake3::OUT_LEN;
const HEADER_BYTES: usize = MAGIC.len() + DIGEST_BYTES;
const ENTRY_BYTES: usize = size_of::<Key>() + 16;
const FOOTER_BYTES: usize = 8 + DIGEST_BYTES;

/// The functions of a module as they were compiled, for
/// [`compile_incrementally`](crate::compile_incrementally).
///
/// As bytes they can be kept anywhere. Their machine code is run as it is, so only what nobody else
/// could have written may be read back.
///
/// ```
/// use precast_compiler::{Functions, Options, compile_incrementally};
///
/// let (wasm, options) = (b"\0asm\x01\0\0\0", Options::default());
/// let first = compile_incrementally(wasm, &options, None, &|_| ())?;
/// let kept: Vec<u8> = first.functions.into_bytes();
/// assert!(Functions::from_bytes(kept).is_ok());
/// # Ok::<(), precast_compiler::CompileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Functions {
    bytes: Vec<u8>,
    /// Where the index is.
    index: Range<usize>,
}

/// The bytes are no [`Functions`], or not the whole of them, or have been damaged.
///
/// ```
/// use precast_compiler::{DamagedFunctions, Functions};
///
/// assert_eq!(Functions::from_bytes(b"functions".to_vec()), Err(DamagedFunctions));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedFunctions;

impl fmt::Display for DamagedFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these are not the functions of a compilation, or they have been damaged")
    }
}

impl std::error::Error for DamagedFunctions {}

impl Functions {
    /// What [`Functions::as_bytes`] gave. Any bytes give functions or an error; those of another
    /// version of the compiler, or for other options, are there but never used.
    ///
    /// Reads all bytes once, for their digest.
    ///
    /// # Errors
    ///
    /// [`DamagedFunctions`] unless they are what was given.
    ///
    /// ```
    /// use precast_compiler::{Functions, Options, compile_incrementally};
    ///
    /// # let wasm = wat::parse_str("(module (func))").unwrap();
    /// let first = compile_incrementally(&wasm, &Options::default(), None, &|_| ())?;
    /// let mut bytes = first.functions.as_bytes().to_vec();
    /// assert!(Functions::from_bytes(bytes.clone()).is_ok());
    /// bytes[60] ^= 1;
    /// assert!(Functions::from_bytes(bytes).is_err());
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DamagedFunctions> {
        let index = check(&bytes).ok_or(DamagedFunctions)?;
        Ok(Self { bytes, index })
    }

    /// The functions as bytes, to be kept.
    ///
    /// ```
    /// # fn write(functions: &precast_compiler::Functions) -> std::io::Result<()> {
    /// std::fs::write("build/app.funcs", functions.as_bytes())
    /// # }
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As [`Functions::as_bytes`], without a copy.
    ///
    /// ```
    /// # fn size(functions: precast_compiler::Functions) -> usize {
    /// functions.into_bytes().len()
    /// # }
    /// ```
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many functions there are; equal ones count once.
    ///
    /// ```
    /// use precast_compiler::{Options, compile_incrementally};
    ///
    /// # let wasm = wat::parse_str("(module (func) (func) (func (param i32)))").unwrap();
    /// // Three functions, two of them `(func)`.
    /// let made = compile_incrementally(&wasm, &Options::default(), None, &|_| ())?;
    /// assert_eq!(made.functions.len(), 2);
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.index.len() / ENTRY_BYTES
    }

    /// Whether there are none.
    ///
    /// ```
    /// use precast_compiler::{Options, compile_incrementally};
    ///
    /// let made = compile_incrementally(b"\0asm\x01\0\0\0", &Options::default(), None, &|_| ())?;
    /// assert!(made.functions.is_empty());
    /// # Ok::<(), precast_compiler::CompileError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys with their records. Equal keys have equal records, in all modules there are.
    #[doc(hidden)]
    pub fn records(&self) -> impl Iterator<Item = (&[u8; 32], &[u8])> {
        let (entries, _) = self.bytes[self.index.clone()].as_chunks::<ENTRY_BYTES>();
        entries.iter().filter_map(|entry| {
            let record = self.bytes.get(record(entry)?)?;
            Some((entry.first_chunk()?, record))
        })
    }

    /// Whether this compiler made them, with options that make the same code.
    pub(super) fn fit(&self, options: &Options) -> bool {
        self.bytes[MAGIC.len()..HEADER_BYTES] == identity(options)
    }

    /// The record of that key.
    pub(super) fn find(&self, key: &Key) -> Option<&[u8]> {
        let (entries, _) = self.bytes[self.index.clone()].as_chunks::<ENTRY_BYTES>();
        let place = entries.binary_search_by(|entry| entry[..size_of::<Key>()].cmp(key));
        self.bytes.get(record(&entries[place.ok()?])?)
    }
}

/// What the index says of where a record is.
fn record(entry: &[u8; ENTRY_BYTES]) -> Option<Range<usize>> {
    let (_, numbers) = entry.split_at(size_of::<Key>());
    let ([offset, len], _) = numbers.as_chunks::<8>() else {
        return None;
    };
    let start = usize::try_from(u64::from_le_bytes(*offset)).ok()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    Some(start..start.checked_add(len)?)
}

/// Where the index is, if the bytes are whole.
fn check(bytes: &[u8]) -> Option<Range<usize>> {
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let (hashed, digest) = bytes.split_last_chunk::<DIGEST_BYTES>()?;
    let (rest, count) = hashed.split_last_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let end = rest.len();
    let start = end.checked_sub(count.checked_mul(ENTRY_BYTES)?)?;
    if start < HEADER_BYTES || blake3::hash(hashed) != *digest {
        return None;
    }
    let (entries, _) = rest[start..].as_chunks::<ENTRY_BYTES>();
    let key_bytes = size_of::<Key>();
    let is_sorted = entries.is_sorted_by(|a, b| a[..key_bytes] < b[..key_bytes]);
    let are_within = entries.iter().all(|entry| {
        record(entry).is_some_and(|record| record.start >= HEADER_BYTES && record.end <= start)
    });
    (is_sorted && are_within).then_some(start..end)
}

fn identity(options: &Options) -> [u8; DIGEST_BYTES] {
    // The sections that are kept are no part of any function.
    let options = Options {
        custom_sections: crate::CustomSections::All,
        ..options.clone()
    };
    blake3::hash(&identity::encode(&options)).into()
}

/// Puts functions together, one record after the other.
pub(super) struct Builder {
    bytes: Vec<u8>,
    keys: FxHashSet<Key>,
    index: Vec<(Key, Range<usize>)>,
}

impl Builder {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            bytes: [&MAGIC[..], &identity(options)].concat(),
            keys: FxHashSet::default(),
            index: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: &Key, record: &[u8]) {
        if self.keys.insert(*key) {
            let start = self.bytes.len();
            self.bytes.extend(record);
            self.index.push((*key, start..self.bytes.len()));
        }
    }

    pub(super) fn finish(self) -> Functions {
        let Self {
            mut bytes,
            mut index,
            ..
        } = self;
        index.sort_unstable_by_key(|&(key, _)| key);
        let start = bytes.len();
        bytes.reserve_exact(index.len() * ENTRY_BYTES + FOOTER_BYTES);
        for (key, record) in &index {
            bytes.extend(key);
            for number in [record.start, record.len()] {
                bytes.extend((number as u64).to_le_bytes());
            }
        }
        let end = bytes.len();
        bytes.extend((index.len() as u64).to_le_bytes());
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        Functions {
            bytes,
            index: start..end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        let mut builder = Builder::new(&Options::default());
        for (number, record) in [(9, &b"nine"[..]), (3, b"three"), (5, b""), (9, b"again")] {
            builder.add(&[number; 32], record);
        }
        builder.finish()
    }

    #[test]
    fn what_is_kept_is_found() {
        let bytes = functions().into_bytes();
        let read = Functions::from_bytes(bytes).unwrap();
        assert_eq!(read, functions());
        assert_eq!(read.len(), 3);
        assert_eq!(read.find(&[9; 32]), Some(&b"nine"[..]));
        assert_eq!(read.find(&[3; 32]), Some(&b"three"[..]));
        assert_eq!(read.find(&[5; 32]), Some(&b""[..]));
        assert_eq!(read.find(&[4; 32]), None);
    }

    #[test]
    fn only_options_that_change_code_tell_them_apart() {
        let mut options = Options {
            custom_sections: crate::CustomSections::None,
            ..Options::default()
        };
        assert!(functions().fit(&options));
        options.tunables.fuel = true;
        assert!(!functions().fit(&options));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = functions().into_bytes();
        for len in 0..bytes.len() {
            let cut = bytes[..len].to_vec();
            assert_eq!(Functions::from_bytes(cut), Err(DamagedFunctions));
        }
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(Functions::from_bytes(damaged), Err(DamagedFunctions));
        }
    }

    #[test]
    fn what_the_index_says_is_not_believed() {
        let bytes = functions().into_bytes();
        let index = functions().index;
        let end = index.end;
        for place in index.chain(end..end + 8) {
            for value in [0, 1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = value;
                let hashed = changed.len() - DIGEST_BYTES;
                let digest = blake3::hash(&changed[..hashed]);
                changed[hashed..].copy_from_slice(digest.as_bytes());
                if let Ok(read) = Functions::from_bytes(changed) {
                    for key in 0..=u8::MAX {
                        let _ = read.find(&[key; 32]);
                    }
                }
            }
        }
    }
}
