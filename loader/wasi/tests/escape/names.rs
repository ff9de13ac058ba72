//! Names that a guest could try, and symlinks that a host could have lying about.

use std::path::Path;

use crate::common::Numbers;

const PLAIN: [&str; 10] = ["a", "b", "c", "dir", "file", "link", "l0", "l1", "l2", "l3"];

/// Names that are there, but outside.
const OUTSIDE: [&str; 7] = [
    "outside",
    "secret",
    "mount",
    "second",
    "frozen",
    "sibling",
    "mount-secret",
];

/// A name that is free most of the time or a plain file, directory or symlink.
pub(crate) fn plain(numbers: &mut Numbers) -> &'static str {
    numbers.one_of(&PLAIN)
}

/// A path as a guest passes it; bytes, since not all of them are text.
pub(crate) fn path(numbers: &mut Numbers) -> Vec<u8> {
    match numbers.below(400) {
        0 => return "../".repeat(1 + numbers.below(1400) as usize).into(),
        1 => return "a/".repeat(1 + numbers.below(2100) as usize).into(),
        2 => return "a/../".repeat(1 + numbers.below(820) as usize).into(),
        3 => return "x".repeat(250 + numbers.below(10) as usize).into(),
        4 => return Vec::new(),
        _ => {}
    }
    let mut path = Vec::new();
    if numbers.once_in(30) {
        path.push(b'/');
    }
    let count = match numbers.below(8) {
        0..5 => 1,
        5 => 2,
        6 => 3,
        _ => 2 + numbers.below(5),
    };
    for index in 0..count {
        if index > 0 {
            path.extend(if numbers.once_in(20) { "//" } else { "/" }.bytes());
        }
        path.extend(component(numbers));
    }
    if numbers.once_in(8) {
        path.extend(numbers.one_of(&["/", "//", "/.", "/..", "/./"]).bytes());
    }
    path
}

fn component(numbers: &mut Numbers) -> &'static [u8] {
    match numbers.below(40) {
        0..26 => plain(numbers).as_bytes(),
        26..31 => b"..",
        31..33 => b".",
        33..38 => numbers.one_of(&OUTSIDE).as_bytes(),
        38 => numbers
            .one_of(&["...", ".. ", " ..", "..\n", "~", "-", "\\..", "é", "C:"])
            .as_bytes(),
        _ => numbers.one_of(&[
            &b"\0"[..],
            b"a\0",
            b"..\0",
            b"\xff",
            b"\xc0\xae",
            b"\xc0\xaf",
        ]),
    }
}

/// Targets that a guest could give its symlinks: they lead anywhere.
pub(crate) fn target(numbers: &mut Numbers) -> Vec<u8> {
    const WAYS: [&str; 14] = [
        "..",
        "../",
        "../..",
        "../outside",
        "../outside/",
        "../outside/secret",
        "../outside/dir",
        "../sibling/secret",
        "../frozen",
        "../frozen/file",
        "a/../../outside",
        "./../mount-secret/secret",
        "../../..",
        "../mount",
    ];
    if numbers.once_in(2) {
        numbers.one_of(&WAYS).into()
    } else {
        path(numbers)
    }
}

/// Targets that only the host can make.
pub(crate) fn host_target(numbers: &mut Numbers, root: &Path) -> String {
    let root = root.display();
    let fd = numbers.below(12);
    match numbers.below(12) {
        0 => format!("{root}/outside"),
        1 => format!("{root}/outside/secret"),
        2 => format!("{root}/mount"),
        3 => "/".to_owned(),
        4 => "/proc/self/root".to_owned(),
        5 => "/proc/self/cwd".to_owned(),
        6 => format!("/proc/self/fd/{fd}"),
        7 => format!("/proc/self/fd/{fd}/../outside"),
        8 => format!("/proc/self/root{root}/outside/secret"),
        // Not to be told from a guest's, unless its text is not text.
        9 => "../outside/secret".to_owned(),
        10 => "../".repeat(6) + "d/outside",
        _ => format!("{root}/mount/../outside/dir"),
    }
}
