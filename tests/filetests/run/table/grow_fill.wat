;;! invoke: size
;;! invoke: grow 2
;;! invoke: call 1
;;! invoke: call 2
;;! invoke: call 3
;;! invoke: grow 100
;;! invoke: grow -1
;;! invoke: grow 0
;;! invoke: size
;;! invoke: fill_null 0 2
;;! invoke: call 1
;;! invoke: call 2
;;! invoke: fill_seven 1 2
;;! invoke: call 1
;;! invoke: fill_seven 3 0
;;! invoke: fill_seven 4 0
;;! invoke: fill_null 1 3
;;! invoke: call 1
;;! invoke: fill_null -1 2

;; New elements get the value that grow is given. A fill that is out of bounds writes nothing.
(module
  (type $nullary (func (result i32)))
  (table $t 1 5 funcref)
  (func $seven (export "seven") (type $nullary) (i32.const 7))
  (func (export "size") (result i32) (table.size $t))
  (func (export "grow") (param i32) (result i32)
    (table.grow $t (ref.func $seven) (local.get 0)))
  (func (export "fill_null") (param i32 i32)
    (table.fill $t (local.get 0) (ref.null func) (local.get 1)))
  (func (export "fill_seven") (param i32 i32)
    (table.fill $t (local.get 0) (ref.func $seven) (local.get 1)))
  (func (export "call") (param i32) (result i32)
    (call_indirect $t (type $nullary) (local.get 0))))

;;= size -> 1
;;= grow 2 -> 1
;;= call 1 -> 7
;;= call 2 -> 7
;;= call 3 -> trap: undefined element
;;= grow 100 -> -1
;;= grow -1 -> -1
;;= grow 0 -> 3
;;= size -> 3
;;= fill_null 0 2 ->
;;= call 1 -> trap: uninitialized element
;;= call 2 -> 7
;;= fill_seven 1 2 ->
;;= call 1 -> 7
;;= fill_seven 3 0 ->
;;= fill_seven 4 0 -> trap: out of bounds table access
;;= fill_null 1 3 -> trap: out of bounds table access
;;= call 1 -> 7
;;= fill_null -1 2 -> trap: out of bounds table access
