;;! invoke: constants
;;! invoke: variables
;;! invoke: set 1 -2 0.5 -0.0
;;! invoke: variables
;;! invoke: set_vector i32x4:1,2,3,4
;;! invoke: vector
;;! invoke: of_import
;;! invoke: increment
;;! invoke: increment
;;! invoke: function

(module
  (import "host" "global_i32" (global $imported i32))
  (import "host" "global_i64" (global $imported64 i64))
  (import "host" "counter" (global $counter (mut i32)))
  (global $i32 i32 (i32.const -1))
  (global $i64 i64 (i64.const 0x123456789abcdef0))
  (global $f32 f32 (f32.const -nan:0x200001))
  (global $f64 f64 (f64.const 0x1p-1074))
  (global $copy i32 (global.get $imported))
  (global $func funcref (ref.func $seven))
  (global $mut_i32 (mut i32) (i32.const 10))
  (global $mut_i64 (mut i64) (i64.const 20))
  (global $mut_f32 (mut f32) (f32.const 30))
  (global $mut_f64 (mut f64) (f64.const 40))
  (global $mut_v128 (mut v128) (v128.const i32x4 9 8 7 6))
  (table 1 funcref)
  (func $seven (result i32) (i32.const 7))
  (func (export "constants") (result i32 i64 f32 f64)
    (global.get $i32) (global.get $i64) (global.get $f32) (global.get $f64))
  (func (export "variables") (result i32 i64 f32 f64)
    (global.get $mut_i32) (global.get $mut_i64) (global.get $mut_f32) (global.get $mut_f64))
  (func (export "set") (param i32 i64 f32 f64)
    (global.set $mut_i32 (local.get 0))
    (global.set $mut_i64 (local.get 1))
    (global.set $mut_f32 (local.get 2))
    (global.set $mut_f64 (local.get 3)))
  (func (export "set_vector") (param v128) (global.set $mut_v128 (local.get 0)))
  (func (export "vector") (result v128) (global.get $mut_v128))
  (func (export "of_import") (result i32 i32 i64)
    (global.get $imported) (global.get $copy) (global.get $imported64))
  (func (export "increment") (result i32)
    (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
    (global.get $counter))
  (func (export "function") (result i32)
    (table.set (i32.const 0) (global.get $func))
    (call_indirect (result i32) (i32.const 0))))

;;= constants -> -1 1311768467463790320 -nan:0x200001 5e-324
;;= variables -> 10 20 30.0 40.0
;;= set 1 -2 0.5 -0.0 ->
;;= variables -> 1 -2 0.5 -0.0
;;= set_vector i32x4:1,2,3,4 ->
;;= vector -> i32x4:0x1,0x2,0x3,0x4
;;= of_import -> 666 666 667
;;= increment -> 1
;;= increment -> 2
;;= function -> 7
