;;! invoke: get 0
;;! invoke: set 0 extern:5
;;! invoke: get 0
;;! invoke: set 1 extern:6
;;! invoke: grow extern:7 1
;;! invoke: get 2
;;! invoke: fill 0 extern:8 2
;;! invoke: get 1
;;! invoke: set 1 null
;;! invoke: get 1
;;! invoke: get 3
;;! invoke: set 3 extern:1

(module
  (table $t 2 externref)
  (func (export "get") (param i32) (result externref) (table.get $t (local.get 0)))
  (func (export "set") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
  (func (export "grow") (param externref i32) (result i32)
    (table.grow $t (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 externref i32)
    (table.fill $t (local.get 0) (local.get 1) (local.get 2))))

;;= get 0 -> null
;;= set 0 extern:5 ->
;;= get 0 -> extern:5
;;= set 1 extern:6 ->
;;= grow extern:7 1 -> 2
;;= get 2 -> extern:7
;;= fill 0 extern:8 2 ->
;;= get 1 -> extern:8
;;= set 1 null ->
;;= get 1 -> null
;;= get 3 -> trap: out of bounds table access
;;= set 3 extern:1 -> trap: out of bounds table access
