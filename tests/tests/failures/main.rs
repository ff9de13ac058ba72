//! Failures at every step: of loading, instantiating, growing, calling and cleaning up.
//!
//! Every scenario runs once to count the system calls it makes, then once for each of them with
//! that call failing, and with all failing from there on. It must end in an error, and leave
//! nothing behind: not a byte of address space, no file, no slot of a pool. What is alive must
//! stay usable. All in one thread, so that nothing else is counted.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

mod faults;
mod handlers;
mod in_use;
mod refusals;
mod scenarios;
mod world;

#[global_allocator]
static ALLOCATOR: faults::Allocator = faults::Allocator;

fn main() -> ExitCode {
    in_use::keep_allocations_apart();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    // First: what is done once per process can fail only as long as it has not been done.
    let mut trials = vec![test("handlers_and_timer", handlers::check)];
    for scenario in scenarios::ALL {
        trials.push(test(scenario.name, || scenarios::check(scenario)));
    }
    for refusal in refusals::ALL {
        trials.push(test(refusal.name, || refusals::check(refusal)));
    }
    trials.push(test("a_pool_in_use", refusals::check_exhaustion));
    trials.push(test("damaged_bytes", refusals::check_damage));
    trials.push(test("damaged_files", refusals::check_damaged_loading));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn test(name: &str, check: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        checked.map_err(|panic| Failed::from(message(&*panic)))
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
