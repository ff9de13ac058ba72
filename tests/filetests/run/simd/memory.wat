;;! invoke: load 0
;;! invoke: load 65520
;;! invoke: load 65521
;;! invoke: extend 1
;;! invoke: extend 65529
;;! invoke: splat 3
;;! invoke: splat 65535
;;! invoke: splat 65533
;;! invoke: zero 4
;;! invoke: zero 65532
;;! invoke: zero 65533
;;! invoke: lane 2
;;! invoke: lane 65535
;;! invoke: store_lane 65534 i16x8:1,2,3,4,5,6,7,8
;;! invoke: store_lane 65535 i16x8:1,2,3,4,5,6,7,8
;;! invoke: last
;;! invoke: store 65521 i32x4:-1,-1,-1,-1
;;! invoke: last

;; Each access checks as many bytes as it touches.
(module
  (memory 1)
  (data (i32.const 0) "\80\81\82\83\84\85\86\87\88\89\8a\8b\8c\8d\8e\8f")
  (func (export "load") (param i32) (result v128) (v128.load (local.get 0)))
  (func (export "extend") (param i32) (result v128 v128)
    (v128.load8x8_s (local.get 0)) (v128.load32x2_u (local.get 0)))
  (func (export "splat") (param i32) (result v128 v128)
    (v128.load8_splat (local.get 0)) (v128.load32_splat (local.get 0)))
  (func (export "zero") (param i32) (result v128) (v128.load32_zero (local.get 0)))
  (func (export "lane") (param i32) (result v128)
    (v128.load16_lane 7 (local.get 0) (v128.const i32x4 1 2 3 4)))
  (func (export "store_lane") (param i32 v128)
    (v128.store16_lane 1 (local.get 0) (local.get 1)))
  (func (export "store") (param i32 v128) (v128.store (local.get 0) (local.get 1)))
  (func (export "last") (result i64) (i64.load (i32.const 65528))))

;;= load 0 -> i32x4:0x83828180,0x87868584,0x8b8a8988,0x8f8e8d8c
;;= load 65520 -> i32x4:0x0,0x0,0x0,0x0
;;= load 65521 -> trap: out of bounds memory access
;;= extend 1 -> i32x4:0xff82ff81,0xff84ff83,0xff86ff85,0xff88ff87 i32x4:0x84838281,0x0,0x88878685,0x0
;;= extend 65529 -> trap: out of bounds memory access
;;= splat 3 -> i32x4:0x83838383,0x83838383,0x83838383,0x83838383 i32x4:0x86858483,0x86858483,0x86858483,0x86858483
;;= splat 65535 -> trap: out of bounds memory access
;;= splat 65533 -> trap: out of bounds memory access
;;= zero 4 -> i32x4:0x87868584,0x0,0x0,0x0
;;= zero 65532 -> i32x4:0x0,0x0,0x0,0x0
;;= zero 65533 -> trap: out of bounds memory access
;;= lane 2 -> i32x4:0x1,0x2,0x3,0x83820004
;;= lane 65535 -> trap: out of bounds memory access
;;= store_lane 65534 i16x8:1,2,3,4,5,6,7,8 ->
;;= store_lane 65535 i16x8:1,2,3,4,5,6,7,8 -> trap: out of bounds memory access
;;= last -> 562949953421312
;;= store 65521 i32x4:-1,-1,-1,-1 -> trap: out of bounds memory access
;;= last -> 562949953421312
