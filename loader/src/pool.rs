//! Room for memories, tables and instances that is set aside once and used again and again.
//!
//! Three collections of slots, each one mapping: memories on a [shelf](crate::vm::shelf), which
//! prefers for a module the slot that it used last, and plain [blocks] for tables and vmctxs. A
//! slot that comes back is cleaned at once, in the thread that drops the store, so that a free slot
//! holds nothing of its last tenant's; see [`space`](crate::vm::space) for how.

use std::sync::Arc;

use precast_artifacts_format::{MemoryType, Tunables};

use crate::error::{Error, LimitError};
use crate::vm::layout::SpaceLayout;
use crate::vm::shelf::{Lease, Shelf};
use crate::vm::space::{MemoryKey, Space};

pub(crate) mod blocks;
mod config;

use self::blocks::{Block, Blocks};
pub use self::config::PoolConfig;

/// Room for instances that is set aside once, for programs that make and drop many of them.
///
/// Instances of stores that are [made in a pool](crate::Store::new_in) take their memories, tables
/// and vmctxs from slots. When the store is dropped the slots are cleaned and wait for the next
/// one. That saves most system calls, and bounds what all guests together can use.
///
/// Cheap to clone; a clone is the same pool. Any number of threads may use it, with modules of any
/// engine. Its address space is released with the last store and the last clone. As long as a slot
/// waits it keeps the file of the module that used it last mapped, if it was mapped there.
///
/// ```
/// use precast_loader::{Engine, Error, LimitError, Pool, PoolConfig, Store};
///
/// # let engine = Engine::default();
/// # let linker = example::linker(&engine);
/// # let module = example::module(&engine);
/// let pool = Pool::new(PoolConfig::new().max_instances(100).max_memories(100))?;
/// let prepared = linker.prepare(&module)?;
/// for request in 0..1_000 {
///     let mut store = Store::new_in(&engine, &pool, request);
///     let instance = match prepared.instantiate(&mut store) {
///         Err(Error::Limit(LimitError::PoolExhausted { .. })) => continue,
///         other => other?,
///     };
/// }
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: PoolConfig,
    memory_layout: SpaceLayout,
    memories: Shelf,
    tables: Blocks,
    vmctxs: Blocks,
}

impl Pool {
    /// Sets room aside.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses so much address space, [`Error::Limit`] if there are
    /// not so many addresses.
    ///
    /// ```
    /// use precast_loader::{Pool, PoolConfig};
    ///
    /// let pool = Pool::new(&PoolConfig::new())?;
    /// assert!(Pool::new(PoolConfig::new().max_memories(usize::MAX)).is_err());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn new(config: &PoolConfig) -> Result<Self, Error> {
        let too_large = || LimitError::OutOfMemory {
            what: "address space for a pool",
        };
        let PoolConfig {
            max_memories,
            max_memory_bytes,
            memory_guard_bytes,
            keep_resident_bytes,
            max_tables,
            max_table_elements,
            max_instances,
            max_vmctx_bytes,
        } = *config;
        let memory_layout = match memory_guard_bytes {
            Some(guard_bytes) => SpaceLayout::guarded(guard_bytes),
            None => SpaceLayout::checked(max_memory_bytes),
        };
        let memory_layout = memory_layout.ok_or_else(too_large)?;
        memory_layout
            .total_bytes(max_memories)
            .ok_or_else(too_large)?;
        let table_bytes = max_table_elements
            .checked_mul(size_of::<u64>())
            .ok_or_else(too_large)?;
        let io = |error| Error::io("set address space aside for a pool", error);
        let spaces = Space::reserve_many(memory_layout, keep_resident_bytes, max_memories);
        Ok(Self {
            inner: Arc::new(Inner {
                config: config.clone(),
                memory_layout,
                memories: Shelf::new(spaces.map_err(io)?, max_memories),
                tables: Blocks::reserve(table_bytes, max_tables).map_err(io)?,
                vmctxs: Blocks::reserve(max_vmctx_bytes, max_instances).map_err(io)?,
            }),
        })
    }

    /// How far a memory may grow, in bytes.
    pub(crate) fn max_memory_bytes(&self) -> u64 {
        let capacity = self.inner.memory_layout.capacity_bytes as u64;
        self.inner.config.max_memory_bytes.min(capacity)
    }

    /// How far a table may grow, in elements.
    pub(crate) fn max_table_elements(&self) -> u64 {
        self.inner.config.max_table_elements as u64
    }

    /// Address space for a memory of that type and `initial_bytes` for code with `tunables`.
    pub(crate) fn take_memory(
        &self,
        tenant: Option<MemoryKey>,
        ty: &MemoryType,
        tunables: &Tunables,
        initial_bytes: u64,
    ) -> Result<Lease, LimitError> {
        if !self.inner.memory_layout.suits(ty, tunables) {
            return Err(LimitError::PoolSlot {
                limit: "memory_guard_bytes",
                wanted: tunables.memory_guard_bytes,
                allowed: self.inner.memory_layout.guard_bytes.unwrap_or(0),
            });
        }
        fits("max_memory_bytes", initial_bytes, self.max_memory_bytes())?;
        let memory = self.inner.memories.take(tenant);
        memory.ok_or(LimitError::PoolExhausted {
            what: "memories",
            limit: self.inner.config.max_memories,
        })
    }

    /// Room for a table of so many elements.
    pub(crate) fn take_table(&self, elements: u64) -> Result<Block, LimitError> {
        fits("max_table_elements", elements, self.max_table_elements())?;
        let table = self.inner.tables.take(elements as usize * size_of::<u64>());
        table.ok_or(LimitError::PoolExhausted {
            what: "tables",
            limit: self.inner.config.max_tables,
        })
    }

    /// Room for a vmctx.
    pub(crate) fn take_vmctx(&self, bytes: usize) -> Result<Block, LimitError> {
        let allowed = self.inner.config.max_vmctx_bytes;
        fits("max_vmctx_bytes", bytes as u64, allowed as u64)?;
        let vmctx = self.inner.vmctxs.take(bytes);
        vmctx.ok_or(LimitError::PoolExhausted {
            what: "instances",
            limit: self.inner.config.max_instances,
        })
    }
}

fn fits(limit: &'static str, wanted: u64, allowed: u64) -> Result<(), LimitError> {
    if wanted <= allowed {
        Ok(())
    } else {
        Err(LimitError::PoolSlot {
            limit,
            wanted,
            allowed,
        })
    }
}
