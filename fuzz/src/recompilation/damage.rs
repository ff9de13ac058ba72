//! What was kept of functions, with one field of one record changed, or records under each other's
//! keys, and a digest that is right.
//!
//! The layout is read here once more, from its description (`compiler/src/incremental/record.rs`), so
//! that each field can be told from the others.

use arbitrary::{Result, Unstructured};
use precast_compiler::Functions;

/// In front of the records: what the file is, and the compiler's identity.
const HEADER_BYTES: usize = 16 + blake3::OUT_LEN;

/// The fields of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    CodeLen,
    CpuFeatures,
    Relocations,
    RelocationOffset,
    RelocationKind,
    RelocationAddend,
    RelocationTarget,
    RelocationNumber,
    Traps,
    TrapOffset,
    TrapCode,
    Addresses,
    AddressOffset,
    AddressPlace,
    Calls,
    ReturnOffset,
    FrameBytes,
    VmctxOffset,
    Handlers,
    HandlerCatches,
    HandlerOffset,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::CodeLen,
        Self::CpuFeatures,
        Self::Relocations,
        Self::RelocationOffset,
        Self::RelocationKind,
        Self::RelocationAddend,
        Self::RelocationTarget,
        Self::RelocationNumber,
        Self::Traps,
        Self::TrapOffset,
        Self::TrapCode,
        Self::Addresses,
        Self::AddressOffset,
        Self::AddressPlace,
        Self::Calls,
        Self::ReturnOffset,
        Self::FrameBytes,
        Self::VmctxOffset,
        Self::Handlers,
        Self::HandlerCatches,
        Self::HandlerOffset,
    ];
}

/// A record: its code, and the numbers before and after that, in their order.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) code: Vec<u8>,
    pub(super) numbers: Vec<(Field, u64)>,
}

/// Keys and what is kept under them.
pub(super) struct Kept<'a> {
    header: &'a [u8],
    records: Vec<([u8; 32], Record)>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(functions: &'a Functions) -> Self {
        let records = functions.records();
        Self {
            header: &functions.as_bytes()[..HEADER_BYTES],
            records: records
                .map(|(key, record)| (*key, Record::read(record)))
                .collect(),
        }
    }

    /// The same with one thing changed: the functions, which field that was, if it was one, and the
    /// record as it is now.
    pub(super) fn damaged(
        &self,
        u: &mut Unstructured<'_>,
    ) -> Result<Option<(Functions, Option<Field>, Record)>> {
        if self.records.is_empty() {
            return Ok(None);
        }
        let mut records = self.records.clone();
        if u.ratio(1, 10)? {
            let (one, other) = (
                u.choose_index(records.len())?,
                u.choose_index(records.len())?,
            );
            let record = records[other].1.clone();
            records[one].1 = record.clone();
            return Ok(Some((self.put_together(&records), None, record)));
        }
        // What is rare is damaged as often as what is not.
        let mut places: Vec<(Field, usize, usize)> = Vec::new();
        for (index, (_, record)) in records.iter().enumerate() {
            let fields = record.numbers.iter().map(|&(field, _)| field).enumerate();
            places.extend(fields.map(|(place, field)| (field, index, place)));
        }
        let mut fields: Vec<Field> = places.iter().map(|&(field, ..)| field).collect();
        fields.sort_unstable();
        fields.dedup();
        let field = *u.choose(&fields)?;
        places.retain(|&(it, ..)| it == field);
        let &(_, index, place) = u.choose(&places)?;
        let record = &mut records[index].1;
        let code_bytes = record.code.len() as u64;
        let number = &mut record.numbers[place].1;
        let values = [
            number.wrapping_add(1),
            number.wrapping_sub(1),
            0,
            u.int_in_range(0..=8)?,
            u.int_in_range(0..=200)?,
            code_bytes.wrapping_sub(u.int_in_range(0..=5)?),
            code_bytes,
            code_bytes + 1,
            1 << u.int_in_range(0..=63)?,
            u32::MAX.into(),
            1 << 31,
            u.arbitrary()?,
        ];
        *number = *u.choose(&values)?;
        let record = record.clone();
        Ok(Some((self.put_together(&records), Some(field), record)))
    }

    fn put_together(&self, records: &[([u8; 32], Record)]) -> Functions {
        let mut bytes = self.header.to_vec();
        let mut index = Vec::new();
        for (key, record) in records {
            let start = bytes.len() as u64;
            record.write(&mut bytes);
            index.extend(key);
            index.extend(start.to_le_bytes());
            index.extend((bytes.len() as u64 - start).to_le_bytes());
        }
        bytes.extend(index);
        bytes.extend((records.len() as u64).to_le_bytes());
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        Functions::from_bytes(bytes).expect("whole, with a digest that is right")
    }
}

impl Record {
    fn read(bytes: &[u8]) -> Self {
        let mut from = Reader {
            bytes,
            numbers: Vec::new(),
        };
        let len = from.number(Field::CodeLen) as usize;
        let (code, rest) = from.bytes.split_at(len);
        from.bytes = rest;
        from.number(Field::CpuFeatures);
        for _ in 0..from.number(Field::Relocations) {
            from.number(Field::RelocationOffset);
            from.number(Field::RelocationKind);
            from.number(Field::RelocationAddend);
            from.number(Field::RelocationTarget);
            from.number(Field::RelocationNumber);
        }
        for _ in 0..from.number(Field::Traps) {
            from.number(Field::TrapOffset);
            from.number(Field::TrapCode);
        }
        for _ in 0..from.number(Field::Addresses) {
            from.number(Field::AddressOffset);
            from.number(Field::AddressPlace);
        }
        for _ in 0..from.number(Field::Calls) {
            from.number(Field::ReturnOffset);
            from.number(Field::FrameBytes);
            from.number(Field::VmctxOffset);
            for _ in 0..from.number(Field::Handlers) {
                from.number(Field::HandlerCatches);
                from.number(Field::HandlerOffset);
            }
        }
        assert!(from.bytes.is_empty(), "a record that is not as described");
        Self {
            code: code.to_vec(),
            numbers: from.numbers,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for &(field, number) in &self.numbers {
            let mut rest = number;
            while rest >= 0x80 {
                out.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            out.push(rest as u8);
            if field == Field::CodeLen {
                out.extend(&self.code);
            }
        }
    }

    /// What follows when the numbers are read in this order, each field as often as it is there.
    fn values(&self, wanted: Field) -> impl Iterator<Item = u64> {
        let numbers = self.numbers.iter();
        numbers
            .filter(move |&&(field, _)| field == wanted)
            .map(|&(_, number)| number)
    }

    /// Where relocations are in the code, and their kinds.
    pub(super) fn relocations(&self) -> Vec<(u64, u64)> {
        let mut last = 0_u64;
        let offsets = self.values(Field::RelocationOffset).map(|distance| {
            last = last.wrapping_add(distance);
            last
        });
        offsets.zip(self.values(Field::RelocationKind)).collect()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    numbers: Vec<(Field, u64)>,
}

impl Reader<'_> {
    fn number(&mut self, field: Field) -> u64 {
        let len = self.bytes.iter().position(|byte| byte & 0x80 == 0);
        let (number, rest) = self.bytes.split_at(len.expect("a number that ends") + 1);
        self.bytes = rest;
        let number = number
            .iter()
            .rev()
            .fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
        self.numbers.push((field, number));
        number
    }
}
