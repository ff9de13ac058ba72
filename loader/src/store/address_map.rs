//! Maps from addresses.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are addresses of the loader's and the allocator's choosing. A guest has no say
/// in them, so that nobody can make them collide, and mixing them a little is enough.
pub(crate) type AddressMap<K, V> = HashMap<K, V, BuildHasherDefault<AddressHasher>>;

/// Multiplies (Knuth, "The Art of Computer Programming", 6.4); the upper bits are the good ones.
#[derive(Debug, Default)]
pub(crate) struct AddressHasher(u64);

/// 2^64 divided by the golden ratio, odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, address: u64) {
        self.0 = (self.0.rotate_left(32) ^ address).wrapping_mul(FACTOR);
    }

    fn write_usize(&mut self, address: usize) {
        self.write_u64(address as u64);
    }

    fn finish(&self) -> u64 {
        // The map takes the lowest bits for the place.
        self.0.rotate_left(32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    #[test]
    fn neighbouring_addresses_go_to_different_places() {
        let hasher = BuildHasherDefault::<AddressHasher>::default();
        for distance in [8, 16, 48, 4096, 1 << 32] {
            let hashes = (0..1_000).map(|n| hasher.hash_one(0x7f00_1234_5680_u64 + n * distance));
            // The map looks at the lowest bits, and at the highest seven.
            let places: HashSet<_> = hashes.map(|hash| (hash % 4096, hash >> 57)).collect();
            assert!(places.len() > 900, "{distance}: {}", places.len());
        }
    }

    #[test]
    fn pairs_of_addresses_are_told_apart() {
        let hasher = BuildHasherDefault::<AddressHasher>::default();
        let pairs = (0..30u64).flat_map(|a| (0..30u64).map(move |b| (a * 16, b * 16)));
        let hashes: HashSet<_> = pairs.map(|pair| hasher.hash_one(pair)).collect();
        assert_eq!(hashes.len(), 900);
    }
}
