//! What is not the same on a host: the limit, the host's side, and who shares what. All else is in the tests of the
//! calls, which run over both, and in `differential.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::VirtualClock;
use crate::WasiCtx;
use crate::preview1::{
    fd_allocate, fd_filestat_set_size, fd_pwrite, fd_write, path_link, path_rename,
    path_unlink_file,
};
use crate::testing::{Guest, READ, READ_WRITE};
use crate::types::{fdflags, oflags};

/// A guest with `fs` as descriptor 3, which has the file `file`, open to be written.
fn guest_with_file(fs: &MemoryFs) -> (Guest, u32) {
    let mut guest = Guest::with_memory(fs.clone(), false);
    let fd = guest.open("file", oflags::CREAT, READ_WRITE).unwrap();
    (guest, fd)
}

fn write_at(guest: &mut Guest, fd: u32, len: u32, offset: u64) -> Result<u32> {
    let iovs = guest.iovecs(&[(1000, len)]);
    guest.call(|ctx, memory| fd_pwrite(ctx, memory, fd, iovs, 1, offset, 0))?;
    Ok(guest.u32_at(0))
}

#[test]
fn what_grows_is_counted_before_it_is_allocated() {
    let fs = MemoryFs::new(10_000);
    let (mut guest, fd) = guest_with_file(&fs);
    let used = fs.used_bytes();
    for offset in [10_000, 1 << 40, i64::MAX as u64 - 10] {
        assert_eq!(write_at(&mut guest, fd, 5, offset), Err(Errno::Nospc));
        let sized = fd_filestat_set_size(&mut guest.ctx, fd, offset);
        assert_eq!(sized, Err(Errno::Nospc));
        let allocated = fd_allocate(&mut guest.ctx, fd, offset, 5);
        assert_eq!(allocated, Err(Errno::Nospc));
    }
    let beyond = write_at(&mut guest, fd, 5, i64::MAX as u64);
    assert_eq!(beyond, Err(Errno::Fbig));
    assert_eq!(write_at(&mut guest, fd, 5, u64::MAX), Err(Errno::Inval));
    let sized = fd_filestat_set_size(&mut guest.ctx, fd, u64::MAX);
    assert_eq!(sized, Err(Errno::Inval));
    let allocated = fd_allocate(&mut guest.ctx, fd, u64::MAX, u64::MAX);
    assert_eq!(allocated, Err(Errno::Fbig));
    assert_eq!((fs.used_bytes(), fs.read("file").unwrap().len()), (used, 0));
}

#[test]
fn what_the_host_has_no_memory_for_is_not_counted() {
    let fs = MemoryFs::new(u64::MAX);
    let (mut guest, fd) = guest_with_file(&fs);
    let used = fs.used_bytes();
    let sized = fd_filestat_set_size(&mut guest.ctx, fd, 1 << 60);
    assert_eq!(sized, Err(Errno::Nospc));
    assert_eq!(write_at(&mut guest, fd, 1, 1 << 60), Err(Errno::Nospc));
    assert_eq!(fs.used_bytes(), used);
    assert_eq!(write_at(&mut guest, fd, 1, 0), Ok(1));
}

#[test]
fn what_is_cut_off_is_not_kept() {
    let quota = Arc::new(Quota::new(1 << 20));
    let mut contents = Contents::empty(Held::nothing(&quota));
    contents.set_len(100_000).unwrap();
    contents.set_len(10).unwrap();
    assert!(contents.capacity() < 100);
    assert_eq!(quota.used(), 10);
}

#[test]
fn a_file_without_a_name_gets_none_again() {
    let fs = MemoryFs::new(1 << 20);
    let root = fs.root();
    let node = fs.create_file(&root, "file").unwrap();
    fs.remove_file(&root, "file").unwrap();
    assert_eq!(fs.link(&node, &root, "again"), Err(Errno::Noent));
    assert_eq!(fs.paths(), []);
}

#[test]
fn a_write_that_fits_in_part_is_short() {
    let fs = MemoryFs::new(1000);
    let (mut guest, fd) = guest_with_file(&fs);
    let room = 1000 - fs.used_bytes() as u32;
    assert_eq!(write_at(&mut guest, fd, 2000, 0), Ok(room));
    assert_eq!(fs.used_bytes(), 1000);
    assert_eq!(write_at(&mut guest, fd, 1, room.into()), Err(Errno::Nospc));
    // What replaces something needs no more room.
    assert_eq!(write_at(&mut guest, fd, 10, 0), Ok(10));
    assert_eq!(write_at(&mut guest, fd, 20, u64::from(room) - 5), Ok(5));
}

#[test]
fn names_and_nodes_count() {
    let fs = MemoryFs::new(100_000);
    let (mut guest, fd) = guest_with_file(&fs);
    let made = (0..).take_while(|number| fs.create_dir_all(&number.to_string()).is_ok());
    let made = made.count();
    assert!((100..1000).contains(&made), "{made}");
    // What is left goes to the file. A longer name has no room then, and nothing changes.
    write_at(&mut guest, fd, 2000, 0).unwrap();
    let used = fs.used_bytes();
    let long = "n".repeat(255);
    for name in ["0", "1"] {
        fs.write(&format!("{name}/file"), "").unwrap_err();
        let renamed = rename(&mut guest, (3, name), (3, &long));
        assert_eq!(renamed, Err(Errno::Nospc));
    }
    assert_eq!(used, 100_000);
    assert_eq!(fs.used_bytes(), used);
    assert_eq!(fs.list("/").unwrap().len(), made + 1);
    fs.remove("0").unwrap();
    assert_eq!(rename(&mut guest, (3, "1"), (3, &long)), Ok(()));
    assert_eq!(MemoryFs::new(0).write("x", ""), Err(Errno::Nospc));
}

#[test]
fn room_comes_back_with_the_last_user() {
    let fs = MemoryFs::new(10_000);
    let (mut guest, fd) = guest_with_file(&fs);
    write_at(&mut guest, fd, 5000, 0).unwrap();
    let (ptr, len) = guest.put(1000, b"file");
    guest
        .call(|ctx, memory| path_unlink_file(ctx, memory, 3, ptr, len))
        .unwrap();
    // It has no name any more, and is still written and read.
    assert!(fs.used_bytes() > 5000);
    assert_eq!(write_at(&mut guest, fd, 10, 6000), Ok(10));
    assert_eq!(fs.write("other", vec![0; 5000]), Err(Errno::Nospc));
    crate::preview1::fd_close(&mut guest.ctx, fd).unwrap();
    assert_eq!(fs.used_bytes(), 0);
    assert_eq!(fs.write("other", vec![0; 5000]), Ok(()));
}

/// Counts who looks at it, and is gone when the file system is.
struct Counted(Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.0.fetch_add(1, Ordering::Relaxed);
        b"0123456789"
    }
}

#[test]
fn given_contents_stay_until_something_changes() {
    let counter = Arc::new(AtomicUsize::new(0));
    let fs = MemoryFs::new(10_000);
    fs.write("file", Counted(counter.clone())).unwrap();
    assert_eq!(fs.read("file").unwrap(), b"0123456789");
    assert_eq!(Arc::strong_count(&counter), 2);
    let (mut guest, fd) = guest_with_file(&fs);
    guest.put(1000, b"abc");
    assert_eq!(write_at(&mut guest, fd, 3, 4), Ok(3));
    assert_eq!(fs.read("file").unwrap(), b"0123abc789");
    assert_eq!(Arc::strong_count(&counter), 1);
    fs.write("file", Counted(counter.clone())).unwrap();
    fd_filestat_set_size(&mut guest.ctx, fd, 2).unwrap();
    assert_eq!(fs.read("file").unwrap(), b"01");
    assert_eq!(Arc::strong_count(&counter), 1);
}

fn rename(guest: &mut Guest, from: (u32, &str), to: (u32, &str)) -> Result<()> {
    let (old, old_len) = guest.put(1000, from.1.as_bytes());
    let (new, new_len) = guest.put(2000, to.1.as_bytes());
    guest.call(|ctx, memory| path_rename(ctx, memory, from.0, old, old_len, to.0, new, new_len))
}

fn link(guest: &mut Guest, from: (u32, &str), to: (u32, &str)) -> Result<()> {
    let (old, old_len) = guest.put(1000, from.1.as_bytes());
    let (new, new_len) = guest.put(2000, to.1.as_bytes());
    guest.call(|ctx, memory| path_link(ctx, memory, from.0, 0, old, old_len, to.0, new, new_len))
}

#[test]
fn files_move_between_mounts_of_the_same_file_system_alone() {
    let fs = MemoryFs::new(1 << 20);
    let shared = Arc::new(MemoryFs::new(1 << 20));
    fs.write("file", "x").unwrap();
    shared.write("file", "y").unwrap();
    let ctx = WasiCtx::builder()
        .mount(fs.clone(), "/3")
        .mount(fs.clone(), "/4")
        .mount(MemoryFs::new(1 << 20), "/5")
        .mount(shared.clone(), "/6")
        .mount(shared.clone(), "/7")
        .preopened_dir(std::env::temp_dir(), "/8")
        .build()
        .unwrap();
    let mut guest = Guest::new(ctx);
    assert_eq!(link(&mut guest, (3, "file"), (4, "hard")), Ok(()));
    assert_eq!(rename(&mut guest, (4, "file"), (3, "moved")), Ok(()));
    assert_eq!(fs.list("/").unwrap(), ["hard", "moved"]);
    assert_eq!(link(&mut guest, (6, "file"), (7, "hard")), Ok(()));
    for (from, to) in [(3, 5), (3, 6), (6, 3), (3, 8), (8, 3)] {
        let (from, to) = ((from, "hard"), (to, "x"));
        assert_eq!(rename(&mut guest, from, to), Err(Errno::Xdev));
        assert_eq!(link(&mut guest, from, to), Err(Errno::Xdev));
    }
}

#[test]
fn a_directory_cannot_come_to_be_inside_itself() {
    let fs = MemoryFs::new(1 << 20);
    fs.create_dir_all("a/b/c").unwrap();
    let mut guest = Guest::with_memory(fs.clone(), false);
    // Not through another descriptor either, which knows nothing of the way to it.
    let rights = crate::rights::DIRECTORY;
    let inner = guest.open("a/b", oflags::DIRECTORY, rights).unwrap();
    let inner = guest.open_at(inner, 0, "c", oflags::DIRECTORY, rights);
    let inner = inner.unwrap();
    for name in ["a", "a/b", "a/b/c"] {
        assert_eq!(
            rename(&mut guest, (3, name), (inner, "x")),
            Err(Errno::Inval)
        );
    }
    assert_eq!(rename(&mut guest, (3, "a/b"), (3, "b")), Ok(()));
    assert_eq!(rename(&mut guest, (3, "a"), (inner, "a")), Ok(()));
    let paths: Vec<String> = fs.paths().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["b", "b/c", "b/c/a"]);
}

#[test]
fn the_host_walks_like_a_guest() {
    let fs = MemoryFs::new(1 << 20);
    fs.write("/a/b/file", "1").unwrap();
    fs.symlink("b/./../b", "a/link").unwrap();
    fs.symlink("/a", "absolute").unwrap();
    fs.write("a/link/other", "2").unwrap();
    assert_eq!(fs.list("a/b").unwrap(), ["file", "other"]);
    assert_eq!(fs.read("a/link/../link/file").unwrap(), b"1");
    for path in ["..", "a/../..", "absolute"] {
        assert_eq!(fs.read(path), Err(Errno::Perm), "{path}");
        assert_eq!(
            fs.write(&format!("{path}/x"), ""),
            Err(Errno::Perm),
            "{path}"
        );
    }
    for path in ["", "/", ".", "a", "a/", "a/b/.", "a/new/"] {
        assert_eq!(fs.write(path, ""), Err(Errno::Isdir), "{path}");
    }
    assert_eq!(fs.write("a/b/file/x", ""), Err(Errno::Notdir));
    assert_eq!(fs.create_dir_all("a/b/file"), Err(Errno::Notdir));
    assert_eq!(fs.create_dir_all("a//c/./d/"), Ok(()));
    assert_eq!(fs.list("a/c").unwrap(), ["d"]);
    assert_eq!(fs.list("a/b/file"), Err(Errno::Notdir));
    for path in ["", "/", ".", ".."] {
        assert!(fs.remove(path).is_err(), "{path}");
    }
    let long = "n".repeat(256);
    assert_eq!(fs.write(&long, ""), Err(Errno::Nametoolong));
    assert_eq!(fs.symlink("x", &long), Err(Errno::Nametoolong));
    fs.remove("a").unwrap();
    fs.remove("absolute").unwrap();
    assert_eq!((fs.paths(), fs.used_bytes()), (Vec::new(), 0));
}

#[test]
fn a_removed_directory_is_empty_for_those_who_have_it() {
    let fs = MemoryFs::new(1 << 20);
    fs.write("dir/inner/file", "x").unwrap();
    let mut guest = Guest::with_memory(fs.clone(), false);
    let rights = crate::rights::DIRECTORY;
    let dir = guest.open("dir", oflags::DIRECTORY, rights).unwrap();
    let file = guest.open("dir/inner/file", 0, READ_WRITE).unwrap();
    fs.remove("dir").unwrap();
    let created = guest.open_at(dir, 0, "new", oflags::CREAT, READ_WRITE);
    assert_eq!(created, Err(Errno::Noent));
    assert_eq!(guest.open_at(dir, 0, "inner", 0, 0), Err(Errno::Noent));
    assert_eq!(write_at(&mut guest, file, 4, 0), Ok(4));
}

#[test]
fn a_tree_deeper_than_any_path_is_listed_in_part_and_removed() {
    const DEPTH: usize = 20_000;
    let fs = MemoryFs::new(1 << 24);
    let mut dir = fs.root();
    for _ in 0..DEPTH {
        fs.create_dir(&dir, "d").unwrap();
        dir = fs.lookup(&dir, "d").unwrap();
    }
    let root = fs.root();
    assert_eq!(fs.rename(&root, "d", &dir, "x"), Err(Errno::Inval));
    // Names of one byte, with slashes between.
    assert_eq!(fs.paths().len(), 2048);
    fs.remove("d").unwrap();
    assert_eq!(fs.create_file(&dir, "x").err(), Some(Errno::Noent));
    drop(dir);
    assert_eq!(fs.used_bytes(), 0);
}

#[test]
fn times_are_those_of_the_clock() {
    let fs = MemoryFs::with_clock(1 << 20, VirtualClock::new(1000, 10));
    fs.write("file", "").unwrap();
    let made = fs.metadata("file").unwrap();
    let mut guest = Guest::with_memory(fs.clone(), false);
    let fd = guest.open("file", 0, READ_WRITE).unwrap();
    write_at(&mut guest, fd, 1, 0).unwrap();
    let written = fs.metadata("file").unwrap();
    assert!(made.mtim >= 1000 && written.mtim > made.mtim && written.ctim == written.mtim);
    assert_eq!(written.atim, made.atim);
    let root = fs.metadata("/").unwrap().mtim;
    fs.remove("file").unwrap();
    assert!(fs.metadata("/").unwrap().mtim > root);
}

#[test]
fn many_threads_append_and_create_at_once() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 200;
    let fs = MemoryFs::new(1 << 24);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let fs = fs.clone();
            scope.spawn(move || {
                let mut guest = Guest::with_memory(fs, false);
                let (ptr, len) = guest.put(1000, b"log");
                let append = fdflags::APPEND.into();
                for round in 0..ROUNDS {
                    guest
                        .call(|ctx, memory| {
                            let create = oflags::CREAT.into();
                            crate::preview1::path_open(
                                ctx, memory, 3, 0, ptr, len, create, READ_WRITE, 0, append, 0,
                            )
                        })
                        .unwrap();
                    let fd = guest.u32_at(0);
                    guest.put(2000, format!("{thread}:{round:3}\n").as_bytes());
                    let iovs = guest.iovecs(&[(2000, 2), (2002, 4)]);
                    guest
                        .call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 2, 0))
                        .unwrap();
                    crate::preview1::fd_close(&mut guest.ctx, fd).unwrap();
                    // All use the same names; whose rename succeeds is chance.
                    let _ = rename(&mut guest, (3, "log"), (3, "old"));
                    let _ = rename(&mut guest, (3, "old"), (3, "log"));
                }
            });
        }
    });
    // A rename over the other name drops what was there, but no line is ever torn.
    let text: Vec<u8> = ["log", "old"]
        .iter()
        .flat_map(|name| fs.read(name).unwrap_or_default())
        .collect();
    assert!(text.len().is_multiple_of(6));
    for line in text.chunks(6) {
        assert!(line[1] == b':' && line[5] == b'\n', "{line:?}");
    }
    for (path, _) in fs.paths() {
        fs.remove(&path).unwrap();
    }
    assert_eq!(fs.used_bytes(), 0);
}

#[test]
fn what_cannot_change_says_so() {
    /// One empty file, and nothing that is not asked of every file system.
    struct Fixed;

    impl FileSystem for Fixed {
        type Node = bool;

        fn root(&self) -> bool {
            true
        }

        fn stat(&self, root: &bool) -> Result<Filestat> {
            let filetype = if *root {
                Filetype::Directory
            } else {
                Filetype::RegularFile
            };
            Ok(Filestat::new(filetype, u64::from(*root), 0))
        }

        fn lookup(&self, _dir: &bool, name: &str) -> Result<bool> {
            match name {
                "file" => Ok(false),
                _ => Err(Errno::Noent),
            }
        }

        fn entries(
            &self,
            _dir: &bool,
            _cookie: u64,
            _visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
        ) -> Result<()> {
            Ok(())
        }

        fn read_at(
            &self,
            _file: &bool,
            buffers: &mut [IoSliceMut<'_>],
            _offset: u64,
        ) -> Result<usize> {
            // More than there was room for.
            Ok(buffers.len() + 1_000_000)
        }
    }

    for read_only in [false, true] {
        let mut builder = WasiCtx::builder();
        if read_only {
            builder.mount_read_only(Fixed, "/");
        } else {
            builder.mount(Fixed, "/");
        }
        let mut guest = Guest::new(builder.build().unwrap());
        let opened = guest.open("file", 0, READ_WRITE);
        if read_only {
            assert_eq!(opened, Err(Errno::Rofs));
        } else {
            let fd = opened.unwrap();
            assert_eq!(write_at(&mut guest, fd, 1, 0), Err(Errno::Rofs));
        }
        assert_eq!(rename(&mut guest, (3, "file"), (3, "x")), Err(Errno::Rofs));
        assert_eq!(link(&mut guest, (3, "file"), (3, "x")), Err(Errno::Rofs));
        let create = guest.open("new", oflags::CREAT, READ);
        assert_eq!(create, Err(Errno::Rofs));
        let fd = guest.open("file", oflags::CREAT, READ).unwrap();
        let iovs = guest.iovecs(&[(1000, 7)]);
        guest
            .call(|ctx, memory| crate::preview1::fd_read(ctx, memory, fd, iovs, 1, 0))
            .unwrap();
        assert_eq!(guest.u32_at(0), 7);
    }
}
