;;! target: aarch64-unknown-linux-gnu
;;! options: deterministic
;;! only: scalar vector bits

;; What arithmetic makes is compared with itself, and replaced if it is NaN. Operators that only
;; change the sign leave NaNs as they are.
(module
  (func $scalar (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func $vector (param v128 v128) (result v128) (f32x4.mul (local.get 0) (local.get 1)))
  (func $bits (param f64 f64) (result f64) (f64.neg (f64.copysign (local.get 0) (local.get 1)))))

;;= ;; scalar
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   fadd d6, d0, d1
;;=   movz x5, #32760, LSL #48
;;=   fmov d7, x5
;;=   fcmp d6, d6
;;=   fcsel d0, d7, d6, vs
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; vector
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   fmul v16.4s, v0.4s, v1.4s
;;=   fcmeq v7.4s, v16.4s, v16.4s
;;=   fcmeq v17.4s, v16.4s, v16.4s
;;=   and v17.16b, v7.16b, v17.16b
;;=   mvn v0.16b, v17.16b
;;=   movz x9, #32704, LSL #16
;;=   dup v17.4s, w9
;;=   bsl v0.16b, v0.16b, v17.16b, v16.16b
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;=
;;= ;; bits
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   ushr d5, d1, #63
;;=   sli d0, d0, d5, #63
;;=   fneg d0, d0
;;=   ldp fp, lr, [sp], #16
;;=   ret
