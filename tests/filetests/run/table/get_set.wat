;;! invoke: is_null 0
;;! invoke: is_null 1
;;! invoke: call 1
;;! invoke: set_null 1
;;! invoke: is_null 1
;;! invoke: call 1
;;! invoke: set_seven 0
;;! invoke: call 0
;;! invoke: set_seven 3
;;! invoke: set_seven -1
;;! invoke: is_null 3
;;! invoke: get 0
;;! invoke: get 2
;;! invoke: size
;;! invoke: move 0 2
;;! invoke: call 2

(module
  (type $nullary (func (result i32)))
  (table $t 3 funcref)
  (elem (i32.const 1) $six)
  (func $six (type $nullary) (i32.const 6))
  (func $seven (type $nullary) (i32.const 7))
  (elem declare func $seven)
  (func (export "is_null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
  (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0)))
  (func (export "set_null") (param i32) (table.set $t (local.get 0) (ref.null func)))
  (func (export "set_seven") (param i32) (table.set $t (local.get 0) (ref.func $seven)))
  (func (export "move") (param i32 i32)
    (table.set $t (local.get 1) (table.get $t (local.get 0))))
  (func (export "size") (result i32) (table.size $t))
  (func (export "call") (param i32) (result i32)
    (call_indirect $t (type $nullary) (local.get 0))))

;;= is_null 0 -> 1
;;= is_null 1 -> 0
;;= call 1 -> 6
;;= set_null 1 ->
;;= is_null 1 -> 1
;;= call 1 -> trap: uninitialized element
;;= set_seven 0 ->
;;= call 0 -> 7
;;= set_seven 3 -> trap: out of bounds table access
;;= set_seven -1 -> trap: out of bounds table access
;;= is_null 3 -> trap: out of bounds table access
;;= get 0 -> func
;;= get 2 -> null
;;= size -> 3
;;= move 0 2 ->
;;= call 2 -> 7
