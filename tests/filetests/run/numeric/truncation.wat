;;! invoke: i32_f32_s 2147483520
;;! invoke: i32_f32_s 2147483648
;;! invoke: i32_f32_s -2147483648
;;! invoke: i32_f32_s -2147483904
;;! invoke: i32_f32_s -0.9
;;! invoke: i32_f32_s nan
;;! invoke: i32_f32_s inf
;;! invoke: i32_f32_u 4294967040
;;! invoke: i32_f32_u 4294967296
;;! invoke: i32_f32_u -0.99999994
;;! invoke: i32_f32_u -1
;;! invoke: i32_f32_u -nan:0x200000
;;! invoke: i32_f64_s 2147483647.9
;;! invoke: i32_f64_s 2147483648
;;! invoke: i32_f64_s -2147483648.9
;;! invoke: i32_f64_s -2147483649
;;! invoke: i32_f64_s nan
;;! invoke: i32_f64_u 4294967295.9
;;! invoke: i32_f64_u 4294967296
;;! invoke: i32_f64_u -0.9999999999999999
;;! invoke: i32_f64_u -1
;;! invoke: i64_f32_s 9223371487098961920
;;! invoke: i64_f32_s 9223372036854775808
;;! invoke: i64_f32_s -9223372036854775808
;;! invoke: i64_f32_s -9223373136366403584
;;! invoke: i64_f32_u 18446742974197923840
;;! invoke: i64_f32_u 18446744073709551616
;;! invoke: i64_f32_u 9223372036854775808
;;! invoke: i64_f32_u -1
;;! invoke: i64_f32_u nan
;;! invoke: i64_f64_s 9223372036854774784
;;! invoke: i64_f64_s 9223372036854775808
;;! invoke: i64_f64_s -9223372036854775808
;;! invoke: i64_f64_s -9223372036854777856
;;! invoke: i64_f64_s nan
;;! invoke: i64_f64_u 18446744073709549568
;;! invoke: i64_f64_u 18446744073709551616
;;! invoke: i64_f64_u 9223372036854775808
;;! invoke: i64_f64_u -0.5
;;! invoke: i64_f64_u -inf

;; The largest and smallest floats that fit, and their neighbours that do not.
(module
  (func (export "i32_f32_s") (param f32) (result i32) (i32.trunc_f32_s (local.get 0)))
  (func (export "i32_f32_u") (param f32) (result i32) (i32.trunc_f32_u (local.get 0)))
  (func (export "i32_f64_s") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "i32_f64_u") (param f64) (result i32) (i32.trunc_f64_u (local.get 0)))
  (func (export "i64_f32_s") (param f32) (result i64) (i64.trunc_f32_s (local.get 0)))
  (func (export "i64_f32_u") (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))
  (func (export "i64_f64_s") (param f64) (result i64) (i64.trunc_f64_s (local.get 0)))
  (func (export "i64_f64_u") (param f64) (result i64) (i64.trunc_f64_u (local.get 0))))

;;= i32_f32_s 2147483520 -> 2147483520
;;= i32_f32_s 2147483648 -> trap: integer overflow
;;= i32_f32_s -2147483648 -> -2147483648
;;= i32_f32_s -2147483904 -> trap: integer overflow
;;= i32_f32_s -0.9 -> 0
;;= i32_f32_s nan -> trap: invalid conversion to integer
;;= i32_f32_s inf -> trap: integer overflow
;;= i32_f32_u 4294967040 -> -256
;;= i32_f32_u 4294967296 -> trap: integer overflow
;;= i32_f32_u -0.99999994 -> 0
;;= i32_f32_u -1 -> trap: integer overflow
;;= i32_f32_u -nan:0x200000 -> trap: invalid conversion to integer
;;= i32_f64_s 2147483647.9 -> 2147483647
;;= i32_f64_s 2147483648 -> trap: integer overflow
;;= i32_f64_s -2147483648.9 -> -2147483648
;;= i32_f64_s -2147483649 -> trap: integer overflow
;;= i32_f64_s nan -> trap: invalid conversion to integer
;;= i32_f64_u 4294967295.9 -> -1
;;= i32_f64_u 4294967296 -> trap: integer overflow
;;= i32_f64_u -0.9999999999999999 -> 0
;;= i32_f64_u -1 -> trap: integer overflow
;;= i64_f32_s 9223371487098961920 -> 9223371487098961920
;;= i64_f32_s 9223372036854775808 -> trap: integer overflow
;;= i64_f32_s -9223372036854775808 -> -9223372036854775808
;;= i64_f32_s -9223373136366403584 -> trap: integer overflow
;;= i64_f32_u 18446742974197923840 -> -1099511627776
;;= i64_f32_u 18446744073709551616 -> trap: integer overflow
;;= i64_f32_u 9223372036854775808 -> -9223372036854775808
;;= i64_f32_u -1 -> trap: integer overflow
;;= i64_f32_u nan -> trap: invalid conversion to integer
;;= i64_f64_s 9223372036854774784 -> 9223372036854774784
;;= i64_f64_s 9223372036854775808 -> trap: integer overflow
;;= i64_f64_s -9223372036854775808 -> -9223372036854775808
;;= i64_f64_s -9223372036854777856 -> trap: integer overflow
;;= i64_f64_s nan -> trap: invalid conversion to integer
;;= i64_f64_u 18446744073709549568 -> -2048
;;= i64_f64_u 18446744073709551616 -> trap: integer overflow
;;= i64_f64_u 9223372036854775808 -> -9223372036854775808
;;= i64_f64_u -0.5 -> 0
;;= i64_f64_u -inf -> trap: integer overflow
