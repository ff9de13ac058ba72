;;! invoke: call 0 40 2
;;! invoke: call 1 40 2
;;! invoke: call_later 40 2

;; The same in a table of references, and by a reference that is made later.
(module
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (type $binary (func (param i32 i32) (result i32)))
  (table $t (export "table") 3 funcref)
  (elem (i32.const 0) $add $sub)
  (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func (export "call") (param i32 i32 i32) (result i32)
    (call_indirect $t (type $binary) (local.get 1) (local.get 2) (local.get 0)))
  (func (export "call_later") (param i32 i32) (result i32)
    (table.set $t (i32.const 2) (ref.func $add))
    (call_indirect $t (type $binary) (local.get 0) (local.get 1) (i32.const 2))))

;;= call 0 40 2 -> 42
;;= call 1 40 2 -> 38
;;= call_later 40 2 -> 42
