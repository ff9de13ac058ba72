//! Guests that are stopped: by a deadline, or because somebody wants it.

use std::thread;
use std::time::Duration;

use precast_loader::{Engine, Error, Linker, Module, Store, TrapCode, include_artifact};

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    // The code needs no option for this: nothing in it looks whether it should stop.
    // SAFETY: our own build script has compiled it, and it is a part of this program.
    let module = unsafe { Module::load_embedded(&engine, include_artifact!("collatz"))? };
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let steps = instance.typed_func::<i64, i32>(&mut store, "steps")?;

    // Each request gets so much time.
    for (start, timeout) in [
        (27, Duration::from_secs(60)),
        (0, Duration::from_millis(20)),
    ] {
        store.set_timeout(timeout)?;
        match steps.call(&mut store, start) {
            Ok(steps) => println!("from {start} it takes {steps} steps to 1"),
            Err(error) => {
                let code = error.trap().map(|trap| trap.code());
                assert_eq!(code, Some(TrapCode::DeadlineExceeded));
                println!("from {start} it takes too long");
            }
        }
    }
    // A deadline that has passed stays until there is another one, or none.
    store.clear_deadline();

    // Or somebody else stops it: whoever waits for Ctrl-C, or sees that the client is gone.
    let handle = store.interrupt_handle()?;
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        handle.interrupt();
    });
    let error = steps.call(&mut store, 0).unwrap_err();
    canceller.join().unwrap();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::Interrupted);
    println!(
        "{}, in {:?}",
        trap.code(),
        trap.backtrace().frames()[0].func_name()
    );

    // The store is as good as before.
    assert_eq!(steps.call(&mut store, 27)?, 111);
    println!("and it still counts");
    Ok(())
}
