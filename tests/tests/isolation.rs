//! Whatever is done in whatever order, an instance holds what its own operations have put there,
//! and nothing of any other's, living or gone: the model is in `src/isolation.rs`. The same in every
//! run.

use precast_tests::isolation::{PAGE, check};
use precast_tests::numbers;

const STEPS: usize = if cfg!(debug_assertions) { 500 } else { 5_000 };

/// Any order of operations.
fn instances_hold_what_is_theirs(seed: u64, keep_resident_bytes: usize, max_idle: usize) {
    check(numbers(seed), STEPS, keep_resident_bytes, max_idle);
}

#[test]
fn instances_hold_what_is_theirs_where_pages_are_given_back() {
    instances_hold_what_is_theirs(1, 0, 0);
    instances_hold_what_is_theirs(2, 0, 1);
}

#[test]
fn instances_hold_what_is_theirs_where_small_memories_are_zeroed() {
    instances_hold_what_is_theirs(3, PAGE, 2);
    instances_hold_what_is_theirs(4, 3 * PAGE, 16);
}

#[test]
fn instances_hold_what_is_theirs_where_all_memories_are_zeroed() {
    instances_hold_what_is_theirs(5, 100 * PAGE, 3);
    instances_hold_what_is_theirs(6, 100 * PAGE, 16);
}
