;;! invoke: size
;;! invoke: load 0
;;! invoke: load -1
;;! invoke: fill 0 0
;;! invoke: fill 0 1
;;! invoke: fill 1 0
;;! invoke: grow 0
;;! invoke: grow 1

(module
  (memory 0 0)
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))

;;= size -> 0
;;= load 0 -> trap: out of bounds memory access
;;= load -1 -> trap: out of bounds memory access
;;= fill 0 0 ->
;;= fill 0 1 -> trap: out of bounds memory access
;;= fill 1 0 -> trap: out of bounds memory access
;;= grow 0 -> 0
;;= grow 1 -> -1
