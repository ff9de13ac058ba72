//! How large a pool is.

use precast_artifacts_format::{Tunables, WASM_PAGE_BYTES};

/// How many memories, tables and instances a [`Pool`](crate::Pool) has room for, and how large
/// each may be.
///
/// Room is address space until it is used: a pool for a thousand memories of 4 GiB takes 4 TiB of
/// the 128 TiB that a process has, and no memory.
///
/// ```
/// use precast_loader::{Pool, PoolConfig};
///
/// let mut config = PoolConfig::new();
/// config.max_instances(100).max_memories(100).max_tables(100);
/// config.max_memory_bytes(64 << 20);
/// let pool = Pool::new(&config)?;
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PoolConfig {
    pub(super) max_memories: usize,
    pub(super) max_memory_bytes: u64,
    pub(super) memory_guard_bytes: Option<u64>,
    pub(super) keep_resident_bytes: usize,
    pub(super) max_tables: usize,
    pub(super) max_table_elements: usize,
    pub(super) max_instances: usize,
    pub(super) max_vmctx_bytes: usize,
}

impl PoolConfig {
    /// The defaults: 1000 memories of 4 GiB with the guard that compilers use by default, 1000
    /// tables of 10,000 elements, 1000 instances of 64 KiB.
    ///
    /// ```
    /// let config = precast_loader::PoolConfig::new();
    /// ```
    pub fn new() -> Self {
        Self {
            max_memories: 1_000,
            max_memory_bytes: 4 << 30,
            memory_guard_bytes: Some(Tunables::DEFAULT.memory_guard_bytes),
            keep_resident_bytes: crate::vm::source::KEEP_RESIDENT_BYTES,
            max_tables: 1_000,
            max_table_elements: 10_000,
            max_instances: 1_000,
            max_vmctx_bytes: 64 << 10,
        }
    }

    /// How many memories there may be at a time, in all stores together.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_memories(10_000);
    /// ```
    pub fn max_memories(&mut self, count: usize) -> &mut Self {
        self.max_memories = count;
        self
    }

    /// How many bytes a memory may grow to. A module that wants more at the start is refused.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_memory_bytes(128 << 20);
    /// ```
    pub fn max_memory_bytes(&mut self, bytes: u64) -> &mut Self {
        self.max_memory_bytes = bytes / WASM_PAGE_BYTES * WASM_PAGE_BYTES;
        self
    }

    /// How many bytes of guard each memory has behind its 4 GiB. Modules that were compiled for
    /// more (`precast inspect` tells) are refused.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().memory_guard_bytes(1 << 30);
    /// ```
    pub fn memory_guard_bytes(&mut self, bytes: u64) -> &mut Self {
        self.memory_guard_bytes = Some(bytes);
        self
    }

    /// Sets no more address space aside for a memory than its bytes. Only modules that were
    /// compiled with `--memory checked` are accepted then.
    ///
    /// ```
    /// let mut config = precast_loader::PoolConfig::new();
    /// config.checked_memories_only().max_memory_bytes(16 << 20);
    /// ```
    pub fn checked_memories_only(&mut self) -> &mut Self {
        self.memory_guard_bytes = None;
        self
    }

    /// Up to what length a memory keeps its pages, in bytes; 64 KiB at first. A memory that is no
    /// longer than that when its store is dropped is filled with zeros from its slot's second use
    /// on, and a longer one given back to the system page by page. Zeroing is quicker as long as
    /// it is about tens of pages; but the slot keeps them while nobody uses it.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().keep_resident_bytes(0);
    /// ```
    pub fn keep_resident_bytes(&mut self, bytes: usize) -> &mut Self {
        self.keep_resident_bytes = bytes;
        self
    }

    /// How many tables there may be at a time, in all stores together. Tables that never change
    /// are part of the artifact and do not count.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_tables(10_000);
    /// ```
    pub fn max_tables(&mut self, count: usize) -> &mut Self {
        self.max_tables = count;
        self
    }

    /// How many elements a table may grow to. A module that wants more at the start is refused.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_table_elements(100_000);
    /// ```
    pub fn max_table_elements(&mut self, elements: usize) -> &mut Self {
        self.max_table_elements = elements;
        self
    }

    /// How many instances there may be at a time, in all stores together.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_instances(10_000);
    /// ```
    pub fn max_instances(&mut self, count: usize) -> &mut Self {
        self.max_instances = count;
        self
    }

    /// How many bytes an instance may take beside its memories and tables: 4 for each function
    /// type, 16 for each imported function, global and memory, 24 for each function that it has
    /// references to. A module that needs more is refused.
    ///
    /// ```
    /// precast_loader::PoolConfig::new().max_vmctx_bytes(1 << 20);
    /// ```
    pub fn max_vmctx_bytes(&mut self, bytes: usize) -> &mut Self {
        self.max_vmctx_bytes = bytes;
        self
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self::new()
    }
}
