//! `precast inspect --disasm`: machine code beside where it comes from and what it refers to.
//!
//! Offsets in the text are those that `objdump -d` prints, and so is the syntax.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use anyhow::{Result, bail};
use iced_x86::{Formatter as _, GasFormatter, Instruction, OpKind};
use precast_artifacts_format::{Arch, Artifact, CodeSymbol, ExternIndex, Section};
use serde::Serialize;

use super::artifact::trampolines;
use super::decode::{Piece, decode};

/// How many functions a message lists.
const LISTED_NAMES: usize = 5;
/// How many handlers are looked at, for each byte of the table that has them.
const MAX_HANDLERS_PER_BYTE: usize = 64;
/// Bytes of data in a line, which starts on a multiple of that.
const DATA_LINE_BYTES: usize = 8;

/// The machine code of a function or a trampoline.
#[derive(Debug, Serialize)]
pub struct DisasmReport {
    file: String,
    name: String,
    /// Of the function in the module; none for a trampoline.
    index: Option<u32>,
    text_offset: u32,
    code_bytes: u32,
    lines: Vec<Line>,
}

/// An instruction, or data between them.
#[derive(Debug, Serialize)]
struct Line {
    text_offset: u32,
    /// In hexadecimal.
    bytes: String,
    text: String,
    /// Where the instruction comes from in the module; none for data behind the code.
    wasm_offset: Option<u32>,
    /// What it refers to, why it may trap, where exceptions go on.
    notes: Vec<String>,
}

impl DisasmReport {
    /// The function, or the trampoline, that is `wanted` by index or name.
    ///
    /// # Errors
    ///
    /// If there is none or several, or if the code is not for x86-64.
    pub fn new(file: &str, artifact: &Artifact<'_>, wanted: &str) -> Result<Self> {
        let names = Names::new(artifact);
        let place = names.find(wanted)?;
        let target = artifact.note().target;
        if target.arch != Arch::X86_64 {
            bail!(
                "precast shows machine code of x86-64 only, and this is for {target}; \
                 `objdump -d --start-address={:#x} --stop-address={:#x}` of binutils for that \
                 machine shows it",
                place.text_offset,
                place.text_offset.saturating_add(place.code_bytes)
            );
        }
        Ok(Self {
            file: file.to_owned(),
            lines: lines(artifact, &names, &place),
            name: place.name,
            index: place.index,
            text_offset: place.text_offset,
            code_bytes: place.code_bytes,
        })
    }
}

/// A piece of code in the text.
struct Place {
    name: String,
    index: Option<u32>,
    text_offset: u32,
    code_bytes: u32,
}

/// What is where in the text and behind it.
struct Names<'a> {
    artifact: &'a Artifact<'a>,
    imported: u32,
    /// In the order of the text.
    trampolines: Vec<CodeSymbol<'a>>,
    /// Where constant tables start and end in their section, and which they are; in order.
    tables: Vec<(u64, u64, u64)>,
}

impl<'a> Names<'a> {
    fn new(artifact: &'a Artifact<'a>) -> Self {
        let imported = artifact.manifest().imported();
        let tables = u64::from(imported.tables)..;
        let mut tables: Vec<_> = (artifact.manifest().tables.iter().zip(tables))
            .filter_map(|(table, index)| {
                let start = u64::from(table.constant?.offset);
                Some((start, start + u64::from(table.constant?.len), index))
            })
            .collect();
        tables.sort_unstable();
        Self {
            artifact,
            imported: imported.funcs,
            trampolines: trampolines(artifact).1,
            tables,
        }
    }

    /// What is wanted by index or name.
    fn find(&self, wanted: &str) -> Result<Place> {
        let functions = self.imported as usize + self.artifact.funcs().len();
        if let Ok(index) = wanted.parse::<u32>() {
            let Some(defined) = index.checked_sub(self.imported) else {
                bail!("function {index} is imported, so that its code is elsewhere");
            };
            return match self.function(defined) {
                Some(place) => Ok(place),
                None => bail!("there is no function {index}: the module has {functions}"),
            };
        }
        let defined = 0..self.artifact.funcs().len() as u32;
        let named = |index: &u32| self.artifact.function_name(*index) == Some(wanted);
        let mut found: Vec<u32> = defined.clone().filter(named).collect();
        if found.is_empty() {
            let exports = self.artifact.manifest().exports.iter();
            found.extend(exports.filter_map(|export| match export.index {
                ExternIndex::Func(index) if export.name == wanted => {
                    index.checked_sub(self.imported)
                }
                _ => None,
            }));
        }
        match *found {
            [defined] => {
                if let Some(place) = self.function(defined) {
                    return Ok(place);
                }
            }
            [] => {
                let mut trampolines = self.trampolines.iter();
                if let Some(found) = trampolines.find(|it| it.name == wanted) {
                    return Ok(Place {
                        name: found.name.to_owned(),
                        index: None,
                        text_offset: found.text_offset,
                        code_bytes: found.code_bytes,
                    });
                }
            }
            _ => bail!(
                "several functions have the name {wanted:?}; take one by its index: {}",
                self.list(found.into_iter())
            ),
        }
        let similar: Vec<u32> = defined
            .filter(|&index| {
                let name = self.artifact.function_name(index);
                name.is_some_and(|name| name.contains(wanted))
            })
            .collect();
        if similar.is_empty() {
            bail!("no function has the name {wanted:?}; `--functions` lists them");
        }
        bail!(
            "no function has the name {wanted:?}, but it is a part of: {}",
            self.list(similar.into_iter())
        );
    }

    /// The first of these defined functions, by index and name.
    fn list(&self, defined: impl ExactSizeIterator<Item = u32>) -> String {
        let more = defined.len().saturating_sub(LISTED_NAMES);
        let mut list = Vec::new();
        for defined in defined.take(LISTED_NAMES) {
            let index = self.imported.saturating_add(defined);
            list.push(format!("{index} {}", self.name_of(defined).escape_debug()));
        }
        if more > 0 {
            list.push(format!("{more} more"));
        }
        list.join(", ")
    }

    fn name_of(&self, defined: u32) -> String {
        match self.artifact.function_name(defined) {
            Some(name) => name.to_owned(),
            None => format!("func[{}]", self.imported.saturating_add(defined)),
        }
    }

    fn function(&self, defined: u32) -> Option<Place> {
        let funcs = self.artifact.funcs();
        let text_offset = funcs.get(defined)?.text_offset;
        Some(Place {
            name: self.name_of(defined),
            index: Some(self.imported.saturating_add(defined)),
            text_offset,
            code_bytes: funcs.end_of(defined)?.saturating_sub(text_offset),
        })
    }

    /// What is at an address, which counts from the start of `.text`: code, a slot, or a table.
    fn at(&self, address: u64) -> Option<String> {
        let file_address = address.checked_add(self.artifact.file_offset(Section::Text))?;
        let within = |section| {
            let offset = file_address.checked_sub(self.artifact.file_offset(section))?;
            let len = self.artifact.section(section).len() as u64;
            (offset < len).then_some(offset)
        };
        if let Some(offset) = within(Section::Got) {
            let slot = usize::try_from(offset / 8).ok()?;
            let name = self.artifact.manifest().got.get(slot)?;
            return Some(format!("{} in .got", name.escape_debug()));
        }
        if let Some(offset) = within(Section::Tables) {
            let next = self.tables.partition_point(|it| it.0 <= offset);
            let table = next.checked_sub(1).and_then(|at| self.tables.get(at));
            return Some(match table {
                Some((_, end, index)) if offset < *end => format!("constant table {index}"),
                _ => format!("constant tables+{offset:#x}"),
            });
        }
        let text_offset = u32::try_from(within(Section::Text)?).ok()?;
        let funcs = self.artifact.funcs();
        let (name, start) = match funcs.find(text_offset) {
            Some(defined) => (self.name_of(defined), funcs.get(defined)?.text_offset),
            None => {
                let known = &self.trampolines;
                let next = known.partition_point(|it| it.text_offset <= text_offset);
                let found = known.get(next.checked_sub(1)?)?;
                (found.name.to_owned(), found.text_offset)
            }
        };
        Some(match text_offset - start {
            0 => name.escape_debug().to_string(),
            offset => format!("{}+{offset:#x}", name.escape_debug()),
        })
    }
}

fn lines(artifact: &Artifact<'_>, names: &Names<'_>, place: &Place) -> Vec<Line> {
    let (start, end) = (
        place.text_offset,
        place.text_offset.saturating_add(place.code_bytes),
    );
    let text = artifact.section(Section::Text);
    let code = text.get(start as usize..end as usize).unwrap_or_default();
    let is_in = |offset: &u32| (start..end).contains(offset);
    let addresses: Vec<(u32, u32)> = (artifact.address_map().iter())
        .skip_while(|(offset, _)| *offset < start)
        .take_while(|(offset, _)| is_in(offset))
        .collect();
    let unwind = artifact.unwind();
    let handlers: BTreeSet<u32> = unwind
        .return_offsets()
        .filter(is_in)
        .filter_map(|offset| unwind.lookup(offset))
        .flat_map(|call| call.handlers())
        // Calls share lists. Were all to share a long one, as in no real function, it would take forever.
        .take(MAX_HANDLERS_PER_BYTE * artifact.section(Section::Unwind).len())
        .map(|handler| handler.text_offset)
        .filter(is_in)
        .collect();
    let handlers: Vec<u32> = handlers.into_iter().collect();
    let borders: Vec<u32> = addresses.iter().map(|&(offset, _)| offset).collect();
    let mut printer = Printer::new(artifact, names, place, code, &addresses);
    for piece in decode(code, start, &handlers, &borders) {
        printer.piece(&piece);
    }
    printer.lines
}

/// Makes the lines.
struct Printer<'a> {
    artifact: &'a Artifact<'a>,
    names: &'a Names<'a>,
    place: &'a Place,
    code: &'a [u8],
    /// Those of the address map in the function.
    addresses: &'a [(u32, u32)],
    formatter: GasFormatter,
    lines: Vec<Line>,
}

impl<'a> Printer<'a> {
    fn new(
        artifact: &'a Artifact<'a>,
        names: &'a Names<'a>,
        place: &'a Place,
        code: &'a [u8],
        addresses: &'a [(u32, u32)],
    ) -> Self {
        let mut formatter = GasFormatter::new();
        let options = formatter.options_mut();
        options.set_branch_leading_zeros(false);
        options.set_uppercase_hex(false);
        options.set_small_hex_numbers_in_decimal(false);
        options.set_rip_relative_addresses(true);
        Self {
            artifact,
            names,
            place,
            code,
            addresses,
            formatter,
            lines: Vec::new(),
        }
    }

    fn piece(&mut self, piece: &Piece) {
        match *piece {
            Piece::Instruction(ref instruction) => self.instruction(instruction),
            Piece::TableEntry {
                text_offset,
                distance,
                target,
            } => {
                let text = format!(".long {distance:#x}");
                self.line(text_offset, 4, text, vec![format!("to {target:#x}")]);
            }
            Piece::Data { text_offset, len } => {
                let first = self.lines.len();
                self.data(text_offset, len);
                for line in self.lines.iter_mut().skip(first) {
                    line.wasm_offset = None;
                }
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let mut text = String::new();
        self.formatter.format(instruction, &mut text);
        let text_offset = instruction.ip() as u32;
        let mut notes = Vec::new();
        let is_branch =
            instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64;
        let is_call = instruction.is_call_near();
        if is_branch && (is_call || !self.is_inside(instruction.near_branch_target())) {
            notes.extend(self.names.at(instruction.near_branch_target()));
        }
        if instruction.is_ip_rel_memory_operand() {
            let address = instruction.ip_rel_memory_address();
            if self.is_inside(address) {
                notes.push(format!("at {address:#x}"));
            } else {
                notes.extend(self.names.at(address));
            }
        }
        if let Some(trap) = self.artifact.traps().lookup(text_offset) {
            notes.push(format!("traps: {trap}"));
        }
        if let Some(call) = self.artifact.unwind().lookup(instruction.next_ip() as u32) {
            for handler in call.handlers().take(LISTED_NAMES) {
                notes.push(format!("exceptions go on at {:#x}", handler.text_offset));
            }
        }
        self.line(text_offset, instruction.len(), text, notes);
    }

    fn is_inside(&self, address: u64) -> bool {
        let start = u64::from(self.place.text_offset);
        (start..start + self.code.len() as u64).contains(&address)
    }

    /// Data, in lines that start where constants may; what pads the function in one line.
    fn data(&mut self, text_offset: u32, len: u32) {
        let place = (text_offset - self.place.text_offset) as usize;
        let bytes = self.code.get(place..).unwrap_or_default();
        let mut bytes = bytes.get(..len as usize).unwrap_or(bytes);
        if place + bytes.len() == self.code.len() && bytes.iter().all(|byte| *byte == 0) {
            let text = format!(".zero {}", bytes.len());
            return self.line(text_offset, bytes.len(), text, Vec::new());
        }
        let mut offset = text_offset;
        while !bytes.is_empty() {
            let to_border = DATA_LINE_BYTES - offset as usize % DATA_LINE_BYTES;
            let (line, rest) = bytes.split_at(to_border.min(bytes.len()));
            let list: Vec<_> = line.iter().map(|byte| format!("{byte:#04x}")).collect();
            let text = format!(".byte {}", list.join(", "));
            self.line(offset, line.len(), text, Vec::new());
            offset += line.len() as u32;
            bytes = rest;
        }
    }

    fn line(&mut self, text_offset: u32, len: usize, text: String, notes: Vec<String>) {
        let place = (text_offset - self.place.text_offset) as usize;
        let bytes = self.code.get(place..).unwrap_or_default().iter().take(len);
        let mut hex = String::new();
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        let next = self.addresses.partition_point(|it| it.0 <= text_offset);
        let address = next.checked_sub(1).and_then(|at| self.addresses.get(at));
        self.lines.push(Line {
            text_offset,
            bytes: hex,
            text,
            wasm_offset: address.map(|&(_, wasm_offset)| wasm_offset),
            notes,
        });
    }
}

impl fmt::Display for DisasmReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}: function {index} ", self.file)?,
            None => write!(f, "{}: ", self.file)?,
        }
        writeln!(
            f,
            "{}, {} bytes at {:#x} of .text\n\n      wasm      text  code",
            self.name.escape_debug(),
            self.code_bytes,
            self.text_offset
        )?;
        let mut last = None;
        for line in &self.lines {
            // Said where it changes.
            let wasm = match line.wasm_offset {
                Some(offset) if last != Some(offset) => format!("{offset:#x}"),
                _ => String::new(),
            };
            last = line.wasm_offset;
            write!(f, "  {wasm:>8}  {:>#8x}  {}", line.text_offset, line.text)?;
            if line.notes.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, "  # {}", line.notes.join("; "))?;
            }
        }
        Ok(())
    }
}
