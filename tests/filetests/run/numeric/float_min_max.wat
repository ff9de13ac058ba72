;;! invoke: f32 1 2
;;! invoke: f32 -0.0 0.0
;;! invoke: f32 0.0 -0.0
;;! invoke: f32 -inf inf
;;! invoke: f32 1e-45 -1e-45
;;! invoke: f64 1 2
;;! invoke: f64 -0.0 0.0
;;! invoke: f64 0.0 -0.0
;;! invoke: f64 -inf inf
;;! invoke: f32_is_nan nan 1
;;! invoke: f32_is_nan 1 nan
;;! invoke: f32_is_nan -nan -inf
;;! invoke: f32_is_nan bits:0x7f800001 0
;;! invoke: f32_is_nan 1 2
;;! invoke: f64_is_nan nan 1
;;! invoke: f64_is_nan 1 nan
;;! invoke: f64_is_nan 0 bits:0xfff0000000000001
;;! invoke: f64_is_nan 1 2
;;! invoke: f32_is_quiet bits:0x7f800001 0
;;! invoke: f64_is_quiet 0 bits:0x7ff0000000000001

;; Unlike the machine's minimum and maximum, these order the zeros and pass on every NaN.
(module
  (func (export "f32") (param f32 f32) (result f32 f32)
    (f32.min (local.get 0) (local.get 1)) (f32.max (local.get 0) (local.get 1)))
  (func (export "f64") (param f64 f64) (result f64 f64)
    (f64.min (local.get 0) (local.get 1)) (f64.max (local.get 0) (local.get 1)))
  (func (export "f32_is_nan") (param f32 f32) (result i32 i32)
    (local f32 f32)
    (local.set 2 (f32.min (local.get 0) (local.get 1)))
    (local.set 3 (f32.max (local.get 0) (local.get 1)))
    (f32.ne (local.get 2) (local.get 2)) (f32.ne (local.get 3) (local.get 3)))
  (func (export "f64_is_nan") (param f64 f64) (result i32 i32)
    (local f64 f64)
    (local.set 2 (f64.min (local.get 0) (local.get 1)))
    (local.set 3 (f64.max (local.get 0) (local.get 1)))
    (f64.ne (local.get 2) (local.get 2)) (f64.ne (local.get 3) (local.get 3)))
  ;; A NaN that comes out of an operation is a quiet one.
  (func (export "f32_is_quiet") (param f32 f32) (result i32 i32)
    (i32.and (i32.shr_u (i32.reinterpret_f32 (f32.min (local.get 0) (local.get 1)))
                        (i32.const 22)) (i32.const 0x1ff))
    (i32.and (i32.shr_u (i32.reinterpret_f32 (f32.max (local.get 0) (local.get 1)))
                        (i32.const 22)) (i32.const 0x1ff)))
  (func (export "f64_is_quiet") (param f64 f64) (result i64 i64)
    (i64.and (i64.shr_u (i64.reinterpret_f64 (f64.min (local.get 0) (local.get 1)))
                        (i64.const 51)) (i64.const 0xfff))
    (i64.and (i64.shr_u (i64.reinterpret_f64 (f64.max (local.get 0) (local.get 1)))
                        (i64.const 51)) (i64.const 0xfff))))

;;= f32 1 2 -> 1.0 2.0
;;= f32 -0.0 0.0 -> -0.0 0.0
;;= f32 0.0 -0.0 -> -0.0 0.0
;;= f32 -inf inf -> -inf inf
;;= f32 1e-45 -1e-45 -> -1e-45 1e-45
;;= f64 1 2 -> 1.0 2.0
;;= f64 -0.0 0.0 -> -0.0 0.0
;;= f64 0.0 -0.0 -> -0.0 0.0
;;= f64 -inf inf -> -inf inf
;;= f32_is_nan nan 1 -> 1 1
;;= f32_is_nan 1 nan -> 1 1
;;= f32_is_nan -nan -inf -> 1 1
;;= f32_is_nan bits:0x7f800001 0 -> 1 1
;;= f32_is_nan 1 2 -> 0 0
;;= f64_is_nan nan 1 -> 1 1
;;= f64_is_nan 1 nan -> 1 1
;;= f64_is_nan 0 bits:0xfff0000000000001 -> 1 1
;;= f64_is_nan 1 2 -> 0 0
;;= f32_is_quiet bits:0x7f800001 0 -> 511 511
;;= f64_is_quiet 0 bits:0x7ff0000000000001 -> 4095 4095
