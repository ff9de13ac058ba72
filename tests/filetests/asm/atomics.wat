;; Additions and exchanges are single instructions, others loop; what is not aligned goes to a path
;; of its own, which sees whether it is out of bounds too.
(module
  (memory 1 1 shared)
  (func $add (param i32 i32) (result i32)
    (i32.atomic.rmw.add offset=8 (local.get 0) (local.get 1)))
  (func $and (param i32 i32) (result i32)
    (i32.atomic.rmw8.and_u (local.get 0) (local.get 1)))
  (func $store (param i32 i64)
    (i64.atomic.store (local.get 0) (local.get 1))
    (atomic.fence)))

;;= ;; add
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl $0x3, %esi
;;=   jnz #trap=user15
;;=   movq 0x20(%rdi), %r9
;;=   movq (%r9), %r9
;;=   movl %esi, %r10d
;;=   movq %rdx, %rax
;;=   lock xaddl %eax, 8(%r9, %r10)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; and
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq 0x20(%rdi), %r9
;;=   movq (%r9), %r9
;;=   movl %esi, %r10d
;;=   atomically { 8_bits_at_[%r9] And= %r10; %rax = old_value_at_[%r9]; %r11, %rflags = trash }
;;=   movzbl %al, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; store
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl $0x7, %esi
;;=   jnz #trap=user15
;;=   movq 0x20(%rdi), %r8
;;=   movq (%r8), %r8
;;=   movl %esi, %r9d
;;=   movq %rdx, (%r8, %r9)
;;=   mfence
;;=   mfence
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
