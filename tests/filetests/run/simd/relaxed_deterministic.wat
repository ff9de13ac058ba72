;;! deterministic: true
;;! invoke: swizzle i8x16:100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115 i8x16:15,16,17,31,32,127,-128,-1,64,100,0,15,16,16,16,16
;;! invoke: trunc f32x4:nan,inf,-inf,2147483648 f64x2:nan,3e9
;;! invoke: trunc f32x4:-3e9,0,0,0 f64x2:-inf,-3e9
;;! invoke: trunc_u f32x4:nan,inf,-1,-inf f64x2:nan,-1
;;! invoke: trunc_u f32x4:4294967296,0,0,0 f64x2:inf,4294967296
;;! invoke: madd_f32 f32x4:3.4028234663852886e38,inf,nan:0x1,1 f32x4:2,0,1,nan f32x4:-3.4028234663852886e38,1,1,inf
;;! invoke: madd_f64 f64x2:inf,1e308 f64x2:0,10 f64x2:1,-inf
;;! invoke: select i32x4:-1,-1,-1,-1 i32x4:0,0,0,0 i32x4:0x80000001,0x7fffffff,0x12345678,1
;;! invoke: narrow_select i32x4:-1,-1,-1,-1 i32x4:0,0,0,0 i32x4:0x80017ffe,0x00800180,0x12345678,1
;;! invoke: min_max f32x4:-0.0,0.0,nan,1 f32x4:0.0,-0.0,1,nan f64x2:-0.0,-nan:0x1 f64x2:0.0,1
;;! invoke: q15 i16x8:-32768,-32768,0,0,0,0,0,0 i16x8:-32768,-32767,0,0,0,0,0,0
;;! invoke: dot i8x16:-128,-128,-128,-128,-1,-1,127,127,1,2,3,4,5,6,7,8 i8x16:-128,-128,-127,-127,-1,-1,-128,-128,-1,-2,-3,-4,-5,-6,-7,-8 i32x4:1,2,3,4
;;! invoke: of_comparison i32x4:1,2,3,4 i32x4:4,3,3,1

;; Operands for which machines differ, as the deterministic profile says: the same on all of them.
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
  ;; Bit by bit.
  (func (export "select") (param v128 v128 v128) (result v128 v128)
    (i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))
    (i64x2.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func (export "narrow_select") (param v128 v128 v128) (result v128 v128)
    (i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))
    (i16x8.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
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

;;= swizzle i8x16:100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115 i8x16:15,16,17,31,32,127,-128,-1,64,100,0,15,16,16,16,16 -> i32x4:0x73,0x0,0x73640000,0x0
;;= trunc f32x4:nan,inf,-inf,2147483648 f64x2:nan,3e9 -> i32x4:0x0,0x7fffffff,0x80000000,0x7fffffff i32x4:0x0,0x7fffffff,0x0,0x0
;;= trunc f32x4:-3e9,0,0,0 f64x2:-inf,-3e9 -> i32x4:0x80000000,0x0,0x0,0x0 i32x4:0x80000000,0x80000000,0x0,0x0
;;= trunc_u f32x4:nan,inf,-1,-inf f64x2:nan,-1 -> i32x4:0x0,0xffffffff,0x0,0x0 i32x4:0x0,0x0,0x0,0x0
;;= trunc_u f32x4:4294967296,0,0,0 f64x2:inf,4294967296 -> i32x4:0xffffffff,0x0,0x0,0x0 i32x4:0xffffffff,0xffffffff,0x0,0x0
;;= madd_f32 f32x4:3.4028234663852886e38,inf,nan:0x1,1 f32x4:2,0,1,nan f32x4:-3.4028234663852886e38,1,1,inf -> i32x4:0x7f800000,0x7fc00000,0x7fc00000,0x7fc00000 i32x4:0xff800000,0x7fc00000,0x7fc00000,0x7fc00000
;;= madd_f64 f64x2:inf,1e308 f64x2:0,10 f64x2:1,-inf -> i32x4:0x0,0x7ff80000,0x0,0x7ff80000 i32x4:0x0,0x7ff80000,0x0,0xfff00000
;;= select i32x4:-1,-1,-1,-1 i32x4:0,0,0,0 i32x4:0x80000001,0x7fffffff,0x12345678,1 -> i32x4:0x80000001,0x7fffffff,0x12345678,0x1 i32x4:0x80000001,0x7fffffff,0x12345678,0x1
;;= narrow_select i32x4:-1,-1,-1,-1 i32x4:0,0,0,0 i32x4:0x80017ffe,0x00800180,0x12345678,1 -> i32x4:0x80017ffe,0x800180,0x12345678,0x1 i32x4:0x80017ffe,0x800180,0x12345678,0x1
;;= min_max f32x4:-0.0,0.0,nan,1 f32x4:0.0,-0.0,1,nan f64x2:-0.0,-nan:0x1 f64x2:0.0,1 -> i32x4:0x80000000,0x80000000,0x7fc00000,0x7fc00000 i32x4:0x0,0x0,0x7fc00000,0x7fc00000 i32x4:0x0,0x80000000,0x0,0x7ff80000 i32x4:0x0,0x0,0x0,0x7ff80000
;;= q15 i16x8:-32768,-32768,0,0,0,0,0,0 i16x8:-32768,-32767,0,0,0,0,0,0 -> i32x4:0x7fff7fff,0x0,0x0,0x0
;;= dot i8x16:-128,-128,-128,-128,-1,-1,127,127,1,2,3,4,5,6,7,8 i8x16:-128,-128,-127,-127,-1,-1,-128,-128,-1,-2,-3,-4,-5,-6,-7,-8 i32x4:1,2,3,4 -> i32x4:0x7f007fff,0x81000002,0xffe7fffb,0xff8fffc3 i32x4:0xff00,0xffff8104,0xffffffe5,0xffffff56
;;= of_comparison i32x4:1,2,3,4 i32x4:4,3,3,1 -> i32x4:0x1,0x2,0x3,0x1
