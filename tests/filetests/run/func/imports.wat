;;! invoke: log
;;! invoke: add 40 2
;;! invoke: swap 1 2
;;! invoke: sum20
;;! invoke: add_exported 1 2
;;! invoke: fail
;;! invoke: trap
;;! backtrace: true

(module
  (import "host" "log_i32" (func $log_i32 (param i32)))
  (import "host" "log_i64" (func $log_i64 (param i64)))
  (import "host" "log_f32" (func $log_f32 (param f32)))
  (import "host" "log_f64" (func $log_f64 (param f64)))
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (import "host" "swap" (func $swap (param i32 i64) (result i64 i32)))
  (import "host" "sum20" (func $sum20
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (result i32)))
  (import "host" "fail" (func $fail))
  (import "host" "trap" (func $trap))
  ;; An import, exported again.
  (export "add_exported" (func $add))
  (func (export "log")
    (call $log_i32 (i32.const -1))
    (call $log_i64 (i64.const -9223372036854775808))
    (call $log_f32 (f32.const 0.1))
    (call $log_f64 (f64.const -0x0p0)))
  (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
  (func (export "swap") (param i32 i64) (result i64 i32)
    (call $swap (local.get 0) (local.get 1)))
  (func (export "sum20") (result i32)
    (call $sum20
      (i32.const 1) (i32.const 2) (i32.const 4) (i32.const 8) (i32.const 0x10)
      (i32.const 0x20) (i32.const 0x40) (i32.const 0x80) (i32.const 0x100) (i32.const 0x200)
      (i32.const 0x400) (i32.const 0x800) (i32.const 0x1000) (i32.const 0x2000) (i32.const 0x4000)
      (i32.const 0x8000) (i32.const 0x10000) (i32.const 0x20000) (i32.const 0x40000)
      (i32.const 0x80000)))
  (func $inner (call $fail))
  (func (export "fail") (call $inner))
  (func (export "trap") (call $trap)))

;;= log -1
;;= log -9223372036854775808
;;= log 0.1
;;= log -0.0
;;= log ->
;;= add 40 2 -> 42
;;= swap 1 2 -> 2 1
;;= sum20 -> 1048575
;;= add_exported 1 2 -> 3
;;= fail -> host error: the host function failed
;;=   in inner < fail
;;= trap -> trap: unreachable
;;=   in trap
