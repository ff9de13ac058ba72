;;! invoke: size
;;! invoke: call 9
;;! invoke: call 8
;;! invoke: call 10
;;! invoke: grow 10
;;! invoke: call 19
;;! invoke: grow 1
;;! invoke: size

;; The host's table: 10 elements, at most 20.
(module
  (import "host" "table" (table $t 5 funcref))
  (type $nullary (func (result i32)))
  (elem (i32.const 9) $nine)
  (func $nine (result i32) (i32.const 9))
  (func (export "size") (result i32) (table.size $t))
  (func (export "grow") (param i32) (result i32)
    (table.grow $t (ref.func $nine) (local.get 0)))
  (func (export "call") (param i32) (result i32)
    (call_indirect $t (type $nullary) (local.get 0))))

;;= size -> 10
;;= call 9 -> 9
;;= call 8 -> trap: uninitialized element
;;= call 10 -> trap: undefined element
;;= grow 10 -> 10
;;= call 19 -> 9
;;= grow 1 -> -1
;;= size -> 20
