//! What the helpers need of the program that calls them.

use precast_loader::{Caller, Error, Extern, ExternType, Func, FuncType, Module, Table, ValType};

use super::unsuitable::Unsuitable;

/// Where the functions are that `invoke_…` calls.
pub(super) const TABLE: &str = "__indirect_function_table";

/// A function that the program exports for the helpers.
struct Exported {
    name: &'static str,
    /// Its name before version 3.1.57.
    old_name: Option<&'static str>,
    params: &'static [ValType],
    results: &'static [ValType],
}

const CURRENT_STACK: Exported = Exported {
    name: "emscripten_stack_get_current",
    old_name: Some("stackSave"),
    params: &[],
    results: &[ValType::I32],
};

const RESTORE_STACK: Exported = Exported {
    name: "_emscripten_stack_restore",
    old_name: Some("stackRestore"),
    params: &[ValType::I32],
    results: &[],
};

const SET_THREW: Exported = Exported {
    name: "setThrew",
    old_name: None,
    params: &[ValType::I32; 2],
    results: &[],
};

impl Exported {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.old_name)
    }

    fn is(&self, ty: &FuncType) -> bool {
        *ty.params == *self.params && *ty.results == *self.results
    }

    fn is_in(&self, module: &Module) -> bool {
        self.names()
            .filter_map(|name| module.export(name))
            .any(|item| matches!(item, ExternType::Func(ty) if self.is(&ty)))
    }

    /// Finds the function of the instance that calls.
    fn of<T>(&self, caller: &mut Caller<'_, T>) -> Result<Func, Error> {
        for name in self.names() {
            if let Some(func) = caller.get_export(name).and_then(Extern::func) {
                return Ok(func);
            }
        }
        Err(Unsuitable::missing(vec![self.name]))
    }
}

/// Whether the module exports all that is needed.
pub(super) fn check(module: &Module) -> Result<(), Error> {
    let functions = [CURRENT_STACK, RESTORE_STACK, SET_THREW];
    let functions = functions.iter().filter(|it| !it.is_in(module));
    let mut missing: Vec<_> = functions.map(|it| it.name).collect();
    let is_table =
        |ty: ExternType| matches!(ty, ExternType::Table(ty) if ty.element == ValType::FUNCREF);
    if !module.export(TABLE).is_some_and(is_table) {
        missing.push(TABLE);
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Unsuitable::missing(missing))
    }
}

pub(super) fn table<T>(caller: &mut Caller<'_, T>) -> Result<Table, Error> {
    let table = caller.get_export(TABLE).and_then(Extern::table);
    table.ok_or_else(|| Unsuitable::missing(vec![TABLE]))
}

/// The address that the program's stack in its memory has come to.
pub(super) fn current_stack<T>(caller: &mut Caller<'_, T>) -> Result<u32, Error> {
    let func = CURRENT_STACK.of(caller)?.typed::<(), u32>(caller)?;
    func.call(caller, ())
}

pub(super) fn restore_stack<T>(caller: &mut Caller<'_, T>, stack: u32) -> Result<(), Error> {
    let func = RESTORE_STACK.of(caller)?.typed::<u32, ()>(caller)?;
    func.call(caller, stack)
}

/// Says that a call has ended early, unless that has been said already.
pub(super) fn set_threw<T>(
    caller: &mut Caller<'_, T>,
    threw: u32,
    value: u32,
) -> Result<(), Error> {
    let func = SET_THREW.of(caller)?.typed::<(u32, u32), ()>(caller)?;
    func.call(caller, (threw, value))
}
