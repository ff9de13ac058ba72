;;! invoke: call 666
;;! invoke: call 667
;;! invoke: call 665

;; A table whose segment has a place that is known only when the global has been imported.
(module
  (import "host" "global_i32" (global $at i32))
  (type $nullary (func (result i32)))
  (table 1000 funcref)
  (elem (global.get $at) $one $two)
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (func (export "call") (param i32) (result i32)
    (call_indirect (type $nullary) (local.get 0))))

;;= call 666 -> 1
;;= call 667 -> 2
;;= call 665 -> trap: uninitialized element
