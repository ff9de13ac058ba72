//! Bytes for bodies where no fuzzer makes them up.

use std::ops::Range;

/// As many bytes as that, the same for the same seed (xorshift64*; Vigna 2016).
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    // The state must not be zero, and seeds that are near must not begin alike.
    let mut state = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// The seeds to run: from 0, `usual` many, or as `PRECAST_FUZZ_SEEDS=FIRST..END` says.
///
/// # Panics
///
/// If the variable holds something else.
pub fn budget(usual: u64) -> Range<u64> {
    let Ok(text) = std::env::var("PRECAST_FUZZ_SEEDS") else {
        return 0..usual;
    };
    let range = text.split_once("..");
    let range = range.and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    range.unwrap_or_else(|| panic!("PRECAST_FUZZ_SEEDS={text} is not FIRST..END"))
}
