//! The border of the sandbox: every kind of access, at every edge, in every kind of memory.
//!
//! What is right is arithmetic: an access of `size` bytes at `index + offset` is in bounds if the
//! sum of the three, in numbers without end, is no more than the memory's length. What it reads
//! and writes is compared with a copy of the memory. Atomic accesses are right only at multiples of
//! their size, too.

mod access;
mod border;
mod faults;
mod index;
mod large;
mod mapped;
mod proof;
mod range;
mod setup;

use precast_compiler::OptLevel;

use access::FEW;
use border::Border;
use setup::{BYTES, CHECKED, EMPTY, GUARDED, NO_BYTES, Place, Setup, USUAL, guard};

/// Everything, as the memory is at first, after it has grown, and after it has failed to.
fn check(setup: Setup) {
    let mut border = Border::new(setup);
    border.accesses();
    border.bulk_operations();
    let room = setup.ty.maximum_pages.unwrap() - setup.ty.minimum_pages;
    border.grow(room);
    border.refill();
    border.setup.accesses = FEW;
    border.accesses();
    border.bulk_operations();
    border.grow(1);
    border.grow(u64::from(u32::MAX));
    border.accesses();
}

#[test]
fn guarded_memories_end_where_they_end_whatever_the_guard() {
    check(Setup::new(USUAL, GUARDED).with_all_accesses());
    for guard_bytes in [0, 65_536, 3 << 30, 5 << 30] {
        check(Setup::new(USUAL, guard(guard_bytes)));
    }
    check(Setup::new(EMPTY, GUARDED));
    let unoptimised = Setup {
        opt_level: OptLevel::None,
        ..Setup::new(USUAL, GUARDED)
    };
    check(unoptimised);
}

#[test]
fn checked_memories_end_where_they_end() {
    check(Setup::new(USUAL, CHECKED).with_all_but_atomics());
    check(Setup::new(EMPTY, CHECKED));
}

#[test]
fn memories_with_64_bit_addresses_end_where_they_end() {
    for (ty, tunables) in [(EMPTY, GUARDED), (USUAL, CHECKED)] {
        check(Setup::new(ty.with_64_bits(), tunables));
    }
    check(Setup::new(USUAL.with_64_bits(), GUARDED).with_all_accesses());
    let unoptimised = Setup {
        opt_level: OptLevel::None,
        ..Setup::new(EMPTY.with_64_bits(), GUARDED)
    };
    check(unoptimised);
}

#[test]
fn memories_of_single_bytes_end_where_they_end() {
    check(Setup::new(BYTES, GUARDED).with_all_but_atomics());
    for ty in [NO_BYTES, BYTES.with_64_bits(), NO_BYTES.with_64_bits()] {
        check(Setup::new(ty, GUARDED));
    }
    check(Setup::new(BYTES, CHECKED));
}

#[test]
fn shared_memories_end_where_they_end() {
    check(Setup::new(USUAL.shared(), GUARDED).with_all_accesses());
    for (ty, tunables) in [
        (USUAL, CHECKED),
        (EMPTY, guard(0)),
        (USUAL.with_64_bits(), GUARDED),
        (BYTES, GUARDED),
    ] {
        check(Setup::new(ty.shared(), tunables));
    }
    for place in [Place::Imported, Place::Pooled, Place::Allocated] {
        check(Setup::new(USUAL.shared(), GUARDED).at(place));
    }
    check(Setup::new(USUAL.shared(), CHECKED).at(Place::Allocated));
}

#[test]
fn memories_of_others_end_where_they_end() {
    for place in [
        Place::Second,
        Place::Imported,
        Place::Pooled,
        Place::Allocated,
    ] {
        for ty in [USUAL, USUAL.with_64_bits(), BYTES] {
            check(Setup::new(ty, GUARDED).at(place));
        }
        check(Setup::new(USUAL, CHECKED).at(place));
    }
    check(Setup::new(USUAL, CHECKED).at(Place::ImportedGuarded));
}
