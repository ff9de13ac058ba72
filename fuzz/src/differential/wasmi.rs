//! Runs a script with wasmi.

use std::sync::Arc;

use wasmi::errors::{ErrorKind, HostError};
use wasmi::{
    AsContextMut, Caller, Config, Engine, Error, Extern, ExternRef, ExternType, F32, F64, Func,
    FuncType, Global, Instance, Memory, Module, Ref, Store, Table, TrapCode, V128, Val, ValType,
};

use super::host::{Host, Refusal};
use super::script::{Script, Value};
use super::transcript::{Ending, Guest, Kind, Transcript, play, short};

pub(super) fn run(script: &Arc<Script>) -> Transcript {
    let mut config = Config::default();
    config.wasm_memory64(true).wasm_multi_memory(true);
    config.wasm_tail_call(true).wasm_extended_const(true);
    config.wasm_simd(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &script.wasm);
    let module = module.unwrap_or_else(|error| panic!("wasmi refuses the module: {error}"));
    Some(play(script, start(script, &engine, &module)))
}

/// The module in wasmi.
struct Running {
    store: Store<Host>,
    instance: Instance,
}

fn start(script: &Arc<Script>, engine: &Engine, module: &Module) -> Result<Running, Ending> {
    let mut store = Store::new(engine, Host::new(script));
    let imports = module.imports();
    let imports = imports.map(|import| provide(&mut store, import.ty()));
    let imports: Vec<Extern> = imports.collect();
    let instance = Instance::new(&mut store, module, &imports).map_err(|error| ending(&error))?;
    Ok(Running { store, instance })
}

fn provide(store: &mut Store<Host>, ty: &ExternType) -> Extern {
    match ty {
        ExternType::Func(ty) => func(store, ty).into(),
        ExternType::Global(ty) => {
            let value = store.data_mut().next_global();
            let value = to_val(&mut *store, (&value, &ty.content()));
            Global::new(store, value, ty.mutability()).into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty).expect("a memory").into(),
        ExternType::Table(ty) => {
            let table = Table::new(store, *ty, Val::default(ty.element()));
            table.expect("a table").into()
        }
    }
}

impl HostError for Refusal {}

fn func(store: &mut Store<Host>, ty: &FuncType) -> Func {
    let index = store.data_mut().next_func();
    let types = ty.results().to_vec();
    let answer = move |mut caller: Caller<'_, Host>, params: &[Val], results: &mut [Val]| {
        let params = params.iter().map(from_val).collect();
        let answer = caller.data_mut().called(index, params);
        if let Some((name, params)) = answer.call {
            let func = caller.get_export(&name).and_then(Extern::into_func);
            let returned = func.map(|func| call(&mut caller, func, &params));
            let values = returned.as_ref().and_then(|it| it.as_ref().ok());
            let values = values.map(|values| values.iter().map(from_val).collect());
            caller.data_mut().returned(values);
            returned.transpose()?;
        }
        let values = answer.results.map_err(Error::host)?;
        for (result, value) in results.iter_mut().zip(values.iter().zip(&types)) {
            *result = to_val(&mut caller, value);
        }
        Ok(())
    };
    Func::new(store, ty.clone(), answer)
}

fn call(mut store: impl AsContextMut, func: Func, params: &[Value]) -> Result<Vec<Val>, Error> {
    let ty = func.ty(&store);
    let params = params.iter().zip(ty.params());
    let params: Vec<Val> = params.map(|param| to_val(&mut store, param)).collect();
    let mut results: Vec<Val> = ty.results().iter().map(|&ty| Val::default(ty)).collect();
    func.call(store, &params, &mut results)?;
    Ok(results)
}

impl Running {
    fn get(&self, name: &str) -> Extern {
        let export = self.instance.get_export(&self.store, name);
        export.unwrap_or_else(|| panic!("{name} is no export"))
    }
}

impl Guest for Running {
    fn call(&mut self, name: &str, params: &[Value]) -> Ending {
        let func = self.get(name).into_func().expect("a function");
        match call(&mut self.store, func, params) {
            Ok(values) => Ending::Values(values.iter().map(from_val).collect()),
            Err(error) => ending(&error),
        }
    }

    fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.get(name).into_global().expect("a global");
        from_val(&global.get(&self.store))
    }

    fn memory(&mut self, name: &str) -> (u64, u64) {
        let memory = self.get(name).into_memory().expect("a memory");
        short(memory.data(&self.store))
    }

    fn table(&mut self, name: &str) -> Vec<bool> {
        let table = self.get(name).into_table().expect("a table");
        let elements = 0..table.size(&self.store);
        let elements = elements.map(|index| {
            let element = table.get(&self.store, index).expect("an element");
            from_val(&element) == Value::Ref(true)
        });
        elements.collect()
    }
}

fn ending(error: &Error) -> Ending {
    Ending::Trap(match error.as_trap_code() {
        Some(TrapCode::StackOverflow | TrapCode::GrowthOperationLimited) => {
            return Ending::Exhausted;
        }
        Some(TrapCode::UnreachableCodeReached) => Kind::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Kind::Memory,
        Some(TrapCode::TableOutOfBounds) => Kind::Table,
        Some(TrapCode::IndirectCallToNull) => Kind::Null,
        Some(TrapCode::BadSignature) => Kind::Signature,
        Some(TrapCode::IntegerOverflow) => Kind::Overflow,
        Some(TrapCode::IntegerDivisionByZero) => Kind::DivisionByZero,
        Some(TrapCode::BadConversionToInteger) => Kind::Conversion,
        _ if error.downcast_ref::<Refusal>().is_some() => Kind::Host,
        // Bulk operations on tables and memories have errors of their own.
        _ => match error.kind() {
            ErrorKind::Table(_) => Kind::Table,
            ErrorKind::Memory(_) => Kind::Memory,
            _ => Kind::Other,
        },
    })
}

fn to_val(store: impl AsContextMut, (value, &ty): (&Value, &ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(value) => Val::V128(V128::from(value)),
        Value::Ref(true) => Val::default(ty),
        Value::Ref(false) => ExternRef::new(store, ()).into(),
    }
}

fn from_val(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(func) => Value::Ref(matches!(func, Ref::Null)),
        Val::ExternRef(reference) => Value::Ref(matches!(reference, Ref::Null)),
    }
}
