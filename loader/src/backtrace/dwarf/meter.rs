//! A reader that stops after as much as it was allowed to read.
//!
//! DWARF refers to itself by offsets, so that its size says nothing about the work it asks for:
//! ten thousand units may share one table of a million entries. Here every byte that is read and
//! everything that is done for each entry is paid for, and when the allowance is used up all
//! reading fails, as at the end of the bytes.

use std::borrow::Cow;
use std::cell::Cell;

use gimli::{Dwarf, EndianSlice, LittleEndian, Reader, ReaderOffsetId, Section as _};

use super::Result;

/// How much may still be read.
#[derive(Debug)]
pub(super) struct Allowance(Cell<u64>);

impl Allowance {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Cell::new(bytes))
    }

    pub(super) fn left(&self) -> u64 {
        self.0.get()
    }

    fn spend(&self, amount: usize) -> Result<()> {
        let left = self.left().checked_sub(amount as u64);
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or(gimli::Error::Io)
    }
}

/// Bytes of a section, read against an allowance.
#[derive(Debug, Clone)]
pub(super) struct Metered<'a> {
    bytes: EndianSlice<'a, LittleEndian>,
    allowance: &'a Allowance,
}

impl<'a> Metered<'a> {
    pub(super) fn new(bytes: &'a [u8], allowance: &'a Allowance) -> Self {
        Self {
            bytes: EndianSlice::new(bytes, LittleEndian),
            allowance,
        }
    }

    /// The bytes that are left.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes.slice()
    }

    fn spend(&self, amount: usize) -> Result<()> {
        self.allowance.spend(amount)
    }
}

/// Pays for work that reads nothing.
pub(super) fn pay(dwarf: &Dwarf<Metered<'_>>, amount: usize) -> Result<()> {
    dwarf.debug_info.reader().spend(amount)
}

impl Reader for Metered<'_> {
    type Endian = LittleEndian;
    type Offset = usize;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    fn len(&self) -> usize {
        Reader::len(&self.bytes)
    }

    fn empty(&mut self) {
        self.bytes.empty();
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        self.bytes.truncate(len)
    }

    fn offset_from(&self, base: &Self) -> usize {
        Reader::offset_from(&self.bytes, &base.bytes)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        self.bytes.offset_id()
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        self.bytes.lookup_offset_id(id)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = Reader::find(&self.bytes, byte);
        self.spend(*found.as_ref().unwrap_or(&self.bytes.len()))?;
        found
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.spend(1)?;
        self.bytes.skip(len)
    }

    fn split(&mut self, len: usize) -> Result<Self> {
        self.spend(1)?;
        Ok(Self {
            bytes: self.bytes.split(len)?,
            allowance: self.allowance,
        })
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        self.bytes.to_slice()
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        Reader::to_string(&self.bytes)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Reader::to_string_lossy(&self.bytes)
    }

    fn read_slice(&mut self, buf: &mut [u8]) -> Result<()> {
        self.spend(buf.len())?;
        Reader::read_slice(&mut self.bytes, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_with_the_allowance() {
        let allowance = Allowance::new(9);
        let mut reader = Metered::new(&[1; 100], &allowance);
        assert_eq!(reader.read_u64().unwrap(), 0x0101_0101_0101_0101);
        let mut other = reader.split(50).unwrap();
        assert!(other.read_u8().is_err(), "paid from the same allowance");
        assert!(reader.read_u8().is_err());
        assert_eq!(allowance.left(), 0);
    }

    #[test]
    fn looking_for_a_byte_costs_the_way_there() {
        let allowance = Allowance::new(150);
        let bytes = [vec![1; 99], vec![0]].concat();
        let reader = Metered::new(&bytes, &allowance);
        assert_eq!(reader.find(0).unwrap(), 99);
        assert!(reader.find(2).is_err(), "it is not there");
        assert_eq!(allowance.left(), 0);
    }
}
