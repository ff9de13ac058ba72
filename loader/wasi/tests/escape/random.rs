//! Random actions, while the host leaves symlinks lying about that no guest could make.
//!
//! The same in every run. `PRECAST_FUZZ_ROUNDS=1000000` tries more, `PRECAST_FUZZ_SEED=2` something else.

use std::collections::VecDeque;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::actions::{Action, check_open};
use crate::common::{Guest, Numbers, asked_for};
use crate::names;
use crate::world::World;

const ROUNDS: u64 = 120_000;

/// Actions between two looks at what must not have changed.
const BETWEEN_CHECKS: u64 = 200;

/// Actions of one guest, who starts with empty mounts.
const OF_ONE_GUEST: u64 = 2_000;

/// How many of the latest descriptors are used.
const OPENED: usize = 12;

#[test]
fn random_actions_stay_in_their_mounts() {
    let rounds = asked_for("PRECAST_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let seed = asked_for("PRECAST_FUZZ_SEED").unwrap_or(1);
    let mut numbers = Numbers::new(seed);
    let world = World::new(&format!("random-{seed}"));
    let mut guest = world.guest();
    let mut succeeded = [0u64; Action::KINDS];
    let mut opened = VecDeque::new();
    let mut last = VecDeque::new();
    for round in 0..rounds {
        if round % OF_ONE_GUEST == 0 {
            guest = world.guest();
            world.clear();
            opened.clear();
        }
        if numbers.once_in(20) {
            leave_symlink(&mut numbers, &world);
        }
        let action = Action::any(&mut numbers, opened.make_contiguous());
        last.push_back((action.clone(), None));
        if last.len() > BETWEEN_CHECKS as usize {
            last.pop_front();
        }
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let result = action.run(&mut guest, &world);
            if let (Action::Open { .. }, Ok(fd)) = (&action, result) {
                opened.push_back(fd);
                if opened.len() > OPENED {
                    opened.pop_front();
                }
            }
            if result.is_ok() {
                succeeded[action.kind()] += 1;
            }
            if let Some((_, outcome)) = last.back_mut() {
                *outcome = Some(result);
            }
            if round % BETWEEN_CHECKS == BETWEEN_CHECKS - 1 || round == rounds - 1 {
                check(&mut guest, &world);
            }
        }));
        if let Err(panic) = checked {
            eprintln!("in round {round} of seed {seed}; the last actions:");
            for (action, result) in &last {
                eprintln!("  {action:?} -> {result:?}");
            }
            resume_unwind(panic);
        }
    }
    // Otherwise the run would say little.
    if rounds >= ROUNDS {
        let idle = succeeded.iter().position(|&count| count < 10);
        assert_eq!(idle, None, "actions that succeeded: {succeeded:?}");
    }
}

fn check(guest: &mut Guest, world: &World) {
    for fd in 3..200 {
        check_open(guest, world, fd);
    }
    assert_eq!(world.opened_outside(), None, "open, though in no mount");
    if let Some(damage) = world.damage() {
        panic!("changed by the guest:\n{damage}");
    }
}

/// Puts a symlink in a mount, if the name is free.
fn leave_symlink(numbers: &mut Numbers, world: &World) {
    let target = names::host_target(numbers, &world.path(""));
    let mount = numbers.one_of(&["mount", "mount/a", "mount/dir", "second"]);
    let place = world.path(mount);
    // Not through a symlink that the guest has made.
    if place
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
    {
        let _ = symlink(target, place.join(names::plain(numbers)));
    }
}
