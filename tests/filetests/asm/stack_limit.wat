;; The prologue compares the stack pointer with the limit in the store context. A leaf function
;; that needs no stack is spared.
(module
  (import "env" "f" (func $f))
  (func $leaf (param i32) (result i32) (local.get 0))
  (func $caller (call $f)))

;;= ;; leaf
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; caller
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   movq 8(%rdi), %r10
;;=   movq (%r10), %r10
;;=   addq $0x10, %r10
;;=   cmpq %rsp, %r10
;;=   jnbe #trap=stk_ovf
;;= block0:
;;=   movq 8(%rdi), %rsi
;;=   movq %rdi, 0x28(%rsi)
;;=   movq 0x20(%rdi), %rsi
;;=   movq 0x28(%rdi), %rdi
;;=   call    *%rsi
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; precast.import.0
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   movq 8(%rdi), %r10
;;=   movq (%r10), %r10
;;=   addq $0x10, %r10
;;=   cmpq %rsp, %r10
;;=   jnbe #trap=stk_ovf
;;= block0:
;;=   movq    %rbp, %r8
;;=   movq 8(%rdi), %r9
;;=   movq %r8, 0x20(%r9)
;;=   movq 0x18(%rdi), %r8
;;=   leaq <offset:1>+(%rsp), %rsi
;;=   call    *%r8
;;=   testb %al, %al
;;=   jnz     label2; j label1
;;= block2:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   load_ext_name userextname0+0, %r10
;;=   call    *%r10
;;=   ud2
;;=
;;= ;; precast.import.0.direct
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %rbp, %r8
;;=   movq 8(%rdi), %r9
;;=   movq %r8, 0x20(%r9)
;;=   movq 0x20(%rdi), %r8
;;=   call    *%r8
;;=   testq %rdx, %rdx
;;=   jnz     label2; j label1
;;= block2:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   load_ext_name userextname0+0, %r9
;;=   call    *%r9
;;=   ud2
