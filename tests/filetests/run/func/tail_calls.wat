;;! invoke: count 1000000
;;! invoke: even 1000001
;;! invoke: even_exported 1000001
;;! invoke: wider 100001
;;! invoke: add 40 2
;;! invoke: swap 1 2
;;! invoke: sum20
;;! invoke: trap
;;! invoke: missing
;;! invoke: wrong_type
;;! invoke: vectors 3
;;! backtrace: true

;; Tail calls take no stack, however many, and with as many parameters on it as may be.
(module
  (type $step (func (param i32) (result i32)))
  (import "host" "add" (func $host_add (param i32 i32) (result i32)))
  (import "host" "swap" (func $host_swap (param i32 i64) (result i64 i32)))
  (import "host" "sum20" (func $host_sum20
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (result i32)))
  (table $constant funcref (elem $even_constant $odd_constant))
  (table $exported (export "table") 4 funcref)
  (elem (table $exported) (i32.const 0) func $even_exported $odd_exported $other_type)

  (func (export "count") (param i32) (result i32) (return_call $count (local.get 0) (i32.const 0)))
  (func $count (param i32 i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $count
      (i32.sub (local.get 0) (i32.const 1))
      (i32.add (local.get 1) (i32.const 1))))

  (func $even_constant (export "even") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call_indirect $constant (type $step)
      (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
  (func $odd_constant (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call_indirect $constant (type $step)
      (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))

  (func $even_exported (export "even_exported") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call_indirect $exported (type $step)
      (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
  (func $odd_exported (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call_indirect $exported (type $step)
      (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
  (func $other_type)

  ;; From a few parameters to many and back.
  (func $wider (export "wider") (param $left i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (i32.const 7))))
    (return_call $many (i32.sub (local.get $left) (i32.const 1))
      (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i64.const 6) (i32.const 7)
      (i64.const 8) (i32.const 9) (i64.const 10) (f64.const 11) (f64.const 12) (f64.const 13)
      (f64.const 14) (f64.const 15) (f64.const 16) (f64.const 17) (f64.const 18) (i64.const 19)
      (i32.const 20)))
  (func $many (param $left i32)
      (param i64 f32 f64 i32 i64 i32 i64 i32 i64 f64 f64 f64 f64 f64 f64 f64 f64 i64 i32)
      (result i32)
    (if (f64.ne (f64.const 190)
        (f64.add (f64.promote_f32 (local.get 2))
        (f64.add (local.get 3)
        (f64.add (local.get 10)
        (f64.add (local.get 11)
        (f64.add (local.get 12)
        (f64.add (local.get 13)
        (f64.add (local.get 14)
        (f64.add (local.get 15)
        (f64.add (local.get 16)
        (f64.add (local.get 17)
        (f64.add (f64.convert_i64_s (local.get 1))
        (f64.add (f64.convert_i32_s (local.get 4))
        (f64.add (f64.convert_i64_s (local.get 5))
        (f64.add (f64.convert_i32_s (local.get 6))
        (f64.add (f64.convert_i64_s (local.get 7))
        (f64.add (f64.convert_i64_s (local.get 18))
                 (f64.convert_i32_s (local.get 19)))))))))))))))))))
      (then unreachable))
    (if (i32.eqz (local.get $left)) (then (return (i32.const 8))))
    (return_call $wider (i32.sub (local.get $left) (i32.const 1))))

  ;; To the host.
  (func (export "add") (param i32 i32) (result i32)
    (return_call $host_add (local.get 0) (local.get 1)))
  (func (export "swap") (param i32 i64) (result i64 i32)
    (return_call $host_swap (local.get 0) (local.get 1)))
  (func (export "sum20") (result i32)
    (return_call $host_sum20
      (i32.const 1) (i32.const 2) (i32.const 4) (i32.const 8) (i32.const 0x10)
      (i32.const 0x20) (i32.const 0x40) (i32.const 0x80) (i32.const 0x100) (i32.const 0x200)
      (i32.const 0x400) (i32.const 0x800) (i32.const 0x1000) (i32.const 0x2000) (i32.const 0x4000)
      (i32.const 0x8000) (i32.const 0x10000) (i32.const 0x20000) (i32.const 0x40000)
      (i32.const 0x80000)))

  ;; A frame that is gone is in no backtrace.
  (func $unreachable (result i32) unreachable)
  (func $gone (result i32) (return_call $unreachable))
  (func (export "trap") (result i32) (i32.add (call $gone) (i32.const 1)))
  (func (export "missing") (result i32)
    (return_call_indirect $exported (type $step) (i32.const 1) (i32.const 3)))
  (func (export "wrong_type") (result i32)
    (return_call_indirect $exported (type $step) (i32.const 1) (i32.const 2)))

  (func (export "vectors") (param i32) (result v128)
    (return_call $vectors (local.get 0) (v128.const i32x4 1 2 3 4)))
  (func $vectors (param i32 v128) (result v128)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $vectors
      (i32.sub (local.get 0) (i32.const 1))
      (i32x4.add (local.get 1) (local.get 1)))))

;;= count 1000000 -> 1000000
;;= even 1000001 -> 0
;;= even_exported 1000001 -> 0
;;= wider 100001 -> 8
;;= add 40 2 -> 42
;;= swap 1 2 -> 2 1
;;= sum20 -> 1048575
;;= trap -> trap: unreachable
;;=   in unreachable < trap
;;= missing -> trap: uninitialized element
;;=   in missing
;;= wrong_type -> trap: indirect call type mismatch
;;=   in wrong_type
;;= vectors 3 -> i32x4:0x8,0x10,0x18,0x20
