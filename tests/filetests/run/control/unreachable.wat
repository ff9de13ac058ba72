;;! invoke: plain
;;! invoke: outer 0
;;! invoke: outer 1
;;! invoke: after_return
;;! invoke: never 5
;;! backtrace: true

(module
  (func $plain (export "plain") (unreachable))
  (func $inner (param i32) (if (local.get 0) (then (unreachable))))
  (func $outer (export "outer") (param i32) (call $inner (local.get 0)))
  ;; Code that cannot be reached is validated but of no effect.
  (func $after_return (export "after_return") (result i32)
    (return (i32.const 3))
    (unreachable)
    (i32.add)
    (block (result i32) (unreachable))
    (drop)
    (i64.const 1)
    (drop))
  (func (export "never") (param i32) (result i32)
    (loop (result i32)
      (br_if 1 (local.get 0) (i32.const 1))
      (br 0))))

;;= plain -> trap: unreachable
;;=   in plain
;;= outer 0 ->
;;= outer 1 -> trap: unreachable
;;=   in inner < outer
;;= after_return -> 3
;;= never 5 -> 5
