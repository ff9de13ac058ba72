//! Listeners: what is told of each function that begins and ends.
//!
//! A store with a listener keeps a stack of what has been [`Entered`]. Host functions are told of
//! by the code around them ([`host_func`](crate::host_func)); guest functions tell by themselves,
//! through [`runtime`](crate::runtime), if they were compiled to. Where guest code is left early,
//! what has been entered since it was called is unwound: down to the host function, or the
//! listener, that has called it.
#![allow(unsafe_code, reason = "frames of waiting guest code are walked")]

use std::fmt;

use precast_artifacts_format::{FuncType, ImportType, RuntimeSymbol};

use crate::backtrace::{self, Backtrace, Printable};
use crate::instance::Instance;
use crate::module::Module;
use crate::store::{AsStore, AsStoreMut, Store, StoreMut, StoreRef, sealed};
use crate::val::Val;

mod telling;

use telling::Function;
pub(crate) use telling::{
    AnyListener, Entered, guest_begins, guest_ends, host_begins, host_ends, left_early, unwound,
};

/// What is told when functions begin and end. See [`Store::set_listener`].
///
/// For each function that begins, [`before`](Listener::before) is called, and when it ends one of
/// the others. A panic in any of them ends the guest like one of a host function.
///
/// This one logs calls, indented by their depth:
///
/// ```
/// use precast_loader::{Call, Engine, Error, Func, Listener, Store, Val};
///
/// struct Log;
///
/// impl Log {
///     fn line(call: &mut Call<'_, Vec<String>>, text: String) {
///         let indent = 2 * call.depth();
///         call.data_mut().push(format!("{:indent$}{text}", ""));
///     }
/// }
///
/// impl Listener<Vec<String>> for Log {
///     fn before(&self, call: &mut Call<'_, Vec<String>>, params: &[Val]) {
///         Self::line(call, format!("> {call} {params:?}"));
///     }
///     fn after(&self, call: &mut Call<'_, Vec<String>>, results: &[Val]) {
///         Self::line(call, format!("< {call} {results:?}"));
///     }
///     fn abort(&self, call: &mut Call<'_, Vec<String>>) {
///         Self::line(call, format!("! {call}"));
///     }
/// }
///
/// let mut store = Store::new(&Engine::default(), Vec::new());
/// let half = Func::wrap(&mut store, |a: i32| match a % 2 {
///     0 => Ok(a / 2),
///     _ => Err(Error::host("odd")),
/// })?;
/// store.set_listener(Log);
/// half.call(&mut store, &[Val::I32(6)])?;
/// half.call(&mut store, &[Val::I32(7)]).unwrap_err();
/// let expected = [
///     "> host function [I32(6)]",
///     "< host function [I32(3)]",
///     "> host function [I32(7)]",
///     "! host function",
/// ];
/// assert_eq!(*store.data(), expected);
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub trait Listener<T: 'static>: Send + Sync + 'static {
    /// The function is going to run.
    fn before(&self, call: &mut Call<'_, T>, params: &[Val]) {
        let _ = (call, params);
    }

    /// The function has returned.
    fn after(&self, call: &mut Call<'_, T>, results: &[Val]) {
        let _ = (call, results);
    }

    /// The function ends with the call of another one in its place (`return_call`), of which
    /// [`before`](Listener::before) is told next, at the same depth. The results will be that
    /// one's.
    fn tail_call(&self, call: &mut Call<'_, T>) {
        let _ = call;
    }

    /// The function has been left without results: by a trap, an error or a panic in it or in
    /// something it has called. Functions are told of from the innermost out.
    fn abort(&self, call: &mut Call<'_, T>) {
        let _ = call;
    }
}

/// A call of a function, as a [`Listener`] is told of it: the function, and the store.
///
/// It displays as `module!function`, the names that [`module_name`](Call::module_name) and
/// [`func_name`](Call::func_name) give, with control characters escaped.
///
/// ```
/// use precast_loader::{Call, Listener, Val};
///
/// /// Counts the calls from guests to hosts.
/// struct Count;
///
/// impl Listener<u64> for Count {
///     fn before(&self, call: &mut Call<'_, u64>, _params: &[Val]) {
///         if call.is_host() && call.instance().is_some() {
///             *call.data_mut() += 1;
///         }
///     }
/// }
/// ```
pub struct Call<'a, T: 'static> {
    store: StoreMut<'a, T>,
    function: Function,
    depth: usize,
}

impl<T> Call<'_, T> {
    /// The host's data.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn is_verbose(call: &Call<'_, u32>) -> bool {
    ///     *call.data() > 1
    /// }
    /// ```
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's data, to be changed.
    ///
    /// ```
    /// # use precast_loader::{Call, Listener, Val};
    /// # struct Count;
    /// impl Listener<u64> for Count {
    ///     fn before(&self, call: &mut Call<'_, u64>, _params: &[Val]) {
    ///         *call.data_mut() += 1;
    ///     }
    /// }
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// How many functions of the store that a listener has been told of are around this one.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn print(call: &Call<'_, ()>) {
    ///     println!("{:1$}{call}", "", 2 * call.depth());
    /// }
    /// ```
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the function is the host's.
    ///
    /// ```
    /// # use precast_loader::{Call, Listener, Val};
    /// # struct Trace;
    /// impl Listener<()> for Trace {
    ///     fn before(&self, call: &mut Call<'_, ()>, params: &[Val]) {
    ///         if call.is_host() {
    ///             println!("the guest asks for {call} with {params:?}");
    ///         }
    ///     }
    /// }
    /// ```
    pub fn is_host(&self) -> bool {
        matches!(self.function, Function::Host { .. })
    }

    /// The function's type.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn signature(call: &Call<'_, ()>) -> String {
    ///     format!("{call}: {}", call.ty()) // env!add: (func (param i32 i32) (result i32))
    /// }
    /// ```
    pub fn ty(&self) -> &FuncType {
        self.function.ty()
    }

    /// The instance that a guest's function belongs to; for a host function the one that calls it,
    /// `None` if that is the host itself.
    ///
    /// ```
    /// # use precast_loader::{Call, Instance};
    /// fn is_of(call: &Call<'_, ()>, plugin: Instance) -> bool {
    ///     call.instance() == Some(plugin)
    /// }
    /// ```
    pub fn instance(&self) -> Option<Instance> {
        let index = match self.function {
            Function::Guest { instance, .. } => instance,
            Function::Host { caller, .. } => caller?,
        };
        let store = self.store.core().id;
        Some(Instance { store, index })
    }

    /// The name of the module that a guest's function belongs to; for a host function that of the
    /// module it is imported from. `None` if the instance that calls a host function does not
    /// import it, but has it from a table or from the host.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn is_wasi(call: &Call<'_, ()>) -> bool {
    ///     call.is_host() && call.module_name() == Some("wasi_snapshot_preview1")
    /// }
    /// ```
    pub fn module_name(&self) -> Option<&str> {
        match &self.function {
            Function::Guest { module, .. } => Some(module.display_name()),
            Function::Host { .. } => self.import().map(|(module, _)| module),
        }
    }

    /// The name of a guest's function, if the artifact has it; for a host function that by which
    /// it is imported.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn allocates(call: &Call<'_, ()>) -> bool {
    ///     matches!(call.func_name(), Some("malloc" | "calloc" | "realloc"))
    /// }
    /// ```
    pub fn func_name(&self) -> Option<&str> {
        match &self.function {
            Function::Guest { module, func, .. } => {
                let defined = func.checked_sub(module.imported().funcs)?;
                module.image().artifact()?.function_name(defined)
            }
            Function::Host { .. } => self.import().map(|(_, name)| name),
        }
    }

    /// The function's index in the module of [`instance`](Call::instance); for a host function
    /// that of its import, if it has one.
    ///
    /// ```
    /// # use precast_loader::Call;
    /// fn print(call: &Call<'_, ()>) {
    ///     if let Some(index) = call.func_index() {
    ///         println!("function {index} of {}", call.module_name().unwrap_or("?"));
    ///     }
    /// }
    /// ```
    pub fn func_index(&self) -> Option<u32> {
        match self.function {
            Function::Guest { func, .. } => Some(func),
            Function::Host { ref import, .. } => import.as_ref().map(|(_, func)| *func),
        }
    }

    /// The Wasm functions that wait for this one to end.
    ///
    /// ```
    /// use precast_loader::{Call, Listener, Val};
    ///
    /// struct WhoReads;
    ///
    /// impl Listener<()> for WhoReads {
    ///     fn before(&self, call: &mut Call<'_, ()>, _params: &[Val]) {
    ///         if call.func_name() == Some("fd_read") {
    ///             println!("fd_read, called by{}", call.callers());
    ///         }
    ///     }
    /// }
    /// ```
    pub fn callers(&mut self) -> Backtrace {
        let core = self.store.core_ptr().as_ptr();
        // SAFETY: the store is borrowed mutably, and no reference into it is in use. If guest code
        // waits for us, the frame that it has left in the store context stands: that of the import
        // trampoline, or that of the function that tells.
        unsafe {
            backtrace::record_exit(core);
            backtrace::resolve(&*core)
        }
    }

    /// The names by which a host function is imported.
    fn import(&self) -> Option<(&str, &str)> {
        let Function::Host { import, .. } = &self.function else {
            return None;
        };
        let (module, func) = import.as_ref()?;
        let imports = module.manifest().imports.iter();
        let mut imports = imports.filter(|import| matches!(import.ty, ImportType::Func(_)));
        let import = imports.nth(*func as usize)?;
        Some((&import.module, &import.name))
    }
}

impl<T> fmt::Display for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(module) = self.module_name() else {
            return f.write_str("host function");
        };
        write!(f, "{}!", Printable(module))?;
        match (self.func_name(), self.func_index()) {
            (Some(name), _) => Printable(name).fmt(f),
            (None, Some(index)) => write!(f, "<function {index}>"),
            (None, None) => f.write_str("?"),
        }
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("function", &format_args!("{self}"))
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Call<'_, T> {}

impl<T> AsStore for Call<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        self.store.as_store()
    }
}

impl<T> AsStoreMut for Call<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        self.store.as_store_mut()
    }
}

impl<T> Store<T> {
    /// Has `listener` told of each function that begins and ends in this store, instead of the one
    /// before: of all host functions, and of the functions of modules that [tell
    /// listeners](Module::tells_listeners).
    ///
    /// ```
    /// use precast_loader::{Call, Engine, Func, Listener, Store, Val};
    ///
    /// struct Print;
    ///
    /// impl Listener<()> for Print {
    ///     fn before(&self, call: &mut Call<'_, ()>, params: &[Val]) {
    ///         println!("{:1$}{call} {params:?}", "", call.depth());
    ///     }
    /// }
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// store.set_listener(Print);
    /// let answer = Func::wrap(&mut store, || 42)?;
    /// answer.call(&mut store, &[])?;
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn set_listener(&mut self, listener: impl Listener<T>) {
        self.as_store_mut().core_mut().listener = Some(telling::erase(listener));
    }

    /// Has nobody told any more. No module has to be loaded again: what tells finds nobody.
    ///
    /// ```
    /// # let mut store = precast_loader::Store::new(&precast_loader::Engine::default(), ());
    /// store.remove_listener();
    /// ```
    pub fn remove_listener(&mut self) {
        self.as_store_mut().core_mut().listener = None;
    }
}

impl Module {
    /// Whether the module's functions tell a listener where they begin and end: it was compiled
    /// with the option `listeners`. See [`Store::set_listener`].
    ///
    /// ```
    /// # let module = example::module(&precast_loader::Engine::default());
    /// assert!(module.tells_listeners(), "compile it with --listeners");
    /// ```
    pub fn tells_listeners(&self) -> bool {
        let mut symbols = self.manifest().got.iter();
        symbols.any(|symbol| symbol == RuntimeSymbol::FuncEnter.name())
    }
}
