;;! invoke: counts32 0
;;! invoke: counts32 1
;;! invoke: counts32 0x80000000
;;! invoke: counts32 0x00ff0100
;;! invoke: counts64 0
;;! invoke: counts64 0x8000000000000000
;;! invoke: counts64 0x100000000
;;! invoke: shifts32 0x80000001 0
;;! invoke: shifts32 0x80000001 1
;;! invoke: shifts32 0x80000001 31
;;! invoke: shifts32 0x80000001 32
;;! invoke: shifts32 0x80000001 33
;;! invoke: shifts32 0x80000001 -1
;;! invoke: shifts64 0x8000000000000001 1
;;! invoke: shifts64 0x8000000000000001 64
;;! invoke: shifts64 0x8000000000000001 65
;;! invoke: shifts64 0x8000000000000001 -1
;;! invoke: extend32 0x1234ff80
;;! invoke: extend32 0x123480ff
;;! invoke: extend64 0x12345678ffff8080
;;! invoke: widen -1
;;! invoke: wrap 0x1ffffffff
;;! invoke: eqz 0 0x100000000

;; Counts of zeros include the whole width; shifts and rotations take the amount modulo the width.
(module
  (func (export "counts32") (param i32) (result i32 i32 i32)
    (i32.clz (local.get 0)) (i32.ctz (local.get 0)) (i32.popcnt (local.get 0)))
  (func (export "counts64") (param i64) (result i64 i64 i64)
    (i64.clz (local.get 0)) (i64.ctz (local.get 0)) (i64.popcnt (local.get 0)))
  ;; shl shr_s shr_u rotl rotr
  (func (export "shifts32") (param i32 i32) (result i32 i32 i32 i32 i32)
    (i32.shl (local.get 0) (local.get 1))
    (i32.shr_s (local.get 0) (local.get 1))
    (i32.shr_u (local.get 0) (local.get 1))
    (i32.rotl (local.get 0) (local.get 1))
    (i32.rotr (local.get 0) (local.get 1)))
  (func (export "shifts64") (param i64 i64) (result i64 i64 i64 i64 i64)
    (i64.shl (local.get 0) (local.get 1))
    (i64.shr_s (local.get 0) (local.get 1))
    (i64.shr_u (local.get 0) (local.get 1))
    (i64.rotl (local.get 0) (local.get 1))
    (i64.rotr (local.get 0) (local.get 1)))
  (func (export "extend32") (param i32) (result i32 i32)
    (i32.extend8_s (local.get 0)) (i32.extend16_s (local.get 0)))
  (func (export "extend64") (param i64) (result i64 i64 i64)
    (i64.extend8_s (local.get 0))
    (i64.extend16_s (local.get 0))
    (i64.extend32_s (local.get 0)))
  (func (export "widen") (param i32) (result i64 i64)
    (i64.extend_i32_s (local.get 0)) (i64.extend_i32_u (local.get 0)))
  (func (export "wrap") (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
  (func (export "eqz") (param i32 i64) (result i32 i32)
    (i32.eqz (local.get 0)) (i64.eqz (local.get 1))))

;;= counts32 0 -> 32 32 0
;;= counts32 1 -> 31 0 1
;;= counts32 0x80000000 -> 0 31 1
;;= counts32 0x00ff0100 -> 8 8 9
;;= counts64 0 -> 64 64 0
;;= counts64 0x8000000000000000 -> 0 63 1
;;= counts64 0x100000000 -> 31 32 1
;;= shifts32 0x80000001 0 -> -2147483647 -2147483647 -2147483647 -2147483647 -2147483647
;;= shifts32 0x80000001 1 -> 2 -1073741824 1073741824 3 -1073741824
;;= shifts32 0x80000001 31 -> -2147483648 -1 1 -1073741824 3
;;= shifts32 0x80000001 32 -> -2147483647 -2147483647 -2147483647 -2147483647 -2147483647
;;= shifts32 0x80000001 33 -> 2 -1073741824 1073741824 3 -1073741824
;;= shifts32 0x80000001 -1 -> -2147483648 -1 1 -1073741824 3
;;= shifts64 0x8000000000000001 1 -> 2 -4611686018427387904 4611686018427387904 3 -4611686018427387904
;;= shifts64 0x8000000000000001 64 -> -9223372036854775807 -9223372036854775807 -9223372036854775807 -9223372036854775807 -9223372036854775807
;;= shifts64 0x8000000000000001 65 -> 2 -4611686018427387904 4611686018427387904 3 -4611686018427387904
;;= shifts64 0x8000000000000001 -1 -> -9223372036854775808 -1 1 -4611686018427387904 3
;;= extend32 0x1234ff80 -> -128 -128
;;= extend32 0x123480ff -> -1 -32513
;;= extend64 0x12345678ffff8080 -> -128 -32640 -32640
;;= widen -1 -> -1 4294967295
;;= wrap 0x1ffffffff -> -1
;;= eqz 0 0x100000000 -> 1 0
