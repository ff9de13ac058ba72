//! What standalone programs of Emscripten import beside WASI.
//!
//! Without exceptions of WebAssembly's own, `setjmp` and `longjmp` leave the guest: a function that calls `setjmp`
//! makes all further calls by way of imports, `invoke_…`, one for each signature, and `longjmp` is an import that
//! does not return. In a JavaScript host that is `throw`, and `catch` in each `invoke_…`. Here it is an error on its
//! way out, which `invoke_…` takes for what it is:
//!
//! ```text
//! invoke(index, params):
//!     stack = emscripten_stack_get_current()
//!     results = __indirect_function_table[index](params)
//!     if that ended with a longjmp of this instance:
//!         _emscripten_stack_restore(stack)
//!         setThrew(1, 0)          which changes nothing if longjmp has said more
//!         results = zeros         and the guest looks at what setThrew has left
//! ```
//!
//! The helpers do what those in Emscripten's JavaScript do, with two differences: a longjmp passes through the
//! `invoke_…` of other instances, and errors of other kinds leave the stack as it is.
//!
//! Not there: exceptions of C++, dynamic linking, and the functions of Emscripten's JavaScript libraries. Programs
//! compiled with `-fwasm-exceptions -sSUPPORT_LONGJMP=wasm -sWASM_LEGACY_EXCEPTIONS=0` have exceptions of
//! WebAssembly's own, and need nothing of this for them.

mod exports;
mod temp_ret;
mod unsuitable;

use std::collections::BTreeSet;
use std::fmt;

use precast_loader::{
    Caller, Error, ExternType, FuncType, Instance, Linker, Module, TrapCode, UsageError, Val,
    ValType,
};

pub use self::unsuitable::Unsuitable;

/// The name that programs import these under.
const MODULE: &str = "env";

/// What the names of imports begin with that call a function and come back if it does not.
const INVOKE: &str = "invoke_";

/// A function that can be given to a program, or a kind of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helper {
    NotifyMemoryGrowth,
    Invoke,
    ThrowLongjmp,
    /// `longjmp` itself, where it was not compiled with the program yet.
    Longjmp,
    SetTempRet,
    GetTempRet,
}

impl Helper {
    /// What is imported from [`MODULE`] under that name.
    fn of(name: &str, ty: &FuncType) -> Option<Helper> {
        use ValType::I32;
        let (helper, params, results): (_, &[ValType], &[ValType]) = match name {
            "emscripten_notify_memory_growth" => (Helper::NotifyMemoryGrowth, &[I32], &[]),
            "_emscripten_throw_longjmp" => (Helper::ThrowLongjmp, &[], &[]),
            "emscripten_longjmp" => (Helper::Longjmp, &[I32, I32], &[]),
            "setTempRet0" => (Helper::SetTempRet, &[I32], &[]),
            "getTempRet0" => (Helper::GetTempRet, &[], &[I32]),
            _ if name.starts_with(INVOKE) && ty.params.first() == Some(&I32) => {
                return Some(Helper::Invoke);
            }
            _ => return None,
        };
        (*ty.params == *params && *ty.results == *results).then_some(helper)
    }

    /// Whether it leaves functions that have not returned.
    fn unwinds(self) -> bool {
        matches!(
            self,
            Helper::Invoke | Helper::ThrowLongjmp | Helper::Longjmp
        )
    }
}

/// The imports of `module` that are helpers.
fn helpers(module: &Module) -> impl Iterator<Item = (&str, FuncType, Helper)> {
    module
        .imports()
        .filter_map(|(from, name, ty)| match (from, ty) {
            (MODULE, ExternType::Func(ty)) => {
                let helper = Helper::of(name, &ty)?;
                Some((name, ty, helper))
            }
            _ => None,
        })
}

/// Whether the module imports anything that [`for_module`] defines, with the type that it has in Emscripten.
///
/// ```
/// # use precast_loader::{Error, Linker, Module};
/// # use precast_wasi::{WasiCtx, emscripten};
/// fn add_what_is_wanted(linker: &mut Linker<WasiCtx>, module: &Module) -> Result<(), Error> {
///     if emscripten::is_wanted(module) {
///         emscripten::for_module(linker, module)?;
///     }
///     Ok(())
/// }
/// ```
pub fn is_wanted(module: &Module) -> bool {
    helpers(module).next().is_some()
}

/// Defines what `module` imports from `env` of these, and leaves alone what is defined already:
///
/// - `emscripten_notify_memory_growth`, which does nothing;
/// - `invoke_…` with the types that the module imports them with, and `_emscripten_throw_longjmp`;
/// - for programs of old versions `emscripten_longjmp`, `setTempRet0`, `getTempRet0`.
///
/// Other modules that import the same can be linked with what has been defined for this one.
///
/// A table element that is not there, is null or has another type than the import traps in `invoke_…`, as in
/// `call_indirect`. A longjmp to a place that is no more comes out of the call into the guest, as an error.
///
/// # Errors
///
/// An error that holds [`Unsuitable`] if the helpers for `setjmp` would not find in the module what they need; nothing
/// is defined then.
///
/// ```
/// use precast_loader::{Error, Linker, Module, Store};
/// use precast_wasi::{WasiCtx, emscripten};
///
/// fn run(module: &Module, wasi: WasiCtx) -> Result<(), Error> {
///     let mut linker = Linker::new(module.engine());
///     precast_wasi::add_to_linker(&mut linker, |wasi: &mut WasiCtx| wasi)?;
///     emscripten::for_module(&mut linker, module)?;
///     let mut store = Store::new(module.engine(), wasi);
///     let instance = linker.instantiate(&mut store, module)?;
///     instance.typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
/// }
/// ```
pub fn for_module<T: 'static>(linker: &mut Linker<T>, module: &Module) -> Result<(), Error> {
    let names = linker.names().filter(|(from, _)| *from == MODULE);
    let mut defined: BTreeSet<String> = names.map(|(_, name)| name.to_owned()).collect();
    // A name that is imported twice is defined once.
    let wanted: Vec<_> = helpers(module)
        .filter(|(name, ..)| defined.insert((*name).to_owned()))
        .collect();
    if wanted.iter().any(|(.., helper)| helper.unwinds()) {
        exports::check(module)?;
    }
    for (name, ty, helper) in &wanted {
        if *helper == Helper::Invoke {
            Unsuitable::check_integers(name, ty)?;
        }
    }
    for (name, ty, helper) in wanted {
        define(linker, name, ty, helper)?;
    }
    Ok(())
}

fn define<T: 'static>(
    linker: &mut Linker<T>,
    name: &str,
    ty: FuncType,
    helper: Helper,
) -> Result<(), Error> {
    match helper {
        Helper::NotifyMemoryGrowth => linker.func(MODULE, name, |_memory: u32| ()),
        Helper::Invoke => {
            let params = ty.params.iter().skip(1).copied();
            let callee = FuncType::new(params, ty.results.iter().copied());
            linker.func_dynamic(MODULE, name, ty, move |caller, params, results| {
                invoke(caller, &callee, params, results)
            })
        }
        Helper::ThrowLongjmp => linker.func(MODULE, name, |caller: Caller<'_, T>| {
            Err::<(), _>(Longjmp::from(&caller))
        }),
        Helper::Longjmp => linker.func(
            MODULE,
            name,
            |mut caller: Caller<'_, T>, env: u32, value: u32| {
                // What `setjmp` gives is not zero, so that it can be told from the first time.
                exports::set_threw(&mut caller, env, value.max(1))?;
                Err::<(), _>(Longjmp::from(&caller))
            },
        ),
        Helper::SetTempRet => linker.func(MODULE, name, |caller: Caller<'_, T>, value: u32| {
            temp_ret::set(caller.instance(), value);
        }),
        Helper::GetTempRet => linker.func(MODULE, name, |caller: Caller<'_, T>| {
            temp_ret::get(caller.instance())
        }),
    }?;
    Ok(())
}

/// Calls the function of type `callee` whose index is the first parameter with the others. After a longjmp `results`
/// are as they were, zeros.
fn invoke<T: 'static>(
    mut caller: Caller<'_, T>,
    callee: &FuncType,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let Some((Val::I32(index), params)) = params.split_first() else {
        return Err(TrapCode::UndefinedElement.into());
    };
    let table = exports::table(&mut caller)?;
    let element = table.func(&mut caller, index.cast_unsigned().into());
    let func = element.map_err(as_trap)?;
    if func.ty(&caller) != *callee {
        return Err(TrapCode::IndirectCallTypeMismatch.into());
    }
    let stack = exports::current_stack(&mut caller)?;
    match caller.call(func, params) {
        Ok(values) => {
            for (result, value) in results.iter_mut().zip(values) {
                *result = value;
            }
            Ok(())
        }
        Err(error) => {
            let longjmp = error.downcast_ref::<Longjmp>();
            if longjmp.is_none_or(|longjmp| longjmp.instance != caller.instance()) {
                return Err(error);
            }
            exports::restore_stack(&mut caller, stack)?;
            exports::set_threw(&mut caller, 1, 0)
        }
    }
}

/// What `call_indirect` traps with where the host is told that there is no such element.
fn as_trap(error: Error) -> Error {
    match error {
        Error::Usage(UsageError::OutOfBounds { .. }) => TrapCode::UndefinedElement.into(),
        Error::Usage(UsageError::NullElement { .. }) => TrapCode::UninitializedElement.into(),
        other => other,
    }
}

/// A longjmp on its way out of the functions that it leaves.
#[derive(Debug)]
struct Longjmp {
    instance: Option<Instance>,
}

impl Longjmp {
    fn from<T>(caller: &Caller<'_, T>) -> Error {
        let instance = caller.instance();
        Error::host(Longjmp { instance })
    }
}

impl fmt::Display for Longjmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("longjmp to a place in a function that has returned")
    }
}

impl std::error::Error for Longjmp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_have_names_and_types() {
        use ValType::{F64, I32, I64};
        let check = |name: &str, params: &[ValType], results: &[ValType], expected| {
            let ty = FuncType::new(params.iter().copied(), results.iter().copied());
            assert_eq!(Helper::of(name, &ty), expected, "{name}: {ty}");
        };
        check("invoke_v", &[I32], &[], Some(Helper::Invoke));
        check("invoke_ddj", &[I32, F64, I64], &[F64], Some(Helper::Invoke));
        check("invoke_v", &[], &[], None);
        check("invoke_v", &[I64], &[], None);
        check("invoke", &[I32], &[], None);
        let growth = "emscripten_notify_memory_growth";
        check(growth, &[I32], &[], Some(Helper::NotifyMemoryGrowth));
        check(growth, &[I32], &[I32], None);
        check(growth, &[I64], &[], None);
        let throw = "_emscripten_throw_longjmp";
        check(throw, &[], &[], Some(Helper::ThrowLongjmp));
        check(throw, &[I32], &[], None);
        check("getTempRet0", &[], &[I32], Some(Helper::GetTempRet));
        check("abort", &[], &[], None);
    }
}
