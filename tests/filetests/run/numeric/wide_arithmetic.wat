;;! invoke: add -1 0 1 0
;;! invoke: add -1 -1 1 0
;;! invoke: add 0x8000000000000000 0x7fffffffffffffff 0x8000000000000000 0
;;! invoke: sub 0 0 1 0
;;! invoke: sub 0 1 1 0
;;! invoke: sub 5 0x8000000000000000 6 0
;;! invoke: mul_s -1 -1
;;! invoke: mul_s 0x8000000000000000 0x8000000000000000
;;! invoke: mul_s 0x8000000000000000 0x7fffffffffffffff
;;! invoke: mul_u -1 -1
;;! invoke: mul_u 0x8000000000000000 2
;;! invoke: square -1 -1
;;! invoke: add_mixed -1
;;! invoke: high_only -1 3
;;! invoke: fibonacci 180
;;! invoke: factorial 33

;; Carries, borrows and both halves of products; halves that are constant, extended or the same.
(module
  (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "sub") (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "mul_s") (param i64 i64) (result i64 i64)
    (i64.mul_wide_s (local.get 0) (local.get 1)))
  (func (export "mul_u") (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1)))
  ;; (low + 2⁶⁴ high)², modulo 2¹²⁸
  (func (export "square") (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 0))
    (i64.const 0)
    (i64.shl (i64.mul (local.get 0) (local.get 1)) (i64.const 1))
    (i64.add128))
  ;; An addend of 64 bits with and without sign, and one that is constant.
  (func (export "add_mixed") (param i64) (result i64 i64 i64 i64 i64 i64)
    (i64.add128 (i64.const 1) (i64.const 0) (local.get 0) (i64.const 0))
    (i64.add128 (i64.const 1) (i64.const 0) (local.get 0) (i64.shr_s (local.get 0) (i64.const 63)))
    (i64.sub128 (local.get 0) (i64.const 0) (i64.const -1) (i64.const -1)))
  ;; Of each result only the upper half.
  (func (export "high_only") (param i64 i64) (result i64 i64)
    (local i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1)) (local.set 3) (drop)
    (i64.mul_wide_s (local.get 0) (local.get 1)) (local.set 2) (drop)
    (local.get 3) (local.get 2))
  (func (export "fibonacci") (param i32) (result i64 i64)
    (local $a i64) (local $a_high i64) (local $b i64) (local $b_high i64)
    (local.set $b (i64.const 1))
    (loop $again
      (local.get $b) (local.get $b_high)
      (i64.add128 (local.get $a) (local.get $a_high) (local.get $b) (local.get $b_high))
      (local.set $b_high) (local.set $b) (local.set $a_high) (local.set $a)
      (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again))
    (local.get $a) (local.get $a_high))
  (func (export "factorial") (param i64) (result i64 i64)
    (local $low i64) (local $high i64)
    (local.set $low (i64.const 1))
    (loop $again
      (i64.mul_wide_u (local.get $low) (local.get 0))
      (i64.add128 (i64.const 0) (i64.mul (local.get $high) (local.get 0)))
      (local.set $high) (local.set $low)
      (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))
      (i64.eqz) (i32.eqz) (br_if $again))
    (local.get $low) (local.get $high)))

;;= add -1 0 1 0 -> 0 1
;;= add -1 -1 1 0 -> 0 0
;;= add 0x8000000000000000 0x7fffffffffffffff 0x8000000000000000 0 -> 0 -9223372036854775808
;;= sub 0 0 1 0 -> -1 -1
;;= sub 0 1 1 0 -> -1 0
;;= sub 5 0x8000000000000000 6 0 -> -1 9223372036854775807
;;= mul_s -1 -1 -> 1 0
;;= mul_s 0x8000000000000000 0x8000000000000000 -> 0 4611686018427387904
;;= mul_s 0x8000000000000000 0x7fffffffffffffff -> -9223372036854775808 -4611686018427387904
;;= mul_u -1 -1 -> 1 -2
;;= mul_u 0x8000000000000000 2 -> 0 1
;;= square -1 -1 -> 1 0
;;= add_mixed -1 -> 0 1 0 0 0 1
;;= high_only -1 3 -> 2 -1
;;= fibonacci 180 -> 7676961059402795120 1005473248577581165
;;= factorial 33 -> 3400198294675128320 470723591334875230
