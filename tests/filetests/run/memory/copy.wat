;;! invoke: copy 2 0 6
;;! invoke: load 0
;;! invoke: reset
;;! invoke: copy 0 2 6
;;! invoke: load 0
;;! invoke: reset
;;! invoke: copy 0 0 8
;;! invoke: load 0
;;! invoke: copy 65536 0 0
;;! invoke: copy 0 65536 0
;;! invoke: copy 65537 0 0
;;! invoke: copy 0 65537 0
;;! invoke: copy 65532 0 5
;;! invoke: load 65528
;;! invoke: copy 0 65532 5
;;! invoke: load 0
;;! invoke: copy -1 0 1
;;! invoke: copy 0 0 -1
;;! invoke: copy 65528 0 8
;;! invoke: load 65528

;; Ranges may overlap either way. Out of bounds traps before anything is written.
(module
  (memory 1)
  (data (i32.const 0) "\01\02\03\04\05\06\07\08")
  (func (export "reset") (i64.store (i32.const 0) (i64.const 0x0807060504030201)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))

;;= copy 2 0 6 ->
;;= load 0 -> 433757350076154369
;;= reset ->
;;= copy 0 2 6 ->
;;= load 0 -> 578439903399183363
;;= reset ->
;;= copy 0 0 8 ->
;;= load 0 -> 578437695752307201
;;= copy 65536 0 0 ->
;;= copy 0 65536 0 ->
;;= copy 65537 0 0 -> trap: out of bounds memory access
;;= copy 0 65537 0 -> trap: out of bounds memory access
;;= copy 65532 0 5 -> trap: out of bounds memory access
;;= load 65528 -> 0
;;= copy 0 65532 5 -> trap: out of bounds memory access
;;= load 0 -> 578437695752307201
;;= copy -1 0 1 -> trap: out of bounds memory access
;;= copy 0 0 -1 -> trap: out of bounds memory access
;;= copy 65528 0 8 ->
;;= load 65528 -> 578437695752307201
