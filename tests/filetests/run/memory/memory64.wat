;;! invoke: size
;;! invoke: load 0x10000
;;! invoke: grow 1
;;! invoke: load 0x1fff8
;;! invoke: load 0x1fff9
;;! invoke: load 0x100000000
;;! invoke: grow 2
;;! invoke: grow -1
;;! invoke: grow 0x1000000000000
;;! invoke: grow 0
;;! invoke: fill 8 0xff
;;! invoke: fill 0x1fffc 5
;;! invoke: fill -1 2
;;! invoke: load 8
;;! invoke: init 0 5 -1
;;! invoke: init 0 1 4
;;! invoke: load 0
;;! invoke: load_at_4_gib

;; Addresses, sizes and lengths have 64 bits; 4 GiB and more are not folded into 32.
(module
  (memory i64 1 3)
  (data (i64.const 65528) "\07\00\00\00\00\00\00\00")
  (data $passive "\01\02\03\04\05\06\07\08")
  (func (export "size") (result i64) (memory.size))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "load") (param i64) (result i64) (i64.load (local.get 0)))
  (func (export "load_at_4_gib") (result i64) (i64.load offset=0x100000000 (i64.const 0)))
  (func (export "fill") (param i64 i64)
    (memory.fill (local.get 0) (i32.const 0xab) (local.get 1)))
  (func (export "init") (param i64 i32 i32)
    (memory.init $passive (local.get 0) (local.get 1) (local.get 2))))

;;= size -> 1
;;= load 0x10000 -> trap: out of bounds memory access
;;= grow 1 -> 1
;;= load 0x1fff8 -> 0
;;= load 0x1fff9 -> trap: out of bounds memory access
;;= load 0x100000000 -> trap: out of bounds memory access
;;= grow 2 -> -1
;;= grow -1 -> -1
;;= grow 0x1000000000000 -> -1
;;= grow 0 -> 2
;;= fill 8 0xff ->
;;= fill 0x1fffc 5 -> trap: out of bounds memory access
;;= fill -1 2 -> trap: out of bounds memory access
;;= load 8 -> -6076574518398440533
;;= init 0 5 -1 -> trap: out of bounds memory access
;;= init 0 1 4 ->
;;= load 0 -> 84148994
;;= load_at_4_gib -> trap: out of bounds memory access
