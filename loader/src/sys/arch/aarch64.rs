//! 64-bit ARM, AAPCS64.
#![allow(unsafe_code, reason = "registers of interrupted code are set")]

use std::arch::asm;

use super::{ResumePoint, Stopped};

/// The number of the frame pointer among the general registers.
const FP: usize = 29;
/// The number of the link register.
const LR: usize = 30;

/// The interrupted program counter.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler.
pub(crate) unsafe fn program_counter(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the kernel's context is valid for the time of the handler.
    unsafe { (*context).uc_mcontext.pc }
}

/// The interrupted frame pointer.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler.
pub(crate) unsafe fn frame_pointer(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the kernel's context is valid for the time of the handler.
    unsafe { (*context).uc_mcontext.regs[FP] }
}

/// Where guest code was interrupted.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler, and the interrupted program counter lies
/// in a function of a module's.
pub(crate) unsafe fn stopped(context: *const libc::ucontext_t) -> Stopped {
    const STP_FP_LR_PUSH: u32 = 0xa9bf_7bfd;
    const MOV_FP_SP: u32 = 0x9100_03fd;
    const RET: u32 = 0xd65f_03c0;
    // SAFETY: the kernel's context is valid for the time of the handler; the instruction at the
    // program counter is mapped.
    unsafe {
        let machine = &(*context).uc_mcontext;
        let code = std::ptr::with_exposed_provenance::<u32>(machine.pc as usize);
        let in_link_register = matches!(code.read(), STP_FP_LR_PUSH | MOV_FP_SP | RET);
        Stopped {
            pc: machine.pc,
            fp: machine.regs[FP],
            return_address: in_link_register.then_some(machine.regs[LR]),
        }
    }
}

/// Makes the handler return to `to`.
///
/// # Safety
///
/// - `context` is what the kernel gave to a signal handler.
/// - The interrupted frames up to `to` hold nothing that must be dropped.
pub(crate) unsafe fn set_resume(context: *mut libc::ucontext_t, to: ResumePoint) {
    // SAFETY: the kernel's context is valid for the time of the handler.
    let machine = unsafe { &mut (*context).uc_mcontext };
    machine.pc = to.pc;
    machine.sp = to.sp;
    machine.regs[FP] = to.fp;
}

/// Goes to `to`, with two values in the registers in which the code generator's exception handlers
/// expect them.
///
/// # Safety
///
/// - `to` is an exception handler of a call that is waiting, in a frame on this stack; or the exit
///   of an entry trampoline whose frame is still there, which expects no values.
/// - The frames up to there hold nothing that must be dropped.
pub(crate) unsafe fn resume(to: ResumePoint, payload: [u64; 2]) -> ! {
    // SAFETY: by the caller's promise the code at `pc` expects this stack and frame; it has kept
    // no other register over its call.
    unsafe {
        asm!(
            "mov sp, {sp}",
            "mov x29, {fp}",
            "br {pc}",
            pc = in(reg) to.pc,
            sp = in(reg) to.sp,
            fp = in(reg) to.fp,
            in("x0") payload[0],
            in("x1") payload[1],
            options(noreturn),
        )
    }
}

/// The return address and the frame pointer of whoever called the code with the frame at `fp`.
///
/// # Safety
///
/// `fp` points to a frame record on this thread's stack.
pub(crate) unsafe fn caller_of_frame(fp: u64) -> (u64, u64) {
    let record = std::ptr::with_exposed_provenance::<u64>(fp as usize);
    // SAFETY: AAPCS64, 6.4.6: a frame record is the caller's frame pointer and the return address.
    unsafe { (record.add(1).read(), record.read()) }
}
