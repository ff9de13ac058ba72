;;! invoke: f32 1 0
;;! invoke: f32 3 4
;;! invoke: f32 3.4028235e38 3.4028235e38
;;! invoke: f32 1e-45 2
;;! invoke: f32 16777216 1
;;! invoke: f64 1 0
;;! invoke: f64 0.1 0.2
;;! invoke: f64 5e-324 2
;;! invoke: f64 1.7976931348623157e308 10
;;! invoke: sqrt 2 2
;;! invoke: sqrt -0.0 -0.0
;;! invoke: nan 0 0
;;! invoke: compare32 1 2
;;! invoke: compare32 0.0 -0.0
;;! invoke: compare32 nan nan
;;! invoke: compare64 2 1
;;! invoke: compare64 1 nan

;; add sub mul div, rounded to nearest and with denormals; eq ne lt gt le ge.
(module
  (func (export "f32") (param f32 f32) (result f32 f32 f32 f32)
    (f32.add (local.get 0) (local.get 1)) (f32.sub (local.get 0) (local.get 1))
    (f32.mul (local.get 0) (local.get 1)) (f32.div (local.get 0) (local.get 1)))
  (func (export "f64") (param f64 f64) (result f64 f64 f64 f64)
    (f64.add (local.get 0) (local.get 1)) (f64.sub (local.get 0) (local.get 1))
    (f64.mul (local.get 0) (local.get 1)) (f64.div (local.get 0) (local.get 1)))
  (func (export "sqrt") (param f32 f64) (result f32 f64)
    (f32.sqrt (local.get 0)) (f64.sqrt (local.get 1)))
  ;; 0/0, inf - inf, 0 * inf, sqrt(-1): each is a NaN.
  (func (export "nan") (param f64 f64) (result i32 i32 i32 i32) (local f64)
    (local.set 2 (f64.div (local.get 0) (local.get 1)))
    (f64.ne (local.get 2) (local.get 2))
    (local.set 2 (f64.sub (f64.const inf) (f64.add (f64.const inf) (local.get 0))))
    (f64.ne (local.get 2) (local.get 2))
    (local.set 2 (f64.mul (local.get 0) (f64.const inf)))
    (f64.ne (local.get 2) (local.get 2))
    (local.set 2 (f64.sqrt (f64.sub (local.get 0) (f64.const 1))))
    (f64.ne (local.get 2) (local.get 2)))
  (func (export "compare32") (param f32 f32) (result i32 i32 i32 i32 i32 i32)
    (f32.eq (local.get 0) (local.get 1)) (f32.ne (local.get 0) (local.get 1))
    (f32.lt (local.get 0) (local.get 1)) (f32.gt (local.get 0) (local.get 1))
    (f32.le (local.get 0) (local.get 1)) (f32.ge (local.get 0) (local.get 1)))
  (func (export "compare64") (param f64 f64) (result i32 i32 i32 i32 i32 i32)
    (f64.eq (local.get 0) (local.get 1)) (f64.ne (local.get 0) (local.get 1))
    (f64.lt (local.get 0) (local.get 1)) (f64.gt (local.get 0) (local.get 1))
    (f64.le (local.get 0) (local.get 1)) (f64.ge (local.get 0) (local.get 1))))

;;= f32 1 0 -> 1.0 1.0 0.0 inf
;;= f32 3 4 -> 7.0 -1.0 12.0 0.75
;;= f32 3.4028235e38 3.4028235e38 -> inf 0.0 inf 1.0
;;= f32 1e-45 2 -> 2.0 -2.0 3e-45 0.0
;;= f32 16777216 1 -> 16777216.0 16777215.0 16777216.0 16777216.0
;;= f64 1 0 -> 1.0 1.0 0.0 inf
;;= f64 0.1 0.2 -> 0.30000000000000004 -0.1 0.020000000000000004 0.5
;;= f64 5e-324 2 -> 2.0 -2.0 1e-323 0.0
;;= f64 1.7976931348623157e308 10 -> 1.7976931348623157e308 1.7976931348623157e308 inf 1.7976931348623158e307
;;= sqrt 2 2 -> 1.4142135 1.4142135623730951
;;= sqrt -0.0 -0.0 -> -0.0 -0.0
;;= nan 0 0 -> 1 1 1 1
;;= compare32 1 2 -> 0 1 1 0 1 0
;;= compare32 0.0 -0.0 -> 1 0 0 0 1 1
;;= compare32 nan nan -> 0 1 0 0 0 0
;;= compare64 2 1 -> 0 1 0 1 0 1
;;= compare64 1 nan -> 0 1 0 0 0 0
