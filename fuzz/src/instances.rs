//! Sequences of what hosts do with instances, against a model: `tests/src/isolation.rs` has both, and
//! runs them with numbers from seeds. Here a fuzzer makes up the numbers.

use arbitrary::{Result, Unstructured};
use precast_tests::isolation::{PAGE, check as check_numbers};

/// Does what the bytes say.
///
/// # Panics
///
/// If an instance holds anything but what was put there.
pub fn check(bytes: &[u8]) {
    let _ = try_check(&mut Unstructured::new(bytes));
}

fn try_check(u: &mut Unstructured<'_>) -> Result<()> {
    let keep_resident_bytes = *u.choose(&[0, PAGE, 3 * PAGE, 100 * PAGE])?;
    let max_idle = *u.choose(&[0, 1, 3, 16])?;
    // A step takes some eight numbers, most of them of one byte.
    let steps = u.len() / 10;
    let number = |below: usize| match below {
        0 => 0,
        below => u.int_in_range(0..=below - 1).unwrap_or(0),
    };
    check_numbers(number, steps, keep_resident_bytes, max_idle);
    Ok(())
}
