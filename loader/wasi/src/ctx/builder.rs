//! Building a context: nothing is given that was not asked for.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{ConfigError, Limits, WasiCtx};
use crate::clock::{Clock, HostClock};
use crate::descriptor::Descriptor;
use crate::handle::{Directory, HostDir, Listener};
use crate::random::{HostRandom, Random};
use crate::stdio::{Input, Output};
use crate::table::Table;
use crate::trace::Tracer;

/// Collects what a program is given; [`build`](WasiCtxBuilder::build) checks it and opens the directories.
pub struct WasiCtxBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    mounts: Vec<Mount>,
    listeners: Vec<OwnedFd>,
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
    limits: Limits,
    tracer: Option<Tracer>,
    end_on_broken_pipe: bool,
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

struct Mount {
    what: Mounted,
    guest_path: String,
    read_only: bool,
}

enum Mounted {
    /// A directory of the host, opened when the context is made.
    Host(PathBuf),
}

impl Mounted {
    fn open(self) -> Result<Box<dyn Directory>, ConfigError> {
        match self {
            Mounted::Host(host_path) => {
                match Dir::open_ambient_dir(&host_path, ambient_authority()) {
                    Ok(dir) => Ok(Box::new(HostDir::new(dir))),
                    Err(source) => Err(ConfigError::OpenDir { host_path, source }),
                }
            }
        }
    }
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
            listeners: Vec::new(),
            clock: Box::new(HostClock),
            random: Box::new(HostRandom),
            limits: Limits::default(),
            tracer: None,
            end_on_broken_pipe: false,
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

    /// Standard input is read from `file`, which is the program's alone from now on: its position and flags may change.
    pub fn stdin_file(&mut self, file: File) -> &mut WasiCtxBuilder {
        self.stdin = Input::File(file);
        self
    }

    /// Standard output goes to `file`, which is the program's alone from now on: its position and flags may change.
    pub fn stdout_file(&mut self, file: File) -> &mut WasiCtxBuilder {
        self.stdout = Output::File(file);
        self
    }

    /// Standard error goes to `file`, which is the program's alone from now on: its position and flags may change.
    pub fn stderr_file(&mut self, file: File) -> &mut WasiCtxBuilder {
        self.stderr = Output::File(file);
        self
    }

    /// Takes the program's time from `clock`; by default it is the host's.
    pub fn clock(&mut self, clock: impl Clock + 'static) -> &mut WasiCtxBuilder {
        self.clock = Box::new(clock);
        self
    }

    /// Takes the program's random bytes from `random`; by default they are the host's.
    pub fn random(&mut self, random: impl Random + 'static) -> &mut WasiCtxBuilder {
        self.random = Box::new(random);
        self
    }

    /// Bounds what the program may ask for.
    pub fn limits(&mut self, limits: Limits) -> &mut WasiCtxBuilder {
        self.limits = limits;
        self
    }

    /// Whether a program that writes to standard output or error after its last reader has gone is ended, as native
    /// programs are by SIGPIPE; off by default, when the write fails with [`Errno::Pipe`](crate::Errno::Pipe).
    ///
    /// The call into the guest then fails with an error that holds [`BrokenPipe`](crate::BrokenPipe).
    ///
    /// ```
    /// let ctx = precast_wasi::WasiCtx::builder()
    ///     .inherit_stdio()
    ///     .end_on_broken_pipe(true)
    ///     .build()?;
    /// # Ok::<(), precast_wasi::ConfigError>(())
    /// ```
    pub fn end_on_broken_pipe(&mut self, end: bool) -> &mut WasiCtxBuilder {
        self.end_on_broken_pipe = end;
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

    /// Gives the directory `host_path` and all beneath it, to read only, as `guest_path`. A change fails with
    /// [`Errno::Rofs`](crate::Errno::Rofs).
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

    /// Gives a socket that listens for TCP connections: the program accepts them (`sock_accept`), reads, writes and
    /// waits for them. It cannot open connections of its own.
    ///
    /// If it is non-blocking (`set_nonblocking`), so it is for the program, which can change that for itself. Programs
    /// that wait for many things at once expect a non-blocking one: those in Go, unless they call `SetNonblock`. In the
    /// host the socket is non-blocking from then on, also duplicates that are kept (`try_clone`).
    ///
    /// Several programs may have duplicates of one socket; each connection goes to one of them. Options set on the socket
    /// beforehand hold for its connections where the host has it so (on Linux, `TCP_NODELAY`).
    ///
    /// ```
    /// use std::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// println!("http://{}/", listener.local_addr()?);
    /// let ctx = precast_wasi::WasiCtx::builder()
    ///     .preopened_dir_read_only(std::env::temp_dir(), "/srv") // descriptor 3
    ///     .listener(listener) // descriptor 4
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listener(&mut self, listener: TcpListener) -> &mut WasiCtxBuilder {
        self.listeners.push(listener.into());
        self
    }

    /// Gives a socket that listens for connections of this host by a name in its file system; see
    /// [`listener`](WasiCtxBuilder::listener).
    ///
    /// ```
    /// use std::os::unix::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("precast-{}.sock", std::process::id()));
    /// let ctx = precast_wasi::WasiCtx::builder()
    ///     .unix_listener(UnixListener::bind(&path)?)
    ///     .build()?;
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unix_listener(&mut self, listener: UnixListener) -> &mut WasiCtxBuilder {
        self.listeners.push(listener.into());
        self
    }

    fn mount(
        &mut self,
        host_path: &Path,
        guest_path: String,
        read_only: bool,
    ) -> &mut WasiCtxBuilder {
        self.mounts.push(Mount {
            what: Mounted::Host(host_path.to_owned()),
            guest_path,
            read_only,
        });
        self
    }

    /// Makes the context and leaves the builder empty.
    ///
    /// Standard streams become descriptors 0 to 2, directories 3 and on, then sockets, each in the order given. C
    /// libraries look for directories from 3 on, up to the first descriptor that is none.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::Text`] for an argument, variable or guest path that the guest could not receive.
    /// - [`ConfigError::OpenDir`] if a directory cannot be opened.
    /// - [`ConfigError::Stdio`] if a standard stream cannot be duplicated.
    /// - [`ConfigError::Listener`] if a socket cannot be made non-blocking.
    pub fn build(&mut self) -> Result<WasiCtx, ConfigError> {
        let WasiCtxBuilder {
            args,
            env,
            stdin,
            stdout,
            stderr,
            mounts,
            listeners,
            clock,
            random,
            limits,
            tracer,
            end_on_broken_pipe,
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

        let mut table = Table::new(limits.descriptors);
        for stream in [stdin.open(), stdout.open(), stderr.open()] {
            let stream = stream.map_err(ConfigError::Stdio)?;
            table.insert(stream).map_err(ConfigError::Table)?;
        }
        for mount in mounts {
            let directory = mount.what.open()?;
            let descriptor = Descriptor::preopen(directory, mount.guest_path, mount.read_only);
            table.insert(descriptor).map_err(ConfigError::Table)?;
        }
        for listener in listeners {
            let listener = Listener::new(listener).map_err(ConfigError::Listener)?;
            let descriptor = Descriptor::listener(listener);
            table.insert(descriptor).map_err(ConfigError::Table)?;
        }

        Ok(WasiCtx {
            args,
            environ: env
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            table,
            clock,
            random,
            limits,
            end_on_broken_pipe,
            ending: None,
            exit_code: None,
            tracer,
        })
    }
}
