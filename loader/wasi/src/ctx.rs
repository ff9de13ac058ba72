//! What one program is given.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::Errno;
use crate::descriptor::Descriptor;
use crate::stdio::{Input, Output};
use crate::table::Table;
use crate::trace::Tracer;

/// The world of one program: arguments, environment, open files.
///
/// A new context has no arguments, no environment, no directories; its input is empty and its output is thrown away.
///
/// ```
/// let stdout = precast_wasi::OutputBuffer::new(1 << 20);
/// let ctx = precast_wasi::WasiCtx::builder()
///     .args(["app", "--verbose"])
///     .env("LANG", "C")
///     .stdout(stdout.clone())
///     .preopened_dir(std::env::temp_dir(), "/tmp")
///     .build()?;
/// # Ok::<(), precast_wasi::ConfigError>(())
/// ```
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    /// `NAME=value`, as the guest receives them.
    pub(crate) environ: Vec<String>,
    pub(crate) table: Table,
    pub(crate) exit_code: Option<i32>,
    pub(crate) tracer: Option<Tracer>,
}

impl WasiCtx {
    /// Starts from nothing given.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// The code that the program passed to `proc_exit`, if it did.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("exit_code", &self.exit_code)
            .finish_non_exhaustive()
    }
}

/// Collects what a program is given; [`build`](WasiCtxBuilder::build) checks it and opens the directories.
pub struct WasiCtxBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    mounts: Vec<Mount>,
    tracer: Option<Tracer>,
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

struct Mount {
    host_path: PathBuf,
    guest_path: String,
    read_only: bool,
}

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::null(),
            stdout: Output::null(),
            stderr: Output::null(),
            mounts: Vec::new(),
            tracer: None,
        }
    }
}

impl WasiCtxBuilder {
    /// Adds one argument; the first is by custom the program's name.
    pub fn arg(&mut self, arg: impl Into<String>) -> &mut WasiCtxBuilder {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(
        &mut self,
        args: impl IntoIterator<Item = S>,
    ) -> &mut WasiCtxBuilder {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; a later value replaces an earlier one.
    pub fn env(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> &mut WasiCtxBuilder {
        let (name, value) = (name.into(), value.into());
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// Gives the host process's standard input, output and error.
    pub fn inherit_stdio(&mut self) -> &mut WasiCtxBuilder {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Gives the host process's standard input. It is read without a buffer in between.
    pub fn inherit_stdin(&mut self) -> &mut WasiCtxBuilder {
        self.stdin = Input::Inherit;
        self
    }

    /// Gives the host process's standard output. What the host itself keeps in a buffer it must flush before the guest runs,
    /// if the order matters.
    pub fn inherit_stdout(&mut self) -> &mut WasiCtxBuilder {
        self.stdout = Output::InheritStdout;
        self
    }

    /// Gives the host process's standard error.
    pub fn inherit_stderr(&mut self) -> &mut WasiCtxBuilder {
        self.stderr = Output::InheritStderr;
        self
    }

    /// Standard input is read from `reader`; bytes in memory are `std::io::Cursor::new(bytes)`.
    ///
    /// Such an input is always ready for `poll_oneoff`; a reader that blocks, blocks the guest.
    pub fn stdin(&mut self, reader: impl Read + Send + 'static) -> &mut WasiCtxBuilder {
        self.stdin = Input::Reader(Box::new(reader));
        self
    }

    /// Standard output goes to `writer`, flushed after each write. An [`OutputBuffer`](crate::OutputBuffer) keeps it in memory.
    pub fn stdout(&mut self, writer: impl Write + Send + 'static) -> &mut WasiCtxBuilder {
        self.stdout = Output::Writer(Box::new(writer));
        self
    }

    /// Standard error goes to `writer`, flushed after each write.
    pub fn stderr(&mut self, writer: impl Write + Send + 'static) -> &mut WasiCtxBuilder {
        self.stderr = Output::Writer(Box::new(writer));
        self
    }

    /// Gives the directory `host_path` and all beneath it, to read and to change, as `guest_path`.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
    ) -> &mut WasiCtxBuilder {
        self.mount(host_path.as_ref(), guest_path.into(), false)
    }

    /// Gives the directory `host_path` and all beneath it, to read only, as `guest_path`. A change fails with [`Errno::Rofs`].
    pub fn preopened_dir_read_only(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl Into<String>,
    ) -> &mut WasiCtxBuilder {
        self.mount(host_path.as_ref(), guest_path.into(), true)
    }

    /// Tells `writer` of each call that the program makes, in a line in the manner of `strace`:
    ///
    /// ```text
    /// path_open(3, SYMLINK_FOLLOW, "a.txt", CREAT|TRUNC, FD_WRITE, 0, 0) = 4
    /// fd_write(4, ["hello\n"]) = 6
    /// path_unlink_file(3, "b.txt") = ENOENT (No such file or directory.)
    /// proc_exit(3)
    /// ```
    ///
    /// Names, paths, the beginning of what is read and written are in it, but not the bytes of `random_get`. What guests pass
    /// is escaped, and cut so that no line is longer than a few thousand bytes. Lines are for people: what they look like
    /// may change. A call that may wait writes the part before the result before it waits. A writer that fails is no
    /// matter of the program's; one that blocks, blocks it.
    ///
    /// ```
    /// let trace = precast_wasi::OutputBuffer::new(1 << 20);
    /// let ctx = precast_wasi::WasiCtx::builder().trace(trace.clone()).build()?;
    /// # Ok::<(), precast_wasi::ConfigError>(())
    /// ```
    pub fn trace(&mut self, writer: impl Write + Send + 'static) -> &mut WasiCtxBuilder {
        self.tracer = Some(Tracer::new(writer));
        self
    }

    fn mount(
        &mut self,
        host_path: &Path,
        guest_path: String,
        read_only: bool,
    ) -> &mut WasiCtxBuilder {
        self.mounts.push(Mount {
            host_path: host_path.to_owned(),
            guest_path,
            read_only,
        });
        self
    }

    /// Makes the context and leaves the builder empty.
    ///
    /// Standard streams become descriptors 0 to 2, directories 3 and on, in the order given.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::Text`] for an argument, variable or guest path that the guest could not receive.
    /// - [`ConfigError::OpenDir`] if a directory cannot be opened.
    /// - [`ConfigError::Stdio`] if a standard stream cannot be duplicated.
    pub fn build(&mut self) -> Result<WasiCtx, ConfigError> {
        let WasiCtxBuilder {
            args,
            env,
            stdin,
            stdout,
            stderr,
            mounts,
            tracer,
        } = std::mem::take(self);

        let guest_paths = mounts.iter().map(|mount| &mount.guest_path);
        let values = env.iter().map(|(_, value)| value);
        for text in args.iter().chain(values).chain(guest_paths) {
            if text.contains('\0') {
                return Err(ConfigError::Text(text.clone()));
            }
        }
        for (name, _) in &env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(ConfigError::Text(name.clone()));
            }
        }

        let mut table = Table::default();
        for stream in [stdin.open(), stdout.open(), stderr.open()] {
            let stream = stream.map_err(ConfigError::Stdio)?;
            table.insert(stream).map_err(ConfigError::Table)?;
        }
        for mount in mounts {
            let dir =
                Dir::open_ambient_dir(&mount.host_path, ambient_authority()).map_err(|source| {
                    ConfigError::OpenDir {
                        host_path: mount.host_path,
                        source,
                    }
                })?;
            let descriptor = Descriptor::preopen(dir, mount.guest_path, mount.read_only);
            table.insert(descriptor).map_err(ConfigError::Table)?;
        }

        Ok(WasiCtx {
            args,
            environ: env
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            table,
            exit_code: None,
            tracer,
        })
    }
}

/// Why a [`WasiCtx`] could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// An argument, a value or a guest path with a NUL byte, or the name of a variable that is empty or holds `=` or NUL.
    Text(String),
    /// A directory to be given cannot be opened.
    OpenDir {
        /// The host's name of the directory.
        host_path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// A standard stream of the host cannot be duplicated.
    Stdio(io::Error),
    /// More directories than a guest can have descriptors.
    Table(Errno),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Text(text) => write!(f, "{text:?} cannot be passed to a WASI program"),
            ConfigError::OpenDir { host_path, .. } => {
                write!(f, "cannot open the directory {}", host_path.display())
            }
            ConfigError::Stdio(_) => f.write_str("cannot duplicate a standard stream"),
            ConfigError::Table(_) => f.write_str("too many directories"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Text(_) => None,
            ConfigError::OpenDir { source, .. } | ConfigError::Stdio(source) => Some(source),
            ConfigError::Table(errno) => Some(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_unasked() {
        let ctx = WasiCtx::builder().build().unwrap();
        assert!(ctx.args.is_empty());
        assert!(ctx.environ.is_empty());
        assert!(ctx.table.get(2).is_ok());
        assert!(ctx.table.get(3).is_err());
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let ctx = WasiCtx::builder()
            .env("A", "1")
            .env("B", "2")
            .env("A", "3")
            .build()
            .unwrap();
        assert_eq!(ctx.environ, ["A=3", "B=2"]);
    }

    #[test]
    fn text_that_a_guest_cannot_receive_is_refused() {
        fn check(builder: &mut WasiCtxBuilder) {
            assert!(matches!(builder.build(), Err(ConfigError::Text(_))));
        }
        check(WasiCtx::builder().arg("a\0b"));
        check(WasiCtx::builder().env("A", "\0"));
        check(WasiCtx::builder().env("A=B", ""));
        check(WasiCtx::builder().env("", "x"));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let missing = "/nonexistent/precast";
        let error = WasiCtx::builder()
            .preopened_dir(missing, "/")
            .build()
            .unwrap_err();
        assert!(error.to_string().contains(missing));
    }
}
