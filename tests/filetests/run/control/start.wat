;;! invoke: get

;; The start function runs once, after the segments have been applied.
(module
  (import "host" "log_i32" (func $log (param i32)))
  (memory 1)
  (data (i32.const 4) "\2a")
  (global $count (mut i32) (i32.const 0))
  (func $start
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (call $log (i32.load (i32.const 4))))
  (start $start)
  (func (export "get") (result i32) (global.get $count)))

;;= log 42
;;= get -> 1
