;;! memory: checked

(module
  (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;;= ;; load
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq 0x20(%rdi), %r11
;;=   movq 0x28(%rdi), %rax
;;=   movl %esi, %ecx
;;=   leaq 0x14(%rcx), %rdx
;;=   cmpq %rax, %rdx
;;=   jnbe #trap=heap_oob
;;=   uninit  %rsi
;;=   xorq %rsi, %rsi
;;=   leaq 0x10(%r11, %rcx), %rcx
;;=   cmpq %rax, %rdx
;;=   cmovaq %rsi, %rcx
;;=   movl (%rcx), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
