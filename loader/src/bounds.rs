//! What the host asks of memories and tables, checked before anything is touched.

use std::ops::Range;

use crate::error::UsageError;
use crate::segments::within;

/// `len` bytes or elements from `offset` on, of `size`.
pub(crate) fn range(offset: u64, len: u64, size: usize) -> Result<Range<usize>, UsageError> {
    within(offset, len, size).ok_or(UsageError::OutOfBounds {
        offset,
        len,
        size: size as u64,
    })
}

/// Copies inside of one memory or table; the ranges may overlap.
pub(crate) fn copy_within<T: Copy>(
    items: &mut [T],
    from: u64,
    to: u64,
    len: u64,
) -> Result<(), UsageError> {
    let from = range(from, len, items.len())?;
    let to = range(to, len, items.len())?;
    items.copy_within(from, to.start);
    Ok(())
}

/// Copies from one memory or table to another.
pub(crate) fn copy_between<T: Copy>(
    place: &mut [T],
    to: u64,
    source: &[T],
    from: u64,
    len: u64,
) -> Result<(), UsageError> {
    let from = range(from, len, source.len())?;
    let to = range(to, len, place.len())?;
    place[to].copy_from_slice(&source[from]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overflow_or_end_beyond_are_refused_with_their_numbers() {
        for (offset, len) in [(0, 9), (8, 1), (9, 0), (u64::MAX, 2), (2, u64::MAX)] {
            let size = 8;
            let refused = UsageError::OutOfBounds { offset, len, size };
            assert_eq!(range(offset, len, 8), Err(refused));
        }
        assert_eq!(range(8, 0, 8), Ok(8..8));
        assert_eq!(range(1, 7, 8), Ok(1..8));
    }

    #[test]
    fn copies_are_all_or_nothing() {
        let mut items = [1, 2, 3, 4];
        assert!(copy_within(&mut items, 0, 2, 3).is_err());
        assert!(copy_within(&mut items, 2, 0, 3).is_err());
        assert!(copy_between(&mut items, 3, &[9, 9], 0, 2).is_err());
        assert!(copy_between(&mut items, 0, &[9, 9], 1, 2).is_err());
        assert_eq!(items, [1, 2, 3, 4]);
        copy_within(&mut items, 0, 1, 3).unwrap();
        assert_eq!(items, [1, 1, 2, 3]);
        copy_between(&mut items, 2, &[9, 8], 0, 2).unwrap();
        assert_eq!(items, [1, 1, 9, 8]);
    }
}
