;;! invoke: fill 2 0x1ab 3
;;! invoke: load 0
;;! invoke: fill 65536 1 0
;;! invoke: fill 65537 1 0
;;! invoke: fill 65532 0x77 5
;;! invoke: load 65528
;;! invoke: fill 65528 0x11 8
;;! invoke: load 65528
;;! invoke: fill 0 1 -1
;;! invoke: fill -1 1 2
;;! invoke: load 0

;; Only the low byte of the value counts. Out of bounds traps before anything is written.
(module
  (memory 1)
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))

;;= fill 2 0x1ab 3 ->
;;= load 0 -> 737319518208
;;= fill 65536 1 0 ->
;;= fill 65537 1 0 -> trap: out of bounds memory access
;;= fill 65532 0x77 5 -> trap: out of bounds memory access
;;= load 65528 -> 0
;;= fill 65528 0x11 8 ->
;;= load 65528 -> 1229782938247303441
;;= fill 0 1 -1 -> trap: out of bounds memory access
;;= fill -1 1 2 -> trap: out of bounds memory access
;;= load 0 -> 737319518208
