//! Threads as the kernel knows them.
#![allow(
    unsafe_code,
    reason = "threads are named and signalled by system calls"
)]

use std::cell::Cell;

thread_local! {
    static ID: Cell<u32> = const { Cell::new(0) };
}

/// The kernel's number of this thread; never 0.
pub(crate) fn current() -> u32 {
    match ID.get() {
        0 => {
            // SAFETY: asks for a number.
            let id = unsafe { libc::gettid() }.cast_unsigned();
            ID.set(id);
            id
        }
        id => id,
    }
}

/// Sends `signal` to a thread of this process. Nothing happens if it has ended.
///
/// The number may have gone to another thread of this process meanwhile; so the signal must be one
/// that does no harm to a thread that it is not meant for.
pub(crate) fn signal(thread: u32, signal: libc::c_int) {
    // SAFETY: sends a signal, to nobody outside of this process.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            thread.cast_signed(),
            signal,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "sends a signal")]
    fn every_thread_has_a_number_of_its_own() {
        let mine = current();
        assert_ne!(mine, 0);
        assert_eq!(mine, current());
        let other = std::thread::spawn(current).join().unwrap();
        assert_ne!(mine, other);
        // Nothing happens: the thread is gone.
        signal(other, libc::SIGURG);
    }
}
