//! What a host function knows about its call.

use std::fmt;

use precast_artifacts_format::TrapCode;

use crate::activation;
use crate::call;
use crate::error::Error;
use crate::func::Func;
use crate::instance::{Extern, Instance};
use crate::memory::Memory;
use crate::store::{AsStore, AsStoreMut, StoreMut, StoreRef, sealed};
use crate::val::Val;

/// The store, as a host function has it while it is called, and the instance that calls.
///
/// A host function takes it as first parameter if it wants it.
///
/// ```
/// use precast_loader::{Caller, Engine, Linker};
///
/// let mut linker = Linker::<u32>::new(&Engine::default());
/// linker.func("env", "count", |mut caller: Caller<'_, u32>| {
///     *caller.data_mut() += 1;
/// })?;
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct Caller<'a, T: 'static> {
    store: StoreMut<'a, T>,
    instance: Option<u32>,
}

impl<'a, T> Caller<'a, T> {
    pub(crate) fn new(store: StoreMut<'a, T>, instance: Option<u32>) -> Self {
        Self { store, instance }
    }

    pub(crate) fn reborrow(&mut self) -> Caller<'_, T> {
        Caller::new(self.store.as_store_mut(), self.instance)
    }

    /// The host's data.
    ///
    /// ```
    /// # use precast_loader::Caller;
    /// fn is_quiet(caller: Caller<'_, bool>) -> i32 {
    ///     i32::from(*caller.data())
    /// }
    /// ```
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's data, to be changed.
    ///
    /// ```
    /// # use precast_loader::Caller;
    /// fn push(mut caller: Caller<'_, Vec<i64>>, number: i64) {
    ///     caller.data_mut().push(number);
    /// }
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The instance that calls; `None` if it is the host that calls its own function.
    ///
    /// ```
    /// # use precast_loader::Caller;
    /// fn who(caller: &Caller<'_, ()>) -> Option<String> {
    ///     let module = caller.instance()?.module(caller);
    ///     module.name().map(str::to_owned)
    /// }
    /// ```
    pub fn instance(&self) -> Option<Instance> {
        Some(Instance {
            store: self.store.core().id,
            index: self.instance?,
        })
    }

    /// The export of that name of the instance that calls.
    ///
    /// ```
    /// # use precast_loader::{Caller, Error, Extern};
    /// fn call_back(mut caller: Caller<'_, ()>, number: i32) -> Result<i32, Error> {
    ///     let func = caller.get_export("on_event").and_then(Extern::func);
    ///     let func = func.ok_or(Error::host("the guest exports no `on_event`"))?;
    ///     func.typed::<i32, i32>(&mut caller)?.call(&mut caller, number)
    /// }
    /// ```
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(&mut self.store, name)
    }

    /// Calls a function for the instance that calls, as that would by `call_indirect`: if it is one of the
    /// host's, the instance is its [`Caller`], too. With [`Func::call`] it has none.
    ///
    /// # Errors
    ///
    /// As for [`Func::call`].
    ///
    /// # Panics
    ///
    /// If the function belongs to another store; if a host function that is called panics.
    ///
    /// ```
    /// # use precast_loader::{Caller, Error, Extern};
    /// /// Calls the function that a C program has passed the address of, be it the host's own.
    /// fn call_back(mut caller: Caller<'_, ()>, pointer: u32) -> Result<(), Error> {
    ///     let table = caller.get_export("__indirect_function_table").and_then(Extern::table);
    ///     let table = table.ok_or(Error::host("the guest exports no table"))?;
    ///     let func = table.func(&mut caller, pointer.into())?;
    ///     caller.call(func, &[]).map(drop)
    /// }
    /// ```
    pub fn call(&mut self, func: Func, params: &[Val]) -> Result<Vec<Val>, Error> {
        call::with_values(&mut self.store, func, params, self.instance)
    }

    /// Why the guest should stop, if it has been asked to. It will, when the host function returns;
    /// one that waits for long may look here and return early. When the request comes, the
    /// system calls that signals always interrupt end with `EINTR` (`poll`, `nanosleep`); others,
    /// like `read`, go on.
    ///
    /// ```
    /// use precast_loader::{Caller, Engine, Linker};
    ///
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func("env", "sleep", |caller: Caller<'_, ()>, milliseconds: u32| {
    ///     for _ in 0..milliseconds {
    ///         if caller.stop_requested().is_some() {
    ///             break;
    ///         }
    ///         std::thread::sleep(std::time::Duration::from_millis(1));
    ///     }
    /// })?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn stop_requested(&self) -> Option<TrapCode> {
        activation::stop_requested()
    }

    /// The memory that the instance that calls exports as `memory`, by which name a guest's
    /// memory goes by convention.
    ///
    /// ```
    /// # use precast_loader::{Caller, Error};
    /// fn log(mut caller: Caller<'_, ()>, at: u32, len: u32) -> Result<(), Error> {
    ///     let memory = caller.memory().ok_or(Error::host("the guest exports no memory"))?;
    ///     println!("{}", memory.read_string(&caller, at.into(), len.into())?);
    ///     Ok(())
    /// }
    /// ```
    pub fn memory(&mut self) -> Option<Memory> {
        let core = self.store.core();
        let instance = core.instances.get(self.instance? as usize)?;
        let index = instance.module.exported_memory()?;
        Some(Memory {
            store: core.id,
            index: *instance.memories.get(index as usize)?,
        })
    }
}

impl<T: fmt::Debug> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("data", self.data())
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Caller<'_, T> {}

impl<T> AsStore for Caller<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        self.store.as_store()
    }
}

impl<T> AsStoreMut for Caller<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        self.store.as_store_mut()
    }
}
