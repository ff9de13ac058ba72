;;! invoke: f32_i32 -1
;;! invoke: f32_i32 0x7fffffff
;;! invoke: f32_i32 16777217
;;! invoke: f32_i64 -1
;;! invoke: f32_i64 0x8000008000000001
;;! invoke: f32_i64 0x7fffff4000000001
;;! invoke: f64_i32 -1
;;! invoke: f64_i64 -1
;;! invoke: f64_i64 0x8000000000000400
;;! invoke: f64_i64 0x8000000000000401
;;! invoke: f64_i64 9007199254740993
;;! invoke: promote 1e-45
;;! invoke: promote -inf
;;! invoke: demote 1e-46
;;! invoke: demote 3.4028235677973366e38
;;! invoke: demote 3.4028235677973362e38
;;! invoke: demote -0.0
;;! invoke: nan_through_both bits:0x7f800001

;; Signed, then unsigned. What cannot be represented is rounded once, to nearest and even.
(module
  (func (export "f32_i32") (param i32) (result f32 f32)
    (f32.convert_i32_s (local.get 0)) (f32.convert_i32_u (local.get 0)))
  (func (export "f32_i64") (param i64) (result f32 f32)
    (f32.convert_i64_s (local.get 0)) (f32.convert_i64_u (local.get 0)))
  (func (export "f64_i32") (param i32) (result f64 f64)
    (f64.convert_i32_s (local.get 0)) (f64.convert_i32_u (local.get 0)))
  (func (export "f64_i64") (param i64) (result f64 f64)
    (f64.convert_i64_s (local.get 0)) (f64.convert_i64_u (local.get 0)))
  (func (export "promote") (param f32) (result f64) (f64.promote_f32 (local.get 0)))
  (func (export "demote") (param f64) (result f32) (f32.demote_f64 (local.get 0)))
  ;; Promotion makes a signalling NaN quiet, whatever else it does with it.
  (func (export "nan_through_both") (param f32) (result i32)
    (i32.and (i32.const 0x7fc00000)
      (i32.reinterpret_f32 (f32.demote_f64 (f64.promote_f32 (local.get 0)))))))

;;= f32_i32 -1 -> -1.0 4294967300.0
;;= f32_i32 0x7fffffff -> 2147483600.0 2147483600.0
;;= f32_i32 16777217 -> 16777216.0 16777216.0
;;= f32_i64 -1 -> -1.0 1.8446744e19
;;= f32_i64 0x8000008000000001 -> -9.2233715e18 9.223373e18
;;= f32_i64 0x7fffff4000000001 -> 9.2233715e18 9.2233715e18
;;= f64_i32 -1 -> -1.0 4294967295.0
;;= f64_i64 -1 -> -1.0 1.8446744073709552e19
;;= f64_i64 0x8000000000000400 -> -9.223372036854775e18 9.223372036854776e18
;;= f64_i64 0x8000000000000401 -> -9.223372036854775e18 9.223372036854778e18
;;= f64_i64 9007199254740993 -> 9007199254740992.0 9007199254740992.0
;;= promote 1e-45 -> 1.401298464324817e-45
;;= promote -inf -> -inf
;;= demote 1e-46 -> 0.0
;;= demote 3.4028235677973366e38 -> inf
;;= demote 3.4028235677973362e38 -> 3.4028235e38
;;= demote -0.0 -> -0.0
;;= nan_through_both bits:0x7f800001 -> 2143289344
