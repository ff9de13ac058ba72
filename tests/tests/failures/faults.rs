//! System calls that fail when they are told to.
//!
//! The functions by which the loader, and Rust's library for it, reach the system are defined here
//! once more. A program's own definition goes before the C library's; each does what the C
//! library's does unless it is its turn to fail. Only the thread that asked for it sees failures.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};

use libc::{mode_t, off_t, pthread_attr_t, pthread_t, size_t, ssize_t};

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Mmap,
    Mprotect,
    Munmap,
    Madvise,
    MemfdCreate,
    Fcntl,
    Open,
    Stat,
    Read,
    Write,
    Sigaction,
    ThreadCreate,
    /// Not a system call: zeroed memory, of [`LARGE_BYTES`] or more, from the allocator. Whoever
    /// asks for less does so in a way that ends the program if there is none.
    Allocate,
}

pub(crate) const LARGE_BYTES: usize = 1024;

impl Call {
    pub(crate) const ALL: [Self; 13] = [
        Self::Mmap,
        Self::Mprotect,
        Self::Munmap,
        Self::Madvise,
        Self::MemfdCreate,
        Self::Fcntl,
        Self::Open,
        Self::Stat,
        Self::Read,
        Self::Write,
        Self::Sigaction,
        Self::ThreadCreate,
        Self::Allocate,
    ];

    /// With what it fails.
    fn errno(self) -> c_int {
        match self {
            Self::Mmap | Self::Mprotect | Self::Munmap | Self::Madvise | Self::Allocate => {
                libc::ENOMEM
            }
            Self::MemfdCreate | Self::Open => libc::EMFILE,
            Self::Fcntl => libc::EPERM,
            Self::Stat | Self::Read => libc::EIO,
            Self::Write => libc::ENOSPC,
            Self::Sigaction => libc::EINVAL,
            Self::ThreadCreate => libc::EAGAIN,
        }
    }
}

/// Which calls are to fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Those of one function, or all.
    pub(crate) call: Option<Call>,
    /// How many succeed before.
    pub(crate) after: u32,
    /// Whether all others after the first fail too.
    pub(crate) lasting: bool,
}

/// What has happened while a fault was set.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Calls, by their number in [`Call::ALL`].
    calls: [u32; Call::ALL.len()],
    /// Calls that the fault is about.
    candidates: u32,
    /// How many failed.
    pub(crate) failed: u32,
    /// How many of those nobody could have told of.
    pub(crate) failed_silently: u32,
}

impl Seen {
    /// Whether there was any such call.
    pub(crate) fn has(&self, call: Call) -> bool {
        self.calls[call as usize] > 0
    }
}

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
    static SEEN: Cell<Seen> = const { Cell::new(NOTHING) };
    static IN_SILENCE: Cell<bool> = const { Cell::new(false) };
    /// What was not unmapped because that was to fail.
    static LEFT_MAPPED: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

const NOTHING: Seen = Seen {
    calls: [0; Call::ALL.len()],
    candidates: 0,
    failed: 0,
    failed_silently: 0,
};

/// Does something with a fault set for this thread.
pub(crate) fn with<R>(fault: Fault, run: impl FnOnce() -> R) -> (R, Seen) {
    SEEN.set(NOTHING);
    FAULT.set(Some(fault));
    let result = run();
    FAULT.set(None);
    for (start, len) in LEFT_MAPPED.take() {
        // SAFETY: whoever had it wanted it to be unmapped.
        unsafe { munmap(std::ptr::without_provenance_mut(start), len) };
    }
    (result, SEEN.get())
}

/// Does something that has no way to say that it failed, as `drop` has none.
pub(crate) fn in_silence<R>(run: impl FnOnce() -> R) -> R {
    let before = IN_SILENCE.replace(true);
    let result = run();
    IN_SILENCE.set(before);
    result
}

/// Whether a fault has come and nothing else will fail.
pub(crate) fn is_over() -> bool {
    FAULT.get().is_none_or(|fault| !fault.lasting) && SEEN.get().failed > 0
}

/// Whether it is the turn of this call to fail.
fn fails(call: Call) -> bool {
    let Some(fault) = FAULT.get() else {
        return false;
    };
    let mut seen = SEEN.get();
    seen.calls[call as usize] += 1;
    let mut fails = false;
    if fault.call.is_none_or(|only| only == call) {
        let before = seen.candidates;
        seen.candidates += 1;
        fails = before == fault.after || (fault.lasting && before > fault.after);
    }
    if fails {
        seen.failed += 1;
        // Whoever unmaps has done what he wanted to do.
        seen.failed_silently += u32::from(IN_SILENCE.get() || call == Call::Munmap);
        // SAFETY: the number of the last error is this thread's own.
        unsafe { *libc::__errno_location() = call.errno() };
    }
    SEEN.set(seen);
    fails
}

/// The system's allocator, but for failing.
pub(crate) struct Allocator;

// SAFETY: everything is left to the system's, or refused.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE_BYTES && fails(Call::Allocate) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

/// The C library's function of that name.
///
/// # Safety
///
/// `F` is the type of a pointer to it.
unsafe fn next<F: Copy>(name: &CStr) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) }
    // SAFETY: the name is a C string.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!address.is_null(), "{name:?}");
    // SAFETY: the caller's promise.
    unsafe { std::mem::transmute_copy(&address) }
}

/// Defines functions that make a system call with their parameters.
macro_rules! system_calls {
    ($($name:ident: $call:ident, $number:ident,
        ($($param:ident: $ty:ty),*) -> $result:ty;)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($param: $ty),*) -> $result {
                if fails(Call::$call) {
                    return -1;
                }
                // SAFETY: the caller's promises are those of the system call.
                unsafe { libc::syscall(libc::$number, $($param),*) as $result }
            }
        )*
    };
}

system_calls! {
    mprotect: Mprotect, SYS_mprotect, (start: *mut c_void, len: size_t, protection: c_int) -> c_int;
    madvise: Madvise, SYS_madvise, (start: *mut c_void, len: size_t, advice: c_int) -> c_int;
    memfd_create: MemfdCreate, SYS_memfd_create, (name: *const c_char, flags: c_uint) -> c_int;
    read: Read, SYS_read, (fd: c_int, to: *mut c_void, len: size_t) -> ssize_t;
    write: Write, SYS_write, (fd: c_int, from: *const c_void, len: size_t) -> ssize_t;
    statx: Stat, SYS_statx,
        (fd: c_int, path: *const c_char, flags: c_int, wanted: c_uint, to: *mut libc::statx) -> c_int;
}

/// It has as many parameters as it likes, which makes no difference to who is called.
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, what: c_int, with: c_long) -> c_int {
    // Rust's library asks for flags before it closes a file, without any need.
    if what != libc::F_GETFD && fails(Call::Fcntl) {
        return -1;
    }
    // SAFETY: the caller's promises are those of the system call.
    unsafe { libc::syscall(libc::SYS_fcntl, fd, what, with) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    if fails(Call::Open) {
        return -1;
    }
    // SAFETY: the caller's promises are those of the system call.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    start: *mut c_void,
    len: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if fails(Call::Mmap) {
        return libc::MAP_FAILED;
    }
    // SAFETY: the caller's promises are those of the system call.
    let mapped =
        unsafe { libc::syscall(libc::SYS_mmap, start, len, protection, flags, fd, offset) };
    std::ptr::with_exposed_provenance_mut(mapped as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(start: *mut c_void, len: size_t) -> c_int {
    if fails(Call::Munmap) {
        LEFT_MAPPED.with_borrow_mut(|left| left.push((start.addr(), len)));
        return -1;
    }
    // SAFETY: the caller's promises are those of the system call.
    unsafe { libc::syscall(libc::SYS_munmap, start, len) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    type Real = unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;
    if fails(Call::Sigaction) {
        return -1;
    }
    // SAFETY: it is of that type; the caller's promises are the same.
    unsafe { next::<Real>(c"sigaction")(signal, new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    run: extern "C" fn(*mut c_void) -> *mut c_void,
    with: *mut c_void,
) -> c_int {
    type Real = unsafe extern "C" fn(
        *mut pthread_t,
        *const pthread_attr_t,
        extern "C" fn(*mut c_void) -> *mut c_void,
        *mut c_void,
    ) -> c_int;
    if fails(Call::ThreadCreate) {
        return Call::ThreadCreate.errno();
    }
    // SAFETY: it is of that type; the caller's promises are the same.
    unsafe { next::<Real>(c"pthread_create")(thread, attributes, run, with) }
}
