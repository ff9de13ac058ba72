//! Which hardware faults become traps, and what happens to the others.
//!
//! What ends the process is tried in a process of its own: the test runs itself once more, with a
//! variable that says which part to play.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use precast_loader::{Error, TrapCode};

use crate::artifact::{call, plain, wasm_offsets};

fn code(result: Result<i64, Error>) -> TrapCode {
    result.unwrap_err().trap().unwrap().code()
}

#[test]
fn faults_at_listed_instructions_are_traps() {
    let (mut store, instance) = plain();
    for _ in 0..3 {
        let divided = call(&mut store, instance, "divide", (1, 0));
        assert_eq!(code(divided), TrapCode::IntegerDivideByZero);
        let reached = call(&mut store, instance, "unreachable", (0, 0));
        assert_eq!(code(reached), TrapCode::Unreachable);
        assert_eq!(call(&mut store, instance, "divide", (7, 2)).unwrap(), 3);
    }
}

#[test]
fn accesses_beyond_the_memory_are_traps_as_far_as_the_guard_reaches() {
    let (mut store, instance) = plain();
    let guard = 32 << 20;
    assert_eq!(
        call(&mut store, instance, "load", (4096, 0)).unwrap(),
        -0x1111_1111_1111_1112
    );
    for (index, offset) in [
        (65_536, 0),
        (65_529, 0),
        (0, 65_536),
        (u32::MAX as i64, 0),
        (u32::MAX as i64, guard - 1),
        (0, -8),
    ] {
        let loaded = call(&mut store, instance, "load", (index, offset));
        assert_eq!(
            code(loaded),
            TrapCode::MemoryOutOfBounds,
            "{index} + {offset}"
        );
    }
}

#[test]
fn a_trap_names_the_functions() {
    let (mut store, instance) = plain();
    let error = call(&mut store, instance, "outer_divide", (1, 0)).unwrap_err();
    let [divide, _, outer_divide] = wasm_offsets();
    assert_eq!(
        error.to_string(),
        format!(
            "trap: integer divide by zero\nwasm backtrace:\n  \
             0: {divide:#x} - handmade!divide\n  \
             1: {outer_divide:#x} - handmade!outer_divide"
        )
    );
    let frame = &error.backtrace().unwrap().frames()[0];
    assert_eq!(frame.func_index(), 2);
    let error = call(&mut store, instance, "load", (1 << 20, 0)).unwrap_err();
    // There is no entry for this function; that of an earlier one does not count.
    assert!(
        error.to_string().ends_with("0: ? - handmade!load"),
        "{error}"
    );
}

const PART: &str = "PRECAST_TEST_PART";

/// Plays `part` in a process of its own.
fn in_a_process(test: &str, part: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .output()
        .unwrap()
}

fn part() -> Option<String> {
    std::env::var(PART).ok()
}

#[test]
fn a_wild_access_of_guest_code_ends_the_process() {
    if part().is_some() {
        let (mut store, instance) = plain();
        let _ = call(&mut store, instance, "wild", (0x10_0000, 0));
        return;
    }
    let output = in_a_process(
        "faults::a_wild_access_of_guest_code_ends_the_process",
        "wild",
    );
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn an_instruction_that_is_not_listed_ends_the_process() {
    if part().is_some() {
        let (mut store, instance) = plain();
        let _ = call(&mut store, instance, "unlisted", (0, 0));
        return;
    }
    let test = "faults::an_instruction_that_is_not_listed_ends_the_process";
    let output = in_a_process(test, "unlisted");
    assert_eq!(output.status.signal(), Some(libc::SIGILL), "{output:?}");
}

/// Installs a handler that says so and ends the process, then loads a module.
fn with_previous_handler(flags: libc::c_int, handler: usize) {
    // SAFETY: the handlers below are for signals and call only what is allowed in one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(
            libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()),
            0
        );
    }
    let (mut store, instance) = plain();
    let loaded = call(&mut store, instance, "load", (1 << 20, 0));
    assert_eq!(code(loaded), TrapCode::MemoryOutOfBounds);
    // SAFETY: none at all; the handler is to see this.
    unsafe { std::ptr::with_exposed_provenance::<u8>(64).read_volatile() };
}

extern "C" fn plain_handler(signal: libc::c_int) {
    // SAFETY: may be called in a signal handler.
    unsafe { libc::_exit(if signal == libc::SIGSEGV { 40 } else { 1 }) }
}

extern "C" fn info_handler(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's pointers are passed on; `_exit` may be called in a signal handler.
    unsafe {
        let good = (*info).si_addr() as usize == 64 && !context.is_null();
        libc::_exit(if good { 41 } else { 1 })
    }
}

#[test]
fn a_fault_of_the_host_goes_to_the_handler_that_was_there_before() {
    match part().as_deref() {
        Some("plain") => return with_previous_handler(0, plain_handler as *const () as usize),
        Some("info") => {
            let handler = info_handler as *const () as usize;
            return with_previous_handler(libc::SA_SIGINFO, handler);
        }
        Some("default") => return with_previous_handler(0, libc::SIG_DFL),
        Some("ignore") => return with_previous_handler(0, libc::SIG_IGN),
        _ => {}
    }
    let test = "faults::a_fault_of_the_host_goes_to_the_handler_that_was_there_before";
    let status = |part| in_a_process(test, part).status;
    assert_eq!(status("plain").code(), Some(40));
    assert_eq!(status("info").code(), Some(41));
    assert_eq!(status("default").signal(), Some(libc::SIGSEGV));
    // A fault cannot be ignored.
    assert_eq!(status("ignore").signal(), Some(libc::SIGSEGV));
}

#[test]
fn a_signal_that_is_sent_is_no_fault() {
    let sent = |ignored: bool| {
        if ignored {
            // SAFETY: setting an action that runs nothing.
            unsafe { libc::signal(libc::SIGSEGV, libc::SIG_IGN) };
        }
        drop(plain());
        // SAFETY: sends a signal to this thread.
        unsafe { libc::raise(libc::SIGSEGV) };
    };
    match part().as_deref() {
        Some("default") => {
            // SAFETY: setting an action that runs nothing.
            unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
            return sent(false);
        }
        Some("ignore") => return sent(true),
        _ => {}
    }
    let test = "faults::a_signal_that_is_sent_is_no_fault";
    let status = |part| in_a_process(test, part).status;
    assert_eq!(status("default").signal(), Some(libc::SIGSEGV));
    assert!(status("ignore").success());
}
