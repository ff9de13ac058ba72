//! Texts from the host to a guest and back, through the guest's memory.

use precast_loader::{
    AsStoreMut, Caller, Engine, Error, Instance, Linker, Memory, Module, Store, TypedFunc,
    include_artifact,
};

/// A guest, with what is needed to talk to it.
struct Greeter {
    memory: Memory,
    allocate: TypedFunc<u32, u32>,
    greet: TypedFunc<(u32, u32), (u32, u32)>,
}

impl Greeter {
    fn new(store: &mut impl AsStoreMut, instance: Instance) -> Result<Self, Error> {
        Ok(Self {
            memory: instance.memory(store, "memory")?,
            allocate: instance.typed_func(store, "allocate")?,
            greet: instance.typed_func(store, "greet")?,
        })
    }

    fn greet(&self, store: &mut impl AsStoreMut, name: &str) -> Result<String, Error> {
        // The guest says where in its memory there is room.
        let len = u32::try_from(name.len()).map_err(Error::host)?;
        let place = self.allocate.call(store, len)?;
        self.memory.write_str(store, place.into(), name)?;
        let (text, len) = self.greet.call(store, (place, len))?;
        // What it answers is checked: that it lies in the memory, and that it is UTF-8.
        self.memory.read_string(store, text.into(), len.into())
    }
}

/// Gets a text from a guest that calls it. What the guest may write on the terminal is the host's
/// to say: here no control characters.
fn log(mut caller: Caller<'_, ()>, text: u32, len: u32) -> Result<(), Error> {
    let memory = caller
        .memory()
        .ok_or(Error::host("the guest exports no memory"))?;
    let text = memory.read_string(&caller, text.into(), len.into())?;
    println!("the guest says: {}", text.escape_debug());
    Ok(())
}

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("greeter"))? };
    let mut linker = Linker::new(&engine);
    linker.func("host", "log", log)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let greeter = Greeter::new(&mut store, instance)?;

    for name in ["Grace", "Zoë"] {
        let greeting = greeter.greet(&mut store, name)?;
        println!("{greeting}");
        assert_eq!(greeting, format!("Hello, {name}!"));
    }

    // More than the guest has room for is its error, and ends the call.
    let error = greeter.greet(&mut store, &"x".repeat(100_000)).unwrap_err();
    assert!(error.trap().is_some());
    Ok(())
}
