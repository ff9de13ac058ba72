;;! invoke: load 16
;;! invoke: load 65532
;;! invoke: load 65533
;;! invoke: grow 1
;;! invoke: load 65533
;;! invoke: load 131068
;;! invoke: load 131069
;;! invoke: grow 1
;;! invoke: fill 131068 5
;;! invoke: fill 131068 4
;;! invoke: load 131068

;; The host's memory: one page, at most two.
(module
  (import "host" "memory" (memory 1))
  (data (i32.const 16) "\2a\00\00\00")
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))

;;= load 16 -> 42
;;= load 65532 -> 0
;;= load 65533 -> trap: out of bounds memory access
;;= grow 1 -> 1
;;= load 65533 -> 0
;;= load 131068 -> 0
;;= load 131069 -> trap: out of bounds memory access
;;= grow 1 -> -1
;;= fill 131068 5 -> trap: out of bounds memory access
;;= fill 131068 4 ->
;;= load 131068 -> 16843009
