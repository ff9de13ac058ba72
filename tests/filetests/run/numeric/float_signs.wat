;;! invoke: f32 1.5 -2
;;! invoke: f32 -0.0 1
;;! invoke: f32 bits:0x7f800001 -1
;;! invoke: f32 -nan:0x123 nan
;;! invoke: f64 1.5 -2
;;! invoke: f64 -0.0 1
;;! invoke: f64 bits:0x7ff0000000000001 -1
;;! invoke: f64 -nan:0x123 nan
;;! invoke: f32_bits bits:0xff812345
;;! invoke: f64_bits bits:0xfff0123456789abc
;;! invoke: bits_f32 0x7fa00000
;;! invoke: bits_f64 0x7ff4000000000000
;;! invoke: f32_through_memory bits:0x7f8abcde
;;! invoke: f64_through_memory bits:0xfff4000000000001
;;! invoke: f32_through_local bits:0x7fa00001

;; neg, abs and copysign are about one bit: a NaN keeps its payload, and a signalling one stays so.
(module
  (memory 1)
  (func (export "f32") (param f32 f32) (result f32 f32 f32)
    (f32.neg (local.get 0)) (f32.abs (local.get 0))
    (f32.copysign (local.get 0) (local.get 1)))
  (func (export "f64") (param f64 f64) (result f64 f64 f64)
    (f64.neg (local.get 0)) (f64.abs (local.get 0))
    (f64.copysign (local.get 0) (local.get 1)))
  (func (export "f32_bits") (param f32) (result i32) (i32.reinterpret_f32 (local.get 0)))
  (func (export "f64_bits") (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
  (func (export "bits_f32") (param i32) (result f32) (f32.reinterpret_i32 (local.get 0)))
  (func (export "bits_f64") (param i64) (result f64) (f64.reinterpret_i64 (local.get 0)))
  (func (export "f32_through_memory") (param f32) (result f32)
    (f32.store offset=7 (i32.const 0) (local.get 0))
    (f32.load offset=7 (i32.const 0)))
  (func (export "f64_through_memory") (param f64) (result f64)
    (f64.store offset=7 (i32.const 0) (local.get 0))
    (f64.load offset=7 (i32.const 0)))
  (func (export "f32_through_local") (param f32) (result f32) (local f32)
    (local.set 1 (local.get 0))
    (select (local.get 1) (f32.const 0) (i32.const 1))))

;;= f32 1.5 -2 -> -1.5 1.5 -1.5
;;= f32 -0.0 1 -> 0.0 0.0 0.0
;;= f32 bits:0x7f800001 -1 -> -nan:0x1 nan:0x1 -nan:0x1
;;= f32 -nan:0x123 nan -> nan:0x123 nan:0x123 nan:0x123
;;= f64 1.5 -2 -> -1.5 1.5 -1.5
;;= f64 -0.0 1 -> 0.0 0.0 0.0
;;= f64 bits:0x7ff0000000000001 -1 -> -nan:0x1 nan:0x1 -nan:0x1
;;= f64 -nan:0x123 nan -> nan:0x123 nan:0x123 nan:0x123
;;= f32_bits bits:0xff812345 -> -8314043
;;= f64_bits bits:0xfff0123456789abc -> -4483583629026628
;;= bits_f32 0x7fa00000 -> nan:0x200000
;;= bits_f64 0x7ff4000000000000 -> nan:0x4000000000000
;;= f32_through_memory bits:0x7f8abcde -> nan:0xabcde
;;= f64_through_memory bits:0xfff4000000000001 -> -nan:0x4000000000001
;;= f32_through_local bits:0x7fa00001 -> nan:0x200001
