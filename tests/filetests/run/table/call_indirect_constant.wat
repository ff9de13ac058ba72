;;! invoke: call 0 5
;;! invoke: call 1 5
;;! invoke: call 2 5
;;! invoke: call 3 5
;;! invoke: call 4 5
;;! invoke: call -1 5
;;! invoke: call 0x80000000 5
;;! invoke: call_alias 0 5
;;! invoke: call_nullary 2
;;! invoke: call_nullary 0
;;! backtrace: true

;; A table that nothing changes: type ids are compared where the call is.
(module
  (type $unary (func (param i32) (result i32)))
  (type $alias (func (param i32) (result i32)))
  (type $nullary (func (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) func $double $negate $seven)
  (func $double (type $unary) (i32.mul (local.get 0) (i32.const 2)))
  (func $negate (type $alias) (i32.sub (i32.const 0) (local.get 0)))
  (func $seven (type $nullary) (i32.const 7))
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (func (export "call_alias") (param i32 i32) (result i32)
    (call_indirect (type $alias) (local.get 1) (local.get 0)))
  (func (export "call_nullary") (param i32) (result i32)
    (call_indirect (type $nullary) (local.get 0))))

;;= call 0 5 -> 10
;;= call 1 5 -> -5
;;= call 2 5 -> trap: indirect call type mismatch
;;=   in call
;;= call 3 5 -> trap: uninitialized element
;;=   in call
;;= call 4 5 -> trap: undefined element
;;=   in call
;;= call -1 5 -> trap: undefined element
;;=   in call
;;= call 0x80000000 5 -> trap: undefined element
;;=   in call
;;= call_alias 0 5 -> 10
;;= call_nullary 2 -> 7
;;= call_nullary 0 -> trap: indirect call type mismatch
;;=   in call_nullary
