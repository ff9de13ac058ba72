//! Runs a script with wasmi.

use wasmi::errors::ErrorKind;
use wasmi::{
    Config, Engine, Error, F32, F64, Instance, Linker, Module, Ref, Store, TrapCode, V128, Val,
    ValType,
};

use super::{Ending, Kind, Script, Step, Transcript, Value, short};

pub(super) fn run(script: &Script) -> Transcript {
    let mut config = Config::default();
    config.wasm_memory64(true).wasm_multi_memory(true);
    config.wasm_tail_call(true).wasm_extended_const(true);
    config.wasm_simd(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &script.wasm);
    let module = module.unwrap_or_else(|error| panic!("wasmi refuses the module: {error}"));
    let mut store = Store::new(&engine, ());
    let instance = match Linker::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let ending = match kind(&error) {
                None => Ending::Exhausted,
                Some(_) => Ending::Trap(Kind::Other),
            };
            return Some(vec![Step::failed(ending)]);
        }
    };
    let mut steps = vec![step(&store, instance, script, Ending::Values(Vec::new()))];
    for (name, params) in &script.calls {
        let func = instance.get_func(&store, name).expect("an export");
        let ty = func.ty(&store);
        let params: Vec<Val> = params.iter().zip(ty.params()).map(to_val).collect();
        let mut results: Vec<Val> = ty.results().iter().map(|&ty| Val::default(ty)).collect();
        let ending = match func.call(&mut store, &params, &mut results) {
            Ok(()) => Ending::Values(results.iter().map(from_val).collect()),
            Err(error) => kind(&error).map_or(Ending::Exhausted, Ending::Trap),
        };
        let is_last = ending == Ending::Exhausted;
        steps.push(step(&store, instance, script, ending));
        if is_last {
            break;
        }
    }
    Some(steps)
}

fn step(store: &Store<()>, instance: Instance, script: &Script, ending: Ending) -> Step {
    let exports = &script.exports;
    let get = |name: &String| instance.get_export(store, name).expect("an export");
    let globals = exports
        .globals
        .iter()
        .filter_map(|name| get(name).into_global());
    let memories = exports
        .memories
        .iter()
        .filter_map(|name| get(name).into_memory());
    let tables = exports
        .tables
        .iter()
        .filter_map(|name| get(name).into_table());
    Step {
        ending,
        globals: globals.map(|global| from_val(&global.get(store))).collect(),
        memories: memories
            .map(|memory| (memory.data_size(store) as u64, short(memory.data(store))))
            .collect(),
        tables: tables
            .map(|table| {
                let elements = 0..table.size(store);
                let elements = elements.map(|index| table.get(store, index).expect("an element"));
                elements
                    .map(|element| from_val(&element) == Value::Ref(true))
                    .collect()
            })
            .collect(),
    }
}

/// `None` if something was used up that engines have different amounts of.
fn kind(error: &Error) -> Option<Kind> {
    Some(match error.as_trap_code() {
        Some(TrapCode::StackOverflow | TrapCode::GrowthOperationLimited) => return None,
        Some(TrapCode::UnreachableCodeReached) => Kind::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Kind::Memory,
        Some(TrapCode::TableOutOfBounds) => Kind::Table,
        Some(TrapCode::IndirectCallToNull) => Kind::Null,
        Some(TrapCode::BadSignature) => Kind::Signature,
        Some(TrapCode::IntegerOverflow) => Kind::Overflow,
        Some(TrapCode::IntegerDivisionByZero) => Kind::DivisionByZero,
        Some(TrapCode::BadConversionToInteger) => Kind::Conversion,
        // Bulk operations on tables and memories have errors of their own.
        _ => match error.kind() {
            ErrorKind::Table(_) => Kind::Table,
            ErrorKind::Memory(_) => Kind::Memory,
            _ => Kind::Other,
        },
    })
}

fn to_val((value, &ty): (&Value, &ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(value) => Val::V128(V128::from(value)),
        Value::Ref(_) => Val::default(ty),
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
