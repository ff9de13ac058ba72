;;! cpu: x86-64-v3
;;! only: swizzle trunc_single trunc_double madd nmadd min select q15mulr dot dot_add

;; The machine's own instructions.
(module
  (func $swizzle (param v128 v128) (result v128)
    (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))
  (func $trunc_single (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))
  (func $trunc_double (param v128) (result v128) (i32x4.relaxed_trunc_f64x2_s_zero (local.get 0)))
  (func $madd (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  (func $nmadd (param v128 v128 v128) (result v128)
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  (func $min (param v128 v128) (result v128) (f32x4.relaxed_min (local.get 0) (local.get 1)))
  (func $select (param v128 v128 v128) (result v128)
    (i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func $q15mulr (param v128 v128) (result v128)
    (i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1)))
  (func $dot (param v128 v128) (result v128)
    (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1)))
  (func $dot_add (param v128 v128 v128) (result v128)
    (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))

;;= ;; swizzle
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vpshufb %xmm1, %xmm0, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; trunc_single
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vcvttps2dq %xmm0, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; trunc_double
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vcvttpd2dq %xmm0, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; madd
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vfmadd213ps %xmm2, %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; nmadd
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vfnmadd213pd %xmm2, %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; min
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vminps %xmm0, %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; select
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vblendvps %xmm2, %xmm0, %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; q15mulr
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vpmulhrsw %xmm1, %xmm0, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; dot
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vpmaddubsw %xmm0, %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;=
;;= ;; dot_add
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   vpmaddubsw %xmm0, %xmm1, %xmm6
;;=   vpmaddwd (%rip), %xmm6, %xmm6
;;=   vpaddd %xmm2, %xmm6, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
