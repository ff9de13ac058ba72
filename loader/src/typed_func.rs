//! Functions with Rust types.

use std::fmt;

use crate::call::TypedCallee;
use crate::error::Error;
use crate::func::Func;
use crate::store::AsStoreMut;
use crate::store::core::StoreCore;
use crate::wasm_ty::{WasmParams, WasmResults};

/// A function whose parameters and results have Rust types: tuples of [`WasmTy`](crate::WasmTy),
/// or single ones. A call allocates nothing.
///
/// ```
/// # let (mut store, instance) = example::instance();
/// let run = instance.typed_func::<(i32, i32), i32>(&mut store, "run")?;
/// assert_eq!(run.call(&mut store, (40, 2))?, 42);
/// # Ok::<(), precast_loader::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    callee: TypedCallee<P, R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    pub(crate) fn new(func: Func, core: &mut StoreCore) -> Result<Self, Error> {
        let callee = TypedCallee::new(core, func)?;
        Ok(Self { func, callee })
    }

    /// The function without types.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let twice = instance.typed_func::<i32, i32>(&mut store, "twice")?;
    /// assert_eq!(twice.func().name(&store).as_deref(), Some("twice"));
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    pub fn func(&self) -> Func {
        self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// Whatever ends the function: [`Error::Trap`], or the error of a host function that it has
    /// called.
    ///
    /// # Panics
    ///
    /// If the function, or a parameter, belongs to another store; if a host function that it has
    /// called panics.
    ///
    /// ```
    /// # let (mut store, instance) = example::instance();
    /// let fail = instance.typed_func::<(), ()>(&mut store, "fail")?;
    /// let error = fail.call(&mut store, ()).unwrap_err();
    /// assert!(error.trap().is_some());
    /// # Ok::<(), precast_loader::Error>(())
    /// ```
    #[inline]
    pub fn call(&self, store: &mut impl AsStoreMut, params: P) -> Result<R, Error> {
        self.callee.call(&mut store.as_store_mut(), params)
    }
}
