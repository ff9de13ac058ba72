//! A program: an executable file that carries an artifact and runs it.
//!
//! ```text
//! ┌ the runner, as far as the system loads it
//! ├ 16 KiB ──────────────┐
//! │ the artifact         │
//! │ options, as words    │ one segment, read-only: the section `.precast`
//! │ trailer              │
//! ├ 8 bytes ─────────────┘
//! │ section names, section headers
//! └
//! ```
//!
//! The runner is an ordinary executable with a note that says which artifacts it loads. The note has
//! a program header of its own, which becomes that of the new segment: so the system maps the
//! artifact with the program, and what works on executables (`strip`, copies, links) keeps it.
//!
//! The trailer, at the end of the segment (all numbers little-endian):
//!
//! | offset | |
//! |---|---|
//! | 0 | length of the artifact in bytes, `u64` |
//! | 8 | length of the options in bytes, `u64` |
//! | 16 | the first 8 bytes of the BLAKE3 digest of the options and the two lengths |
//! | 24 | `precast` and a zero byte |
//!
//! The options are words in UTF-8, each ended by a zero byte. What they mean is the command's affair.

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader as _, SectionHeader as _};

use crate::abi::ABI_VERSION;
use crate::bytes::Reader;
use crate::error::ArtifactError;
use crate::note::FORMAT_VERSION;

#[cfg(feature = "write")]
pub(crate) mod attach;

/// The artifact starts at a multiple of this, in the file and in memory: the largest page of the
/// machines that there are artifacts for.
pub const PROGRAM_ALIGN: u64 = 16_384;

/// The section that the runner's note is in.
pub const RUNNER_NOTE_SECTION: &str = ".note.precast.runner";

/// The section that the segment is.
const SECTION: &str = ".precast";

const MAGIC: [u8; 8] = *b"precast\0";
const RUNNER_NOTE_TYPE: u32 = 2;
const TRAILER_BYTES: usize = 32;

/// The note of a runner, to be put into a section of that name.
///
/// No other note is aligned like this one, which is why it gets a program header of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct RunnerNote {
    name_bytes: u32,
    desc_bytes: u32,
    note_type: u32,
    name: [u8; 8],
    format_version: u32,
    abi_version: u32,
    zero: u32,
}

impl RunnerNote {
    /// That of this version's runner.
    pub const THIS: Self = Self {
        name_bytes: 8,
        desc_bytes: 12,
        note_type: RUNNER_NOTE_TYPE,
        name: MAGIC,
        format_version: FORMAT_VERSION,
        abi_version: ABI_VERSION,
        zero: 0,
    };
}

/// What is in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program<'a> {
    /// The artifact, of which nothing has been checked.
    pub artifact: &'a [u8],
    options: &'a str,
}

impl<'a> Program<'a> {
    /// Reads the segment. The artifact itself is not looked at.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotAnArtifact`] if there is no trailer, [`ArtifactError::Damaged`] if it
    /// makes no sense.
    pub fn parse(segment: &'a [u8]) -> Result<Self, ArtifactError> {
        let trailer_offset = segment.len().saturating_sub(TRAILER_BYTES);
        let damaged = |what| ArtifactError::container(trailer_offset as u64, what);
        let missing = ArtifactError::NotAnArtifact {
            expected: "the trailer of a program",
        };
        let Some((contents, trailer)) = segment.split_at_checked(trailer_offset) else {
            return Err(missing);
        };
        let Some((lengths, rest)) = trailer.split_at_checked(16) else {
            return Err(missing);
        };
        let Some((digest, magic)) = rest.split_at_checked(8) else {
            return Err(missing);
        };
        if magic != MAGIC {
            return Err(missing);
        }
        let mut reader = Reader::new(lengths);
        let (artifact, options) = (reader.u64(), reader.u64());
        let split = || {
            let (artifact, options) = (artifact?, options?);
            if artifact.checked_add(options)? != contents.len() as u64 {
                return None;
            }
            contents.split_at_checked(usize::try_from(artifact).ok()?)
        };
        let (artifact, options) =
            split().ok_or_else(|| damaged("the program's parts do not fill it"))?;
        if digest != digest_of(options, lengths) {
            return Err(damaged("the program's options are not what they were"));
        }
        let options = str::from_utf8(options)
            .ok()
            .filter(|options| options.is_empty() || options.ends_with('\0'))
            .ok_or_else(|| damaged("the program's options are no words"))?;
        Ok(Self { artifact, options })
    }

    /// The program in an executable file, if there is one.
    pub fn in_executable(file: &'a [u8]) -> Option<Self> {
        let header = elf::FileHeader64::<LE>::parse(file).ok()?;
        let is_executable = matches!(header.e_type(LE), elf::ET_DYN | elf::ET_EXEC);
        if !header.is_little_endian() || !is_executable {
            return None;
        }
        let sections = header.sections(LE, file).ok()?;
        let (_, section) = sections.section_by_name(LE, SECTION.as_bytes())?;
        Self::parse(section.data(LE, file).ok()?).ok()
    }

    /// The options.
    pub fn words(&self) -> impl Iterator<Item = &'a str> {
        self.options.split_terminator('\0')
    }
}

fn digest_of(options: &[u8], lengths: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(options).update(lengths);
    let mut digest = [0; 8];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// The segment that [`Program::parse`] reads.
///
/// # Panics
///
/// If a word holds a zero byte, a bug of the caller.
#[cfg(feature = "write")]
fn segment(artifact: &[u8], words: &[String]) -> Vec<u8> {
    let mut options = Vec::new();
    for word in words {
        assert!(!word.contains('\0'), "a word ends with the first zero byte");
        options.extend_from_slice(word.as_bytes());
        options.push(0);
    }
    let mut lengths = Vec::with_capacity(16);
    for len in [artifact.len(), options.len()] {
        lengths.extend_from_slice(&(len as u64).to_le_bytes());
    }
    let digest = digest_of(&options, &lengths);
    [artifact, &options, &lengths, &digest, &MAGIC].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        ["dir", "", "größe"].map(str::to_owned).into()
    }

    #[test]
    fn what_is_written_is_read() {
        for words in [words(), Vec::new()] {
            let segment = segment(b"artifact", &words);
            let program = Program::parse(&segment).unwrap();
            assert_eq!(program.artifact, b"artifact");
            assert!(program.words().eq(words));
        }
    }

    #[test]
    fn damage_outside_the_artifact_is_found_wherever_it_is() {
        let whole = segment(b"artifact", &words());
        for at in 8..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(Program::parse(&damaged).is_err(), "byte {at}, bit {bit}");
            }
        }
        for len in 0..whole.len() {
            assert!(Program::parse(&whole[..len]).is_err(), "{len} bytes");
        }
    }
}
