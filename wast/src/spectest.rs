//! The host module that scripts import from: `spectest`, as the reference interpreter has it.

use precast_loader::{
    Engine, Error, Global, GlobalType, Linker, Memory, MemoryType, Store, Table, TableType, Val,
    ValType,
};

pub(crate) const NAME: &str = "spectest";

/// A linker that has nothing but the module. Its functions print nothing.
///
/// # Errors
///
/// If there is no room for its memory or table.
pub(crate) fn linker(engine: &Engine, store: &mut Store<()>) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker
        .func(NAME, "print", || ())?
        .func(NAME, "print_i32", |_: i32| ())?
        .func(NAME, "print_i64", |_: i64| ())?
        .func(NAME, "print_f32", |_: f32| ())?
        .func(NAME, "print_f64", |_: f64| ())?
        .func(NAME, "print_i32_f32", |_: i32, _: f32| ())?
        .func(NAME, "print_f64_f64", |_: f64, _: f64| ())?;
    let globals = [
        ("global_i32", Val::from(666i32)),
        ("global_i64", Val::from(666i64)),
        ("global_f32", Val::from(666.6f32)),
        ("global_f64", Val::from(666.6f64)),
    ];
    for (name, value) in globals {
        let ty = GlobalType {
            content: value.ty(),
            mutable: false,
        };
        let global = Global::new(store, ty, value)?;
        linker.define(NAME, name, global)?;
    }
    let table = TableType::new(ValType::FUNCREF, 10, Some(20));
    let tables = [("table", table), ("table64", table.with_64_bits())];
    for (name, ty) in tables {
        let table = Table::new(store, ty, Val::FuncRef(None))?;
        linker.define(NAME, name, table)?;
    }
    let memory = MemoryType::new(1, Some(2));
    let memories = [("memory", memory), ("shared_memory", memory.shared())];
    for (name, ty) in memories {
        let memory = Memory::new(store, ty)?;
        linker.define(NAME, name, memory)?;
    }
    Ok(linker)
}
