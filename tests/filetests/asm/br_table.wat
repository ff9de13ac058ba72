;; A jump table, with the index bounded even for a processor that runs ahead.
(module
  (func $br_table (param i32) (result i32)
    (block $c (block $b (block $a
      (br_table $a $b $c (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30)))

;;= ;; br_table
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl $0x2, %edi
;;=   movl %esi, %r8d
;;=   cmpl %edi, %r8d
;;=   cmovbl %r8d, %edi
;;=   br_table %rdi, %rcx, %rax
;;= block1:
;;=   movl $0x14, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block2:
;;=   movl $0xa, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block3:
;;=   movl $0x1e, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
