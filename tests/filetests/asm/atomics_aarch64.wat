;;! target: aarch64-unknown-linux-gnu

;; Where the CPU has no instructions for it (LSE), all that modifies loops; what is not aligned goes to a path
;; of its own, which sees whether it is out of bounds too.
(module
  (memory 1 1 shared)
  (func $add (param i32 i32) (result i32)
    (i32.atomic.rmw.add offset=8 (local.get 0) (local.get 1)))
  (func $and (param i32 i32) (result i32)
    (i32.atomic.rmw8.and_u (local.get 0) (local.get 1)))
  (func $store (param i32 i64)
    (i64.atomic.store (local.get 0) (local.get 1))
    (atomic.fence)))

;;= ;; add
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;=   ldr x16, [x2, #8]
;;=   ldr x16, [x16]
;;=   add x16, x16, #48
;;=   subs xzr, sp, x16, UXTX
;;=   b.lo #trap=stk_ovf
;;=   str x28, [sp, #-16]!
;;=   stp x26, x27, [sp, #-16]!
;;=   stp x24, x25, [sp, #-16]!
;;= block0:
;;=   and w11, w3, #3
;;=   cbnz w11, #trap=user15
;;=   ldr x12, [x2, #32]
;;=   ldr x12, [x12]
;;=   add x12, x12, x3, UXTW
;;=   add x25, x12, #8
;;=   mov x26, x4
;;=   atomic_rmw_loop_add_32 addr=x25 operand=x26 oldval=x27 scratch1=x24 scratch2=x28
;;=   mov x2, x27
;;=   ldp x24, x25, [sp], #16
;;=   ldp x26, x27, [sp], #16
;;=   ldr x28, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; and
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;=   ldr x16, [x2, #8]
;;=   ldr x16, [x16]
;;=   add x16, x16, #48
;;=   subs xzr, sp, x16, UXTX
;;=   b.lo #trap=stk_ovf
;;=   str x28, [sp, #-16]!
;;=   stp x26, x27, [sp, #-16]!
;;=   stp x24, x25, [sp, #-16]!
;;= block0:
;;=   ldr x10, [x2, #32]
;;=   ldr x10, [x10]
;;=   add x25, x10, x3, UXTW
;;=   mov x26, x4
;;=   atomic_rmw_loop_and_8 addr=x25 operand=x26 oldval=x27 scratch1=x24 scratch2=x28
;;=   uxtb w2, w27
;;=   ldp x24, x25, [sp], #16
;;=   ldp x26, x27, [sp], #16
;;=   ldr x28, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; store
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   and w7, w3, #7
;;=   cbnz w7, #trap=user15
;;=   ldr x8, [x2, #32]
;;=   ldr x8, [x8]
;;=   add x8, x8, x3, UXTW
;;=   stlr x4, [x8]
;;=   dmb ish
;;=   ldp fp, lr, [sp], #16
;;=   ret
