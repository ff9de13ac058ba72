//! What the suites share: a guest without an engine, a folder to try things in, numbers that come again.

#![allow(dead_code, reason = "each suite uses a part")]

pub(crate) mod calls;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use precast_wasi::{GuestMemory, WasiCtx};

/// Bytes of every guest's memory.
pub(crate) const MEMORY_BYTES: u32 = 1 << 16;

/// A context and a memory.
pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    memory: Vec<u8>,
}

impl Guest {
    pub(crate) fn new(ctx: WasiCtx) -> Guest {
        Guest {
            ctx,
            memory: vec![0; MEMORY_BYTES as usize],
        }
    }

    pub(crate) fn call<R>(
        &mut self,
        call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R,
    ) -> R {
        call(&mut self.ctx, &mut GuestMemory::new(&mut self.memory))
    }

    /// Puts `bytes` at `ptr` and returns the address and length to pass.
    pub(crate) fn put(&mut self, ptr: u32, bytes: &[u8]) -> (u32, u32) {
        self.memory[ptr as usize..][..bytes.len()].copy_from_slice(bytes);
        (ptr, bytes.len() as u32)
    }

    pub(crate) fn bytes(&self, ptr: u32, len: u32) -> &[u8] {
        &self.memory[ptr as usize..][..len as usize]
    }

    pub(crate) fn u32_at(&self, ptr: u32) -> u32 {
        u32::from_le_bytes(self.bytes(ptr, 4).try_into().unwrap())
    }

    pub(crate) fn u64_at(&self, ptr: u32) -> u64 {
        u64::from_le_bytes(self.bytes(ptr, 8).try_into().unwrap())
    }
}

/// A folder of the test's own, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("precast-wasi-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that is left over does not fail a test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A small generator with a fixed seed, so that a failure comes again.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Numbers {
        // The state must not be zero, and seeds that are near must not begin alike.
        Numbers((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64* (Vigna 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The number that an environment variable asks for.
pub(crate) fn asked_for(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}
