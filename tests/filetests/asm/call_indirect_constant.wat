;;! only: call

(module
  (type $t (func (param i32) (result i32)))
  (table 3 funcref)
  (elem (i32.const 0) $f)
  (func $f (type $t) (local.get 0))
  (func $call (param i32) (result i32) (call_indirect (type $t) (i32.const 5) (local.get 0))))

;;= ;; call
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   movq 8(%rdi), %r10
;;=   movq (%r10), %r10
;;=   addq $0x10, %r10
;;=   cmpq %rsp, %r10
;;=   jnbe #trap=stk_ovf
;;= block0:
;;=   cmpl $0x3, %esi
;;=   jnb #trap=user4
;;=   load_ext_name userextname0+0, %rax
;;=   movl %esi, %ecx
;;=   leaq (%rax, %rcx, 8), %rcx
;;=   cmpl $0x3, %esi
;;=   cmovaeq %rax, %rcx
;;=   movl (%rcx), %edx
;;=   testl %edx, %edx
;;=   jz      label2; j label1
;;= block2:
;;=   movslq 4(%rcx), %rcx
;;=   leaq (%rax, %rcx), %rax
;;=   movl $0x5, %esi
;;=   call    *%rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   cmpl $0xffffffff, %edx
;;=   jz #trap=user5
;;=   ud2
