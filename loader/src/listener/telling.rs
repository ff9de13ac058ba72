//! Telling a listener, and the stack of what it has been told of.
#![allow(
    unsafe_code,
    reason = "values are read where guest code has left them, and only a listener knows the type of its store's data"
)]

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use precast_artifacts_format::abi::{HostFuncContext, Slot};
use precast_artifacts_format::{FuncType, ValType};

use super::{Call, Listener};
use crate::error::Error;
use crate::module::Module;
use crate::store::StoreMut;
use crate::store::core::{Outcome, StoreCore};
use crate::val::Val;

/// A function that a listener is told of.
#[derive(Clone)]
pub(crate) enum Function {
    Guest {
        module: Module,
        instance: u32,
        func: u32,
        /// Into the manifest's types; in range.
        type_index: usize,
    },
    Host {
        ty: Arc<FuncType>,
        caller: Option<u32>,
        /// The caller's module, and the function's index there.
        import: Option<(Module, u32)>,
    },
}

impl Function {
    fn guest(core: &StoreCore, instance: u32, func: u32) -> Option<Self> {
        let module = core.instances.get(instance as usize)?.module.clone();
        let type_index = module.type_index(func)? as usize;
        module.manifest().types.get(type_index)?;
        Some(Self::Guest {
            module,
            instance,
            func,
            type_index,
        })
    }

    fn host(core: &StoreCore, index: u32, caller: Option<u32>) -> Option<Self> {
        let data = core.funcs.get(index as usize)?;
        Some(Self::Host {
            ty: Arc::clone(&data.ty),
            caller,
            import: caller.and_then(|caller| import_of(core, caller, data.func.vmctx)),
        })
    }

    pub(super) fn ty(&self) -> &FuncType {
        match self {
            Self::Guest {
                module, type_index, ..
            } => &module.manifest().types[*type_index].func,
            Self::Host { ty, .. } => ty,
        }
    }
}

/// Where among the imports of `caller`'s module the function with that vmctx is.
fn import_of(core: &StoreCore, caller: u32, vmctx: u64) -> Option<(Module, u32)> {
    let data = core.instances.get(caller as usize)?;
    let mut imports = 0..data.module.imported().funcs;
    let func = imports.find(|&func| data.vmctx.imported_func(func).vmctx == vmctx)?;
    Some((data.module.clone(), func))
}

/// Something that has begun and not ended.
pub(crate) struct Entered {
    what: What,
    /// The depth of what is called from in there.
    inner_depth: usize,
}

enum What {
    Guest {
        function: Function,
        /// Its frame pointer.
        fp: u64,
    },
    Host(Function),
    /// The listener itself, which may call functions.
    Listener,
}

/// What a store has of its listener.
pub(crate) trait AnyListener: Send + Sync {
    /// Calls the listener.
    ///
    /// # Safety
    ///
    /// - `core` is that of the store that the listener was set for.
    /// - Nobody else uses the store meanwhile.
    unsafe fn tell(
        &self,
        core: NonNull<StoreCore>,
        function: Function,
        depth: usize,
        event: Event<'_>,
    );
}

/// What a listener is told.
pub(crate) enum Event<'a> {
    Before(&'a [Val]),
    After(&'a [Val]),
    TailCall,
    Abort,
}

/// A listener of a `Store<T>`.
struct Typed<T, L> {
    listener: L,
    _data: PhantomData<fn(T)>,
}

/// A listener, to be set for a `Store<T>`.
pub(super) fn erase<T: 'static>(listener: impl Listener<T>) -> Arc<dyn AnyListener> {
    Arc::new(Typed {
        listener,
        _data: PhantomData::<fn(T)>,
    })
}

impl<T: 'static, L: Listener<T>> AnyListener for Typed<T, L> {
    unsafe fn tell(
        &self,
        core: NonNull<StoreCore>,
        function: Function,
        depth: usize,
        event: Event<'_>,
    ) {
        let mut call = Call {
            // SAFETY: the caller's promises; a listener is set by a `Store<T>` for itself.
            store: unsafe { StoreMut::<T>::from_core(core) },
            function,
            depth,
        };
        match event {
            Event::Before(params) => self.listener.before(&mut call, params),
            Event::After(results) => self.listener.after(&mut call, results),
            Event::TailCall => self.listener.tail_call(&mut call),
            Event::Abort => self.listener.abort(&mut call),
        }
    }
}

/// The panic of a listener.
type Panic = Box<dyn Any + Send>;

/// A function of a guest's begins.
///
/// # Errors
///
/// The panic of the listener, with which guest code must be left.
///
/// # Safety
///
/// - `core` is a live store, whose guest code waits for us, so that nobody else uses it.
/// - `params` is the address of slots with the function's parameters.
/// - `fp` is the frame pointer of the function.
pub(crate) unsafe fn guest_begins(
    core: NonNull<StoreCore>,
    instance: u32,
    func: u32,
    params: *const Slot,
    fp: u64,
) -> Result<(), Panic> {
    // SAFETY: the caller's promises; no reference into the store is in use when the listener is
    // called.
    unsafe {
        (*core.as_ptr()).context.exit_fp = fp;
        let Some(function) = Function::guest(&*core.as_ptr(), instance, func) else {
            return Ok(());
        };
        begins(
            core,
            |function| What::Guest { function, fp },
            function,
            params,
        )
    }
}

/// A function of a guest's ends, with results or, if there are none, with a tail call.
///
/// # Errors
///
/// The panic of the listener, with which guest code must be left.
///
/// # Safety
///
/// As for [`guest_begins`], with slots of the results.
pub(crate) unsafe fn guest_ends(
    core: NonNull<StoreCore>,
    results: Option<NonNull<Slot>>,
    fp: u64,
) -> Result<(), Panic> {
    // SAFETY: the caller's promises.
    unsafe {
        (*core.as_ptr()).context.exit_fp = fp;
        let Some(Entered {
            what: What::Guest { function, .. },
            ..
        }) = (*core.as_ptr()).entered.pop()
        else {
            return Ok(());
        };
        let Some(results) = results else {
            // What the function is about to pass on is only in its own frame meanwhile.
            (*core.as_ptr()).exceptions.hold();
            let told = tell(core, function, Event::TailCall);
            (*core.as_ptr()).exceptions.release();
            return told;
        };
        let results = values(core, &function.ty().results, results.as_ptr());
        tell(core, function, Event::After(&results))
    }
}

/// A host function begins, called by the instance `caller` or by the host.
///
/// # Errors
///
/// The panic of the listener, with which the function must end.
///
/// # Safety
///
/// - `core` is a live store that nobody else uses.
/// - `context` is that of the function, `params` has slots with its parameters.
#[cold]
pub(crate) unsafe fn host_begins(
    core: NonNull<StoreCore>,
    context: *const HostFuncContext,
    caller: Option<u32>,
    params: *const Slot,
) -> Result<(), Panic> {
    // SAFETY: the caller's promises.
    unsafe {
        let index = u32::try_from((*context).header.host).unwrap_or(u32::MAX);
        match Function::host(&*core.as_ptr(), index, caller) {
            Some(function) => begins(core, What::Host, function, params),
            None => Ok(()),
        }
    }
}

/// A host function ends, in the way that `outcome` says; gives how it ends after all, which is
/// otherwise if the listener panics.
///
/// # Safety
///
/// As for [`host_begins`], with slots of the results if it has any.
#[cold]
pub(crate) unsafe fn host_ends(
    core: NonNull<StoreCore>,
    results: *const Slot,
    outcome: Result<Result<(), Error>, Panic>,
) -> Result<Result<(), Error>, Panic> {
    // SAFETY: the caller's promises. Whatever the function has called has been unwound.
    unsafe {
        let Some(Entered {
            what: What::Host(function),
            ..
        }) = (*core.as_ptr()).entered.pop()
        else {
            return outcome;
        };
        let told = match outcome {
            Ok(Ok(())) => {
                let results = values(core, &function.ty().results, results);
                tell(core, function, Event::After(&results))
            }
            Ok(Err(_)) | Err(_) => tell(core, function, Event::Abort),
        };
        match (outcome, told) {
            (Ok(_), Err(panic)) => Err(panic),
            (outcome, _) => outcome,
        }
    }
}

/// Guest code has been left early, for the reason `outcome`: tells of the functions that have ended
/// with that, and gives the reason back, or the first panic of the listener's.
///
/// # Safety
///
/// `core` is a live store that nobody else uses, whose innermost call of guest code has just ended.
pub(crate) unsafe fn left_early(core: NonNull<StoreCore>, mut outcome: Outcome) -> Outcome {
    // SAFETY: the caller's promises.
    unsafe {
        // Above all frames there are.
        while let Err(panic) = unwound(core, u64::MAX) {
            if matches!(outcome, Outcome::Error(_)) {
                outcome = Outcome::Panic(panic);
            }
        }
    }
    outcome
}

/// Guest code goes on in the frame at `fp`: tells of the functions further in, which have ended
/// with that.
///
/// # Errors
///
/// The first panic of the listener's, who has not been told of the rest then.
///
/// # Safety
///
/// `core` is a live store that nobody else uses, and no reference into it is in use.
pub(crate) unsafe fn unwound(core: NonNull<StoreCore>, fp: u64) -> Result<(), Panic> {
    let ended = |entered: &mut Entered| {
        // The stack grows downward.
        matches!(entered.what, What::Guest { fp: of, .. } if of < fp)
    };
    // SAFETY: the caller's promises.
    unsafe {
        while let Some(Entered {
            what: What::Guest { function, .. },
            ..
        }) = (*core.as_ptr()).entered.pop_if(ended)
        {
            tell(core, function, Event::Abort)?;
        }
    }
    Ok(())
}

/// A function begins.
///
/// # Safety
///
/// - `core` is a live store that nobody else uses.
/// - `params` is the address of slots with the function's parameters.
unsafe fn begins(
    core: NonNull<StoreCore>,
    what: impl FnOnce(Function) -> What,
    function: Function,
    params: *const Slot,
) -> Result<(), Panic> {
    // SAFETY: the caller's promises.
    unsafe {
        let params = values(core, &function.ty().params, params);
        let depth = depth(&*core.as_ptr());
        let entered = Entered {
            what: what(function.clone()),
            inner_depth: depth + 1,
        };
        let told = tell(core, function, Event::Before(&params));
        if told.is_ok() {
            (*core.as_ptr()).entered.push(entered);
        }
        told
    }
}

/// Calls the store's listener; what it calls is not taken for a part of what has been entered.
///
/// # Safety
///
/// `core` is a live store that nobody else uses, and no reference into it is in use.
unsafe fn tell(
    core: NonNull<StoreCore>,
    function: Function,
    event: Event<'_>,
) -> Result<(), Panic> {
    // SAFETY: the caller's promise; the listener is kept alive by our own reference, and was set
    // for this store.
    unsafe {
        let Some(listener) = (*core.as_ptr()).listener.clone() else {
            return Ok(());
        };
        let depth = depth(&*core.as_ptr());
        let entered = &mut (*core.as_ptr()).entered;
        let before = entered.len();
        entered.push(Entered {
            what: What::Listener,
            inner_depth: depth + 1,
        });
        let called = AssertUnwindSafe(|| listener.tell(core, function, depth, event));
        let told = catch_unwind(called);
        (*core.as_ptr()).entered.truncate(before);
        told
    }
}

/// How deep what begins now is.
fn depth(core: &StoreCore) -> usize {
    core.entered.last().map_or(0, |entered| entered.inner_depth)
}

/// The values in slots.
///
/// # Safety
///
/// - `core` is a live store that nobody else uses.
/// - `slots` holds values of these types, of that store.
unsafe fn values(core: NonNull<StoreCore>, types: &[ValType], slots: *const Slot) -> Vec<Val> {
    let types = types.iter().enumerate();
    types
        .map(|(number, &ty)| {
            // SAFETY: the caller's promises.
            let (slot, core) = unsafe { (&*slots.add(number), &mut *core.as_ptr()) };
            Val::from_slot(ty, slot, core)
        })
        .collect()
}
