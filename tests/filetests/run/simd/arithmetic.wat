;;! invoke: saturate i8x16:127,-128,100,-100,1,2,3,4,5,6,7,8,9,10,11,12 i8x16:1,-1,100,-100,1,1,1,1,1,1,1,1,1,1,1,1
;;! invoke: i8_mul_high i16x8:0x4000,-32768,1000,-1000,1,2,3,4 i16x8:0x4000,-32768,1000,1000,1,2,3,4
;;! invoke: shifts i8x16:-128,1,2,3,4,5,6,7,8,9,10,11,12,13,14,127 9
;;! invoke: compare i32x4:-1,0,1,5 i32x4:1,0,-1,5
;;! invoke: floats f32x4:1,-0.0,inf,-2.5 f32x4:2,0.0,-inf,0.5
;;! invoke: pseudo f64x2:-0.0,1 f64x2:0.0,2
;;! invoke: convert f64x2:nan,-1e300 f32x4:nan,3e9,-3e9,1.9
;;! invoke: narrow i16x8:300,-300,127,-128,0,1,-1,128 i16x8:1,2,3,4,5,6,7,8
;;! invoke: bits i32x4:0xff00ff00,0,-1,0x0f0f0f0f i32x4:0x0ff00ff0,-1,0,0xf0f0f0f0
;;! invoke: products i32x4:3,-4,5,-6 i32x4:100000,100000,0x7fffffff,-0x80000000
;;! invoke: counts i8x16:0,1,3,7,15,31,63,127,-1,-128,85,-86,2,4,8,16

(module
  ;; add_sat_s add_sat_u sub_sat_s sub_sat_u
  (func (export "saturate") (param v128 v128) (result v128 v128 v128 v128)
    (i8x16.add_sat_s (local.get 0) (local.get 1)) (i8x16.add_sat_u (local.get 0) (local.get 1))
    (i8x16.sub_sat_s (local.get 0) (local.get 1)) (i8x16.sub_sat_u (local.get 0) (local.get 1)))
  (func (export "i8_mul_high") (param v128 v128) (result v128 v128)
    (i16x8.q15mulr_sat_s (local.get 0) (local.get 1)) (i32x4.dot_i16x8_s (local.get 0) (local.get 1)))
  ;; The amount counts modulo the width of a lane: 9 is 1.
  (func (export "shifts") (param v128 i32) (result v128 v128 v128)
    (i8x16.shl (local.get 0) (local.get 1)) (i8x16.shr_s (local.get 0) (local.get 1))
    (i8x16.shr_u (local.get 0) (local.get 1)))
  (func (export "compare") (param v128 v128) (result v128 v128 v128 v128)
    (i32x4.eq (local.get 0) (local.get 1)) (i32x4.lt_s (local.get 0) (local.get 1))
    (i32x4.lt_u (local.get 0) (local.get 1)) (i32x4.ge_u (local.get 0) (local.get 1)))
  (func (export "floats") (param v128 v128) (result v128 v128 v128 v128)
    (f32x4.min (local.get 0) (local.get 1)) (f32x4.max (local.get 0) (local.get 1))
    (f32x4.nearest (local.get 0)) (f32x4.neg (local.get 1)))
  ;; pmin is `b < a ? b : a`, pmax `a < b ? b : a`: of two zeros the first.
  (func (export "pseudo") (param v128 v128) (result v128 v128)
    (f64x2.pmin (local.get 0) (local.get 1)) (f64x2.pmax (local.get 0) (local.get 1)))
  (func (export "convert") (param v128 v128) (result v128 v128 v128)
    (i32x4.trunc_sat_f64x2_s_zero (local.get 0)) (i32x4.trunc_sat_f32x4_s (local.get 1))
    (i32x4.trunc_sat_f32x4_u (local.get 1)))
  (func (export "narrow") (param v128 v128) (result v128 v128)
    (i8x16.narrow_i16x8_s (local.get 0) (local.get 1))
    (i8x16.narrow_i16x8_u (local.get 0) (local.get 1)))
  ;; and or xor andnot not, and each bit chosen by the first operand.
  (func (export "bits") (param v128 v128) (result v128 v128 v128 v128 v128 v128)
    (v128.and (local.get 0) (local.get 1)) (v128.or (local.get 0) (local.get 1))
    (v128.xor (local.get 0) (local.get 1)) (v128.andnot (local.get 0) (local.get 1))
    (v128.not (local.get 0))
    (v128.bitselect (v128.const i32x4 -1 -1 -1 -1) (v128.const i32x4 0 0 0 0) (local.get 0)))
  (func (export "products") (param v128 v128) (result v128 v128 v128 v128)
    (i32x4.mul (local.get 0) (local.get 1))
    (i64x2.extmul_low_i32x4_s (local.get 0) (local.get 1))
    (i64x2.extmul_high_i32x4_u (local.get 0) (local.get 1))
    (i64x2.mul (local.get 0) (local.get 1)))
  (func (export "counts") (param v128) (result v128 v128 v128)
    (i8x16.popcnt (local.get 0)) (i8x16.abs (local.get 0))
    (i16x8.extadd_pairwise_i8x16_u (local.get 0))))

;;= saturate i8x16:127,-128,100,-100,1,2,3,4,5,6,7,8,9,10,11,12 i8x16:1,-1,100,-100,1,1,1,1,1,1,1,1,1,1,1,1 -> i32x4:0x807f807f,0x5040302,0x9080706,0xd0c0b0a i32x4:0xffc8ff80,0x5040302,0x9080706,0xd0c0b0a i32x4:0x817e,0x3020100,0x7060504,0xb0a0908 i32x4:0x7e,0x3020100,0x7060504,0xb0a0908
;;= i8_mul_high i16x8:0x4000,-32768,1000,-1000,1,2,3,4 i16x8:0x4000,-32768,1000,1000,1,2,3,4 -> i32x4:0x7fff2000,0xffe1001f,0x0,0x0 i32x4:0x50000000,0x0,0x5,0x19
;;= shifts i8x16:-128,1,2,3,4,5,6,7,8,9,10,11,12,13,14,127 9 -> i32x4:0x6040200,0xe0c0a08,0x16141210,0xfe1c1a18 i32x4:0x10100c0,0x3030202,0x5050404,0x3f070606 i32x4:0x1010040,0x3030202,0x5050404,0x3f070606
;;= compare i32x4:-1,0,1,5 i32x4:1,0,-1,5 -> i32x4:0x0,0xffffffff,0x0,0xffffffff i32x4:0xffffffff,0x0,0x0,0x0 i32x4:0x0,0x0,0xffffffff,0x0 i32x4:0xffffffff,0xffffffff,0x0,0xffffffff
;;= floats f32x4:1,-0.0,inf,-2.5 f32x4:2,0.0,-inf,0.5 -> i32x4:0x3f800000,0x80000000,0xff800000,0xc0200000 i32x4:0x40000000,0x0,0x7f800000,0x3f000000 i32x4:0x3f800000,0x80000000,0x7f800000,0xc0000000 i32x4:0xc0000000,0x80000000,0x7f800000,0xbf000000
;;= pseudo f64x2:-0.0,1 f64x2:0.0,2 -> i32x4:0x0,0x80000000,0x0,0x3ff00000 i32x4:0x0,0x80000000,0x0,0x40000000
;;= convert f64x2:nan,-1e300 f32x4:nan,3e9,-3e9,1.9 -> i32x4:0x0,0x80000000,0x0,0x0 i32x4:0x0,0x7fffffff,0x80000000,0x1 i32x4:0x0,0xb2d05e00,0x0,0x1
;;= narrow i16x8:300,-300,127,-128,0,1,-1,128 i16x8:1,2,3,4,5,6,7,8 -> i32x4:0x807f807f,0x7fff0100,0x4030201,0x8070605 i32x4:0x7f00ff,0x80000100,0x4030201,0x8070605
;;= bits i32x4:0xff00ff00,0,-1,0x0f0f0f0f i32x4:0x0ff00ff0,-1,0,0xf0f0f0f0 -> i32x4:0xf000f00,0x0,0x0,0x0 i32x4:0xfff0fff0,0xffffffff,0xffffffff,0xffffffff i32x4:0xf0f0f0f0,0xffffffff,0xffffffff,0xffffffff i32x4:0xf000f000,0x0,0xffffffff,0xf0f0f0f i32x4:0xff00ff,0xffffffff,0x0,0xf0f0f0f0 i32x4:0xff00ff00,0x0,0xffffffff,0xf0f0f0f
;;= products i32x4:3,-4,5,-6 i32x4:100000,100000,0x7fffffff,-0x80000000 -> i32x4:0x493e0,0xfff9e580,0x7ffffffb,0x0 i32x4:0x493e0,0x0,0xfff9e580,0xffffffff i32x4:0x7ffffffb,0x2,0x0,0x7ffffffd i32x4:0x493e0,0xfffe7960,0x7ffffffb,0x80000008
;;= counts i8x16:0,1,3,7,15,31,63,127,-1,-128,85,-86,2,4,8,16 -> i32x4:0x3020100,0x7060504,0x4040108,0x1010101 i32x4:0x7030100,0x7f3f1f0f,0x56558001,0x10080402 i32x4:0xa0001,0xbe002e,0xff017f,0x180006
