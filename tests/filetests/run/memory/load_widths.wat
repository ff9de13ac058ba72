;;! invoke: i32_load8_s 0
;;! invoke: i32_load8_u 0
;;! invoke: i32_load16_s 0
;;! invoke: i32_load16_u 0
;;! invoke: i32_load 0
;;! invoke: i64_load8_s 0
;;! invoke: i64_load8_u 0
;;! invoke: i64_load16_s 0
;;! invoke: i64_load16_u 0
;;! invoke: i64_load32_s 0
;;! invoke: i64_load32_u 0
;;! invoke: i64_load 0
;;! invoke: i64_load 1
;;! invoke: f32_load 8
;;! invoke: f64_load 12

(module
  (memory 1)
  (data (i32.const 0) "\80\81\82\83\84\85\86\87")
  (data (i32.const 8) "\00\00\c0\3f" "\00\00\00\00\00\00\04\c0")
  (func (export "i32_load8_s") (param i32) (result i32) (i32.load8_s (local.get 0)))
  (func (export "i32_load8_u") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "i32_load16_s") (param i32) (result i32) (i32.load16_s (local.get 0)))
  (func (export "i32_load16_u") (param i32) (result i32) (i32.load16_u (local.get 0)))
  (func (export "i32_load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "i64_load8_s") (param i32) (result i64) (i64.load8_s (local.get 0)))
  (func (export "i64_load8_u") (param i32) (result i64) (i64.load8_u (local.get 0)))
  (func (export "i64_load16_s") (param i32) (result i64) (i64.load16_s (local.get 0)))
  (func (export "i64_load16_u") (param i32) (result i64) (i64.load16_u (local.get 0)))
  (func (export "i64_load32_s") (param i32) (result i64) (i64.load32_s (local.get 0)))
  (func (export "i64_load32_u") (param i32) (result i64) (i64.load32_u (local.get 0)))
  (func (export "i64_load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "f32_load") (param i32) (result f32) (f32.load (local.get 0)))
  (func (export "f64_load") (param i32) (result f64) (f64.load (local.get 0))))

;;= i32_load8_s 0 -> -128
;;= i32_load8_u 0 -> 128
;;= i32_load16_s 0 -> -32384
;;= i32_load16_u 0 -> 33152
;;= i32_load 0 -> -2088599168
;;= i64_load8_s 0 -> -128
;;= i64_load8_u 0 -> 128
;;= i64_load16_s 0 -> -32384
;;= i64_load16_u 0 -> 33152
;;= i64_load32_s 0 -> -2088599168
;;= i64_load32_u 0 -> 2206368128
;;= i64_load 0 -> -8681104427521506944
;;= i64_load 1 -> 38147029867922049
;;= f32_load 8 -> 1.5
;;= f64_load 12 -> -2.5
