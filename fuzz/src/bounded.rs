//! Memory as a promise: no more of the host's than what was given accounts for.

#[path = "../../loader/wasi/tests/common/counting.rs"]
mod counting;

/// Runs an action that may hold `at_most` so many bytes of the host's memory at a time, more than there were
/// before. `what` says which that was.
///
/// # Panics
///
/// If it holds more.
pub(crate) fn bounded<R>(
    at_most: usize,
    what: impl FnOnce() -> String,
    action: impl FnOnce() -> R,
) -> R {
    let (held, result) = counting::most_held(action);
    assert!(held <= at_most, "{} held {held} bytes", what());
    result
}
