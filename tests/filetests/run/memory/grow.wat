;;! invoke: size
;;! invoke: load 65536
;;! invoke: grow 0
;;! invoke: grow 1
;;! invoke: size
;;! invoke: load 65536
;;! invoke: store 131068
;;! invoke: load 131068
;;! invoke: load 131069
;;! invoke: load 0
;;! invoke: grow 2
;;! invoke: grow -1
;;! invoke: grow 0x10000
;;! invoke: size
;;! invoke: grow 1
;;! invoke: grow 1
;;! invoke: load 131068
;;! invoke: load 196604
;;! invoke: grow_and_load

;; Growing gives the size before, or -1 and changes nothing. New pages hold zeros, old ones stay.
(module
  (memory 1 3)
  (data (i32.const 0) "\07\00\00\00")
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32) (i32.store (local.get 0) (i32.const 99)))
  ;; Base and length are read again after growing.
  (func (export "grow_and_load") (result i32 i32 i32)
    (i32.load (i32.const 0))
    (memory.grow (i32.const 0))
    (i32.load (i32.const 0))))

;;= size -> 1
;;= load 65536 -> trap: out of bounds memory access
;;= grow 0 -> 1
;;= grow 1 -> 1
;;= size -> 2
;;= load 65536 -> 0
;;= store 131068 ->
;;= load 131068 -> 99
;;= load 131069 -> trap: out of bounds memory access
;;= load 0 -> 7
;;= grow 2 -> -1
;;= grow -1 -> -1
;;= grow 0x10000 -> -1
;;= size -> 2
;;= grow 1 -> 2
;;= grow 1 -> -1
;;= load 131068 -> 99
;;= load 196604 -> 0
;;= grow_and_load -> 7 3 7
