;;! target: aarch64-unknown-linux-gnu

;; The index is zero-extended by the addressing mode or an instruction of its own.
(module
  (memory 1)
  (func $load (param i32) (result i32) (i32.load (local.get 0)))
  (func $load_offset (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;;= ;; load
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x4, [x2, #32]
;;=   ldr w2, [x4, w3, UXTW]
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; load_offset
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ldr x5, [x2, #32]
;;=   add x5, x5, x3, UXTW
;;=   ldr w2, [x5, #16]
;;=   ldp fp, lr, [sp], #16
;;=   ret
