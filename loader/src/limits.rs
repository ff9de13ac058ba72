//! What the guests of a store may have.

use crate::error::{Error, LimitError};
use crate::module::Module;
use crate::store::Store;
use crate::store::core::{StoreCore, push};
use crate::store::memory::StoreMemory;
use crate::vm::table::TableElements;

/// What exceptions may take if nobody says otherwise: far more than any program has use for.
const EXCEPTION_BYTES: u64 = 256 << 20;

/// What the guests of a store may have, all of them together where it does not say otherwise.
///
/// Where a limit is reached, `memory.grow` and `table.grow` give −1, [`Memory::grow`] and
/// [`Table::grow`] an error, and instantiation fails with [`Error::Limit`] before anything has been
/// made. How long guests may run is limited by [`Store::set_deadline`] and [`Store::set_fuel`], how
/// much stack they may use by [`Config::max_stack_bytes`].
///
/// [`Memory::grow`]: crate::Memory::grow
/// [`Table::grow`]: crate::Table::grow
/// [`Config::max_stack_bytes`]: crate::Config::max_stack_bytes
///
/// ```
/// use precast_loader::{Engine, Limits, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// store.set_limits(Limits::new().total_memory_bytes(128 << 10));
/// let ty = MemoryType::new(1, None);
/// let memory = Memory::new(&mut store, ty)?;
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert!(memory.grow(&mut store, 1).is_err());
/// assert!(Memory::new(&mut store, ty).is_err());
/// # Ok::<(), precast_loader::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub(crate) memory_bytes: u64,
    pub(crate) total_memory_bytes: u64,
    pub(crate) table_elements: u64,
    pub(crate) instances: u64,
    pub(crate) memories: u64,
    pub(crate) tables: u64,
    pub(crate) exception_bytes: u64,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// ```
            /// let mut limits = precast_loader::Limits::new();
            #[doc = concat!("limits.", stringify!($name), "(100_000);")]
            /// ```
            pub fn $name(&mut self, most: u64) -> &mut Self {
                self.$name = most;
                self
            }
        )*
    };
}

impl Limits {
    /// No limits but those of the engine's [`Config`](crate::Config), and 256 MiB for exceptions.
    ///
    /// ```
    /// assert_eq!(precast_loader::Limits::new(), precast_loader::Limits::default());
    /// ```
    pub fn new() -> Self {
        Self {
            memory_bytes: u64::MAX,
            total_memory_bytes: u64::MAX,
            table_elements: u64::MAX,
            instances: u64::MAX,
            memories: u64::MAX,
            tables: u64::MAX,
            exception_bytes: EXCEPTION_BYTES,
        }
    }

    setters! {
        /// The most bytes that any one memory may have. That of the engine's configuration counts
        /// too.
        memory_bytes;
        /// The most bytes that all memories may have together. A shared memory counts in every
        /// store that uses it, as it is when it comes to it and by what that store's guests add.
        total_memory_bytes;
        /// The most elements that any one table may have. That of the engine's configuration
        /// counts too. Tables that never change take nothing and are not counted.
        table_elements;
        /// The most instances. One that failed to start counts.
        instances;
        /// The most memories.
        memories;
        /// The most tables. Those that never change are not counted.
        tables;
        /// The most bytes that the exceptions may take that guests refer to, and one that is being
        /// thrown; 256 MiB at first. A guest that throws one too many ends with [`Error::Limit`].
        exception_bytes;
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Store<T> {
    /// Limits what guests may have from now on. What they have already they keep.
    ///
    /// ```
    /// use precast_loader::{Engine, Limits, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// store.set_limits(Limits::new().memory_bytes(16 << 20).instances(1));
    /// ```
    pub fn set_limits(&mut self, limits: &Limits) {
        let core = self.core_mut();
        let engine = core.engine.limits();
        core.limits = Limits {
            memory_bytes: limits.memory_bytes.min(engine.memory_bytes),
            table_elements: limits.table_elements.min(engine.table_elements),
            ..*limits
        };
    }
}

impl StoreCore {
    /// Whether there may be an instance of `module` too, as it is at the start.
    pub(crate) fn check_room_for(&self, module: &Module) -> Result<(), LimitError> {
        let manifest = module.manifest();
        let tables = manifest.tables.iter();
        let tables = tables.filter(|plan| plan.constant.is_none());
        let memories = manifest.memories.iter();
        let bytes = memories.map(|plan| plan.ty.minimum_bytes().unwrap_or(u64::MAX));
        self.check_counts(1, manifest.memories.len(), tables.count())?;
        self.check_total(bytes.fold(0, u64::saturating_add))
    }

    /// Adds a memory of the host's.
    ///
    /// # Errors
    ///
    /// Those of `make`, and [`Error::Limit`] if there may be no more, or none so large.
    pub(crate) fn add_memory(
        &mut self,
        minimum_bytes: u64,
        make: impl FnOnce(&Self) -> Result<StoreMemory, Error>,
    ) -> Result<u32, Error> {
        self.check_counts(0, 1, 0)?;
        self.check_total(minimum_bytes)?;
        let memory = make(self)?;
        Ok(self.push_memory(memory))
    }

    /// Adds a memory for which there is room.
    pub(crate) fn push_memory(&mut self, memory: StoreMemory) -> u32 {
        self.memory_bytes += memory.length_bytes();
        push(&mut self.memories, memory)
    }

    /// Adds a table of the host's.
    ///
    /// # Errors
    ///
    /// Those of `make`, and [`Error::Limit`] if there may be no more.
    pub(crate) fn add_table(
        &mut self,
        make: impl FnOnce(&Self) -> Result<TableElements, Error>,
    ) -> Result<u32, Error> {
        self.check_counts(0, 0, 1)?;
        let table = make(self)?;
        Ok(push(&mut self.tables, table))
    }

    /// Grows the memory with that number by `delta` pages. The number of pages before, or `None` if
    /// that is more than allowed or the system has no room.
    pub(crate) fn grow_memory(&mut self, number: usize, delta: u64) -> Option<u64> {
        let memory = self.memories.get_mut(number)?;
        let more_bytes = delta.checked_mul(memory.ty().page_bytes())?;
        let bytes = memory.length_bytes().checked_add(more_bytes)?;
        let total = self.memory_bytes.checked_add(more_bytes)?;
        // Growing by nothing asks for the size.
        let allowed = delta == 0
            || bytes <= self.limits.memory_bytes && total <= self.limits.total_memory_bytes;
        if !allowed {
            return None;
        }
        let before = memory.grow(delta)?;
        self.memory_bytes = total;
        Some(before)
    }

    /// Grows the table with that number by `delta` elements that are all `element`. The length
    /// before, or `None` if that is more than allowed or there is no memory.
    pub(crate) fn grow_table(&mut self, number: usize, delta: u64, element: u64) -> Option<u64> {
        let table = self.tables.get_mut(number)?;
        let length = table.len().checked_add(delta)?;
        if delta > 0 && length > self.limits.table_elements {
            return None;
        }
        table.grow(delta, element)
    }

    fn check_counts(
        &self,
        instances: usize,
        memories: usize,
        tables: usize,
    ) -> Result<(), LimitError> {
        let checks = [
            (
                "instances",
                self.instances.len(),
                instances,
                self.limits.instances,
            ),
            (
                "memories",
                self.memories.len(),
                memories,
                self.limits.memories,
            ),
            ("tables", self.tables.len(), tables, self.limits.tables),
        ];
        for (what, present, more, limit) in checks {
            if more > 0 && present.saturating_add(more) as u64 > limit {
                return Err(LimitError::Store { what, limit });
            }
        }
        Ok(())
    }

    fn check_total(&self, more_bytes: u64) -> Result<(), LimitError> {
        let total = self.memory_bytes.checked_add(more_bytes);
        let limit = self.limits.total_memory_bytes;
        if more_bytes == 0 || total.is_some_and(|total| total <= limit) {
            Ok(())
        } else {
            Err(LimitError::Store {
                what: "bytes of memory",
                limit,
            })
        }
    }
}
