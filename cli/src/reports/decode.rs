//! Machine code of x86-64 told from the data that lie between it.
//!
//! A function holds jump tables and constants, too. Decoding therefore follows the control flow
//! from the places where code is known to start, and takes what it never reaches for data:
//!
//! ```text
//! until no start is left:
//!     decode from it up to an instruction that does not go on; targets of branches are starts
//!     if none is left: the entries of the next jump table are starts, and what follows it is one
//!     if none is left: places whose address is taken are starts
//! ```
//!
//! A jump table stands right behind its jump, and an instruction before that has taken its address.
//! It has an entry of 32 bits for each target: the distance from the start of the table. Nothing says
//! how many there are. Code follows, maybe with a jump that nothing reaches; see [`Flow::read_table`].
//! Other places whose address is taken are code, too: where execution goes on after a trap.

use std::collections::HashSet;

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction};

const TABLE_ENTRY_BYTES: usize = 4;

/// A piece of a function. Offsets count from the start of `.text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Instruction(Instruction),
    /// An entry of a jump table, and where it leads.
    TableEntry {
        text_offset: u32,
        /// From the start of the table.
        distance: i32,
        target: u32,
    },
    /// Constants, padding, or what was not recognised.
    Data {
        text_offset: u32,
        len: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unknown,
    /// The first byte of an instruction.
    Instruction,
    /// The first byte of an entry of a jump table.
    TableEntry,
    /// A later byte of either.
    Rest,
}

/// Takes the code of a function apart. It starts at `text_offset`, where code starts, as it does at
/// `starts`. No instruction and no table crosses any of `borders`, which ascend.
pub(super) fn decode(code: &[u8], text_offset: u32, starts: &[u32], borders: &[u32]) -> Vec<Piece> {
    let mut flow = Flow {
        code,
        text_offset,
        marks: vec![Mark::Unknown; code.len()],
        starts: Vec::new(),
        addresses: HashSet::new(),
        others: Vec::new(),
        tables: Vec::new(),
    };
    for &start in starts.iter().chain([&text_offset]) {
        flow.start_at(start.into());
    }
    loop {
        if let Some(start) = flow.starts.pop() {
            flow.follow(start);
        } else if let Some(table) = flow.tables.pop() {
            let offset = text_offset.saturating_add(table as u32);
            let border = borders.partition_point(|&border| border <= offset);
            let border = borders.get(border).map_or(code.len(), |&border| {
                (border.saturating_sub(text_offset) as usize).min(code.len())
            });
            flow.read_table(table, border);
        } else if let Some(place) = flow.others.pop() {
            flow.starts.push(place);
        } else {
            return flow.pieces();
        }
    }
}

/// The control flow as far as it is known. Places count from the start of the function.
struct Flow<'a> {
    code: &'a [u8],
    text_offset: u32,
    marks: Vec<Mark>,
    starts: Vec<usize>,
    /// Places whose address the code takes.
    addresses: HashSet<usize>,
    /// Those that have not been looked at since.
    others: Vec<usize>,
    tables: Vec<usize>,
}

impl Flow<'_> {
    /// The place in the function of an offset in the text, if it is in the function.
    fn place(&self, text_offset: u64) -> Option<usize> {
        let place = text_offset.checked_sub(self.text_offset.into())?;
        let place = usize::try_from(place).ok()?;
        (place < self.code.len()).then_some(place)
    }

    fn start_at(&mut self, text_offset: u64) {
        let place = self.place(text_offset);
        self.starts.extend(place);
    }

    fn instruction_at(&self, place: usize) -> Instruction {
        let rest = self.code.get(place..).unwrap_or_default();
        let ip = u64::from(self.text_offset) + place as u64;
        Decoder::with_ip(64, rest, ip, DecoderOptions::NONE).decode()
    }

    fn is_free(&self, place: usize) -> bool {
        self.marks.get(place) == Some(&Mark::Unknown)
    }

    /// Marks bytes that nothing else has marked; says whether they were such.
    fn mark(&mut self, place: usize, len: usize, mark: Mark) -> bool {
        let Some(marks) = self.marks.get_mut(place..place.saturating_add(len)) else {
            return false;
        };
        let is_free = marks.iter().all(|&mark| mark == Mark::Unknown);
        if let (true, Some((first, rest))) = (is_free, marks.split_first_mut()) {
            *first = mark;
            rest.fill(Mark::Rest);
        }
        is_free
    }

    fn follow(&mut self, mut place: usize) {
        loop {
            let instruction = self.instruction_at(place);
            let len = instruction.len();
            if instruction.is_invalid() || !self.mark(place, len, Mark::Instruction) {
                return;
            }
            place += len;
            if instruction.code() == Code::Lea_r64_m && instruction.is_ip_rel_memory_operand() {
                let address = self.place(instruction.ip_rel_memory_address());
                self.addresses.extend(address);
                self.others.extend(address);
            }
            match instruction.flow_control() {
                FlowControl::Next
                | FlowControl::Call
                | FlowControl::IndirectCall
                | FlowControl::Interrupt => {}
                FlowControl::ConditionalBranch => self.start_at(instruction.near_branch_target()),
                FlowControl::UnconditionalBranch => {
                    return self.start_at(instruction.near_branch_target());
                }
                FlowControl::IndirectBranch => {
                    if self.addresses.contains(&place) {
                        self.tables.push(place);
                    }
                    return;
                }
                FlowControl::Return | FlowControl::Exception | FlowControl::XbeginXabortXend => {
                    return;
                }
            }
        }
    }

    /// Reads the table at `table`. It ends at `border`, or before that at the first place that one
    /// of its entries leads to, at an entry that leads nowhere, or at a jump to a known place.
    fn read_table(&mut self, table: usize, border: usize) {
        let mut end = border;
        let mut place = table;
        let mut targets = HashSet::new();
        while place + TABLE_ENTRY_BYTES <= end && !self.is_known_jump(place, &targets) {
            let Some((_, target)) = self.entry(table, place) else {
                break;
            };
            if !self.mark(place, TABLE_ENTRY_BYTES, Mark::TableEntry) {
                break;
            }
            self.starts.push(target);
            targets.insert(target);
            if target > table {
                end = end.min(target);
            }
            place += TABLE_ENTRY_BYTES;
        }
        if self.is_free(place) {
            self.starts.push(place);
        }
    }

    /// Whether the bytes at `place` are a jump to known code, or to one of `targets`. Those of a table
    /// are hardly ever.
    fn is_known_jump(&self, place: usize, targets: &HashSet<usize>) -> bool {
        let instruction = self.instruction_at(place);
        let target = self.place(instruction.near_branch_target());
        instruction.code() == Code::Jmp_rel32_64
            && target.is_some_and(|target| {
                self.marks.get(target) == Some(&Mark::Instruction) || targets.contains(&target)
            })
    }

    /// The entry at `place` of the table at `table`, and where it leads, if that is in the function.
    fn entry(&self, table: usize, place: usize) -> Option<(i32, usize)> {
        let entry = self.code.get(place..)?.first_chunk()?;
        let distance = i32::from_le_bytes(*entry);
        let target = table.checked_add_signed(distance as isize)?;
        (target < self.code.len()).then_some((distance, target))
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut table = None;
        let mut place = 0;
        while let Some(&mark) = self.marks.get(place) {
            let text_offset = self.text_offset.saturating_add(place as u32);
            let is_entry = mark == Mark::TableEntry;
            if !is_entry || self.addresses.contains(&place) {
                table = is_entry.then_some(place);
            }
            place += match (mark, table) {
                (Mark::Instruction, _) => {
                    let instruction = self.instruction_at(place);
                    pieces.push(Piece::Instruction(instruction));
                    instruction.len()
                }
                (Mark::TableEntry, Some(table)) => {
                    let (distance, target) = self.entry(table, place).unwrap_or((0, table));
                    pieces.push(Piece::TableEntry {
                        text_offset,
                        distance,
                        target: self.text_offset.saturating_add(target as u32),
                    });
                    TABLE_ENTRY_BYTES
                }
                _ => {
                    let rest = self.marks.iter().skip(place + 1);
                    let is_data = |mark: &&Mark| matches!(mark, Mark::Unknown | Mark::Rest);
                    let len = 1 + rest.take_while(is_data).count();
                    pieces.push(Piece::Data {
                        text_offset,
                        len: len as u32,
                    });
                    len
                }
            };
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each piece as the place where it starts and what it is.
    fn shown(pieces: &[Piece]) -> Vec<String> {
        let show = |piece: &Piece| match piece {
            Piece::Instruction(it) => format!("{:#x} {:?}", it.ip(), it.mnemonic()),
            Piece::TableEntry {
                text_offset,
                target,
                ..
            } => format!("{text_offset:#x} to {target:#x}"),
            Piece::Data { text_offset, len } => format!("{text_offset:#x} {len} bytes"),
        };
        pieces.iter().map(show).collect()
    }

    /// A jump through a table of two entries; behind it a jump that nothing reaches, whose bytes
    /// could be an entry, since the function is so large.
    fn with_table() -> Vec<u8> {
        let mut code = vec![0x48, 0x8d, 0x0d, 2, 0, 0, 0]; // lea rcx, [rip + 2]
        code.extend([0xff, 0xe1]); // jmp rcx
        code.extend([33, 0, 0, 0, 34, 0, 0, 0]);
        code.extend([0xe9, 0x14, 0, 0, 0]); // jmp 42
        code.resize(42, 0);
        code.extend([0x90, 0xc3]); // nop, ret
        code.resize(0x2000, 0);
        code
    }

    #[test]
    fn a_jump_table_ends_where_a_jump_to_known_code_follows() {
        let pieces = decode(&with_table(), 0x100, &[], &[]);
        let expected = [
            "0x100 Lea",
            "0x107 Jmp",
            "0x109 to 0x12a",
            "0x10d to 0x12b",
            "0x111 Jmp",
            "0x116 20 bytes",
            "0x12a Nop",
            "0x12b Ret",
            "0x12c 8148 bytes",
        ];
        assert_eq!(shown(&pieces), expected);
    }

    #[test]
    fn a_jump_table_ends_at_a_border() {
        let pieces = decode(&with_table(), 0x100, &[], &[0x100, 0x10d]);
        assert!(shown(&pieces).contains(&"0x109 to 0x12a".to_owned()));
        assert!(!shown(&pieces).contains(&"0x10d to 0x12b".to_owned()));
    }

    #[test]
    fn code_that_only_handlers_reach_is_found() {
        let code = [0xc3, 0xff, 0x90, 0xc3];
        let expected = ["0x0 Ret", "0x1 1 bytes", "0x2 Nop", "0x3 Ret"];
        assert_eq!(shown(&decode(&code, 0, &[2, 77], &[])), expected);
    }

    #[test]
    fn any_bytes_are_taken_apart_without_gap_or_overlap() {
        let mut state = 1_u64;
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        for round in 0..500 {
            let mut code: Vec<u8> = (0..round).map(|_| byte()).collect();
            // Random bytes hardly ever are a jump through a table.
            for (place, known) in code.iter_mut().zip(with_table()) {
                if round % 2 == 0 && byte() > 16 {
                    *place = known;
                }
            }
            let start = 0x40;
            let mut next = start;
            for piece in decode(&code, start, &[start + 7], &[start + 90]) {
                let (text_offset, len) = match piece {
                    Piece::Instruction(it) => (it.ip() as u32, it.len() as u32),
                    Piece::TableEntry { text_offset, .. } => (text_offset, 4),
                    Piece::Data { text_offset, len } => (text_offset, len),
                };
                assert_eq!(text_offset, next);
                next += len;
            }
            assert_eq!(next - start, round);
        }
    }
}
