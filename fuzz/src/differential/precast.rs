//! Runs a script with precast.

use precast_compiler::{CompileError, Options};
use precast_loader::{Config, Engine, Error, Instance, Store, TrapCode, Val};
use precast_tests::{Compiled, load};

use super::{Ending, Kind, Script, Step, Transcript, Value, short};

pub(super) fn run(script: &Script, options: &Options) -> Transcript {
    let artifact = match Compiled::new(&script.wasm, options) {
        Ok(artifact) => artifact,
        Err(CompileError::Unsupported { .. } | CompileError::Limit { .. }) => return None,
        Err(error) => panic!("a valid module does not compile: {error}"),
    };
    let engine = Engine::new(Config::new().max_stack_bytes(1 << 20));
    let module = load(&engine, &artifact);
    let module = module.unwrap_or_else(|error| panic!("what was compiled does not load: {error}"));
    let mut store = Store::new(&engine, ());
    if module.counts_fuel() {
        store.set_fuel(script.fuel);
    }
    let instance = match Instance::new(&mut store, &module, &[]) {
        Ok(instance) => instance,
        Err(error) => {
            let ending = match ending(Err(error)) {
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
        let func = instance.func(&mut store, name).expect("an export");
        let types = func.ty(&store).params;
        let params: Vec<Val> = params.iter().zip(&types).map(to_val).collect();
        let ending = ending(func.call(&mut store, &params));
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
    let globals = exports.globals.iter().map(|name| {
        let global = instance.global(store, name).expect("an export");
        from_val(&global.get(store))
    });
    let globals = globals.collect();
    let memories = exports.memories.iter().map(|name| {
        let memory = instance.memory(store, name).expect("an export");
        (memory.size_bytes(store), short(memory.data(store)))
    });
    let memories = memories.collect();
    let tables = exports.tables.iter().map(|name| {
        let table = instance.table(store, name).expect("an export");
        let elements = 0..table.size(store);
        let elements = elements.map(|index| {
            let element = table.get(store, index).expect("an element");
            from_val(&element) == Value::Ref(true)
        });
        elements.collect()
    });
    let tables = tables.collect();
    Step {
        ending,
        globals,
        memories,
        tables,
    }
}

impl Step {
    /// The only step of a module that is not instantiated.
    pub(super) fn failed(ending: Ending) -> Self {
        Self {
            ending,
            globals: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
        }
    }
}

fn ending(result: Result<Vec<Val>, Error>) -> Ending {
    let error = match result {
        Ok(values) => return Ending::Values(values.iter().map(from_val).collect()),
        Err(error) => error,
    };
    let trap = match &error {
        Error::Trap(trap) => trap,
        Error::Exception(_) => return Ending::Exception,
        other => panic!("no trap, but: {other}"),
    };
    Ending::Trap(match trap.code() {
        TrapCode::StackOverflow => return Ending::Exhausted,
        TrapCode::Unreachable => Kind::Unreachable,
        TrapCode::MemoryOutOfBounds => Kind::Memory,
        TrapCode::TableOutOfBounds | TrapCode::UndefinedElement => Kind::Table,
        TrapCode::UninitializedElement
        | TrapCode::NullReference
        | TrapCode::NullExceptionReference => Kind::Null,
        TrapCode::IndirectCallTypeMismatch => Kind::Signature,
        TrapCode::IntegerOverflow => Kind::Overflow,
        TrapCode::IntegerDivideByZero => Kind::DivisionByZero,
        TrapCode::InvalidConversionToInteger => Kind::Conversion,
        TrapCode::UnalignedAtomic => Kind::Unaligned,
        _ => Kind::Other,
    })
}

fn to_val((value, &ty): (&Value, &precast_loader::ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(value) => Val::V128(value),
        Value::Ref(_) => Val::default_of(ty),
    }
}

fn from_val(value: &Val) -> Value {
    match *value {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(value) => Value::V128(value),
        Val::FuncRef(func) => Value::Ref(func.is_none()),
        Val::ExternRef(reference) => Value::Ref(reference.is_none()),
        Val::ExnRef(reference) => Value::Ref(reference.is_none()),
    }
}
