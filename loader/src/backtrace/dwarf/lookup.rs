//! One lookup: from an address to the functions that the guest's compiler has put there.

use std::collections::BTreeMap;
use std::rc::Rc;

use gimli::{Attribute, AttributeValue, Dwarf, Unit, UnitOffset, constants as dw};

use super::meter::Metered;
use super::names;
use super::unit::{Place, Units, entry_ranges, next_entry, number};
use super::{FrameSymbol, Result};

/// How deep calls may be inlined in one another. With more there is something wrong, and none is
/// believed.
const MAX_INLINED: usize = 64;

/// How many entries are read for one name: an inlined call refers to its function, that to its
/// declaration.
const MAX_HOPS: usize = 8;

/// A lookup in progress.
pub(super) struct Lookup<'l, 'a> {
    dwarf: &'l Dwarf<Metered<'a>>,
    units: &'l mut Units,
    /// The units it has come by.
    open: BTreeMap<usize, Rc<Unit<Metered<'a>>>>,
}

/// A call that was inlined.
struct Inlined {
    entry: UnitOffset,
    /// How deep its entry is below that of the function.
    depth: isize,
    /// Where the call stood, if that is said.
    site: Option<Place>,
}

impl<'l, 'a> Lookup<'l, 'a> {
    pub(super) fn new(dwarf: &'l Dwarf<Metered<'a>>, units: &'l mut Units) -> Self {
        Self {
            dwarf,
            units,
            open: BTreeMap::new(),
        }
    }

    /// The functions at `address`, innermost first; `None` if nothing is known.
    pub(super) fn symbols(mut self, address: u32) -> Option<Vec<FrameSymbol>> {
        let number = self.units.at_address(address)?;
        let unit = self.open(number)?;
        let tables = self.units.tables(number, self.dwarf, &unit)?;
        let function = tables.functions.find(address);
        // Where the innermost function is; the others are where they call.
        let mut place = tables.lines.find(address);
        if function.is_none() && place.is_none() {
            return None;
        }
        let inlined = function.and_then(|entry| self.inlined(&unit, entry, address).ok());
        let mut symbols = Vec::new();
        for call in inlined.unwrap_or_default().into_iter().rev() {
            let name = self.name(number, call.entry);
            symbols.push(self.symbol(&unit, name, place, true));
            place = call.site;
        }
        let name = function.and_then(|entry| self.name(number, entry));
        symbols.push(self.symbol(&unit, name, place, false));
        Some(symbols)
    }

    fn symbol(
        &self,
        unit: &Unit<Metered<'a>>,
        name: Option<String>,
        place: Option<Place>,
        is_inlined: bool,
    ) -> FrameSymbol {
        let known = |number: u32| (number != 0).then_some(number);
        FrameSymbol {
            name,
            file: place.and_then(|place| names::file(self.dwarf, unit, place.file)),
            line: place.and_then(|place| known(place.line)),
            column: place.and_then(|place| known(place.column)),
            is_inlined,
        }
    }

    fn open(&mut self, number: usize) -> Option<Rc<Unit<Metered<'a>>>> {
        if let Some(unit) = self.open.get(&number) {
            return Some(Rc::clone(unit));
        }
        let unit = Rc::new(self.units.open(self.dwarf, number).ok()?);
        self.open.insert(number, Rc::clone(&unit));
        Some(unit)
    }

    /// The inlined calls at `address` in the function with that entry, outermost first.
    fn inlined(
        &self,
        unit: &Unit<Metered<'a>>,
        function: UnitOffset,
        address: u32,
    ) -> Result<Vec<Inlined>> {
        let dwarf = self.dwarf;
        let mut entries = unit.entries_raw(Some(function))?;
        let mut attributes = Vec::new();
        let mut calls: Vec<Inlined> = Vec::new();
        if let Some(function) = next_entry(dwarf, &mut entries)? {
            entries.skip_attributes(function.attributes())?;
        }
        while entries.next_depth() > 0 {
            let (entry, depth) = (entries.next_offset(), entries.next_depth());
            let Some(abbreviation) = next_entry(dwarf, &mut entries)? else {
                continue;
            };
            if abbreviation.tag() != dw::DW_TAG_inlined_subroutine {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
            let mut is_here = false;
            entry_ranges(dwarf, unit, &attributes, |range| {
                is_here |= range.contains(&address);
            })?;
            if !is_here {
                continue;
            }
            while calls.pop_if(|outer| outer.depth >= depth).is_some() {}
            if calls.len() == MAX_INLINED {
                return Ok(Vec::new());
            }
            calls.push(Inlined {
                entry,
                depth,
                site: call_site(&attributes),
            });
        }
        Ok(calls)
    }

    /// The name of the function that an entry is about or refers to.
    fn name(&mut self, mut number: usize, mut entry: UnitOffset) -> Option<String> {
        let (mut linkage, mut declared) = (None, None);
        for _ in 0..MAX_HOPS {
            let Some(unit) = self.open(number) else { break };
            let attributes = attributes_at(self.dwarf, &unit, entry).unwrap_or_default();
            let mut origin = None;
            for attribute in &attributes {
                let text = || names::text(self.dwarf, &unit, attribute.value());
                match attribute.name() {
                    dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => {
                        linkage = linkage.or_else(text);
                    }
                    dw::DW_AT_name => declared = declared.or_else(text),
                    dw::DW_AT_abstract_origin | dw::DW_AT_specification => {
                        origin = Some(attribute.value());
                    }
                    _ => {}
                }
            }
            match origin.filter(|_| linkage.is_none() || declared.is_none()) {
                Some(AttributeValue::UnitRef(offset)) => entry = offset,
                Some(AttributeValue::DebugInfoRef(offset)) => {
                    let Some(other) = self.units.around(offset) else {
                        break;
                    };
                    let Some(unit) = self.open(other) else { break };
                    let Some(offset) = offset.to_unit_offset(&unit.header) else {
                        break;
                    };
                    (number, entry) = (other, offset);
                }
                _ => break,
            }
        }
        names::preferred(linkage, declared)
    }
}

/// All attributes of the entry at `offset`.
fn attributes_at<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    offset: UnitOffset,
) -> Result<Vec<Attribute<Metered<'a>>>> {
    let mut attributes = Vec::new();
    let mut entries = unit.entries_raw(Some(offset))?;
    if let Some(entry) = next_entry(dwarf, &mut entries)? {
        entries.read_attributes(entry.attributes(), &mut attributes)?;
    }
    Ok(attributes)
}

fn call_site(attributes: &[Attribute<Metered<'_>>]) -> Option<Place> {
    let (mut file, mut line, mut column) = (None, 0, 0);
    for attribute in attributes {
        let value = || match attribute.value() {
            AttributeValue::FileIndex(index) => index,
            value => value.udata_value().unwrap_or(0),
        };
        match attribute.name() {
            dw::DW_AT_call_file => file = Some(number(value())),
            dw::DW_AT_call_line => line = number(value()),
            dw::DW_AT_call_column => column = number(value()),
            _ => {}
        }
    }
    file.map(|file| Place { file, line, column })
}
