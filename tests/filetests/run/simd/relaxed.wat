;;! invoke: swizzle i8x16:100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115 i8x16:15,0,3,-1,-128,7,8,9,1,1,2,2,14,-2,5,0
;;! invoke: trunc f32x4:1.9,-1.9,2147483520,-2147483648 f64x2:2147483647.5,-2147483648.5
;;! invoke: trunc_u f32x4:0.9,-0.9,4294967040,-0.0 f64x2:4294967295.5,3.99
;;! invoke: madd_f32 f32x4:2,-3,0.5,1e38 f32x4:4,5,0.25,-2 f32x4:1,-1,0,1e37
;;! invoke: madd_f64 f64x2:2,-3 f64x2:4,5 f64x2:1,-1
;;! invoke: select i32x4:1,2,3,4 i32x4:-1,-2,-3,-4 i32x4:-1,0,0,-1
;;! invoke: select i32x4:0x11111111,0x22222222,0x33333333,0x44444444 i32x4:5,6,7,8 i32x4:-1,-1,0,0
;;! invoke: narrow_select i32x4:0x11223344,0x55667788,1,2 i32x4:-1,-2,-3,-4 i32x4:0xff00ff00,0x00ffff00,0x0000ffff,0xffff0000
;;! invoke: min_max f32x4:1,-2,inf,-0.0 f32x4:2,-3,-inf,-0.0 f64x2:1.5,-inf f64x2:1.25,7
;;! invoke: q15 i16x8:0x4000,-32768,32767,1000,-1,2,3,4 i16x8:0x4000,32767,32767,1000,-32768,2,3,16384
;;! invoke: dot i8x16:-128,-128,127,127,1,2,3,4,5,6,7,8,9,10,-11,12 i8x16:127,127,127,127,0,1,2,3,4,5,6,7,8,9,10,11 i32x4:1,-2,3,-4
;;! invoke: of_comparison i32x4:1,2,3,4 i32x4:4,3,3,1

;; Operands for which the operators are not relaxed: the same on all machines.
(module
  (func (export "swizzle") (param v128 v128) (result v128)
    (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))
  (func (export "trunc") (param v128 v128) (result v128 v128)
    (i32x4.relaxed_trunc_f32x4_s (local.get 0)) (i32x4.relaxed_trunc_f64x2_s_zero (local.get 1)))
  (func (export "trunc_u") (param v128 v128) (result v128 v128)
    (i32x4.relaxed_trunc_f32x4_u (local.get 0)) (i32x4.relaxed_trunc_f64x2_u_zero (local.get 1)))
  (func (export "madd_f32") (param v128 v128 v128) (result v128 v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))
    (f32x4.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  (func (export "madd_f64") (param v128 v128 v128) (result v128 v128)
    (f64x2.relaxed_madd (local.get 0) (local.get 1) (local.get 2))
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  ;; Masks of whole lanes, of 32 and 64 bits or of 8 and 16.
  (func (export "select") (param v128 v128 v128) (result v128 v128)
    (i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))
    (i64x2.relaxed_laneselect (local.get 0) (local.get 1)
      (i64x2.eq (local.get 2) (i64x2.splat (i64.const -1)))))
  (func (export "narrow_select") (param v128 v128 v128) (result v128 v128)
    (i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))
    (i16x8.relaxed_laneselect (local.get 0) (local.get 1)
      (i16x8.eq (local.get 2) (i16x8.splat (i32.const -1)))))
  (func (export "min_max") (param v128 v128 v128 v128) (result v128 v128 v128 v128)
    (f32x4.relaxed_min (local.get 0) (local.get 1)) (f32x4.relaxed_max (local.get 0) (local.get 1))
    (f64x2.relaxed_min (local.get 2) (local.get 3)) (f64x2.relaxed_max (local.get 2) (local.get 3)))
  (func (export "q15") (param v128 v128) (result v128)
    (i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1)))
  (func (export "dot") (param v128 v128 v128) (result v128 v128)
    (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1))
    (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2)))
  ;; A mask that is a comparison's result.
  (func (export "of_comparison") (param v128 v128) (result v128)
    (i32x4.relaxed_laneselect (local.get 0) (local.get 1)
      (i32x4.lt_s (local.get 0) (local.get 1)))))

;;= swizzle i8x16:100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115 i8x16:15,0,3,-1,-128,7,8,9,1,1,2,2,14,-2,5,0 -> i32x4:0x676473,0x6d6c6b00,0x66666565,0x64690072
;;= trunc f32x4:1.9,-1.9,2147483520,-2147483648 f64x2:2147483647.5,-2147483648.5 -> i32x4:0x1,0xffffffff,0x7fffff80,0x80000000 i32x4:0x7fffffff,0x80000000,0x0,0x0
;;= trunc_u f32x4:0.9,-0.9,4294967040,-0.0 f64x2:4294967295.5,3.99 -> i32x4:0x0,0x0,0xffffff00,0x0 i32x4:0xffffffff,0x3,0x0,0x0
;;= madd_f32 f32x4:2,-3,0.5,1e38 f32x4:4,5,0.25,-2 f32x4:1,-1,0,1e37 -> i32x4:0x41100000,0xc1800000,0x3e000000,0xff0ef0ab i32x4:0xc0e00000,0x41600000,0xbe000000,0x7f1dfc87
;;= madd_f64 f64x2:2,-3 f64x2:4,5 f64x2:1,-1 -> i32x4:0x0,0x40220000,0x0,0xc0300000 i32x4:0x0,0xc01c0000,0x0,0x402c0000
;;= select i32x4:1,2,3,4 i32x4:-1,-2,-3,-4 i32x4:-1,0,0,-1 -> i32x4:0x1,0xfffffffe,0xfffffffd,0x4 i32x4:0xffffffff,0xfffffffe,0xfffffffd,0xfffffffc
;;= select i32x4:0x11111111,0x22222222,0x33333333,0x44444444 i32x4:5,6,7,8 i32x4:-1,-1,0,0 -> i32x4:0x11111111,0x22222222,0x7,0x8 i32x4:0x11111111,0x22222222,0x7,0x8
;;= narrow_select i32x4:0x11223344,0x55667788,1,2 i32x4:-1,-2,-3,-4 i32x4:0xff00ff00,0x00ffff00,0x0000ffff,0xffff0000 -> i32x4:0x11ff33ff,0xff6677fe,0xffff0001,0xfffc i32x4:0xffffffff,0xfffffffe,0xffff0001,0xfffc
;;= min_max f32x4:1,-2,inf,-0.0 f32x4:2,-3,-inf,-0.0 f64x2:1.5,-inf f64x2:1.25,7 -> i32x4:0x3f800000,0xc0400000,0xff800000,0x80000000 i32x4:0x40000000,0xc0000000,0x7f800000,0x80000000 i32x4:0x0,0x3ff40000,0x0,0xfff00000 i32x4:0x0,0x3ff80000,0x0,0x401c0000
;;= q15 i16x8:0x4000,-32768,32767,1000,-1,2,3,4 i16x8:0x4000,32767,32767,1000,-32768,2,3,16384 -> i32x4:0x80012000,0x1f7ffe,0x1,0x20000
;;= dot i8x16:-128,-128,127,127,1,2,3,4,5,6,7,8,9,10,-11,12 i8x16:127,127,127,127,0,1,2,3,4,5,6,7,8,9,10,11 i32x4:1,-2,3,-4 -> i32x4:0x7e028100,0x120002,0x620032,0x1600a2 i32x4:0xffffff03,0x12,0x97,0xb4
;;= of_comparison i32x4:1,2,3,4 i32x4:4,3,3,1 -> i32x4:0x1,0x2,0x3,0x1
