;;! cpu: x86-64-v2

(module
  (func $ceil (param f32) (result f32) (f32.ceil (local.get 0))))

;;= ;; ceil
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   roundss $0x2, %xmm0, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
