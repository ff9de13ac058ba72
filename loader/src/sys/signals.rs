//! Hardware faults arrive as signals: those of guest code become traps, all others go where they
//! went before. So do requests to stop.
//!
//! No alternate stack is set up. Guest code checks its stack by itself and leaves the host's
//! share alone, so that there is room for the handler; where the thread has an alternate stack, as
//! Rust's threads do, it is used.
#![allow(unsafe_code, reason = "signal handlers are installed and run")]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::arch::{self, ResumePoint};

/// A hardware fault, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// What kind.
    pub(crate) kind: FaultKind,
    /// Address of the instruction.
    pub(crate) pc: u64,
    /// Frame pointer at that time.
    pub(crate) fp: u64,
    /// Address that was accessed, for [`FaultKind::Access`].
    pub(crate) address: u64,
}

/// What kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Memory that is not there (SIGSEGV, SIGBUS).
    Access,
    /// An instruction that does not exist (SIGILL).
    Instruction,
    /// An arithmetic exception (SIGFPE).
    Arithmetic,
}

const SIGNALS: [(libc::c_int, FaultKind); 4] = [
    (libc::SIGSEGV, FaultKind::Access),
    (libc::SIGBUS, FaultKind::Access),
    (libc::SIGILL, FaultKind::Instruction),
    (libc::SIGFPE, FaultKind::Arithmetic),
];

/// The signal by which a guest is asked to stop. It is ignored by default, so that one which comes
/// late does no harm; and debuggers pass it on without a word.
pub(crate) const INTERRUPT: libc::c_int = libc::SIGURG;

static PREVIOUS_INTERRUPT: PreviousAction = PreviousAction::new();

/// The actions that were there before ours, in the order of [`SIGNALS`].
static PREVIOUS: [PreviousAction; SIGNALS.len()] = [const { PreviousAction::new() }; SIGNALS.len()];

/// Installs the handlers, once per process.
pub(crate) fn install() -> io::Result<()> {
    /// For how many of [`SIGNALS`]. Never twice for one: ours would become what was there before
    /// ours, and hand on to itself for ever.
    static INSTALLED: Mutex<usize> = Mutex::new(0);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    for ((signal, _), previous) in SIGNALS.iter().zip(&PREVIOUS).skip(*installed) {
        // Remembered before ours is in place, since a fault can come at any time.
        previous.store(&current_action(*signal)?);
        // NODEFER: the handler does not return to where the signal came from, and a fault in a
        // handler that is chained to should be seen.
        set_action(*signal, &action(handle, libc::SA_NODEFER))?;
        *installed += 1;
    }
    Ok(())
}

/// Installs the handler for requests to stop, once per process.
pub(crate) fn install_interrupt() -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        PREVIOUS_INTERRUPT.store(&current_action(INTERRUPT)?);
        // RESTART: as few of the host's system calls as possible should notice.
        set_action(INTERRUPT, &action(handle_interrupt, libc::SA_RESTART))?;
        *installed = true;
    }
    Ok(())
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

fn action(handler: Handler, flags: libc::c_int) -> libc::sigaction {
    // SAFETY: a `sigaction` of zeros is a valid one, with an empty set of signals in it, to which
    // one is added.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
        // One after the other: an alternate stack may be too small for both.
        libc::sigaddset(&mut action.sa_mask, INTERRUPT);
        action
    }
}

fn current_action(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: a `sigaction` of zeros is a valid one, and is only written to here.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        match libc::sigaction(signal, std::ptr::null(), &mut action) {
            0 => Ok(action),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn set_action(signal: libc::c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: `action` is a valid action; whatever handler it names is one for signals.
    match unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(index) = SIGNALS.iter().position(|&(number, _)| number == signal) else {
        return;
    };
    let (_, kind) = SIGNALS[index];
    // SAFETY: the kernel hands the handler valid pointers for as long as it runs.
    let sent_by_kernel = unsafe { (*info).si_code > 0 };
    if sent_by_kernel {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: `info` and `context` are the kernel's. If the fault is that of guest code, it
        // says where to go on, and no frame of guest code holds anything that must be dropped.
        unsafe {
            let fault = Fault {
                kind,
                pc: arch::program_counter(context),
                fp: arch::frame_pointer(context),
                address: (*info).si_addr() as u64,
            };
            let resume: Option<ResumePoint> = crate::fault::take(&fault);
            if let Some(to) = resume {
                arch::set_resume(context, to);
                return;
            }
        }
    }
    PREVIOUS[index].run(signal, info, context, sent_by_kernel);
}

extern "C" fn handle_interrupt(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // Somebody else's signal may have become one with ours, so that theirs is never left out.
    PREVIOUS_INTERRUPT.run(signal, info, context, false);
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: `context` is the kernel's. If guest code is to stop here, it says where to go on, and
    // no frame of guest code holds anything that must be dropped.
    unsafe {
        let pc = arch::program_counter(context);
        let resume = crate::fault::take_interrupt(pc, || arch::stopped(context));
        if let Some(to) = resume {
            arch::set_resume(context, to);
        }
    }
}

/// What was done about a signal before. Atomics, since it is read in handlers.
struct PreviousAction {
    handler: AtomicUsize,
    flags: AtomicI32,
    spent: AtomicBool,
}

impl PreviousAction {
    const fn new() -> Self {
        Self {
            handler: AtomicUsize::new(libc::SIG_DFL),
            flags: AtomicI32::new(0),
            spent: AtomicBool::new(false),
        }
    }

    fn store(&self, action: &libc::sigaction) {
        self.handler.store(action.sa_sigaction, Ordering::Relaxed);
        self.flags.store(action.sa_flags, Ordering::Release);
    }

    /// Does what would have been done without us.
    fn run(
        &self,
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
        sent_by_kernel: bool,
    ) {
        let flags = self.flags.load(Ordering::Acquire);
        let mut handler = self.handler.load(Ordering::Relaxed);
        if flags & libc::SA_RESETHAND != 0 && self.spent.swap(true, Ordering::Relaxed) {
            handler = libc::SIG_DFL;
        }
        match handler {
            // The kernel does not let a fault be ignored, only a signal that was sent.
            libc::SIG_IGN if !sent_by_kernel => {}
            // What is done by default is nothing, which must not be in place of our own handler.
            libc::SIG_DFL if signal == INTERRUPT => {}
            libc::SIG_DFL | libc::SIG_IGN => restore_default(signal, sent_by_kernel),
            // SAFETY: the kernel would have called the handler with just these arguments.
            handler if flags & libc::SA_SIGINFO != 0 => unsafe {
                std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
            },
            // SAFETY: as above; without SA_SIGINFO a handler takes the number alone.
            handler => unsafe {
                type Handler = extern "C" fn(libc::c_int);
                std::mem::transmute::<usize, Handler>(handler)(signal);
            },
        }
    }
}

/// A fault happens again once the handler returns, and then ends the process. A signal that was
/// sent would not come again by itself.
fn restore_default(signal: libc::c_int, sent_by_kernel: bool) {
    // SAFETY: a `sigaction` of zeros is a valid one: the default action. Both calls are safe in a
    // signal handler.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &action, std::ptr::null_mut());
        if !sent_by_kernel {
            libc::raise(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn a_handler_for_one_signal_only_does_not_take_ours_away() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        extern "C" fn count(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        install_interrupt().unwrap();
        let ours = current_action(INTERRUPT).unwrap().sa_sigaction;
        let previous = PreviousAction::new();
        previous.store(&action(count, libc::SA_RESETHAND));
        for _ in 0..3 {
            let nothing = std::ptr::null_mut::<libc::c_void>();
            previous.run(INTERRUPT, nothing.cast(), nothing, false);
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
        assert_eq!(current_action(INTERRUPT).unwrap().sa_sigaction, ours);
    }
}
