;;! invoke: past-host
;;! invoke: past-host-twice
;;! invoke: fails
;;! invoke: traps

;; Exceptions through functions of the host's.
(module
  (import "host" "call" (func $host-call (param funcref)))
  (import "host" "fail" (func $fail))
  (import "host" "trap" (func $trap))
  (import "host" "log_i32" (func $log (param i32)))
  (tag $e (param i32))
  (func $throw (throw $e (i32.const 12)))
  (func $between (call $host-call (ref.func $throw)) (call $log (i32.const -1)))
  (elem declare func $throw $between)
  (func (export "past-host") (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $host-call (ref.func $throw)))
      (unreachable)))
  (func (export "past-host-twice") (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $host-call (ref.func $between)))
      (unreachable)))
  ;; What the host fails with is no exception, nor is a trap.
  (func (export "fails") (block $all (try_table (catch_all $all) (call $fail))))
  (func (export "traps") (block $all (try_table (catch_all $all) (call $trap)))))

;;= past-host -> 12
;;= past-host-twice -> 12
;;= fails -> host error: the host function failed
;;= traps -> trap: unreachable
