;;! invoke: zeros
;;! invoke: tee 5
;;! invoke: swap 1 2
;;! invoke: parameter 3
;;! invoke: old_value 7

(module
  ;; Locals start as zero and null.
  (func (export "zeros") (result i32 i64 f32 f64 v128 i32)
    (local i32 i64 f32 f64 v128 funcref)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
    (ref.is_null (local.get 5)))
  (func (export "tee") (param i32) (result i32) (local i32)
    (i32.add (local.tee 1 (i32.mul (local.get 0) (i32.const 2))) (local.get 1)))
  (func (export "swap") (param i32 i32) (result i32 i32) (local i32)
    (local.set 2 (local.get 0))
    (local.set 0 (local.get 1))
    (local.set 1 (local.get 2))
    (local.get 0) (local.get 1))
  (func (export "parameter") (param i32) (result i32)
    (local.set 0 (i32.mul (local.get 0) (local.get 0)))
    (local.get 0))
  ;; What has been pushed is the value at that time.
  (func (export "old_value") (param i32) (result i32 i32)
    (local.get 0)
    (local.set 0 (i32.const 1))
    (local.get 0)))

;;= zeros -> 0 0 0.0 0.0 i32x4:0x0,0x0,0x0,0x0 1
;;= tee 5 -> 20
;;= swap 1 2 -> 2 1
;;= parameter 3 -> 9
;;= old_value 7 -> 7 1
