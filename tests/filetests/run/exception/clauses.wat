;;! invoke: caught 0
;;! invoke: caught 1
;;! invoke: caught 2
;;! invoke: caught 3
;;! invoke: first
;;! invoke: all-first
;;! invoke: not-ours
;;! invoke: again 7
;;! invoke: null
;;! invoke: nothing-thrown

;; Which clause counts, and what it gives.
(module
  (tag $none)
  (tag $number (param i32))
  (tag $same (param i32))
  (tag $pair (param i64 f64))

  (func $throw (param $what i32)
    (block $pair (block $same (block $number (block $none
      (br_table $none $number $same $pair (local.get $what)))
      (throw $none))
      (throw $number (i32.const 5)))
      (throw $same (i32.const 6)))
    (throw $pair (i64.const -7) (f64.const 1.5)))

  (func (export "caught") (param i32) (result i32)
    (local $ten-times i32)
    (block $pair (result i64 f64)
      (block $same (result i32)
        (block $number (result i32)
          (block $none
            (try_table (catch $none $none) (catch $number $number) (catch $same $same)
                (catch $pair $pair)
              (call $throw (local.get 0)))
            (return (i32.const -1)))
          (return (i32.const 100)))
        (return (i32.add (i32.const 200))))
      (return (i32.add (i32.const 300))))
    (local.set $ten-times (i32.trunc_f64_s (f64.mul (f64.const 10))))
    (i32.wrap_i64)
    (i32.add (local.get $ten-times))
    (i32.add (i32.const 400)))

  ;; Of two clauses for one tag the first counts.
  (func (export "first") (result i32)
    (block $second (result i32)
      (block $first (result i32)
        (try_table (catch $number $first) (catch $number $second) (call $throw (i32.const 1)))
        (i32.const -1))
      (return (i32.add (i32.const 10))))
    (i32.add (i32.const 20)))

  (func (export "all-first") (result i32)
    (block $number (result i32)
      (block $all
        (try_table (catch_all $all) (catch $number $number) (call $throw (i32.const 1)))
        (return (i32.const -1)))
      (return (i32.const 1))))

  ;; A clause of an outer block, past an inner one that is for something else.
  (func (export "not-ours") (result i32)
    (block $outer (result i32)
      (try_table (catch $same $outer)
        (block $inner (result i32)
          (try_table (catch $number $inner) (call $throw (i32.const 2)))
          (return (i32.const -1)))
        (return (i32.const -2)))
      (return (i32.const -3))))

  ;; Caught by reference, and thrown again.
  (func (export "again") (param i32) (result i32)
    (local $reference exnref)
    (block $outer (result i32)
      (try_table (catch $number $outer)
        (block $inner (result i32 exnref)
          (try_table (catch_ref $number $inner) (throw $number (local.get 0)))
          (return (i32.const -1)))
        (local.set $reference)
        (drop)
        (throw_ref (local.get $reference)))
      (return (i32.const -2)))
    (i32.add (i32.const 1000)))

  (func (export "null")
    (throw_ref (ref.null exn)))

  (func $nothing (result i32) (i32.const 3))
  (func (export "nothing-thrown") (result i32)
    (block $number (result i32)
      (try_table (result i32) (catch $number $number) (call $nothing)))))

;;= caught 0 -> 100
;;= caught 1 -> 205
;;= caught 2 -> 306
;;= caught 3 -> 408
;;= first -> 15
;;= all-first -> 1
;;= not-ours -> 6
;;= again 7 -> 1007
;;= null -> trap: null exception reference
;;= nothing-thrown -> 3
