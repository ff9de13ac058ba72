//! `.note.precast`: what is checked before anything else is believed.
//!
//! An ELF note of name `precast` and type 1. Its descriptor, all numbers little-endian:
//!
//! ```text
//!   0  format_version u32     │ these 32 bytes have this
//!   4  abi_version    u32     │ meaning in every version,
//!   8  arch u8, os u8, 0, 0   │ so that a mismatch can be
//!  12  page_bytes     u32     │ reported whole
//!  16  cpu_features   u64     │
//!  24  0              u64     │
//!  32  memory_guard_bytes     u64
//!  40  memory_checked u8, fuel u8, 6 × 0
//!  48  section_count u32, compiler_version_len u32
//!  56  per section: number u32, 0 u32, file_offset u64, size u64, BLAKE3 digest 32 bytes
//!   …  compiler_version, UTF-8, padded with 0 to a multiple of 8
//!   …  BLAKE3 digest of all before it, 32 bytes
//!   …  room for a signature: 32 + 64 bytes of 0
//! ```

use crate::abi::ABI_VERSION;
use crate::bytes::Reader;
use crate::cpu::CpuFeatures;
use crate::error::ArtifactError;
use crate::section::Section;
use crate::target::{Arch, Os, Target};

/// Changes whenever the meaning of bytes in the file changes.
pub const FORMAT_VERSION: u32 = 3;

pub(crate) const NOTE_NAME: &[u8] = b"precast\0";
pub(crate) const NOTE_TYPE: u32 = 1;
const STABLE_PREFIX_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 96;

/// How code and memory were agreed on at compile time; the loader obeys.
///
/// ```
/// # use precast_artifacts_format::Tunables;
/// assert_eq!(Tunables::DEFAULT.memory_guard_bytes, 32 << 20);
/// assert!(!Tunables::DEFAULT.memory_checked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunables {
    /// Inaccessible bytes that must follow the 4 GiB that a memory can span. The code does not
    /// check static offsets that stay within them.
    pub memory_guard_bytes: u64,
    /// Whether every access is checked by explicit code, so that memories need neither
    /// reservation nor guard, and may move when they grow.
    pub memory_checked: bool,
    /// Whether the code counts what it executes and stops when its fuel is used up. Of no account
    /// to the layout of memories.
    pub fuel: bool,
}

impl Tunables {
    /// Checks by hardware, with a guard of 32 MiB.
    pub const DEFAULT: Self = Self {
        memory_guard_bytes: 32 << 20,
        memory_checked: false,
        fuel: false,
    };
}

impl Default for Tunables {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where a section is and what its bytes hash to.
///
/// ```
/// # use precast_artifacts_format::SectionDigest;
/// fn print(digest: &SectionDigest) {
///     println!("{:#x}: {} bytes of {}", digest.file_offset, digest.size, digest.section.name());
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionDigest {
    /// Which section.
    pub section: Section,
    /// Where it starts, in bytes from the start of the file.
    pub file_offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes.
    pub digest: [u8; DIGEST_BYTES],
}

/// The note: versions, target, tunables, and a digest of every section.
///
/// ```
/// # use precast_artifacts_format::Note;
/// fn print(note: &Note) {
///     println!("{} with {}, by {}", note.target, note.cpu_features, note.compiler_version);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// [`FORMAT_VERSION`] of the compiler.
    pub format_version: u32,
    /// [`ABI_VERSION`] of the compiler.
    pub abi_version: u32,
    /// What the code runs on.
    pub target: Target,
    /// The unit, in bytes, to which mapped sections are aligned.
    pub page_bytes: u32,
    /// The features that the code really uses.
    pub cpu_features: CpuFeatures,
    /// How memories are laid out.
    pub tunables: Tunables,
    /// The compiler's own version, for people.
    pub compiler_version: String,
    /// The sections, in the order of the file.
    pub sections: Vec<SectionDigest>,
}

impl Note {
    /// Length in bytes of the whole section for a note of so many sections.
    #[cfg(feature = "write")]
    pub(crate) fn encoded_len(compiler_version: &str, sections: usize) -> usize {
        let descriptor = 56
            + sections * (24 + DIGEST_BYTES)
            + compiler_version.len().next_multiple_of(8)
            + DIGEST_BYTES
            + SIGNATURE_BYTES;
        12 + NOTE_NAME.len() + descriptor
    }

    /// The section's bytes.
    #[cfg(feature = "write")]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self {
            format_version,
            abi_version,
            target,
            page_bytes,
            cpu_features,
            tunables:
                Tunables {
                    memory_guard_bytes,
                    memory_checked,
                    fuel,
                },
            compiler_version,
            sections,
        } = self;
        let mut out = Vec::new();
        out.extend(format_version.to_le_bytes());
        out.extend(abi_version.to_le_bytes());
        out.extend([target.arch as u8, target.os as u8, 0, 0]);
        out.extend(page_bytes.to_le_bytes());
        out.extend(cpu_features.bits().to_le_bytes());
        out.extend(0u64.to_le_bytes());
        out.extend(memory_guard_bytes.to_le_bytes());
        out.extend([u8::from(*memory_checked), u8::from(*fuel), 0, 0, 0, 0, 0, 0]);
        out.extend((sections.len() as u32).to_le_bytes());
        out.extend((compiler_version.len() as u32).to_le_bytes());
        for entry in sections {
            out.extend((entry.section as u32).to_le_bytes());
            out.extend(0u32.to_le_bytes());
            out.extend(entry.file_offset.to_le_bytes());
            out.extend(entry.size.to_le_bytes());
            out.extend(entry.digest);
        }
        out.extend(compiler_version.as_bytes());
        out.resize(out.len().next_multiple_of(8), 0);
        let digest = blake3::hash(&out);
        out.extend(digest.as_bytes());
        out.extend([0; SIGNATURE_BYTES]);

        let mut note = Vec::new();
        note.extend((NOTE_NAME.len() as u32).to_le_bytes());
        note.extend((out.len() as u32).to_le_bytes());
        note.extend(NOTE_TYPE.to_le_bytes());
        note.extend(NOTE_NAME);
        note.extend(out);
        note
    }

    /// Reads the section.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotAnArtifact`] for another note, [`ArtifactError::Incompatible`] for
    /// another version (with whatever else differs from `host`, where one is given), and
    /// [`ArtifactError::Damaged`].
    pub(crate) fn decode(bytes: &[u8], host: Option<&crate::Host>) -> Result<Self, ArtifactError> {
        let not_ours = || ArtifactError::NotAnArtifact {
            expected: "a note of name `precast`",
        };
        let mut reader = Reader::new(bytes);
        let name_len = reader.u32().ok_or_else(not_ours)?;
        let descriptor_len = reader.u32().ok_or_else(not_ours)?;
        let note_type = reader.u32().ok_or_else(not_ours)?;
        let name = reader.take(NOTE_NAME.len()).ok_or_else(not_ours)?;
        if name_len as usize != NOTE_NAME.len() || name != NOTE_NAME || note_type != NOTE_TYPE {
            return Err(not_ours());
        }
        let start = reader.position;
        let descriptor = reader
            .take(descriptor_len as usize)
            .filter(|_| reader.position == bytes.len())
            .ok_or_else(|| damaged(4, "the note's length is wrong"))?;

        let stable = StablePrefix::decode(descriptor)
            .ok_or_else(|| damaged(start, "the note is too short or names an unknown machine"))?;
        if stable.format_version != FORMAT_VERSION || stable.abi_version != ABI_VERSION {
            return Err(ArtifactError::Incompatible(crate::compat::differences(
                &stable, host,
            )));
        }
        Self::decode_rest(descriptor, stable).map_err(|(at, what)| damaged(start + at, what))
    }

    fn decode_rest(descriptor: &[u8], stable: StablePrefix) -> Result<Self, (usize, &'static str)> {
        let signed_len = descriptor
            .len()
            .checked_sub(DIGEST_BYTES + SIGNATURE_BYTES)
            .ok_or((0, "the note is too short"))?;
        let (signed, tail) = descriptor
            .split_at_checked(signed_len)
            .ok_or((0, "the note is too short"))?;
        let (digest, signature) = tail
            .split_at_checked(DIGEST_BYTES)
            .ok_or((0, "the note is too short"))?;
        if blake3::hash(signed).as_bytes() != digest {
            return Err((signed_len, "the note does not match its digest"));
        }
        if signature.iter().any(|&byte| byte != 0) {
            let at = signed_len + DIGEST_BYTES;
            return Err((at, "signed by a scheme that this version does not know"));
        }
        let mut reader = Reader::new(signed);
        reader.position = STABLE_PREFIX_BYTES;
        let rest = (|| {
            let memory_guard_bytes = reader.u64()?;
            let flag = |byte: u8| (byte <= 1).then_some(byte == 1);
            let memory_checked = flag(reader.u8()?)?;
            let fuel = flag(reader.u8()?)?;
            reader
                .take(6)
                .filter(|rest| rest.iter().all(|&byte| byte == 0))?;
            let section_count = reader.u32()?;
            let version_len = reader.u32()? as usize;
            let mut sections = Vec::new();
            for _ in 0..section_count {
                let number = reader.u32()? as usize;
                reader.u32().filter(|&zero| zero == 0)?;
                sections.push(SectionDigest {
                    section: *Section::ALL.get(number)?,
                    file_offset: reader.u64()?,
                    size: reader.u64()?,
                    digest: reader.array()?,
                });
            }
            let version = reader.take(version_len)?;
            Some((
                Tunables {
                    memory_guard_bytes,
                    memory_checked,
                    fuel,
                },
                sections,
                String::from_utf8(version.to_vec()).ok()?,
            ))
        })();
        let (tunables, sections, compiler_version) =
            rest.ok_or((reader.position, "a field of the note is out of range"))?;
        let StablePrefix {
            format_version,
            abi_version,
            target,
            page_bytes,
            cpu_features,
        } = stable;
        Ok(Self {
            format_version,
            abi_version,
            target,
            page_bytes,
            cpu_features,
            tunables,
            compiler_version,
            sections,
        })
    }
}

fn damaged(offset: usize, what: &'static str) -> ArtifactError {
    ArtifactError::damaged(Section::Note, offset, what)
}

/// The part of the note whose meaning never changes.
pub(crate) struct StablePrefix {
    pub(crate) format_version: u32,
    pub(crate) abi_version: u32,
    pub(crate) target: Target,
    pub(crate) page_bytes: u32,
    pub(crate) cpu_features: CpuFeatures,
}

impl StablePrefix {
    fn decode(descriptor: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(descriptor);
        let format_version = reader.u32()?;
        let abi_version = reader.u32()?;
        let arch = Arch::from_byte(reader.u8()?)?;
        let os = Os::from_byte(reader.u8()?)?;
        reader.u16()?;
        Some(Self {
            format_version,
            abi_version,
            target: Target { arch, os },
            page_bytes: reader.u32().filter(|bytes| bytes.is_power_of_two())?,
            cpu_features: CpuFeatures::from_bits(reader.u64()?),
        })
    }
}

impl From<&Note> for StablePrefix {
    fn from(note: &Note) -> Self {
        Self {
            format_version: note.format_version,
            abi_version: note.abi_version,
            target: note.target,
            page_bytes: note.page_bytes,
            cpu_features: note.cpu_features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuFeature;

    fn note() -> Note {
        Note {
            format_version: FORMAT_VERSION,
            abi_version: ABI_VERSION,
            target: Target {
                arch: Arch::X86_64,
                os: Os::Linux,
            },
            page_bytes: 4096,
            cpu_features: [CpuFeature::Sse41, CpuFeature::Popcnt]
                .into_iter()
                .collect(),
            tunables: Tunables::DEFAULT,
            compiler_version: "precast 0.1.0".into(),
            sections: vec![SectionDigest {
                section: Section::Text,
                file_offset: 0x1000,
                size: 0x20,
                digest: [0xab; 32],
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = note().encode();
        assert_eq!(bytes.len(), Note::encoded_len("precast 0.1.0", 1));
        assert_eq!(Note::decode(&bytes, None).unwrap(), note());
    }

    /// These are the bytes of format version 3. If this fails, raise the version.
    #[test]
    fn golden_bytes() {
        #[rustfmt::skip]
        let head = [
            8, 0, 0, 0,  0, 1, 0, 0,  1, 0, 0, 0,
            b'p', b'r', b'e', b'c', b'a', b's', b't', 0,
            3, 0, 0, 0,  2, 0, 0, 0,  1, 1, 0, 0,  0, 0x10, 0, 0,
            0x14, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 2, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0,  13, 0, 0, 0,
            2, 0, 0, 0,  0, 0, 0, 0,
            0, 0x10, 0, 0, 0, 0, 0, 0,  0x20, 0, 0, 0, 0, 0, 0, 0,
            0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
            0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
            0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
            b'p', b'r', b'e', b'c', b'a', b's', b't', b' ', b'0', b'.', b'1', b'.', b'0', 0, 0, 0,
        ];
        let bytes = note().encode();
        assert_eq!(&bytes[..head.len()], head);
        let (digest, signature) = bytes[head.len()..].split_at(32);
        assert_eq!(digest, blake3::hash(&head[20..]).as_bytes());
        assert_eq!(signature, [0; 96]);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let good = note().encode();
        for at in (0..good.len()).step_by(crate::DAMAGE_STEP) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Note::decode(&bad, None).is_err(), "byte {at}");
            assert!(Note::decode(&good[..at], None).is_err(), "cut at {at}");
        }
    }
}
