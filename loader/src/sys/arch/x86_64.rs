//! x86-64, System V.
#![allow(unsafe_code, reason = "registers of interrupted code are set")]

use std::arch::asm;

use super::{ResumePoint, Stopped};

/// The interrupted program counter.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler.
pub(crate) unsafe fn program_counter(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the kernel's context is valid for the time of the handler.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    registers[libc::REG_RIP as usize].cast_unsigned()
}

/// The interrupted frame pointer.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler.
pub(crate) unsafe fn frame_pointer(context: *const libc::ucontext_t) -> u64 {
    // SAFETY: the kernel's context is valid for the time of the handler.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    registers[libc::REG_RBP as usize].cast_unsigned()
}

/// Where guest code was interrupted.
///
/// # Safety
///
/// `context` is what the kernel gave to a signal handler, and the interrupted program counter lies
/// in a function of a module's.
pub(crate) unsafe fn stopped(context: *const libc::ucontext_t) -> Stopped {
    const PUSH_RBP: [u8; 1] = [0x55];
    const MOV_RBP_RSP: [u8; 3] = [0x48, 0x89, 0xe5];
    const RET: [u8; 1] = [0xc3];
    const RET_POP: [u8; 1] = [0xc2];
    // SAFETY: the kernel's context is valid for the time of the handler. The instruction at the
    // program counter is mapped: no more is read of it than it has bytes, since the last byte that
    // is compared belongs to it if those before do. These instructions stand nowhere but at the
    // start and the end of functions, where the stack pointer points into this thread's stack.
    unsafe {
        let pc = program_counter(context);
        let sp = (*context).uc_mcontext.gregs[libc::REG_RSP as usize].cast_unsigned();
        let code = std::ptr::with_exposed_provenance::<u8>(pc as usize);
        let is = |bytes: &[u8]| {
            (0..)
                .zip(bytes)
                .all(|(i, &byte)| code.add(i).read() == byte)
        };
        let at = |address: u64| {
            std::ptr::with_exposed_provenance::<u64>(address as usize).read_unaligned()
        };
        let return_address = if is(&PUSH_RBP) || is(&RET) || is(&RET_POP) {
            Some(at(sp))
        } else if is(&MOV_RBP_RSP) {
            Some(at(sp + 8))
        } else {
            None
        };
        Stopped {
            pc,
            fp: frame_pointer(context),
            return_address,
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
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    registers[libc::REG_RIP as usize] = to.pc.cast_signed();
    registers[libc::REG_RSP as usize] = to.sp.cast_signed();
    registers[libc::REG_RBP as usize] = to.fp.cast_signed();
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
            "mov rsp, {sp}",
            "mov rbp, {fp}",
            "jmp {pc}",
            pc = in(reg) to.pc,
            sp = in(reg) to.sp,
            fp = in(reg) to.fp,
            in("rax") payload[0],
            in("rdx") payload[1],
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
    // SAFETY: `push rbp; mov rbp, rsp` has left the caller's frame pointer at `fp` and the call
    // before it the return address above.
    unsafe { (record.add(1).read(), record.read()) }
}
