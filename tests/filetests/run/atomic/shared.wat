;;! invoke: size
;;! invoke: load 8
;;! invoke: grow 1
;;! invoke: size
;;! invoke: add 131064
;;! invoke: add 131064
;;! invoke: add 131072
;;! invoke: grow 1
;;! invoke: wait 16 1 -1
;;! invoke: wait 16 0 1000
;;! invoke: wait 20 0 0
;;! invoke: wait 131072 0 0
;;! invoke: notify 16 10
;;! invoke: fill 131070 3
;;! invoke: fill 131070 2
;;! invoke: load 131064

;; A shared memory of the module's own, used by one thread.
(module
  (memory 1 2 shared)
  (data (i32.const 8) "\07")
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "add") (param i32) (result i64)
    (i64.atomic.rmw.add (local.get 0) (i64.const 0x1_0000_0001)))
  (func (export "wait") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 0xab) (local.get 1))))

;;= size -> 1
;;= load 8 -> 7
;;= grow 1 -> 1
;;= size -> 2
;;= add 131064 -> 0
;;= add 131064 -> 4294967297
;;= add 131072 -> trap: out of bounds memory access
;;= grow 1 -> -1
;;= wait 16 1 -1 -> 1
;;= wait 16 0 1000 -> 2
;;= wait 20 0 0 -> trap: unaligned atomic
;;= wait 131072 0 0 -> trap: out of bounds memory access
;;= notify 16 10 -> 0
;;= fill 131070 3 -> trap: out of bounds memory access
;;= fill 131070 2 ->
;;= load 131064 -> -6076763263616417790
