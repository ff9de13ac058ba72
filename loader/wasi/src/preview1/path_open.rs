//! Opening and creating files.
//!
//! 1. Read and check the arguments; find the directory and check its rights.
//! 2. Decide what the host must be asked for: the guest's rights say whether to read and to write.
//! 3. Open, as a directory if the name or the flags ask for one.
//! 4. Enter it in the table with the rights that were asked for and that its kind can have, no more.

use crate::descriptor::{Descriptor, Kind, OpenDir};
use crate::handle::{OpenHow, Opened};
use crate::preview1::path::relative;
use crate::rights::{self, Rights};
use crate::types::{fdflags, flags16, follows, oflags};
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Opens `path` beneath the directory `fd` and writes the number of the new descriptor to `opened_fd`.
///
/// `lookupflags` 1 follows a symlink. `oflags`: 1 create, 2 must be a directory, 4 must not exist, 8 cut to no bytes.
/// `base` and `inheriting` are the rights wanted; those that the kind of file cannot have are left out. `fdflags`: 1
/// append, 2, 8 and 16 write synchronously, 4 do not block.
///
/// # Errors
///
/// - [`Errno::Notcapable`] without the rights `path_open`, `path_create_file` (to create) and `path_filestat_set_size` (to
///   cut), or for a right that `fd` cannot pass on.
/// - [`Errno::Rofs`] for writing, creating or cutting in a mount given read-only.
/// - [`Errno::Perm`] for a path that leads out of the mount, [`Errno::Loop`] for a symlink that is not to be followed.
/// - [`Errno::Inval`] for unknown flags, or a directory that is to be created.
pub fn path_open(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    lookupflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    opened_fd: u32,
) -> Result<()> {
    memory.check(opened_fd, 4)?;
    let request = Request {
        path: relative(memory, path, path_len)?,
        follow: follows(lookupflags)?,
        oflags: flags16(oflags, oflags::ALL)?,
        fdflags: flags16(fdflags, fdflags::ALL)?,
        base: base & rights::INHERITED,
        inheriting,
    };
    // Otherwise a file would be created or cut for a descriptor that there is not.
    ctx.table.check_room()?;
    let opened = request.open(ctx, fd)?;
    let new_fd = ctx.table.insert(opened)?;
    memory.write_u32(opened_fd, new_fd)
}

struct Request {
    path: String,
    follow: bool,
    oflags: u16,
    fdflags: u16,
    base: Rights,
    inheriting: Rights,
}

impl Request {
    fn open(&self, ctx: &WasiCtx, fd: u32) -> Result<Descriptor> {
        let descriptor = ctx.table.get(fd)?;
        let Kind::Dir(parent) = &descriptor.kind else {
            return Err(Errno::Notdir);
        };
        let denied = if parent.read_only {
            rights::CHANGING
        } else {
            0
        };
        // That a mount is read-only says more than that rights are missing.
        descriptor.require(self.needed_of_parent() & !denied)?;
        let (of_parent, inheritable) = (descriptor.base, descriptor.inheriting);
        if self.base & !inheritable & !denied != 0 {
            return Err(Errno::Notcapable);
        }
        if parent.read_only && (self.writes() || self.has(oflags::TRUNC)) {
            return Err(Errno::Rofs);
        }

        let wants_dir = self.has(oflags::DIRECTORY) || self.path.ends_with('/');
        if wants_dir && self.has(oflags::CREAT) {
            return Err(if self.has(oflags::DIRECTORY) {
                Errno::Inval
            } else {
                Errno::Isdir
            });
        }
        let base = self.base & inheritable;
        match parent.handle.open(&self.path, &self.how(parent))? {
            Opened::File(file) => {
                let lost = if self.writes() {
                    0
                } else {
                    rights::NEED_WRITING
                };
                Ok(Descriptor::file(file, base & !lost))
            }
            Opened::Dir(_) if self.has(oflags::CREAT) => Err(Errno::Isdir),
            Opened::Dir(_) if wants_dir && (self.writes() || self.has(oflags::TRUNC)) => {
                Err(Errno::Isdir)
            }
            Opened::Dir(handle) => {
                let inheriting = self.inheriting & inheritable;
                Ok(Descriptor {
                    kind: Kind::Dir(OpenDir {
                        handle,
                        preopen: None,
                        read_only: parent.read_only,
                        flags: self.fdflags,
                        listing: None,
                    }),
                    base: rights::of_directory(base, inheriting, of_parent),
                    inheriting,
                })
            }
        }
    }

    fn needed_of_parent(&self) -> Rights {
        let mut needed = rights::PATH_OPEN;
        if self.has(oflags::CREAT) {
            needed |= rights::PATH_CREATE_FILE;
        }
        if self.has(oflags::TRUNC) {
            needed |= rights::PATH_FILESTAT_SET_SIZE;
        }
        needed
    }

    fn how(&self, parent: &OpenDir) -> OpenHow {
        OpenHow {
            follow: self.follow,
            directory: self.has(oflags::DIRECTORY),
            create: self.has(oflags::CREAT),
            exclusive: self.has(oflags::EXCL),
            truncate: self.has(oflags::TRUNC),
            read: self.base & rights::NEED_READING != 0,
            write: self.writes(),
            read_only: parent.read_only,
            fdflags: self.fdflags,
        }
    }

    fn writes(&self) -> bool {
        self.base & rights::FD_WRITE != 0
    }

    fn has(&self, flag: u16) -> bool {
        self.oflags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview1::{
        fd_close, fd_fdstat_set_rights, fd_filestat_set_size, fd_filestat_set_times, fd_write,
        path_unlink_file,
    };
    use crate::testing::{Guest, READ, READ_WRITE};

    crate::testing::also_in_memory!(
        no_path_leads_out_of_the_mount,
        a_symlink_is_followed_only_if_asked,
        a_trailing_slash_asks_for_a_directory,
        names_that_no_host_has_are_refused,
        files_are_created_with_and_without_the_right_to_write,
        directories_are_opened_without_being_asked_for,
        cutting_needs_the_right_of_the_directory,
        rights_only_shrink_on_the_way_down,
        a_read_only_mount_opens_for_reading_only,
        setting_sizes_alone_opens_for_reading,
        appending_and_cutting_go_together,
    );

    const CREAT: u16 = oflags::CREAT;
    const DIRECTORY: u16 = oflags::DIRECTORY;
    const EXCL: u16 = oflags::EXCL;
    const TRUNC: u16 = oflags::TRUNC;

    #[test]
    fn no_path_leads_out_of_the_mount() {
        let mut guest = Guest::with_dir("open-escape");
        guest.host_symlink("..", "up");
        guest.host_symlink("../outside", "file-out");
        guest.host_symlink("/etc/passwd", "absolute");
        guest.host_symlink("../created", "dangling-out");
        for path in [
            "/",
            "/etc/passwd",
            "../outside",
            "..",
            "../",
            "x/../../outside",
            "up/outside",
            "up/",
            "file-out",
            "absolute",
        ] {
            for oflags in [0, CREAT, DIRECTORY] {
                let opened = guest.open(path, oflags, READ);
                let expected = if path.starts_with("x/") {
                    Err(Errno::Noent)
                } else if path.ends_with('/') && oflags == CREAT && path != "/" {
                    Err(Errno::Isdir)
                } else {
                    Err(Errno::Perm)
                };
                assert_eq!(opened, expected, "{path} {oflags}");
            }
        }
        assert_eq!(guest.open("file-out", TRUNC, READ_WRITE), Err(Errno::Perm));
        let created = guest.open("dangling-out", CREAT, READ_WRITE);
        assert_eq!(created, Err(Errno::Perm));
        guest.check_outside();
    }

    #[test]
    fn a_symlink_is_followed_only_if_asked() {
        let mut guest = Guest::with_dir("open-follow");
        guest.host_write("file", b"x");
        guest.host_create_dir("dir");
        guest.host_symlink("file", "to-file");
        guest.host_symlink("dir", "to-dir");
        guest.host_symlink("../outside", "out");
        assert!(guest.open_at(3, 1, "to-file", 0, READ).is_ok());
        assert!(guest.open_at(3, 1, "to-dir", DIRECTORY, 0).is_ok());
        for path in ["to-file", "to-dir", "out"] {
            assert_eq!(guest.open_at(3, 0, path, 0, READ), Err(Errno::Loop));
            let dir = guest.open_at(3, 0, path, DIRECTORY, 0);
            assert!(matches!(dir, Err(Errno::Notdir | Errno::Loop)), "{dir:?}");
        }
        assert!(guest.open_at(3, 0, "to-dir/", 0, 0).is_ok());
        assert_eq!(guest.open_at(3, 0, "out/", 0, 0), Err(Errno::Perm));
        assert_eq!(guest.open_at(3, 2, "file", 0, READ), Err(Errno::Inval));
    }

    #[test]
    fn a_trailing_slash_asks_for_a_directory() {
        let mut guest = Guest::with_dir("open-slash");
        guest.host_write("file", b"x");
        guest.host_create_dir("dir");
        assert_eq!(guest.open("file/", 0, READ), Err(Errno::Notdir));
        assert_eq!(guest.open("file///", 0, READ), Err(Errno::Notdir));
        assert!(guest.open("dir/", 0, READ).is_ok());
        assert!(guest.open("dir/.", 0, READ).is_ok());
        assert_eq!(guest.open("new/", CREAT, READ_WRITE), Err(Errno::Isdir));
        assert_eq!(guest.open("new/", 0, READ), Err(Errno::Noent));
        assert!(!guest.host_exists("new"));
    }

    #[test]
    fn names_that_no_host_has_are_refused() {
        let mut guest = Guest::with_dir("open-names");
        assert_eq!(guest.open("", 0, READ), Err(Errno::Noent));
        assert_eq!(guest.open("a\0", 0, READ), Err(Errno::Inval));
        let long = "x".repeat(256);
        assert_eq!(guest.open(&long, 0, READ), Err(Errno::Nametoolong));
        let (ptr, _) = guest.put(1000, b"\xff");
        let not_utf8 =
            guest.call(|ctx, memory| path_open(ctx, memory, 3, 0, ptr, 1, 0, READ, 0, 0, 0));
        assert_eq!(not_utf8, Err(Errno::Ilseq));
    }

    #[test]
    fn files_are_created_with_and_without_the_right_to_write() {
        let mut guest = Guest::with_dir("open-create");
        assert_eq!(guest.open("file", 0, READ), Err(Errno::Noent));
        assert!(guest.open("file", CREAT, READ).is_ok());
        assert!(guest.open("file", CREAT, 0).is_ok());
        assert!(guest.open("file", CREAT, READ_WRITE).is_ok());
        let exclusive = guest.open("file", CREAT | EXCL, READ_WRITE);
        assert_eq!(exclusive, Err(Errno::Exist));
        assert!(guest.open("new", CREAT | EXCL, READ).is_ok());
        let dir = guest.open("dir", CREAT | DIRECTORY, READ);
        assert_eq!(dir, Err(Errno::Inval));
        assert_eq!(guest.open(".", CREAT, READ), Err(Errno::Isdir));
    }

    #[test]
    fn directories_are_opened_without_being_asked_for() {
        let mut guest = Guest::with_dir("open-dir");
        assert!(guest.open(".", 0, READ).is_ok());
        assert_eq!(guest.open(".", 0, READ_WRITE), Err(Errno::Isdir));
        assert_eq!(guest.open(".", DIRECTORY, READ_WRITE), Err(Errno::Isdir));
        assert!(guest.open(".", DIRECTORY, READ).is_ok());
        guest.host_write("file", b"x");
        assert_eq!(guest.open("file", DIRECTORY, READ), Err(Errno::Notdir));
    }

    #[test]
    fn cutting_needs_the_right_of_the_directory() {
        let mut guest = Guest::with_dir("open-trunc");
        guest.host_write("file", b"abc");
        let all = rights::DIRECTORY;
        let dir = guest.open(".", DIRECTORY, all).unwrap();
        let weak = guest.open(".", DIRECTORY, all).unwrap();
        let less = all & !rights::PATH_FILESTAT_SET_SIZE;
        fd_fdstat_set_rights(&mut guest.ctx, weak, less, rights::INHERITED).unwrap();
        let weaker = guest.open_at(weak, 0, ".", DIRECTORY, less).unwrap();
        for fd in [weak, weaker] {
            let refused = guest.open_at(fd, 0, "file", TRUNC, READ_WRITE);
            assert_eq!(refused, Err(Errno::Notcapable));
        }
        assert_eq!(guest.host_read("file"), b"abc");
        assert!(guest.open_at(dir, 0, "file", TRUNC, READ).is_ok());
        assert_eq!(guest.host_read("file"), b"");
    }

    #[test]
    fn files_are_cut_beneath_a_directory_opened_for_reading() {
        // The rights are those of Go's `os.OpenRoot`, and then of `Root.Create`.
        const SIZES_OF_FILES: Rights = rights::PATH_FILESTAT_SET_SIZE | rights::FD_DATASYNC;
        let mut guest = Guest::with_dir("open-trunc-go");
        guest.host_write("file", b"abc");
        let base = rights::DIRECTORY & !SIZES_OF_FILES;
        let dir = guest.open(".", DIRECTORY, base).unwrap();
        let opened = guest.open_at(dir, 0, "file", CREAT | TRUNC, rights::INHERITED);
        assert!(opened.is_ok());
        assert_eq!(guest.host_read("file"), b"");
    }

    #[test]
    fn rights_only_shrink_on_the_way_down() {
        let mut guest = Guest::with_dir("open-rights");
        guest.host_write("file", b"x");
        let (ptr, len) = guest.put(1000, b".");
        let flags = u32::from(DIRECTORY);
        guest
            .call(|ctx, memory| {
                let base = rights::PATH_OPEN;
                path_open(ctx, memory, 3, 0, ptr, len, flags, base, READ, 0, 0)
            })
            .unwrap();
        let dir = guest.u32_at(0);
        assert!(guest.open_at(dir, 0, "file", 0, READ).is_ok());
        let more = guest.open_at(dir, 0, "file", 0, READ_WRITE);
        assert_eq!(more, Err(Errno::Notcapable));
        let create = guest.open_at(dir, 0, "new", CREAT, READ);
        assert_eq!(create, Err(Errno::Notcapable));
        let (ptr, len) = guest.put(1000, b"file");
        let unlink = guest.call(|ctx, memory| path_unlink_file(ctx, memory, dir, ptr, len));
        assert_eq!(unlink, Err(Errno::Notcapable));
    }

    #[test]
    fn a_read_only_mount_opens_for_reading_only() {
        let mut guest = Guest::with_read_only_dir("open-read-only");
        guest.host_write("file", b"abc");
        guest.host_create_dir("dir");
        let dir = guest.open("dir", DIRECTORY, rights::DIRECTORY).unwrap();
        for (fd, path) in [(3, "file"), (dir, "../file"), (dir, "x")] {
            for (oflags, base) in [(0, READ_WRITE), (TRUNC, READ), (CREAT | EXCL, READ)] {
                let opened = guest.open_at(fd, 0, path, oflags, base);
                let out = path.starts_with("..") && oflags == 0;
                assert!(opened == Err(Errno::Rofs) || out, "{path} {oflags}");
            }
        }
        assert_eq!(guest.open("new", CREAT, READ), Err(Errno::Rofs));
        let fd = guest.open("file", CREAT, READ).unwrap();
        let times = fd_filestat_set_times(&mut guest.ctx, fd, 0, 0, 4);
        assert_eq!(times, Err(Errno::Notcapable));
        assert_eq!(guest.host_read("file"), b"abc");
    }

    #[test]
    fn setting_sizes_alone_opens_for_reading() {
        let mut guest = Guest::with_read_only_dir("open-set-size");
        guest.host_write("file", b"abc");
        let rights = READ | rights::FD_FILESTAT_SET_SIZE;
        let fd = guest.open("file", 0, rights).unwrap();
        let size = fd_filestat_set_size(&mut guest.ctx, fd, 0);
        assert_eq!(size, Err(Errno::Notcapable));
        assert!(guest.open(".", 0, rights).is_ok());
    }

    #[test]
    fn appending_and_cutting_go_together() {
        let mut guest = Guest::with_dir("open-append");
        guest.host_write("file", b"abc");
        let iovs = guest.iovecs(&[(500, 1)]);
        for (oflags, expected) in [(0, &b"abc\0"[..]), (TRUNC, b"\0")] {
            let (ptr, len) = guest.put(1000, b"file");
            let append = fdflags::APPEND.into();
            guest
                .call(|ctx, memory| {
                    let oflags = oflags.into();
                    path_open(
                        ctx, memory, 3, 0, ptr, len, oflags, READ_WRITE, 0, append, 0,
                    )
                })
                .unwrap();
            let fd = guest.u32_at(0);
            guest
                .call(|ctx, memory| fd_write(ctx, memory, fd, iovs, 1, 0))
                .unwrap();
            assert_eq!(guest.host_read("file"), expected);
            fd_close(&mut guest.ctx, fd).unwrap();
        }
    }

    #[test]
    fn a_pipe_with_a_name_does_not_block_the_host_until_it_is_read() {
        use crate::preview1::{fd_read, poll_oneoff};
        let mut guest = Guest::with_dir("open-fifo");
        let path = guest.host_path("pipe");
        let rw = rustix::fs::Mode::from_bits_truncate(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rw).unwrap();

        let reader = guest.open("pipe", 0, READ).unwrap();
        assert_eq!(guest.open("pipe", 0, 0).map(drop), Ok(()));
        // Nobody has written yet, which is not the end: a wait for it and for a clock ends with the clock.
        let subscriptions: Vec<u8> = [[1, 1, reader.into(), 0, 0, 0], [2, 0, 1, 1, 0, 0]]
            .concat()
            .iter()
            .flat_map(|word: &u64| word.to_le_bytes())
            .collect();
        let (at, _) = guest.put(8192, &subscriptions);
        guest
            .call(|ctx, memory| poll_oneoff(ctx, memory, at, 4096, 2, 0))
            .unwrap();
        assert_eq!((guest.u32_at(0), guest.u64_at(4096)), (1, 2));
        let host = std::thread::spawn(move || std::fs::write(path, "abc").unwrap());
        let iovs = guest.iovecs(&[(100, 8)]);
        let read = guest.call(|ctx, memory| fd_read(ctx, memory, reader, iovs, 1, 0));
        assert_eq!((read, guest.u32_at(0)), (Ok(()), 3));
        host.join().unwrap();
        for fd in [reader, reader + 1] {
            fd_close(&mut guest.ctx, fd).unwrap();
        }

        // One that is written waits for its reader, as everywhere, unless it must not.
        let nonblocking = guest.call(|ctx, memory| {
            let (ptr, _) = (1000, memory.write(1000, b"pipe"));
            let flags = fdflags::NONBLOCK.into();
            path_open(ctx, memory, 3, 0, ptr, 4, 0, rights::FD_WRITE, 0, flags, 0)
        });
        assert_eq!(nonblocking, Err(Errno::Nxio));
        let path = guest.host_path("pipe");
        let host = std::thread::spawn(move || std::fs::read(path).unwrap());
        let writer = guest.open("pipe", 0, rights::FD_WRITE).unwrap();
        guest.put(100, b"defg");
        let iovs = guest.iovecs(&[(100, 4)]);
        guest
            .call(|ctx, memory| fd_write(ctx, memory, writer, iovs, 1, 0))
            .unwrap();
        fd_close(&mut guest.ctx, writer).unwrap();
        assert_eq!(host.join().unwrap(), b"defg");
    }
}
