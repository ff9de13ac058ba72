;;! invoke: load8 65535
;;! invoke: load8 65536
;;! invoke: load16 65534
;;! invoke: load16 65535
;;! invoke: load32 65532
;;! invoke: load32 65533
;;! invoke: load64 65528
;;! invoke: load64 65529
;;! invoke: load128 65520
;;! invoke: load128 65521
;;! invoke: store8 65535
;;! invoke: store8 65536
;;! invoke: store16 65534
;;! invoke: store16 65535
;;! invoke: store32 65532
;;! invoke: store32 65533
;;! invoke: store64 65528
;;! invoke: store64 65529
;;! invoke: store128 65520
;;! invoke: store128 65521
;;! invoke: load8_offset 65534
;;! invoke: load8_offset 65535
;;! invoke: load32 -1
;;! invoke: load32 -4
;;! invoke: load8 0x80000000
;;! invoke: store8 -1
;;! invoke: last_bytes

;; The last byte of the memory can be touched, the one behind it cannot; an access that straddles
;; the end traps and writes nothing at all.
(module
  (memory 1 1)
  (data (i32.const 65528) "\01\02\03\04\05\06\07\08")
  (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "load16") (param i32) (result i32) (i32.load16_u (local.get 0)))
  (func (export "load32") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load64") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "load128") (param i32) (result v128) (v128.load (local.get 0)))
  (func (export "store8") (param i32) (i32.store8 (local.get 0) (i32.const 0x11)))
  (func (export "store16") (param i32) (i32.store16 (local.get 0) (i32.const 0x1122)))
  (func (export "store32") (param i32) (i32.store (local.get 0) (i32.const 0x11223344)))
  (func (export "store64") (param i32)
    (i64.store (local.get 0) (i64.const 0x1122334455667788)))
  (func (export "store128") (param i32)
    (v128.store (local.get 0) (v128.const i64x2 0 0x0807060504030201)))
  (func (export "load8_offset") (param i32) (result i32) (i32.load8_u offset=1 (local.get 0)))
  (func (export "last_bytes") (result i64) (i64.load (i32.const 65528))))

;;= load8 65535 -> 8
;;= load8 65536 -> trap: out of bounds memory access
;;= load16 65534 -> 2055
;;= load16 65535 -> trap: out of bounds memory access
;;= load32 65532 -> 134678021
;;= load32 65533 -> trap: out of bounds memory access
;;= load64 65528 -> 578437695752307201
;;= load64 65529 -> trap: out of bounds memory access
;;= load128 65520 -> i32x4:0x0,0x0,0x4030201,0x8070605
;;= load128 65521 -> trap: out of bounds memory access
;;= store8 65535 ->
;;= store8 65536 -> trap: out of bounds memory access
;;= store16 65534 ->
;;= store16 65535 -> trap: out of bounds memory access
;;= store32 65532 ->
;;= store32 65533 -> trap: out of bounds memory access
;;= store64 65528 ->
;;= store64 65529 -> trap: out of bounds memory access
;;= store128 65520 ->
;;= store128 65521 -> trap: out of bounds memory access
;;= load8_offset 65534 -> 8
;;= load8_offset 65535 -> trap: out of bounds memory access
;;= load32 -1 -> trap: out of bounds memory access
;;= load32 -4 -> trap: out of bounds memory access
;;= load8 0x80000000 -> trap: out of bounds memory access
;;= store8 -1 -> trap: out of bounds memory access
;;= last_bytes -> 578437695752307201
