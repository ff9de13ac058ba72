;;! invoke: div_s 7 -2
;;! invoke: div_s 0x8000000000000000 2
;;! invoke: div_s 0x8000000000000000 -1
;;! invoke: div_s 1 0
;;! invoke: div_u -1 2
;;! invoke: div_u 0x8000000000000000 -1
;;! invoke: div_u 1 0
;;! invoke: rem_s -7 2
;;! invoke: rem_s 0x8000000000000000 -1
;;! invoke: rem_s 1 0
;;! invoke: rem_u -1 10
;;! invoke: rem_u 1 0
;;! invoke: narrow_div_s 0x180000000 -1
;;! invoke: div_s_by_minus_1 0x8000000000000000
;;! invoke: rem_s_by_minus_1 0x8000000000000000

(module
  (func (export "div_s") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func (export "div_u") (param i64 i64) (result i64) (i64.div_u (local.get 0) (local.get 1)))
  (func (export "rem_s") (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func (export "rem_u") (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
  ;; The upper half of the register must have no say.
  (func (export "narrow_div_s") (param i64 i64) (result i32)
    (i32.div_s (i32.wrap_i64 (local.get 0)) (i32.wrap_i64 (local.get 1))))
  (func (export "div_s_by_minus_1") (param i64) (result i64)
    (i64.div_s (local.get 0) (i64.const -1)))
  (func (export "rem_s_by_minus_1") (param i64) (result i64)
    (i64.rem_s (local.get 0) (i64.const -1))))

;;= div_s 7 -2 -> -3
;;= div_s 0x8000000000000000 2 -> -4611686018427387904
;;= div_s 0x8000000000000000 -1 -> trap: integer overflow
;;= div_s 1 0 -> trap: integer divide by zero
;;= div_u -1 2 -> 9223372036854775807
;;= div_u 0x8000000000000000 -1 -> 0
;;= div_u 1 0 -> trap: integer divide by zero
;;= rem_s -7 2 -> -1
;;= rem_s 0x8000000000000000 -1 -> 0
;;= rem_s 1 0 -> trap: integer divide by zero
;;= rem_u -1 10 -> 5
;;= rem_u 1 0 -> trap: integer divide by zero
;;= narrow_div_s 0x180000000 -1 -> trap: integer overflow
;;= div_s_by_minus_1 0x8000000000000000 -> trap: integer overflow
;;= rem_s_by_minus_1 0x8000000000000000 -> 0
