//! Runs a script with precast.

use std::sync::Arc;

use precast_compiler::{CompileError, Options};
use precast_loader::{
    AsStoreMut, Caller, Config, Engine, Error, Extern, ExternRef, ExternType, Func, FuncType,
    Global, Instance, Memory, Module, SharedMemory, Store, Table, Tag, TrapCode, Val, ValType,
};
use precast_tests::{Compiled, load};

use super::host::{Host, Refusal};
use super::script::{Script, Value};
use super::transcript::{Ending, Guest, Kind, Transcript, play, short};

pub(super) fn run(script: &Arc<Script>, options: &Options) -> Transcript {
    let artifact = match Compiled::new(&script.wasm, options) {
        Ok(artifact) => artifact,
        Err(CompileError::Unsupported { .. } | CompileError::Limit { .. }) => return None,
        Err(error) => panic!("a valid module does not compile: {error}"),
    };
    let engine = Engine::new(Config::new().max_stack_bytes(1 << 20));
    let module = load(&engine, &artifact);
    let module = module.unwrap_or_else(|error| panic!("what was compiled does not load: {error}"));
    Some(play(script, start(script, &module)))
}

/// The module in precast.
struct Running {
    store: Store<Host>,
    instance: Instance,
}

fn start(script: &Arc<Script>, module: &Module) -> Result<Running, Ending> {
    let mut store = Store::new(module.engine(), Host::new(script));
    if module.counts_fuel() {
        store.set_fuel(script.fuel);
    }
    let imports = module.imports();
    let imports = imports.map(|(_, _, ty)| provide(&mut store, ty));
    let imports: Vec<Extern> = imports.collect();
    let instance = Instance::new(&mut store, module, &imports).map_err(|error| ending(&error))?;
    Ok(Running { store, instance })
}

fn provide(store: &mut Store<Host>, ty: ExternType) -> Extern {
    match ty {
        ExternType::Func(ty) => func(store, ty).into(),
        ExternType::Global(ty) => {
            let value = store.data_mut().next_global();
            let value = to_val(store, (&value, &ty.content));
            let global = Global::new(store, ty, value);
            global.expect("a global").into()
        }
        ExternType::Memory(ty) if ty.is_shared => {
            let memory = SharedMemory::new(store.engine(), ty).expect("a memory");
            let memory = Memory::from_shared(store, &memory);
            memory.expect("room for one more").into()
        }
        ExternType::Memory(ty) => Memory::new(store, ty).expect("a memory").into(),
        ExternType::Table(ty) => {
            let null = Val::default_of(ty.element);
            Table::new(store, ty, null).expect("a table").into()
        }
        ExternType::Tag(ty) => Tag::new(store, ty).expect("a tag").into(),
        ty => panic!("{ty} is not known here"),
    }
}

fn func(store: &mut Store<Host>, ty: FuncType) -> Func {
    let index = store.data_mut().next_func();
    let types = ty.results.clone();
    let answer = move |mut caller: Caller<'_, Host>, params: &[Val], results: &mut [Val]| {
        let params = params.iter().map(from_val).collect();
        let answer = caller.data_mut().called(index, params);
        if let Some((name, params)) = answer.call {
            let func = caller.get_export(&name).and_then(Extern::func);
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
    Func::new(store, ty, answer).expect("few types")
}

fn call(store: &mut impl AsStoreMut, func: Func, params: &[Value]) -> Result<Vec<Val>, Error> {
    let types = func.ty(store).params;
    let params = params.iter().zip(&types);
    let params: Vec<Val> = params.map(|param| to_val(store, param)).collect();
    func.call(store, &params)
}

impl Guest for Running {
    fn call(&mut self, name: &str, params: &[Value]) -> Ending {
        let func = self.instance.func(&mut self.store, name);
        match call(&mut self.store, func.expect("an export"), params) {
            Ok(values) => Ending::Values(values.iter().map(from_val).collect()),
            Err(error) => ending(&error),
        }
    }

    fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.instance.global(&mut self.store, name);
        from_val(&global.expect("an export").get(&mut self.store))
    }

    fn memory(&mut self, name: &str) -> (u64, u64) {
        let memory = self.instance.memory(&mut self.store, name);
        let memory = memory.expect("an export");
        match memory.as_shared(&self.store) {
            Some(memory) => {
                let bytes = memory.read_vec(0, memory.size_bytes());
                short(&bytes.expect("all there is"))
            }
            None => short(memory.data(&self.store)),
        }
    }

    fn table(&mut self, name: &str) -> Vec<bool> {
        let table = self.instance.table(&mut self.store, name);
        let table = table.expect("an export");
        let elements = 0..table.size(&self.store);
        let elements = elements.map(|index| {
            let element = table.get(&mut self.store, index).expect("an element");
            from_val(&element) == Value::Ref(true)
        });
        elements.collect()
    }
}

fn ending(error: &Error) -> Ending {
    let trap = match error {
        Error::Trap(trap) => trap,
        Error::Exception(_) => return Ending::Exception,
        Error::Host(_) if error.downcast_ref::<Refusal>().is_some() => {
            return Ending::Trap(Kind::Host);
        }
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

fn to_val(store: &mut impl AsStoreMut, (value, &ty): (&Value, &ValType)) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(value) => Val::V128(value),
        Value::Ref(true) => Val::default_of(ty),
        Value::Ref(false) => ExternRef::new(store, ()).expect("few references").into(),
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
