//! Units: where their code is, and the tables that are made of them when one is asked for.

use std::ops::Range;

use gimli::{
    Abbreviation, AbbreviationsCacheStrategy, Attribute, AttributeValue, ColumnType,
    DebugInfoOffset, Dwarf, EntriesRaw, Unit, UnitHeader, UnitOffset, UnitType, constants as dw,
};

use super::Result;
use super::meter::{Metered, pay};
use super::ranges::{RangeMap, in_code};

/// What an item of a table costs beside what was read for it, in bytes: about its size.
const ITEM_BYTES: usize = 16;

/// The units of a module.
#[derive(Debug)]
pub(super) struct Units {
    /// In the order of their offsets.
    all: Vec<KnownUnit>,
    by_address: RangeMap<usize>,
}

#[derive(Debug)]
struct KnownUnit {
    offset: DebugInfoOffset,
    /// Made when first asked for.
    tables: Option<Tables>,
}

/// What is kept of a unit.
#[derive(Debug)]
pub(super) struct Tables {
    /// Where the functions' entries are.
    pub(super) functions: RangeMap<UnitOffset>,
    pub(super) lines: RangeMap<Place>,
}

/// A place in the source, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// An index into the file names of the unit.
    pub(super) file: u32,
    /// 0 if none.
    pub(super) line: u32,
    /// 0 if none.
    pub(super) column: u32,
}

impl Units {
    /// Finds all units and where their code is.
    pub(super) fn of(dwarf: &mut Dwarf<Metered<'_>>) -> Self {
        dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
        let mut all = Vec::new();
        let mut ranges = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            // The others hold types, or what is in a file of its own.
            let has_code = matches!(
                header.type_(),
                UnitType::Compilation | UnitType::Partial | UnitType::Skeleton(_)
            );
            let Some(offset) = header.debug_info_offset().filter(|_| has_code) else {
                continue;
            };
            let number = all.len();
            let _damaged = unit_ranges(dwarf, header, |range| ranges.push((range, number)));
            all.push(KnownUnit {
                offset,
                tables: None,
            });
        }
        Self {
            all,
            by_address: RangeMap::new(ranges),
        }
    }

    /// The number of the unit with the code at `address`.
    pub(super) fn at_address(&self, address: u32) -> Option<usize> {
        self.by_address.find(address)
    }

    /// The number of the unit around an offset in `.debug_info`.
    pub(super) fn around(&self, offset: DebugInfoOffset) -> Option<usize> {
        let after = self.all.partition_point(|unit| unit.offset.0 <= offset.0);
        after.checked_sub(1)
    }

    /// Reads a unit's header, root and file names once more.
    pub(super) fn open<'a>(
        &self,
        dwarf: &Dwarf<Metered<'a>>,
        number: usize,
    ) -> Result<Unit<Metered<'a>>> {
        let known = self.all.get(number).ok_or(gimli::Error::MissingUnitDie)?;
        open(dwarf, dwarf.unit_header(known.offset)?)
    }

    /// The tables of a unit, which are made if they are not there yet.
    pub(super) fn tables(
        &mut self,
        number: usize,
        dwarf: &Dwarf<Metered<'_>>,
        unit: &Unit<Metered<'_>>,
    ) -> Option<&Tables> {
        let known = self.all.get_mut(number)?;
        Some(known.tables.get_or_insert_with(|| Tables::of(dwarf, unit)))
    }
}

impl Tables {
    fn of(dwarf: &Dwarf<Metered<'_>>, unit: &Unit<Metered<'_>>) -> Self {
        let (mut functions, mut lines) = (Vec::new(), Vec::new());
        // Of damaged tables what comes before the damage is kept.
        let _damaged = find_functions(dwarf, unit, &mut functions);
        let _damaged = find_lines(dwarf, unit, &mut lines);
        Self {
            functions: RangeMap::new(functions),
            lines: RangeMap::new(lines),
        }
    }
}

/// Reads a unit's root and file names.
fn open<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    header: UnitHeader<Metered<'a>>,
) -> Result<Unit<Metered<'a>>> {
    let abbreviations = dwarf.abbreviations(&header)?;
    let mut entries = header.entries_raw(&abbreviations, None)?;
    // What follows reads all of the root's attributes.
    next_entry(dwarf, &mut entries)?;
    Unit::new_with_abbreviations(dwarf, header, abbreviations)
}

/// Starts to read an entry; `None` for the end of a list of entries. The attributes have to be read
/// or skipped next. They are paid for here: not all of them take up bytes, so that an entry of one
/// byte may have any number.
pub(super) fn next_entry<'u>(
    dwarf: &Dwarf<Metered<'_>>,
    entries: &mut EntriesRaw<'u, Metered<'_>>,
) -> Result<Option<&'u Abbreviation>> {
    let entry = entries.read_abbreviation()?;
    if let Some(entry) = entry {
        pay(dwarf, entry.attributes().len())?;
    }
    Ok(entry)
}

/// Finds the addresses of a unit's code.
fn unit_ranges<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    header: UnitHeader<Metered<'a>>,
    found: impl FnMut(Range<u32>),
) -> Result<()> {
    let unit = open(dwarf, header)?;
    let mut entries = unit.entries_raw(None)?;
    let mut attributes = Vec::new();
    if let Some(root) = next_entry(dwarf, &mut entries)? {
        entries.read_attributes(root.attributes(), &mut attributes)?;
    }
    entry_ranges(dwarf, &unit, &attributes, found)
}

/// Finds the addresses that an entry with those attributes is about.
pub(super) fn entry_ranges<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    attributes: &[Attribute<Metered<'a>>],
    mut found: impl FnMut(Range<u32>),
) -> Result<()> {
    let (mut start, mut end, mut len) = (None, None, None);
    for attribute in attributes {
        match attribute.name() {
            dw::DW_AT_low_pc => start = dwarf.attr_address(unit, attribute.value())?,
            dw::DW_AT_high_pc => match attribute.value() {
                AttributeValue::Udata(value) => len = Some(value),
                value => end = dwarf.attr_address(unit, value)?,
            },
            dw::DW_AT_ranges => {
                if let Some(mut ranges) = dwarf.attr_ranges(unit, attribute.value())? {
                    while let Some(range) = ranges.next()? {
                        pay(dwarf, ITEM_BYTES)?;
                        in_code(range.begin, range.end).map(&mut found);
                    }
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    let Some(start) = start else { return Ok(()) };
    let end = len.map_or(end, |len| start.checked_add(len));
    if let Some(range) = end.and_then(|end| in_code(start, end)) {
        pay(dwarf, ITEM_BYTES)?;
        found(range);
    }
    Ok(())
}

/// Finds the entries of functions that have code of their own.
fn find_functions<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    functions: &mut Vec<(Range<u32>, UnitOffset)>,
) -> Result<()> {
    let mut entries = unit.entries_raw(None)?;
    let mut attributes = Vec::new();
    while !entries.is_empty() {
        let offset = entries.next_offset();
        let Some(entry) = next_entry(dwarf, &mut entries)? else {
            continue;
        };
        if entry.tag() != dw::DW_TAG_subprogram {
            entries.skip_attributes(entry.attributes())?;
            continue;
        }
        entries.read_attributes(entry.attributes(), &mut attributes)?;
        entry_ranges(dwarf, unit, &attributes, |range| {
            functions.push((range, offset));
        })?;
    }
    Ok(())
}

/// Runs the line program: each row holds from its address to the next row's.
fn find_lines<'a>(
    dwarf: &Dwarf<Metered<'a>>,
    unit: &Unit<Metered<'a>>,
    lines: &mut Vec<(Range<u32>, Place)>,
) -> Result<()> {
    let Some(program) = unit.line_program.clone() else {
        return Ok(());
    };
    let mut rows = program.rows();
    // The row that holds so far, and whether it is the first of a sequence of code that is there.
    let mut last: Option<(u64, Place)> = None;
    let mut is_left_out = false;
    while let Some((_, row)) = rows.next_row()? {
        if last.is_none() {
            is_left_out = row.address() == 0;
        }
        let range = last.and_then(|(start, place)| Some((in_code(start, row.address())?, place)));
        if let Some((range, place)) = range.filter(|_| !is_left_out) {
            match lines.last_mut() {
                Some((before, same)) if before.end == range.start && *same == place => {
                    before.end = range.end;
                }
                _ => {
                    pay(dwarf, ITEM_BYTES)?;
                    lines.push((range, place));
                }
            }
        }
        last = (!row.end_sequence()).then(|| (row.address(), place_of(row)));
    }
    Ok(())
}

fn place_of(row: &gimli::LineRow) -> Place {
    Place {
        file: number(row.file_index()),
        line: row.line().map_or(0, |line| number(line.get())),
        column: match row.column() {
            ColumnType::LeftEdge => 0,
            ColumnType::Column(column) => number(column.get()),
        },
    }
}

/// The number, or 0 where none so large can be meant.
pub(super) fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
