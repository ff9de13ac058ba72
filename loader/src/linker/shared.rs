//! Memories that belong to no store.

use super::{Definition, Linker};
use crate::error::Error;
use crate::shared_memory::SharedMemory;

impl<T> Linker<T> {
    /// Defines a shared memory. Unlike other memories it ties modules that import it to no store.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyDefined`](crate::LinkError::AlreadyDefined).
    ///
    /// ```
    /// use precast_loader::{Engine, Linker, MemoryType, SharedMemory};
    ///
    /// let engine = Engine::default();
    /// let memory = SharedMemory::new(&engine, MemoryType::new(1, Some(16)).shared())?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.shared_memory("env", "memory", &memory)?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn shared_memory(
        &mut self,
        module: &str,
        name: &str,
        memory: &SharedMemory,
    ) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Shared(memory.clone()))
    }
}
