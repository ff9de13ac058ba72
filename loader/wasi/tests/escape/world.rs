//! The files of a run, inside the mounts and outside, and the oracle: what no guest may have changed or seen.
//!
//! ```text
//! a/b/c/d/           so that a climb of a few steps stays in the test's own folder
//!   mount/           to read and to change: descriptor 3
//!   second/          the same: descriptor 4
//!   frozen/          to read only: descriptor 5
//!   outside/         what no guest is given
//!   mount-secret/    a name that begins like a mount's
//!   sibling          a symlink beside the mounts
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use precast_wasi::WasiCtx;

use crate::common::{Guest, Scratch};

/// Stands in every file outside, and nowhere else.
pub(crate) const SECRET: &[u8] = b"SECRET:";

/// Begins names outside, and targets of symlinks there; no others.
pub(crate) const UNSEEN: &[u8] = b"unseen-";

pub(crate) const MOUNT_FD: u32 = 3;
pub(crate) const SECOND_FD: u32 = 4;
pub(crate) const FROZEN_FD: u32 = 5;

/// The mounts that may change.
const CHANGING: [&str; 2] = ["mount", "second"];
const MOUNTS: [&str; 3] = ["mount", "second", "frozen"];

pub(crate) struct World {
    scratch: Scratch,
    root: PathBuf,
    /// All but what lies in the mounts that may change.
    before: BTreeMap<PathBuf, Seen>,
    /// Device and inode of all that lies in no mount.
    outside: BTreeSet<(u64, u64)>,
    /// Of directories and of files: layered file systems tell them apart.
    devices: [u64; 2],
}

/// A file as the host sees it, but for its access time.
#[derive(Debug, PartialEq)]
struct Seen {
    mode: u32,
    ino: u64,
    nlink: u64,
    owner: (u32, u32),
    modified: (i64, i64),
    changed: (i64, i64),
    /// Bytes of a file, target of a symlink.
    contents: Vec<u8>,
}

impl World {
    pub(crate) fn new(name: &str) -> World {
        let scratch = Scratch::new(name);
        let root = scratch.path().join("a/b/c/d");
        for dir in [
            "outside/dir/deep",
            "outside/empty",
            "outside/b",
            "mount-secret",
        ]
        .into_iter()
        .chain(MOUNTS)
        {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        for file in [
            "outside/secret",
            "outside/a",
            "outside/unseen-7d1c",
            "outside/dir/secret",
            "outside/dir/deep/unseen-90ab",
            "mount-secret/secret",
            "secret",
        ] {
            fs::write(root.join(file), SECRET.repeat(20)).unwrap();
        }
        let private = fs::Permissions::from_mode(0o640);
        fs::set_permissions(root.join("outside/dir/secret"), private).unwrap();
        symlink("outside", root.join("sibling")).unwrap();
        for name in ["link", "l0", "inwards"] {
            symlink("../mount/unseen-3f", root.join("outside").join(name)).unwrap();
        }

        let frozen = root.join("frozen");
        fs::create_dir_all(frozen.join("dir/a")).unwrap();
        fs::create_dir_all(frozen.join("a")).unwrap();
        fs::write(frozen.join("file"), "frozen").unwrap();
        fs::write(frozen.join("dir/file"), "frozen too").unwrap();
        for (target, name) in [
            ("file", "link"),
            ("dir", "b"),
            ("..", "up"),
            ("../outside/secret", "c"),
            ("../mount", "l0"),
            ("/", "l1"),
        ] {
            symlink(target, frozen.join(name)).unwrap();
        }

        let mut world = World {
            devices: ["frozen", "frozen/file"]
                .map(|below| fs::metadata(root.join(below)).unwrap().dev()),
            before: BTreeMap::new(),
            outside: BTreeSet::new(),
            scratch,
            root,
        };
        world.before = world.seen();
        world.outside = world.inodes_outside();
        world
    }

    /// A new guest with the three mounts.
    pub(crate) fn guest(&self) -> Guest {
        let ctx = WasiCtx::builder()
            .preopened_dir(self.path("mount"), "/mount")
            .preopened_dir(self.path("second"), "/second")
            .preopened_dir_read_only(self.path("frozen"), "/frozen")
            .build();
        Guest::new(ctx.unwrap())
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Empties the mounts that may change.
    pub(crate) fn clear(&self) {
        for mount in CHANGING {
            for entry in fs::read_dir(self.path(mount)).unwrap() {
                let path = entry.unwrap().path();
                let is_dir = path.symlink_metadata().unwrap().is_dir();
                let removed = if is_dir {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.unwrap();
            }
        }
    }

    /// Whether a guest may have learned of this file.
    pub(crate) fn may_be_seen(&self, device: u64, inode: u64) -> bool {
        self.devices.contains(&device) && !self.outside.contains(&(device, inode))
    }

    /// Whether a guest may have been told of this inode, without the device.
    pub(crate) fn may_be_listed(&self, inode: u64) -> bool {
        self.devices
            .iter()
            .all(|&device| self.may_be_seen(device, inode))
    }

    /// What is different outside of the mounts and in the read-only one, if anything is.
    pub(crate) fn damage(&self) -> Option<String> {
        let now = self.seen();
        let mut damage = String::new();
        for (path, before) in &self.before {
            match now.get(path) {
                None => damage += &format!("{} is gone\n", path.display()),
                Some(now) if now != before => {
                    damage += &format!("{}: {before:?} became {now:?}\n", path.display());
                }
                Some(_) => {}
            }
        }
        for path in now.keys().filter(|path| !self.before.contains_key(*path)) {
            damage += &format!("{} is new\n", path.display());
        }
        (!damage.is_empty()).then_some(damage)
    }

    /// A file of the world that is open in this process, though it lies in no mount.
    pub(crate) fn opened_outside(&self) -> Option<PathBuf> {
        let open = fs::read_dir("/proc/self/fd").ok()?;
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let mut in_world = targets.filter(|target| target.starts_with(self.scratch.path()));
        in_world.find(|target| {
            let mut mounts = MOUNTS.iter().map(|mount| self.path(mount));
            !mounts.any(|mount| target.starts_with(mount))
        })
    }

    fn seen(&self) -> BTreeMap<PathBuf, Seen> {
        let mut seen = BTreeMap::new();
        look(self.scratch.path(), &mut |path, metadata| {
            let changing = CHANGING.iter().any(|mount| path == self.path(mount));
            if !changing {
                seen.insert(path.to_owned(), Seen::new(path, metadata));
            }
            !changing
        });
        seen
    }

    /// Of the test's own folder, and of whatever lies above it.
    fn inodes_outside(&self) -> BTreeSet<(u64, u64)> {
        let mut inodes = BTreeSet::new();
        look(self.scratch.path(), &mut |path, metadata| {
            let mounted = MOUNTS.iter().any(|mount| path == self.path(mount));
            if !mounted {
                inodes.insert((metadata.dev(), metadata.ino()));
            }
            !mounted
        });
        for above in self.scratch.path().ancestors() {
            let metadata = fs::metadata(above).unwrap();
            inodes.insert((metadata.dev(), metadata.ino()));
        }
        inodes
    }
}

impl Seen {
    fn new(path: &Path, metadata: &Metadata) -> Seen {
        use std::os::unix::ffi::OsStringExt;
        let contents = if metadata.is_file() {
            fs::read(path).unwrap()
        } else if metadata.is_symlink() {
            fs::read_link(path).unwrap().into_os_string().into_vec()
        } else {
            Vec::new()
        };
        Seen {
            mode: metadata.mode(),
            ino: metadata.ino(),
            nlink: metadata.nlink(),
            owner: (metadata.uid(), metadata.gid()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            contents,
        }
    }
}

/// Shows `path` and all beneath it to `show`, which says whether to go into a directory.
fn look(path: &Path, show: &mut impl FnMut(&Path, &Metadata) -> bool) {
    let metadata = path.symlink_metadata().unwrap();
    if show(path, &metadata) && metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), show);
        }
    }
}
