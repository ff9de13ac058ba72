;;! invoke: known
;;! invoke: unknown
;;! invoke: wide
;;! invoke: of_own
;;! invoke: segments

(module
  (import "host" "global_i32" (global $host i32))
  (import "host" "global_i64" (global $wide i64))
  (global $known i32 (i32.add (i32.const 2) (i32.mul (i32.const 3) (i32.const -4))))
  (global $unknown i32 (i32.sub (global.get $host) (i32.mul (i32.const 0x10001) (i32.const 0x10000))))
  (global $wide_too i64 (i64.mul (i64.sub (i64.const 1) (global.get $wide)) (i64.const 0x100000000)))
  (global $of_own i32 (i32.mul (global.get $known) (global.get $unknown)))
  (memory 1)
  (data (i32.sub (global.get $host) (i32.const 656)) "offset 10")
  (table 20 funcref)
  (elem (i32.add (global.get $host) (i32.const -656)) $f)
  (func $f (result i32) (i32.load8_u (i32.const 17)))
  (func (export "known") (result i32) (global.get $known))
  (func (export "unknown") (result i32) (global.get $unknown))
  (func (export "wide") (result i64) (global.get $wide_too))
  (func (export "of_own") (result i32) (global.get $of_own))
  (func (export "segments") (result i32) (call_indirect (result i32) (i32.const 10))))

;;= known -> -10
;;= unknown -> -64870
;;= wide -> -2860448219136
;;= of_own -> 648700
;;= segments -> 49
