;;! invoke: out 3
;;! invoke: again 4
;;! invoke: other
;;! invoke: past-host
;;! backtrace: true

;; What nothing catches, and which functions it has left.
(module
  (import "host" "call" (func $host-call (param funcref)))
  (tag $e (param i32 f64))
  (tag $other)
  (func $throw (param i32) (throw $e (local.get 0) (f64.const 0.5)))
  (func $between (param i32) (call $throw (local.get 0)))
  (func $out (export "out") (param i32) (call $between (local.get 0)))
  ;; Thrown again, it comes from where it was thrown again.
  (func $again (export "again") (param i32)
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (call $between (local.get 0)))
      (return))
    (throw_ref))
  (func $catches-other (export "other")
    (block $caught
      (try_table (catch $other $caught) (call $between (i32.const 1)))))
  (func $throw-other (throw $other))
  (elem declare func $throw-other)
  (func $past-host (export "past-host") (call $host-call (ref.func $throw-other))))

;;= out 3 -> exception: 3 0.5
;;=   in throw < between < out
;;= again 4 -> exception: 4 0.5
;;=   in again
;;= other -> exception: 1 0.5
;;=   in throw < between < catches-other
;;= past-host -> exception:
;;=   in throw-other < past-host
