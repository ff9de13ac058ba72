//! A line for each function of the table, in the order of a program's life.

use super::*;

#[test]
fn each_function_has_its_line() {
    use preview1::*;
    let s = &mut Session::new("trace");
    let minus_one = u64::from(u32::MAX);
    let all_rights = crate::rights::INHERITED;

    s.check(args_get, &[256, 512], "args_get(0x100, 0x200) = 0");
    s.check(args_sizes_get, &[0, 4], "args_sizes_get() = 0, 0");
    s.check(environ_get, &[256, 512], "environ_get(0x100, 0x200) = 0");
    s.check(environ_sizes_get, &[0, 4], "environ_sizes_get() = 0, 0");

    let tell_12345: Call = |_, memory, args| memory.write_u64(*args.last().unwrap() as u32, 12345);
    s.check_as(
        clock_res_get,
        tell_12345,
        &[0, 8],
        "clock_res_get(REALTIME) = 12345",
    );
    s.check_as(
        clock_time_get,
        tell_12345,
        &[1, 1, 8],
        "clock_time_get(MONOTONIC, 1) = 12345",
    );
    s.check(
        clock_time_get,
        &[4, 0, 8],
        "clock_time_get(4, 0) = EINVAL (Invalid argument.)",
    );

    // A file is made, written, looked at and removed.
    let [path, len] = s.put_text(1000, "a.txt");
    s.check(
        path_open,
        &[3, 1, path, len, 9, all_rights, 0, 0, 0],
        "path_open(3, SYMLINK_FOLLOW, \"a.txt\", CREAT|TRUNC, ALL, 0, 0) = 4",
    );
    let [text, text_len] = s.put_text(2000, "hello\n");
    let iovecs = s.guest.iovecs(&[
        (text as u32, text_len as u32),
        (text as u32, 0),
        (text as u32 + 1, 2),
    ]);
    let iovecs = u64::from(iovecs);
    s.check(
        fd_write,
        &[4, iovecs, 3, 0],
        "fd_write(4, [\"hello\\n\", \"\", \"el\"]) = 8",
    );
    s.check(
        fd_pwrite,
        &[4, iovecs, 1, 6, 0],
        "fd_pwrite(4, [\"hello\\n\"], 6) = 6",
    );
    s.check(fd_tell, &[4, 8], "fd_tell(4) = 8");
    s.check(
        fd_seek,
        &[4, (-2i64).to_raw(), 1, 8],
        "fd_seek(4, -2, SEEK_CUR) = 6",
    );
    let iovecs = u64::from(s.guest.iovecs(&[(3000, 4), (3100, 4000)]));
    s.check(
        fd_read,
        &[4, iovecs, 2, 0],
        "fd_read(4, [4, 4000]) = 6 \"hello\\n\"",
    );
    s.check(
        fd_pread,
        &[4, iovecs, 1, 3, 0],
        "fd_pread(4, [4], 3) = 4 \"lo\\nh\"",
    );
    s.check(
        fd_advise,
        &[4, 0, 12, 3],
        "fd_advise(4, 0, 12, WILLNEED) = 0",
    );
    s.check(
        fd_allocate,
        &[4, 5, 0],
        "fd_allocate(4, 5, 0) = EINVAL (Invalid argument.)",
    );
    s.check(fd_datasync, &[4], "fd_datasync(4) = 0");
    s.check(fd_sync, &[4], "fd_sync(4) = 0");
    s.check(
        fd_fdstat_set_flags,
        &[4, 5],
        "fd_fdstat_set_flags(4, APPEND|NONBLOCK) = 0",
    );
    s.check(
        fd_fdstat_set_rights,
        &[4, 1 << 1 | 1 << 2 | 1 << 5, 0],
        "fd_fdstat_set_rights(4, FD_READ|FD_SEEK|FD_TELL, 0) = 0",
    );
    s.check(
        fd_fdstat_get,
        &[4, 0],
        "fd_fdstat_get(4) = {filetype=REGULAR_FILE, flags=APPEND|NONBLOCK, base=FD_READ|FD_SEEK|FD_TELL, inheriting=0}",
    );
    s.check(
        fd_filestat_set_size,
        &[4, 100],
        "fd_filestat_set_size(4, 100) = ENOTCAPABLE (The descriptor lacks the right for this call.)",
    );
    s.check(
        fd_filestat_set_times,
        &[9, 5, 6, 6],
        "fd_filestat_set_times(9, 5, 6, ATIM_NOW|MTIM) = EBADF (Bad file descriptor.)",
    );
    let write_filestat: Call = |_, memory, args| {
        let stat: [u64; 8] = [1, 2, 4, 3, 14, 5, 6, 7];
        let bytes = stat.map(u64::to_le_bytes);
        memory.write(*args.last().unwrap() as u32, bytes.as_flattened())
    };
    s.check_as(
        fd_filestat_get,
        write_filestat,
        &[4, 64],
        "fd_filestat_get(4) = {dev=1, ino=2, filetype=REGULAR_FILE, nlink=3, size=14, atim=5, mtim=6, ctim=7}",
    );
    s.check_as(
        path_filestat_get,
        write_filestat,
        &[3, 0, path, len, 64],
        "path_filestat_get(3, 0, \"a.txt\") = {dev=1, ino=2, filetype=REGULAR_FILE, nlink=3, size=14, atim=5, mtim=6, ctim=7}",
    );
    s.check(
        path_filestat_set_times,
        &[3, 1, path, len, 7, 8, 5],
        "path_filestat_set_times(3, SYMLINK_FOLLOW, \"a.txt\", 7, 8, ATIM|MTIM) = 0",
    );
    s.check(fd_renumber, &[4, 2], "fd_renumber(4, 2) = 0");
    s.check(fd_close, &[2], "fd_close(2) = 0");
    s.check(
        fd_close,
        &[minus_one],
        "fd_close(-1) = EBADF (Bad file descriptor.)",
    );

    // Names.
    let [other, other_len] = s.put_text(2000, "b.txt");
    s.check(
        path_link,
        &[3, 0, path, len, 3, other, other_len],
        "path_link(3, 0, \"a.txt\", 3, \"b.txt\") = 0",
    );
    s.check(
        path_rename,
        &[3, path, len, 3, other, other_len],
        "path_rename(3, \"a.txt\", 3, \"b.txt\") = 0",
    );
    s.check(
        path_unlink_file,
        &[3, other, other_len],
        "path_unlink_file(3, \"b.txt\") = 0",
    );
    s.check(
        path_unlink_file,
        &[3, other, other_len],
        "path_unlink_file(3, \"b.txt\") = ENOENT (No such file or directory.)",
    );
    s.guest.host_remove("a.txt");
    s.check(
        path_symlink,
        &[path, len, 3, other, other_len],
        "path_symlink(\"a.txt\", 3, \"b.txt\") = 0",
    );
    s.check(
        path_readlink,
        &[3, other, other_len, 3000, 4096, 0],
        "path_readlink(3, \"b.txt\", 4096) = 5 \"a.txt\"",
    );
    let (before, names) = s.listing(&[3, 3000, 4096, 0, 0]);
    assert_eq!(before, "fd_readdir(3, 4096, 0) = 80 ");
    assert_eq!(names, ["\".\"", "\"..\"", "\"b.txt\""]);
    s.check(
        path_create_directory,
        &[3, path, len],
        "path_create_directory(3, \"a.txt\") = 0",
    );
    s.check(
        path_remove_directory,
        &[3, path, len],
        "path_remove_directory(3, \"a.txt\") = 0",
    );
    s.check(
        fd_prestat_get,
        &[3, 0],
        "fd_prestat_get(3) = {tag=DIR, name_len=6}",
    );
    s.check(
        fd_prestat_dir_name,
        &[3, 3000, 6],
        "fd_prestat_dir_name(3, 6) = \"/mount\"",
    );

    s.put_words(
        4000,
        &[1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 7, 2, 77, 0, 0, 0],
    );
    s.check(
        poll_oneoff,
        &[4000, 5000, 3, 0],
        "poll_oneoff([clock MONOTONIC @0ns userdata=0x1, read 0, write 77 userdata=0x7]) = 3 \
         [clock userdata=0x1, read nbytes=1, write EBADF userdata=0x7]",
    );
    s.put_words(4000, &[1, 0, 1, 1_000_000, 50, 0]);
    s.check(
        poll_oneoff,
        &[4000, 5000, 1, 0],
        "poll_oneoff([clock MONOTONIC +1000000ns precision=50ns userdata=0x1]) = 1 [clock userdata=0x1]",
    );
    let hang_up: Call = |_, memory, _| {
        let event = [9u64, 1 << 16, 5, 1].map(u64::to_le_bytes);
        memory.write(5000, event.as_flattened())?;
        memory.write_u32(0, 1)
    };
    s.check_as(
        poll_oneoff,
        hang_up,
        &[4000, 5000, 1, 0],
        "poll_oneoff([clock MONOTONIC +1000000ns precision=50ns userdata=0x1]) = 1 \
         [read nbytes=5 HANGUP userdata=0x9]",
    );

    s.check(random_get, &[3000, 16], "random_get(16) = 0");
    s.check(sched_yield, &[], "sched_yield() = 0");
    s.check(proc_raise, &[15], "proc_raise(SIGTERM) = 0");
    let iovecs = u64::from(s.guest.iovecs(&[(3000, 4)]));
    let not_a_socket = "ENOTSOCK (Not a socket.)";
    s.check(
        sock_accept,
        &[0, 4, 0],
        &format!("sock_accept(0, NONBLOCK) = {not_a_socket}"),
    );
    s.check(
        sock_recv,
        &[0, iovecs, 1, 3, 0, 4],
        &format!("sock_recv(0, [4], PEEK|WAITALL) = {not_a_socket}"),
    );
    let receive: Call = |_, memory, _| {
        memory.write(3000, b"ping")?;
        memory.write_u32(0, 4)?;
        memory.write_u32(4, 1)
    };
    s.check_as(
        sock_recv,
        receive,
        &[0, iovecs, 1, 0, 0, 4],
        "sock_recv(0, [4], 0) = 4 \"ping\", DATA_TRUNCATED",
    );
    s.check(
        sock_send,
        &[0, iovecs, 1, 1, 0],
        &format!("sock_send(0, [\"ping\"], 0x1) = {not_a_socket}"),
    );
    s.check(
        sock_shutdown,
        &[0, 2],
        &format!("sock_shutdown(0, WR) = {not_a_socket}"),
    );

    let tracer = s.guest.ctx.tracer.as_mut().unwrap();
    tracer.last(proc_exit, &[3]);
    tracer.last(proc_exit, &[minus_one]);
    assert_eq!(s.written(), "proc_exit(3)\nproc_exit(-1)\n");
    s.seen.push((proc_exit.name, proc_exit.params));

    unstable_functions(s, [path, len]);
    for function in all::functions() {
        let seen = s.seen.contains(&(function.name, function.params));
        assert!(seen, "no line of {} was looked at", function.name);
    }
}

fn unstable_functions(s: &mut Session, [path, len]: [u64; 2]) {
    use unstable::*;
    s.check(
        fd_seek,
        &[3, 0, 2, 8],
        "fd_seek(3, 0, SEEK_SET) = EISDIR (Is a directory.)",
    );
    let write_filestat: Call = |_, memory, args| {
        let stat: [u64; 7] = [1, 2, 4 | 3 << 32, 14, 5, 6, 7];
        let bytes = stat.map(u64::to_le_bytes);
        memory.write(*args.last().unwrap() as u32, bytes.as_flattened())
    };
    let shown = "{dev=1, ino=2, filetype=REGULAR_FILE, nlink=3, size=14, atim=5, mtim=6, ctim=7}";
    s.check_as(
        fd_filestat_get,
        write_filestat,
        &[4, 65_536 - 56],
        &format!("fd_filestat_get(4) = {shown}"),
    );
    s.check_as(
        path_filestat_get,
        write_filestat,
        &[3, 0, path, len, 64],
        &format!("path_filestat_get(3, 0, \"a.txt\") = {shown}"),
    );
    s.put_words(4000, &[1, 0, 99, 1, 5, 0, 1, 2, 1, 0, 0, 0, 0, 0]);
    s.check(
        poll_oneoff,
        &[4000, 5000, 2, 0],
        "poll_oneoff([clock MONOTONIC @5ns userdata=0x1, read 0 userdata=0x2]) = 2 \
         [clock userdata=0x1, read nbytes=1 userdata=0x2]",
    );
}
