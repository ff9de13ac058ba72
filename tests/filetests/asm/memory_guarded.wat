;; One instruction for the access, with the offset in it.
(module
  (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;;= ;; load
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %r8
;;=   movq 0x20(%rdi), %rsi
;;=   movq %r8, %rdi
;;=   movl %edi, %edi
;;=   movl 0x10(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
