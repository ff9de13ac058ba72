//! Running the command, and places to write to.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A call of the command that is not made yet.
pub(crate) struct Call {
    command: Command,
    stdin: Vec<u8>,
}

/// A call of `precast` with these arguments, an empty input and the examples as directory.
pub(crate) fn precast<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_precast"));
    command.args(args).current_dir(examples());
    // Whoever runs the tests may like colours.
    command.env_remove("CLICOLOR_FORCE");
    // Not the user's own.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    command.env("PRECAST_CACHE_DIR", cache);
    Call {
        command,
        stdin: Vec::new(),
    }
}

/// The directory of the examples.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Starts a program that may just have been written. Another test's child has the descriptor it was
/// written through until it is the program that it will be, and the system starts nothing that
/// somebody could write to.
pub(crate) fn spawn(command: &mut Command) -> Child {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            child => return child.unwrap(),
        }
    }
}

impl Call {
    /// A call of the program at `path`, with an empty input and no environment.
    pub(crate) fn of(path: &Path) -> Self {
        let mut command = Command::new(path);
        command.env_clear();
        Self {
            command,
            stdin: Vec::new(),
        }
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Leaves nothing of this process's environment but what is set from here on.
    pub(crate) fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// The command as it stands, to be started in another way than with pipes.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    pub(crate) fn current_dir(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Makes the call.
    pub(crate) fn output(mut self) -> Output {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut self.command);
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin;
        // The command may end without having read everything.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Makes the call, which must succeed, and gives what it printed.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        String::from_utf8(self.succeeds_with_bytes()).unwrap()
    }

    /// The same, for what is no text.
    #[track_caller]
    pub(crate) fn succeeds_with_bytes(self) -> Vec<u8> {
        let output = self.output();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", output.status);
        assert_eq!(stderr, "");
        output.stdout
    }

    /// Makes the call, which must end with `code` and name all of `parts` on standard error.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, parts: &[&str]) {
        let output = self.output();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{part:?} is not in:\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

/// A directory that goes away with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("precast-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Compiles a module in text form and gives the artifact's path.
    pub(crate) fn artifact(&self, name: &str, text: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        let mut args: Vec<&OsStr> = vec!["compile".as_ref(), "-".as_ref(), "-o".as_ref()];
        args.push(path.as_ref());
        args.extend(options.iter().map(OsStr::new));
        precast(args).stdin(text).succeeds();
        path
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where the descriptor of an artifact's note starts in the file.
pub(crate) fn descriptor_offset(artifact: &[u8]) -> usize {
    // The note's type and name, which come before it.
    let head = b"\x01\0\0\0precast\0";
    let start = artifact.windows(head.len()).position(|part| part == head);
    start.expect("an artifact has a note") + head.len()
}
