;;! invoke: first 0
;;! invoke: first 1
;;! invoke: second 0
;;! invoke: second 1
;;! invoke: second 5
;;! invoke: empty 0
;;! invoke: overlapping 0
;;! invoke: overlapping 1
;;! invoke: overlapping 2

;; Constant tables lie behind one another; a later segment writes over an earlier one.
(module
  (type $nullary (func (result i32)))
  (table $first 2 funcref)
  (table $second 6 funcref)
  (table $empty 0 funcref)
  (table $overlapping 3 funcref)
  (elem (table $first) (i32.const 0) func $one $two)
  (elem (table $second) (i32.const 1) func $three)
  (elem (table $second) (i32.const 5) func $one)
  (elem (table $overlapping) (i32.const 0) func $one $one $one)
  (elem (table $overlapping) (i32.const 1) funcref (ref.func $two) (ref.null func))
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (func $three (result i32) (i32.const 3))
  (func (export "first") (param i32) (result i32)
    (call_indirect $first (type $nullary) (local.get 0)))
  (func (export "second") (param i32) (result i32)
    (call_indirect $second (type $nullary) (local.get 0)))
  (func (export "empty") (param i32) (result i32)
    (call_indirect $empty (type $nullary) (local.get 0)))
  (func (export "overlapping") (param i32) (result i32)
    (call_indirect $overlapping (type $nullary) (local.get 0))))

;;= first 0 -> 1
;;= first 1 -> 2
;;= second 0 -> trap: uninitialized element
;;= second 1 -> 3
;;= second 5 -> 1
;;= empty 0 -> trap: undefined element
;;= overlapping 0 -> 1
;;= overlapping 1 -> 2
;;= overlapping 2 -> trap: uninitialized element
