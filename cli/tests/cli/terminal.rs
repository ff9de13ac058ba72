//! Terminals: which of a guest's standard streams are some, what is not written to them, and colours for
//! the command's own messages.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
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

/// A terminal that nobody sits at.
struct Terminal {
    master: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    fn new() -> Self {
        let master = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&master).unwrap();
        pty::unlockpt(&master).unwrap();
        let path = pty::ptsname(&master, Vec::new()).unwrap();
        Self {
            master,
            path: path.into_string().unwrap().into(),
        }
    }

    /// A standard stream that it is.
    fn open(&self) -> Stdio {
        open(&self.path)
    }

    /// What is written to it until nobody has it open any more.
    fn shown(self) -> String {
        let mut bytes = Vec::new();
        // Its end is told as an error.
        let _ = File::from(self.master).read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }
}

fn open(path: &Path) -> Stdio {
    let file = File::options().read(true).write(true).open(path);
    file.unwrap().into()
}

#[test]
fn a_guest_tells_terminals_from_files_and_pipes() {
    let scratch = Scratch::new();
    let asks = scratch.file("asks.wat", ASKS);
    let pty = Terminal::new();
    let terminal = || pty.open();
    let file = || open(&scratch.file("file", ""));
    let null = || open(Path::new("/dev/null"));

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

/// A call for each of the ways in which the command says something.
const SAYS: [&[&str]; 5] = [
    &["run", "nowhere.wasm"],
    &["assemble"],
    &["assemble\n"],
    &["--help"],
    &[],
];

const ESCAPE: char = '\x1b';

#[test]
fn messages_have_colours_on_a_terminal_that_has_some() {
    let shown = |args: &[&str], env: &[(&str, &str)]| {
        let pty = Terminal::new();
        let mut command = precast(args).env_clear().into_command();
        command.envs(env.iter().copied()).stdin(Stdio::null());
        let child = command.stdout(pty.open()).stderr(pty.open()).spawn();
        // It holds the terminal, too.
        drop(command);
        let text = pty.shown();
        child.unwrap().wait().unwrap();
        assert!(text.contains("precast"), "{args:?}: {text:?}");
        text
    };
    let colours = ("TERM", "xterm");
    for args in SAYS {
        assert!(shown(args, &[colours]).contains(ESCAPE), "{args:?}");
        for env in [
            &[colours, ("NO_COLOR", "1")] as &[_],
            &[colours, ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")],
            &[colours, ("CLICOLOR", "0")],
            &[("TERM", "dumb")],
        ] {
            let text = shown(args, env);
            assert!(!text.contains(ESCAPE), "{args:?}, {env:?}: {text:?}");
        }
    }
    let text = shown(&["run", "nowhere.wasm"], &[colours]);
    let start = "precast: \x1b[1m\x1b[31merror:\x1b[0m cannot open nowhere.wasm: ";
    assert!(text.starts_with(start), "{text:?}");
    let text = shown(&["assemble\x1b[35m"], &[colours]);
    assert!(text.contains("assemble\\u{1b}[35m"), "{text:?}");
}

#[test]
fn messages_have_no_colours_in_a_pipe_unless_they_must() {
    for args in SAYS {
        let has_escape = |env: &[(&str, &str)]| {
            let mut call = precast(args).env_clear().env("TERM", "xterm");
            for (name, value) in env {
                call = call.env(name, value);
            }
            let output = call.output();
            let bytes = [output.stdout, output.stderr].concat();
            String::from_utf8(bytes).unwrap().contains(ESCAPE)
        };
        assert!(!has_escape(&[]), "{args:?}");
        assert!(!has_escape(&[("CLICOLOR", "1")]), "{args:?}");
        assert!(has_escape(&[("CLICOLOR_FORCE", "1")]), "{args:?}");
    }
}

#[test]
fn nothing_that_could_control_a_terminal_is_written_to_one() {
    let scratch = Scratch::new();
    let module = scratch.file("a.wat", r#"(module (func (export "a\1b[31mb")))"#);
    let module = module.to_str().unwrap();
    let check = |emit: &str, expected: &str| {
        let pty = Terminal::new();
        let args = ["compile", module, "-o", "-", "--emit", emit];
        let mut command = precast(args).into_command();
        // Precast's own colours are wanted.
        command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(pty.open())
            .stderr(pty.open());
        let mut child = command.spawn().unwrap();
        // So that the end is seen, which is an error.
        drop(command);
        let text = pty.shown();
        child.wait().unwrap();
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
