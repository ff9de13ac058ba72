;;! invoke: load 660
;;! invoke: load 664

;; A place that is known only when the global has been imported.
(module
  (import "host" "global_i32" (global $at i32))
  (memory 1)
  (data (i32.const 664) "before")
  (data (global.get $at) "at")
  (data (i32.const 667) "!")
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))

;;= load 660 -> 2405315147573755904
;;= load 664 -> 111540860708194
