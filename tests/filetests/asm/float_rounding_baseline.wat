;;! cpu: x86-64

;; Without SSE4.1 there is no instruction: the runtime is called through a slot.
(module
  (func $ceil (param f32) (result f32) (f32.ceil (local.get 0))))

;;= ;; ceil
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   movq 8(%rdi), %r10
;;=   movq (%r10), %r10
;;=   addq $0x10, %r10
;;=   cmpq %rsp, %r10
;;=   jnbe #trap=stk_ovf
;;= block0:
;;=   load_ext_name %CeilF32+0, %rsi
;;=   call    *%rsi
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
