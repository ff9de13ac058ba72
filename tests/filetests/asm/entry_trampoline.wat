;;! only: precast.entry.0

(module
  (func $f (export "f") (param i32 f64) (result i64) (i64.const 1)))

;;= ;; precast.entry.0
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x40, %rsp
;;=   movq %rbx, 0x10(%rsp)
;;=   movq %r12, 0x18(%rsp)
;;=   movq %r13, 0x20(%rsp)
;;=   movq %r14, 0x28(%rsp)
;;=   movq %r15, 0x30(%rsp)
;;= block0:
;;=   movq %rdi, %r8
;;=   movq %rsi, %rdi
;;=   jmp     label1
;;= block1:
;;=   movl (%rdx), %esi
;;=   movsd 0x10(%rdx), %xmm0
;;=   movq %rdx, <offset:1>+(%rsp)
;;=   movq    %rbp, %rax
;;=   movq %rax, 0x18(%rcx)
;;=   movq    %rsp, %rax
;;=   movq %rax, 0x10(%rcx)
;;=   label_address %rax, MachLabel(3)
;;=   movq %rax, 8(%rcx)
;;=   movq %r8, %rax
;;=   call    *%rax; jmp MachLabel(2); catch [default: MachLabel(3)]
;;= block2:
;;=   movq <offset:1>+(%rsp), %rdx
;;=   movq %rax, (%rdx)
;;=   movl $0x1, %eax
;;=   movq 0x10(%rsp), %rbx
;;=   movq 0x18(%rsp), %r12
;;=   movq 0x20(%rsp), %r13
;;=   movq 0x28(%rsp), %r14
;;=   movq 0x30(%rsp), %r15
;;=   addq $0x40, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block3:
;;=   uninit  %rax
;;=   xorl %eax, %eax
;;=   movq 0x10(%rsp), %rbx
;;=   movq 0x18(%rsp), %r12
;;=   movq 0x20(%rsp), %r13
;;=   movq 0x28(%rsp), %r14
;;=   movq 0x30(%rsp), %r15
;;=   addq $0x40, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
