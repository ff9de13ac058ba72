//! What lines look like, whatever the arguments. In `tests/lines.rs` is one for each function of the table.

use std::io;
use std::sync::mpsc;

use super::*;
use crate::OutputBuffer;
use crate::functions::{all, preview1, unstable};
use crate::hostile::Numbers;
use crate::testing::Guest;

mod lines;

/// Longer than any line, by far shorter than what guests can ask for.
const LONGEST_LINE_BYTES: usize = 8192;

type Call = fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<()>;

struct Session {
    guest: Guest,
    trace: OutputBuffer,
    /// Names and parameters: those of `wasi_unstable` differ in one or the other.
    seen: Vec<(&'static str, &'static [Kind])>,
}

impl Session {
    fn new(name: &str) -> Session {
        let trace = OutputBuffer::new(1 << 20);
        let mut guest = Guest::with_dir(name);
        guest.ctx.tracer = Some(Tracer::new(trace.clone()));
        Session {
            guest,
            trace,
            seen: Vec::new(),
        }
    }

    fn check(&mut self, function: &'static Function, args: &[u64], line: &str) {
        self.seen.push((function.name, function.params));
        let _ = self
            .guest
            .call(|ctx, memory| call(ctx, memory, function, args));
        assert_eq!(self.written(), format!("{line}\n"));
    }

    /// What a call of `fd_readdir` is traced as: what comes before the names, and these, which no host orders.
    fn listing(&mut self, args: &[u64]) -> (String, Vec<String>) {
        let function = preview1::fd_readdir;
        self.seen.push((function.name, function.params));
        let _ = self
            .guest
            .call(|ctx, memory| call(ctx, memory, function, args));
        split_listing(&self.written())
    }

    /// As if `does` were the function, where what it really does is different every time.
    fn check_as(&mut self, function: &'static Function, does: Call, args: &[u64], line: &str) {
        self.seen.push((function.name, function.params));
        let function = Function {
            call: does,
            ..*function
        };
        let _ = self
            .guest
            .call(|ctx, memory| call(ctx, memory, &function, args));
        assert_eq!(self.written(), format!("{line}\n"));
    }

    fn written(&self) -> String {
        String::from_utf8(self.trace.take()).unwrap()
    }

    fn put_text(&mut self, at: u32, text: &str) -> [u64; 2] {
        let (at, len) = self.guest.put(at, text.as_bytes());
        [at.into(), len.into()]
    }

    fn put_words(&mut self, at: u32, words: &[u64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.guest.put(at, &bytes);
    }
}

#[test]
fn what_lies_outside_of_memory_is_shown_by_its_address() {
    use preview1::*;
    let s = &mut Session::new("trace-outside");
    let fault = "EFAULT (Bad address: a guest pointer outside its memory.)";
    s.check(
        clock_time_get,
        &[1, 0, 65_529],
        &format!("clock_time_get(MONOTONIC, 0, 0xfff9) = {fault}"),
    );
    s.check(
        path_unlink_file,
        &[3, 65_530, 7],
        &format!("path_unlink_file(3, 0xfffa, 7) = {fault}"),
    );
    s.check(
        fd_write,
        &[1, 65_536, 1, 0],
        &format!("fd_write(1, 0x10000, 1) = {fault}"),
    );
    s.check(
        fd_write,
        &[1, 16, 1_000_000_000, 0],
        "fd_write(1, 0x10, 1000000000) = EINVAL (Invalid argument.)",
    );
    s.guest.iovecs(&[(100, 0), (0xffff_fff0, 16)]);
    s.check(
        fd_write,
        &[1, 16, 2, 0],
        &format!("fd_write(1, [\"\", {{0xfffffff0, 16}}]) = {fault}"),
    );
    s.check(
        random_get,
        &[1, 65_536],
        &format!("random_get(0x1, 65536) = {fault}"),
    );
    s.check(
        poll_oneoff,
        &[8192, 65_535, 1, 0],
        &format!("poll_oneoff([clock REALTIME +0ns], 0xffff) = {fault}"),
    );
    s.check(
        poll_oneoff,
        &[8, 0, u32::MAX.into(), 0],
        "poll_oneoff(0x8, 4294967295, 0x0) = EINVAL (Invalid argument.)",
    );
}

#[test]
fn text_is_escaped_and_cut() {
    let s = &mut Session::new("trace-text");
    let mut check = |text: &[u8], shown: &str| {
        let (at, len) = s.guest.put(1000, text);
        let iovecs = s.guest.iovecs(&[(at, len)]);
        let line = format!("fd_write(1, [{shown}]) = {len}");
        s.check(preview1::fd_write, &[1, iovecs.into(), 1, 0], &line);
    };
    check(b"it's \"so\"\\\r\n\t", r#""it's \"so\"\\\r\n\t""#);
    check(b"\0\x1b[31m\x7f", r#""\x00\x1b[31m\x7f""#);
    check("grün \u{202e}".as_bytes(), r#""grün \u{202e}""#);
    check(b"\xff\xc3(", r#""\xff\xc3(""#);
    check(&[b'x'; 32], &format!("{:?}", "x".repeat(32)));
    check(&[b'x'; 33], &format!("{:?}…", "x".repeat(32)));
    let (path, len) = s.guest.put(1000, &[b'p'; 300]);
    let line = format!(
        "path_unlink_file(9, {:?}…) = EBADF (Bad file descriptor.)",
        "p".repeat(256)
    );
    let args = [9, path.into(), len.into()];
    s.check(preview1::path_unlink_file, &args, &line);
}

#[test]
fn lists_are_cut() {
    use preview1::*;
    let s = &mut Session::new("trace-lists");
    s.guest.put(1000, b"abc");
    let entries: Vec<(u32, u32)> = (0..9).map(|index| (1000, index % 4)).collect();
    let iovecs = u64::from(s.guest.iovecs(&entries));
    s.check(
        fd_write,
        &[1, iovecs, 9, 0],
        r#"fd_write(1, ["", "a", "ab", "abc", "", "a", "ab", "abc", …]) = 12"#,
    );
    s.check(
        fd_read,
        &[0, iovecs, 9, 0],
        r#"fd_read(0, [0, 1, 2, 3, 0, 1, 2, 3, …]) = 0 """#,
    );
    s.check(
        poll_oneoff,
        &[8192, 16_384, 10, 0],
        "poll_oneoff([clock REALTIME +0ns, clock REALTIME +0ns, clock REALTIME +0ns, clock REALTIME +0ns, \
         clock REALTIME +0ns, clock REALTIME +0ns, clock REALTIME +0ns, clock REALTIME +0ns, …]) = 10 \
         [clock, clock, clock, clock, clock, clock, clock, clock, …]",
    );
    for index in 0..8 {
        s.guest.host_write(&format!("file-{index}"), b"");
    }
    let (before, names) = s.listing(&[3, 3000, 4096, 0, 0]);
    assert_eq!(before, "fd_readdir(3, 4096, 0) = 291 ");
    assert_eq!((names.len(), &*names[8]), (9, "…"));
}

fn split_listing(line: &str) -> (String, Vec<String>) {
    let (before, list) = line.trim_end().split_once('[').unwrap();
    let list = list.strip_suffix(']').unwrap();
    let mut names: Vec<String> = list.split(", ").map(str::to_owned).collect();
    names.sort_unstable();
    (before.to_owned(), names)
}

#[test]
fn bits_without_a_name_are_shown_in_hexadecimal() {
    assert_eq!(flags(number::OFLAGS, 0), "0");
    assert_eq!(flags(number::OFLAGS, 0xff01), "CREAT|0xff00");
    assert_eq!(rights(0), "0");
    assert_eq!(
        rights(1 << 29 | 1 << 40 | 2),
        "FD_READ|SOCK_ACCEPT|0x10000000000"
    );
    let all = crate::rights::INHERITED;
    assert_eq!(rights(all & !2), "ALL&~FD_READ");
    assert_eq!(rights(all & !3), "ALL&~(FD_DATASYNC|FD_READ)");
    assert_eq!(rights(all | 1 << 28), "ALL|SOCK_SHUTDOWN");
    assert_eq!(
        rights(!0),
        "ALL|SOCK_SHUTDOWN|SOCK_ACCEPT|0xffffffffc0000000"
    );
    assert_eq!(named(number::SIGNALS, 30), "SIGSYS");
    assert_eq!(named(number::WHENCE, 3), "3");
    assert_eq!(named(number::WHENCE, u64::MAX), u64::MAX.to_string());
}

#[test]
fn what_was_read_is_shown_also_when_it_lies_over_the_list() {
    let s = &mut Session::new("trace-overlap");
    s.guest.host_write("file", b"0123456789");
    let fd = s.guest.open("file", 0, crate::testing::READ).unwrap();
    let iovecs = s.guest.iovecs(&[(16, 8)]);
    let args = [fd.into(), iovecs.into(), 1, 0];
    let line = format!("fd_read({fd}, [8]) = 8 \"01234567\"");
    s.check(preview1::fd_read, &args, &line);
}

#[test]
fn calls_that_may_wait_are_seen_before_they_do() {
    struct Channel(mpsc::Sender<Vec<u8>>);
    impl io::Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (sender, written) = mpsc::channel();
    let ctx = WasiCtx::builder().trace(Channel(sender)).build().unwrap();
    let mut guest = Guest::new(ctx);
    let mut check = |function: &Function, args: &[u64], expected: &[&str]| {
        let result = guest.call(|ctx, memory| call(ctx, memory, function, args));
        assert_eq!(result, Ok(()));
        let written: Vec<Vec<u8>> = written.try_iter().collect();
        let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(written, expected);
    };
    check(preview1::sched_yield, &[], &["sched_yield() = 0\n"]);
    let parts = ["fd_read(0, [])", " = 0 \"\"\n"];
    check(preview1::fd_read, &[0, 16, 0, 0], &parts);
    let parts = ["poll_oneoff([clock REALTIME +0ns])", " = 1 [clock]\n"];
    check(preview1::poll_oneoff, &[64, 256, 1, 0], &parts);
    check(unstable::poll_oneoff, &[64, 256, 1, 0], &parts);
}

#[test]
fn a_writer_that_fails_is_no_matter_of_the_guests() {
    struct Broken;
    impl io::Write for Broken {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let ctx = WasiCtx::builder().trace(Broken).build().unwrap();
    let mut guest = Guest::new(ctx);
    let result = guest.call(|ctx, memory| call(ctx, memory, preview1::sched_yield, &[]));
    assert_eq!(result, Ok(()));
}

#[test]
fn shared_memories_are_read_too() {
    use precast_loader::{Engine, MemoryType, SharedMemory};
    let ty = MemoryType::new(1, Some(1)).shared();
    let shared = SharedMemory::new(&Engine::default(), ty).unwrap();
    shared.write(100, b"there").unwrap();
    let s = &mut Session::new("trace-shared");
    let memory = &mut GuestMemory::shared(&shared);
    let _ = call(
        &mut s.guest.ctx,
        memory,
        preview1::path_create_directory,
        &[3, 100, 5],
    );
    let _ = call(
        &mut s.guest.ctx,
        memory,
        preview1::fd_readdir,
        &[3, 200, 1000, 0, 0],
    );
    let lines = s.written();
    let (created, listed) = lines.split_once('\n').unwrap();
    assert_eq!(created, "path_create_directory(3, \"there\") = 0");
    let (_, names) = split_listing(listed);
    assert_eq!(names, ["\".\"", "\"..\"", "\"there\""]);
}

#[test]
fn no_arguments_make_a_line_that_is_long_or_no_line() {
    let s = &mut Session::new("trace-hostile");
    let functions: Vec<_> = all::functions().collect();
    let mut numbers = Numbers(0x5851_f42d_4c95_7f2d);
    let mut longest = 0;
    for _ in 0..20_000 {
        for at in [0, 100, 1000, 2000, 65_500] {
            let bytes: Vec<u8> = (0..32).map(|_| numbers.next() as u8).collect();
            s.guest.put(at, &bytes);
        }
        let function = functions[numbers.next() as usize % functions.len()];
        let args: Vec<u64> = function
            .params
            .iter()
            .map(|kind| match kind {
                Kind::Rights | Kind::Filesize | Kind::Filedelta => numbers.u64(),
                _ => numbers.u32().into(),
            })
            .collect();
        // Neither for hours nor to fill the disk: only what is shown matters.
        let outcomes: [Call; 3] = [
            |_, _, _| Ok(()),
            |_, _, _| Err(crate::Errno::Inval),
            |_, memory, args| memory.write(*args.last().unwrap_or(&0) as u32, &[0xff; 64]),
        ];
        let stand_in = Function {
            call: outcomes[numbers.next() as usize % outcomes.len()],
            ..*function
        };
        let _ = s
            .guest
            .call(|ctx, memory| call(ctx, memory, &stand_in, &args));
        let line = s.written();
        let inner = line.strip_suffix('\n').unwrap();
        assert!(!inner.contains(char::is_control), "{line:?}");
        assert!(line.starts_with(&format!("{}(", function.name)), "{line}");
        longest = longest.max(line.len());
    }
    assert!(longest < LONGEST_LINE_BYTES, "{longest}");
    assert!(longest > 200, "{longest}: nothing was shown");
}

#[test]
fn the_longest_line_is_not_long() {
    let s = &mut Session::new("trace-longest");
    // Two paths that are escaped as expensively as can be, and as many buffers.
    s.guest.put(1000, &[0x85; 1000]);
    let line = |s: &mut Session, function: &'static Function, args: &[u64]| {
        let _ = s
            .guest
            .call(|ctx, memory| call(ctx, memory, function, args));
        s.written()
    };
    let link = line(s, preview1::path_link, &[9, 0, 1000, 900, 9, 1000, 900]);
    let entries: Vec<(u32, u32)> = (0..1024).map(|_| (1000, 1000)).collect();
    let iovecs = u64::from(s.guest.iovecs(&entries));
    let write = line(s, preview1::fd_write, &[9, iovecs, 1024, 0]);
    for line in [link, write] {
        assert!(line.len() < LONGEST_LINE_BYTES, "{}", line.len());
    }
}
