;;! invoke: log_twice
;;! invoke: fail_inside
;;! invoke: trap_inside
;;! invoke: null
;;! invoke: deep 4
;;! invoke: log_twice
;;! backtrace: true

;; The host calls back into the guest that has called it; what ends the inner call ends the outer.
(module
  (import "host" "call" (func $call (param funcref)))
  (import "host" "fail" (func $fail))
  (import "host" "log_i32" (func $log_i32 (param i32)))
  (global $depth (mut i32) (i32.const 0))
  (func $log (call $log_i32 (i32.const 1)))
  (func $fails (call $fail))
  (func $traps (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func $nested
    (if (i32.eqz (global.get $depth)) (then (call $log_i32 (i32.const 99)) (return)))
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
    (call $call (ref.func $nested))
    (call $log_i32 (global.get $depth)))
  (elem declare func $log $fails $traps $nested)
  (func (export "log_twice") (call $call (ref.func $log)) (call $call (ref.func $log)))
  (func (export "fail_inside") (call $call (ref.func $fails)))
  (func (export "trap_inside") (call $call (ref.func $traps)))
  (func (export "null") (call $call (ref.null func)))
  (func (export "deep") (param i32)
    (global.set $depth (local.get 0))
    (call $call (ref.func $nested))))

;;= log 1
;;= log 1
;;= log_twice ->
;;= fail_inside -> host error: the host function failed
;;=   in fails < fail_inside
;;= trap_inside -> trap: integer divide by zero
;;=   in traps < trap_inside
;;= null -> host error: a null function
;;=   in null
;;= log 99
;;= log 0
;;= log 0
;;= log 0
;;= log 0
;;= deep 4 ->
;;= log 1
;;= log 1
;;= log_twice ->
