;;! invoke: init 0 0
;;! invoke: init 1 0
;;! invoke: init 0 1
;;! invoke: drop
;;! invoke: init 0 0

;; Segments without items are of the type that they say, not of that of their items.
(module
  (table $refs 0 0 externref)
  (table $funcs 0 0 funcref)
  (elem (table $refs) (i32.const 0) externref)
  (elem (table $funcs) (i32.const 0) funcref)
  (elem (table $funcs) (i32.const 0) func)
  (elem declare externref)
  (elem $passive externref)
  (func (export "init") (param i32 i32)
    (table.init $refs $passive (local.get 0) (i32.const 0) (local.get 1)))
  (func (export "drop") (elem.drop $passive)))

;;= init 0 0 ->
;;= init 1 0 -> trap: out of bounds table access
;;= init 0 1 -> trap: out of bounds table access
;;= drop ->
;;= init 0 0 ->
