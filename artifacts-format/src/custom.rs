//! `.precast.custom`: custom sections of the module, as they were.
//!
//! ```text
//! ┌────────────┬──────────────────────────────────┬──────────────────────────┐
//! │ count: u32 │ per section, in the module's     │ names and contents,      │
//! │            │ order: { name_len: u32,          │ one after the other:     │
//! │            │          data_len: u32 }         │ name, data, name, data … │
//! └────────────┴──────────────────────────────────┴──────────────────────────┘
//! ```
//!
//! Names are UTF-8 and need not differ. DWARF is in here too, since its addresses are offsets in
//! the WebAssembly module and would mislead tools that expect machine code's.

use crate::bytes::Reader;

const ENTRY_BYTES: usize = 8;

/// The custom sections, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomSections<'a> {
    index: &'a [u8],
    contents: &'a [u8],
}

impl<'a> CustomSections<'a> {
    /// Encodes sections, given as name and contents.
    ///
    /// # Panics
    ///
    /// If a part is longer than 4 GiB, which no module is.
    #[cfg(feature = "write")]
    #[expect(
        clippy::expect_used,
        reason = "sections come from a module, which is checked to be shorter"
    )]
    pub fn encode(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let number = |len: usize| {
            u32::try_from(len)
                .expect("shorter than 4 GiB")
                .to_le_bytes()
        };
        let mut out = number(sections.len()).to_vec();
        for (name, data) in sections {
            out.extend(number(name.len()));
            out.extend(number(data.len()));
        }
        for (name, data) in sections {
            out.extend(name.as_bytes());
            out.extend(*data);
        }
        out
    }

    /// Checks the frame: the index is there. Entries are checked as they are read.
    ///
    /// Returns `None` if the section is too short for the entries it announces.
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(section);
        let count = reader.u32()? as usize;
        let index = reader.take(count.checked_mul(ENTRY_BYTES)?)?;
        let contents = section.get(reader.position..)?;
        Some(Self { index, contents })
    }

    /// All sections as name and contents, in order; ends early where the bytes are damaged.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut index = Reader::new(self.index);
        let mut contents = Reader::new(self.contents);
        std::iter::from_fn(move || {
            let (name_len, data_len) = (index.u32()?, index.u32()?);
            let name = contents.take(name_len as usize)?;
            let data = contents.take(data_len as usize)?;
            Some((std::str::from_utf8(name).ok()?, data))
        })
    }

    /// The first section of that name.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut found = self.iter().filter(|&(other, _)| other == name);
        found.next().map(|(_, data)| data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTIONS: [(&str, &[u8]); 4] = [
        ("producers", b"rust"),
        ("", b""),
        (".debug_info", &[0; 300]),
        ("producers", b"again"),
    ];

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = CustomSections::encode(&SECTIONS);
        let sections = CustomSections::parse(&bytes).unwrap();
        assert!(sections.iter().eq(SECTIONS));
        assert_eq!(sections.get("producers"), Some(&b"rust"[..]));
        assert_eq!(sections.get("name"), None);
    }

    #[test]
    fn damaged_sections_never_panic() {
        let good = CustomSections::encode(&SECTIONS);
        for at in (0..good.len()).step_by(crate::DAMAGE_STEP) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            for bytes in [&bad[..], &good[..at]] {
                if let Some(sections) = CustomSections::parse(bytes) {
                    assert!(sections.iter().count() <= SECTIONS.len());
                }
            }
        }
    }
}
