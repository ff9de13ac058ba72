//! The sections of an artifact: one table from which writer, reader and tests are derived.

/// A section that precast gives a meaning to.
///
/// The order here is the order in the file. Sections that are mapped (code, slots, constant tables
/// and images) start on a page; everything else is packed.
///
/// ```
/// # use precast_artifacts_format::Section;
/// for section in Section::ALL {
///     println!("{}", section.name());
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Section {
    /// The note: versions, target, digests. See [`Note`](crate::Note).
    Note,
    /// The manifest: what the module imports, exports and needs. See [`Manifest`](crate::Manifest).
    Manifest,
    /// Machine code of all functions and trampolines.
    Text,
    /// One 8-byte slot for each runtime symbol the code calls.
    Got,
    /// Constant tables. See [`ConstTableEntry`](crate::ConstTableEntry).
    Tables,
    /// Where each defined function is. See [`FuncTable`](crate::FuncTable).
    Funcs,
    /// Which instructions may trap, and why. See [`TrapTable`](crate::TrapTable).
    Traps,
    /// From code offsets to offsets in the module. See [`AddressMap`](crate::AddressMap).
    AddrMap,
    /// Where calls go on after an exception. See [`UnwindTable`](crate::UnwindTable).
    Unwind,
    /// Function indices: items of element segments and the list of escaping functions, `u32` each.
    Elements,
    /// Bytes of data segments that are copied at run time.
    Passive,
    /// Initial contents of memories, in whole pages.
    Image,
    /// Custom sections of the module. See [`CustomSections`](crate::CustomSections).
    Custom,
}

struct Properties {
    name: &'static str,
    /// Starts on a page, because it is mapped.
    paged: bool,
}

impl Section {
    /// All sections, in the order of the file.
    pub const ALL: [Self; 13] = [
        Self::Note,
        Self::Manifest,
        Self::Text,
        Self::Got,
        Self::Tables,
        Self::Funcs,
        Self::Traps,
        Self::AddrMap,
        Self::Unwind,
        Self::Elements,
        Self::Passive,
        Self::Image,
        Self::Custom,
    ];

    const fn properties(self) -> Properties {
        let (name, paged) = match self {
            Self::Note => (".note.precast", false),
            Self::Manifest => (".precast.manifest", false),
            Self::Text => (".text", true),
            Self::Got => (".got", true),
            Self::Tables => (".precast.tables", true),
            Self::Funcs => (".precast.funcs", false),
            Self::Traps => (".precast.traps", false),
            Self::AddrMap => (".precast.addrmap", false),
            Self::Unwind => (".precast.unwind", false),
            Self::Elements => (".precast.elems", false),
            Self::Passive => (".precast.passive", false),
            Self::Image => (".precast.image", true),
            Self::Custom => (".precast.custom", false),
        };
        Properties { name, paged }
    }

    /// The section's name in the file.
    ///
    /// ```
    /// # use precast_artifacts_format::Section;
    /// assert_eq!(Section::Text.name(), ".text");
    /// ```
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// Whether the section starts on a page of the target.
    ///
    /// ```
    /// # use precast_artifacts_format::Section;
    /// assert!(Section::Text.is_paged());
    /// assert!(!Section::Note.is_paged());
    /// ```
    pub const fn is_paged(self) -> bool {
        self.properties().paged
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|section| section.name().as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_listed_in_the_order_of_their_numbers() {
        for (index, section) in Section::ALL.into_iter().enumerate() {
            assert_eq!(section as usize, index);
            assert_eq!(Section::from_name(section.name().as_bytes()), Some(section));
        }
    }
}
