//! Source places by the module's DWARF.
//!
//! In WebAssembly, DWARF stands in custom sections and its addresses are offsets in the code
//! section. A lookup goes from large to small, and what is likely to be wanted again is kept:
//!
//! ```text
//! address ─▶ unit            the ranges of all units          kept with the module
//!         ─▶ file and line   the line table of the unit       kept with the unit
//!         ─▶ function        the functions of the unit        kept with the unit
//!         ─▶ inlined calls   the entries below the function   read each time
//!         ─▶ names           the entries those refer to       read each time
//! ```
//!
//! What is kept are numbers, not borrowed from the sections.
//!
//! The sections come from the module and may hold anything. `gimli` reads them; beyond that
//!
//! - all reading is paid for from an [allowance](meter), since a few bytes of DWARF can ask for any
//!   amount of it;
//! - nothing here recurses, since a few bytes more nest an entry one level deeper;
//! - what is damaged is left out, and what can be read is shown.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use gimli::{Dwarf, SectionId};
use precast_artifacts_format::CustomSections;

use super::FrameSymbol;
use lookup::Lookup;
use meter::{Allowance, Metered};
use unit::Units;

mod lookup;
mod meter;
mod names;
mod ranges;
mod unit;

// There is no `unsafe` in here, and Miri would take hours.
#[cfg(all(test, not(miri)))]
mod tests;

pub(super) use names::demangled;

type Result<T> = std::result::Result<T, gimli::Error>;

/// How many bytes may be read for each byte of the sections, over the life of a module. Compilers'
/// DWARF takes less than one for all that is kept.
const READ_PER_BYTE: u64 = 4;

/// How many bytes may be read for each lookup if the rest has been used up. Compilers' DWARF takes
/// less than a tenth.
const READ_PER_LOOKUP: u64 = 1 << 20;

/// What is known of a module's DWARF.
#[derive(Debug, Default)]
pub(crate) struct DebugInfo(Mutex<Option<Known>>);

#[derive(Debug)]
struct Known {
    /// What may still be read, in bytes.
    left: u64,
    /// The units, as soon as they are known.
    units: Option<Units>,
}

impl DebugInfo {
    /// The functions at `address`, an offset in the code section, innermost first.
    pub(crate) fn symbols(&self, custom: CustomSections<'_>, address: u32) -> Vec<FrameSymbol> {
        let sections = Sections::of(custom);
        if sections.get(SectionId::DebugInfo).is_empty() {
            return Vec::new();
        }
        // Nothing in there is wrong after a panic, at worst it is not all there.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| Known {
            left: sections.bytes().saturating_mul(READ_PER_BYTE),
            units: None,
        });
        let allowance = Allowance::new(known.left.max(READ_PER_LOOKUP));
        let mut dwarf = sections.dwarf(&allowance);
        let units = known.units.get_or_insert_with(|| Units::of(&mut dwarf));
        let symbols = Lookup::new(&dwarf, units).symbols(address);
        known.left = allowance.left();
        symbols.unwrap_or_default()
    }
}

/// The sections of DWARF that are read.
struct Sections<'a>([&'a [u8]; READ.len()]);

const READ: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

impl<'a> Sections<'a> {
    /// Finds them all in one go, however many sections there are.
    fn of(custom: CustomSections<'a>) -> Self {
        let mut sections: [&[u8]; READ.len()] = [&[]; READ.len()];
        for (name, contents) in custom.iter() {
            let mut places = READ.iter().zip(&mut sections);
            if let Some((_, section)) = places.find(|(id, _)| id.name() == name)
                && section.is_empty()
            {
                *section = contents;
            }
        }
        Self(sections)
    }

    fn get(&self, wanted: SectionId) -> &'a [u8] {
        let mut sections = READ.iter().zip(self.0);
        let found = sections.find(|&(&id, _)| id == wanted);
        found.map_or(&[], |(_, section)| section)
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|section| section.len() as u64).sum()
    }

    fn dwarf<'r>(&self, allowance: &'r Allowance) -> Dwarf<Metered<'r>>
    where
        'a: 'r,
    {
        let reader = |id| Ok::<_, Infallible>(Metered::new(self.get(id), allowance));
        let Ok(dwarf) = Dwarf::load(reader);
        dwarf
    }
}
