;;! invoke: multi_value 7
;;! invoke: loop_params 5
;;! invoke: if_params 1
;;! invoke: if_params 0
;;! invoke: early 0
;;! invoke: early 1
;;! invoke: early 2
;;! invoke: br_keeps_top
;;! invoke: nested 10

(module
  ;; A block that takes two values and gives two.
  (func (export "multi_value") (param i32) (result i32 i64)
    (local.get 0)
    (i64.const 3)
    (block (param i32 i64) (result i32 i64)
      (i64.mul (i64.const 2))
      (br 0)))
  ;; A loop whose parameters carry counter and product: the factorial, on the stack.
  (func (export "loop_params") (param i64) (result i64) (local $n i64) (local $product i64)
    (local.get 0)
    (i64.const 1)
    (loop $again (param i64 i64) (result i64)
      (local.set $product)
      (local.set $n)
      (i64.sub (local.get $n) (i64.const 1))
      (i64.mul (local.get $product) (local.get $n))
      (br_if $again (i64.gt_u (local.get $n) (i64.const 1)))
      (local.set $product)
      (drop)
      (local.get $product)))
  (func (export "if_params") (param i32) (result i32)
    (i32.const 100)
    (local.get 0)
    (if (param i32) (result i32)
      (then (i32.add (i32.const 1)))
      (else (i32.sub (i32.const 1)))))
  (func (export "early") (param i32) (result i32)
    (block $out (result i32)
      (block $mid
        (br_if $mid (i32.eqz (local.get 0)))
        (br_if $out (i32.const 11) (i32.eq (local.get 0) (i32.const 1)))
        (drop)
        (return (i32.const 12)))
      (i32.const 10)))
  ;; Values below the branch's operands are thrown away.
  (func (export "br_keeps_top") (result i32)
    (block (result i32)
      (i32.const 1) (i32.const 2) (i32.const 3)
      (br 0)
      (drop) (drop)))
  (func (export "nested") (param i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
    (block $done
      (loop $outer
        (br_if $done (i32.ge_u (local.get $i) (local.get 0)))
        (local.set $j (i32.const 0))
        (block $break
          (loop $inner
            (br_if $break (i32.gt_u (local.get $j) (local.get $i)))
            (local.set $sum (i32.add (local.get $sum) (local.get $j)))
            (local.set $j (i32.add (local.get $j) (i32.const 1)))
            (br $inner)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $outer)))
    (local.get $sum)))

;;= multi_value 7 -> 7 6
;;= loop_params 5 -> 120
;;= if_params 1 -> 101
;;= if_params 0 -> 99
;;= early 0 -> 10
;;= early 1 -> 11
;;= early 2 -> 12
;;= br_keeps_top -> 3
;;= nested 10 -> 165
