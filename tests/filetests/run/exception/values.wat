;;! invoke: twenty
;;! invoke: vectors
;;! invoke: references
;;! invoke: nan

;; What exceptions carry.
(module
  (type $f (func (result i32)))
  (tag $twenty (param i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64))
  (tag $vectors (param v128 i32 v128))
  (tag $references (param funcref externref exnref))
  (tag $float (param f32 f64))
  (table 1 funcref)
  (func $five (result i32) (i32.const 5))
  (elem declare func $five)

  (func $throw-twenty
    (throw $twenty
      (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i64.const 6)
      (f32.const 7) (f64.const 8) (i32.const 9) (i64.const 10) (f32.const 11) (f64.const 12)
      (i32.const 13) (i64.const 14) (f32.const 15) (f64.const 16) (i32.const 17) (i64.const 18)
      (f32.const 19) (f64.const 20)))
  (func (export "twenty")
    (result i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64)
    (try_table (catch $twenty 0) (call $throw-twenty))
    (unreachable))

  (func $throw-vectors
    (throw $vectors (v128.const i32x4 1 2 3 4) (i32.const 5) (v128.const i64x2 6 7)))
  (func (export "vectors") (result v128 i32 v128)
    (block $caught (result v128 i32 v128)
      (try_table (catch $vectors $caught) (call $throw-vectors))
      (unreachable)))

  (func $throw-references (param exnref)
    (throw $references (ref.func $five) (ref.null extern) (local.get 0)))
  (func (export "references") (result i32 externref f32 f64)
    (local $e exnref) (local $x externref) (local $f funcref)
    (block $floats (result exnref)
      (try_table (catch_all_ref $floats) (throw $float (f32.const 0.25) (f64.const -8)))
      (unreachable))
    (local.set $e)
    (block $caught (result funcref externref exnref)
      (try_table (catch $references $caught) (call $throw-references (local.get $e)))
      (unreachable))
    (local.set $e)
    (local.set $x)
    (local.set $f)
    (table.set (i32.const 0) (local.get $f))
    (call_indirect (type $f) (i32.const 0))
    (local.get $x)
    (block $floats (result f32 f64)
      (try_table (catch $float $floats) (throw_ref (local.get $e)))
      (unreachable)))

  (func (export "nan") (result f32 f64)
    (try_table (catch $float 0)
      (throw $float (f32.const nan:0x200001) (f64.const -nan:0x4000000000001)))
    (unreachable)))

;;= twenty -> 1 2 3.0 4.0 5 6 7.0 8.0 9 10 11.0 12.0 13 14 15.0 16.0 17 18 19.0 20.0
;;= vectors -> i32x4:0x1,0x2,0x3,0x4 5 i32x4:0x6,0x0,0x7,0x0
;;= references -> 5 null 0.25 -8.0
;;= nan -> nan:0x200001 -nan:0x4000000000001
