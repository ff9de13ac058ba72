;;! invoke: f32 0.5
;;! invoke: f32 -0.5
;;! invoke: f32 1.5
;;! invoke: f32 2.5
;;! invoke: f32 -2.5
;;! invoke: f32 -0.0
;;! invoke: f32 0.49999997
;;! invoke: f32 8388609
;;! invoke: f32 4194304.5
;;! invoke: f32 1e30
;;! invoke: f32 inf
;;! invoke: f32 1e-45
;;! invoke: f64 0.5
;;! invoke: f64 -0.5
;;! invoke: f64 1.5
;;! invoke: f64 2.5
;;! invoke: f64 -3.5
;;! invoke: f64 -0.0
;;! invoke: f64 0.49999999999999994
;;! invoke: f64 4503599627370497
;;! invoke: f64 -inf
;;! invoke: f64 -5e-324
;;! invoke: f32_nan -nan:0x200001
;;! invoke: f64_nan nan:0x4000000000001

;; ceil floor trunc nearest: ties go to even, and zeros keep their sign. CPUs without instructions
;; for this call the runtime.
(module
  (func (export "f32") (param f32) (result f32 f32 f32 f32)
    (f32.ceil (local.get 0)) (f32.floor (local.get 0))
    (f32.trunc (local.get 0)) (f32.nearest (local.get 0)))
  (func (export "f64") (param f64) (result f64 f64 f64 f64)
    (f64.ceil (local.get 0)) (f64.floor (local.get 0))
    (f64.trunc (local.get 0)) (f64.nearest (local.get 0)))
  ;; Whether all four give a quiet NaN.
  (func (export "f32_nan") (param f32) (result i32)
    (i32.eq (i32.const 0x7fc00000)
      (i32.and (i32.const 0x7fc00000)
        (i32.and
          (i32.and (i32.reinterpret_f32 (f32.ceil (local.get 0)))
                   (i32.reinterpret_f32 (f32.floor (local.get 0))))
          (i32.and (i32.reinterpret_f32 (f32.trunc (local.get 0)))
                   (i32.reinterpret_f32 (f32.nearest (local.get 0))))))))
  (func (export "f64_nan") (param f64) (result i32)
    (i64.eq (i64.const 0x7ff8000000000000)
      (i64.and (i64.const 0x7ff8000000000000)
        (i64.and
          (i64.and (i64.reinterpret_f64 (f64.ceil (local.get 0)))
                   (i64.reinterpret_f64 (f64.floor (local.get 0))))
          (i64.and (i64.reinterpret_f64 (f64.trunc (local.get 0)))
                   (i64.reinterpret_f64 (f64.nearest (local.get 0)))))))))

;;= f32 0.5 -> 1.0 0.0 0.0 0.0
;;= f32 -0.5 -> -0.0 -1.0 -0.0 -0.0
;;= f32 1.5 -> 2.0 1.0 1.0 2.0
;;= f32 2.5 -> 3.0 2.0 2.0 2.0
;;= f32 -2.5 -> -2.0 -3.0 -2.0 -2.0
;;= f32 -0.0 -> -0.0 -0.0 -0.0 -0.0
;;= f32 0.49999997 -> 1.0 0.0 0.0 0.0
;;= f32 8388609 -> 8388609.0 8388609.0 8388609.0 8388609.0
;;= f32 4194304.5 -> 4194305.0 4194304.0 4194304.0 4194304.0
;;= f32 1e30 -> 1e30 1e30 1e30 1e30
;;= f32 inf -> inf inf inf inf
;;= f32 1e-45 -> 1.0 0.0 0.0 0.0
;;= f64 0.5 -> 1.0 0.0 0.0 0.0
;;= f64 -0.5 -> -0.0 -1.0 -0.0 -0.0
;;= f64 1.5 -> 2.0 1.0 1.0 2.0
;;= f64 2.5 -> 3.0 2.0 2.0 2.0
;;= f64 -3.5 -> -3.0 -4.0 -3.0 -4.0
;;= f64 -0.0 -> -0.0 -0.0 -0.0 -0.0
;;= f64 0.49999999999999994 -> 1.0 0.0 0.0 0.0
;;= f64 4503599627370497 -> 4503599627370497.0 4503599627370497.0 4503599627370497.0 4503599627370497.0
;;= f64 -inf -> -inf -inf -inf -inf
;;= f64 -5e-324 -> -0.0 -1.0 -0.0 -0.0
;;= f32_nan -nan:0x200001 -> 1
;;= f64_nan nan:0x4000000000001 -> 1
