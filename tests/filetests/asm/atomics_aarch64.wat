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
;;=   ldr x13, [x2, #32]
;;=   ldr x13, [x13]
;;=   add x13, x13, x3, UXTW
;;=   add x14, x13, #8
;;=   and x14, x14, #3
;;=   cbnz x14, label2 ; b label1
;;= block1:
;;=   add x25, x13, #8
;;=   mov x26, x4
;;=   atomic_rmw_loop_add_32 addr=x25 operand=x26 oldval=x27 scratch1=x24 scratch2=x28
;;=   mov x2, x27
;;=   ldp x24, x25, [sp], #16
;;=   ldp x26, x27, [sp], #16
;;=   ldr x28, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= block2:
;;=   ldr w13, [x13, #8]
;;=   udf #0xc11f
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
;;=   ldr x8, [x2, #32]
;;=   ldr x8, [x8]
;;=   add x9, x8, x3, UXTW
;;=   and x10, x9, #7
;;=   cbnz x10, label2 ; b label1
;;= block1:
;;=   stlr x4, [x9]
;;=   dmb ish
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= block2:
;;=   ldr x12, [x8, w3, UXTW]
;;=   udf #0xc11f
