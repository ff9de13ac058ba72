;;! invoke: splats 0x1ff 0x12345 -1 0.5
;;! invoke: extract i8x16:-1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,-128
;;! invoke: extract_wide i64x2:0x1122334455667788,-2
;;! invoke: replace i32x4:1,2,3,4
;;! invoke: shuffle i8x16:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 i8x16:16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
;;! invoke: swizzle i8x16:10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25 i8x16:0,15,16,127,128,255,1,2,3,4,5,6,7,8,9,10
;;! invoke: bitmasks i8x16:-1,0,0,0,0,0,0,-1,0,0,0,0,0,0,0,-128
;;! invoke: any_all i32x4:0,0,0,0
;;! invoke: any_all i32x4:1,2,3,4
;;! invoke: any_all i32x4:1,0,3,4

;; An index that is too large makes a byte of a swizzle 0.
(module
  (func (export "splats") (param i32 i32 i64 f32) (result v128 v128 v128 v128)
    (i8x16.splat (local.get 0)) (i16x8.splat (local.get 1))
    (i64x2.splat (local.get 2)) (f32x4.splat (local.get 3)))
  (func (export "extract") (param v128) (result i32 i32 i32 i32)
    (i8x16.extract_lane_s 0 (local.get 0)) (i8x16.extract_lane_u 0 (local.get 0))
    (i8x16.extract_lane_s 15 (local.get 0)) (i8x16.extract_lane_u 15 (local.get 0)))
  (func (export "extract_wide") (param v128) (result i32 i32 i32 i64 f64)
    (i16x8.extract_lane_s 0 (local.get 0)) (i16x8.extract_lane_u 7 (local.get 0))
    (i32x4.extract_lane 1 (local.get 0)) (i64x2.extract_lane 1 (local.get 0))
    (f64x2.extract_lane 0 (v128.const f64x2 -0 1)))
  (func (export "replace") (param v128) (result v128 v128 v128)
    (i8x16.replace_lane 5 (local.get 0) (i32.const -1))
    (i64x2.replace_lane 1 (local.get 0) (i64.const 0))
    (f32x4.replace_lane 3 (local.get 0) (f32.const 1)))
  (func (export "shuffle") (param v128 v128) (result v128)
    (i8x16.shuffle 0 31 1 30 2 29 3 28 15 16 14 17 13 18 12 19 (local.get 0) (local.get 1)))
  (func (export "swizzle") (param v128 v128) (result v128)
    (i8x16.swizzle (local.get 0) (local.get 1)))
  (func (export "bitmasks") (param v128) (result i32 i32 i32 i32)
    (i8x16.bitmask (local.get 0)) (i16x8.bitmask (local.get 0))
    (i32x4.bitmask (local.get 0)) (i64x2.bitmask (local.get 0)))
  (func (export "any_all") (param v128) (result i32 i32)
    (v128.any_true (local.get 0)) (i32x4.all_true (local.get 0))))

;;= splats 0x1ff 0x12345 -1 0.5 -> i32x4:0xffffffff,0xffffffff,0xffffffff,0xffffffff i32x4:0x23452345,0x23452345,0x23452345,0x23452345 i32x4:0xffffffff,0xffffffff,0xffffffff,0xffffffff i32x4:0x3f000000,0x3f000000,0x3f000000,0x3f000000
;;= extract i8x16:-1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,-128 -> -1 255 -128 128
;;= extract_wide i64x2:0x1122334455667788,-2 -> 30600 65535 287454020 -2 -0.0
;;= replace i32x4:1,2,3,4 -> i32x4:0x1,0xff02,0x3,0x4 i32x4:0x1,0x2,0x0,0x0 i32x4:0x1,0x2,0x3,0x3f800000
;;= shuffle i8x16:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 i8x16:16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 -> i32x4:0x1e011f00,0x1c031d02,0x110e100f,0x130c120d
;;= swizzle i8x16:10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25 i8x16:0,15,16,127,128,255,1,2,3,4,5,6,7,8,9,10 -> i32x4:0x190a,0xc0b0000,0x100f0e0d,0x14131211
;;= bitmasks i8x16:-1,0,0,0,0,0,0,-1,0,0,0,0,0,0,0,-128 -> 32897 136 10 3
;;= any_all i32x4:0,0,0,0 -> 0 0
;;= any_all i32x4:1,2,3,4 -> 1 1
;;= any_all i32x4:1,0,3,4 -> 1 0
