;;! invoke: arms i32x4:1,2,3,4 0
;;! invoke: arms i32x4:1,2,3,4 1
;;! invoke: no_else i32x4:1,2,3,4 0
;;! invoke: no_else i32x4:1,2,3,4 1
;;! invoke: loop i32x4:1,2,3,4

;; Both arms of an `if` get the vector that was there before the branch, whatever its lanes.
(module
  (func (export "arms") (param v128 i32) (result v128)
    (i32x4.add (local.get 0) (local.get 0))
    (local.get 1)
    (if (param v128) (result v128)
      (then (i64x2.neg))
      (else (i16x8.abs))))
  (func (export "no_else") (param v128 i32) (result v128)
    (i32x4.add (local.get 0) (local.get 0))
    (local.get 1)
    (if (param v128) (result v128) (then (i64x2.neg))))
  (func (export "loop") (param v128) (result v128)
    (i32x4.add (local.get 0) (local.get 0))
    (loop $again (param v128) (result v128)
      (i32x4.sub (v128.const i32x4 1 1 1 1))
      (local.tee 0)
      (br_if $again (i32x4.all_true (local.get 0))))))

;;= arms i32x4:1,2,3,4 0 -> i32x4:0x2,0x4,0x6,0x8
;;= arms i32x4:1,2,3,4 1 -> i32x4:0xfffffffe,0xfffffffb,0xfffffffa,0xfffffff7
;;= no_else i32x4:1,2,3,4 0 -> i32x4:0x2,0x4,0x6,0x8
;;= no_else i32x4:1,2,3,4 1 -> i32x4:0xfffffffe,0xfffffffb,0xfffffffa,0xfffffff7
;;= loop i32x4:1,2,3,4 -> i32x4:0x0,0x2,0x4,0x6
