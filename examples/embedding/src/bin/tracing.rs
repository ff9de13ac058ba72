//! A listener that is told of each call: in guests, and from guests to the host.

use precast_loader::{Call, Engine, Error, Linker, Listener, Module, Store, Val, include_artifact};

/// Prints calls, indented by their depth.
struct Trace;

/// What the store's data counts of them.
#[derive(Default)]
struct Counts {
    guest: u32,
    host: u32,
}

impl Listener<Counts> for Trace {
    fn before(&self, call: &mut Call<'_, Counts>, params: &[Val]) {
        println!("{:1$}> {call} {params:?}", "", 2 * call.depth());
        let is_host = call.is_host();
        let counts = call.data_mut();
        *(if is_host {
            &mut counts.host
        } else {
            &mut counts.guest
        }) += 1;
    }

    fn after(&self, call: &mut Call<'_, Counts>, results: &[Val]) {
        println!("{:1$}< {call} {results:?}", "", 2 * call.depth());
    }

    fn abort(&self, call: &mut Call<'_, Counts>) {
        println!("{:1$}! {call}", "", 2 * call.depth());
    }
}

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // Compiled with the option `listeners`, without which only calls of the host are told of.
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("fib"))? };
    assert!(module.tells_listeners());
    let mut linker = Linker::new(&engine);
    linker.func("host", "add", |a: i32, b: i32| match a.checked_add(b) {
        Some(sum) if sum < 3 => Ok(sum),
        _ => Err(Error::host("that is too much for me")),
    })?;
    let mut store = Store::new(&engine, Counts::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let fib = instance.typed_func::<i32, i32>(&mut store, "fib")?;

    store.set_listener(Trace);
    assert_eq!(fib.call(&mut store, 3)?, 2);
    let Counts { guest, host } = *store.data();
    println!("{guest} calls in the guest, {host} of the host");
    assert_eq!((guest, host), (5, 2));

    // What is left early is told of, too, from the innermost function out.
    let error = fib.call(&mut store, 4).unwrap_err();
    assert!(matches!(error, Error::Host(_)));

    // Nobody listens any more; the code runs on without being loaded again.
    store.remove_listener();
    assert_eq!(fib.call(&mut store, 2)?, 1);
    Ok(())
}
