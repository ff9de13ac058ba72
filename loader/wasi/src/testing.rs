//! What the unit tests share: a guest with a memory and a temporary directory.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use crate::preview1::{path_open, sock_accept};
use crate::rights::{self, Rights};
use crate::{GuestMemory, Result, WasiCtx};

pub(crate) const READ: Rights = rights::FILE & !rights::NEED_WRITING;
pub(crate) const READ_WRITE: Rights = rights::FILE;

pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    memory: Vec<u8>,
    /// Holds the file `outside` and the mount.
    root: Option<PathBuf>,
}

impl Guest {
    pub(crate) fn new(ctx: WasiCtx) -> Guest {
        Guest {
            ctx,
            memory: vec![0; 1 << 16],
            root: None,
        }
    }

    /// A guest with an empty directory as `/mount`, descriptor 3.
    pub(crate) fn with_dir(name: &str) -> Guest {
        Guest::mounted(name, false)
    }

    pub(crate) fn with_read_only_dir(name: &str) -> Guest {
        Guest::mounted(name, true)
    }

    /// A guest with a socket that listens as descriptor 3, and where to reach it.
    pub(crate) fn listening() -> (Guest, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ctx = WasiCtx::builder().listener(listener).build().unwrap();
        (Guest::new(ctx), address)
    }

    /// A guest with a connection as descriptor 4, and the other end.
    pub(crate) fn connected() -> (Guest, TcpStream) {
        let (mut guest, address) = Guest::listening();
        let peer = TcpStream::connect(address).unwrap();
        let accepted = guest.call(|ctx, memory| sock_accept(ctx, memory, 3, 0, 0));
        assert_eq!(accepted, Ok(()));
        assert_eq!(guest.u32_at(0), 4);
        (guest, peer)
    }

    fn mounted(name: &str, read_only: bool) -> Guest {
        let name = format!("precast-wasi-{}-{name}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let mount = root.join("mount");
        fs::create_dir_all(&mount).unwrap();
        fs::write(root.join("outside"), "secret").unwrap();
        let mut builder = WasiCtx::builder();
        if read_only {
            builder.preopened_dir_read_only(&mount, "/mount");
        } else {
            builder.preopened_dir(&mount, "/mount");
        }
        let mut guest = Guest::new(builder.build().unwrap());
        guest.root = Some(root);
        guest
    }

    pub(crate) fn call<R>(
        &mut self,
        call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R,
    ) -> R {
        call(&mut self.ctx, &mut GuestMemory::new(&mut self.memory))
    }

    /// Opens beneath the mount, following symlinks, with all inheriting rights.
    pub(crate) fn open(&mut self, path: &str, oflags: u16, base: Rights) -> Result<u32> {
        self.open_at(3, 1, path, oflags, base)
    }

    pub(crate) fn open_at(
        &mut self,
        fd: u32,
        lookupflags: u32,
        path: &str,
        oflags: u16,
        base: Rights,
    ) -> Result<u32> {
        let (ptr, len) = self.put(1000, path.as_bytes());
        let oflags = u32::from(oflags);
        self.call(|ctx, memory| {
            path_open(
                ctx,
                memory,
                fd,
                lookupflags,
                ptr,
                len,
                oflags,
                base,
                !0,
                0,
                0,
            )
        })?;
        Ok(self.u32_at(0))
    }

    /// Puts `bytes` at `ptr` and returns the address and length to pass.
    pub(crate) fn put(&mut self, ptr: u32, bytes: &[u8]) -> (u32, u32) {
        self.call(|_, memory| memory.write(ptr, bytes)).unwrap();
        (ptr, bytes.len() as u32)
    }

    /// Puts a list of buffers at 16 and returns its address.
    pub(crate) fn iovecs(&mut self, entries: &[(u32, u32)]) -> u32 {
        let words = entries.iter().flat_map(|(ptr, len)| [*ptr, *len]);
        let list: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        self.put(16, &list).0
    }

    pub(crate) fn bytes(&mut self, ptr: u32, len: u32) -> Vec<u8> {
        self.call(|_, memory| memory.slice(ptr, len).unwrap().to_vec())
    }

    pub(crate) fn u32_at(&mut self, ptr: u32) -> u32 {
        self.call(|_, memory| memory.read_u32(ptr).unwrap())
    }

    pub(crate) fn u64_at(&mut self, ptr: u32) -> u64 {
        self.call(|_, memory| memory.read_u64(ptr).unwrap())
    }

    pub(crate) fn host_path(&self, path: &str) -> PathBuf {
        self.root.as_ref().unwrap().join("mount").join(path)
    }

    /// The file next to the mount that no guest may reach.
    pub(crate) fn outside(&self) -> PathBuf {
        self.root.as_ref().unwrap().join("outside")
    }

    /// The names next to the mount, its own among them.
    pub(crate) fn siblings(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.as_ref().unwrap()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn host_write(&self, path: &str, bytes: &[u8]) {
        fs::write(self.host_path(path), bytes).unwrap();
    }

    pub(crate) fn host_read(&self, path: &str) -> Vec<u8> {
        fs::read(self.host_path(path)).unwrap()
    }

    pub(crate) fn host_remove(&self, path: &str) {
        fs::remove_file(self.host_path(path)).unwrap();
    }

    pub(crate) fn host_symlink(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(target, self.host_path(path)).unwrap();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(root) = &self.root {
            // A directory that is left over does not fail a test.
            let _ = fs::remove_dir_all(root);
        }
    }
}
