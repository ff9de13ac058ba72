;;! invoke: to_64 0 65528 8
;;! invoke: load_64 0
;;! invoke: to_32 65528 0 8
;;! invoke: load_32 65528
;;! invoke: to_64 0x100000000 0 0
;;! invoke: to_64 0 0 -1
;;! invoke: to_32 -1 0 1
;;! invoke: to_32 0 0x100000000 1
;;! invoke: to_32 0 -1 2
;;! invoke: within_64 0 65536 0x100000001

;; Between memories with addresses of different widths, the length has the smaller one.
(module
  (memory $narrow 1)
  (memory $wide i64 2)
  (data (memory $narrow) (i32.const 65528) "\01\02\03\04\05\06\07\08")
  (func (export "to_64") (param i64 i32 i32)
    (memory.copy $wide $narrow (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to_32") (param i32 i64 i32)
    (memory.copy $narrow $wide (local.get 0) (local.get 1) (local.get 2)))
  (func (export "within_64") (param i64 i64 i64)
    (memory.copy $wide $wide (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load_32") (param i32) (result i64) (i64.load $narrow (local.get 0)))
  (func (export "load_64") (param i64) (result i64) (i64.load $wide (local.get 0))))

;;= to_64 0 65528 8 ->
;;= load_64 0 -> 578437695752307201
;;= to_32 65528 0 8 ->
;;= load_32 65528 -> 578437695752307201
;;= to_64 0x100000000 0 0 -> trap: out of bounds memory access
;;= to_64 0 0 -1 -> trap: out of bounds memory access
;;= to_32 -1 0 1 -> trap: out of bounds memory access
;;= to_32 0 0x100000000 1 -> trap: out of bounds memory access
;;= to_32 0 -1 2 -> trap: out of bounds memory access
;;= within_64 0 65536 0x100000001 -> trap: out of bounds memory access
