;;! backtrace: true

(module
  (import "host" "log_i32" (func $log (param i32)))
  (start $start)
  (func $helper (unreachable))
  (func $start (call $log (i32.const 1)) (call $helper) (call $log (i32.const 2))))

;;= log 1
;;= instantiate -> trap: unreachable
;;=   in helper < start
