;;! invoke: add 0 5
;;! invoke: add 0 -1
;;! invoke: add 65532 1
;;! invoke: add 65533 1
;;! invoke: add 65531 1
;;! invoke: add 65536 1
;;! invoke: add -4 1
;;! invoke: add 2 1
;;! invoke: cmpxchg8 8 0 0x1ff
;;! invoke: cmpxchg8 8 0xff 0x22
;;! invoke: cmpxchg8 8 0x922 0x33
;;! invoke: load 8
;;! invoke: store16 10 -1
;;! invoke: load 8
;;! invoke: store16 11 0
;;! invoke: wide 0
;;! invoke: wide 4
;;! invoke: fence
;;! invoke: notify 0
;;! invoke: notify 65536
;;! invoke: notify 2
;;! invoke: wait 0
;;! invoke: wait 2
;;! invoke: wait 65536
;;! invoke: large_offset 0
;;! invoke: large_offset 1

;; Atomic instructions work on any memory, but one that is not shared cannot be waited for. Out of
;; bounds goes before unaligned.
(module
  (memory 1)
  (func (export "add") (param i32 i32) (result i32)
    (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "cmpxchg8") (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "store16") (param i32 i32) (i32.atomic.store16 (local.get 0) (local.get 1)))
  (func (export "wide") (param i32) (result i64)
    (i64.atomic.rmw32.xchg_u (local.get 0) (i64.const -1)))
  (func (export "fence") (atomic.fence))
  (func (export "notify") (param i32) (result i32)
    (memory.atomic.notify (local.get 0) (i32.const 1)))
  (func (export "wait") (param i32) (result i32)
    (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const 0)))
  (func (export "large_offset") (param i32) (result i64)
    (i64.atomic.rmw.xor offset=0xffff_fff8 (local.get 0) (i64.const 1))))

;;= add 0 5 -> 0
;;= add 0 -1 -> 5
;;= add 65532 1 -> 0
;;= add 65533 1 -> trap: unaligned atomic
;;= add 65531 1 -> trap: unaligned atomic
;;= add 65536 1 -> trap: out of bounds memory access
;;= add -4 1 -> trap: out of bounds memory access
;;= add 2 1 -> trap: unaligned atomic
;;= cmpxchg8 8 0 0x1ff -> 0
;;= cmpxchg8 8 0xff 0x22 -> 255
;;= cmpxchg8 8 0x922 0x33 -> 34
;;= load 8 -> 51
;;= store16 10 -1 ->
;;= load 8 -> -65485
;;= store16 11 0 -> trap: unaligned atomic
;;= wide 0 -> 4
;;= wide 4 -> 0
;;= fence ->
;;= notify 0 -> 0
;;= notify 65536 -> trap: out of bounds memory access
;;= notify 2 -> trap: unaligned atomic
;;= wait 0 -> trap: expected shared memory
;;= wait 2 -> trap: unaligned atomic
;;= wait 65536 -> trap: out of bounds memory access
;;= large_offset 0 -> trap: out of bounds memory access
;;= large_offset 1 -> trap: unaligned atomic
