//! Calls on names beneath a directory, other than opening.
//!
//! Names are resolved by the directory that they are beneath, which lets none lead out. Everywhere the same holds:
//!
//! - An absolute path is [`Errno::Perm`], like any other that leads out. So is an absolute symlink target.
//! - A trailing slash asks for a directory.
//! - Without `symlink_follow` the last component is not followed, except before a trailing slash, as POSIX has it.

use crate::rights;
use crate::types::{flags16, follows, set_times};
use crate::{Errno, GuestMemory, Result, WasiCtx};

/// Creates the directory `path`. [`Errno::Notcapable`] without the right `path_create_directory`.
pub fn path_create_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = relative(memory, path, path_len)?;
    let parent = ctx.table.writable_dir(fd, rights::PATH_CREATE_DIRECTORY)?;
    parent.handle.create_dir(&path)
}

/// Writes the attributes of `path` to `filestat` (64 bytes). `flags` 1 follows a symlink.
/// [`Errno::Notcapable`] without the right `path_filestat_get`.
pub fn path_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    filestat: u32,
) -> Result<()> {
    let path = relative(memory, path, path_len)?;
    let follow = follows(flags)?;
    let parent = ctx.table.dir(fd, rights::PATH_FILESTAT_GET)?;
    let stat = parent.handle.stat_at(&path, follow)?;
    memory.write(filestat, &stat.to_bytes())
}

/// Sets access time `atim` and modification time `mtim` of `path` (nanoseconds since 1970-01-01 UTC), each if `fstflags`
/// says so: 1 and 4 to the value, 2 and 8 to now. `flags` 1 follows a symlink.
///
/// # Errors
///
/// [`Errno::Inval`] for a time that is to be both, [`Errno::Notcapable`] without the right `path_filestat_set_times`.
pub fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fstflags: u32,
) -> Result<()> {
    let follow = follows(flags)?;
    let (atim, mtim) = set_times(atim, mtim, flags16(fstflags, u16::MAX)?)?;
    let path = relative(memory, path, path_len)?;
    let parent = ctx
        .table
        .writable_dir(fd, rights::PATH_FILESTAT_SET_TIMES)?;
    parent.handle.set_times_at(&path, follow, atim, mtim)
}

/// Makes `new_path` another name of the file `old_path`; a symlink itself gets the new name.
///
/// # Errors
///
/// [`Errno::Inval`] if `old_flags` asks to follow a symlink, [`Errno::Xdev`] between different file systems,
/// [`Errno::Notcapable`] without the rights `path_link_source` and
/// `path_link_target`.
pub fn path_link(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    if follows(old_flags)? {
        return Err(Errno::Inval);
    }
    let old_path = relative(memory, old_path, old_path_len)?;
    let new_path = relative(memory, new_path, new_path_len)?;
    let old = ctx.table.writable_dir(old_fd, rights::PATH_LINK_SOURCE)?;
    let new = ctx.table.writable_dir(new_fd, rights::PATH_LINK_TARGET)?;
    old.handle.link(&old_path, new.handle.as_ref(), &new_path)
}

/// Writes the target of the symlink `path` to the `buf_len` bytes at `buf`, cut off where they end, and the bytes written to
/// `bufused`.
///
/// # Errors
///
/// [`Errno::Perm`] for an absolute target, which names a place in the host that the guest was not given;
/// [`Errno::Notcapable`] without the right `path_readlink`.
pub fn path_readlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    bufused: u32,
) -> Result<()> {
    let path = relative(memory, path, path_len)?;
    let parent = ctx.table.dir(fd, rights::PATH_READLINK)?;
    let target = parent.handle.read_link(&path)?;
    let room = usize::try_from(buf_len).map_err(|_| Errno::Fault)?;
    let target = target.get(..room).unwrap_or(&target);
    memory.check(bufused, 4)?;
    memory.write(buf, target)?;
    let used = u32::try_from(target.len()).map_err(|_| Errno::Overflow)?;
    memory.write_u32(bufused, used)
}

/// Removes the empty directory `path`. [`Errno::Notcapable`] without the right `path_remove_directory`.
pub fn path_remove_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = relative(memory, path, path_len)?;
    let parent = ctx.table.writable_dir(fd, rights::PATH_REMOVE_DIRECTORY)?;
    parent.handle.remove_dir(&path)
}

/// Gives `old_path` the name `new_path`, which is replaced if it is a file or an empty directory.
///
/// # Errors
///
/// [`Errno::Notdir`] for a trailing slash on what is no directory, [`Errno::Xdev`] between different file systems,
/// [`Errno::Notcapable`] without the rights
/// `path_rename_source` and `path_rename_target`.
pub fn path_rename(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let old_path = relative(memory, old_path, old_path_len)?;
    let new_path = relative(memory, new_path, new_path_len)?;
    let old = ctx.table.writable_dir(old_fd, rights::PATH_RENAME_SOURCE)?;
    let new = ctx.table.writable_dir(new_fd, rights::PATH_RENAME_TARGET)?;
    old.handle.rename(&old_path, new.handle.as_ref(), &new_path)
}

/// Creates the symlink `new_path` that holds `old_path`.
///
/// # Errors
///
/// [`Errno::Perm`] for an absolute target, [`Errno::Notcapable`] without the right `path_symlink`.
pub fn path_symlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let target = relative(memory, old_path, old_path_len)?;
    let new_path = relative(memory, new_path, new_path_len)?;
    let parent = ctx.table.writable_dir(fd, rights::PATH_SYMLINK)?;
    parent.handle.symlink(&target, &new_path)
}

/// Removes the file or symlink `path`. [`Errno::Isdir`] for a directory, [`Errno::Notcapable`] without the right
/// `path_unlink_file`.
pub fn path_unlink_file(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = relative(memory, path, path_len)?;
    let parent = ctx.table.writable_dir(fd, rights::PATH_UNLINK_FILE)?;
    parent.handle.remove_file(&path)
}

/// A path of the guest, which must not be absolute.
pub(crate) fn relative(memory: &GuestMemory<'_>, ptr: u32, len: u32) -> Result<String> {
    let path = memory.path(ptr, len)?;
    if path.starts_with('/') {
        return Err(Errno::Perm);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    crate::testing::also_in_memory!(
        no_path_leads_out_of_the_mount,
        a_chain_of_symlinks_may_be_forty_long,
        dots_inside_the_mount_are_fine,
        symlink_targets_are_relative_and_cut_to_the_buffer,
        a_trailing_slash_asks_for_a_directory,
        removing_knows_files_from_directories,
        links_and_renames_stay_on_the_same_file,
        nothing_changes_in_a_read_only_mount,
        times_of_a_symlink_are_its_own,
        a_file_is_no_place_for_names,
    );

    type PathCall = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32) -> Result<()>;

    /// A call with one path on the mount.
    fn one(guest: &mut Guest, call: PathCall, path: &str) -> Result<()> {
        let (ptr, len) = guest.put(1000, path.as_bytes());
        guest.call(|ctx, memory| call(ctx, memory, 3, ptr, len))
    }

    fn stat(guest: &mut Guest, follow: bool, path: &str) -> Result<u8> {
        let (ptr, len) = guest.put(1000, path.as_bytes());
        let flags = u32::from(follow);
        guest.call(|ctx, memory| path_filestat_get(ctx, memory, 3, flags, ptr, len, 0))?;
        Ok(guest.bytes(16, 1)[0])
    }

    fn symlink(guest: &mut Guest, target: &str, path: &str) -> Result<()> {
        let (old, old_len) = guest.put(1000, target.as_bytes());
        let (new, new_len) = guest.put(2000, path.as_bytes());
        guest.call(|ctx, memory| path_symlink(ctx, memory, old, old_len, 3, new, new_len))
    }

    fn rename(guest: &mut Guest, from: &str, to: &str) -> Result<()> {
        let (old, old_len) = guest.put(1000, from.as_bytes());
        let (new, new_len) = guest.put(2000, to.as_bytes());
        guest.call(|ctx, memory| path_rename(ctx, memory, 3, old, old_len, 3, new, new_len))
    }

    fn link(guest: &mut Guest, from: &str, to: &str) -> Result<()> {
        let (old, old_len) = guest.put(1000, from.as_bytes());
        let (new, new_len) = guest.put(2000, to.as_bytes());
        guest.call(|ctx, memory| path_link(ctx, memory, 3, 0, old, old_len, 3, new, new_len))
    }

    fn readlink(guest: &mut Guest, path: &str, room: u32) -> Result<Vec<u8>> {
        let (ptr, len) = guest.put(1000, path.as_bytes());
        guest.call(|ctx, memory| path_readlink(ctx, memory, 3, ptr, len, 2000, room, 0))?;
        let used = guest.u32_at(0);
        Ok(guest.bytes(2000, used))
    }

    #[test]
    fn no_path_leads_out_of_the_mount() {
        let mut guest = Guest::with_dir("escape");
        guest.host_symlink("..", "up");
        guest.host_symlink("../outside", "file-out");
        guest.host_symlink("/", "root");
        guest.host_symlink("loop", "loop");
        for path in [
            "..",
            "../",
            "../outside",
            "./../outside",
            "up/outside",
            "up/",
            "root/etc",
            "/",
            "/outside",
            "//",
        ] {
            assert_eq!(stat(&mut guest, true, path), Err(Errno::Perm), "{path}");
            assert_eq!(stat(&mut guest, false, path), Err(Errno::Perm), "{path}");
        }
        for path in ["../new", "up/new", "/new", "root/tmp/new"] {
            let created = one(&mut guest, path_create_directory, path);
            assert_eq!(created, Err(Errno::Perm), "{path}");
            let linked = symlink(&mut guest, "x", path);
            assert_eq!(linked, Err(Errno::Perm), "{path}");
        }
        for path in ["../outside", "up/outside", "/outside"] {
            for call in [path_unlink_file, path_remove_directory] {
                assert_eq!(one(&mut guest, call, path), Err(Errno::Perm), "{path}");
            }
            let moved = rename(&mut guest, path, "in");
            assert_eq!(moved, Err(Errno::Perm), "{path}");
            assert_eq!(link(&mut guest, path, "in"), Err(Errno::Perm), "{path}");
        }
        assert_eq!(stat(&mut guest, true, "file-out"), Err(Errno::Perm));
        assert_eq!(stat(&mut guest, true, "loop"), Err(Errno::Loop));
        assert_eq!(stat(&mut guest, false, "file-out"), Ok(7));
        guest.check_outside();
    }

    #[test]
    fn a_chain_of_symlinks_may_be_forty_long() {
        let mut guest = Guest::with_dir("chain");
        guest.host_write("0", b"x");
        for link in 1..=41 {
            guest.host_symlink(&(link - 1).to_string(), &link.to_string());
        }
        assert_eq!(stat(&mut guest, true, "40"), Ok(4));
        assert_eq!(stat(&mut guest, false, "41"), Ok(7));
        assert_eq!(stat(&mut guest, true, "41"), Err(Errno::Loop));
    }

    #[test]
    fn dots_inside_the_mount_are_fine() {
        let mut guest = Guest::with_dir("dots");
        one(&mut guest, path_create_directory, "a").unwrap();
        one(&mut guest, path_create_directory, "a/b/").unwrap();
        assert_eq!(stat(&mut guest, false, "a/.//b/../../a/b/."), Ok(3));
        assert_eq!(stat(&mut guest, false, "."), Ok(3));
        assert_eq!(stat(&mut guest, false, ""), Err(Errno::Noent));
    }

    #[test]
    fn symlink_targets_are_relative_and_cut_to_the_buffer() {
        let mut guest = Guest::with_dir("symlink");
        assert_eq!(symlink(&mut guest, "/etc", "link"), Err(Errno::Perm));
        assert_eq!(symlink(&mut guest, "target", "link"), Ok(()));
        assert_eq!(symlink(&mut guest, "target", "link"), Err(Errno::Exist));
        assert_eq!(symlink(&mut guest, "target", "other/"), Err(Errno::Noent));
        assert_eq!(readlink(&mut guest, "link", 100), Ok(b"target".to_vec()));
        assert_eq!(readlink(&mut guest, "link", 3), Ok(b"tar".to_vec()));
        assert_eq!(readlink(&mut guest, "link", 0), Ok(Vec::new()));
        guest.host_symlink("/etc", "absolute");
        assert_eq!(readlink(&mut guest, "absolute", 100), Err(Errno::Perm));
        assert_eq!(stat(&mut guest, true, "link"), Err(Errno::Noent));
        assert_eq!(stat(&mut guest, false, "link"), Ok(7));
    }

    #[test]
    fn a_trailing_slash_asks_for_a_directory() {
        let mut guest = Guest::with_dir("slashes");
        guest.host_write("file", b"x");
        one(&mut guest, path_create_directory, "dir").unwrap();
        symlink(&mut guest, "dir", "link").unwrap();
        assert_eq!(stat(&mut guest, false, "file/"), Err(Errno::Notdir));
        assert_eq!(stat(&mut guest, false, "dir///"), Ok(3));
        assert_eq!(stat(&mut guest, false, "file/."), Err(Errno::Notdir));
        assert_eq!(stat(&mut guest, false, "link/"), Ok(3));
        assert_eq!(stat(&mut guest, false, "link/."), Ok(3));
        assert_eq!(stat(&mut guest, false, "link"), Ok(7));
        let unlinked = one(&mut guest, path_unlink_file, "file/");
        assert_eq!(unlinked, Err(Errno::Notdir));
        assert_eq!(rename(&mut guest, "file/", "new"), Err(Errno::Notdir));
        assert_eq!(rename(&mut guest, "file", "new/"), Err(Errno::Notdir));
        assert_eq!(link(&mut guest, "file", "new/"), Err(Errno::Noent));
        assert_eq!(rename(&mut guest, "dir/", "moved/"), Ok(()));
        let removed = one(&mut guest, path_remove_directory, "moved/");
        assert_eq!(removed, Ok(()));
        assert_eq!(guest.host_read("file"), b"x");
    }

    #[test]
    fn removing_knows_files_from_directories() {
        let mut guest = Guest::with_dir("remove");
        guest.host_write("file", b"x");
        one(&mut guest, path_create_directory, "dir").unwrap();
        guest.host_write("dir/inner", b"x");
        let not_empty = one(&mut guest, path_remove_directory, "dir");
        assert_eq!(not_empty, Err(Errno::Notempty));
        let file = one(&mut guest, path_remove_directory, "file");
        assert_eq!(file, Err(Errno::Notdir));
        let dir = one(&mut guest, path_unlink_file, "dir");
        assert_eq!(dir, Err(Errno::Isdir));
        let itself = one(&mut guest, path_remove_directory, ".");
        assert_eq!(itself, Err(Errno::Inval));
        assert_eq!(one(&mut guest, path_unlink_file, "dir/inner"), Ok(()));
        assert_eq!(one(&mut guest, path_remove_directory, "dir"), Ok(()));
    }

    #[test]
    fn links_and_renames_stay_on_the_same_file() {
        let mut guest = Guest::with_dir("link");
        guest.host_write("file", b"x");
        assert_eq!(link(&mut guest, "file", "hard"), Ok(()));
        assert_eq!(link(&mut guest, "file", "hard"), Err(Errno::Exist));
        assert_eq!(rename(&mut guest, "file", "moved"), Ok(()));
        assert_eq!(guest.host_read("hard"), b"x");
        assert_eq!(stat(&mut guest, true, "file"), Err(Errno::Noent));
        let follow = guest.call(|ctx, memory| path_link(ctx, memory, 3, 1, 0, 1, 3, 0, 1));
        assert_eq!(follow, Err(Errno::Inval));
    }

    #[test]
    fn nothing_changes_in_a_read_only_mount() {
        let mut guest = Guest::with_read_only_dir("read-only");
        guest.host_write("file", b"x");
        for call in [
            path_create_directory as PathCall,
            path_remove_directory,
            path_unlink_file,
        ] {
            assert_eq!(one(&mut guest, call, "file"), Err(Errno::Rofs));
        }
        assert_eq!(symlink(&mut guest, "x", "y"), Err(Errno::Rofs));
        assert_eq!(rename(&mut guest, "file", "y"), Err(Errno::Rofs));
        assert_eq!(link(&mut guest, "file", "y"), Err(Errno::Rofs));
        assert_eq!(stat(&mut guest, true, "file"), Ok(4));
    }

    #[test]
    fn times_of_a_symlink_are_its_own() {
        let mut guest = Guest::with_dir("times");
        guest.host_write("file", b"x");
        symlink(&mut guest, "file", "link").unwrap();
        let (ptr, len) = guest.put(1000, b"link");
        for (follow, time) in [(1, 11_000_000_000), (0, 22_000_000_000)] {
            let set = guest.call(|ctx, memory| {
                path_filestat_set_times(ctx, memory, 3, follow, ptr, len, 0, time, 4)
            });
            assert_eq!(set, Ok(()));
        }
        stat(&mut guest, true, "link").unwrap();
        assert_eq!(guest.u64_at(48), 11_000_000_000);
        stat(&mut guest, false, "link").unwrap();
        assert_eq!(guest.u64_at(48), 22_000_000_000);
    }

    #[test]
    fn a_file_is_no_place_for_names() {
        let mut guest = Guest::with_dir("not-a-dir");
        let (ptr, len) = guest.put(1000, b"x");
        let on_stdin = guest.call(|ctx, memory| path_unlink_file(ctx, memory, 0, ptr, len));
        assert_eq!(on_stdin, Err(Errno::Notdir));
        let closed = guest.call(|ctx, memory| path_unlink_file(ctx, memory, 9, ptr, len));
        assert_eq!(closed, Err(Errno::Badf));
    }
}
