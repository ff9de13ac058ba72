;;! options: deterministic
;;! only: scalar vector bits

;; What arithmetic makes is compared with itself, and replaced if it is NaN. Operators that only
;; change the sign leave NaNs as they are.
(module
  (func $scalar (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func $vector (param v128 v128) (result v128) (f32x4.mul (local.get 0) (local.get 1)))
  (func $bits (param f64 f64) (result f64) (f64.neg (f64.copysign (local.get 0) (local.get 1)))))

;;= ;; scalar
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   addsd %xmm1, %xmm0
;;=   movabsq $0x7ff8000000000000, %rsi
;;=   movq %rsi, %xmm7
;;=   ucomisd %xmm0, %xmm0
;;=   movsd %xmm0, %xmm0; jnp $next; movsd %xmm7, %xmm0; $next:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; vector
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   mulps %xmm1, %xmm0
;;=   movdqa %xmm0, %xmm6
;;=   cmpunordps %xmm0, %xmm6
;;=   movups (%rip), %xmm7
;;=   movdqa %xmm0, %xmm1
;;=   movdqa %xmm6, %xmm0
;;=   pblendvb %xmm0, %xmm7, %xmm1
;;=   movdqa %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; bits
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movabsq $0x8000000000000000, %rsi
;;=   movq %rsi, %xmm2
;;=   movdqa %xmm0, %xmm3
;;=   movdqa %xmm2, %xmm0
;;=   andnpd %xmm3, %xmm0
;;=   andpd %xmm1, %xmm2
;;=   orpd %xmm2, %xmm0
;;=   movabsq $0x8000000000000000, %r8
;;=   movq %r8, %xmm1
;;=   xorpd %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
