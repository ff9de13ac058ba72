;;! invoke: from_f32 nan
;;! invoke: from_f32 inf
;;! invoke: from_f32 -inf
;;! invoke: from_f32 -0.9
;;! invoke: from_f32 -1
;;! invoke: from_f32 3e9
;;! invoke: from_f32 1e19
;;! invoke: from_f32 1e20
;;! invoke: from_f64 nan
;;! invoke: from_f64 inf
;;! invoke: from_f64 -inf
;;! invoke: from_f64 2147483648
;;! invoke: from_f64 -2147483649
;;! invoke: from_f64 4294967296
;;! invoke: from_f64 1e19

;; i32 signed and unsigned, i64 signed and unsigned. Nothing traps: NaN is 0, the rest is clamped.
(module
  (func (export "from_f32") (param f32) (result i32 i32 i64 i64)
    (i32.trunc_sat_f32_s (local.get 0)) (i32.trunc_sat_f32_u (local.get 0))
    (i64.trunc_sat_f32_s (local.get 0)) (i64.trunc_sat_f32_u (local.get 0)))
  (func (export "from_f64") (param f64) (result i32 i32 i64 i64)
    (i32.trunc_sat_f64_s (local.get 0)) (i32.trunc_sat_f64_u (local.get 0))
    (i64.trunc_sat_f64_s (local.get 0)) (i64.trunc_sat_f64_u (local.get 0))))

;;= from_f32 nan -> 0 0 0 0
;;= from_f32 inf -> 2147483647 -1 9223372036854775807 -1
;;= from_f32 -inf -> -2147483648 0 -9223372036854775808 0
;;= from_f32 -0.9 -> 0 0 0 0
;;= from_f32 -1 -> -1 0 -1 0
;;= from_f32 3e9 -> 2147483647 -1294967296 3000000000 3000000000
;;= from_f32 1e19 -> 2147483647 -1 9223372036854775807 -8446744093203103744
;;= from_f32 1e20 -> 2147483647 -1 9223372036854775807 -1
;;= from_f64 nan -> 0 0 0 0
;;= from_f64 inf -> 2147483647 -1 9223372036854775807 -1
;;= from_f64 -inf -> -2147483648 0 -9223372036854775808 0
;;= from_f64 2147483648 -> 2147483647 -2147483648 2147483648 2147483648
;;= from_f64 -2147483649 -> -2147483648 0 -2147483649 0
;;= from_f64 4294967296 -> 2147483647 -1 4294967296 4294967296
;;= from_f64 1e19 -> 2147483647 -1 9223372036854775807 -8446744073709551616
