//! A function's code as bytes that fit any module in which the function means the same.
//!
//! All numbers are LEB128. Offsets in the code are distances from the one before.
//!
//! ```text
//!   code_len, code
//!   cpu_features
//!   count × relocation { offset, kind, addend (zigzag), target, number }
//!   count × trap       { offset, code }
//!   count × address    { offset, wasm_offset - the one before (zigzag) }, from the body's start
//!   count × call       { return_offset, frame_bytes, vmctx_offset,
//!                        count × handler { catches, text_offset (not a distance) } }
//! ```
//!
//! Reading is total. What it gives is code that can be linked, and that refers to nothing its module
//! does not have ([`Reach`]), but not necessarily right code: for that, who reads vouches that the
//! bytes are what was written.

use cranelift_codegen::binemit::Reloc;
use precast_artifacts_format::{Catches, CpuFeatures, Handler, RuntimeSymbol, TrapCode};

use super::key::Subject;
use crate::env::{Reference, Throwing};
use crate::generate::{Call, Code, Relocation};
use crate::link::is_reference;

/// Kinds of relocations that are kept, by their numbers: all that the linker knows.
const KINDS: [Reloc; 8] = [
    Reloc::X86PCRel4,
    Reloc::X86CallPCRel4,
    Reloc::X86GOTPCRel4,
    Reloc::Arm64Call,
    Reloc::Aarch64AdrGotPage21,
    Reloc::Aarch64Ld64GotLo12Nc,
    Reloc::Aarch64AdrPrelPgHi21,
    Reloc::Aarch64AddAbsLo12Nc,
];

/// What relocations of all these kinds change, in bytes.
const FIELD_BYTES: u32 = 4;
/// What calls need of a frame to find the function's vmctx, in bytes.
const ADDRESS_BYTES: u32 = 8;

const DEFINED: u32 = 0;
const RUNTIME: u32 = 1;
const CONST_TABLE: u32 = 2;
const THROWING: u32 = 3;

/// What code may refer to in the module it becomes part of, and use of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// The module's tags, with those imported.
    pub(crate) tags: u32,
    /// Of all constant tables together.
    pub(crate) const_table_bytes: u32,
    /// Whether there are throwing trampolines.
    pub(crate) throws: bool,
    pub(crate) cpu_features: CpuFeatures,
}

/// The bytes for the code of `subject`. `None` if it has something that is not kept.
pub(crate) fn encode(code: &Code, subject: &Subject) -> Option<Vec<u8>> {
    let Code {
        bytes,
        relocations,
        traps,
        addresses,
        calls,
        cpu_features,
    } = code;
    let mut out = Writer(Vec::with_capacity(2 * bytes.len()));
    out.length(bytes.len());
    out.0.extend(bytes);
    out.number(cpu_features.bits());

    out.length(relocations.len());
    let mut last = 0;
    for relocation in relocations {
        let kind = KINDS.iter().position(|&kind| kind == relocation.kind)?;
        let (target, number) = match relocation.target {
            Reference::Defined(index) => {
                let number = subject.callees.iter().position(|&callee| callee == index)?;
                (DEFINED, number as u32)
            }
            Reference::Runtime(symbol) => (RUNTIME, symbol as u32),
            Reference::ConstTable(offset) => (CONST_TABLE, offset),
            Reference::Throwing(throwing) => (THROWING, throwing as u32),
        };
        out.number(u64::from(relocation.offset.checked_sub(last)?));
        last = relocation.offset;
        out.length(kind);
        out.signed(relocation.addend);
        out.number(target.into());
        out.number(number.into());
    }

    out.length(traps.len());
    let mut last = 0;
    for &(offset, code) in traps {
        out.number(u64::from(offset.checked_sub(last)?));
        last = offset;
        out.number(code as u64);
    }

    out.length(addresses.len());
    let (mut last, mut last_wasm) = (0, subject.body_offset);
    for &(offset, wasm_offset) in addresses {
        out.number(u64::from(offset.checked_sub(last)?));
        last = offset;
        out.signed(i64::from(wasm_offset) - i64::from(last_wasm));
        last_wasm = wasm_offset;
    }

    out.length(calls.len());
    let mut last = 0;
    for call in calls {
        out.number(u64::from(call.return_offset.checked_sub(last)?));
        last = call.return_offset;
        out.number(call.frame_bytes.into());
        out.number(call.vmctx_offset.into());
        out.length(call.handlers.len());
        for handler in &call.handlers {
            out.number(handler.catches.to_number()?.into());
            out.number(handler.text_offset.into());
        }
    }
    Some(out.0)
}

/// The code of `subject` that the bytes hold; `None` if they are damaged or another function's.
pub(crate) fn decode(record: &[u8], subject: &Subject, reach: &Reach) -> Option<Code> {
    let mut from = Reader(record);
    let len = from.length()?;
    let bytes = from.bytes(len)?.to_vec();
    let cpu_features = CpuFeatures::from_bits(from.number()?);

    let mut last = 0;
    let relocations = from.list(|from| {
        let offset = from.distance(&mut last)?;
        let kind = *KINDS.get(from.length()?)?;
        let addend = from.signed()?;
        let (target, number) = (from.number32()?, from.number32()?);
        let index = number as usize;
        let target = match target {
            DEFINED => Reference::Defined(*subject.callees.get(index)?),
            RUNTIME => Reference::Runtime(*RuntimeSymbol::ALL.get(index)?),
            CONST_TABLE if number <= reach.const_table_bytes => Reference::ConstTable(number),
            THROWING if reach.throws => Reference::Throwing(*Throwing::ALL.get(index)?),
            _ => return None,
        };
        let relocation = Relocation {
            offset,
            kind,
            addend,
            target,
        };
        is_reference(&bytes, &relocation).then_some(relocation)
    })?;

    let mut last = 0;
    let traps = from.list(|from| {
        let offset = from.distance(&mut last)?;
        let code = u8::try_from(from.number()?).ok()?;
        Some((offset, TrapCode::from_byte(code)?))
    })?;

    let (mut last, mut last_wasm) = (0, subject.body_offset);
    let addresses = from.list(|from| {
        let offset = from.distance(&mut last)?;
        let wasm_offset = i64::from(last_wasm).checked_add(from.signed()?)?;
        last_wasm = u32::try_from(wasm_offset).ok()?;
        Some((offset, last_wasm))
    })?;

    let mut last = 0;
    let calls = from.list(|from| {
        let return_offset = from.distance(&mut last)?;
        Some(Call {
            return_offset,
            frame_bytes: from.number32()?,
            vmctx_offset: from.number32()?,
            handlers: from.list(|from| {
                Some(Handler {
                    catches: Catches::from_number(from.number32()?),
                    text_offset: from.number32()?,
                })
            })?,
        })
    })?;
    let is_whole = from.0.is_empty();
    let body = u64::from(subject.body_offset);
    let body = body..body + u64::from(subject.body_bytes);
    let end = len as u64;
    let is_call_sound = |call: &Call| {
        // A call is in front of where it returns to.
        (1..=end).contains(&u64::from(call.return_offset))
            && call
                .vmctx_offset
                .checked_add(ADDRESS_BYTES)
                .is_some_and(|vmctx_end| vmctx_end <= call.frame_bytes)
    };
    let is_handler_sound = |handler: &Handler| {
        u64::from(handler.text_offset) < end
            && handler.catches.tag.is_none_or(|tag| tag < reach.tags)
    };
    let is_within = cpu_features.difference(reach.cpu_features).is_empty()
        && relocations.is_sorted_by(|a, b| a.offset + FIELD_BYTES <= b.offset)
        && traps.iter().all(|&(offset, _)| u64::from(offset) < end)
        && traps.is_sorted_by(|a, b| a.0 < b.0)
        && addresses.iter().all(|&(offset, _)| u64::from(offset) < end)
        && addresses.iter().all(|&(_, place)| body.contains(&place.into()))
        // Each is the start of what comes from another place.
        && addresses.is_sorted_by(|a, b| a.0 < b.0)
        // Calls return to different places.
        && calls.is_sorted_by(|a, b| a.return_offset < b.return_offset)
        && calls.iter().all(is_call_sound)
        && calls.iter().flat_map(|call| &call.handlers).all(is_handler_sound);
    (is_whole && is_within).then_some(Code {
        bytes,
        relocations,
        traps,
        addresses,
        calls,
        cpu_features,
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn number32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// `last` and the distance from it, which becomes the next one.
    fn distance(&mut self, last: &mut u32) -> Option<u32> {
        *last = last.checked_add(self.number32()?)?;
        Some(*last)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.length()?;
        // Each item takes two bytes or more.
        let mut items = Vec::with_capacity(len.min(self.0.len() / 2));
        for _ in 0..len {
            items.push(item(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            key: [0; 32],
            callees: vec![7, 3],
            body_offset: 100,
            body_bytes: 80,
        }
    }

    const REACH: Reach = Reach {
        tags: 3,
        const_table_bytes: 4096,
        throws: true,
        cpu_features: CpuFeatures::from_bits(1 << 40 | 1),
    };

    fn read(record: &[u8], subject: &Subject) -> Option<Code> {
        decode(record, subject, &REACH)
    }

    fn is_read(code: &Code) -> bool {
        read(&encode(code, &subject()).unwrap(), &subject()).is_some()
    }

    fn code() -> Code {
        let relocation = |offset, kind, target| Relocation {
            offset,
            kind,
            addend: -4,
            target,
        };
        let (call, slot) = (Reloc::X86CallPCRel4, Reloc::X86GOTPCRel4);
        let mut bytes: Vec<u8> = (0..200).collect();
        for (place, instruction) in [
            (0, &[0xe8][..]),
            (8, &[0xe8]),
            (17, &[0x48, 0x8b, 0x05]),
            (147, &[0x48, 0x8b, 0x0d]),
            (195, &[0xe9]),
        ] {
            bytes[place..][..instruction.len()].copy_from_slice(instruction);
            bytes[place + instruction.len()..][..4].fill(0);
        }
        let handler = |tag, keeps_reference, text_offset| Handler {
            catches: Catches {
                tag,
                keeps_reference,
            },
            text_offset,
        };
        Code {
            bytes,
            relocations: vec![
                relocation(1, call, Reference::Defined(3)),
                relocation(9, call, Reference::Defined(7)),
                relocation(20, slot, Reference::Runtime(RuntimeSymbol::MemoryGrow)),
                relocation(150, slot, Reference::ConstTable(4096)),
                relocation(196, call, Reference::Throwing(Throwing::Again)),
            ],
            traps: vec![(0, TrapCode::Unreachable), (199, TrapCode::StackOverflow)],
            addresses: vec![(0, 100), (5, 130), (180, 110)],
            calls: vec![Call {
                return_offset: 5,
                frame_bytes: 48,
                vmctx_offset: 8,
                handlers: vec![handler(Some(2), true, 170), handler(None, false, 16)],
            }],
            cpu_features: CpuFeatures::from_bits(1 << 40 | 1),
        }
    }

    fn parts(code: &Code) -> String {
        let relocations = code.relocations.iter();
        let relocations = relocations.map(|r| (r.offset, r.kind, r.addend, r.target));
        let calls = code.calls.iter();
        let calls = calls.map(|c| (c.return_offset, c.frame_bytes, c.vmctx_offset, &c.handlers));
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            code.bytes,
            relocations.collect::<Vec<_>>(),
            code.traps,
            code.addresses,
            calls.collect::<Vec<_>>(),
            code.cpu_features,
        )
    }

    #[test]
    fn what_is_written_is_read_back() {
        let record = encode(&code(), &subject()).unwrap();
        let read = self::read(&record, &subject()).unwrap();
        assert_eq!(parts(&read), parts(&code()));
    }

    #[test]
    fn callees_and_places_are_those_of_who_reads() {
        let record = encode(&code(), &subject()).unwrap();
        let moved = Subject {
            callees: vec![8, 4],
            body_offset: 1100,
            ..subject()
        };
        let read = self::read(&record, &moved).unwrap();
        assert_eq!(read.relocations[0].target, Reference::Defined(4));
        assert_eq!(read.relocations[1].target, Reference::Defined(8));
        assert_eq!(read.addresses, [(0, 1100), (5, 1130), (180, 1110)]);
    }

    #[test]
    fn what_a_body_does_not_name_is_not_kept() {
        let stranger = Subject {
            callees: vec![7],
            ..subject()
        };
        assert!(encode(&code(), &stranger).is_none());
        let record = encode(&code(), &subject()).unwrap();
        assert!(read(&record, &stranger).is_none());
        let mut unknown = code();
        unknown.relocations[0].kind = Reloc::Abs8;
        assert!(encode(&unknown, &subject()).is_none());
    }

    #[test]
    fn what_the_module_does_not_have_is_not_referred_to() {
        assert!(is_read(&code()));
        let record = encode(&code(), &subject()).unwrap();
        let lesser: [fn(&mut Reach); 4] = [
            |reach| reach.tags = 2,
            |reach| reach.const_table_bytes = 4095,
            |reach| reach.throws = false,
            |reach| reach.cpu_features = CpuFeatures::from_bits(1),
        ];
        for change in lesser {
            let mut reach = REACH;
            change(&mut reach);
            assert!(decode(&record, &subject(), &reach).is_none(), "{reach:?}");
        }
        let mut short = subject();
        short.body_bytes = 30;
        assert!(
            read(&record, &short).is_none(),
            "an operator behind the body"
        );
        let mut late = code();
        late.addresses[2].1 = 99;
        assert!(!is_read(&late), "an operator in front of the body");
    }

    #[test]
    fn relocations_change_what_is_to_be_changed() {
        let changes: [fn(&mut Relocation); 5] = [
            |it| it.offset += 1,
            |it| it.addend = -3,
            |it| it.kind = Reloc::X86GOTPCRel4,
            |it| it.kind = Reloc::Arm64Call,
            |it| it.target = Reference::Runtime(RuntimeSymbol::MemoryGrow),
        ];
        for change in changes {
            let mut changed = code();
            change(&mut changed.relocations[1]);
            assert!(!is_read(&changed));
        }
        let mut twice = code();
        twice.relocations[1].offset = 1;
        assert!(!is_read(&twice), "the same place");
    }

    #[test]
    fn calls_are_in_front_of_where_they_return_to_and_find_their_vmctx() {
        let changes: [fn(&mut Call); 4] = [
            |call| call.return_offset = 0,
            |call| call.return_offset = 201,
            |call| call.vmctx_offset = 41,
            |call| call.handlers[1].text_offset = 200,
        ];
        for change in changes {
            let mut changed = code();
            change(&mut changed.calls[0]);
            assert!(!is_read(&changed));
        }
        let mut twice = code();
        twice.calls.extend(code().calls);
        assert!(!is_read(&twice), "the same place");
    }

    #[test]
    fn damaged_records_are_refused_or_can_be_linked() {
        let record = encode(&code(), &subject()).unwrap();
        for len in 0..record.len() {
            assert!(read(&record[..len], &subject()).is_none(), "{len} bytes");
        }
        for index in 0..record.len() {
            for bit in 0..8 {
                let mut damaged = record.clone();
                damaged[index] ^= 1 << bit;
                let Some(read) = read(&damaged, &subject()) else {
                    continue;
                };
                let end = read.bytes.len();
                for relocation in read.relocations {
                    assert!((relocation.offset + FIELD_BYTES) as usize <= end);
                }
                assert!(read.addresses.is_sorted_by(|a, b| a.0 < b.0));
                assert!(
                    read.addresses
                        .iter()
                        .all(|&(offset, _)| (offset as usize) < end)
                );
                let mut handlers = read.calls.iter().flat_map(|call| &call.handlers);
                assert!(handlers.all(|handler| (handler.text_offset as usize) < end));
            }
        }
        let endless = [
            0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ];
        assert!(read(&endless, &subject()).is_none());
    }
}
