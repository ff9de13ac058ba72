//! What is installed once per process: handlers for signals, and a thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use precast_loader::{Engine, Error, Instance, Store, TrapCode};
use precast_tests::{Compiled, trap_code};

use crate::faults::{self, Call, Fault};
use crate::in_use::InUse;
use crate::world;

const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Takes seconds, so that a deadline which nobody watches is a failure and not a test that hangs.
const LONG: &str = r#"
    (module
      (func (export "run") (local $left i64)
        (local.set $left (i64.const 0x100000000))
        (loop $again
          (local.set $left (i64.sub (local.get $left) (i64.const 1)))
          (br_if $again (i64.ne (local.get $left) (i64.const 0))))))
"#;

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Nothing of it has been done in this process. After failing at every step it can be done, and
/// signals that are not the loader's go where they went before.
pub(crate) fn check() {
    for signal in FAULTS.into_iter().chain([libc::SIGURG]) {
        let handler = count as extern "C" fn(libc::c_int);
        // SAFETY: the handler does nothing but count.
        let before = unsafe { libc::signal(signal, handler as usize) };
        assert_ne!(before, libc::SIG_ERR);
    }
    let long = world::compiled(LONG, false);
    let load = || world::load(&Engine::default(), &long).map(drop);
    // Half of them are there when the next one fails.
    assert!(failures_until_it_works(Call::Sigaction, load) > 2);

    let interrupt = || {
        let mut store = Store::new(&Engine::default(), ());
        store.interrupt_handle().map(drop)
    };
    assert!(fails(Call::Sigaction, 0, interrupt));
    assert!(fails(Call::Sigaction, 1, interrupt));
    assert_eq!(failures_until_it_works(Call::ThreadCreate, interrupt), 1);

    for signal in FAULTS.into_iter().chain([libc::SIGURG]) {
        HANDLED.store(0, Ordering::Relaxed);
        // SAFETY: sends a signal to this thread.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
        assert_eq!(HANDLED.load(Ordering::Relaxed), 1, "signal {signal}");
    }
    let error = run_for_a_while(&long).expect_err("its time is over");
    assert_eq!(trap_code(&error), Some(TrapCode::DeadlineExceeded));
}

fn run_for_a_while(long: &Compiled) -> Result<(), Error> {
    let engine = Engine::default();
    let module = world::load(&engine, long)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.typed_func::<(), ()>(&mut store, "run")?;
    store.set_timeout(Duration::from_millis(1))?;
    run.call(&mut store, ())
}

/// Has the first call of a function fail, then the second, and so on. How often something was an
/// error until it was none.
fn failures_until_it_works(call: Call, does: impl Fn() -> Result<(), Error>) -> u32 {
    let works = (0..).find(|&after| !fails(call, after, &does));
    works.expect("it works some time")
}

/// Whether something is an error if a function fails from its call number `after` on.
fn fails(call: Call, after: u32, does: impl Fn() -> Result<(), Error>) -> bool {
    let before = InUse::now();
    let fault = Fault {
        call: Some(call),
        after,
        lasting: true,
    };
    let (result, seen) = faults::with(fault, &does);
    match result {
        Ok(()) => assert_eq!(seen.failed, 0, "{fault:?} went by without an error"),
        Err(Error::Io(_)) => InUse::now().check_is(&before, &fault),
        Err(other) => panic!("{fault:?}: {other}"),
    }
    seen.failed > 0
}
