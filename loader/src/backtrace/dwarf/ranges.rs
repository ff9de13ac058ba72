//! Values for ranges of addresses.

use std::ops::Range;

/// Values, each for a range of addresses. Ranges are not expected to overlap; if some do, the one
/// that begins last counts.
#[derive(Debug)]
pub(super) struct RangeMap<V>(Vec<(Range<u32>, V)>);

impl<V: Copy> RangeMap<V> {
    pub(super) fn new(mut ranges: Vec<(Range<u32>, V)>) -> Self {
        ranges.sort_by_key(|(range, _)| range.start);
        ranges.shrink_to_fit();
        Self(ranges)
    }

    pub(super) fn find(&self, address: u32) -> Option<V> {
        let after = self.0.partition_point(|(range, _)| range.start <= address);
        let (range, value) = self.0.get(after.checked_sub(1)?)?;
        range.contains(&address).then_some(*value)
    }
}

/// The range as one of addresses in a code section, unless it is empty, or at no place at all:
/// linkers leave 0, or a number near the largest, as the address of a function that they have left
/// out. No function begins at 0, where their number stands.
pub(super) fn in_code(start: u64, end: u64) -> Option<Range<u32>> {
    let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
    (0 < start && start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_holds_in_its_range_only() {
        let map = RangeMap::new(vec![(10..12, 'b'), (2..4, 'a'), (12..13, 'c')]);
        let found: Vec<_> = [0, 2, 3, 4, 9, 10, 11, 12, 13, u32::MAX]
            .map(|address| map.find(address).unwrap_or('-'))
            .into();
        assert_eq!(found.iter().collect::<String>(), "-aa--bbc--");
        assert_eq!(RangeMap::<()>::new(Vec::new()).find(0), None);
    }

    #[test]
    fn ranges_of_code_that_is_not_there_are_none() {
        assert_eq!(in_code(1, 5), Some(1..5));
        for (start, end) in [(0, 5), (5, 5), (6, 5), (0xffff_ffff, 0x1_0000_0004)] {
            assert_eq!(in_code(start, end), None);
        }
    }
}
