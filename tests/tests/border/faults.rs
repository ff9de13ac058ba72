//! A memory amid inaccessible address space, and where faults have been.

use std::cell::Cell;
use std::io;
use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use precast_loader::{AllocatedMemory, MemoryAllocator, MemoryRequest};

use super::mapped::MappedMemory;

/// How much of the address space on each side of a memory belongs to nobody, in bytes. No sum of
/// an index and an offset of 32 bits is larger, whatever has been done wrong with their signs.
const SIDE_BYTES: usize = 16 << 30;

/// Gives memories the room that they ask for, and [`SIDE_BYTES`] on each side of it.
#[derive(Debug)]
pub(crate) struct Secluded;

#[derive(Debug)]
struct SecludedMemory {
    own: MappedMemory,
    _all: MappedMemory,
}

// SAFETY: what is returned lies in a mapping for it alone, with nothing accessible but what is asked for.
unsafe impl MemoryAllocator for Secluded {
    fn allocate(&self, request: &MemoryRequest) -> io::Result<Box<dyn AllocatedMemory>> {
        let own = request.reserve_bytes.max(request.maximum_bytes) + request.guard_bytes;
        let bytes = own as usize + 2 * SIDE_BYTES;
        let all = MappedMemory::reserve(bytes)?;
        // SAFETY: within the mapping, and not beyond its end.
        let base = unsafe { all.base.add(SIDE_BYTES) };
        let mut memory = SecludedMemory {
            own: MappedMemory::part(base, own as usize),
            _all: all,
        };
        memory.grow_to(request.minimum_bytes)?;
        BASE.set(base.as_ptr() as usize);
        Ok(Box::new(memory))
    }
}

// SAFETY: see `allocate`; it never moves.
unsafe impl AllocatedMemory for SecludedMemory {
    fn base(&self) -> NonNull<u8> {
        self.own.base
    }

    fn grow_to(&mut self, length_bytes: u64) -> io::Result<()> {
        self.own.grow_to(length_bytes)
    }
}

thread_local! {
    /// The base of the memory that was allocated last.
    static BASE: Cell<usize> = const { Cell::new(0) };
    /// Where the last fault was.
    static FAULT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where the last fault on this thread was, in bytes from the base of the memory that was allocated
/// last, if there was one since this was called before.
pub(crate) fn take_fault() -> Option<i128> {
    let base = BASE.get() as i128;
    FAULT.take().map(|address| address as i128 - base)
}

/// The loader's handler.
static LOADERS: AtomicUsize = AtomicUsize::new(0);

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Notes faults from now on. The loader's handler must be there already.
pub(crate) fn note_faults() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a `sigaction` of zeros is a valid one, and everything but the handler stays as it
        // was.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            assert_eq!(
                libc::sigaction(libc::SIGSEGV, std::ptr::null(), &mut action),
                0
            );
            assert_ne!(action.sa_flags & libc::SA_SIGINFO, 0);
            LOADERS.store(action.sa_sigaction, Ordering::Release);
            action.sa_sigaction = note as *const () as usize;
            assert_eq!(
                libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()),
                0
            );
        }
    });
}

extern "C" fn note(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's, of a fault, which has an address; and the handler that it would have
    // called with just these arguments.
    unsafe {
        FAULT.set(Some((*info).si_addr() as usize));
        let loaders = LOADERS.load(Ordering::Acquire);
        std::mem::transmute::<usize, Handler>(loaders)(signal, info, context);
    }
}
