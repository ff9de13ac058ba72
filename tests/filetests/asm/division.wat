;; A zero divisor is found by a compare; what is left for the instruction to fault on is overflow.
;; The remainder must not trap on that, and is made by a sequence of its own.
(module
  (func $div (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $rem (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1))))

;;= ;; div
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   movq %rdx, %r11
;;=   cltd  ;; implicit: %edx, %eax
;;=   testl %r11d, %r11d
;;=   jz #trap=int_divz
;;=   idivl %r11d ;; implicit: %eax, %edx, trap=252
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; rem
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   movq %rdx, %r9
;;=   cltd  ;; implicit: %edx, %eax
;;=   checked_srem_seq %eax, %edx, %r9d, %eax, %edx
;;=   movq %rdx, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
