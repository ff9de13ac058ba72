;;! invoke: through 1
;;! invoke: through 100
;;! invoke: through 2000
;;! invoke: rethrow-from 1000
;;! invoke: locals 3
;;! invoke: stack-args
;;! invoke: loop 1000
;;! invoke: overflow
;;! invoke: trap
;;! invoke: indirect 0
;;! invoke: indirect 1

;; Across calls: values around a call that throws are what they were.
(module
  (import "host" "add" (func $host-add (param i32 i32) (result i32)))
  (tag $e (param i64))
  (table funcref (elem $throw-one $throw-two))
  (type $nothing (func))

  (func $deep (param $depth i32)
    (if (i32.eqz (local.get $depth)) (then (throw $e (i64.const 42))))
    (call $deep (i32.sub (local.get $depth) (i32.const 1)))
    (drop (call $host-add (local.get $depth) (i32.const 1))))

  (func (export "through") (param i32) (result i64)
    (block $caught (result i64)
      (try_table (catch $e $caught) (call $deep (local.get 0)))
      (i64.const -1)))

  ;; Each frame catches, counts and throws again.
  (func $count (param $depth i32)
    (local $e exnref)
    (if (i32.eqz (local.get $depth)) (then (throw $e (i64.const 0))))
    (block $caught (result i64 exnref)
      (try_table (catch_ref $e $caught)
        (call $count (i32.sub (local.get $depth) (i32.const 1))))
      (unreachable))
    (local.set $e)
    (drop)
    (global.set $counted (i32.add (global.get $counted) (i32.const 1)))
    (throw_ref (local.get $e)))
  (global $counted (mut i32) (i32.const 0))
  (func (export "rethrow-from") (param i32) (result i32)
    (block $all (try_table (catch_all $all) (call $count (local.get 0))))
    (global.get $counted))

  ;; Locals of all types, changed before and between, live across the throw.
  (func $maybe (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $e (i64.const 1)))))
  (func (export "locals") (param $n i32) (result i32 i64 f32 f64 i32)
    (local $a i32) (local $b i64) (local $c f32) (local $d f64) (local $v v128)
    (local.set $v (i32x4.splat (i32.const 9)))
    (local.set $c (f32.const 0.5))
    (block $caught (result i64)
      (try_table (catch $e $caught)
        (loop $again
          (local.set $a (i32.add (local.get $a) (i32.const 10)))
          (local.set $b (i64.add (local.get $b) (i64.const 100)))
          (local.set $c (f32.add (local.get $c) (f32.const 1)))
          (local.set $d (f64.sub (local.get $d) (f64.const 2)))
          (local.set $v (i32x4.add (local.get $v) (i32x4.splat (local.get $n))))
          (call $maybe (local.get $n))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (unreachable))
    (drop)
    (local.get $a) (local.get $b) (local.get $c) (local.get $d)
    (i32x4.extract_lane 2 (local.get $v)))

  ;; Thrown by a function whose parameters and results are on the stack.
  (func $many (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64
      f64 f64) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (throw $e (i64.extend_i32_s (i32.add (local.get 0) (local.get 7)))))
  (func (export "stack-args") (result i64)
    (local $before i64)
    (local.set $before (i64.const 1000))
    (block $caught (result i64)
      (try_table (catch $e $caught)
        (call $many (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)
          (i32.const 6) (i32.const 7) (i32.const 8) (i64.const 9) (i64.const 10) (i64.const 11)
          (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5) (f64.const 6)
          (f64.const 7) (f64.const 8) (f64.const 9) (f64.const 10))
        (unreachable))
      (unreachable))
    (i64.add (local.get $before)))

  (func (export "loop") (param $n i32) (result i64)
    (local $sum i64)
    (loop $again
      (block $caught (result i64)
        (try_table (catch $e $caught) (throw $e (i64.extend_i32_u (local.get $n))))
        (unreachable))
      (local.set $sum (i64.add (local.get $sum)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; What is no exception is not caught.
  (func $forever (call $forever) (drop (call $host-add (i32.const 1) (i32.const 1))))
  (func (export "overflow")
    (block $all (try_table (catch_all $all) (call $forever))))
  (func (export "trap")
    (block $all (try_table (catch_all $all) (drop (i32.div_u (i32.const 1) (i32.const 0))))))

  (func $throw-one (throw $e (i64.const 1)))
  (func $throw-two (throw $e (i64.const 2)))
  (func (export "indirect") (param i32) (result i64)
    (block $caught (result i64)
      (try_table (catch $e $caught) (call_indirect (type $nothing) (local.get 0)))
      (unreachable))))

;;= through 1 -> 42
;;= through 100 -> 42
;;= through 2000 -> 42
;;= rethrow-from 1000 -> 1000
;;= locals 3 -> 40 400 4.5 -8.0 15
;;= stack-args -> 1009
;;= loop 1000 -> 500500
;;= overflow -> trap: call stack exhausted
;;= trap -> trap: integer divide by zero
;;= indirect 0 -> 1
;;= indirect 1 -> 2
