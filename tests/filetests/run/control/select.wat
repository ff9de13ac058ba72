;;! invoke: i32 1
;;! invoke: i32 0
;;! invoke: i32 -1
;;! invoke: i64 0x100
;;! invoke: f32 0
;;! invoke: f64 1
;;! invoke: ref 0
;;! invoke: ref 1
;;! invoke: v128 0
;;! invoke: both_run 1
;;! invoke: folded

(module
  (memory 1)
  (func (export "i32") (param i32) (result i32)
    (select (i32.const 10) (i32.const 20) (local.get 0)))
  (func (export "i64") (param i32) (result i64)
    (select (i64.const 10) (i64.const 20) (local.get 0)))
  (func (export "f32") (param i32) (result f32)
    (select (f32.const 1) (f32.const -nan:0x200001) (local.get 0)))
  (func (export "f64") (param i32) (result f64)
    (select (f64.const -0) (f64.const 20) (local.get 0)))
  (func (export "ref") (param i32) (result i32)
    (ref.is_null (select (result funcref) (ref.null func) (ref.func 0) (local.get 0))))
  (elem declare func 0)
  (func (export "v128") (param i32) (result v128)
    (select (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8) (local.get 0)))
  ;; Both operands are evaluated, even the one that is not taken.
  (func (export "both_run") (param i32) (result i32)
    (select (i32.const 1) (i32.load (i32.const -1)) (local.get 0)))
  (func (export "folded") (result i32) (select (i32.const 1) (i32.const 2) (i32.const 0))))

;;= i32 1 -> 10
;;= i32 0 -> 20
;;= i32 -1 -> 10
;;= i64 0x100 -> 10
;;= f32 0 -> -nan:0x200001
;;= f64 1 -> -0.0
;;= ref 0 -> 0
;;= ref 1 -> 1
;;= v128 0 -> i32x4:0x5,0x6,0x7,0x8
;;= both_run 1 -> trap: out of bounds memory access
;;= folded -> 2
