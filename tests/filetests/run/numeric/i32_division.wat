;;! invoke: div_s 7 -2
;;! invoke: div_s -7 2
;;! invoke: div_s 0x80000000 2
;;! invoke: div_s 0x80000000 -1
;;! invoke: div_s 1 0
;;! invoke: div_s 0 0
;;! invoke: div_u -1 2
;;! invoke: div_u 0x80000000 -1
;;! invoke: div_u 1 0
;;! invoke: rem_s 7 -2
;;! invoke: rem_s -7 2
;;! invoke: rem_s 0x80000000 -1
;;! invoke: rem_s 1 0
;;! invoke: rem_u -1 10
;;! invoke: rem_u 1 0
;;! invoke: div_s_by_3 -10
;;! invoke: div_s_by_minus_1 0x80000000
;;! invoke: div_s_by_minus_1 5
;;! invoke: div_s_by_0 5
;;! invoke: rem_s_by_minus_1 0x80000000
;;! invoke: rem_u_by_0 5
;;! invoke: div_u_by_7 0xffffffff

;; Division traps on a zero divisor and where the quotient does not fit; the remainder of the
;; latter is 0. Constant divisors take other paths through the code generator.
(module
  (func (export "div_s") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "div_u") (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
  (func (export "rem_s") (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
  (func (export "rem_u") (param i32 i32) (result i32) (i32.rem_u (local.get 0) (local.get 1)))
  (func (export "div_s_by_3") (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 3)))
  (func (export "div_s_by_minus_1") (param i32) (result i32)
    (i32.div_s (local.get 0) (i32.const -1)))
  (func (export "div_s_by_0") (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 0)))
  (func (export "rem_s_by_minus_1") (param i32) (result i32)
    (i32.rem_s (local.get 0) (i32.const -1)))
  (func (export "rem_u_by_0") (param i32) (result i32) (i32.rem_u (local.get 0) (i32.const 0)))
  (func (export "div_u_by_7") (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7))))

;;= div_s 7 -2 -> -3
;;= div_s -7 2 -> -3
;;= div_s 0x80000000 2 -> -1073741824
;;= div_s 0x80000000 -1 -> trap: integer overflow
;;= div_s 1 0 -> trap: integer divide by zero
;;= div_s 0 0 -> trap: integer divide by zero
;;= div_u -1 2 -> 2147483647
;;= div_u 0x80000000 -1 -> 0
;;= div_u 1 0 -> trap: integer divide by zero
;;= rem_s 7 -2 -> 1
;;= rem_s -7 2 -> -1
;;= rem_s 0x80000000 -1 -> 0
;;= rem_s 1 0 -> trap: integer divide by zero
;;= rem_u -1 10 -> 5
;;= rem_u 1 0 -> trap: integer divide by zero
;;= div_s_by_3 -10 -> -3
;;= div_s_by_minus_1 0x80000000 -> trap: integer overflow
;;= div_s_by_minus_1 5 -> -5
;;= div_s_by_0 5 -> trap: integer divide by zero
;;= rem_s_by_minus_1 0x80000000 -> 0
;;= rem_u_by_0 5 -> trap: integer divide by zero
;;= div_u_by_7 0xffffffff -> 613566756
