;; Plain exports, no imports: call them with --invoke.
(module
  ;; The n-th Fibonacci number by naive recursion: measures calls.
  (func $fib (export "fib") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else
        (i32.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

  ;; The same by a loop, in 64 bits: exact up to n = 93 when read as unsigned, up to 92 when read as signed.
  (func (export "fib_i64") (param $n i32) (result i64)
    (local $a i64) (local $b i64)
    (local.set $b (i64.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (i64.add (local.get $a) (local.get $b))
        (local.set $a (local.get $b))
        (local.set $b)
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $a))

  ;; The ratio of neighbours, fib(n + 1) / fib(n), as floating point: tends to the golden ratio.
  (func (export "ratio_f64") (param $n i32) (result f64)
    (local $a f64) (local $b f64)
    (local.set $a (f64.const 1))
    (local.set $b (f64.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.le_s (local.get $n) (i32.const 1)))
        (f64.add (local.get $a) (local.get $b))
        (local.set $a (local.get $b))
        (local.set $b)
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (f64.div (local.get $b) (local.get $a)))

  ;; Arguments of several types.
  (func (export "add_i64") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))

  (func (export "mul_f64") (param f64 f64) (result f64)
    (f64.mul (local.get 0) (local.get 1)))

  ;; Two results: quotient and remainder. Traps when the divisor is 0.
  (func (export "div_rem") (param $a i32) (param $b i32) (result i32 i32)
    (i32.div_s (local.get $a) (local.get $b))
    (i32.rem_s (local.get $a) (local.get $b))))
