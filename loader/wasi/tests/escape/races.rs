//! Files that change while a guest uses them: between the look at a name and its use, if there were such a gap.
//!
//! Each race goes on until the guest has met both states often enough, so that none is won by not being run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::actions::{ALL, ALL_BUT_WRITING, Action, CREAT, DIRECTORY, FOLLOW, Path, READ, TRUNC};
use crate::common::{Guest, asked_for};
use crate::world::{MOUNT_FD, SECOND_FD, World};

/// How often something must have been opened, and not, in a race. `PRECAST_FUZZ_ROUNDS` makes it a hundredth of that.
const OF_EACH_OUTCOME: u64 = 250;

/// Rounds between two looks at what must not have changed.
const BETWEEN_CHECKS: u32 = 50;

/// What the host exchanges with the honest file or directory, again and again.
const TRAPS: [&str; 4] = ["../outside", "..", "/", "OUTSIDE"];

#[test]
fn a_directory_that_becomes_a_symlink_leads_nowhere() {
    for (number, trap) in TRAPS.into_iter().enumerate() {
        let world = World::new(&format!("race-dir-{number}"));
        fs::create_dir(world.path("mount/x")).unwrap();
        set_trap(&world, trap, "mount/trap");
        let through = match trap {
            ".." => "x/outside",
            "/" => "",
            _ => "x",
        };
        // Under `/`, the way back into the test's own folder.
        let through = match through {
            "" => format!("x{}", world.path("outside").display()),
            way => way.to_owned(),
        };
        // What an honest directory must have, for the guest to succeed now and then.
        fs::create_dir_all(world.path("mount").join(&through).join("dir")).unwrap();
        fs::write(world.path("mount").join(&through).join("secret"), "honest").unwrap();
        while_swapping(&world, "mount/x", "mount/trap", |race| {
            use_everything_below(race, &through);
        });
    }
}

#[test]
fn a_file_that_becomes_a_symlink_leads_nowhere() {
    for (number, trap) in ["../outside/secret", "../secret", "OUTSIDE/secret"]
        .into_iter()
        .enumerate()
    {
        let world = World::new(&format!("race-file-{number}"));
        fs::write(world.path("mount/x"), "honest").unwrap();
        set_trap(&world, trap, "mount/trap");
        while_swapping(&world, "mount/x", "mount/trap", |race| {
            for action in [
                open("x", 0, ALL_BUT_WRITING),
                open("x", TRUNC, ALL),
                open("x", CREAT, ALL),
                Action::Stat(MOUNT_FD, FOLLOW, "x".into()),
                Action::SetTimes(MOUNT_FD, FOLLOW, "x".into()),
                Action::SetTimes(MOUNT_FD, 0, "x".into()),
                Action::Link(MOUNT_FD, "x".into(), MOUNT_FD, "y".into()),
                open("y", 0, READ),
                Action::Unlink(MOUNT_FD, "y".into()),
            ] {
                race.try_and_use(&action);
            }
        });
    }
}

/// The classic: a directory moves up while a path climbs out of it, so that the climb ends too high.
#[test]
fn a_directory_that_moves_up_takes_no_one_out() {
    let world = World::new("race-up");
    fs::create_dir_all(world.path("mount/1/2/3/4/5")).unwrap();
    fs::create_dir_all(world.path("mount/up")).unwrap();
    let climbs = [
        "1/2/3/4/5/../../../../..",
        "1/2/3/4/5/../../../../../outside",
        "1/2/3/4/5/../../../../../outside/secret",
        "1/2/3/4/5/../../../../../1/2/3/4/5/../../../../../outside/dir",
    ];
    // Seen from within: the directory moves while descriptors below it are open.
    while_swapping(&world, "mount/1/2/3", "mount/up", |race| {
        for climb in climbs {
            race.try_and_use(&open(climb, 0, ALL_BUT_WRITING));
            race.try_and_use(&open(climb, DIRECTORY, READ));
            let made = format!("{climb}/made").as_str().into();
            race.try_and_use(&Action::CreateDirectory(MOUNT_FD, made));
        }
        let below = open("1/2/3/4/5", DIRECTORY, ALL_BUT_WRITING);
        if let Ok(fd) = race.run(&below) {
            for climb in ["..", "../../../../..", "../../../../../outside/secret"] {
                let out = race.run(&open_at(fd, climb, 0, ALL_BUT_WRITING));
                assert!(out.is_err(), "{climb} left an open directory");
            }
            race.run(&Action::Close(fd)).unwrap();
        }
    });
}

/// Two guests with the same mounts, of whom one does nothing but move things and make symlinks.
#[test]
fn guests_do_not_help_each_other_out() {
    let world = World::new("race-guests");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut helper = world.guest();
            while !over.load(Ordering::Relaxed) {
                for (trap, back) in [
                    ("..", "mount"),
                    ("../outside", "second"),
                    ("../..", "mount"),
                ] {
                    let back = if back == "mount" { MOUNT_FD } else { SECOND_FD };
                    for action in [
                        Action::CreateDirectory(MOUNT_FD, "x".into()),
                        Action::CreateDirectory(MOUNT_FD, "x/dir".into()),
                        Action::CreateDirectory(MOUNT_FD, "x/outside".into()),
                        Action::CreateDirectory(MOUNT_FD, "x/outside/dir".into()),
                        Action::Symlink(trap.into(), MOUNT_FD, "trap".into()),
                        Action::Rename(MOUNT_FD, "x".into(), back, "aside".into()),
                        Action::Rename(MOUNT_FD, "trap".into(), MOUNT_FD, "x".into()),
                        Action::Unlink(MOUNT_FD, "x".into()),
                        Action::Rename(back, "aside".into(), MOUNT_FD, "x".into()),
                        Action::Rename(MOUNT_FD, "x/outside".into(), SECOND_FD, "x".into()),
                        Action::Rename(SECOND_FD, "x".into(), MOUNT_FD, "x/outside".into()),
                    ] {
                        let _ = action.run(&mut helper, &world);
                    }
                }
            }
        });
        let _guard = SetAtEnd(&over);
        until_both_outcomes(&world, |race| {
            use_everything_below(race, "x");
            use_everything_below(race, "x/outside");
        });
    });
}

/// Tries every call through the directory `dir`.
fn use_everything_below(race: &mut Race<'_>, dir: &str) {
    let below = |name: &str| -> Path { format!("{dir}/{name}").as_str().into() };
    for action in [
        open(dir, DIRECTORY, ALL_BUT_WRITING),
        Action::Stat(MOUNT_FD, FOLLOW, below("")),
        open(&format!("{dir}/dir"), 0, ALL_BUT_WRITING),
        open(&format!("{dir}/secret"), 0, READ),
        open(&format!("{dir}/secret"), TRUNC, ALL),
        open(&format!("{dir}/secret"), CREAT, ALL),
        open(&format!("{dir}/made"), CREAT, ALL),
        Action::Stat(MOUNT_FD, 0, below("secret")),
        Action::SetTimes(MOUNT_FD, FOLLOW, below("secret")),
        Action::SetTimes(MOUNT_FD, 0, below("secret")),
        Action::ReadLink(MOUNT_FD, below("inwards")),
        Action::CreateDirectory(MOUNT_FD, below("made-dir")),
        Action::RemoveDirectory(MOUNT_FD, below("made-dir")),
        // What is outside, but not in the honest directory.
        Action::RemoveDirectory(MOUNT_FD, below("empty")),
        Action::Unlink(MOUNT_FD, below("a")),
        Action::Symlink("a".into(), MOUNT_FD, below("made-link")),
        Action::Rename(MOUNT_FD, below("made-link"), MOUNT_FD, below("moved-link")),
        Action::Unlink(MOUNT_FD, below("moved-link")),
        Action::Link(MOUNT_FD, below("secret"), SECOND_FD, "stolen".into()),
        Action::Unlink(SECOND_FD, "stolen".into()),
        Action::Rename(MOUNT_FD, below("secret"), SECOND_FD, "stolen".into()),
        Action::Rename(SECOND_FD, "stolen".into(), MOUNT_FD, below("secret")),
        Action::Unlink(MOUNT_FD, below("made")),
    ] {
        race.try_and_use(&action);
    }
}

/// A guest in a race.
struct Race<'a> {
    guest: Guest,
    world: &'a World,
    /// How often something could not be opened, and could be.
    outcomes: [u32; 2],
}

impl Race<'_> {
    fn run(&mut self, action: &Action) -> precast_wasi::Result<u32> {
        action.run(&mut self.guest, self.world)
    }

    /// Runs an action; what it opened is looked at, listed and closed.
    fn try_and_use(&mut self, action: &Action) {
        let result = self.run(action);
        if !matches!(action, Action::Open { .. }) {
            return;
        }
        self.outcomes[usize::from(result.is_ok())] += 1;
        let Ok(fd) = result else {
            return;
        };
        for action in [
            Action::Read(fd),
            Action::Write(fd),
            Action::ReadDir(fd, 500, 0),
            open_at(fd, "secret", 0, READ),
        ] {
            if let Ok(fd @ 1..) = self.run(&action) {
                self.run(&Action::Close(fd)).unwrap();
            }
        }
        self.run(&Action::Close(fd)).unwrap();
    }
}

/// Has a guest `act` while the host exchanges two names in the mount.
fn while_swapping(world: &World, one: &str, other: &str, act: impl FnMut(&mut Race<'_>)) {
    let (one, other) = (world.path(one), world.path(other));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // A name may be gone for a moment, when a guest has moved it.
                let _ = renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE);
            }
        });
        let _guard = SetAtEnd(&over);
        until_both_outcomes(world, act);
    });
}

/// Has a guest `act` until it has met both states often enough.
fn until_both_outcomes(world: &World, mut act: impl FnMut(&mut Race<'_>)) {
    let mut race = Race {
        guest: world.guest(),
        world,
        outcomes: [0, 0],
    };
    let of_each = asked_for("PRECAST_FUZZ_ROUNDS").map_or(OF_EACH_OUTCOME, |rounds| rounds / 100);
    let mut rounds = 0u32;
    while race
        .outcomes
        .iter()
        .any(|&count| u64::from(count) < of_each)
    {
        act(&mut race);
        rounds += 1;
        let too_many = OF_EACH_OUTCOME.max(of_each) * 200;
        assert!(
            u64::from(rounds) < too_many,
            "not a race: {:?}",
            race.outcomes
        );
        if rounds.is_multiple_of(BETWEEN_CHECKS) {
            check(world);
        }
    }
    check(world);
}

fn check(world: &World) {
    if let Some(damage) = world.damage() {
        panic!("changed by the guest:\n{damage}");
    }
}

fn set_trap(world: &World, target: &str, name: &str) {
    let outside = world.path("outside");
    let target = target.replace("OUTSIDE", outside.to_str().unwrap());
    std::os::unix::fs::symlink(target, world.path(name)).unwrap();
}

fn open(path: &str, oflags: u32, base: u64) -> Action {
    open_at(MOUNT_FD, path, oflags, base)
}

fn open_at(fd: u32, path: &str, oflags: u32, base: u64) -> Action {
    Action::Open {
        fd,
        lookup: FOLLOW,
        path: path.into(),
        oflags,
        base,
        fdflags: 0,
    }
}

/// Ends the other thread, also when this one panics.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
