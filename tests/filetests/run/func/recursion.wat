;;! invoke: fac 20
;;! invoke: fib 20
;;! invoke: even 5001
;;! invoke: ackermann 2 9
;;! invoke: runaway
;;! invoke: fib 10
;;! invoke: runaway_mutual 0
;;! invoke: fac 5

;; Endless recursion traps, and the instance can be used again.
(module
  (func $fac (export "fac") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (i64.const 1))
      (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $even (export "even") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $odd (i32.sub (local.get 0) (i32.const 1))))
      (else (i32.const 1))))
  (func $odd (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $even (i32.sub (local.get 0) (i32.const 1))))
      (else (i32.const 0))))
  (func $ackermann (export "ackermann") (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then
        (if (result i32) (local.get 1)
          (then (call $ackermann
            (i32.sub (local.get 0) (i32.const 1))
            (call $ackermann (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))
          (else (call $ackermann (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))))
      (else (i32.add (local.get 1) (i32.const 1)))))
  (func $runaway (export "runaway") (result i32)
    (i32.add (call $runaway) (i32.const 1)))
  (func $a (export "runaway_mutual") (param i64) (result i64)
    (i64.add (local.get 0) (call $b (i64.add (local.get 0) (i64.const 1)))))
  (func $b (param i64) (result i64)
    (i64.add (local.get 0) (call $a (i64.add (local.get 0) (i64.const 1))))))

;;= fac 20 -> 2432902008176640000
;;= fib 20 -> 6765
;;= even 5001 -> 0
;;= ackermann 2 9 -> 21
;;= runaway -> trap: call stack exhausted
;;= fib 10 -> 55
;;= runaway_mutual 0 -> trap: call stack exhausted
;;= fac 5 -> 120
