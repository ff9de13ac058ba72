//! Terminals: which of a guest's standard streams are some, and what is not written to them.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{self, OpenptFlags};

use crate::support::{Scratch, precast};

/// Exits with a bit for each standard stream that wasi-libc's `isatty` takes for a terminal: a
/// character device (2) without the rights to seek and to tell (1 << 2, 1 << 5).
const ASKS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_fdstat_get"
        (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $isatty (param $fd i32) (result i32)
        (if (call $fd_fdstat_get (local.get $fd) (i32.const 0)) (then unreachable))
        (i32.and
            (i32.eq (i32.load8_u (i32.const 0)) (i32.const 2))
            (i64.eqz (i64.and (i64.load (i32.const 8)) (i64.const 0x24)))))
    (func (export "_start")
        (call $proc_exit (i32.or
            (call $isatty (i32.const 0))
            (i32.or
                (i32.shl (call $isatty (i32.const 1)) (i32.const 1))
                (i32.shl (call $isatty (i32.const 2)) (i32.const 2)))))))"#;

/// The one end of a new terminal, and the other's name.
fn new_terminal() -> (OwnedFd, String) {
    let master = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&master).unwrap();
    pty::unlockpt(&master).unwrap();
    let slave = pty::ptsname(&master, Vec::new()).unwrap();
    (master, slave.into_string().unwrap())
}

fn open(path: &str) -> Stdio {
    let file = File::options().read(true).write(true).open(path);
    file.unwrap().into()
}

#[test]
fn a_guest_tells_terminals_from_files_and_pipes() {
    let scratch = Scratch::new();
    let asks = scratch.file("asks.wat", ASKS);
    let (_master, slave) = new_terminal();
    let terminal = || open(&slave);
    let file = || open(scratch.file("file", "").to_str().unwrap());
    let null = || open("/dev/null");

    let check = |streams: [Stdio; 3], expected| {
        let mut command = precast(["run", asks.to_str().unwrap()]).into_command();
        let [stdin, stdout, stderr] = streams;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        assert_eq!(command.status().unwrap().code(), Some(expected));
    };
    check([terminal(), terminal(), terminal()], 0b111);
    check([terminal(), file(), terminal()], 0b101);
    check([null(), terminal(), file()], 0b010);
    check([Stdio::piped(), Stdio::piped(), Stdio::piped()], 0b000);
    check([null(), null(), null()], 0b000);
    check([file(), file(), terminal()], 0b100);
}

#[test]
fn nothing_that_could_control_a_terminal_is_written_to_one() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", r#"(module (func (export "a\1b[31mb")))"#);
    let module = module.to_str().unwrap();
    let check = |emit: &str, expected: &str| {
        let (master, slave) = new_terminal();
        let args = ["compile", module, "-o", "-", "--emit", emit];
        let mut command = precast(args).into_command();
        command
            .stdin(Stdio::null())
            .stdout(open(&slave))
            .stderr(open(&slave));
        let mut child = command.spawn().unwrap();
        // So that the end is seen, which is an error.
        drop(command);
        let mut text = Vec::new();
        let _end = File::from(master).read_to_end(&mut text);
        child.wait().unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.contains(expected) && !text.contains('\x1b'),
            "{text:?}"
        );
        assert!(!text.contains("ELF"));
    };
    check("clif", ";; a\\u{1b}[31mb");
    check("asm", ";; a\\u{1b}[31mb");
    check("artifact", "not writing machine code to a terminal");
}
