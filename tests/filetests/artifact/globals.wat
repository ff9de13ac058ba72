(module
  (import "env" "g" (global $g i32))
  (global i32 (i32.const -1))
  (global (mut i64) (i64.const 1))
  (global f32 (f32.const 0.5))
  (global (mut f64) (f64.const -0))
  (global v128 (v128.const i32x4 1 2 3 4))
  (global i32 (global.get $g))
  (global funcref (ref.func $f))
  (global (mut externref) (ref.null extern))
  (func $f)
  (export "imported" (global $g))
  (export "own" (global 1)))

;;= target x86_64-unknown-linux
;;= type 0 (func) +entry
;;= import "env" "g" (global i32)
;;= function 0 f of type 0
;;= global 0 (global i32) = i32:-1
;;= global 1 (global (mut i64)) = i64:1
;;= global 2 (global f32) = f32:0.5
;;= global 3 (global (mut f64)) = f64:-0.0
;;= global 4 (global v128) = v128:0x4000000030000000200000001
;;= global 5 (global i32) = global:0
;;= global 6 (global funcref) = function:0
;;= global 7 (global (mut externref)) = null
;;= export "imported" global 0
;;= export "own" global 1
;;= escaping [0]
;;= slots []
