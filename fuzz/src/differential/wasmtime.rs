//! Runs a script with wasmtime.

use wasmtime::{
    Config, Engine, Error, Extern, Instance, Module, OptLevel, Ref, Store, ThrownException, Trap,
    V128, Val, ValType,
};

use super::{Ending, Kind, Script, Step, Transcript, Value, short};

/// `own_nans`: whether wasmtime is to make NaNs canonical.
pub(super) fn run(script: &Script, own_nans: bool) -> Transcript {
    let mut config = Config::new();
    config.wasm_multi_memory(true).wasm_memory64(true);
    config.wasm_tail_call(true).wasm_extended_const(true);
    config
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true);
    config.wasm_wide_arithmetic(true).wasm_exceptions(true);
    config.wasm_threads(true).wasm_custom_page_sizes(true);
    config.cranelift_nan_canonicalization(own_nans);
    config.cranelift_opt_level(OptLevel::None);
    config.max_wasm_stack(1 << 20);
    // Modules are many and small.
    config.memory_reservation(1 << 20).memory_guard_size(0);
    let engine = Engine::new(&config).expect("a configuration");
    let module = Module::new(&engine, &script.wasm);
    let module = module.unwrap_or_else(|error| panic!("wasmtime refuses the module: {error:?}"));
    let mut store = Store::new(&engine, ());
    let instance = match Instance::new(&mut store, &module, &[]) {
        Ok(instance) => instance,
        Err(error) => {
            let ending = match ending(&error) {
                Ending::Exhausted => Ending::Exhausted,
                _ => Ending::Trap(Kind::Other),
            };
            return Some(vec![Step::failed(ending)]);
        }
    };
    let mut steps = vec![step(
        &mut store,
        instance,
        script,
        Ending::Values(Vec::new()),
    )];
    for (name, params) in &script.calls {
        let func = instance.get_func(&mut store, name).expect("an export");
        let ty = func.ty(&store);
        let params: Vec<Val> = params.iter().zip(ty.params()).map(to_val).collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        let ending = match func.call(&mut store, &params, &mut results) {
            Ok(()) => Ending::Values(results.iter().map(from_val).collect()),
            Err(error) => ending(&error),
        };
        if ending == Ending::Exception {
            store.take_pending_exception();
        }
        let is_last = ending == Ending::Exhausted;
        steps.push(step(&mut store, instance, script, ending));
        if is_last {
            break;
        }
    }
    Some(steps)
}

fn step(store: &mut Store<()>, instance: Instance, script: &Script, ending: Ending) -> Step {
    let exports = &script.exports;
    let mut step = Step::failed(ending);
    for name in &exports.globals {
        let global = instance.get_global(&mut *store, name).expect("an export");
        step.globals.push(from_val(&global.get(&mut *store)));
    }
    for name in &exports.memories {
        let Some(Extern::Memory(memory)) = instance.get_export(&mut *store, name) else {
            panic!("{name} is no memory");
        };
        let bytes = memory.data(&*store);
        step.memories.push((bytes.len() as u64, short(bytes)));
    }
    for name in &exports.tables {
        let table = instance.get_table(&mut *store, name).expect("an export");
        let elements = 0..table.size(&*store);
        let elements = elements.map(|index| {
            let element = table.get(&mut *store, index).expect("an element");
            element.is_null()
        });
        step.tables.push(elements.collect());
    }
    step
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
        _ => Kind::Other,
    })
}

fn to_val((value, ty): (&Value, ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(value) => Val::V128(V128::from(value)),
        Value::Ref(_) => match ty {
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
