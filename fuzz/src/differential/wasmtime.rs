//! Runs a script with wasmtime.

use std::sync::Arc;

use wasmtime::{
    AsContextMut, Caller, Config, Engine, Error, Extern, ExternRef, ExternType, Func, FuncType,
    Global, Instance, Module, OptLevel, Ref, Store, ThrownException, Trap, V128, Val, ValType,
};

use super::host::{Host, Refusal};
use super::script::{Script, Value};
use super::transcript::{Ending, Guest, Kind, Transcript, play, short};

/// `own_nans`: whether wasmtime is to make NaNs canonical.
pub(super) fn run(script: &Arc<Script>, own_nans: bool) -> Transcript {
    let mut config = Config::new();
    config.wasm_multi_memory(true).wasm_memory64(true);
    config.wasm_tail_call(true).wasm_extended_const(true);
    config.wasm_function_references(true);
    config
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true);
    config.wasm_wide_arithmetic(true).wasm_exceptions(true);
    config.wasm_threads(true).shared_memory(true);
    config.wasm_custom_page_sizes(true);
    config.cranelift_nan_canonicalization(own_nans);
    config.cranelift_opt_level(OptLevel::None);
    config.max_wasm_stack(1 << 20);
    // Modules are many and small.
    config.memory_reservation(1 << 20).memory_guard_size(0);
    let engine = Engine::new(&config).expect("a configuration");
    let module = Module::new(&engine, &script.wasm);
    let module = module.unwrap_or_else(|error| panic!("wasmtime refuses the module: {error:?}"));
    Some(play(script, start(script, &engine, &module)))
}

/// The module in wasmtime.
struct Running {
    store: Store<Host>,
    instance: Instance,
}

fn start(script: &Arc<Script>, engine: &Engine, module: &Module) -> Result<Running, Ending> {
    let mut store = Store::new(engine, Host::new(script));
    let imports = module.imports();
    let imports = imports.map(|import| provide(&mut store, import.ty()));
    let imports: Vec<Extern> = imports.collect();
    match Instance::new(&mut store, module, &imports) {
        Ok(instance) => Ok(Running { store, instance }),
        Err(error) => Err(ending(&error)),
    }
}

fn provide(store: &mut Store<Host>, ty: ExternType) -> Extern {
    match ty {
        ExternType::Func(ty) => func(store, ty).into(),
        ExternType::Global(ty) => {
            let value = store.data_mut().next_global();
            let value = to_val(&mut *store, (&value, ty.content().clone()));
            let global = Global::new(store, ty, value);
            global.expect("a global").into()
        }
        ty => ty.default_value(store).expect("something to import"),
    }
}

fn func(store: &mut Store<Host>, ty: FuncType) -> Func {
    let index = store.data_mut().next_func();
    let types: Vec<ValType> = ty.results().collect();
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
        let values = answer.results.map_err(Error::new)?;
        for (result, (value, ty)) in results.iter_mut().zip(values.iter().zip(&types)) {
            *result = to_val(&mut caller, (value, ty.clone()));
        }
        Ok(())
    };
    Func::new(store, ty, answer)
}

fn call(mut store: impl AsContextMut, func: Func, params: &[Value]) -> Result<Vec<Val>, Error> {
    let ty = func.ty(&store);
    let params = params.iter().zip(ty.params());
    let params: Vec<Val> = params.map(|param| to_val(&mut store, param)).collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(store, &params, &mut results)?;
    Ok(results)
}

impl Running {
    fn get(&mut self, name: &str) -> Extern {
        let export = self.instance.get_export(&mut self.store, name);
        export.unwrap_or_else(|| panic!("{name} is no export"))
    }
}

impl Guest for Running {
    fn call(&mut self, name: &str, params: &[Value]) -> Ending {
        let func = self.get(name).into_func().expect("a function");
        let ending = match call(&mut self.store, func, params) {
            Ok(values) => Ending::Values(values.iter().map(from_val).collect()),
            Err(error) => ending(&error),
        };
        if ending == Ending::Exception {
            self.store.take_pending_exception();
        }
        ending
    }

    fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.get(name).into_global().expect("a global");
        from_val(&global.get(&mut self.store))
    }

    fn memory(&mut self, name: &str) -> (u64, u64) {
        match self.get(name) {
            Extern::Memory(memory) => short(memory.data(&self.store)),
            Extern::SharedMemory(memory) => {
                let cells = memory.data().iter();
                // SAFETY: the memory was made for this instance, which does not run, and has no other
                // threads: nobody writes.
                let bytes: Vec<u8> = cells.map(|cell| unsafe { *cell.get() }).collect();
                short(&bytes)
            }
            _ => panic!("{name} is no memory"),
        }
    }

    fn table(&mut self, name: &str) -> Vec<bool> {
        let table = self.get(name).into_table().expect("a table");
        let elements = 0..table.size(&self.store);
        let elements = elements.map(|index| {
            let element = table.get(&mut self.store, index).expect("an element");
            element.is_null()
        });
        elements.collect()
    }
}

fn ending(error: &Error) -> Ending {
    if error.is::<ThrownException>() {
        return Ending::Exception;
    }
    Ending::Trap(match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Ending::Exhausted,
        Some(Trap::UnreachableCodeReached) => Kind::Unreachable,
        Some(Trap::MemoryOutOfBounds) => Kind::Memory,
        Some(Trap::TableOutOfBounds) => Kind::Table,
        Some(Trap::IndirectCallToNull | Trap::NullReference) => Kind::Null,
        Some(Trap::BadSignature) => Kind::Signature,
        Some(Trap::IntegerOverflow) => Kind::Overflow,
        Some(Trap::IntegerDivisionByZero) => Kind::DivisionByZero,
        Some(Trap::BadConversionToInteger) => Kind::Conversion,
        Some(Trap::HeapMisaligned) => Kind::Unaligned,
        None if error.is::<Refusal>() => Kind::Host,
        _ => Kind::Other,
    })
}

fn to_val(store: impl AsContextMut, (value, ty): (&Value, ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(value) => Val::V128(V128::from(value)),
        Value::Ref(false) => ExternRef::new(store, ()).expect("few references").into(),
        Value::Ref(true) => match ty {
            ValType::Ref(ty) => Val::from(Ref::null(ty.heap_type())),
            _ => panic!("no reference, but {ty}"),
        },
    }
}

fn from_val(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(value) => Value::V128(value.as_u128()),
        other => Value::Ref(other.ref_().is_none_or(|reference| reference.is_null())),
    }
}
