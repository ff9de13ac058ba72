;;! only: add mul_u mul_s

;; Additions with carry, and multiplications with two results.
(module
  (func $add (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $mul_u (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))
  (func $mul_s (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1))))

;;= ;; add
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   addq %rcx, %rax
;;=   movq %rdx, %rcx
;;=   adcq %r8, %rcx
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; mul_u
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   mulq %rdx ;; implicit: %rax, %rdx
;;=   movq %rdx, %rcx
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; mul_s
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   imulq %rdx ;; implicit: %rax, %rdx
;;=   movq %rdx, %rcx
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
