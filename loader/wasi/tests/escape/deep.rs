//! A tree that is deeper than any path is long, made and left step by step.

use crate::actions::{ALL_BUT_WRITING, Action, DIRECTORY, FOLLOW, Path};
use crate::common::Guest;
use crate::world::{MOUNT_FD, SECOND_FD, World};

/// Names of 200 bytes: a path of some 60 KiB, where hosts take 4 KiB.
const LEVELS: usize = 300;

#[test]
fn a_tree_deeper_than_any_path_has_no_way_out() {
    let world = World::new("deep");
    let mut guest = world.guest();
    let name = "deep".repeat(50);
    let mut bottom = MOUNT_FD;
    for level in 0..LEVELS {
        run(
            &mut guest,
            &world,
            &Action::CreateDirectory(bottom, name.as_str().into()),
        )
        .unwrap();
        let below = run(&mut guest, &world, &open(bottom, &name)).unwrap();
        run(
            &mut guest,
            &world,
            &Action::Symlink("../..".into(), below, "up".into()),
        )
        .unwrap();
        let steps = level + 1;
        climb(&mut guest, &world, below, steps);
        if bottom != MOUNT_FD {
            run(&mut guest, &world, &Action::Close(bottom)).unwrap();
        }
        bottom = below;
    }

    // The whole of it moves to another mount, and up there again, while its bottom is open.
    for (from, to) in [(MOUNT_FD, SECOND_FD), (SECOND_FD, MOUNT_FD)] {
        let moved = Action::Rename(from, name.as_str().into(), to, name.as_str().into());
        run(&mut guest, &world, &moved).unwrap();
        climb(&mut guest, &world, bottom, LEVELS);
        let made = Action::CreateDirectory(bottom, "made".into());
        run(&mut guest, &world, &made).unwrap();
        run(
            &mut guest,
            &world,
            &Action::RemoveDirectory(bottom, "made".into()),
        )
        .unwrap();
    }

    // The bottom is removed while it is open. Nothing can be put there, nor found.
    let top = run(&mut guest, &world, &open(MOUNT_FD, &name)).unwrap();
    run(
        &mut guest,
        &world,
        &Action::CreateDirectory(top, "gone".into()),
    )
    .unwrap();
    let gone = run(&mut guest, &world, &open(top, "gone")).unwrap();
    run(
        &mut guest,
        &world,
        &Action::RemoveDirectory(top, "gone".into()),
    )
    .unwrap();
    climb(&mut guest, &world, gone, 1);
    let made = run(
        &mut guest,
        &world,
        &Action::CreateDirectory(gone, "made".into()),
    );
    assert!(made.is_err(), "{made:?}");

    if let Some(damage) = world.damage() {
        panic!("changed by the guest:\n{damage}");
    }
}

/// Tries to leave the open directory `fd`, of which the mount is so many steps up.
fn climb(guest: &mut Guest, world: &World, fd: u32, steps: usize) {
    let far = "../".repeat(steps);
    let farther = format!("{far}../outside");
    let again = format!("{far}{}", "../".repeat(20));
    for path in [
        "..",
        "../",
        "./..",
        "up",
        "up/outside",
        &far,
        &farther,
        &again,
    ] {
        let opened = run(guest, world, &open(fd, path));
        assert!(opened.is_err(), "{path} leads out of an open directory");
        let stat = run(guest, world, &Action::Stat(fd, FOLLOW, path.into()));
        assert!(stat.is_err(), "{path} leads out of an open directory");
        let made = Path::from(format!("{path}/made").as_str());
        let made = run(guest, world, &Action::CreateDirectory(fd, made));
        assert!(made.is_err(), "{path} leads out of an open directory");
    }
}

fn run(guest: &mut Guest, world: &World, action: &Action) -> precast_wasi::Result<u32> {
    action.run(guest, world)
}

fn open(fd: u32, path: &str) -> Action {
    Action::Open {
        fd,
        lookup: FOLLOW,
        path: path.into(),
        oflags: DIRECTORY,
        base: ALL_BUT_WRITING,
        fdflags: 0,
    }
}
