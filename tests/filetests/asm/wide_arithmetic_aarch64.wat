;;! target: aarch64-unknown-linux-gnu
;;! only: add mul_u mul_s

;; Additions with carry, and multiplications with two results.
(module
  (func $add (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $mul_u (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))
  (func $mul_s (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1))))

;;= ;; add
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   adds x2, x3, x5
;;=   adc x3, x4, x6
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; mul_u
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   madd x2, x3, x4, xzr
;;=   umulh x3, x3, x4
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; mul_s
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   madd x2, x3, x4, xzr
;;=   smulh x3, x3, x4
;;=   ldp fp, lr, [sp], #16
;;=   ret
