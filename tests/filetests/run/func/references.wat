;;! invoke: is_null_func null
;;! invoke: is_null_extern null
;;! invoke: is_null_extern extern:1
;;! invoke: same extern:77
;;! invoke: same null
;;! invoke: make
;;! invoke: through_global extern:3
;;! invoke: through_call extern:4

(module
  (global $g (mut externref) (ref.null extern))
  (func $same (export "same") (param externref) (result externref) (local.get 0))
  (func (export "is_null_func") (param funcref) (result i32) (ref.is_null (local.get 0)))
  (func (export "is_null_extern") (param externref) (result i32) (ref.is_null (local.get 0)))
  (func (export "make") (result funcref funcref externref)
    (ref.func $same) (ref.null func) (ref.null extern))
  (func (export "through_global") (param externref) (result externref)
    (global.set $g (local.get 0))
    (global.get $g))
  (func (export "through_call") (param externref) (result externref)
    (call $same (call $same (local.get 0)))))

;;= is_null_func null -> 1
;;= is_null_extern null -> 1
;;= is_null_extern extern:1 -> 0
;;= same extern:77 -> extern:77
;;= same null -> null
;;= make -> func null null
;;= through_global extern:3 -> extern:3
;;= through_call extern:4 -> extern:4
