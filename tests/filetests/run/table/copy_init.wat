;;! invoke: all
;;! invoke: copy 1 0 4
;;! invoke: all
;;! invoke: copy 0 1 4
;;! invoke: all
;;! invoke: copy 5 0 0
;;! invoke: copy 6 0 0
;;! invoke: copy 3 0 3
;;! invoke: copy 0 3 3
;;! invoke: copy 0 0 -1
;;! invoke: all
;;! invoke: init 3 1 2
;;! invoke: all
;;! invoke: init 4 0 2
;;! invoke: init 0 2 2
;;! invoke: init 0 3 0
;;! invoke: init 5 0 0
;;! invoke: init 6 0 0
;;! invoke: all
;;! invoke: drop
;;! invoke: init 0 0 0
;;! invoke: init 0 0 1
;;! invoke: init_active 0 0 1
;;! invoke: copy_to_other 1 0 2
;;! invoke: other 1
;;! invoke: other 0

;; Copies may overlap either way; what is out of bounds writes nothing; a dropped segment, or an
;; active one after the start, counts as empty. `all` calls the elements, 0 for null.
(module
  (type $nullary (func (result i32)))
  (table $t 5 funcref)
  (table $other 3 funcref)
  (elem $active (table $t) (i32.const 0) func $one $two $three)
  (elem $passive funcref (ref.func $four) (ref.null func) (ref.func $five))
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (func $three (result i32) (i32.const 3))
  (func $four (result i32) (i32.const 4))
  (func $five (result i32) (i32.const 5))
  (func $at (param i32) (result i32)
    (if (result i32) (ref.is_null (table.get $t (local.get 0)))
      (then (i32.const 0))
      (else (call_indirect $t (type $nullary) (local.get 0)))))
  (func (export "all") (result i32 i32 i32 i32 i32)
    (call $at (i32.const 0)) (call $at (i32.const 1)) (call $at (i32.const 2))
    (call $at (i32.const 3)) (call $at (i32.const 4)))
  (func (export "copy") (param i32 i32 i32)
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32)
    (table.init $t $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_active") (param i32 i32 i32)
    (table.init $t $active (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (elem.drop $passive))
  (func (export "copy_to_other") (param i32 i32 i32)
    (table.copy $other $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "other") (param i32) (result i32)
    (call_indirect $other (type $nullary) (local.get 0))))

;;= all -> 1 2 3 0 0
;;= copy 1 0 4 ->
;;= all -> 1 1 2 3 0
;;= copy 0 1 4 ->
;;= all -> 1 2 3 0 0
;;= copy 5 0 0 ->
;;= copy 6 0 0 -> trap: out of bounds table access
;;= copy 3 0 3 -> trap: out of bounds table access
;;= copy 0 3 3 -> trap: out of bounds table access
;;= copy 0 0 -1 -> trap: out of bounds table access
;;= all -> 1 2 3 0 0
;;= init 3 1 2 ->
;;= all -> 1 2 3 0 5
;;= init 4 0 2 -> trap: out of bounds table access
;;= init 0 2 2 -> trap: out of bounds table access
;;= init 0 3 0 ->
;;= init 5 0 0 ->
;;= init 6 0 0 -> trap: out of bounds table access
;;= all -> 1 2 3 0 5
;;= drop ->
;;= init 0 0 0 ->
;;= init 0 0 1 -> trap: out of bounds table access
;;= init_active 0 0 1 -> trap: out of bounds table access
;;= copy_to_other 1 0 2 ->
;;= other 1 -> 1
;;= other 0 -> trap: uninitialized element
